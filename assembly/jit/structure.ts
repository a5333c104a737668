// From the graph to wasm's nested blocks (after N. Ramsey, "Beyond Relooper", ICFP 2022): the dominator tree is
// walked once. A node where forward paths meet stands behind a wasm block that its predecessors leave; the head of
// a loop opens a wasm loop; every other node stands inside its only predecessor. The dispatcher, at the root, is a
// table of branches to the entries; an edge into the middle of a loop names its entry and goes back there.
import { emitBlock } from "./emit";
import { flagState, forgetFlags, setFlagState, settleFlags } from "./flags";
import { goesThroughDispatcher, isMeeting, node, nodeCount } from "./graph";
import { leaveTo, pushRip } from "./leave";
import { ADDRESS, ENTRY, TEMPORARY, TLB_ENTRY } from "./locals";
import { LEADS_TO, callCore } from "./module";
import { pushTlbHit } from "./operand";
import { DISPATCHER, OUTSIDE, regionPage, target } from "./region";
import { LEFT_JUMP, LEFT_PAGE } from "./stats";
import { TlbEntry } from "../memory/tlb";
import { cpu } from "../cpu/state";
import {
  AND,
  BLOCK,
  BR,
  BR_TABLE,
  EQ,
  EQZ,
  I32_LOAD,
  I64_EQ,
  I64_EQZ,
  I64_LT_S,
  IF,
  LOOP,
  NO_RESULT,
  access,
  branch,
  byte,
  const32,
  const64,
  end,
  enter,
  get,
  label,
  op,
  opConstant,
  otherwise,
  set,
  unsigned,
} from "./wasm";

/** Emits node `n` and all that it dominates. */
export function emitNode(n: u32): void {
  const isLoop = node(n).headsLoop;
  if (isLoop) {
    forgetFlags();
    node(n).loopLabel = enter(LOOP, NO_RESULT);
  }
  emitBefore(n, nodeCount());
  if (isLoop) end();
}

/** Emits `n` inside the blocks of the meetings right below it that have numbers under `limit`, and those behind theirs. */
function emitBefore(n: u32, limit: u32): void {
  const meeting = lastMeeting(n, limit);
  if (meeting == n) {
    if (n == DISPATCHER) emitDispatcher();
    else emitBlock(n);
    return;
  }
  node(meeting).forwardLabel = enter(BLOCK, NO_RESULT);
  emitBefore(n, meeting);
  end();
  forgetFlags();
  emitNode(meeting);
}

/** The highest node under `limit` right below `n` in the dominator tree where paths meet; `n` if there is none. */
function lastMeeting(n: u32, limit: u32): u32 {
  let below = limit - 1;
  while (below > n && !(node(below).dominator == n && isMeeting(below))) below--;
  return below;
}

/** Branches to the entry that ENTRY names. */
function emitDispatcher(): void {
  let entries: u32 = 0;
  let last: u32 = 0;
  for (let n: u32 = 1; n < nodeCount(); n++)
    if (node(n).isEntry) {
      entries++;
      last = n;
    }
  if (entries == 1) {
    branch(BR, node(last).forwardLabel);
    return;
  }
  get(ENTRY);
  byte(BR_TABLE);
  unsigned(entries - 1);
  for (let n: u32 = 1; n <= last; n++) if (node(n).isEntry) label(node(n).forwardLabel);
}

/** Control goes from `from` to node `to`, or to `delta` bytes from the head where that is outside. */
export function emitEdge(from: u32, to: u32, delta: i32): void {
  if (to == OUTSIDE) {
    leaveTo(delta, LEFT_JUMP);
    return;
  }
  if (node(from).page != node(to).page) guardPage(node(to).page, node(to).delta, node(to).delta);
  if (to > from && !isMeeting(to)) {
    if (node(to).headsLoop) settleFlags();
    emitNode(to);
    return;
  }
  const state = flagState();
  settleFlags();
  if (goesThroughDispatcher(from, to)) {
    const32(node(to).entry);
    set(ENTRY);
    branch(BR, node(DISPATCHER).loopLabel);
  } else branch(BR, to <= from ? node(to).loopLabel : node(to).forwardLabel);
  setFlagState(state);
}

/** Leaves for `delta` unless page `number`, where `within` lies, still leads where it led when the region was found. */
export function guardPage(number: u32, within: i32, delta: i32): void {
  const page = regionPage(number);
  pushRip(within);
  set(ADDRESS);
  pushTlbHit(1, offsetof<TlbEntry>("execTag"));
  get(TLB_ENTRY);
  access(I32_LOAD, <usize>cpu.tlb + offsetof<TlbEntry>("physical"));
  opConstant(AND, ~0xfff, false);
  const32(<i32>page);
  op(EQ, false);
  op(AND, false);
  op(EQZ, false);
  enter(IF, NO_RESULT);
  get(ADDRESS);
  const64(page);
  callCore(LEADS_TO);
  byte(I64_EQZ);
  enter(IF, NO_RESULT);
  leaveTo(delta, LEFT_PAGE);
  end();
  end();
}

/** Goes on where TEMPORARY, from the head of the region, is one of the targets of `from`; otherwise falls through. */
export function emitTargets(from: u32): void {
  if (node(from).targets) emitSomeTargets(from, 0, node(from).targets);
}

/** The targets from `first` on, up to `last`, which are in the order of their places. */
function emitSomeTargets(from: u32, first: u32, last: u32): void {
  const middle = (first + last) >> 1;
  const to = target(node(from), middle);
  const state = flagState();
  get(TEMPORARY);
  const64(node(to).delta);
  if (last - first == 1) {
    byte(I64_EQ);
    enter(IF, NO_RESULT);
    emitEdge(from, to, node(to).delta);
  } else {
    byte(I64_LT_S);
    enter(IF, NO_RESULT);
    emitSomeTargets(from, first, middle);
    otherwise();
    setFlagState(state);
    emitSomeTargets(from, middle, last);
  }
  end();
  setFlagState(state);
}
