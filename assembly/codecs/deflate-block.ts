// RFC 1951 writing, the coding: literals and matches are gathered and go out as one dynamic block (§3.2.7).
import { buildLengths } from "./huffman";
import { INFLATE_END } from "./inflate";

export const MIN_MATCH: u32 = 3;
export const MAX_MATCH: u32 = 258;

const BLOCK_SYMBOLS: u32 = 16384;
const LITERALS: u32 = 286;
const DISTANCES: u32 = 30;
const CODE_LENGTHS: u32 = 19;
const END_OF_BLOCK: u32 = 256;

// Behind what inflate uses. A symbol is distance << 16 | length, or distance 0 and a literal.
const SYMBOLS_AT: usize = (INFLATE_END + 3) & ~3;
const LITERAL_COUNTS: usize = SYMBOLS_AT + 4 * BLOCK_SYMBOLS;
const DISTANCE_COUNTS: usize = LITERAL_COUNTS + 4 * LITERALS;
const CODE_COUNTS: usize = DISTANCE_COUNTS + 4 * DISTANCES;
const COUNTS_END: usize = CODE_COUNTS + 4 * CODE_LENGTHS;
const LENGTHS: usize = COUNTS_END;
const CODE_LENGTH_LENGTHS: usize = LENGTHS + LITERALS + DISTANCES;
// A code is code << 8 | bits, its bits in the order in which they go out.
const LITERAL_CODES: usize = (CODE_LENGTH_LENGTHS + CODE_LENGTHS + 3) & ~3;
const DISTANCE_CODES: usize = LITERAL_CODES + 4 * LITERALS;
const CODE_CODES: usize = DISTANCE_CODES + 4 * DISTANCES;
const SCRATCH: usize = CODE_CODES + 4 * CODE_LENGTHS;
/** The search's tables lie behind. */
export const BLOCK_END: usize = SCRATCH + 20 * LITERALS;

/** §3.2.7. */
const lengthOrder = memory.data<u8>([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]);

let start: usize = 0;
let output: usize = 0;
let outputEnd: usize = 0;
let hold: u64 = 0;
let held: u32 = 0;
let symbolsEnd: usize = 0;

export function startBlocks(to: usize, capacity: u32): void {
  start = output = to;
  outputEnd = to + capacity;
  hold = held = 0;
  startBlock();
}

function startBlock(): void {
  symbolsEnd = SYMBOLS_AT;
  memory.fill(LITERAL_COUNTS, 0, COUNTS_END - LITERAL_COUNTS);
}

/** True where the next literal and match need a new block. */
export function blockIsFull(): bool {
  return symbolsEnd >= SYMBOLS_AT + 4 * (BLOCK_SYMBOLS - 2);
}

export function addLiteral(byte: u32): void {
  store<u32>(symbolsEnd, byte);
  symbolsEnd += 4;
  count(LITERAL_COUNTS, byte);
}

export function addMatch(length: u32, distance: u32): void {
  store<u32>(symbolsEnd, (distance << 16) | length);
  symbolsEnd += 4;
  count(LITERAL_COUNTS, lengthCode(length));
  count(DISTANCE_COUNTS, distanceCode(distance));
}

/** The last byte goes out; the length of all, 0 if they did not fit. */
export function finishBlocks(): u32 {
  store<u8>(output, <u8>hold);
  output += (held + 7) >> 3;
  return output > outputEnd ? 0 : <u32>(output - start);
}

function count(at: usize, index: u32): void {
  const slot = at + ((<usize>index) << 2);
  store<u32>(slot, load<u32>(slot) + 1);
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

/** At most 32 bits at a time. */
function put(value: u32, bits: u32): void {
  hold |= (<u64>value) << held;
  held += bits;
  store<u64>(output, hold);
  const whole = held & ~7;
  output += whole >> 3;
  hold >>= whole;
  held -= whole;
}

function putCode(codes: usize, symbol: u32): void {
  const code = load<u32>(codes + ((<usize>symbol) << 2));
  put(code >> 8, code & 0xff);
}

/** Canonical codes (§3.2.2), bits reversed, since they go out lowest bit first. */
function assignCodes(lengths: usize, codes: usize, total: u32): void {
  let code: u32 = 0;
  for (let length: u32 = 1; length <= 15; length++) {
    for (let symbol: u32 = 0; symbol < total; symbol++) {
      if (load<u8>(lengths + symbol) != length) continue;
      let reversed: u32 = 0;
      for (let bit: u32 = 0; bit < length; bit++) reversed |= ((code >> bit) & 1) << (length - 1 - bit);
      store<u32>(codes + ((<usize>symbol) << 2), (reversed << 8) | length);
      code++;
    }
    code <<= 1;
  }
}

/** Sends what was gathered; false: it does not fit. */
export function writeBlock(last: bool): bool {
  count(LITERAL_COUNTS, END_OF_BLOCK);
  buildLengths(LITERAL_COUNTS, LENGTHS, LITERALS, 15, SCRATCH);
  const distanceLengths = LENGTHS + LITERALS;
  buildLengths(DISTANCE_COUNTS, distanceLengths, DISTANCES, 15, SCRATCH);
  assignCodes(LENGTHS, LITERAL_CODES, LITERALS);
  assignCodes(distanceLengths, DISTANCE_CODES, DISTANCES);
  put(last ? 1 : 0, 1);
  put(2, 2);
  writeLengths();
  if (!writeSymbols()) return false;
  putCode(LITERAL_CODES, END_OF_BLOCK);
  startBlock();
  return true;
}

function writeSymbols(): bool {
  for (let at = SYMBOLS_AT; at < symbolsEnd; at += 4) {
    if (output > outputEnd) return false;
    const symbol = load<u32>(at);
    const distance = symbol >> 16;
    const length = symbol & 0xffff;
    if (distance == 0) {
      putCode(LITERAL_CODES, length);
      continue;
    }
    const code = lengthCode(length);
    putCode(LITERAL_CODES, code);
    const extra = lengthExtraBits(code);
    if (extra != 0) put((length - MIN_MATCH) & ((1 << extra) - 1), extra);
    const far = distanceCode(distance);
    putCode(DISTANCE_CODES, far);
    const farExtra = distanceExtraBits(far);
    put((distance - 1) & ((1 << farExtra) - 1), farExtra);
  }
  return output <= outputEnd;
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
  putCode(CODE_CODES, symbol);
  put(extra, bits);
}
