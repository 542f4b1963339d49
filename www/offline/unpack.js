// Unpacks what `xtask/pack.mjs` packs: LZMA, which is a third smaller than gzip for wasm and which no browser has
// built in, as text of UTF-16, since a document holds text. The decoder follows the specification that comes with the
// LZMA SDK; names are the specification's.

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

/** Decodes a raw LZMA stream (lc 4, lp 0, pb 0) of `size` bytes, piece by piece: gives a function of a place. */
// That decodes up to there at least, and gives the bytes.
export function decoder(input, size) {
  const out = new Uint8Array(size);
  const [IS_MATCH, IS_REP, IS_REP0, IS_REP1, IS_REP2, IS_REP0_LONG, SLOT, SPECIAL, ALIGN, LENGTH, REP_LENGTH, LITERAL] = [
    0, 12, 24, 36, 48, 60, 72, 328, 443, 459, 733, 1007,
  ];
  const probs = new Uint16Array(LITERAL + 0x300 * 16).fill(1024);
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
      const base = LITERAL + 0x300 * ((position ? out[position - 1] : 0) >> 4);
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
