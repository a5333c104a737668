// RFC 8878 §4.1: finite state entropy tables, and the bit streams that they and Huffman codes are read from.
//
// A table is its accuracy (u32, 0 for a table of one state) and 2^accuracy entries of symbol | bits << 8 | baseline << 16:
// the next state is baseline plus that many bits.

/** Room for the normalized counts of 256 symbols, then for how many states of each are numbered. */
export const FSE_WORK: usize = 256 * 2 + 256 * 4;

export const LOWEST_ACCURACY: u32 = 5;

// Streams are read from their last bit, a 1 that marks the end, to their first.
let stream: usize = 0;
let position: i32 = 0;

/** Starts at the end of [from, from + length); false: there is no end mark. */
export function openStream(from: usize, length: u32): bool {
  if (length == 0) return false;
  const mark = <u32>load<u8>(from + length - 1);
  if (mark == 0) return false;
  stream = from;
  position = <i32>((length << 3) - clz(mark) + 23);
  return true;
}

/** Bits not read yet; negative: more were read than there are. */
export function bitsLeft(): i32 {
  return position;
}

/** Where the stream is in memory: for loops that keep its position to themselves. */
export function streamStart(): usize {
  return stream;
}

/** `count` bits, at most 32, from bit `at` of a stream on; before its start they are anything. */
export function bitsAt(stream: usize, at: i32, count: u32): u32 {
  return <u32>((load<u64>(stream + (at >> 3)) >> (at & 7)) & (((<u64>1) << count) - 1));
}

export function readBits(count: u32): u32 {
  position -= count;
  return bitsAt(stream, position, count);
}

export function firstState(table: usize): u32 {
  return readBits(load<u32>(table));
}

export function entryOf(table: usize, state: u32): u32 {
  return load<u32>(table + 4 + ((<usize>state) << 2));
}

export function bitsOf(entry: u32): u32 {
  return (entry >> 8) & 0xff;
}

export function baselineOf(entry: u32): u32 {
  return entry >> 16;
}

export function symbolOf(table: usize, state: u32): u32 {
  return entryOf(table, state) & 0xff;
}

export function nextState(table: usize, state: u32): u32 {
  const entry = entryOf(table, state);
  return baselineOf(entry) + readBits(bitsOf(entry));
}

/** A table of one state that always gives `symbol`. */
export function singleTable(table: usize, symbol: u32): void {
  store<u32>(table, 0);
  store<u32>(table + 4, symbol);
}

/**
 * Reads a table description (§4.1.1) from the front of [from, end) and builds the table; returns the bytes that it
 * took, 0 if it is damaged.
 */
export function readTable(
  table: usize,
  from: usize,
  end: usize,
  maxAccuracy: u32,
  maxSymbol: u32,
  work: usize,
): u32 {
  if (from >= end) return 0;
  const available = (<u32>(end - from)) << 3;
  const accuracy = (load<u8>(from) & 15) + LOWEST_ACCURACY;
  if (accuracy > maxAccuracy) return 0;
  let at: u32 = 4;
  let remaining: u32 = 1 << accuracy;
  let symbol: u32 = 0;
  while (remaining > 0) {
    if (symbol > maxSymbol || at > available) return 0;
    // A value up to remaining + 1: the lowest ones take one bit less.
    const width: u32 = 32 - clz(remaining + 1);
    const low: u32 = (1 << (width - 1)) - 1;
    const short: u32 = (1 << width) - 2 - remaining;
    let value = forwardBits(from, at, width);
    at += width;
    if ((value & low) < short) {
      value &= low;
      at--;
    } else if (value > low) value -= short;
    const count = <i32>value - 1;
    store<i16>(work + ((<usize>symbol) << 1), <i16>count);
    symbol++;
    remaining -= count < 0 ? 1 : count;
    for (let repeat: u32 = count == 0 ? 3 : 0; repeat == 3;) {
      if (at > available) return 0;
      repeat = forwardBits(from, at, 2);
      at += 2;
      if (symbol + repeat > maxSymbol) return 0;
      memory.fill(work + ((<usize>symbol) << 1), 0, repeat << 1);
      symbol += repeat;
    }
  }
  if (at > available) return 0;
  buildTable(table, accuracy, symbol, work, work);
  return (at + 7) >> 3;
}

function forwardBits(from: usize, at: u32, count: u32): u32 {
  return (load<u32>(from + (at >> 3)) >> (at & 7)) & ((1 << count) - 1);
}

/** Builds a table from normalized counts, -1 for "less than one" (§4.1.1). */
export function buildTable(table: usize, accuracy: u32, symbols: u32, counts: usize, work: usize): void {
  const entries = table + 4;
  const numbers = work + 256 * 2;
  const size: u32 = 1 << accuracy;
  let high = size - 1;
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const count = load<i16>(counts + ((<usize>symbol) << 1));
    store<u32>(numbers + ((<usize>symbol) << 2), count < 0 ? 1 : count);
    if (count >= 0) continue;
    store<u32>(entries + ((<usize>high) << 2), symbol);
    high--;
  }
  const step = (size >> 1) + (size >> 3) + 3;
  let place: u32 = 0;
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const count = <i32>load<i16>(counts + ((<usize>symbol) << 1));
    for (let i = 0; i < count; i++) {
      store<u32>(entries + ((<usize>place) << 2), symbol);
      do place = (place + step) & (size - 1);
      while (place > high);
    }
  }
  store<u32>(table, accuracy);
  for (let state: u32 = 0; state < size; state++) {
    const at = entries + ((<usize>state) << 2);
    const symbol = load<u32>(at);
    const number = numbers + ((<usize>symbol) << 2);
    const next = load<u32>(number);
    store<u32>(number, next + 1);
    const bits: u32 = accuracy + clz(next) - 31;
    store<u32>(at, symbol | (bits << 8) | (((next << bits) - size) << 16));
  }
}
