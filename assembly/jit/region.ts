// A region: the decoded blocks reached from a hot entry, across pages and through the calls on the way, as a control-flow
// graph (jit/graph.ts). Only what has run often enough belongs to it: the rest leaves.
//
// A call whose callee is in the region is an edge to it, and the callee's returns are edges to behind the call, taken
// where the popped address says so. Control that leaves the region and is expected back (a callee outside, an
// instruction that the interpreter must end the block with) finds an entry there.
import {
  CALL_INDIRECT,
  CALL_NEAR,
  HLT,
  IN,
  INS,
  INT,
  INTO,
  INVLPG,
  INVPCID,
  JCC,
  JCXZ,
  JMP,
  JMP_INDIRECT,
  MOV_TO_CR,
  PUSHF,
  REP_INS,
  REP_MOVS,
  RET,
  RET_POP,
  SGDT,
  SYSCALL,
  SYSENTER,
  SYSRET,
  UNDEFINED,
  W32,
  W64,
} from "../cpu/decode/operations";
import {
  Block,
  Target,
  beyondPage,
  firstReturn,
  firstTarget,
  insnCount,
  isRetpoline,
  isWarm,
  keptBlock,
} from "../cpu/decode/block";
import { DST_MEMORY, INSN_SIZE, Insn, PREFIX_WIDTH_SHIFT } from "../cpu/decode/insn";
import { MODE_CODE64 } from "../cpu/state";
import { JIT_NODES_AT } from "../machine/layout";
import { probe } from "../memory/probe";
import { isPlainAddress } from "./operand";
import { Region } from "./regions";

/** An edge that leaves the region. */
export const OUTSIDE: u32 = 0xffff_ffff;
/** The node that is no block: control comes in through it, and goes through it where the graph is not structured. */
export const DISPATCHER: u32 = 0;
/** What a region may hold at first, and once it is known to be entered often (a list of nodes is a list of bytes). */
const NODES_FIRST: u32 = 112;
const INSNS_FIRST: u32 = 500;
const NODES_MAX: u32 = 240;
/** A region of up to so many nodes is held by those that lead to it, too, from the start. */
const NODES_SHARED: u32 = 8;
const INSNS_MAX: u32 = 1500;
export const PAGES_MAX: u32 = 16; // jit/regions.ts has room for as many
/** Successors that a node may have besides those of a branch. */
export const TARGETS_MAX: u32 = 48;
/** A retpoline serves calls from everywhere: only where it went lately counts. */
const RETPOLINE_TARGETS: u32 = 4;
/** Callers outside the region that a return is followed to. */
const RETURN_TARGETS: u32 = 2;

@final
@unmanaged
export class Node {
  block: Block;
  /** Where the block begins, from the head of the region. */
  delta: i32;
  /** Number of its page among those of the region, and of the page where its last byte lies. */
  page: u32;
  lastPage: u32;
  /** Successors: the target of the branch at its end, and what stands behind it; or OUTSIDE. */
  taken: u32;
  next: u32;
  /** Behind a call: where it returns to, or OUTSIDE. */
  returns: u32;
  /** Whether control comes in here from outside, or through the dispatcher; and the number of this entry. */
  isEntry: bool;
  entry: u32;
  /** The last walk that came by. */
  walk: u32;
  // What jit/graph.ts finds out.
  number: u32;
  /** The closest node that every path from the dispatcher to here passes. */
  dominator: u32;
  /** Nodes from which an edge leads forwards to here. */
  forward: u32;
  headsLoop: bool;
  /** Labels of the wasm block or loop that a branch to this node goes to. */
  forwardLabel: u32;
  loopLabel: u32;
  /** Successors that only the address popped or loaded at run time tells from one another, by place: bytes behind. */
  targets: u32;
}

/** A page of the region: linear, from the head's, and physical. */
@final
@unmanaged
class Page {
  delta: i32;
  physical: u32;
}

export const NODE_SIZE: usize = (offsetof<Node>() + <usize>TARGETS_MAX + 7) & ~7;
const PAGES_AT: usize = JIT_NODES_AT + NODE_SIZE * <usize>NODES_MAX;
const WORK_AT: usize = PAGES_AT + offsetof<Page>() * <usize>PAGES_MAX;

let count: u32 = 0;
let pages: u32 = 0;
let nodesMax: u32 = 0;
let head: u64 = 0;
let mode: u32 = 0;

/** Nodes found, the dispatcher being number 0 and the head number 1. */
export function foundCount(): u32 {
  return count;
}

export function found(number: u32): Node {
  return changetype<Node>(JIT_NODES_AT + <usize>number * NODE_SIZE);
}

/** Successor `index` of those that are known at run time. */
export function target(from: Node, index: u32): u32 {
  return load<u8>(changetype<usize>(from) + offsetof<Node>() + <usize>index);
}

export function setTarget(from: Node, index: u32, n: u32): void {
  store<u8>(changetype<usize>(from) + offsetof<Node>() + <usize>index, n);
}

/** Adds `n` to the successors known at run time, in the order of their places; false: there is no room. */
function addTarget(from: Node, n: u32): bool {
  let index: u32 = 0;
  while (index < from.targets && found(target(from, index)).delta < found(n).delta) index++;
  if (index < from.targets && target(from, index) == n) return true;
  if (from.targets == TARGETS_MAX) return false;
  const at = changetype<usize>(from) + offsetof<Node>() + <usize>index;
  memory.copy(at + 1, at, <usize>(from.targets - index));
  from.targets++;
  setTarget(from, index, n);
  return true;
}

export function pageCount(): u32 {
  return pages;
}

/** Physical address of page `number`. */
export function regionPage(number: u32): u32 {
  return page(number).physical;
}

function page(number: u32): Page {
  return changetype<Page>(PAGES_AT + <usize>number * offsetof<Page>());
}

/** The last instruction of a block: a branch, or whatever stands before its end. */
export function lastInsn(block: Block): Insn {
  return changetype<Insn>(<usize>block.end - INSN_SIZE);
}

/** Finds the region that `block`, at `linear`, heads, if there is one; a `large` one follows more of the ways on, into its callers too. */
export function findRegion(block: Block, linear: u64, large: bool): void {
  nodesMax = large ? NODES_MAX : NODES_FIRST;
  const insnsMax = large ? INSNS_MAX : INSNS_FIRST;
  head = linear;
  mode = block.mode;
  pages = 0;
  addPage(<i32>-(head & 0xfff), block.physical & 0xffff_f000);
  count = 1;
  clear(found(DISPATCHER));
  if (add(block, 0, 0) == OUTSIDE) return;
  found(1).isEntry = true;
  let insns: u32 = 0;
  let followed: u32 = 1;
  let connected: u32 = 1;
  do {
    for (; followed < count && insns < insnsMax; followed++) {
      insns += insnCount(found(followed).block);
      followEnd(found(followed));
    }
    for (; connected < count; connected++) connectReturns(found(connected));
  } while (large && insns < insnsMax && followReturns());
}

/** Returns to a caller that is not in the region go where they went lately, if that is always the same. */
function followReturns(): bool {
  const before = count;
  for (let n: u32 = 1; n < before; n++) {
    const block = found(n).block;
    if (found(n).targets == 0 && isReturn(lastInsn(block)) && !isRetpoline(block))
      reachTargets(found(n), firstReturn(block), RETURN_TARGETS);
  }
  return count > before;
}

/** The ways on from the end of `here`. */
function followEnd(here: Node): void {
  const last = lastInsn(here.block);
  const op = <u32>last.op;
  const behind = here.delta + <i32>here.block.length;
  if (isBranch(last)) {
    if (op == JCC) here.next = reach(behind);
    else if (op != JMP) here.returns = reach(behind);
    here.taken = reach(here.delta + <i32>last.immediate);
  } else if (isTransfer(last)) {
    if (op < JMP_INDIRECT) here.returns = reach(behind);
    if (op < RET) reachTargets(here, firstTarget(here.block), TARGETS_MAX);
    else if (isRetpoline(here.block)) reachTargets(here, firstTarget(here.block), RETPOLINE_TARGETS);
  } else if (!endsRun(op) || isRepeat(op)) {
    here.next = reach(behind);
    if (leavesOften(op)) enterAt(here.next);
  } else if (comesBack(op)) enterAt(reach(behind));
}

/** Control comes in at node `n`, too. */
function enterAt(n: u32): void {
  if (n != OUTSIDE) found(n).isEntry = true;
}

/** JCC, JMP or CALL to a place that the decoder knows, at the code segment's own width. */
export function isBranch(i: Insn): bool {
  const op = <u32>i.op;
  if (op == CALL_NEAR + ownWidth()) return true;
  return (op == JCC || op == JMP) && (mode & MODE_CODE64 || (<u32>i.prefix) >> PREFIX_WIDTH_SHIFT == W32);
}

/** A near jump, call or return to an address that only the guest knows, as the translator has them. */
export function isTransfer(i: Insn): bool {
  const op = <u32>i.op;
  if (op < CALL_INDIRECT || op >= RET_POP + 4 || (op & 3) != ownWidth()) return false;
  return !(i.form & DST_MEMORY) || isPlainAddress(i);
}

function ownWidth(): u32 {
  return mode & MODE_CODE64 ? W64 : W32;
}

/** String instructions with REP: they stay where they are until they are done. */
export function isRepeat(op: u32): bool {
  return (op >= REP_MOVS && op < INS) || (op >= REP_INS && op < IN);
}

/** Operations that end the running of their block (cpu/exec/dispatch.ts: the cases that return). */
export function endsRun(op: u32): bool {
  return (
    isRepeat(op) ||
    (op >= CALL_NEAR && op < PUSHF) ||
    (op >= SYSRET && op < SGDT) ||
    (op >= JCC && op <= JCXZ) ||
    (op >= INT && op <= INTO) ||
    op == SYSCALL ||
    op == SYSENTER ||
    op == UNDEFINED
  );
}

/** Operations that go on behind themselves, but only after the region was left. */
function comesBack(op: u32): bool {
  return op == SYSCALL || op == INT;
}

/** Operations whose handlers mostly change what the region relies on (jit/core.ts: interpretOn). */
function leavesOften(op: u32): bool {
  return op == HLT || op == INVLPG || op == INVPCID || op == MOV_TO_CR;
}

function clear(node: Node): void {
  memory.fill(changetype<usize>(node), 0, offsetof<Node>());
  node.taken = OUTSIDE;
  node.next = OUTSIDE;
  node.returns = OUTSIDE;
}

/** The node of `block`, which begins in page `page`; OUTSIDE where it cannot be told that it ends where it did. */
function add(block: Block, delta: i32, page: u32): u32 {
  const last = lastPage(block, page);
  if (last == OUTSIDE) return OUTSIDE;
  const here = found(count);
  clear(here);
  here.block = block;
  here.delta = delta;
  here.page = page;
  here.lastPage = last;
  return count++;
}

/** The node that begins `delta` bytes from the head, added if its block is known, has run often and there is room. */
function reach(delta: i32): u32 {
  for (let n: u32 = 1; n < count; n++) if (found(n).delta == delta) return n;
  if (count == nodesMax) return OUTSIDE;
  const linear = head + <u64>delta;
  const start = delta - ((<i32>linear) & 0xfff);
  let number: u32 = 0;
  while (number < pages && page(number).delta != start) number++;
  if (number == PAGES_MAX) return OUTSIDE;
  const physical = number < pages ? <u64>page(number).physical : probe(linear & ~0xfff);
  if (physical > 0xffff_ffff) return OUTSIDE;
  const block = keptBlock((<u32>physical) | ((<u32>linear) & 0xfff), mode);
  if (!changetype<usize>(block) || !isWarm(block) || standsAlone(block)) return OUTSIDE;
  return add(block, delta, number < pages ? number : addPage(start, <u32>physical));
}

/** Whether a region at its start rather leaves for that of `block` than hold the same code once more. */
function standsAlone(block: Block): bool {
  if (block.slot == 0 || nodesMax == NODES_MAX) return false;
  return changetype<Region>(<usize>block.region).nodes > NODES_SHARED;
}

/** The page of the last byte of `block`, which begins in page `first`; OUTSIDE where that leads elsewhere or is too much. */
function lastPage(block: Block, first: u32): u32 {
  if (block.beyond == 0) return first;
  const start = page(first).delta + 0x1000;
  for (let n: u32 = 0; n < pages; n++)
    if (page(n).delta == start) return page(n).physical == beyondPage(block) ? n : OUTSIDE;
  if (pages == PAGES_MAX || probe(head + <u64>start) != <u64>beyondPage(block)) return OUTSIDE;
  return addPage(start, beyondPage(block));
}

function addPage(delta: i32, physical: u32): u32 {
  page(pages).delta = delta;
  page(pages).physical = physical;
  return pages++;
}

/** Where the indirect transfer at the end of `here` has gone so far, the last `most` of them from `first` on. */
function reachTargets(here: Node, first: Target, most: u32): void {
  for (let t = first; changetype<usize>(t) && most; t = t.next) {
    const n = reach(here.delta + t.delta);
    if (n != OUTSIDE) addTarget(here, n);
    most--;
  }
}

// The nodes of a callee: a walk that passes over calls.
let walks: u32 = 0;
let waiting: u32 = 0;

/** A call's way back: from the returns of its callee where that is in the region, or from outside. */
function connectReturns(call: Node): void {
  if (call.returns == OUTSIDE) return;
  let returning = false;
  walks++;
  waiting = 0;
  queue(call.taken);
  queueTargets(call);
  while (waiting) {
    waiting--;
    const here = found(load<u8>(WORK_AT + <usize>waiting));
    const last = lastInsn(here.block);
    if (isReturn(last) && !isRetpoline(here.block)) {
      if (addTarget(here, call.returns)) returning = true;
    } else if (!isCall(last)) {
      queue(here.taken);
      queue(here.next);
      queueTargets(here);
    } else if (callsRetpoline(here)) queue(here.taken);
    else queue(here.returns);
  }
  if (!returning) found(call.returns).isEntry = true;
}

function queue(n: u32): void {
  if (n == OUTSIDE || found(n).walk == walks) return;
  found(n).walk = walks;
  store<u8>(WORK_AT + <usize>waiting, n);
  waiting++;
}

function queueTargets(here: Node): void {
  for (let index: u32 = 0; index < here.targets; index++) queue(target(here, index));
}

function isReturn(i: Insn): bool {
  return <u32>i.op >= RET && isTransfer(i);
}

function isCall(i: Insn): bool {
  return <u32>i.op >= CALL_NEAR && <u32>i.op < JMP_INDIRECT;
}

/** Whether the call at the end of `here` is a retpoline's own, which never comes back. */
function callsRetpoline(here: Node): bool {
  return here.taken != OUTSIDE && isRetpoline(found(here.taken).block);
}
