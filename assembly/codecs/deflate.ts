// RFC 1951 writing: greedy matching with one step of foresight over hash chains, one dynamic block per 16,384 symbols.
//
// The window is 4 KiB: readers of qcow2 allocate no more (qcow2 specification, "Compressed clusters"; observed too).
import { CODEC_AT } from "../block/layout";
import { buildLengths } from "./huffman";

const WINDOW: u32 = 4096;
const MIN_MATCH: u32 = 3;
const MAX_MATCH: u32 = 258;
const HASH_BITS: u32 = 13;
/** Earlier places with the same hash that are tried; a match this long is not tried to be bettered. */
const MAX_CHAIN: u32 = 128;
const GOOD_MATCH: u32 = 128;
const BLOCK_SYMBOLS: u32 = 16384;
const LITERALS: u32 = 286;
const DISTANCES: u32 = 30;
const CODE_LENGTHS: u32 = 19;
const END_OF_BLOCK: u32 = 256;

// Behind what inflate uses.
const HEADS_AT: usize = CODEC_AT + 16 * 1024;
const CHAIN_AT: usize = HEADS_AT + (4 << HASH_BITS);
const SYMBOLS_AT: usize = CHAIN_AT + 4 * WINDOW;
const LITERAL_COUNTS: usize = SYMBOLS_AT + 4 * BLOCK_SYMBOLS;
const DISTANCE_COUNTS: usize = LITERAL_COUNTS + 4 * LITERALS;
const CODE_COUNTS: usize = DISTANCE_COUNTS + 4 * DISTANCES;
const COUNTS_END: usize = CODE_COUNTS + 4 * CODE_LENGTHS;
const LENGTHS: usize = COUNTS_END;
const CODE_LENGTH_LENGTHS: usize = LENGTHS + LITERALS + DISTANCES;
const LITERAL_CODES: usize = CODE_LENGTH_LENGTHS + CODE_LENGTHS + 1;
const DISTANCE_CODES: usize = LITERAL_CODES + 2 * LITERALS;
const CODE_CODES: usize = DISTANCE_CODES + 2 * DISTANCES;
const SCRATCH: usize = CODE_CODES + 2 * CODE_LENGTHS + 6;

/** §3.2.7. */
const lengthOrder = memory.data<u8>([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]);

let output: usize = 0;
let outputEnd: usize = 0;
let hold: u64 = 0;
let held: u32 = 0;
let full: bool = false;
let symbols: u32 = 0;

function put(value: u32, bits: u32): void {
  hold |= (<u64>value) << held;
  held += bits;
  if (held < 32) return;
  if (output + 4 > outputEnd) full = true;
  else {
    store<u32>(output, <u32>hold);
    output += 4;
  }
  hold >>= 32;
  held -= 32;
}

function flushBits(): void {
  for (; held > 0; held = held > 8 ? held - 8 : 0) {
    if (output >= outputEnd) full = true;
    else store<u8>(output++, <u8>hold);
    hold >>= 8;
  }
}

/** §3.2.5: codes 257-285 by length; each group of four has one extra bit more than the one before. */
function lengthCode(length: u32): u32 {
  if (length == MAX_MATCH) return 285;
  const n = length - MIN_MATCH;
  if (n < 8) return 257 + n;
  const extra = 29 - clz(n);
  return 257 + (extra << 2) + (n >> extra);
}

function lengthExtraBits(code: u32): u32 {
  return code < 265 || code == 285 ? 0 : (code - 261) >> 2;
}

function distanceCode(distance: u32): u32 {
  const n = distance - 1;
  if (n < 4) return n;
  const extra = 30 - clz(n);
  return (extra << 1) + (n >> extra);
}

function distanceExtraBits(code: u32): u32 {
  return code < 4 ? 0 : (code - 2) >> 1;
}

function count(at: usize, index: u32): void {
  const slot = at + ((<usize>index) << 2);
  store<u32>(slot, load<u32>(slot) + 1);
}

/** One literal (distance 0) or match; ends the block when it is full. */
function emit(length: u32, distance: u32): void {
  store<u32>(SYMBOLS_AT + ((<usize>symbols) << 2), (distance << 16) | length);
  symbols++;
  if (distance == 0) count(LITERAL_COUNTS, length);
  else {
    count(LITERAL_COUNTS, lengthCode(length));
    count(DISTANCE_COUNTS, distanceCode(distance));
  }
}

function hashAt(at: usize): u32 {
  // Three bytes; the multiplier spreads them over the upper bits.
  return ((load<u32>(at) << 8) * 0x9e3779b1) >> (32 - HASH_BITS);
}

let matchLength: u32 = 0;
let matchDistance: u32 = 0;

/** The longest match for `at` at most 4 KiB back: matchLength and matchDistance. */
function findMatch(start: usize, at: usize, end: usize): void {
  matchLength = MIN_MATCH - 1;
  const most = <u32>min<usize>(MAX_MATCH, end - at);
  const position = <u32>(at - start) + 1; // 0 means "none"
  let candidate = load<u32>(HEADS_AT + ((<usize>hashAt(at)) << 2));
  for (let tries = MAX_CHAIN; candidate != 0 && position - candidate <= WINDOW && tries > 0; tries--) {
    const other = start + candidate - 1;
    if (load<u8>(other + matchLength) == load<u8>(at + matchLength)) {
      const length = common(other, at, most);
      if (length > matchLength) {
        matchLength = length;
        matchDistance = position - candidate;
        if (length >= GOOD_MATCH || length == most) break;
      }
    }
    const before = load<u32>(CHAIN_AT + ((<usize>(candidate & (WINDOW - 1))) << 2));
    if (before >= candidate) break; // its slot has a later owner
    candidate = before;
  }
  if (matchLength < MIN_MATCH) matchLength = 0;
}

function common(a: usize, b: usize, most: u32): u32 {
  let n: u32 = 0;
  while (n + 8 <= most) {
    const differ = load<u64>(a + n) ^ load<u64>(b + n);
    if (differ != 0) return n + ((<u32>ctz(differ)) >> 3);
    n += 8;
  }
  while (n < most && load<u8>(a + n) == load<u8>(b + n)) n++;
  return n;
}

function remember(start: usize, at: usize): void {
  const head = HEADS_AT + ((<usize>hashAt(at)) << 2);
  const position = <u32>(at - start) + 1;
  store<u32>(CHAIN_AT + ((<usize>(position & (WINDOW - 1))) << 2), load<u32>(head));
  store<u32>(head, position);
}

/** Deflates `length` bytes at `from` to at most `capacity` bytes at `to`; returns how many, 0 if they do not fit. */
export function deflate(from: usize, length: u32, to: usize, capacity: u32): u32 {
  output = to;
  outputEnd = to + capacity;
  hold = held = symbols = 0;
  full = false;
  memory.fill(HEADS_AT, 0, 4 << HASH_BITS);
  memory.fill(LITERAL_COUNTS, 0, COUNTS_END - LITERAL_COUNTS);
  const end = from + length;
  // Hashes read four bytes.
  const hashEnd = length >= 4 ? end - 4 : from;
  let at = from;
  while (at < end && !full) {
    if (symbols >= BLOCK_SYMBOLS - 2) writeBlock(false);
    if (at >= hashEnd) {
      emit(load<u8>(at++), 0);
      continue;
    }
    findMatch(from, at, end);
    remember(from, at);
    let size = matchLength;
    const distance = matchDistance;
    if (size != 0 && size < GOOD_MATCH && at + 1 < hashEnd) {
      // One byte later there may be a longer one: then this byte goes out alone.
      findMatch(from, at + 1, end);
      if (matchLength > size) size = 0;
    }
    if (size == 0) {
      emit(load<u8>(at++), 0);
      continue;
    }
    emit(size, distance);
    const next = at + size;
    for (at++; at < next; at++) if (at < hashEnd) remember(from, at);
  }
  writeBlock(true);
  flushBits();
  return full ? 0 : <u32>(output - to);
}

/** Canonical codes (§3.2.2), bits reversed, since they go out lowest bit first. */
function assignCodes(lengths: usize, codes: usize, total: u32): void {
  let code: u32 = 0;
  for (let length: u32 = 1; length <= 15; length++) {
    for (let symbol: u32 = 0; symbol < total; symbol++) {
      if (load<u8>(lengths + symbol) != length) continue;
      let reversed: u32 = 0;
      for (let bit: u32 = 0; bit < length; bit++) reversed |= ((code >> bit) & 1) << (length - 1 - bit);
      store<u16>(codes + ((<usize>symbol) << 1), <u16>reversed);
      code++;
    }
    code <<= 1;
  }
}

function putCode(codes: usize, lengths: usize, symbol: u32): void {
  put(load<u16>(codes + ((<usize>symbol) << 1)), load<u8>(lengths + symbol));
}

function writeBlock(last: bool): void {
  count(LITERAL_COUNTS, END_OF_BLOCK);
  buildLengths(LITERAL_COUNTS, LENGTHS, LITERALS, 15, SCRATCH);
  const distanceLengths = LENGTHS + LITERALS;
  buildLengths(DISTANCE_COUNTS, distanceLengths, DISTANCES, 15, SCRATCH);
  assignCodes(LENGTHS, LITERAL_CODES, LITERALS);
  assignCodes(distanceLengths, DISTANCE_CODES, DISTANCES);
  put(last ? 1 : 0, 1);
  put(2, 2);
  writeLengths();
  for (let i: u32 = 0; i < symbols; i++) {
    const symbol = load<u32>(SYMBOLS_AT + ((<usize>i) << 2));
    const distance = symbol >> 16;
    const length = symbol & 0xffff;
    if (distance == 0) {
      putCode(LITERAL_CODES, LENGTHS, length);
      continue;
    }
    const code = lengthCode(length);
    putCode(LITERAL_CODES, LENGTHS, code);
    const extra = lengthExtraBits(code);
    put((length - MIN_MATCH) & ((1 << extra) - 1), extra);
    const far = distanceCode(distance);
    putCode(DISTANCE_CODES, distanceLengths, far);
    const farExtra = distanceExtraBits(far);
    put((distance - 1) & ((1 << farExtra) - 1), farExtra);
  }
  putCode(LITERAL_CODES, LENGTHS, END_OF_BLOCK);
  symbols = 0;
  memory.fill(LITERAL_COUNTS, 0, COUNTS_END - LITERAL_COUNTS);
}

/** The two alphabets' lengths, all of them, in the code of §3.2.7; runs are counted first, then sent. */
function writeLengths(): void {
  sendLengths(false);
  buildLengths(CODE_COUNTS, CODE_LENGTH_LENGTHS, CODE_LENGTHS, 7, SCRATCH);
  assignCodes(CODE_LENGTH_LENGTHS, CODE_CODES, CODE_LENGTHS);
  put(LITERALS - 257, 5);
  put(DISTANCES - 1, 5);
  let sent = CODE_LENGTHS;
  while (sent > 4 && load<u8>(CODE_LENGTH_LENGTHS + load<u8>(lengthOrder + sent - 1)) == 0) sent--;
  put(sent - 4, 4);
  for (let i: u32 = 0; i < sent; i++) put(load<u8>(CODE_LENGTH_LENGTHS + load<u8>(lengthOrder + i)), 3);
  sendLengths(true);
}

function sendLengths(write: bool): void {
  const total = LITERALS + DISTANCES;
  for (let i: u32 = 0; i < total;) {
    const length = load<u8>(LENGTHS + i);
    let run: u32 = 1;
    while (i + run < total && load<u8>(LENGTHS + i + run) == length) run++;
    i += run;
    if (length == 0) {
      for (; run >= 11; run -= min<u32>(run, 138)) sendLength(18, min<u32>(run, 138) - 11, 7, write);
      if (run >= 3) {
        sendLength(17, run - 3, 3, write);
        run = 0;
      }
    } else {
      sendLength(length, 0, 0, write);
      run--;
      for (; run >= 3; run -= min<u32>(run, 6)) sendLength(16, min<u32>(run, 6) - 3, 2, write);
    }
    for (; run > 0; run--) sendLength(length, 0, 0, write);
  }
}

function sendLength(symbol: u32, extra: u32, bits: u32, write: bool): void {
  if (!write) {
    count(CODE_COUNTS, symbol);
    return;
  }
  putCode(CODE_CODES, CODE_LENGTH_LENGTHS, symbol);
  put(extra, bits);
}
