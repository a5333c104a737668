// RFC 8878 writing: one frame without a dictionary, its size told, its window the whole. Blocks are compressed each by
// itself, or go out as they are where that is no longer.
import { MAX_CLUSTER } from "../block/layout";
import { buildTable, FSE_WORK, singleTable } from "./fse";
import {
  accuracyFor,
  bitsFor,
  buildCoder,
  CODER_SIZE,
  costOf,
  endStream,
  lastState,
  lowBits,
  normalize,
  putState,
  putTable,
  startBits,
  stateBefore,
} from "./fse-encode";
import {
  BLOCK_MAX,
  LENGTH_ACCURACY,
  LENGTH_CODES,
  lengthCounts,
  lengthExtra,
  MAGIC,
  MATCH_ACCURACY,
  MATCH_CODES,
  matchCounts,
  matchExtra,
  OFFSET_ACCURACY,
  OFFSET_COUNTS,
  offsetCounts,
} from "./zstd-codes";
import { LITERALS_END, putLiterals } from "./zstd-literals";
import {
  findSequences,
  forgetOffsets,
  LENGTH_CODE,
  LITERAL_LENGTH,
  literalCount,
  MATCH_CODE,
  MATCH_LENGTH,
  OFFSET_CODE,
  OFFSET_VALUE,
  SEQUENCE,
  sequenceCount,
  SEQUENCES_AT,
  startMatches,
} from "./zstd-matches";

const LENGTH_CODER: usize = LITERALS_END;
const OFFSET_CODER: usize = LENGTH_CODER + CODER_SIZE;
const MATCH_CODER: usize = OFFSET_CODER + CODER_SIZE;
const CODES_MAX: u32 = MATCH_CODES;
/** How often each code occurs, one alphabet behind the other. */
const LENGTH_COUNTS: usize = MATCH_CODER + CODER_SIZE;
const DISTANCE_COUNTS: usize = LENGTH_COUNTS + 4 * CODES_MAX;
const MATCH_COUNTS: usize = DISTANCE_COUNTS + 4 * CODES_MAX;
const SHARES_AT: usize = MATCH_COUNTS + 4 * CODES_MAX;
const TABLE_AT: usize = SHARES_AT + 2 * CODES_MAX + 2;
const WORK_AREA_AT: usize = TABLE_AT + 4 + (4 << LENGTH_ACCURACY);
const DESCRIPTION_AT: usize = WORK_AREA_AT + FSE_WORK;
/** A block before its length is known to be less than what it holds; the longest is far from filling the rest. */
const BLOCK_AT: usize = DESCRIPTION_AT + 512;

/** Magic number, descriptor, size. */
const HEADER_MAX: u32 = 9;
const BLOCK_HEADER: u32 = 3;

let output: usize = 0;

/** Compresses a cluster's bytes at most; returns how many came out, 0 if they are more than `capacity`. */
export function zstd(from: usize, length: u32, to: usize, capacity: u32): u32 {
  if (<usize>length > MAX_CLUSTER || capacity < HEADER_MAX) return 0;
  output = to;
  putHeader(length);
  const limit = to + capacity;
  const end = from + length;
  startMatches(from, length);
  let at = from;
  do {
    const size = <u32>min<usize>(BLOCK_MAX, end - at);
    const last: u32 = at + size == end ? 1 : 0;
    findSequences(at, at + size);
    const packed = <u32>(putBlock() - BLOCK_AT);
    const raw = packed >= size;
    const stored = raw ? size : packed;
    if (output + BLOCK_HEADER + stored > limit) return 0;
    if (raw) forgetOffsets();
    const header = last | (raw ? 0 : 4) | (stored << 3);
    store<u16>(output, <u16>header);
    store<u8>(output + 2, <u8>(header >> 16));
    output += BLOCK_HEADER;
    memory.copy(output, raw ? at : BLOCK_AT, stored);
    output += stored;
    at += size;
  } while (at < end);
  return <u32>(output - to);
}

/** §3.1.1.1: a single segment, whose size has 1, 2 (then it counts from 256) or 4 bytes. */
function putHeader(size: u32): void {
  store<u32>(output, MAGIC);
  const flag: u32 = size < 256 ? 0 : size < 65536 + 256 ? 1 : 2;
  store<u8>(output + 4, <u8>((flag << 6) | 0x20));
  output += 5;
  if (flag == 0) store<u8>(output, <u8>size);
  else if (flag == 1) store<u16>(output, <u16>(size - 256));
  else store<u32>(output, size);
  output += (<usize>1) << flag;
}

/** Writes the block found last to BLOCK_AT; returns its end. */
function putBlock(): usize {
  let at = putLiterals(BLOCK_AT, literalCount());
  const count = sequenceCount();
  if (count < 128) store<u8>(at++, <u8>count);
  else if (count < 0x7f00) {
    store<u8>(at, <u8>((count >> 8) + 128));
    store<u8>(at + 1, <u8>count);
    at += 2;
  } else {
    store<u8>(at, 255);
    store<u16>(at + 1, <u16>(count - 0x7f00));
    at += 3;
  }
  if (count == 0) return at;
  const modes = at++;
  countCodes(count);
  const codes = SEQUENCES_AT;
  const lengthMode = putCodes(
    at,
    codes + LENGTH_CODE,
    LENGTH_CODER,
    LENGTH_COUNTS,
    lengthCounts,
    LENGTH_CODES,
    6,
    LENGTH_ACCURACY,
  );
  at = codesEnd;
  const offsetMode = putCodes(
    at,
    codes + OFFSET_CODE,
    OFFSET_CODER,
    DISTANCE_COUNTS,
    offsetCounts,
    OFFSET_COUNTS,
    5,
    OFFSET_ACCURACY,
  );
  at = codesEnd;
  const matchMode = putCodes(
    at,
    codes + MATCH_CODE,
    MATCH_CODER,
    MATCH_COUNTS,
    matchCounts,
    MATCH_CODES,
    6,
    MATCH_ACCURACY,
  );
  store<u8>(modes, <u8>((lengthMode << 6) | (offsetMode << 4) | (matchMode << 2)));
  return putSequences(codesEnd, count);
}

/** All three alphabets at once: a count that follows on one of the same code waits for it. */
function countCodes(count: u32): void {
  memory.fill(LENGTH_COUNTS, 0, 3 * 4 * CODES_MAX);
  const end = SEQUENCES_AT + <usize>count * SEQUENCE;
  for (let at = SEQUENCES_AT; at < end; at += SEQUENCE) {
    countOne(LENGTH_COUNTS + ((<usize>load<u8>(at, LENGTH_CODE)) << 2));
    countOne(DISTANCE_COUNTS + ((<usize>load<u8>(at, OFFSET_CODE)) << 2));
    countOne(MATCH_COUNTS + ((<usize>load<u8>(at, MATCH_CODE)) << 2));
  }
}

function countOne(at: usize): void {
  store<u32>(at, load<u32>(at) + 1);
}

const PREDEFINED: u32 = 0;
const SINGLE: u32 = 1;
const DESCRIBED: u32 = 2;

let codesEnd: usize = 0;

/**
 * Builds the coder for the codes of all sequences, the first at `codes`, in the mode that takes fewest bits, and
 * writes what that mode needs (up to `codesEnd`).
 */
function putCodes(
  to: usize,
  codes: usize,
  coder: usize,
  counts: usize,
  predefined: usize,
  kinds: u32,
  predefinedAccuracy: u32,
  mostAccuracy: u32,
): u32 {
  const total = sequenceCount();
  let used: u32 = 0;
  for (let code: u32 = 0; code < kinds; code++) if (load<u32>(counts + ((<usize>code) << 2)) != 0) used++;
  codesEnd = to;
  let mode = PREDEFINED;
  // One sequence alone takes five or six bits by the predefined table: less than its code in a byte.
  if (used == 1 && total > 2) {
    mode = SINGLE;
    store<u8>(codesEnd++, load<u8>(codes));
    singleTable(TABLE_AT, load<u8>(codes));
  } else {
    const accuracy = accuracyFor(total, used, mostAccuracy);
    normalize(counts, SHARES_AT, kinds, total, accuracy);
    const description = <u32>(putTable(DESCRIPTION_AT, SHARES_AT, accuracy) - DESCRIPTION_AT);
    const own = costOf(counts, SHARES_AT, kinds, accuracy) + (description << 11);
    if (used > 1 && own < costOf(counts, predefined, kinds, predefinedAccuracy)) {
      mode = DESCRIBED;
      memory.copy(codesEnd, DESCRIPTION_AT, description);
      codesEnd += description;
      buildTable(TABLE_AT, accuracy, kinds, SHARES_AT, WORK_AREA_AT);
    } else buildTable(TABLE_AT, predefinedAccuracy, kinds, predefined, WORK_AREA_AT);
  }
  buildCoder(coder, TABLE_AT);
  return mode;
}

/** §3.1.1.3.2.1.2, from the last to the first, and each one's parts in the order opposite to reading. */
function putSequences(to: usize, count: u32): usize {
  let at = SEQUENCES_AT + <usize>(count - 1) * SEQUENCE;
  let lengthState = lastState(LENGTH_CODER, load<u8>(at, LENGTH_CODE));
  let offsetState = lastState(OFFSET_CODER, load<u8>(at, OFFSET_CODE));
  let matchState = lastState(MATCH_CODER, load<u8>(at, MATCH_CODE));
  // What putBits does, in locals: a global would go to memory and back for each sequence.
  let hold: u64 = 0;
  let held: u32 = 0;
  while (true) {
    hold |= extrasOf(at) << held;
    held += extraBits(at);
    store<u64>(to, hold);
    to += held >> 3;
    hold >>= held & ~7;
    held &= 7;
    if (at == SEQUENCES_AT) break;
    at -= SEQUENCE;
    const offsetCode = load<u8>(at, OFFSET_CODE);
    const matchCode = load<u8>(at, MATCH_CODE);
    const lengthCode = load<u8>(at, LENGTH_CODE);
    const offsetBits = bitsFor(OFFSET_CODER, offsetCode, offsetState);
    const matchBits = bitsFor(MATCH_CODER, matchCode, matchState);
    const lengthBits = bitsFor(LENGTH_CODER, lengthCode, lengthState);
    hold |=
      (lowBits(offsetState, offsetBits) |
        (lowBits(matchState, matchBits) << offsetBits) |
        (lowBits(lengthState, lengthBits) << (offsetBits + matchBits))) <<
      held;
    held += offsetBits + matchBits + lengthBits;
    store<u64>(to, hold);
    to += held >> 3;
    hold >>= held & ~7;
    held &= 7;
    offsetState = stateBefore(OFFSET_CODER, offsetCode, offsetState >> offsetBits);
    matchState = stateBefore(MATCH_CODER, matchCode, matchState >> matchBits);
    lengthState = stateBefore(LENGTH_CODER, lengthCode, lengthState >> lengthBits);
  }
  startBits(to, hold, held);
  putState(MATCH_CODER, matchState);
  putState(OFFSET_CODER, offsetState);
  putState(LENGTH_CODER, lengthState);
  return endStream();
}

/** What codes leave open: a base is a multiple of what its extra bits count to, that of matches plus 3. */
function extrasOf(at: usize): u64 {
  const lengthBits = <u32>load<u8>(lengthExtra + load<u8>(at, LENGTH_CODE));
  const matchBits = <u32>load<u8>(matchExtra + load<u8>(at, MATCH_CODE));
  const offsetBits = <u32>load<u8>(at, OFFSET_CODE);
  return (
    lowBits(load<u32>(at, LITERAL_LENGTH), lengthBits) |
    (lowBits(load<u32>(at, MATCH_LENGTH) - 3, matchBits) << lengthBits) |
    (lowBits(load<u32>(at, OFFSET_VALUE), offsetBits) << (lengthBits + matchBits))
  );
}

/** How many bits they are. */
function extraBits(at: usize): u32 {
  return (
    <u32>load<u8>(lengthExtra + load<u8>(at, LENGTH_CODE)) +
    <u32>load<u8>(matchExtra + load<u8>(at, MATCH_CODE)) +
    <u32>load<u8>(at, OFFSET_CODE)
  );
}
