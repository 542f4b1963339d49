// Packs bytes for a document, for `www/offline/unpack.js`: LZMA by the program xz, then text.
import { execFileSync } from "node:child_process";
import { FIRST, PAIRED, SHORT, STREAMS, SURROGATES, bytesOf, decoder, follow, join } from "../www/offline/unpack.js";

/** A wasm divided into the streams of `unpack.js`, which compress better, and what puts it together again. */
export function divide(wasm) {
  const number = (at) => {
    let [value, shift] = [0, 0];
    for (; ; shift += 7) {
      const byte = wasm[at++];
      value |= (byte & 127) << shift;
      if (!(byte & 128)) return [value, at];
    }
  };
  // The code's section, which begins with the number of functions.
  let [at, code, end] = [8, 0, 0];
  while (at < wasm.length && !code) {
    const [size, content] = number(at + 1);
    if (wasm[at] === 10) [code, end] = [content, content + size];
    at = content + size;
  }
  const [functions, first] = number(code);
  const streams = Array.from({ length: STREAMS }, () => []);
  at = first;
  const move = (stream, count) => {
    const [value, behind] = count ? [wasm[at], at + count] : number(at);
    for (; at < behind; at += 1) streams[stream].push(wasm[at]);
    return value;
  };
  for (let left = functions; left > 0; left -= 1) {
    [, at] = number(at);
    follow(move);
  }
  const pieces = [wasm.subarray(0, first), ...streams.map((stream) => Buffer.from(stream)), wasm.subarray(end)];
  const divided = Buffer.concat(pieces);
  const plan = { functions, sizes: pieces.map((piece) => piece.length), size: wasm.length };
  if (Buffer.compare(wasm, join(divided, plan))) throw new Error("a wasm that is divided does not join to itself");
  return [divided, plan];
}

/** Bytes as text, from which `unpack.js` gives the same bytes. */
export function pack(bytes) {
  const text = textOf(encode(bytes));
  const unpacked = decoder(bytesOf(text), bytes.length)(bytes.length);
  if (Buffer.compare(bytes, unpacked)) throw new Error("what is packed does not unpack to itself");
  return text;
}

/** A raw LZMA stream of bytes, with the settings that the decoder knows. */
function encode(bytes) {
  const filter = "--lzma1=preset=9e,lc=2,lp=0,pb=0,nice=273,dict=16MiB";
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
