// RFC 1951 reading: one raw deflate stream → at most `capacity` bytes.
//
// Codes are looked up by their next bits in a table of 32-bit entries, symbol << 4 | length. Codes longer than the
// table's index go on bit by bit in canonical order (§3.2.2), which they rarely do.
import { CODEC_AT } from "../block/layout";

const LITERAL_BITS: u32 = 10;
const DISTANCE_BITS: u32 = 8;
const MAX_BITS: u32 = 15;
const LITERALS: u32 = 288;
const DISTANCES: u32 = 32;

/** One alphabet: fast table, count of codes of each length, symbols in canonical order. */
const ALPHABET_SIZE: usize = (4 << 10) + 64 + 1024;
const COUNTS: usize = 4 << 10;
const SYMBOLS: usize = COUNTS + 64;
const LITERAL_AT: usize = CODEC_AT;
const DISTANCE_AT: usize = LITERAL_AT + ALPHABET_SIZE;
/** Code lengths as a dynamic block lists them. */
const LENGTHS_AT: usize = DISTANCE_AT + ALPHABET_SIZE;

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
  for (let length: u32 = 1; length <= MAX_BITS; length++) {
    room = (room << 1) - load<i32>(counts + ((<usize>length) << 2));
    if (room < 0) damaged = true;
  }
  if (damaged) return;
  let code: u32 = 0;
  let placed: u32 = 0;
  for (let length: u32 = 1; length <= MAX_BITS; length++) {
    for (let symbol: u32 = 0; symbol < count; symbol++) {
      if (load<u8>(lengths + symbol) != length) continue;
      store<u16>(alphabet + SYMBOLS + ((<usize>placed) << 1), <u16>symbol);
      placed++;
      if (length <= tableBits) {
        // Codes come with their first bit lowest, so the index is the code reversed, and any bits above it.
        let index = reverse(code, length);
        while (index < 1 << tableBits) {
          store<u32>(alphabet + ((<usize>index) << 2), (symbol << 4) | length);
          index += 1 << length;
        }
      }
      code++;
    }
    code <<= 1;
  }
}

function reverse(code: u32, length: u32): u32 {
  let result: u32 = 0;
  for (let i: u32 = 0; i < length; i++) result |= ((code >> i) & 1) << (length - 1 - i);
  return result;
}

function symbol(alphabet: usize, tableBits: u32): u32 {
  if (held < MAX_BITS) refill();
  const entry = load<u32>(alphabet + ((<usize>(hold & ((1 << tableBits) - 1))) << 2));
  const length = entry & 15;
  if (length != 0 && length <= held) {
    hold >>= length;
    held -= length;
    return entry >> 4;
  }
  return slowSymbol(alphabet);
}

function slowSymbol(alphabet: usize): u32 {
  let code: u32 = 0;
  let first: u32 = 0;
  let index: u32 = 0;
  for (let length: u32 = 1; length <= MAX_BITS; length++) {
    code |= take(1);
    if (damaged) return 0;
    const count = load<u32>(alphabet + COUNTS + ((<usize>length) << 2));
    if (code < first + count) return load<u16>(alphabet + SYMBOLS + ((<usize>(index + code - first)) << 1));
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
  build(LITERAL_AT, LENGTHS_AT, 19, 7);
  let previous: u32 = 0;
  for (let i: u32 = 0; i < literals + distances && !damaged;) {
    const code = symbol(LITERAL_AT, 7);
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
    const code = symbol(LITERAL_AT, LITERAL_BITS);
    if (damaged) return;
    if (code < 256) {
      store<u8>(output++, <u8>code);
      continue;
    }
    if (code == 256) return;
    if (code > 285) {
      damaged = true;
      return;
    }
    const at = code - 257;
    const length = load<u16>(lengthBase + ((<usize>at) << 1)) + take(load<u8>(lengthExtra + at));
    const far = symbol(DISTANCE_AT, DISTANCE_BITS);
    if (far > 29) damaged = true;
    if (damaged) return;
    const distance = load<u16>(distanceBase + ((<usize>far) << 1)) + take(load<u8>(distanceExtra + far));
    if (damaged || <usize>distance > output - outputStart) {
      damaged = true;
      return;
    }
    copyMatch(distance, <u32>min(<usize>length, outputEnd - output));
  }
}

/** A match may overlap its own output: then it repeats, byte by byte. */
function copyMatch(distance: usize, length: u32): void {
  const from = output - distance;
  if (distance >= length) memory.copy(output, from, length);
  else for (let i: u32 = 0; i < length; i++) store<u8>(output + i, load<u8>(from + i));
  output += length;
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
