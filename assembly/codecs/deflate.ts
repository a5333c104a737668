// RFC 1951 writing, the search for repeats: hash chains with one step of foresight. What is found goes to deflate-block.
//
// The window is 4 KiB: readers of qcow2 allocate no more (qcow2 specification, "Compressed clusters"; observed too).
// Repeats of four bytes and more are found along chains of places with the same hash; of those of just three bytes,
// which save little, only the last place is known: chains of three bytes would be many times longer.
import {
  addLiteral,
  addMatch,
  BLOCK_END,
  blockIsFull,
  finishBlocks,
  MAX_MATCH,
  MIN_MATCH,
  startBlocks,
  writeBlock,
} from "./deflate-block";
import { commonLength } from "./match";

const WINDOW: u32 = 4096;
/** Earlier places that are tried, and how many where only something better than a match in hand is looked for. */
const MAX_CHAIN: u32 = 96;
const LATER_CHAIN: u32 = 16;
/** A match in hand that is as long as this halves the search for a better one. */
const GOOD_MATCH: u32 = 8;
/** A match this long is taken as it is. */
const NICE_MATCH: u32 = 96;

const SHORT_BITS: u32 = 12;
const LONG_BITS: u32 = 14;
const SHORT_HEADS: usize = BLOCK_END;
const LONG_HEADS: usize = SHORT_HEADS + (4 << SHORT_BITS);
const CHAIN_AT: usize = LONG_HEADS + (4 << LONG_BITS);
/** For the layout of the codecs' area: where deflate's part ends. */
export const DEFLATE_END: usize = CHAIN_AT + 4 * WINDOW;

/**
 * Places are numbered on from call to call, a window apart, so that what earlier calls left in the tables is too far
 * away to be looked at. 0 is before all.
 */
let lastPlace: u32 = 0;

function hash(value: u32, bits: u32): usize {
  return (<usize>((value * 0x9e3779b1) >> (32 - bits))) << 2;
}

/** Takes the place at `at` into the tables. */
function remember(at: usize, place: u32): void {
  const bytes = load<u32>(at);
  store<u32>(SHORT_HEADS + hash(bytes << 8, SHORT_BITS), place);
  const head = LONG_HEADS + hash(bytes, LONG_BITS);
  store<u32>(CHAIN_AT + ((<usize>(place & (WINDOW - 1))) << 2), load<u32>(head));
  store<u32>(head, place);
}

let matchDistance: u32 = 0;

/**
 * The longest match for `at`, if it is longer than `least`: its length (else `least`) and matchDistance. Takes the
 * place into the tables.
 */
function findMatch(at: usize, place: u32, most: u32, least: u32, tries: u32): u32 {
  const bytes = load<u32>(at);
  const shortHead = SHORT_HEADS + hash(bytes << 8, SHORT_BITS);
  const head = LONG_HEADS + hash(bytes, LONG_BITS);
  const short = load<u32>(shortHead);
  let candidate = load<u32>(head);
  store<u32>(shortHead, place);
  store<u32>(CHAIN_AT + ((<usize>(place & (WINDOW - 1))) << 2), candidate);
  store<u32>(head, place);
  let length = least;
  if (length < MIN_MATCH && place - short <= WINDOW && (load<u32>(at - (place - short)) ^ bytes) << 8 == 0) {
    length = MIN_MATCH;
    matchDistance = place - short;
  }
  const oldest = place - WINDOW;
  while (candidate >= oldest && tries-- > 0) {
    const other = at - (place - candidate);
    // Something longer agrees in the four bytes around the end of the best so far, and in its own first four.
    const tail = length < 3 ? 0 : length - 3;
    if (load<u32>(other + tail) == load<u32>(at + tail) && load<u32>(other) == bytes) {
      const common = commonLength(other, at, most);
      if (common > length) {
        length = common;
        matchDistance = place - candidate;
        if (common >= NICE_MATCH || common == most) break;
      }
    }
    const before = load<u32>(CHAIN_AT + ((<usize>(candidate & (WINDOW - 1))) << 2));
    if (before >= candidate) break; // its slot has a later owner
    candidate = before;
  }
  return length;
}

/** Whether one literal and then the later match beats the one in hand: longer by more than its distance costs. */
function isBetter(later: u32, laterDistance: u32, length: u32, distance: u32): bool {
  return <i32>((later - length) << 2) + <i32>clz(laterDistance) - <i32>clz(distance) > 2;
}

/** More than a block's description of its codes takes, which is written before the room is looked at. */
export const PACK_MARGIN: usize = 1024;

/**
 * Deflates `length` bytes at `from` to at most `capacity` bytes at `to`; returns how many, 0 if they do not fit. Up to
 * PACK_MARGIN bytes behind `capacity` may be written to.
 */
export function deflate(from: usize, length: u32, to: usize, capacity: u32): u32 {
  if (lastPlace > 0xffff_ffff - length - 3 * WINDOW) {
    memory.fill(SHORT_HEADS, 0, CHAIN_AT - SHORT_HEADS);
    lastPlace = 0;
  }
  startBlocks(to, capacity);
  const end = from + length;
  let place = lastPlace + 2 * WINDOW;
  lastPlace = place + length;
  // Hashes read four bytes.
  const hashEnd = length >= 4 ? end - 3 : from;
  let at = from;
  let matched: u32 = 0;
  while (at < hashEnd) {
    if (blockIsFull() && !writeBlock(false)) return 0;
    if (matched == 0)
      matched = findMatch(at, place, <u32>min<usize>(MAX_MATCH, end - at), MIN_MATCH - 1, MAX_CHAIN);
    if (matched < MIN_MATCH) {
      addLiteral(load<u8>(at));
      matched = 0;
      at++;
      place++;
      continue;
    }
    const distance = matchDistance;
    let next = at + 1;
    place++;
    if (matched < NICE_MATCH && next < hashEnd) {
      const most = <u32>min<usize>(MAX_MATCH, end - next);
      const tries = matched < GOOD_MATCH ? LATER_CHAIN : LATER_CHAIN >> 1;
      const later = findMatch(next, place, most, matched - 1, tries);
      if (later >= matched && isBetter(later, matchDistance, matched, distance)) {
        addLiteral(load<u8>(at));
        at = next;
        matched = later;
        continue;
      }
      next++;
      place++;
    }
    addMatch(matched, distance);
    at += matched;
    matched = 0;
    const stop = min(at, hashEnd);
    for (; next < stop; next++, place++) remember(next, place);
    place += <u32>(at - next);
  }
  for (; at < end; at++) addLiteral(load<u8>(at));
  return writeBlock(true) ? finishBlocks() : 0;
}
