// RFC 8878 writing, the search for repeats: a block becomes sequences (§3.1.1.3.2) and the literals between them.
//
// Two tables hold the last place of each eight bytes and of each five. Only the first repeat that turns up is looked at,
// a long one rather than a short one; where nothing repeats, the search takes longer and longer steps. With chains of
// earlier places the output of a Debian system was 4% smaller, and took three times as long; with four bytes instead of
// five 1% smaller, and took 7% longer. In short frames, which have less to find, it is four.
import { ZSTD_AT } from "../block/layout";
import { commonLength } from "./match";
import { BLOCK_MAX, lengthBase, matchBase } from "./zstd-codes";

/** What the recent offsets find agrees in four bytes at least. */
const MIN_MATCH: u32 = 4;
const SHORT_FRAME: u32 = 32 * 1024;
/** Hashes and comparisons read so many bytes. */
const READ: u32 = 8;
/** The search takes one byte more at a time for every so many (as a power of two) without a repeat. */
const PATIENCE: u32 = 9;

/** From these on each code is for the next power of two (for matches: plus 3). */
const REGULAR_LENGTH: u32 = 64;
const REGULAR_MATCH: u32 = 131;

/** Entries of a table (as a power of two): few places need few, which stay in the processor's nearer caches. */
const TABLE_BITS: u32 = 17;
const SMALL_TABLE_BITS: u32 = 15;
const SMALL_TABLE_FRAME: u32 = 128 * 1024;
const LONG_PLACES_AT: usize = ZSTD_AT;
const SHORT_PLACES_AT: usize = LONG_PLACES_AT + (4 << TABLE_BITS);
/** Literals of the block, one after the other; copies are rounded up. */
export const LITERALS_AT: usize = SHORT_PLACES_AT + (4 << TABLE_BITS);
/** Sequences: literals, match, offset value (u32 each), and the three codes (u8) in the same order. */
export const SEQUENCES_AT: usize = LITERALS_AT + BLOCK_MAX + 16;
export const SEQUENCE: usize = 16;
export const LITERAL_LENGTH: usize = 0;
export const MATCH_LENGTH: usize = 4;
export const OFFSET_VALUE: usize = 8;
export const LENGTH_CODE: usize = 12;
export const MATCH_CODE: usize = 13;
export const OFFSET_CODE: usize = 14;
/** Codes by what they stand for, up to where they become regular. */
const LENGTH_CODES_AT: usize = SEQUENCES_AT + SEQUENCE * (BLOCK_MAX / MIN_MATCH);
const MATCH_CODES_AT: usize = LENGTH_CODES_AT + REGULAR_LENGTH;
export const MATCHES_END: usize = (MATCH_CODES_AT + REGULAR_MATCH + 15) & ~15;

let frame: usize = 0;
/**
 * Places are numbered through all frames: the frame's first is `firstPlace`, and lower ones in the tables are of frames
 * before, so that nobody need clear them.
 */
let firstPlace: u32 = 0;
let nextFirstPlace: u32 = 1;
/** Of eight bytes, as many bits are nothing to the short table. */
let ignored: u64 = 0;
/** Bits of a product that are not a table's index. */
let unhashed: u64 = 0;
let literalsEnd: usize = 0;
let sequencesEnd: usize = 0;
// §3.1.1.5: the three offsets that came last, and as they were before the block.
let recent1: u32 = 0;
let recent2: u32 = 0;
let recent3: u32 = 0;
let before1: u32 = 0;
let before2: u32 = 0;
let before3: u32 = 0;

export function startMatches(from: usize, length: u32): void {
  if (nextFirstPlace + length < nextFirstPlace) {
    memory.fill(LONG_PLACES_AT, 0, LITERALS_AT - LONG_PLACES_AT);
    nextFirstPlace = 1;
  }
  // No code but the first is 0.
  if (load<u8>(MATCH_CODES_AT + REGULAR_MATCH - 1) == 0) {
    listCodes(LENGTH_CODES_AT, lengthBase, REGULAR_LENGTH);
    listCodes(MATCH_CODES_AT, matchBase, REGULAR_MATCH);
  }
  frame = from;
  ignored = length < SHORT_FRAME ? 32 : 24;
  unhashed = 64 - (length > SMALL_TABLE_FRAME ? TABLE_BITS : SMALL_TABLE_BITS);
  firstPlace = nextFirstPlace;
  nextFirstPlace += length;
  recent1 = 1;
  recent2 = 4;
  recent3 = 8;
}

export function literalCount(): u32 {
  return <u32>(literalsEnd - LITERALS_AT);
}

export function sequenceCount(): u32 {
  return <u32>((sequencesEnd - SEQUENCES_AT) / SEQUENCE);
}

/** The block goes out as it is: readers see none of its offsets. */
export function forgetOffsets(): void {
  recent1 = before1;
  recent2 = before2;
  recent3 = before3;
}

/** Where the last place of eight bytes like those is kept. */
function longSlot(bytes: u64): usize {
  return LONG_PLACES_AT + ((<usize>((bytes * 0x9e3779b97f4a7c15) >> unhashed)) << 2);
}

/** The same of their first five, or four. */
function shortSlot(bytes: u64): usize {
  const first = bytes << ignored;
  return SHORT_PLACES_AT + ((<usize>((first * 0x9e3779b97f4a7c15) >> unhashed)) << 2);
}

function remember(at: usize): void {
  const bytes = load<u64>(at);
  const place = <u32>(at - frame) + firstPlace;
  store<u32>(longSlot(bytes), place);
  store<u32>(shortSlot(bytes), place);
}

/**
 * Whether `place` is of this frame and the bytes there are those, but for the ignored ones. Both questions are one
 * branch: the answer to the first alone is a coin's, and wrong guesses took longer than all else here.
 */
function agrees(base: usize, place: u32, bytes: u64, ignoring: u64): bool {
  const there = load<u64>(base + max(place, firstPlace));
  return <bool>((<u32>(place >= firstPlace)) & (<u32>((there ^ bytes) << ignoring == 0)));
}

/** Makes sequences and literals of [start, end), a block of the frame. */
export function findSequences(start: usize, end: usize): void {
  literalsEnd = LITERALS_AT;
  sequencesEnd = SEQUENCES_AT;
  before1 = recent1;
  before2 = recent2;
  before3 = recent3;
  // One byte further on is looked at, too.
  const stop: usize = end - start > READ ? end - READ - 1 : start;
  const first = firstPlace;
  // From a place to its address.
  const base = frame - first;
  let anchor = start;
  let at = start;
  while (at < stop) {
    const bytes = load<u64>(at);
    const place = <u32>(at - base);
    const long = longSlot(bytes);
    const short = shortSlot(bytes);
    const longPlace = load<u32>(long);
    const shortPlace = load<u32>(short);
    store<u32>(long, place);
    store<u32>(short, place);
    let found = at;
    let other: usize;
    if (recent1 <= place - first && load<u32>(at + 1 - recent1) == <u32>(bytes >> 8)) {
      // Takes hardly a bit to tell.
      found++;
      other = found - recent1;
    } else if (agrees(base, longPlace, bytes, 0)) other = base + longPlace;
    else if (agrees(base, shortPlace, bytes, ignored)) {
      other = base + shortPlace;
      const nextBytes = load<u64>(at + 1);
      const next = longSlot(nextBytes);
      const nextPlace = load<u32>(next);
      store<u32>(next, place + 1);
      if (agrees(base, nextPlace, nextBytes, 0)) {
        found++;
        other = base + nextPlace;
      }
    } else {
      at += 1 + ((at - anchor) >> PATIENCE);
      continue;
    }
    let length = commonLength(other, found, <u32>(end - found));
    while (found > anchor && other > frame && load<u8>(found - 1) == load<u8>(other - 1)) {
      found--;
      other--;
      length++;
    }
    addSequence(anchor, <u32>(found - anchor), <u32>(found - other), length);
    anchor = found + length;
    if (anchor < stop) {
      // Every eighth place: all of them cost more than they find.
      for (let inside = at + 1; inside < anchor - 2; inside += 8) remember(inside);
      remember(anchor - 2);
    }
    at = anchor;
    // What comes right behind a repeat often goes on as before the one before it.
    while (at < stop && recent2 <= <u32>(at - frame) && load<u32>(at - recent2) == load<u32>(at)) {
      const again = commonLength(at - recent2, at, <u32>(end - at));
      remember(at);
      addSequence(at, 0, recent2, again);
      at = anchor = at + again;
    }
  }
  addLiterals(anchor, <u32>(end - anchor));
}

function addLiterals(from: usize, length: u32): void {
  let to = literalsEnd;
  literalsEnd += length;
  // Few are more than 16, and to find out whether there are any takes longer than to copy them.
  do {
    v128.store(to, v128.load(from));
    to += 16;
    from += 16;
  } while (to < literalsEnd);
}

function addSequence(from: usize, literals: u32, distance: u32, match: u32): void {
  addLiterals(from, literals);
  const value = offsetValue(distance, literals);
  const at = sequencesEnd;
  sequencesEnd += SEQUENCE;
  store<u32>(at, literals, LITERAL_LENGTH);
  store<u32>(at, match, MATCH_LENGTH);
  store<u32>(at, value, OFFSET_VALUE);
  // 25 is the code for 64, and 43 that for 131.
  const lengthCode: u32 =
    literals < REGULAR_LENGTH ? <u32>load<u8>(LENGTH_CODES_AT + literals) : 25 + 25 - clz(literals);
  const matchCode: u32 =
    match < REGULAR_MATCH ? <u32>load<u8>(MATCH_CODES_AT + match) : 43 + 24 - clz(match - 3);
  store<u8>(at, <u8>lengthCode, LENGTH_CODE);
  store<u8>(at, <u8>matchCode, MATCH_CODE);
  store<u8>(at, <u8>(31 - clz(value)), OFFSET_CODE);
}

/** For each value up to `end` the last code whose base is not above it. */
function listCodes(to: usize, bases: usize, end: u32): void {
  let code: u32 = 0;
  for (let value: u32 = 0; value < end; value++) {
    while (load<u32>(bases + ((<usize>(code + 1)) << 2)) <= value) code++;
    store<u8>(to + value, <u8>code);
  }
}

/** §3.1.1.5: 1 to 3 name a recent offset, without literals the next one; others are told as they are, plus 3. */
function offsetValue(distance: u32, literals: u32): u32 {
  const shift: u32 = literals == 0 ? 1 : 0;
  if (distance == recent1 && shift == 0) return 1;
  const second = distance == recent2;
  const third = distance == recent3;
  const lower = shift == 1 && distance == recent1 - 1;
  if (!second) recent3 = recent2;
  recent2 = recent1;
  recent1 = distance;
  return second ? 2 - shift : third ? 3 - shift : lower ? 3 : distance + 3;
}
