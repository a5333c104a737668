// Decoded blocks: instructions laid one behind the other, keyed by physical address and mode, so that decoding is
// not paid each time. A block stays within its page; an instruction that crosses into the next is a block of its own,
// which holds only while the next page is the one that it was decoded from: where it is another, the instruction is decoded
// anew. A write to a page that holds blocks drops those that it touches and nothing else.
//
//  0          4      8     12        16        20     24     28    32        36       40        48      56
//  ├ physical ┼ mode ┼ end ┼ next ───┼ length ─┼ heat ┼ slot ┼ tlb ┼ demands ┼ region ┼ next ───┼ entry ┤
//                            in page   in bytes                                         entry
//
// Behind it its instructions, records of 32 bytes; the last is BLOCK_END or BLOCK_NEXT, and `end` is its address.
import { dropAllRegions, dropRegionsOf } from "../../jit/regions";
import {
  CODE_BLOCKS_AT,
  CODE_BLOCKS_SIZE,
  CODE_HASH_AT,
  CODE_HASH_ENTRIES,
  CODE_PAGES_AT,
  CODE_PAGES_SIZE,
} from "../../machine/layout";
import { translateFetch, wrap } from "../../memory/access";
import { NO_PAGE, writeProtectPhysicalPage } from "../../memory/tlb";
import { clock } from "../../machine/clock";
import { MODE_CODE64, REG_RSP, REG_ZERO, cpu } from "../state";
import { report } from "../trace";
import { TRACE_BLOCK } from "../trace-kinds";
import { decode } from "./decoder";
import { crossedPage } from "./fetch";
import { DST_MEMORY, INSN_SIZE, Insn } from "./insn";
import {
  BLOCK_END,
  BLOCK_LEAVE,
  BLOCK_NEXT,
  CALL_INDIRECT,
  CALL_NEAR,
  JCC,
  JCXZ,
  JMP,
  LOOP,
  MOV,
  RET,
  RET_POP,
  W64,
} from "./operations";

@final
@unmanaged
export class Block {
  physical: u32;
  mode: u32;
  end: u32;
  nextInPage: u32;
  length: u32;
  /** Times run by the interpreter, up to the translation of the region that this block heads (jit/translate.ts). */
  heat: i32;
  /** Table slot of the region that this block enters; 0 for none. It holds while `cpu.tlb` is `tlb`. */
  slot: u32;
  tlb: u32;
  /** What the region asks for at its entry (jit/vector.ts). */
  demands: u32;
  /** The region, and the next block that enters it (jit/regions.ts). */
  region: u32;
  nextEntry: u32;
  /** Of an instruction that crosses into another page: that one's address, and CROSSES; of all others 0. */
  beyond: u32;
  /** What the region's function is told: the number of the entry, and above it the block's place from the head. */
  entry: u64;
}

const HEADER: usize = (offsetof<Block>() + 7) & ~7;
const INSNS_MAX: u32 = 64;
const BLOCK_SIZE_MAX: usize = HEADER + (<usize>INSNS_MAX + 1) * INSN_SIZE;
/** No address of a block: block 0 of a page never starts here. */
const DROPPED: u32 = 0xffff_ffff;
const CROSSES: u32 = 1;
/** No mode: this stands in the list of a page for the bytes there of a crossing instruction, whose block is `region`. */
const REST: u32 = 0xffff_ffff;
/** The place of blocks that are not kept: one instruction and its end. */
const SCRATCH: usize = CODE_BLOCKS_AT;
const FIRST: usize = CODE_BLOCKS_AT + HEADER + 2 * INSN_SIZE;

let next: usize = FIRST;
/** Counts the times that everything was dropped: a block found before may be gone. */
let generation: u32 = 0;
let dropped: bool = false;

/** Whether code has been dropped since `forgetDrops`. */
export function codeWasDropped(): bool {
  return dropped;
}

export function forgetDrops(): void {
  dropped = false;
}

export function isDropped(block: Block): bool {
  return block.physical == DROPPED;
}

export function firstInsn(block: Block): Insn {
  return changetype<Insn>(changetype<usize>(block) + HEADER);
}

export function insnCount(block: Block): u32 {
  return (block.end - <u32>changetype<usize>(block) - <u32>HEADER) / <u32>INSN_SIZE;
}

function hashSlot(physical: u32, mode: u32): usize {
  return (
    CODE_HASH_AT + ((<usize>((physical ^ (physical >> 16) ^ (mode << 10)) & (CODE_HASH_ENTRIES - 1))) << 2)
  );
}

/** The block at the current RIP, decoded now if it is not kept. Raises the faults of an instruction fetch. */
export function findBlock(): Block {
  const linear = linearRip();
  const physical =
    (linear & ~0xfff) == cpu.codePage ? cpu.codePhysical | ((<u32>linear) & 0xfff) : enterPage(linear);
  const block = keptBlock(physical, cpu.mode);
  if (!changetype<usize>(block)) return decodeBlock(linear, physical);
  return block.beyond == 0 || goesOn(block, linear) ? block : decodeSingle(linear, physical);
}

/** Whether the page behind that of a crossing instruction is still the one that it was decoded from. */
function goesOn(block: Block, linear: u64): bool {
  cpu.insn = 0;
  return pageBehind(linear) == beyondPage(block);
}

function pageBehind(linear: u64): u32 {
  return translateFetch(wrap((linear | 0xfff) + 1)) & 0xffff_f000;
}

/** The second page of a block that crosses into one. */
export function beyondPage(block: Block): u32 {
  return block.beyond & 0xffff_f000;
}

/** The block kept for `physical` and `mode`; null where there is none. */
export function keptBlock(physical: u32, mode: u32): Block {
  const block = changetype<Block>(<usize>load<u32>(hashSlot(physical, mode)));
  if (changetype<usize>(block) && block.physical == physical && block.mode == mode) return block;
  return changetype<Block>(0);
}

/**
 * The record behind a near branch with a known target also holds links: the blocks that followed when the branch was
 * taken and when it was not. A link stands for a successor in the same page, found without a lookup, and is followed
 * as long as that block has not been dropped and the page's translation is sure.
 */
@final
@unmanaged
class Links {
  insn: u64; // op, form, length …: an ordinary record
  offset: u64;
  notTaken: u32;
  taken: u32;
}

/** What runs behind the branch `i`, which has set RIP: by its link, or by a lookup that makes one. */
export function followLink(i: Insn, taken: bool): Insn {
  const at =
    changetype<usize>(i) + INSN_SIZE + (taken ? offsetof<Links>("taken") : offsetof<Links>("notTaken"));
  const linked = changetype<Block>(<usize>load<u32>(at));
  if (changetype<usize>(linked) && linked.physical != DROPPED && cpu.codePage != NO_PAGE) {
    return enterUnlessHot(linked);
  }
  const page = cpu.codePage;
  const born = generation;
  const from = changetype<Block>(<usize>cpu.block);
  const block = findBlock();
  // Only from a kept block to a kept block that stays in the same page; decoding may have dropped everything.
  const same =
    born == generation && cpu.codePage == page && ((from.physical ^ block.physical) & 0xffff_f000) == 0;
  if (same && from.physical != DROPPED && block.physical != DROPPED && block.beyond == 0)
    store<u32>(at, <u32>changetype<usize>(block));
  return enterUnlessHot(block);
}

/** Enters the block at the current RIP, behind the record `end` of the one that has run: what runs next. */
export function nextBlock(end: Insn): Insn {
  const op = <u32>changetype<Insn>(changetype<usize>(end) - INSN_SIZE).op;
  const from = changetype<Block>(<usize>cpu.block);
  if (op >= CALL_INDIRECT && op < RET_POP + 4) {
    const isJump = op < RET || isRetpoline(from);
    recordTarget(from, end, isJump ? TARGETS_MAX : RETURNS_MAX);
  }
  return enterUnlessHot(findBlock());
}

/**
 * Whether `block` is the end of a retpoline: an indirect jump dressed as a return from a call whose return address it
 * has overwritten, MOV [RSP], register; RET (Intel, "Retpoline: A Branch Target Injection Mitigation").
 */
export function isRetpoline(block: Block): bool {
  const store = firstInsn(block);
  const isStore = <u32>store.op == MOV + W64 && (store.form & DST_MEMORY) != 0;
  const toTop = store.base == REG_RSP && store.index == REG_ZERO && store.displacement == 0;
  return (
    isStore &&
    toTop &&
    insnCount(block) == 2 &&
    <u32>changetype<Insn>(<usize>block.end - INSN_SIZE).op == RET + W64
  );
}

/** A place that an indirect jump, call or return went to, from the start of its block; the record behind it leads to the list. */
@final
@unmanaged
export class Target {
  next: Target;
  delta: i32;
}

/** An indirect jump is not looked after any more when it has gone to so many places. */
const TARGETS_MAX: u32 = 48;

/** A return that has gone to more places than these may go anywhere. */
const RETURNS_MAX: u32 = 2;

/** The last of the places that the indirect transfer at the end of `block` went to; null where there is none. */
export function firstTarget(block: Block): Target {
  return changetype<Target>(<usize>changetype<Links>(<usize>block.end).taken);
}

/** The same for a return that always went back to the same few; null where there are more. */
export function firstReturn(block: Block): Target {
  return changetype<Links>(<usize>block.end).notTaken > RETURNS_MAX
    ? changetype<Target>(0)
    : firstTarget(block);
}

/** Puts the place that `from` went to first in its list of up to `most`. */
function recordTarget(from: Block, end: Insn, most: u32): void {
  const links = changetype<Links>(end);
  const delta = cpu.rip - cpu.ripBase;
  if (delta != <u64>(<i64>(<i32>delta)) || isDropped(from)) return;
  let link = changetype<usize>(end) + offsetof<Links>("taken");
  let target = changetype<Target>(<usize>load<u32>(link));
  while (changetype<usize>(target) && target.delta != <i32>delta) {
    link = changetype<usize>(target) + offsetof<Target>("next");
    target = target.next;
  }
  if (changetype<usize>(target)) store<u32>(link, <u32>changetype<usize>(target.next));
  else {
    if (links.notTaken == most) {
      if (most == RETURNS_MAX) links.notTaken++;
      return;
    }
    if (links.notTaken > most || !hasRoom()) return;
    target = changetype<Target>(next);
    next += offsetof<Target>();
    target.delta = <i32>delta;
    links.notTaken++;
  }
  target.next = changetype<Target>(<usize>links.taken);
  links.taken = <u32>changetype<usize>(target);
}

/** Whether another block may be laid. */
function hasRoom(): bool {
  return next + BLOCK_SIZE_MAX <= CODE_BLOCKS_AT + CODE_BLOCKS_SIZE;
}

/** One record that sends the run loop to RIP. */
const LEAVE_AT: usize = memory.data<u32>([BLOCK_LEAVE, 0, 0, 0, 0, 0, 0, 0], 8);
/** The heat of a block whose translation has been tried. */
const TRIED: i32 = i32.MIN_VALUE;
/** A block that has run this part of the times that make one hot is part of the regions around it. */
const WARM_SHIFT: u32 = 3;

function enterUnlessHot(block: Block): Insn {
  return isHot(block) ? changetype<Insn>(LEAVE_AT) : enter(block);
}

/** Whether the run loop should see to it that a region runs in place of `block`; counts the runs of those that do not. */
export function isHot(block: Block): bool {
  if (block.slot) return true;
  return (
    block.heat != TRIED && ++block.heat >= <i32>clock.warm && clock.warm != 0 && block.physical != DROPPED
  );
}

/** Whether `block` runs often enough to be part of a region. */
export function isWarm(block: Block): bool {
  return block.slot != 0 || block.heat < 0 || block.heat >= <i32>(clock.warm >> WARM_SHIFT);
}

/**
 * A region holds `block`, which does not enter it: to head one of its own it must be entered otherwise that often.
 * Further regions that hold it do not put that off.
 */
export function cover(block: Block): void {
  if (block.slot == 0 && block.heat >= 0) block.heat = -(<i32>clock.warm);
}

/** The region that `block` entered has gone. */
export function stayOut(block: Block): void {
  block.slot = 0;
  block.region = 0;
  block.heat = 0;
}

/** There shall be no more tries to translate `block`. */
export function stayCold(block: Block): void {
  block.heat = TRIED;
}

/** Enters `block`, which is that at RIP: its first instruction runs next. */
export function enter(block: Block): Insn {
  // STI and MOV SS end their block: the shadow is over once another has begun.
  cpu.interruptShadow = 0;
  cpu.block = <u32>changetype<usize>(block);
  cpu.ripBase = cpu.rip;
  cpu.budget -= insnCount(block);
  return firstInsn(block);
}

export function linearRip(): u64 {
  return cpu.mode & MODE_CODE64 ? cpu.rip : (cpu.rip + cpu.csBase) & 0xffff_ffff;
}

/** Translates the first fetch in a page, and remembers it for those that follow. */
function enterPage(linear: u64): u32 {
  // RIP is the branch's target already: a fault of this fetch is not the branch's.
  cpu.insn = 0;
  const physical = translateFetch(linear);
  cpu.codePage = linear & ~0xfff;
  cpu.codePhysical = physical & 0xffff_f000;
  return physical;
}

/** One instruction at the current RIP, for single steps and the shadow of STI; not kept. */
export function singleBlock(): Block {
  const linear = linearRip();
  return decodeSingle(linear, translateFetch(linear));
}

function decodeSingle(linear: u64, physical: u32): Block {
  const block = changetype<Block>(SCRATCH);
  block.physical = DROPPED;
  block.mode = cpu.mode;
  const insn = firstInsn(block);
  insn.offset = 0;
  decode(insn, linear, physical, cpu.mode, true);
  block.end = <u32>(SCRATCH + HEADER + INSN_SIZE);
  writeEnd(changetype<Insn>(<usize>block.end), insn.length, setsRip(insn.op));
  return block;
}

/** Near branches leave RIP set. */
function setsRip(op: u32): bool {
  return op == JCC || op == JMP || op == LOOP || op == JCXZ || (op >= CALL_NEAR && op < RET_POP + 4);
}

function writeEnd(end: Insn, offset: u32, branched: bool): void {
  end.op = <u16>(branched ? BLOCK_NEXT : BLOCK_END);
  end.offset = <u16>offset;
  end.length = 0;
  changetype<Links>(end).notTaken = 0;
  changetype<Links>(end).taken = 0;
}

function decodeBlock(linear: u64, physical: u32): Block {
  cpu.insn = 0;
  if (!hasRoom()) dropAllBlocks();
  const block = changetype<Block>(next);
  let at = next + HEADER;
  let offset: u32 = 0;
  for (let count: u32 = 0; count < INSNS_MAX; count++) {
    const insn = changetype<Insn>(at);
    insn.offset = <u16>offset;
    const ends = decode(insn, linear + <u64>offset, physical + offset, cpu.mode, false);
    if (crossedPage()) {
      if (count == 0) return decodeCrossing(linear, physical);
      break;
    }
    offset += insn.length;
    at += INSN_SIZE;
    if (ends || ((physical + offset) & 0xfff) == 0 || (physical & 0xfff) + offset > 0xfff) break;
  }
  keep(block, at, linear, physical, offset);
  return block;
}

/** An instruction that the next page has the end of. What it raises, it raises before anything is kept. */
function decodeCrossing(linear: u64, physical: u32): Block {
  const block = changetype<Block>(next);
  const insn = firstInsn(block);
  insn.offset = 0;
  decode(insn, linear, physical, cpu.mode, true);
  const beyond = pageBehind(linear);
  keep(block, changetype<usize>(insn) + INSN_SIZE, linear, physical, insn.length);
  block.beyond = beyond | CROSSES;
  const rest = changetype<Block>(next);
  next += HEADER;
  rest.physical = beyond;
  rest.mode = REST;
  rest.end = <u32>next;
  rest.length = (physical & 0xfff) + <u32>insn.length - 0x1000;
  rest.region = <u32>changetype<usize>(block);
  enterList(rest);
  return block;
}

/** The instructions up to `end`, of `length` bytes, are a block from now on. */
function keep(block: Block, end: usize, linear: u64, physical: u32, length: u32): void {
  writeEnd(changetype<Insn>(end), length, setsRip(changetype<Insn>(end - INSN_SIZE).op));
  report(TRACE_BLOCK, <u32>linear, <u32>(linear >> 32), length);
  block.physical = physical;
  block.mode = cpu.mode;
  block.end = <u32>end;
  block.length = length;
  block.heat = 0;
  block.slot = 0;
  block.beyond = 0;
  next = end + INSN_SIZE;
  enterList(block);
  store<u32>(hashSlot(physical, cpu.mode), <u32>changetype<usize>(block));
}

/** Puts `block` into the list of its page. */
function enterList(block: Block): void {
  const page = pageList(block.physical);
  block.nextInPage = load<u32>(page);
  if (block.nextInPage == 0) writeProtectPhysicalPage(block.physical & 0xffff_f000);
  store<u32>(page, <u32>changetype<usize>(block));
}

function pageList(physical: u32): usize {
  return CODE_PAGES_AT + ((<usize>(physical >> 12)) << 2);
}

/** Drops the blocks that hold any of `size` bytes at `physical`, within one page, and the regions with code from it. */
export function invalidateCode(physical: u32, size: u32): void {
  if (!dropBlocks(physical, size)) return;
  dropped = true;
  dropRegionsOf(physical & 0xffff_f000);
}

/** Returns whether there were any. */
function dropBlocks(physical: u32, size: u32): bool {
  let any = false;
  let link = pageList(physical);
  for (let at = load<u32>(link); at != 0; at = load<u32>(link)) {
    const block = changetype<Block>(<usize>at);
    if (block.physical < physical + size && physical < block.physical + block.length) {
      store<u32>(link, block.nextInPage);
      drop(block);
      any = true;
    } else link = changetype<usize>(block) + offsetof<Block>("nextInPage");
  }
  return any;
}

/** A dropped block is never found again; if it runs, it ends behind the instruction that wrote. */
function drop(block: Block): void {
  block.physical = DROPPED;
  for (let at = <usize>changetype<usize>(block) + HEADER; at < <usize>block.end; at += INSN_SIZE)
    changetype<Insn>(at).op = <u16>BLOCK_END;
  if (block.mode == REST) drop(changetype<Block>(<usize>block.region));
}

/** Forgets everything decoded. */
export function dropAllBlocks(): void {
  generation++;
  memory.fill(CODE_HASH_AT, 0, CODE_HASH_ENTRIES * 4);
  memory.fill(CODE_PAGES_AT, 0, CODE_PAGES_SIZE);
  next = FIRST;
  dropped = true;
  dropAllRegions();
}
