// Unpacks what `xtask/pack.mjs` packs: LZMA, which is a third smaller than gzip for wasm and which no browser has
// built in, as text of UTF-16, since a document holds text. The code of a wasm is divided into streams before, which
// takes off a twelfth more. The decoder follows the specification that comes with the LZMA SDK; names are the
// specification's.

/** The first character in use: those before it have a part in HTML. */
export const FIRST = 64;
/** The first surrogate, and how many there are: none is used. */
export const SURROGATES = 0xd800;
export const PAIRED = 0x800;
/** Of the characters in use, those that stand for 15 bits and not for 16: as many as are missing of all 65,536. */
export const SHORT = FIRST + PAIRED + 2;

/** The bytes of a text. */
export function bytesOf(text) {
  const bytes = new Uint8Array(text.length * 2 + 2);
  let [at, bits, buffer] = [0, 0, 0];
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    const rank = unit - FIRST - (unit < SURROGATES ? 0 : PAIRED);
    const [taken, value] = rank < SHORT ? [15, rank] : [16, rank + SHORT];
    buffer = (buffer << taken) | value;
    bits += taken;
    while (bits >= 8) {
      bits -= 8;
      bytes[at++] = buffer >>> bits;
      buffer &= (1 << bits) - 1;
    }
  }
  return bytes.subarray(0, at);
}

/** The streams into which the code of a wasm is divided: numbers of one kind resemble each other. */
export const STREAMS = 6;
const [OPERATIONS, LOCALS, CONSTANTS, OFFSETS, CALLS, OTHERS] = [0, 1, 2, 3, 4, 5];

/** Follows one function's code: `move` moves bytes of a stream, or one number if no count is given, and gives its value. */
export function follow(move) {
  const others = (count) => {
    for (; count > 0; count -= 1) move(OTHERS);
  };
  for (let groups = move(OTHERS); groups > 0; groups -= 1) others(2);
  for (let depth = 1; depth > 0; ) {
    const op = move(OPERATIONS, 1);
    if (op === 0x0b) depth -= 1;
    else if (op >= 0x02 && op <= 0x04) {
      depth += 1;
      move(OPERATIONS);
    } else if (op === 0x0c || op === 0x0d) move(OPERATIONS);
    else if (op === 0x0e || op === 0x1c) others(move(OTHERS) + (op === 0x0e ? 1 : 0));
    else if (op === 0x10) move(CALLS);
    else if (op === 0x11) others(2);
    else if (op >= 0x20 && op <= 0x22) move(LOCALS);
    else if (op >= 0x28 && op <= 0x3e) {
      move(OPERATIONS);
      move(OFFSETS);
    } else if (op === 0x41) move(CONSTANTS);
    else if (op === 0x43 || op === 0x44) move(OTHERS, op === 0x43 ? 4 : 8);
    else if (op === 0xfc) {
      const more = move(OPERATIONS, 1);
      others(more < 8 ? 0 : [2, 1, 2, 1, 2, 1, 2, 1, 1, 1][more - 8]);
    } else if ((op >= 0x23 && op <= 0x26) || op === 0x3f || op === 0x40 || op === 0x42 || op === 0xd0 || op === 0xd2) others(1);
    else if (op > 0xc4) throw new Error(`the code holds an operation ${op} that is not known here`);
  }
}

/** A wasm from what is before its functions, the streams, and what is behind; `sizes` tells of each, and of the wasm. */
export function join(bytes, { functions, sizes, size }) {
  let start = 0;
  const [before, ...streams] = sizes.map((size) => bytes.subarray(start, (start += size)));
  const behind = streams.pop();
  const places = streams.map(() => 0);
  const out = new Uint8Array(size + 5);
  out.set(before);
  let to = before.length;
  const move = (stream, count) => {
    const from = streams[stream];
    let [at, value, shift] = [places[stream], 0, 0];
    do {
      const byte = from[at];
      out[to++] = byte;
      value |= (count ? byte : byte & 127) << shift;
      shift += 7;
    } while (count ? ++at < places[stream] + count : from[at++] & 128);
    places[stream] = at;
    return value;
  };
  for (let left = functions; left > 0; left -= 1) {
    const begin = to;
    to += 5;
    follow(move);
    // A function's size stands before it, in as few bytes as it takes.
    let length = to - begin - 5;
    let put = begin;
    for (; length > 127; length >>>= 7) out[put++] = (length & 127) | 128;
    out[put++] = length;
    out.copyWithin(put, begin + 5, to);
    to -= begin + 5 - put;
  }
  out.set(behind, to);
  return out.subarray(0, size);
}

/** Decodes a raw LZMA stream (lc 2, lp 0, pb 0) of `size` bytes, piece by piece: gives a function of a place. */
// That decodes up to there at least, and gives the bytes.
export function decoder(input, size) {
  const out = new Uint8Array(size);
  const [IS_MATCH, IS_REP, IS_REP0, IS_REP1, IS_REP2, IS_REP0_LONG, SLOT, SPECIAL, ALIGN, LENGTH, REP_LENGTH, LITERAL] = [
    0, 12, 24, 36, 48, 60, 72, 328, 443, 459, 733, 1007,
  ];
  const probs = new Uint16Array(LITERAL + 0x300 * 4).fill(1024);
  let [at, code, range] = [1, 0, 0xffffffff];
  for (let count = 0; count < 4; count += 1) code = ((code << 8) | input[at++]) >>> 0;

  const normalise = () => {
    if (range < 0x1000000) {
      range = (range << 8) >>> 0;
      code = ((code << 8) | input[at++]) >>> 0;
    }
  };
  const bit = (index) => {
    const prob = probs[index];
    const bound = (range >>> 11) * prob;
    let symbol = 0;
    if (code < bound) {
      range = bound;
      probs[index] = prob + ((2048 - prob) >> 5);
    } else {
      range -= bound;
      code -= bound;
      probs[index] = prob - (prob >> 5);
      symbol = 1;
    }
    normalise();
    return symbol;
  };
  const tree = (base, bits) => {
    let m = 1;
    for (let count = 0; count < bits; count += 1) m = (m << 1) | bit(base + m);
    return m - (1 << bits);
  };
  const reverse = (base, bits) => {
    let [m, symbol] = [1, 0];
    for (let count = 0; count < bits; count += 1) {
      const one = bit(base + m);
      m = (m << 1) | one;
      symbol |= one << count;
    }
    return symbol;
  };
  const direct = (bits) => {
    let symbol = 0;
    for (let count = 0; count < bits; count += 1) {
      range >>>= 1;
      const one = code >= range ? 1 : 0;
      if (one) code -= range;
      symbol = symbol * 2 + one;
      normalise();
    }
    return symbol;
  };
  // Of one position state: choice, choice2, low, mid, high.
  const length = (base) => {
    if (!bit(base)) return tree(base + 2, 3);
    if (!bit(base + 1)) return 8 + tree(base + 10, 3);
    return 16 + tree(base + 18, 8);
  };

  let [position, state, rep0, rep1, rep2, rep3] = [0, 0, 0, 0, 0, 0];
  const step = () => {
    if (!bit(IS_MATCH + state)) {
      const base = LITERAL + 0x300 * ((position ? out[position - 1] : 0) >> 6);
      let symbol = 1;
      if (state >= 7) {
        let match = out[position - rep0 - 1];
        do {
          const expected = (match >> 7) & 1;
          match <<= 1;
          const one = bit(base + ((1 + expected) << 8) + symbol);
          symbol = (symbol << 1) | one;
          if (expected !== one) break;
        } while (symbol < 0x100);
      }
      while (symbol < 0x100) symbol = (symbol << 1) | bit(base + symbol);
      out[position++] = symbol;
      state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
      return;
    }
    let count;
    if (bit(IS_REP + state)) {
      if (!bit(IS_REP0 + state)) {
        if (!bit(IS_REP0_LONG + state)) {
          state = state < 7 ? 9 : 11;
          out[position] = out[position - rep0 - 1];
          position += 1;
          return;
        }
      } else if (!bit(IS_REP1 + state)) {
        [rep0, rep1] = [rep1, rep0];
      } else if (!bit(IS_REP2 + state)) {
        [rep0, rep1, rep2] = [rep2, rep0, rep1];
      } else {
        [rep0, rep1, rep2, rep3] = [rep3, rep0, rep1, rep2];
      }
      count = length(REP_LENGTH);
      state = state < 7 ? 8 : 11;
    } else {
      [rep1, rep2, rep3] = [rep0, rep1, rep2];
      count = length(LENGTH);
      state = state < 7 ? 7 : 10;
      const slot = tree(SLOT + (Math.min(count, 3) << 6), 6);
      if (slot < 4) rep0 = slot;
      else {
        const bits = (slot >> 1) - 1;
        const start = (2 | (slot & 1)) * 2 ** bits;
        if (slot < 14) rep0 = start + reverse(SPECIAL + start - slot, bits);
        else rep0 = start + direct(bits - 4) * 16 + reverse(ALIGN, 4);
      }
    }
    if (rep0 >= position) throw new Error("the packed data is damaged");
    for (count += 2; count > 0 && position < size; count -= 1) {
      out[position] = out[position - rep0 - 1];
      position += 1;
    }
  };
  return (end) => {
    while (position < end) step();
    return out;
  };
}
