// From the graph to wasm's nested blocks (after N. Ramsey, "Beyond Relooper", ICFP 2022): the dominator tree is
// walked once. A node where forward paths meet stands behind a wasm block that its predecessors leave; the head of
// a loop opens a wasm loop; every other node stands inside its only predecessor. An edge that fits neither (into
// the middle of a loop) leaves the region, whose next entry is then there.
import { emitBlock } from "./emit";
import { flagState, forgetFlags, setFlagState, settleFlags } from "./flags";
import { leaveTo } from "./leave";
import {
  OUTSIDE,
  forwardPredecessors,
  headsLoop,
  immediateDominator,
  isLoopEdge,
  node,
  nodeCount,
} from "./region";
import { LEFT_JUMP } from "./stats";
import { BLOCK, BR, LOOP, NO_RESULT, branch, end, enter } from "./wasm";

/** Emits node `n` and all that it dominates. */
export function emitNode(n: u32): void {
  const isLoop = headsLoop(n);
  if (isLoop) {
    forgetFlags();
    node(n).loopLabel = enter(LOOP, NO_RESULT);
  }
  emitBefore(n, meetingsBelow(n));
  if (isLoop) end();
}

/** Emits `n` inside the blocks of `meetings`, the highest number outermost, and each meeting behind its block. */
function emitBefore(n: u32, meetings: u64): void {
  if (meetings == 0) {
    emitBlock(n);
    return;
  }
  const meeting = 63 - <u32>clz(meetings);
  node(meeting).forwardLabel = enter(BLOCK, NO_RESULT);
  emitBefore(n, meetings & ~((<u64>1) << meeting));
  end();
  forgetFlags();
  emitNode(meeting);
}

/** Nodes right below `n` in the dominator tree to which more than one forward edge leads. */
function meetingsBelow(n: u32): u64 {
  let meetings: u64 = 0;
  for (let below = n + 1; below < nodeCount(); below++)
    if (immediateDominator(below) == n && isMeeting(below)) meetings |= (<u64>1) << below;
  return meetings;
}

function isMeeting(n: u32): bool {
  return popcnt(forwardPredecessors(n)) > 1;
}

/** Control goes from `from` to node `to`, or to `delta` bytes from the entry where that is outside. */
export function emitEdge(from: u32, to: u32, delta: i32): void {
  if (to == OUTSIDE || (to <= from && !isLoopEdge(from, to))) {
    leaveTo(delta, LEFT_JUMP);
    return;
  }
  if (to > from && !isMeeting(to)) {
    if (headsLoop(to)) settleFlags();
    emitNode(to);
    return;
  }
  const state = flagState();
  settleFlags();
  branch(BR, to <= from ? node(to).loopLabel : node(to).forwardLabel);
  setFlagState(state);
}
