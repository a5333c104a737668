// LZMA2 reading (the .xz file format, §5.3.1, and the LZMA specification): chunks of literals and repeats, each bit of
// which a range coder has packed by what its context makes likely. What was written is the dictionary.
//
//   chunk    00 end · 01, 02 bytes as they are, the first with a new dictionary · 1rruuuuu packed, rr saying what is reset
//   sizes    u16 less one: unpacked (with uuuuu above it), and packed
import { repeatExactly } from "./match";

/** Contexts: one probability each, of the bit 0, in 2048ths. */
const HALF: u16 = 1 << 10;
const PROBABILITY_BITS: u32 = 11;
const ADAPT: u32 = 5;
const RANGE_MIN: u32 = 1 << 24;

const STATES: u32 = 12;
const POSITIONS: u32 = 16;
const IS_MATCH: u32 = 0;
const IS_REPEAT: u32 = IS_MATCH + STATES * POSITIONS;
const IS_REPEAT_0: u32 = IS_REPEAT + STATES;
const IS_REPEAT_1: u32 = IS_REPEAT_0 + STATES;
const IS_REPEAT_2: u32 = IS_REPEAT_1 + STATES;
const IS_LONG: u32 = IS_REPEAT_2 + STATES;
const SLOTS: u32 = IS_LONG + STATES * POSITIONS;
const SLOT_BITS: u32 = 6;
const DISTANCES: u32 = SLOTS + (4 << SLOT_BITS);
const ALIGN: u32 = DISTANCES + 128;
const ALIGN_BITS: u32 = 4;
/** Lengths: two choices, then a tree of 3 bits for each position, another one, and one of 8 bits. */
const LENGTHS: u32 = ALIGN + (1 << ALIGN_BITS);
const LOW: u32 = 2;
const MIDDLE: u32 = LOW + (POSITIONS << 3);
const HIGH: u32 = MIDDLE + (POSITIONS << 3);
const LENGTH_CONTEXTS: u32 = HIGH + 256;
const REPEAT_LENGTHS: u32 = LENGTHS + LENGTH_CONTEXTS;
const LITERALS: u32 = REPEAT_LENGTHS + LENGTH_CONTEXTS;
const LITERAL_CONTEXTS: u32 = 0x300;
/** Of a literal, as many bits of the position and of the byte before it at most decide about its contexts. */
const LITERAL_BITS_MAX: u32 = 4;

/** Bytes that the caller gives the reader to work in. */
export const LZMA2_ROOM: usize = 2 * (LITERALS + (LITERAL_CONTEXTS << LITERAL_BITS_MAX));

const LENGTH_MIN: u32 = 2;
/** Distances from this slot on are spelled out, but for their last four bits. */
const SLOT_SPELLED: u32 = 14;

let contexts: usize = 0;
let input: usize = 0;
let inputEnd: usize = 0;
let output: usize = 0;
let dictionary: usize = 0;
let damaged: bool = false;
let range: u32 = 0;
let code: u32 = 0;

// What was seen last decides which contexts count.
let state: u32 = 0;
let distance: u32 = 0;
let distance1: u32 = 0;
let distance2: u32 = 0;
let distance3: u32 = 0;
let literalContextBits: u32 = 0;
let literalPositionBits: u32 = 0;
let positionMask: u32 = 0;

function nextByte(): u32 {
  if (input < inputEnd) return load<u8>(input++);
  damaged = true;
  return 0;
}

function nextShort(): u32 {
  const high = nextByte();
  return (high << 8) | nextByte();
}

/** Where the input of the last `unlzma2` ended. */
export function lzma2End(): usize {
  return input;
}

/** Chunks from `from` on to at most `capacity` bytes; how many there were, -1 for damage. */
export function unlzma2(from: usize, length: u32, to: usize, capacity: u32, room: usize): i32 {
  contexts = room;
  input = from;
  inputEnd = from + length;
  output = dictionary = to;
  damaged = false;
  const outputEnd = to + capacity;
  let wantsDictionary = true;
  let wantsProperties = true;
  while (true) {
    const control = nextByte();
    if (damaged) return -1;
    if (control == 0) return <i32>(output - to);
    if (control == 1 || control >= 0xe0) {
      dictionary = output;
      wantsDictionary = false;
    } else if (wantsDictionary) return -1;
    if (control < 0x80) {
      const size = nextShort() + 1;
      if (control > 2 || input + size > inputEnd || output + size > outputEnd) return -1;
      memory.copy(output, input, size);
      input += size;
      output += size;
      continue;
    }
    const unpacked = (((control & 0x1f) << 16) | nextShort()) + 1;
    const packed = nextShort() + 1;
    if (control >= 0xc0) {
      if (!setProperties(nextByte())) return -1;
      wantsProperties = false;
    } else if (wantsProperties) return -1;
    if (control >= 0xa0) resetState();
    if (input + packed > inputEnd || output + unpacked > outputEnd) return -1;
    if (!unpackChunk(input + packed, output + unpacked)) return -1;
  }
}

/** (pb * 5 + lp) * 9 + lc. */
function setProperties(properties: u32): bool {
  if (properties >= 9 * 5 * 5) return false;
  literalContextBits = properties % 9;
  literalPositionBits = (properties / 9) % 5;
  positionMask = (1 << (properties / 45)) - 1;
  return literalContextBits + literalPositionBits <= LITERAL_BITS_MAX;
}

function resetState(): void {
  state = distance = distance1 = distance2 = distance3 = 0;
  const count = LITERALS + (LITERAL_CONTEXTS << (literalContextBits + literalPositionBits));
  for (let i: u32 = 0; i < count; i++) store<u16>(contexts + (i << 1), HALF);
}

/** Exactly the packed bytes to `end` of the input, which are those to `outputEnd` of the output. */
function unpackChunk(end: usize, outputEnd: usize): bool {
  const allInput = inputEnd;
  inputEnd = end;
  range = u32.MAX_VALUE;
  if (nextByte() != 0) return false;
  code = nextShort() << 16;
  code |= nextShort();
  while (output < outputEnd && !damaged) {
    const position = (<u32>(output - dictionary)) & positionMask;
    if (bit(IS_MATCH + (state << 4) + position) == 0) literal();
    else {
      const length = matchLength(position);
      // Of length 0: a distance that ends streams elsewhere, but none of these.
      if (length == 0 || distance >= <u32>(output - dictionary) || output + length > outputEnd) return false;
      repeatExactly(output, <usize>distance + 1, length);
      output += length;
    }
  }
  normalise();
  const whole = input == inputEnd && code == 0;
  inputEnd = allInput;
  return whole && !damaged;
}

/** A bit in its context, which learns from it. */
function bit(context: u32): u32 {
  normalise();
  const at = contexts + (context << 1);
  const probability = <u32>load<u16>(at);
  const bound = (range >> PROBABILITY_BITS) * probability;
  if (code < bound) {
    range = bound;
    store<u16>(at, <u16>(probability + (((1 << PROBABILITY_BITS) - probability) >> ADAPT)));
    return 0;
  }
  range -= bound;
  code -= bound;
  store<u16>(at, <u16>(probability - (probability >> ADAPT)));
  return 1;
}

function normalise(): void {
  if (range >= RANGE_MIN) return;
  range <<= 8;
  code = (code << 8) | nextByte();
}

/** Bits that are as likely 0 as 1. */
function plainBits(count: u32): u32 {
  let value: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    normalise();
    range >>= 1;
    const set = code >= range;
    if (set) code -= range;
    value = (value << 1) | (<u32>set);
  }
  return value;
}

/** `bits` bits from the highest on: the context of each is chosen by those before it. */
function tree(first: u32, bits: u32): u32 {
  let node: u32 = 1;
  for (let i: u32 = 0; i < bits; i++) node = (node << 1) | bit(first + node);
  return node - (1 << bits);
}

/** The same from the lowest bit on. */
function reverseTree(first: u32, bits: u32): u32 {
  let node: u32 = 1;
  let value: u32 = 0;
  for (let i: u32 = 0; i < bits; i++) {
    const one = bit(first + node);
    node = (node << 1) | one;
    value |= one << i;
  }
  return value;
}

function literal(): void {
  const written = <u32>(output - dictionary);
  const before = written == 0 ? 0 : <u32>load<u8>(output - 1);
  const position = written & ((1 << literalPositionBits) - 1);
  const choice = (position << literalContextBits) | (before >> (8 - literalContextBits));
  const first = LITERALS + LITERAL_CONTEXTS * choice;
  let node: u32 = 1;
  // After a repeat the byte that would have gone on with it is known to be wrong: it decides, as long as it agrees.
  if (state >= 7 && distance < written) {
    let expected = <u32>load<u8>(output - distance - 1);
    while (node < 0x100) {
      const likely = (expected >> 7) & 1;
      expected <<= 1;
      const one = bit(first + ((1 + likely) << 8) + node);
      node = (node << 1) | one;
      if (one != likely) break;
    }
  }
  while (node < 0x100) node = (node << 1) | bit(first + node);
  store<u8>(output, <u8>node);
  output++;
  state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
}

/** The length of a repeat whose distance, less one, is in `distance` then. */
function matchLength(position: u32): u32 {
  if (bit(IS_REPEAT + state) == 0) {
    distance3 = distance2;
    distance2 = distance1;
    distance1 = distance;
    const length = lengthFrom(LENGTHS, position);
    distance = distanceFor(length);
    state = state < 7 ? 7 : 10;
    return length + LENGTH_MIN;
  }
  if (bit(IS_REPEAT_0 + state) == 0) {
    if (bit(IS_LONG + (state << 4) + position) == 0) {
      state = state < 7 ? 9 : 11;
      return 1;
    }
  } else {
    const last = distance;
    if (bit(IS_REPEAT_1 + state) == 0) distance = distance1;
    else {
      if (bit(IS_REPEAT_2 + state) == 0) distance = distance2;
      else {
        distance = distance3;
        distance3 = distance2;
      }
      distance2 = distance1;
    }
    distance1 = last;
  }
  state = state < 7 ? 8 : 11;
  return lengthFrom(REPEAT_LENGTHS, position) + LENGTH_MIN;
}

function lengthFrom(first: u32, position: u32): u32 {
  if (bit(first) == 0) return tree(first + LOW + (position << 3), 3);
  if (bit(first + 1) == 0) return 8 + tree(first + MIDDLE + (position << 3), 3);
  return 16 + tree(first + HIGH, 8);
}

function distanceFor(length: u32): u32 {
  const slot = tree(SLOTS + (min<u32>(length, 3) << SLOT_BITS), SLOT_BITS);
  if (slot < 4) return slot;
  const bits = (slot >> 1) - 1;
  const base = (2 | (slot & 1)) << bits;
  if (slot < SLOT_SPELLED) return base + reverseTree(DISTANCES + base - slot, bits);
  const high = plainBits(bits - ALIGN_BITS) << ALIGN_BITS;
  return base + high + reverseTree(ALIGN, ALIGN_BITS);
}
