// RFC 8878 §4.1, the other way: symbols become finite states and bits. What is read from its end is written from its
// start: the last symbol goes first.
import { LOWEST_ACCURACY, symbolOf } from "./fse";

let output: usize = 0;
let hold: u64 = 0;
let held: u32 = 0;

/** The first bits, at most 7, may be given. */
export function startBits(to: usize, first: u64 = 0, bits: u32 = 0): void {
  output = to;
  hold = first;
  held = bits;
}

/** At most 56 bits at a time, lowest first. Up to eight bytes behind are written to. */
export function putBits(value: u64, bits: u32): void {
  hold |= value << held;
  held += bits;
  store<u64>(output, hold);
  const whole = held & ~7;
  output += whole >> 3;
  hold >>= whole;
  held -= whole;
}

/** Fills the last byte with zeros; returns where the bits end. */
export function endBits(): usize {
  store<u8>(output, <u8>hold);
  return output + ((held + 7) >> 3);
}

/** The same behind the mark that readers who come from the end look for. */
export function endStream(): usize {
  putBits(1, 1);
  return endBits();
}

// A coder is made from a reader's table: its accuracy (u32); a rule for each symbol; the states by symbol (u16).
// States are numbered from 2^accuracy on. A rule is two numbers (u32): the upper half of a state plus the first is how
// many of the state's bits are put; what is left of the state plus the second is the place of the state before.
const SYMBOLS: u32 = 64;
const RULES: usize = 4;
const RULE: usize = 8;
const STATES: usize = RULES + RULE * SYMBOLS;
const LARGEST_ACCURACY: u32 = 9;
export const CODER_SIZE: usize = STATES + (2 << LARGEST_ACCURACY);

function ruleOf(coder: usize, symbol: u32): usize {
  return coder + RULES + <usize>symbol * RULE;
}

export function buildCoder(coder: usize, table: usize): void {
  const accuracy = load<u32>(table);
  const size: u32 = 1 << accuracy;
  store<u32>(coder, accuracy);
  memory.fill(coder + RULES, 0, RULE * SYMBOLS);
  // First, rules are how many states the symbol has, and where the next of them goes.
  for (let state: u32 = 0; state < size; state++) {
    const rule = ruleOf(coder, symbolOf(table, state));
    store<u32>(rule, load<u32>(rule) + 1);
  }
  let start: u32 = 0;
  for (let symbol: u32 = 0; symbol < SYMBOLS; symbol++) {
    store<u32>(ruleOf(coder, symbol), start, 4);
    start += load<u32>(ruleOf(coder, symbol));
  }
  for (let state: u32 = 0; state < size; state++) {
    const rule = ruleOf(coder, symbolOf(table, state));
    const place = load<u32>(rule, 4);
    store<u16>(coder + STATES + ((<usize>place) << 1), <u16>(size + state));
    store<u32>(rule, place + 1, 4);
  }
  for (let symbol: u32 = 0; symbol < SYMBOLS; symbol++) {
    const rule = ruleOf(coder, symbol);
    const count = load<u32>(rule);
    if (count == 0) continue;
    // Bits are put until a number from `count` up to its double is left: those number the symbol's states (§4.1.1).
    const most = accuracy - (count == 1 ? 0 : 31 - clz(count - 1));
    store<u32>(rule, (most << 16) - (count << most));
    store<u32>(rule, load<u32>(rule, 4) - 2 * count, 4);
  }
}

/** The state for the last symbol: its first, which is left with a bit at least, so that readers see the end. */
export function lastState(coder: usize, symbol: u32): u32 {
  const rule = load<u32>(ruleOf(coder, symbol));
  const most = (rule + 0x8000) >> 16;
  return stateBefore(coder, symbol, ((most << 16) - rule) >> most);
}

/** How many bits of `state` are put for a symbol that comes before it. */
export function bitsFor(coder: usize, symbol: u32, state: u32): u32 {
  return (state + load<u32>(ruleOf(coder, symbol))) >> 16;
}

/** The state that gives `symbol`, and then the one of whose bits `left` is left. */
export function stateBefore(coder: usize, symbol: u32, left: u32): u32 {
  return load<u16>(coder + STATES + ((<usize>(left + load<u32>(ruleOf(coder, symbol), 4))) << 1));
}

export function lowBits(value: u32, bits: u32): u64 {
  return value & ((1 << bits) - 1);
}

export function putSymbol(coder: usize, symbol: u32, next: u32): u32 {
  const bits = bitsFor(coder, symbol, next);
  putBits(lowBits(next, bits), bits);
  return stateBefore(coder, symbol, next >> bits);
}

export function putState(coder: usize, state: u32): void {
  const accuracy = load<u32>(coder);
  putBits(lowBits(state, accuracy), accuracy);
}

/** 256 times the binary logarithm, straight between powers of two. */
export function log2(value: u32): u32 {
  const whole = 31 - clz(value);
  return (whole << 8) + ((<u32>(((<u64>value) << 8) >> whole)) & 0xff);
}

/** Bits times 256 that `counts` (u32 each) of symbols take with normalized `shares` (i16, -1 as 1). */
export function costOf(counts: usize, shares: usize, symbols: u32, accuracy: u32): u32 {
  let cost: u32 = 0;
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const count = load<u32>(counts + ((<usize>symbol) << 2));
    if (count == 0) continue;
    const share = load<i16>(shares + ((<usize>symbol) << 1));
    cost += count * ((accuracy << 8) - log2(share < 0 ? 1 : share));
  }
  return cost;
}

/** How accurate a table for `total` symbols of `used` kinds is worth being. */
export function accuracyFor(total: u32, used: u32, most: u32): u32 {
  const enough = max<u32>(33 - clz(used), LOWEST_ACCURACY);
  return min(most, max(enough, 30 - clz(total | 4)));
}

/** Shares of 2^accuracy by `counts`; each symbol that occurs gets one at least. */
export function normalize(counts: usize, shares: usize, symbols: u32, total: u32, accuracy: u32): void {
  const size: u32 = 1 << accuracy;
  let left: i32 = size;
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const count = load<u32>(counts + ((<usize>symbol) << 2));
    const share = <u32>((((<u64>count) << (accuracy + 1)) / total + 1) >> 1);
    const given: u32 = count == 0 ? 0 : max<u32>(share, 1);
    store<i16>(shares + ((<usize>symbol) << 1), <i16>given);
    left -= given;
  }
  // What rounding has left over or taken too much goes to or comes from the largest, who feel it least.
  for (; left != 0; left += left > 0 ? -1 : 1) {
    let largest = shares;
    for (let symbol: u32 = 1; symbol < symbols; symbol++) {
      const at = shares + ((<usize>symbol) << 1);
      if (load<i16>(at) > load<i16>(largest)) largest = at;
    }
    store<i16>(largest, load<i16>(largest) + <i16>(left > 0 ? 1 : -1));
  }
}

/** Writes the description of a table (§4.1.1); returns its end. */
export function putTable(to: usize, shares: usize, accuracy: u32): usize {
  startBits(to);
  putBits(accuracy - LOWEST_ACCURACY, 4);
  let remaining: u32 = 1 << accuracy;
  let at = shares;
  while (remaining > 0) {
    const share = <u32>load<i16>(at);
    at += 2;
    // A value up to remaining + 1: the lowest ones take one bit less.
    const width: u32 = 32 - clz(remaining + 1);
    const half: u32 = 1 << (width - 1);
    const short: u32 = (1 << width) - 2 - remaining;
    const value = share + 1;
    if (value < short) putBits(value, width - 1);
    else putBits(value < half ? value : value + short, width);
    remaining -= share;
    if (share != 0) continue;
    let zeros: u32 = 0;
    for (; load<i16>(at) == 0; at += 2) zeros++;
    for (; zeros >= 3; zeros -= 3) putBits(3, 2);
    putBits(zeros, 2);
  }
  return endBits();
}
