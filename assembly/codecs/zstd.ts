// RFC 8878 reading: one Zstandard frame without a dictionary → at most `capacity` bytes. The output is the window.
import { CODEC_AT } from "../block/layout";
import {
  baselineOf,
  bitsAt,
  bitsLeft,
  bitsOf,
  buildTable,
  entryOf,
  firstState,
  FSE_WORK,
  nextState,
  openStream,
  readTable,
  singleTable,
  streamStart,
  symbolOf,
} from "./fse";
import { COPY_ROOM, copyQuickly, repeatExactly, repeatQuickly } from "./match";
import {
  BLOCK_MAX,
  HUFFMAN_BITS,
  LENGTH_ACCURACY,
  LENGTH_CODES,
  lengthBase,
  lengthCounts,
  lengthExtra,
  MAGIC,
  MATCH_ACCURACY,
  MATCH_CODES,
  matchBase,
  matchCounts,
  matchExtra,
  OFFSET_ACCURACY,
  OFFSET_CODES,
  OFFSET_COUNTS,
  offsetCounts,
  WEIGHT_ACCURACY,
} from "./zstd-codes";
import { xxh64 } from "./xxh64";

/** Entries: symbol | bits << 8. */
const HUFFMAN_AT: usize = CODEC_AT;
const WEIGHTS_AT: usize = HUFFMAN_AT + (2 << 11);
/** Where the entries of each weight begin, then where the next one goes. */
const STARTS_AT: usize = WEIGHTS_AT + 512;
const STARTS_SIZE: usize = 4 * (HUFFMAN_BITS + 2);
/** §4.2.1.2: the table that weights are coded with. */
const WEIGHT_TABLE_AT: usize = STARTS_AT + 64;
/** §3.1.1.3.2.1.1: the three alphabets of sequences. */
const LENGTH_TABLE_AT: usize = WEIGHT_TABLE_AT + 512;
const OFFSET_TABLE_AT: usize = LENGTH_TABLE_AT + 4096;
const MATCH_TABLE_AT: usize = OFFSET_TABLE_AT + 4096;
const WORK_AREA_AT: usize = MATCH_TABLE_AT + 4096;
const LITERALS_AT: usize = WORK_AREA_AT + FSE_WORK;

let input: usize = 0;
let inputEnd: usize = 0;
let output: usize = 0;
let outputStart: usize = 0;
let outputEnd: usize = 0;
/** The frame ends with a checksum of its content. */
let hasChecksum: bool = false;
/** Bits of the longest Huffman code; 0: no tree has come yet. */
let huffmanBits: u32 = 0;
/** Which sequence tables have come, by their shift in the modes byte. */
let tablesKnown: u32 = 0;
let literals: usize = 0;
let literalsEnd: usize = 0;
// §3.1.1.5: the three offsets that came last.
let recent1: u32 = 0;
let recent2: u32 = 0;
let recent3: u32 = 0;

/** Decodes the frame at `from`; returns the bytes it gave, or -1 if it is damaged or gives more than `capacity`. */
export function unzstd(from: usize, length: u32, to: usize, capacity: u32): i32 {
  input = from;
  inputEnd = from + length;
  output = outputStart = to;
  outputEnd = to + capacity;
  huffmanBits = tablesKnown = 0;
  recent1 = 1;
  recent2 = 4;
  recent3 = 8;
  if (!frameHeader()) return -1;
  let last = false;
  while (!last) {
    if (input + 3 > inputEnd) return -1;
    const header = load<u32>(input) & 0xffffff;
    input += 3;
    last = (header & 1) != 0;
    if (!block((header >> 1) & 3, header >> 3)) return -1;
  }
  if (hasChecksum && !checksumIsRight()) return -1;
  return <i32>(output - outputStart);
}

/** §3.1.1: the lower half of the content's XXH64. */
function checksumIsRight(): bool {
  return input + 4 <= inputEnd && load<u32>(input) == <u32>xxh64(outputStart, <u32>(output - outputStart));
}

/** §3.1.1.1. What it says of sizes is not needed: the caller knows how much may come. */
function frameHeader(): bool {
  if (input + 5 > inputEnd || load<u32>(input) != MAGIC) return false;
  const descriptor = <u32>load<u8>(input + 4);
  const single = (descriptor >> 5) & 1;
  const sizeFlag = descriptor >> 6;
  hasChecksum = ((descriptor >> 2) & 1) != 0;
  const dictionary = descriptor & 3;
  const reserved = (descriptor >> 3) & 1;
  if (dictionary != 0 || reserved != 0) return false;
  const sizeBytes: u32 = sizeFlag == 0 ? single : 1 << sizeFlag;
  input += 5 + (1 - single) + sizeBytes;
  return input <= inputEnd;
}

/** §3.1.1.2: raw, one byte repeated, or compressed. */
function block(type: u32, size: u32): bool {
  if (size > BLOCK_MAX || type == 3) return false;
  const stored: u32 = type == 1 ? 1 : size;
  if (input + stored > inputEnd) return false;
  if (type == 2) {
    const end = input + size;
    if (!literalsSection(end) || !sequencesSection(end)) return false;
    input = end;
    return true;
  }
  if (output + size > outputEnd) return false;
  if (type == 0) memory.copy(output, input, size);
  else memory.fill(output, load<u8>(input), size);
  input += stored;
  output += size;
  return true;
}

/** §3.1.1.3.1. */
function literalsSection(end: usize): bool {
  if (input >= end) return false;
  const type = (<u32>load<u8>(input)) & 3;
  const format = ((<u32>load<u8>(input)) >> 2) & 3;
  if (type < 2) {
    const bytes: u32 = (format & 1) == 0 ? 1 : format == 1 ? 2 : 3;
    const size = (load<u32>(input) & ((1 << (bytes << 3)) - 1)) >> (bytes == 1 ? 3 : 4);
    input += bytes;
    const stored = type == 0 ? size : 1;
    if (size > BLOCK_MAX || input + stored > end) return false;
    if (type == 0) literals = input;
    else {
      memory.fill(LITERALS_AT, load<u8>(input), size);
      literals = LITERALS_AT;
    }
    input += stored;
    literalsEnd = literals + size;
    return true;
  }
  const width: u32 = format < 2 ? 10 : format == 2 ? 14 : 18;
  const header = load<u64>(input) >> 4;
  const mask = ((<u64>1) << width) - 1;
  const size = <u32>(header & mask);
  const packed = <u32>((header >> width) & mask);
  input += (width * 2 + 4) >> 3;
  if (size > BLOCK_MAX || input + packed > end) return false;
  const next = input + packed;
  if (type == 2 && !huffmanTree(next)) return false;
  if (huffmanBits == 0) return false;
  literals = LITERALS_AT;
  literalsEnd = literals + size;
  const sound = format == 0 ? oneStream(input, next, size) : fourStreams(next, size);
  input = next;
  return sound;
}

/** §4.2.1: the tree, as weights of all symbols but the last. */
function huffmanTree(end: usize): bool {
  if (input >= end) return false;
  const header = <u32>load<u8>(input++);
  const bytes = header < 128 ? header : (header - 126) >> 1;
  if (input + bytes > end) return false;
  let symbols: u32 = 0;
  if (header < 128) symbols = codedWeights(bytes);
  else
    for (; symbols < header - 127; symbols++)
      store<u8>(
        WEIGHTS_AT + symbols,
        (load<u8>(input + (symbols >> 1)) >> (<u8>((symbols & 1) == 0 ? 4 : 0))) & 15,
      );
  input += bytes;
  return symbols != 0 && buildHuffman(symbols);
}

/** §4.2.1.2: two states in turn, until the bits are used up. Returns the number of weights, 0 for damage. */
function codedWeights(length: u32): u32 {
  const table = WEIGHT_TABLE_AT;
  const taken = readTable(table, input, input + length, WEIGHT_ACCURACY, HUFFMAN_BITS + 1, WORK_AREA_AT);
  if (taken == 0 || !openStream(input + taken, length - taken)) return 0;
  let state = firstState(table);
  let other = firstState(table);
  let symbols: u32 = 0;
  while (symbols < 254) {
    store<u8>(WEIGHTS_AT + symbols++, <u8>symbolOf(table, state));
    const next = nextState(table, state);
    if (bitsLeft() < 0) {
      store<u8>(WEIGHTS_AT + symbols++, <u8>symbolOf(table, other));
      return symbols;
    }
    state = other;
    other = next;
  }
  return 0;
}

function buildHuffman(symbols: u32): bool {
  huffmanBits = 0;
  let sum: u32 = 0;
  for (let i: u32 = 0; i < symbols; i++) {
    const weight = <u32>load<u8>(WEIGHTS_AT + i);
    if (weight > HUFFMAN_BITS) return false;
    if (weight != 0) sum += 1 << (weight - 1);
  }
  if (sum == 0) return false;
  // The last symbol's weight is what makes the sum a power of two.
  const bits: u32 = 32 - clz(sum);
  const left: u32 = (1 << bits) - sum;
  if (bits > HUFFMAN_BITS || popcnt(left) != 1) return false;
  store<u8>(WEIGHTS_AT + symbols, <u8>(ctz(left) + 1));
  // Entries go by weight, then by symbol: first, where each weight's begin.
  memory.fill(STARTS_AT, 0, STARTS_SIZE);
  for (let symbol: u32 = 0; symbol <= symbols; symbol++) {
    const weight = <u32>load<u8>(WEIGHTS_AT + symbol);
    const next = STARTS_AT + ((<usize>(weight + 1)) << 2);
    store<u32>(next, load<u32>(next) + ((1 << weight) >> 1));
  }
  for (let weight: u32 = 1; weight <= bits; weight++) {
    const start = STARTS_AT + ((<usize>weight) << 2);
    store<u32>(start, load<u32>(start) + load<u32>(start - 4));
  }
  for (let symbol: u32 = 0; symbol <= symbols; symbol++) {
    const weight = <u32>load<u8>(WEIGHTS_AT + symbol);
    if (weight == 0) continue;
    const start = STARTS_AT + ((<usize>weight) << 2);
    const count: u32 = 1 << (weight - 1);
    fillEntries(load<u32>(start), count, symbol | ((bits + 1 - weight) << 8));
    store<u32>(start, load<u32>(start) + count);
  }
  huffmanBits = bits;
  return true;
}

/** `count` is a power of two. */
function fillEntries(first: u32, count: u32, entry: u32): void {
  const at = HUFFMAN_AT + ((<usize>first) << 1);
  const end = at + ((<usize>count) << 1);
  const entries = i16x8.splat(<i16>entry);
  if (count == 1) store<u16>(at, <u16>entry);
  else if (count == 2) store<u32>(at, entry | (entry << 16));
  else if (count == 4) store<u64>(at, i64x2.extract_lane(entries, 0));
  else for (let next = at; next < end; next += 16) v128.store(next, entries);
}

/** §3.1.1.3.1.6: three sizes, four streams; each but the last gives a quarter of the literals, rounded up. */
function fourStreams(end: usize, size: u32): bool {
  if (input + 6 > end) return false;
  const quarter: u32 = (size + 3) >> 2;
  if (quarter * 3 > size) return false;
  const first = input + 6;
  const second = first + <usize>load<u16>(input);
  const third = second + <usize>load<u16>(input + 2);
  const fourth = third + <usize>load<u16>(input + 4);
  if (fourth > end) return false;
  const rest = size - quarter * 3;
  let at1 = endOfStream(first, second);
  let at2 = endOfStream(second, third);
  let at3 = endOfStream(third, fourth);
  let at4 = endOfStream(fourth, end);
  const to = LITERALS_AT;
  let i: u32 = 0;
  // Side by side: none waits for the codes of another.
  for (; i + 4 <= rest && (at1 | at2 | at3 | at4) >= 0; i += 4) {
    at1 = fourCodes(first, at1, to + i);
    at2 = fourCodes(second, at2, to + quarter + i);
    at3 = fourCodes(third, at3, to + quarter * 2 + i);
    at4 = fourCodes(fourth, at4, to + quarter * 3 + i);
  }
  return (
    restOfStream(first, at1, to + i, quarter - i) &&
    restOfStream(second, at2, to + quarter + i, quarter - i) &&
    restOfStream(third, at3, to + quarter * 2 + i, quarter - i) &&
    restOfStream(fourth, at4, to + quarter * 3 + i, rest - i)
  );
}

function oneStream(from: usize, end: usize, size: u32): bool {
  return restOfStream(from, endOfStream(from, end), LITERALS_AT, size);
}

/** Where the bits of a stream of Huffman codes end; negative: it has none. */
function endOfStream(from: usize, end: usize): i32 {
  return openStream(from, <u32>(end - from)) ? bitsLeft() : -1;
}

/** Decodes `count` codes, the first of which ends at bit `at`; false: they are not all that there is. */
function restOfStream(from: usize, at: i32, to: usize, count: u32): bool {
  const end = to + count;
  for (; to + 4 <= end && at >= 0; to += 4) at = fourCodes(from, at, to);
  for (; to < end && at >= 0; to++) {
    const code = codeOnTop(windowBelow(from, at));
    store<u8>(to, <u8>code);
    at -= code >> 8;
  }
  return at == 0 && to == end;
}

/** Four codes have 44 bits at most, and a window 56. Returns where the next one ends. */
function fourCodes(from: usize, at: i32, to: usize): i32 {
  let window = windowBelow(from, at);
  const first = codeOnTop(window);
  window <<= first >> 8;
  const second = codeOnTop(window);
  window <<= second >> 8;
  const third = codeOnTop(window);
  window <<= third >> 8;
  const fourth = codeOnTop(window);
  store<u8>(to, <u8>first);
  store<u8>(to, <u8>second, 1);
  store<u8>(to, <u8>third, 2);
  store<u8>(to, <u8>fourth, 3);
  return at - <i32>((first >> 8) + (second >> 8) + (third >> 8) + (fourth >> 8));
}

/** The 56 bits below bit `at`, and perhaps some more, from the highest down. */
function windowBelow(from: usize, at: i32): u64 {
  return load<u64>(from + ((at >> 3) - 7)) << (8 - (at & 7));
}

/** The entry of the code in a window's highest bits. */
function codeOnTop(window: u64): u32 {
  return load<u16>(HUFFMAN_AT + ((<usize>(window >> (64 - huffmanBits))) << 1));
}

/** §3.1.1.3.2. */
function sequencesSection(end: usize): bool {
  if (input >= end) return false;
  let count = <u32>load<u8>(input++);
  if (count >= 128) {
    const long = count == 255;
    if (input + (long ? 2 : 1) > end) return false;
    count = long ? <u32>load<u16>(input) + 0x7f00 : ((count - 128) << 8) + load<u8>(input);
    input += long ? 2 : 1;
  }
  if (count != 0) {
    if (input >= end) return false;
    const modes = <u32>load<u8>(input++);
    if ((modes & 3) != 0) return false;
    if (
      !sequenceTable(
        modes,
        6,
        LENGTH_TABLE_AT,
        end,
        LENGTH_ACCURACY,
        LENGTH_CODES,
        lengthCounts,
        LENGTH_CODES,
        6,
      )
    )
      return false;
    if (
      !sequenceTable(
        modes,
        4,
        OFFSET_TABLE_AT,
        end,
        OFFSET_ACCURACY,
        OFFSET_CODES,
        offsetCounts,
        OFFSET_COUNTS,
        5,
      )
    )
      return false;
    if (
      !sequenceTable(modes, 2, MATCH_TABLE_AT, end, MATCH_ACCURACY, MATCH_CODES, matchCounts, MATCH_CODES, 6)
    )
      return false;
    if (!openStream(input, <u32>(end - input)) || !sequences(count)) return false;
  }
  return copyLiterals();
}

/** One of the three tables, by its mode: predefined, one symbol, described here, or the one of the block before. */
function sequenceTable(
  modes: u32,
  shift: u32,
  table: usize,
  end: usize,
  maxAccuracy: u32,
  codes: u32,
  counts: usize,
  countsLength: u32,
  accuracy: u32,
): bool {
  const mode = (modes >> shift) & 3;
  if (mode == 3) return (tablesKnown & (1 << shift)) != 0;
  tablesKnown |= 1 << shift;
  if (mode == 0) buildTable(table, accuracy, countsLength, counts, WORK_AREA_AT);
  else if (mode == 1) {
    if (input >= end || load<u8>(input) >= codes) return false;
    singleTable(table, load<u8>(input++));
  } else {
    const taken = readTable(table, input, end, maxAccuracy, codes - 1, WORK_AREA_AT);
    if (taken == 0) return false;
    input += taken;
  }
  return true;
}

/** §3.1.1.4: each sequence is some literals, then a match. */
function sequences(count: u32): bool {
  let lengthState = firstState(LENGTH_TABLE_AT);
  let offsetState = firstState(OFFSET_TABLE_AT);
  let matchState = firstState(MATCH_TABLE_AT);
  const stream = streamStart();
  let at = bitsLeft();
  for (let left = count; left > 0; left--) {
    const offsetEntry = entryOf(OFFSET_TABLE_AT, offsetState);
    const matchEntry = entryOf(MATCH_TABLE_AT, matchState);
    const lengthEntry = entryOf(LENGTH_TABLE_AT, lengthState);
    const offsetCode = offsetEntry & 0xff;
    const matchCode = <usize>(matchEntry & 0xff);
    const lengthCode = <usize>(lengthEntry & 0xff);
    const matchBits = <u32>load<u8>(matchExtra + matchCode);
    const lengthBits = <u32>load<u8>(lengthExtra + lengthCode);
    at -= offsetCode;
    const offset: u32 = (1 << offsetCode) + bitsAt(stream, at, offsetCode);
    at -= matchBits;
    const match = load<u32>(matchBase + (matchCode << 2)) + bitsAt(stream, at, matchBits);
    at -= lengthBits;
    const length = load<u32>(lengthBase + (lengthCode << 2)) + bitsAt(stream, at, lengthBits);
    if (left > 1) {
      at -= bitsOf(lengthEntry);
      lengthState = baselineOf(lengthEntry) + bitsAt(stream, at, bitsOf(lengthEntry));
      at -= bitsOf(matchEntry);
      matchState = baselineOf(matchEntry) + bitsAt(stream, at, bitsOf(matchEntry));
      at -= bitsOf(offsetEntry);
      offsetState = baselineOf(offsetEntry) + bitsAt(stream, at, bitsOf(offsetEntry));
    }
    if (at < 0 || !execute(length, distanceOf(offset, length), match)) return false;
  }
  return at == 0;
}

/** Puts out some literals, then repeats what came `distance` before. */
function execute(length: u32, distance: usize, match: u32): bool {
  const end = output + length + match;
  if (literals + length > literalsEnd || end > outputEnd) return false;
  const start = output + length;
  if (distance == 0 || distance > start - outputStart) return false;
  if (end + COPY_ROOM <= outputEnd) {
    copyQuickly(output, literals, length);
    repeatQuickly(start, distance, match);
  } else {
    memory.copy(output, literals, length);
    repeatExactly(start, distance, match);
  }
  literals += length;
  output = end;
  return true;
}

/** §3.1.1.5: values 1 to 3 name a recent offset, without literals the next one. */
function distanceOf(value: u32, length: u32): u32 {
  const index: u32 = value <= 3 ? value - (length != 0 ? 1 : 0) : 4;
  if (index == 0) return recent1;
  const distance: u32 = index == 1 ? recent2 : index == 2 ? recent3 : index == 3 ? recent1 - 1 : value - 3;
  if (index != 1) recent3 = recent2;
  recent2 = recent1;
  recent1 = distance;
  return distance;
}

/** What is left of them, behind the last sequence. */
function copyLiterals(): bool {
  const length = literalsEnd - literals;
  if (output + length > outputEnd) return false;
  memory.copy(output, literals, length);
  output += length;
  return true;
}
