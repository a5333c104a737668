// String instructions. A repeat works in runs that stay within one page of source and destination, as bulk memory
// operations where it can, and looks at the budget between runs: an interrupted repeat starts again at itself with
// the registers as far as they got (SDM 2 "REP").
import { ADDRESS_16, ADDRESS_32_FLAT, ADDRESS_32_LONG, ADDRESS_64, Insn, PREFIX_REPNE } from "../decode/insn";
import { portRead, portWrite } from "../../devices/bus";
import { placeToRead, placeToWrite, probeWrite, read, write } from "../../memory/access";
import { checkPort } from "./system";
import { FLAGS_SUB, record, zeroFlag } from "../flags";
import { DF, DS, ES, FLAT, cpu } from "../state";
import { cutAddress, nextRip, reg, segmented, setReg } from "./operand";

const RCX: u32 = 8;
const RDX: u32 = 16;
const RSI: u32 = 48;
const RDI: u32 = 56;

function counter(i: Insn, at: u32): u64 {
  return cutAddress(i, reg<u64>(at));
}

function setCounter(i: Insn, at: u32, value: u64): void {
  if (i.address == ADDRESS_64) setReg<u64>(at, value);
  else if (i.address == ADDRESS_16) setReg<u16>(at, <u16>value);
  else setReg<u32>(at, <u32>value);
}

function step<T>(): u64 {
  return cpu.eflags & DF ? 0 - <u64>sizeof<T>() : <u64>sizeof<T>();
}

function sourceAddress<T>(i: Insn): u64 {
  return segmented(i, i.seg, counter(i, RSI), sizeof<T>(), false);
}

/** The destination is always in ES. */
function destinationAddress<T>(i: Insn, write: bool): u64 {
  return segmented(i, i.address <= 1 ? FLAT : ES, counter(i, RDI), sizeof<T>(), write);
}

function advance(i: Insn, at: u32, by: u64): void {
  setCounter(i, at, counter(i, at) + by);
}

export function movs<T>(i: Insn): void {
  const value = read<T>(sourceAddress<T>(i));
  write<T>(destinationAddress<T>(i, true), value);
  advance(i, RSI, step<T>());
  advance(i, RDI, step<T>());
}

export function stos<T>(i: Insn): void {
  write<T>(destinationAddress<T>(i, true), reg<T>(0));
  advance(i, RDI, step<T>());
}

export function lods<T>(i: Insn): void {
  setReg<T>(0, read<T>(sourceAddress<T>(i)));
  advance(i, RSI, step<T>());
}

export function cmps<T>(i: Insn): void {
  const a = read<T>(sourceAddress<T>(i));
  const b = read<T>(destinationAddress<T>(i, false));
  record<T>(FLAGS_SUB, a, b, <T>(a - b));
  advance(i, RSI, step<T>());
  advance(i, RDI, step<T>());
}

export function scas<T>(i: Insn): void {
  const a = reg<T>(0);
  const b = read<T>(destinationAddress<T>(i, false));
  record<T>(FLAGS_SUB, a, b, <T>(a - b));
  advance(i, RDI, step<T>());
}

export function ins<T>(i: Insn): void {
  const port = <u32>reg<u16>(RDX);
  checkPort(port, sizeof<T>());
  const at = destinationAddress<T>(i, true);
  probeWrite(at, sizeof<T>()); // a port must not be read when the store would fault
  write<T>(at, <T>portRead(port, sizeof<T>()));
  advance(i, RDI, step<T>());
}

export function outs<T>(i: Insn): void {
  const port = <u32>reg<u16>(RDX);
  checkPort(port, sizeof<T>());
  portWrite(port, sizeof<T>(), <u32>read<T>(sourceAddress<T>(i)));
  advance(i, RSI, step<T>());
}

/** Elements from `linear` to the end of its page, upwards, at most `count`. */
function untilPageEnd<T>(linear: u64, count: u64): u64 {
  return min<u64>(count, (0x1000 - (linear & 0xfff)) / sizeof<T>());
}

/** Takes `count` elements off rCX and a fair part of the budget; false when the repeat must pause. */
function took(i: Insn, count: u64): bool {
  advance(i, RCX, 0 - count);
  cpu.budget -= <i32>((count >> 3) + 1);
  return cpu.budget > 0;
}

/** The end of a run: RIP goes on, or stays for what is left. */
function finish(i: Insn, done: bool): void {
  cpu.rip = done ? nextRip(i) : cpu.ripBase + <u64>i.offset;
}

/** Whether offsets may be handled as a run: upwards, and no 16-bit wrap or segment limit in the way. */
function isPlain(i: Insn): bool {
  return (cpu.eflags & DF) == 0 && i.address != ADDRESS_16;
}

export function repMovs<T>(i: Insn): void {
  for (;;) {
    const count = counter(i, RCX);
    if (count == 0) break;
    const done = isPlain(i) ? copyRun<T>(i, count) : 0;
    if (done == 0) movs<T>(i);
    if (!took(i, max<u64>(done, 1)) && counter(i, RCX) != 0) {
      finish(i, false);
      return;
    }
  }
  finish(i, true);
}

/** Up to here a loop is faster than the bulk operations of wasm, which are calls. */
const SHORT: usize = 64;

/** Copies as much as lies in one page each; returns the elements copied. */
function copyRun<T>(i: Insn, count: u64): u64 {
  const from = sourceAddress<T>(i);
  const to = destinationAddress<T>(i, true);
  const run = untilPageEnd<T>(to, untilPageEnd<T>(from, count));
  if (run == 0) return 0;
  const bytes = run * sizeof<T>();
  checkRun<T>(i, bytes);
  const a = placeToRead(from);
  const b = placeToWrite(to);
  if (a == 0 || b == 0) return 0;
  // A destination inside the source repeats what was just written: element by element.
  const overlap = b > a && b < a + <usize>bytes;
  if (!overlap && <usize>bytes > SHORT) memory.copy(b, a, <usize>bytes);
  else for (let at: usize = 0; at < <usize>bytes; at += sizeof<T>()) store<T>(b + at, load<T>(a + at));
  advance(i, RSI, bytes);
  advance(i, RDI, bytes);
  return run;
}

/** Raises what the last element of a run would raise. */
function checkRun<T>(i: Insn, bytes: u64): void {
  segmented(i, i.seg, counter(i, RSI), <u32>bytes, false);
  segmented(i, ES, counter(i, RDI), <u32>bytes, true);
}

export function repStos<T>(i: Insn): void {
  for (;;) {
    const count = counter(i, RCX);
    if (count == 0) break;
    const done = isPlain(i) ? fillRun<T>(i, count) : 0;
    if (done == 0) stos<T>(i);
    if (!took(i, max<u64>(done, 1)) && counter(i, RCX) != 0) {
      finish(i, false);
      return;
    }
  }
  finish(i, true);
}

function fillRun<T>(i: Insn, count: u64): u64 {
  const to = destinationAddress<T>(i, true);
  const run = untilPageEnd<T>(to, count);
  if (run == 0) return 0;
  const bytes = run * sizeof<T>();
  if (i.address > 2) segmented(i, ES, counter(i, RDI), <u32>bytes, true);
  const at = placeToWrite(to);
  if (at == 0) return 0;
  const value = reg<T>(0);
  if (<usize>bytes > SHORT && isByteFill<T>(value)) memory.fill(at, <u8>value, <usize>bytes);
  else for (let p = at; p < at + <usize>bytes; p += sizeof<T>()) store<T>(p, value);
  advance(i, RDI, bytes);
  return run;
}

function isByteFill<T>(value: T): bool {
  const byte = (<u64>value) & 0xff;
  return <T>(byte * 0x0101_0101_0101_0101) == value;
}

const LODS: u32 = 0;
const INS: u32 = 1;
const OUTS: u32 = 2;

/** REP before the instructions that go element by element. */
function repeat<T>(i: Insn, what: u32): void {
  while (counter(i, RCX) != 0) {
    if (what == LODS) lods<T>(i);
    else if (what == INS) ins<T>(i);
    else outs<T>(i);
    if (!took(i, 1) && counter(i, RCX) != 0) {
      finish(i, false);
      return;
    }
  }
  finish(i, true);
}

export function repLods<T>(i: Insn): void {
  repeat<T>(i, LODS);
}

export function repIns<T>(i: Insn): void {
  repeat<T>(i, INS);
}

export function repOuts<T>(i: Insn): void {
  repeat<T>(i, OUTS);
}

/** Compares as far as both lie in one page each, and as long as they are as `wanted`; returns the elements compared. */
function compareRun<T>(i: Insn, count: u64, wanted: bool): u64 {
  const from = sourceAddress<T>(i);
  const to = destinationAddress<T>(i, false);
  const run = untilPageEnd<T>(to, untilPageEnd<T>(from, count));
  if (run == 0) return 0;
  const a = placeToRead(from);
  const b = placeToRead(to);
  if (a == 0 || b == 0) return 0;
  const done = runWhile<T>(a, b, run, wanted);
  advance(i, RSI, done * sizeof<T>());
  advance(i, RDI, done * sizeof<T>());
  return done;
}

/** The same for the accumulator with the destination. */
function scanRun<T>(i: Insn, count: u64, wanted: bool): u64 {
  const to = destinationAddress<T>(i, false);
  const run = untilPageEnd<T>(to, count);
  if (run == 0) return 0;
  const at = placeToRead(to);
  if (at == 0) return 0;
  const done = runWhile<T>(0, at, run, wanted);
  advance(i, RDI, done * sizeof<T>());
  return done;
}

/** Compares elements at `a` (0: always the accumulator) and `b`; the flags are those of the last pair. */
function runWhile<T>(a: usize, b: usize, run: u64, wanted: bool): u64 {
  let x = reg<T>(0);
  let y = x;
  let done: u64 = 0;
  do {
    const at = <usize>done * sizeof<T>();
    if (a) x = load<T>(a + at);
    y = load<T>(b + at);
    done++;
  } while (done < run && (x == y) == wanted);
  record<T>(FLAGS_SUB, x, y, <T>(x - y));
  return done;
}

/** Whether no element of a run can leave its segment, however far the comparison gets. */
function isUnlimited(i: Insn): bool {
  return (
    (cpu.eflags & DF) == 0 && (i.address <= ADDRESS_32_LONG || (i.address == ADDRESS_32_FLAT && i.seg <= DS))
  );
}

/** REPE, REPNE: goes on while ZF says so. */
function repeatWhile<T>(i: Insn, compare: bool): void {
  const wanted = (i.prefix & PREFIX_REPNE) == 0;
  for (;;) {
    const count = counter(i, RCX);
    if (count == 0) break;
    let done: u64 = 0;
    if (isUnlimited(i)) done = compare ? compareRun<T>(i, count, wanted) : scanRun<T>(i, count, wanted);
    if (done == 0) {
      if (compare) cmps<T>(i);
      else scas<T>(i);
      done = 1;
    }
    const more = took(i, done);
    if (zeroFlag() != wanted) break;
    if (!more && counter(i, RCX) != 0) {
      finish(i, false);
      return;
    }
  }
  finish(i, true);
}

export function repCmps<T>(i: Insn): void {
  repeatWhile<T>(i, true);
}

export function repScas<T>(i: Insn): void {
  repeatWhile<T>(i, false);
}
