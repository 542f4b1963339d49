// Packs bytes for a document, for `www/offline/unpack.js`: LZMA by the program xz, then text.
import { execFileSync } from "node:child_process";
import { FIRST, PAIRED, SHORT, SURROGATES, bytesOf, decoder } from "../www/offline/unpack.js";

/** Bytes as text, from which `unpack.js` gives the same bytes. */
export function pack(bytes) {
  const text = textOf(encode(bytes));
  const unpacked = decoder(bytesOf(text), bytes.length)(bytes.length);
  if (Buffer.compare(bytes, unpacked)) throw new Error("what is packed does not unpack to itself");
  return text;
}

/** A raw LZMA stream of bytes, with the settings that the decoder knows. */
function encode(bytes) {
  const filter = "--lzma1=preset=9e,lc=4,lp=0,pb=0,nice=273,dict=16MiB";
  return execFileSync("xz", ["--format=raw", filter, "--stdout"], { input: bytes, maxBuffer: 1 << 28 });
}

/**
 * Bytes as text for a document of UTF-16: a character for 15 or 16 bits. What a document would not give back as it was
 * (surrogates without a pair, NUL, CR) and what could end a script are left out.
 */
function textOf(bytes) {
  const units = [];
  let [bits, buffer] = [0, 0];
  const add = (byte) => {
    buffer = buffer * 256 + byte;
    bits += 8;
    if (bits < 16) return;
    // As many bits as a character takes: the first SHORT of them are for 15.
    const fifteen = Math.floor(buffer / 2 ** (bits - 15));
    const [taken, rank] = fifteen < SHORT ? [15, fifteen] : [16, Math.floor(buffer / 2 ** (bits - 16)) - SHORT];
    const unit = rank + FIRST;
    units.push(unit < SURROGATES ? unit : unit + PAIRED);
    bits -= taken;
    buffer %= 2 ** bits;
  };
  for (const byte of bytes) add(byte);
  // Two bytes of nothing push out what is left.
  add(0);
  add(0);
  let text = "";
  for (const unit of units) text += String.fromCharCode(unit);
  return text;
}
