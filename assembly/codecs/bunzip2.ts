// bzip2 reading: one stream → at most `capacity` bytes. Its blocks are what is left of the text after four steps, undone
// here from last to first: runs of four equal bytes and a count, the Burrows-Wheeler transform, move to front with runs
// of zeros as numbers, Huffman codes of which every 50 symbols choose a table. Bits come from the highest down.
//
//   stream   "BZh", '1'-'9' block size in 100 000 bytes | blocks | 177245385090h, CRC of the CRCs
//   block    314159265359h, u32 CRC, 1 randomised, 24 origin | map of the bytes in use | tables, selectors | symbols

const BLOCK_UNIT: u32 = 100_000;
const BLOCK_MAX: u32 = 9 * BLOCK_UNIT;
const GROUP: u32 = 50;
const TABLES_MAX: usize = 6;
const SELECTORS_MAX: u32 = 18_002;
const SYMBOLS_MAX: u32 = 258;
const CODE_MAX: u32 = 20;

/** Symbols: two digits of a run's length, then the places in the list but the first, then the block's end. */
const RUN_B: u32 = 1;

const STREAM_MAGIC: u32 = 0x42_5a_68; // "BZh"
const BLOCK_MAGIC: u64 = 0x3141_5926_5359;
const END_MAGIC: u64 = 0x1772_4538_5090;
/** CRC-32 with the highest bit first. */
const POLYNOMIAL: u32 = 0x04c1_1db7;

// What the reader keeps, from `room` on. A word: a byte of the block's last column, above it where the next one is.
const WORDS: usize = 0;
const SELECTORS: usize = WORDS + 4 * BLOCK_MAX;
/** Bytes in use, the latest first. */
const LIST: usize = SELECTORS + SELECTORS_MAX + 2;
const STARTS: usize = LIST + 256;
const CRC_TABLE: usize = STARTS + 4 * 256;
const LENGTHS: usize = CRC_TABLE + 4 * 256;
/** Tables: by length the end of its codes, aligned to the longest, and what leads from a code to its symbol's place. */
const TABLES: usize = LENGTHS + SYMBOLS_MAX + 2;
const LIMIT: usize = 0;
const SHIFT: usize = LIMIT + 4 * (CODE_MAX + 1);
const SYMBOLS: usize = SHIFT + 4 * (CODE_MAX + 1);
const TABLE_SIZE: usize = SYMBOLS + 2 * SYMBOLS_MAX;

/** Bytes that the caller gives the reader to work in. */
export const BUNZIP2_ROOM: usize = TABLES + TABLES_MAX * TABLE_SIZE;

let input: usize = 0;
let inputEnd: usize = 0;
let output: usize = 0;
let outputEnd: usize = 0;
let room: usize = 0;
let hold: u64 = 0;
let held: u32 = 0;
let damaged: bool = false;

/** Makes `count` bits, at most 32, available; past the input's end they are zeros, and the stream is damaged. */
function refill(count: u32): void {
  while (held < count) {
    hold = (hold << 8) | (input < inputEnd ? load<u8>(input) : 0);
    damaged = damaged || input > inputEnd + 4;
    input++;
    held += 8;
  }
}

function take(count: u32): u32 {
  refill(count);
  held -= count;
  return <u32>((hold >> held) & (((<u64>1) << count) - 1));
}

function take48(): u64 {
  const high = <u64>take(24);
  return (high << 24) | take(24);
}

/** Unpacks `length` bytes; what it gave, or -1 for damage. `at` is room to work in. */
export function bunzip2(from: usize, length: u32, to: usize, capacity: u32, at: usize): i32 {
  input = from;
  inputEnd = from + length;
  output = to;
  outputEnd = to + capacity;
  room = at;
  hold = held = 0;
  damaged = false;
  makeCrcTable();
  if (take(24) != STREAM_MAGIC) return -1;
  const level = take(8) - 0x30;
  if (level < 1 || level > 9) return -1;
  while (output < outputEnd) {
    const magic = take48();
    if (magic == END_MAGIC) break;
    if (magic != BLOCK_MAGIC || !readBlock(level * BLOCK_UNIT)) return -1;
  }
  return damaged ? -1 : <i32>(output - to);
}

function makeCrcTable(): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let crc = byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ ((<u32>((<i32>crc) >> 31)) & POLYNOMIAL);
    store<u32>(room + CRC_TABLE + ((<usize>byte) << 2), crc);
  }
}

function readBlock(limit: u32): bool {
  const crc = take(32);
  // Blocks were shuffled by early versions only, until 1996.
  if (take(1) != 0) return false;
  const origin = take(24);
  const used = readMap();
  if (used == 0) return false;
  const tables = take(3);
  const selectors = take(15);
  if (tables < 2 || tables > <u32>TABLES_MAX || selectors == 0) return false;
  if (!readSelectors(selectors, tables)) return false;
  for (let table: u32 = 0; table < tables; table++) if (!readTable(table, used + 2)) return false;
  const length = readSymbols(limit, used + 1, min(selectors, SELECTORS_MAX));
  return origin < length && writeText(origin, length) == crc;
}

/** Which of 16 rows of 16 bytes have some in use, then which those are: into the list, in order. */
function readMap(): u32 {
  const rows = take(16);
  let used: u32 = 0;
  for (let row: u32 = 0; row < 16; row++) {
    if (((rows << row) & 0x8000) == 0) continue;
    const columns = take(16);
    for (let column: u32 = 0; column < 16; column++)
      if (((columns << column) & 0x8000) != 0) store<u8>(room + LIST + used++, row * 16 + column);
  }
  return used;
}

/** Table numbers, each as its place in a list of the latest, in ones before a zero. */
function readSelectors(count: u32, tables: u32): bool {
  let order: u64 = 0x0605_0403_0201_00;
  for (let n: u32 = 0; n < count && !damaged; n++) {
    let place: u32 = 0;
    while (take(1) != 0) if (++place >= tables) return false;
    const bit = place << 3;
    const table = (order >> bit) & 0xff;
    const before = order & (((<u64>1) << bit) - 1);
    order = (order & ~((((<u64>1) << bit) << 8) - 1)) | (before << 8) | table;
    if (n < SELECTORS_MAX) store<u8>(room + SELECTORS + n, <u8>table);
  }
  return !damaged;
}

/** The code lengths, each by steps up or down from the one before; then the codes, shorter and lower symbols first. */
function readTable(number: u32, symbols: u32): bool {
  let length = take(5);
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    while (take(1) != 0) {
      length += take(1) != 0 ? -1 : 1;
      if (damaged || length < 1 || length > CODE_MAX) return false;
    }
    if (length < 1 || length > CODE_MAX) return false;
    store<u8>(room + LENGTHS + symbol, <u8>length);
  }
  const table = room + TABLES + <usize>number * TABLE_SIZE;
  let code: u32 = 0;
  let place: u32 = 0;
  for (let bits: u32 = 1; bits <= CODE_MAX; bits++) {
    code <<= 1;
    store<i32>(table + SHIFT + ((<usize>bits) << 2), <i32>(place - code));
    for (let symbol: u32 = 0; symbol < symbols; symbol++) {
      if (load<u8>(room + LENGTHS + symbol) != bits) continue;
      store<u16>(table + SYMBOLS + ((<usize>place) << 1), <u16>symbol);
      place++;
      code++;
    }
    store<u32>(table + LIMIT + ((<usize>bits) << 2), code << (CODE_MAX - bits));
  }
  return true;
}

/** The next symbol by `table`; any, and the stream damaged, if there is none. */
function readSymbol(table: usize): u32 {
  refill(CODE_MAX);
  const next = <u32>((hold >> (held - CODE_MAX)) & ((1 << CODE_MAX) - 1));
  let bits: u32 = 1;
  while (bits <= CODE_MAX && next >= load<u32>(table + LIMIT + ((<usize>bits) << 2))) bits++;
  if (bits > CODE_MAX) {
    damaged = true;
    return 0;
  }
  held -= bits;
  const place = <i32>(next >> (CODE_MAX - bits)) + load<i32>(table + SHIFT + ((<usize>bits) << 2));
  return load<u16>(table + SYMBOLS + ((<usize>place) << 1));
}

/** The block's last column into the words, and how many there are of each byte: its length; 0 for damage. */
function readSymbols(limit: u32, end: u32, selectors: u32): u32 {
  memory.fill(room + STARTS, 0, 4 * 256);
  let length: u32 = 0;
  let run: u32 = 0;
  let weight: u32 = 1;
  let group: u32 = 0;
  let left: u32 = 0;
  let table: usize = 0;
  while (!damaged) {
    if (left == 0) {
      if (group == selectors) return 0;
      table = room + TABLES + <usize>load<u8>(room + SELECTORS + group++) * TABLE_SIZE;
      left = GROUP;
    }
    left--;
    const symbol = readSymbol(table);
    if (symbol <= RUN_B) {
      run += weight << symbol;
      weight <<= 1;
      if (run > limit) return 0;
      continue;
    }
    if (length + run + 1 > limit && (symbol != end || length + run > limit)) return 0;
    if (run != 0) {
      append(load<u8>(room + LIST), length, run);
      length += run;
      run = 0;
      weight = 1;
    }
    if (symbol == end) return length;
    append(moveToFront(symbol - 1), length, 1);
    length++;
  }
  return 0;
}

function append(byte: u32, at: u32, count: u32): void {
  const start = room + STARTS + ((<usize>byte) << 2);
  store<u32>(start, load<u32>(start) + count);
  for (let n: u32 = 0; n < count; n++) store<u32>(room + WORDS + ((<usize>(at + n)) << 2), byte);
}

function moveToFront(place: u32): u32 {
  const list = room + LIST;
  const byte = load<u8>(list + place);
  memory.copy(list + 1, list, place);
  store<u8>(list, byte);
  return byte;
}

/** Follows the words from `origin` on, with runs spelled out; the CRC of what it wrote. */
function writeText(origin: u32, length: u32): u32 {
  let sum: u32 = 0;
  for (let byte: usize = 0; byte < 256; byte++) {
    const start = room + STARTS + (byte << 2);
    const count = load<u32>(start);
    store<u32>(start, sum);
    sum += count;
  }
  const words = room + WORDS;
  for (let n: u32 = 0; n < length; n++) {
    const start = room + STARTS + ((<usize>load<u8>(words + ((<usize>n) << 2))) << 2);
    const place = load<u32>(start);
    store<u32>(start, place + 1);
    const word = words + ((<usize>place) << 2);
    store<u32>(word, load<u32>(word) | (n << 8));
  }
  let crc: u32 = u32.MAX_VALUE;
  let next = load<u32>(words + ((<usize>origin) << 2)) >> 8;
  let last: u32 = 0;
  let same: u32 = 0;
  for (let n: u32 = 0; n < length; n++) {
    const word = load<u32>(words + ((<usize>next) << 2));
    next = word >> 8;
    const byte = word & 0xff;
    let count: u32 = 1;
    if (same == 4) {
      count = byte;
      same = 0;
    } else {
      same = byte == last ? same + 1 : 1;
      last = byte;
    }
    if (output + count > outputEnd) {
      damaged = true;
      return ~crc;
    }
    for (; count > 0; count--) {
      store<u8>(output++, <u8>last);
      crc = (crc << 8) ^ load<u32>(room + CRC_TABLE + ((<usize>((crc >> 24) ^ last)) << 2));
    }
  }
  return ~crc;
}
