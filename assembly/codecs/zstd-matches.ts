// RFC 8878 writing, the search for repeats: hash chains over the whole frame, with foresight. A block becomes sequences
// (§3.1.1.3.2) and the literals between them.
//
// Repeats of four bytes and more are found along short chains of places with the same hash; of eight and more, also the
// last place is known: where much is alike, chains would end before they come to it.
import { MAX_CLUSTER, ZSTD_AT } from "../block/layout";
import { commonLength } from "./match";
import { BLOCK_MAX, LENGTH_CODES, lengthBase, MATCH_CODES, matchBase } from "./zstd-codes";

const MIN_MATCH: u32 = 4;
/** Earlier places that are tried, and how many where only something better than a match in hand is looked for. */
const MAX_CHAIN: u32 = 4;
const LATER_CHAIN: u32 = 1;
/** A match this long is taken as it is. */
const NICE_MATCH: u32 = 96;
/** Hashes and comparisons read so many bytes. */
const READ: u32 = 8;

const HASH_BITS: u32 = 16;
const HEADS_AT: usize = ZSTD_AT;
const LONG_HEADS_AT: usize = HEADS_AT + (4 << HASH_BITS);
const CHAIN_AT: usize = LONG_HEADS_AT + (4 << HASH_BITS);
/** Literals of the block, one after the other. */
export const LITERALS_AT: usize = CHAIN_AT + 4 * MAX_CLUSTER;
/** Sequences: literals, match, offset value (u32 each), and the three codes (u8) in the same order. */
export const SEQUENCES_AT: usize = LITERALS_AT + BLOCK_MAX;
export const SEQUENCE: usize = 16;
export const LITERAL_LENGTH: usize = 0;
export const MATCH_LENGTH: usize = 4;
export const OFFSET_VALUE: usize = 8;
export const LENGTH_CODE: usize = 12;
export const MATCH_CODE: usize = 13;
export const OFFSET_CODE: usize = 14;
export const MATCHES_END: usize = SEQUENCES_AT + SEQUENCE * (BLOCK_MAX / MIN_MATCH);

let frame: usize = 0;
/** The first place that is not in the tables yet. */
let fresh: usize = 0;
let hashShift: u32 = 0;
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
  frame = fresh = from;
  const bits = min<u32>(HASH_BITS, max<u32>(8, 32 - clz(length)));
  hashShift = 32 - bits;
  memory.fill(HEADS_AT, 0, 4 << bits);
  memory.fill(LONG_HEADS_AT, 0, 4 << bits);
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

function headOf(at: usize): usize {
  return HEADS_AT + ((<usize>((load<u32>(at) * 0x9e3779b1) >> hashShift)) << 2);
}

function longHeadOf(at: usize): usize {
  const hash = (<u32>((load<u64>(at) * 0x9e3779b97f4a7c15) >> 32)) >> hashShift;
  return LONG_HEADS_AT + ((<usize>hash) << 2);
}

/** Places are numbered from 1 at the frame's start; 0 is none. */
function placeOf(at: usize): u32 {
  return <u32>(at - frame) + 1;
}

function chainOf(place: u32): usize {
  return CHAIN_AT + ((<usize>(place - 1)) << 2);
}

/** Takes the places before `at` into the tables. */
function rememberUntil(at: usize): void {
  for (; fresh < at; fresh++) {
    const head = headOf(fresh);
    const place = placeOf(fresh);
    store<u32>(chainOf(place), load<u32>(head));
    store<u32>(head, place);
    store<u32>(longHeadOf(fresh), place);
  }
}

let matchDistance: u32 = 0;
let matchLength: u32 = 0;
/** In quarters of a byte: what a match saves, less what its offset takes. */
let matchGain: i32 = 0;

/** Tries a recent offset, which takes hardly a bit. */
function tryRecent(at: usize, most: u32, distance: u32): void {
  if (distance > <u32>(at - frame) || load<u32>(at - distance) != load<u32>(at)) return;
  const length = commonLength(at - distance, at, most);
  const gain: i32 = (length << 2) + 1;
  if (gain <= matchGain) return;
  matchGain = gain;
  matchLength = length;
  matchDistance = distance;
}

/** Takes a match that has been found, if it gains more. */
function tryMatch(length: u32, distance: u32): void {
  const gain = <i32>(length << 2) - <i32>(32 - clz(distance));
  if (gain <= matchGain) return;
  matchGain = gain;
  matchLength = length;
  matchDistance = distance;
}

/** Looks for the match at `at` that gains most, and more than `least`; false: there is none. */
function findMatch(at: usize, end: usize, least: i32, tries: u32): bool {
  const most = <u32>(end - at);
  matchGain = least;
  tryRecent(at, most, recent1);
  tryRecent(at, most, recent2);
  tryRecent(at, most, recent3);
  rememberUntil(at);
  const own = placeOf(at);
  const bytes = load<u32>(at);
  let length: u32 = MIN_MATCH - 1;
  const long = load<u32>(longHeadOf(at));
  if (long != 0 && load<u64>(at - (own - long)) == load<u64>(at)) {
    length = commonLength(at - (own - long), at, most);
    tryMatch(length, own - long);
  }
  let place = load<u32>(headOf(at));
  for (; place != 0 && tries > 0 && length < NICE_MATCH && length < most; tries--) {
    const distance = own - place;
    const other = at - distance;
    // Something longer agrees in the four bytes around the end of the longest so far, and in its own first four.
    const tail = length - (MIN_MATCH - 1);
    if (load<u32>(other + tail) == load<u32>(at + tail) && load<u32>(other) == bytes) {
      const common = commonLength(other, at, most);
      if (common > length) {
        length = common;
        tryMatch(common, distance);
      }
    }
    place = load<u32>(chainOf(place));
  }
  return matchGain > least;
}

/** Makes sequences and literals of [start, end), a block of the frame. */
export function findSequences(start: usize, end: usize): void {
  literalsEnd = LITERALS_AT;
  sequencesEnd = SEQUENCES_AT;
  before1 = recent1;
  before2 = recent2;
  before3 = recent3;
  const stop: usize = end - start > READ ? end - READ : start;
  let anchor = start;
  let at = start;
  while (at < stop) {
    if (!findMatch(at, end, 0, MAX_CHAIN)) {
      // Where nothing has repeated for long, nothing is likely to.
      at += 1 + ((at - anchor) >> 8);
      continue;
    }
    let length = matchLength;
    let distance = matchDistance;
    let gain = matchGain;
    // One literal more is a code of its own: it must be worth it.
    for (let next = at + 1; length < NICE_MATCH && next < stop && next <= at + 2; next++) {
      if (!findMatch(next, end, gain + 4, LATER_CHAIN)) continue;
      gain = matchGain;
      at = next;
      length = matchLength;
      distance = matchDistance;
    }
    while (at > anchor && at - distance > frame && load<u8>(at - 1) == load<u8>(at - 1 - distance)) {
      at--;
      length++;
    }
    addSequence(anchor, <u32>(at - anchor), distance, length);
    at += length;
    anchor = at;
    rememberUntil(min(at, stop));
  }
  addLiterals(anchor, <u32>(end - anchor));
  if (fresh < stop) rememberUntil(stop);
}

function addLiterals(from: usize, length: u32): void {
  memory.copy(literalsEnd, from, length);
  literalsEnd += length;
}

function addSequence(from: usize, literals: u32, distance: u32, match: u32): void {
  addLiterals(from, literals);
  const value = offsetValue(distance, literals);
  const at = sequencesEnd;
  sequencesEnd += SEQUENCE;
  store<u32>(at, literals, LITERAL_LENGTH);
  store<u32>(at, match, MATCH_LENGTH);
  store<u32>(at, value, OFFSET_VALUE);
  // From 64 and 131 on each code is for the next power of two; before, they are irregular.
  const lengthCode: u32 = literals < 16 ? literals : codeOf(lengthBase, literals, 16, LENGTH_CODES);
  const matchCode: u32 = match < 35 ? match - 3 : codeOf(matchBase, match, 32, MATCH_CODES);
  store<u8>(at, <u8>lengthCode, LENGTH_CODE);
  store<u8>(at, <u8>matchCode, MATCH_CODE);
  store<u8>(at, <u8>(31 - clz(value)), OFFSET_CODE);
}

/** The last code from `code` on whose base is not above `value`. */
function codeOf(bases: usize, value: u32, code: u32, codes: u32): u32 {
  while (code + 1 < codes && load<u32>(bases + ((<usize>(code + 1)) << 2)) <= value) code++;
  return code;
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
