// RFC 8878 §3.1.1.3.1 writing: a block's literals, Huffman-coded where that is shorter.
import {
  accuracyFor,
  buildCoder,
  CODER_SIZE,
  endStream,
  lastState,
  normalize,
  putBits,
  putState,
  putSymbol,
  putTable,
  startBits,
} from "./fse-encode";
import { buildTable, FSE_WORK } from "./fse";
import { buildLengths } from "./huffman";
import { HUFFMAN_BITS, WEIGHT_ACCURACY } from "./zstd-codes";
import { LITERALS_AT, MATCHES_END } from "./zstd-matches";

const BYTES: u32 = 256;
/** Sizes of compressed literals have 10, 14 or 18 bits. */
const ONE_STREAM_MAX: u32 = 1023;
const MIDDLE_MAX: u32 = 16383;

const COUNTS_AT: usize = MATCHES_END;
const LENGTHS_AT: usize = COUNTS_AT + 4 * BYTES;
/** Codes: value | bits << 16. */
const CODES_AT: usize = LENGTHS_AT + BYTES;
const WEIGHTS_AT: usize = CODES_AT + 4 * BYTES;
const WEIGHT_COUNTS_AT: usize = WEIGHTS_AT + BYTES;
const WEIGHT_KINDS: u32 = HUFFMAN_BITS + 1;
/** How many codes each weight has, then the next of them. */
const KINDS_AT: usize = WEIGHT_COUNTS_AT + 4 * WEIGHT_KINDS;
const SHARES_AT: usize = KINDS_AT + 4 * WEIGHT_KINDS;
const TABLE_AT: usize = SHARES_AT + 4 * WEIGHT_KINDS;
const CODER_AT: usize = TABLE_AT + 4 + (4 << WEIGHT_ACCURACY);
const SCRATCH_AT: usize = (CODER_AT + CODER_SIZE + 7) & ~7;
const TREE_AT: usize = SCRATCH_AT + 20 * BYTES;
const TREE_MAX: usize = 256;
export const LITERALS_END: usize = TREE_AT + TREE_MAX + FSE_WORK;

/** Writes the section; returns its end. */
export function putLiterals(to: usize, size: u32): usize {
  memory.fill(COUNTS_AT, 0, 4 * BYTES);
  for (let i: u32 = 0; i < size; i++) {
    const at = COUNTS_AT + ((<usize>load<u8>(LITERALS_AT + i)) << 2);
    store<u32>(at, load<u32>(at) + 1);
  }
  if (size > 1 && load<u32>(COUNTS_AT + ((<usize>load<u8>(LITERALS_AT)) << 2)) == size) {
    const end = putPlainHeader(to, 1, size);
    store<u8>(end, load<u8>(LITERALS_AT));
    return end + 1;
  }
  const packed = size < 32 ? to : putCoded(to, size);
  if (packed != to) return packed;
  const at = putPlainHeader(to, 0, size);
  memory.copy(at, LITERALS_AT, size);
  return at + size;
}

/** Raw (0) or repeated (1): the size has 5, 12 or 20 bits. */
function putPlainHeader(to: usize, type: u32, size: u32): usize {
  if (size < 32) {
    store<u8>(to, <u8>(type | (size << 3)));
    return to + 1;
  }
  const long = size >= 4096;
  store<u32>(to, type | (long ? 12 : 4) | (size << 4));
  return to + (long ? 3 : 2);
}

/** Returns `to` where coding gains nothing. */
function putCoded(to: usize, size: u32): usize {
  buildLengths(COUNTS_AT, LENGTHS_AT, BYTES, HUFFMAN_BITS, SCRATCH_AT);
  let bits: u64 = 0;
  for (let byte: u32 = 0; byte < BYTES; byte++)
    bits += <u64>load<u32>(COUNTS_AT + ((<usize>byte) << 2)) * load<u8>(LENGTHS_AT + byte);
  const treeEnd = putTree();
  const tree = treeEnd - TREE_AT;
  const one = size <= ONE_STREAM_MAX;
  const width: u32 = one ? 10 : size <= MIDDLE_MAX ? 14 : 18;
  const header: usize = (width * 2 + 4) >> 3;
  if (tree == 0 || header + tree + <usize>(bits >> 3) + 12 >= size) return to;
  memory.copy(to + header, TREE_AT, tree);
  const start = to + header + tree;
  const end = one ? putStream(start, 0, size) : putFourStreams(start, size);
  const format: u64 = one ? 0 : size <= MIDDLE_MAX ? 2 : 3;
  const packed = <u64>(end - to - header);
  const value = 2 | (format << 2) | ((<u64>size) << 4) | (packed << (4 + width));
  for (let i: u32 = 0; i < <u32>header; i++) store<u8>(to + i, <u8>(value >> (i << 3)));
  return end;
}

/** §3.1.1.3.1.6: the sizes of three, then four streams of a quarter each. */
function putFourStreams(to: usize, size: u32): usize {
  const quarter: u32 = (size + 3) >> 2;
  let at = to + 6;
  for (let i: u32 = 0; i < 3; i++) {
    const next = putStream(at, quarter * i, quarter * (i + 1));
    store<u16>(to + (i << 1), <u16>(next - at));
    at = next;
  }
  return putStream(at, quarter * 3, size);
}

function putStream(to: usize, from: u32, end: u32): usize {
  let at = end;
  // What putBits does, in locals: a global would go to memory and back each time.
  let hold: u64 = 0;
  let held: u32 = 0;
  // Four codes have 44 bits at most.
  for (; at >= from + 4; at -= 4) {
    const first = codeOf(at - 1);
    const second = codeOf(at - 2);
    const third = codeOf(at - 3);
    const fourth = codeOf(at - 4);
    const two = bitsOf(first) + bitsOf(second);
    const three = two + bitsOf(third);
    hold |=
      (valueOf(first) |
        (valueOf(second) << bitsOf(first)) |
        (valueOf(third) << two) |
        (valueOf(fourth) << three)) <<
      held;
    held += three + bitsOf(fourth);
    store<u64>(to, hold);
    to += held >> 3;
    hold >>= held & ~7;
    held &= 7;
  }
  startBits(to, hold, held);
  for (; at > from; at--) putBits(valueOf(codeOf(at - 1)), bitsOf(codeOf(at - 1)));
  return endStream();
}

/** The code of a literal. */
function codeOf(index: u32): u32 {
  return load<u32>(CODES_AT + ((<usize>load<u8>(LITERALS_AT + index)) << 2));
}

function valueOf(code: u32): u64 {
  return code & 0xffff;
}

function bitsOf(code: u32): u32 {
  return code >> 16;
}

/** Makes codes of the lengths, and at TREE_AT their description (§4.2.1); returns its end, TREE_AT if there is none. */
function putTree(): usize {
  let longest: u32 = 0;
  let last: u32 = 0;
  for (let byte: u32 = 0; byte < BYTES; byte++) {
    const length = <u32>load<u8>(LENGTHS_AT + byte);
    longest = max(longest, length);
    if (length != 0) last = byte;
  }
  memory.fill(KINDS_AT, 0, 4 * WEIGHT_KINDS);
  for (let byte: u32 = 0; byte < BYTES; byte++) {
    const length = <u32>load<u8>(LENGTHS_AT + byte);
    const weight: u32 = length == 0 ? 0 : longest + 1 - length;
    store<u8>(WEIGHTS_AT + byte, <u8>weight);
    const at = KINDS_AT + ((<usize>weight) << 2);
    store<u32>(at, load<u32>(at) + 1);
  }
  // Codes are given from the longest on, each weight's by symbol (§4.2.1.3): first, where each weight's begin.
  let next: u32 = 0;
  for (let weight: u32 = 1; weight <= longest; weight++) {
    const count = load<u32>(KINDS_AT + ((<usize>weight) << 2));
    store<u32>(KINDS_AT + ((<usize>weight) << 2), next >> (weight - 1));
    next += count << (weight - 1);
  }
  for (let byte: u32 = 0; byte <= last; byte++) {
    const weight = <u32>load<u8>(WEIGHTS_AT + byte);
    const at = KINDS_AT + ((<usize>weight) << 2);
    const code = load<u32>(at);
    store<u32>(CODES_AT + ((<usize>byte) << 2), code | ((longest + 1 - weight) << 16));
    store<u32>(at, code + 1);
  }
  // The last one's weight is what the others leave: it is not told.
  const end = putCodedWeights(last);
  const coded = <u32>(end - TREE_AT) - 1;
  if (end != TREE_AT && coded < 128 && (last > 128 || coded < (last + 1) >> 1)) {
    store<u8>(TREE_AT, <u8>coded);
    return end;
  }
  return last > 128 ? TREE_AT : putPlainWeights(last);
}

/** Half a byte each. */
function putPlainWeights(count: u32): usize {
  store<u8>(TREE_AT, <u8>(127 + count));
  store<u8>(WEIGHTS_AT + count, 0);
  for (let i: u32 = 0; i < count; i += 2)
    store<u8>(
      TREE_AT + 1 + (i >> 1),
      (load<u8>(WEIGHTS_AT + i) << 4) | (i + 1 < count ? load<u8>(WEIGHTS_AT + i + 1) : 0),
    );
  return TREE_AT + 1 + ((count + 1) >> 1);
}

/** §4.2.1.2: two states in turn, from the last weight to the first; TREE_AT where the weights are all the same. */
function putCodedWeights(count: u32): usize {
  memory.fill(WEIGHT_COUNTS_AT, 0, 4 * WEIGHT_KINDS);
  let used: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const at = WEIGHT_COUNTS_AT + ((<usize>load<u8>(WEIGHTS_AT + i)) << 2);
    if (load<u32>(at) == 0) used++;
    store<u32>(at, load<u32>(at) + 1);
  }
  if (count < 4 || used < 2) return TREE_AT;
  const accuracy = accuracyFor(count, used, WEIGHT_ACCURACY);
  normalize(WEIGHT_COUNTS_AT, SHARES_AT, WEIGHT_KINDS, count, accuracy);
  buildTable(TABLE_AT, accuracy, WEIGHT_KINDS, SHARES_AT, TREE_AT + TREE_MAX);
  buildCoder(CODER_AT, TABLE_AT);
  startBits(putTable(TREE_AT + 1, SHARES_AT, accuracy));
  // `other` is the state of the place before.
  let state = lastState(CODER_AT, load<u8>(WEIGHTS_AT + count - 1));
  let other = lastState(CODER_AT, load<u8>(WEIGHTS_AT + count - 2));
  for (let i = count - 2; i > 0; i--) {
    const next = putSymbol(CODER_AT, load<u8>(WEIGHTS_AT + i - 1), state);
    state = other;
    other = next;
  }
  putState(CODER_AT, state);
  putState(CODER_AT, other);
  return endStream();
}
