// Packs bytes for a document, for `www/offline/unpack.js`: LZMA by the program xz, then text.
import { execFileSync } from "node:child_process";

const UNSAFE = [0, 13, 60];

/** A raw LZMA stream of bytes, with the settings that the decoder knows. */
export function encode(bytes) {
  const filter = "--lzma1=preset=9e,lc=4,lp=0,pb=0,nice=273,dict=16MiB";
  return execFileSync("xz", ["--format=raw", filter, "--stdout"], { input: bytes, maxBuffer: 1 << 28 });
}

/** Bytes as text of seven bits for each character; an unsafe one and the one after it are one of two bytes. */
export function textOf(bytes) {
  const sevens = [];
  let [bits, buffer] = [0, 0];
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 7) {
      bits -= 7;
      sevens.push((buffer >>> bits) & 127);
    }
    buffer &= (1 << bits) - 1;
  }
  if (bits) sevens.push((buffer << (7 - bits)) & 127);
  let text = "";
  for (let at = 0; at < sevens.length; at += 1) {
    const unsafe = UNSAFE.indexOf(sevens[at]);
    if (unsafe < 0) text += String.fromCharCode(sevens[at]);
    else {
      text += String.fromCharCode(256 + (unsafe << 7) + (sevens[at + 1] ?? 0));
      at += 1;
    }
  }
  return text;
}
