// A region: the decoded blocks reached from a hot entry within its page, as a control-flow graph in reverse postorder,
// with dominators. Only blocks that have been decoded belong to it, so only what has run: the rest leaves.
//
// A region holds at most 64 blocks, so a set of blocks is the bits of a u64, and the passes are a few lines each.
import {
  CALL_NEAR,
  IN,
  INS,
  INT,
  INTO,
  JCC,
  JCXZ,
  JMP,
  PUSHF,
  REP_INS,
  REP_MOVS,
  SGDT,
  SYSCALL,
  SYSENTER,
  SYSRET,
  UNDEFINED,
  W32,
  W64,
} from "../cpu/decode/operations";
import { Block, insnCount, keptBlock } from "../cpu/decode/block";
import { INSN_SIZE, Insn, PREFIX_WIDTH_SHIFT } from "../cpu/decode/insn";
import { MODE_CODE64 } from "../cpu/state";
import { JIT_NODES_AT } from "../machine/layout";

/** An edge that leaves the region. */
export const OUTSIDE: u32 = 0xffff_ffff;
const BLOCKS_MAX: u32 = 48;
const INSNS_MAX: u32 = 400;

@final
@unmanaged
export class Node {
  block: Block;
  /** Where the block begins, from the entry of the region. */
  delta: i32;
  /** Successors: the target of the branch at its end, and what stands behind it; or OUTSIDE. */
  taken: u32;
  next: u32;
  /** Nodes from which an edge comes; nodes that every path from the entry passes, itself included. */
  predecessors: u64;
  dominators: u64;
  /** Labels of the wasm block or loop that a branch to this node goes to. */
  forwardLabel: u32;
  loopLabel: u32;
}

const NODE_SIZE: usize = (offsetof<Node>() + 7) & ~7;
/** Nodes as found, then in reverse postorder. */
const FOUND_AT: usize = JIT_NODES_AT;
const ORDERED_AT: usize = FOUND_AT + NODE_SIZE * 64;

let count: u32 = 0;
let entry: u32 = 0;
let mode: u32 = 0;

export function nodeCount(): u32 {
  return count;
}

/** Node `number` in reverse postorder; the entry is 0. */
export function node(number: u32): Node {
  return changetype<Node>(ORDERED_AT + <usize>number * NODE_SIZE);
}

function found(number: u32): Node {
  return changetype<Node>(FOUND_AT + <usize>number * NODE_SIZE);
}

/** The last instruction of a block: a branch, or whatever stands before its end. */
export function lastInsn(block: Block): Insn {
  return changetype<Insn>(<usize>block.end - INSN_SIZE);
}

/** Finds the region that `block` heads; the nodes are in order after it. */
export function findRegion(block: Block): void {
  entry = block.physical;
  mode = block.mode;
  count = 0;
  let insns: u32 = 0;
  add(block);
  for (let n: u32 = 0; n < count && insns < INSNS_MAX; n++) {
    const here = found(n);
    insns += insnCount(here.block);
    const last = lastInsn(here.block);
    const offset = here.delta;
    if (isBranch(last)) {
      here.taken = reach(offset + <i32>last.immediate);
      if (<u32>last.op == JCC) here.next = reach(offset + <i32>here.block.length);
    } else if (!endsRun(<u32>last.op) || isRepeat(<u32>last.op))
      here.next = reach(offset + <i32>here.block.length);
  }
  numberNodes();
  findDominators();
}

/** JCC, JMP or CALL to a place that the decoder knows, at the code segment's own width. */
export function isBranch(i: Insn): bool {
  const op = <u32>i.op;
  const width = mode & MODE_CODE64 ? W64 : W32;
  if (op == CALL_NEAR + width) return true;
  return (op == JCC || op == JMP) && (mode & MODE_CODE64 || (<u32>i.prefix) >> PREFIX_WIDTH_SHIFT == W32);
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

function add(block: Block): u32 {
  const here = found(count);
  here.block = block;
  here.delta = <i32>(block.physical - entry);
  here.taken = OUTSIDE;
  here.next = OUTSIDE;
  return count++;
}

/** The node that begins `delta` bytes from the entry, added if its block is known and lies in the page. */
function reach(delta: i32): u32 {
  const physical = entry + <u32>delta;
  if ((physical ^ entry) & 0xffff_f000) return OUTSIDE;
  for (let n: u32 = 0; n < count; n++) if (found(n).delta == delta) return n;
  if (count == BLOCKS_MAX) return OUTSIDE;
  const block = keptBlock(physical, mode);
  return changetype<usize>(block) ? add(block) : OUTSIDE;
}

// Reverse postorder: every node before those that it alone leads to; an edge to a lower or equal number goes back.
let visited: u64 = 0;
let unnumbered: u32 = 0;

function numberNodes(): void {
  visited = 0;
  unnumbered = count;
  visit(0);
  for (let n: u32 = 0; n < count; n++) {
    const here = found(n);
    const ordered = node(here.loopLabel);
    memory.copy(changetype<usize>(ordered), changetype<usize>(here), offsetof<Node>());
    ordered.taken = numberOf(here.taken);
    ordered.next = numberOf(here.next);
  }
}

function visit(n: u32): void {
  visited |= (<u64>1) << n;
  const here = found(n);
  visitUnlessDone(here.taken);
  visitUnlessDone(here.next);
  here.loopLabel = --unnumbered;
}

function visitUnlessDone(n: u32): void {
  if (n != OUTSIDE && (visited & ((<u64>1) << n)) == 0) visit(n);
}

function numberOf(foundNumber: u32): u32 {
  return foundNumber == OUTSIDE ? OUTSIDE : found(foundNumber).loopLabel;
}

/** The dominator sets as the largest solution of dom(n) = {n} + the common part of dom over all predecessors. */
function findDominators(): void {
  for (let n: u32 = 0; n < count; n++) {
    node(n).predecessors = 0;
    node(n).dominators = n ? 0xffff_ffff_ffff_ffff : 1;
  }
  for (let n: u32 = 0; n < count; n++) {
    addPredecessor(node(n).taken, n);
    addPredecessor(node(n).next, n);
  }
  let changed = true;
  while (changed) {
    changed = false;
    for (let n: u32 = 1; n < count; n++) {
      let common: u64 = 0xffff_ffff_ffff_ffff;
      for (let left = node(n).predecessors; left; left &= left - 1) common &= node(<u32>ctz(left)).dominators;
      common |= (<u64>1) << n;
      if (common != node(n).dominators) {
        node(n).dominators = common;
        changed = true;
      }
    }
  }
}

function addPredecessor(successor: u32, n: u32): void {
  if (successor != OUTSIDE) node(successor).predecessors |= (<u64>1) << n;
}

/** The closest node, other than itself, that every path to `n` passes: its dominators form a chain in number order. */
export function immediateDominator(n: u32): u32 {
  return 63 - <u32>clz(node(n).dominators & ~((<u64>1) << n));
}

/** Whether an edge from `from` to `to` goes back to the head of a loop that holds `from`. */
export function isLoopEdge(from: u32, to: u32): bool {
  return ((node(from).dominators >> to) & 1) != 0;
}

/** Edges that come from lower numbers: forward edges. */
export function forwardPredecessors(n: u32): u64 {
  return node(n).predecessors & (((<u64>1) << n) - 1);
}

/** Whether `n` heads a loop. */
export function headsLoop(n: u32): bool {
  for (let left = (node(n).predecessors >> n) << n; left; left &= left - 1)
    if (isLoopEdge(<u32>ctz(left), n)) return true;
  return false;
}
