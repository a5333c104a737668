// RFC 1951 reading: one raw deflate stream → at most `capacity` bytes.
//
// Codes are looked up by their next bits in a table of 32-bit entries. Codes longer than the table's index go on bit by
// bit in canonical order (§3.2.2), which they rarely do.
//
//   31      16  15   12     8        0
//   |  base  |L|E|   |extra|  bits   |     L: a literal, which is the base; E: end of block
//
// An entry of 0 is a longer code, or none. `extra` bits follow the code and add to the base.
import { CODEC_AT } from "../block/layout";
import { COPY_ROOM, repeatExactly, repeatQuickly } from "./match";

const LITERAL_BITS: u32 = 11;
const DISTANCE_BITS: u32 = 9;
const CODE_LENGTH_BITS: u32 = 7;
const MAX_BITS: u32 = 15;
const LITERALS: u32 = 288;
const DISTANCES: u32 = 32;

const IS_LITERAL: u32 = 1 << 15;
const IS_END: u32 = 1 << 14;

/** One alphabet: fast table, count of codes of each length, symbols in canonical order. */
const COUNTS: usize = 4 << LITERAL_BITS;
const SYMBOLS: usize = COUNTS + 64;
const ALPHABET_SIZE: usize = SYMBOLS + 2 * LITERALS;
const LITERAL_AT: usize = CODEC_AT;
const DISTANCE_AT: usize = LITERAL_AT + ALPHABET_SIZE;
/** Code lengths as a dynamic block lists them. */
const LENGTHS_AT: usize = DISTANCE_AT + ALPHABET_SIZE;
/** While an alphabet is built: the next code of each length, and where its symbol goes. */
const NEXT_CODE_AT: usize = LENGTHS_AT + LITERALS + DISTANCES;
const NEXT_PLACE_AT: usize = NEXT_CODE_AT + 64;
/** For the layout of the codecs' area: where inflate's part ends. */
export const INFLATE_END: usize = NEXT_PLACE_AT + 64;

/** The longest match, and what copying 16 bytes at a time may write behind it. */
const MATCH_ROOM: usize = 258 + COPY_ROOM;

// §3.2.5: length codes 257-285 and distance codes 0-29.
const lengthBase = memory.data<u16>([
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195,
  227, 258,
]);
const lengthExtra = memory.data<u8>([
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
]);
const distanceBase = memory.data<u16>([
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097,
  6145, 8193, 12289, 16385, 24577,
]);
const distanceExtra = memory.data<u8>([
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
]);
/** §3.2.7: the order in which code length codes are sent. */
const lengthOrder = memory.data<u8>([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]);

let input: usize = 0;
let inputEnd: usize = 0;
let output: usize = 0;
let outputStart: usize = 0;
let outputEnd: usize = 0;
let hold: u64 = 0;
let held: u32 = 0;
let damaged: bool = false;

/** Makes at least 32 bits available; past the input's end they are zeros, and `take` notices. */
function refill(): void {
  while (held <= 56 && input < inputEnd) {
    hold |= (<u64>load<u8>(input++)) << held;
    held += 8;
  }
}

function take(bits: u32): u32 {
  if (held < bits) refill();
  if (held < bits) {
    damaged = true;
    return 0;
  }
  const value = <u32>(hold & (((<u64>1) << bits) - 1));
  hold >>= bits;
  held -= bits;
  return value;
}

/** What a symbol's entry says beside the bits of its code; 0 for those that may not occur. */
function meaning(alphabet: usize, symbol: u32): u32 {
  if (alphabet == DISTANCE_AT) {
    if (symbol > 29) return 0;
    return (
      ((<u32>load<u16>(distanceBase + (symbol << 1))) << 16) | ((<u32>load<u8>(distanceExtra + symbol)) << 8)
    );
  }
  if (symbol < 256) return (symbol << 16) | IS_LITERAL;
  if (symbol == 256) return IS_END;
  const at = symbol - 257;
  if (at > 28) return 0;
  return ((<u32>load<u16>(lengthBase + (at << 1))) << 16) | ((<u32>load<u8>(lengthExtra + at)) << 8);
}

/** Builds an alphabet from `count` code lengths at `lengths`; over-full sets of codes are damage. */
function build(alphabet: usize, lengths: usize, count: u32, tableBits: u32): void {
  const counts = alphabet + COUNTS;
  memory.fill(alphabet, 0, (<usize>4) << tableBits);
  memory.fill(counts, 0, 64);
  for (let i: u32 = 0; i < count; i++) {
    const at = counts + ((<usize>load<u8>(lengths + i)) << 2);
    store<u32>(at, load<u32>(at) + 1);
  }
  store<u32>(counts, 0);
  let room: i32 = 1;
  let code: u32 = 0;
  let place: u32 = 0;
  for (let length: u32 = 1; length <= MAX_BITS; length++) {
    const own = load<u32>(counts + ((<usize>length) << 2));
    room = (room << 1) - <i32>own;
    if (room < 0) damaged = true;
    store<u32>(NEXT_CODE_AT + ((<usize>length) << 2), code);
    store<u32>(NEXT_PLACE_AT + ((<usize>length) << 2), place);
    code = (code + own) << 1;
    place += own;
  }
  if (damaged) return;
  for (let symbol: u32 = 0; symbol < count; symbol++) {
    const length = <u32>load<u8>(lengths + symbol);
    if (length == 0) continue;
    const own = increment(NEXT_CODE_AT + ((<usize>length) << 2));
    const at = increment(NEXT_PLACE_AT + ((<usize>length) << 2));
    store<u16>(alphabet + SYMBOLS + ((<usize>at) << 1), <u16>symbol);
    const what = meaning(alphabet, symbol);
    if (length > tableBits || what == 0) continue;
    // Codes come with their first bit lowest, so the index is the code reversed, and any bits above it.
    for (let index = reverse(own, length); index < 1 << tableBits; index += 1 << length)
      store<u32>(alphabet + ((<usize>index) << 2), what | length);
  }
}

function increment(at: usize): u32 {
  const value = load<u32>(at);
  store<u32>(at, value + 1);
  return value;
}

function reverse(code: u32, length: u32): u32 {
  let result: u32 = 0;
  for (let i: u32 = 0; i < length; i++) result |= ((code >> i) & 1) << (length - 1 - i);
  return result;
}

/** The next code's entry, 0 for damage. */
function entry(alphabet: usize, tableBits: u32): u32 {
  if (held < MAX_BITS) refill();
  const found = load<u32>(alphabet + ((<usize>(hold & ((1 << tableBits) - 1))) << 2));
  const length = found & 0xff;
  if (length != 0 && length <= held) {
    hold >>= length;
    held -= length;
    return found;
  }
  return longEntry(alphabet);
}

function longEntry(alphabet: usize): u32 {
  let code: u32 = 0;
  let first: u32 = 0;
  let index: u32 = 0;
  for (let length: u32 = 1; length <= MAX_BITS; length++) {
    code |= take(1);
    if (damaged) return 0;
    const count = load<u32>(alphabet + COUNTS + ((<usize>length) << 2));
    if (code < first + count) {
      const symbol = load<u16>(alphabet + SYMBOLS + ((<usize>(index + code - first)) << 1));
      const what = meaning(alphabet, symbol);
      if (what == 0) damaged = true;
      return what;
    }
    index += count;
    first = (first + count) << 1;
    code <<= 1;
  }
  damaged = true;
  return 0;
}

function storedBlock(): void {
  const drop = held & 7;
  hold >>= drop;
  held -= drop;
  const length = take(16);
  const check = take(16);
  if (damaged || (length ^ check) != 0xffff) {
    damaged = true;
    return;
  }
  // Bytes already in the bit buffer go back to the input.
  input -= held >> 3;
  hold = held = 0;
  if (input + length > inputEnd) {
    damaged = true;
    return;
  }
  const room = <u32>min(<usize>length, outputEnd - output);
  memory.copy(output, input, room);
  output += room;
  input += length;
}

function fixedAlphabets(): void {
  for (let i: u32 = 0; i < LITERALS; i++)
    store<u8>(LENGTHS_AT + i, i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8); // §3.2.6
  build(LITERAL_AT, LENGTHS_AT, LITERALS, LITERAL_BITS);
  for (let i: u32 = 0; i < DISTANCES; i++) store<u8>(LENGTHS_AT + i, 5);
  build(DISTANCE_AT, LENGTHS_AT, DISTANCES, DISTANCE_BITS);
}

function dynamicAlphabets(): void {
  const literals = take(5) + 257;
  const distances = take(5) + 1;
  const codes = take(4) + 4;
  if (literals > 286 || distances > 30) damaged = true;
  if (damaged) return;
  memory.fill(LENGTHS_AT, 0, 19);
  for (let i: u32 = 0; i < codes; i++) store<u8>(LENGTHS_AT + load<u8>(lengthOrder + i), <u8>take(3));
  build(LITERAL_AT, LENGTHS_AT, 19, CODE_LENGTH_BITS);
  let previous: u32 = 0;
  for (let i: u32 = 0; i < literals + distances && !damaged;) {
    const code = entry(LITERAL_AT, CODE_LENGTH_BITS) >> 16;
    let repeat: u32 = 1;
    let length = code;
    if (code == 16) {
      if (i == 0) damaged = true;
      length = previous;
      repeat = 3 + take(2);
    } else if (code == 17) {
      length = 0;
      repeat = 3 + take(3);
    } else if (code == 18) {
      length = 0;
      repeat = 11 + take(7);
    }
    if (i + repeat > literals + distances) {
      damaged = true;
      break;
    }
    memory.fill(LENGTHS_AT + i, <u8>length, repeat);
    i += repeat;
    previous = length;
  }
  if (damaged) return;
  build(LITERAL_AT, LENGTHS_AT, literals, LITERAL_BITS);
  build(DISTANCE_AT, LENGTHS_AT + literals, distances, DISTANCE_BITS);
}

function codedBlock(): void {
  while (output < outputEnd) {
    if (quickly()) return;
    const found = entry(LITERAL_AT, LITERAL_BITS);
    if (damaged || (found & IS_END) != 0) return;
    if ((found & IS_LITERAL) != 0) {
      store<u8>(output++, <u8>(found >> 16));
      continue;
    }
    const length = (found >> 16) + take((found >> 8) & 31);
    const far = entry(DISTANCE_AT, DISTANCE_BITS);
    if (damaged) return;
    const distance = (far >> 16) + take((far >> 8) & 31);
    if (damaged || <usize>distance > output - outputStart) {
      damaged = true;
      return;
    }
    const inside = <u32>min<usize>(length, outputEnd - output);
    repeatExactly(output, distance, inside);
    output += inside;
  }
}

/**
 * `codedBlock` where neither input nor output is near its end, so that 8 bytes can be read and a whole match written
 * without asking; true: the block is complete. A code that is not in the tables it leaves to the careful loop.
 */
function quickly(): bool {
  let from = input;
  let to = output;
  let bits = hold;
  let have = held;
  let ended = false;
  while (from + 8 <= inputEnd && to + MATCH_ROOM <= outputEnd) {
    // Bits above `have` may be there already: they are those of the bytes to come.
    bits |= load<u64>(from) << have;
    from += (63 - have) >> 3;
    have |= 56;
    let found = load<u32>(LITERAL_AT + ((<usize>(bits & ((1 << LITERAL_BITS) - 1))) << 2));
    // A length and a distance with their extra bits take 48 bits at most: one short literal may go before them.
    if ((found & IS_LITERAL) != 0) {
      store<u8>(to++, <u8>(found >> 16));
      bits >>= found & 0xff;
      have -= found & 0xff;
      found = load<u32>(LITERAL_AT + ((<usize>(bits & ((1 << LITERAL_BITS) - 1))) << 2));
      if ((found & IS_LITERAL) != 0) {
        store<u8>(to++, <u8>(found >> 16));
        bits >>= found & 0xff;
        have -= found & 0xff;
        continue;
      }
      if (have < 48) continue;
    }
    if (found == 0) break;
    const code = found & 0xff;
    if ((found & IS_END) != 0) {
      bits >>= code;
      have -= code;
      ended = true;
      break;
    }
    const extra = (found >> 8) & 31;
    const length = (found >> 16) + ((<u32>(bits >> code)) & ((1 << extra) - 1));
    const far = load<u32>(
      DISTANCE_AT + ((<usize>((bits >> (code + extra)) & ((1 << DISTANCE_BITS) - 1))) << 2),
    );
    if (far == 0) break;
    bits >>= code + extra;
    have -= code + extra;
    const farCode = far & 0xff;
    const farExtra = (far >> 8) & 31;
    const distance = (far >> 16) + ((<u32>(bits >> farCode)) & ((1 << farExtra) - 1));
    bits >>= farCode + farExtra;
    have -= farCode + farExtra;
    if (<usize>distance > to - outputStart) {
      damaged = true;
      break;
    }
    repeatQuickly(to, distance, length);
    to += length;
  }
  // The careful loop takes bits above `held` from the input once more.
  hold = bits & (((<u64>1) << have) - 1);
  held = have;
  input = from;
  output = to;
  return ended || damaged;
}

/** Inflates until the stream ends or `capacity` bytes are out; returns how many, or -1 for a damaged stream. */
export function inflate(from: usize, length: u32, to: usize, capacity: u32): i32 {
  input = from;
  inputEnd = from + length;
  output = outputStart = to;
  outputEnd = to + capacity;
  hold = held = 0;
  damaged = false;
  let last = false;
  while (!last && !damaged && output < outputEnd) {
    last = take(1) != 0;
    const type = take(2);
    if (type == 0) storedBlock();
    else if (type == 3) damaged = true;
    else {
      if (type == 1) fixedAlphabets();
      else dynamicAlphabets();
      if (!damaged) codedBlock();
    }
  }
  return damaged ? -1 : <i32>(output - outputStart);
}
