// The region's control-flow graph: its nodes in reverse postorder, with dominators. An edge to a higher number goes
// forwards; one to a lower number either goes back to the head of a loop that holds its origin, or goes through the
// dispatcher, which can reach every entry.
import { JIT_GRAPH_AT } from "../machine/layout";
import { DISPATCHER, NODE_SIZE, Node, OUTSIDE, found, foundCount, setTarget, target } from "./region";

/** The number of a node that has none yet. */
const NONE: u32 = 0xffff_ffff;

let count: u32 = 0;

export function nodeCount(): u32 {
  return count;
}

/** Node `number` in reverse postorder; the dispatcher is 0. */
export function node(number: u32): Node {
  return changetype<Node>(JIT_GRAPH_AT + <usize>number * NODE_SIZE);
}

/** Brings the nodes that `findRegion` found in order. */
export function orderNodes(): void {
  count = foundCount();
  numberNodes();
  do findDominators();
  while (straighten());
  let entries: u32 = 0;
  for (let n: u32 = 1; n < count; n++) if (node(n).isEntry) node(n).entry = entries++;
}

// Reverse postorder: every node before those that it alone leads to; an edge to a lower or equal number goes back.
let unnumbered: u32 = 0;

function numberNodes(): void {
  unnumbered = count;
  for (let n: u32 = 1; n < count; n++) found(n).number = NONE;
  for (let n: u32 = 1; n < count; n++) if (found(n).isEntry) visit(n);
  // What is reached only by way of itself: a return site whose call has never come back.
  for (let n: u32 = 1; n < count; n++)
    if (found(n).number == NONE) {
      found(n).isEntry = true;
      visit(n);
    }
  found(DISPATCHER).number = DISPATCHER;
  for (let n: u32 = 0; n < count; n++) {
    const here = found(n);
    const ordered = node(here.number);
    memory.copy(changetype<usize>(ordered), changetype<usize>(here), NODE_SIZE);
    ordered.taken = numberOf(here.taken);
    ordered.next = numberOf(here.next);
    for (let index: u32 = 0; index < here.targets; index++)
      setTarget(ordered, index, numberOf(target(here, index)));
  }
}

function visit(n: u32): void {
  const here = found(n);
  if (here.number != NONE) return;
  here.number = VISITED;
  if (here.taken != OUTSIDE) visit(here.taken);
  if (here.next != OUTSIDE) visit(here.next);
  for (let index: u32 = 0; index < here.targets; index++) visit(target(here, index));
  here.number = --unnumbered;
}

/** Under way: it has no number yet, but will. */
const VISITED: u32 = 0xffff_fffe;

function numberOf(foundNumber: u32): u32 {
  return foundNumber == OUTSIDE ? OUTSIDE : found(foundNumber).number;
}

let changed: bool = false;

/** The dominator of every node: the closest common one of all its predecessors (Cooper, Harvey, Kennedy 2001). */
function findDominators(): void {
  for (let n: u32 = 0; n < count; n++) {
    node(n).dominator = n ? NONE : DISPATCHER;
    node(n).forward = 0;
    node(n).headsLoop = false;
  }
  do {
    changed = false;
    for (let n: u32 = 1; n < count; n++) {
      const here = node(n);
      if (here.isEntry) lead(DISPATCHER, n);
      if (here.taken != OUTSIDE) lead(n, here.taken);
      if (here.next != OUTSIDE) lead(n, here.next);
      for (let index: u32 = 0; index < here.targets; index++) lead(n, target(here, index));
    }
  } while (changed);
}

/** An edge leads from `from` to `to`. */
function lead(from: u32, to: u32): void {
  const before = node(to).dominator;
  const closest = before == NONE ? from : common(before, from);
  if (closest == before) return;
  node(to).dominator = closest;
  changed = true;
}

/** The closest node that dominates both: dominators have lower numbers than what they dominate. */
function common(a: u32, b: u32): u32 {
  while (a != b) {
    if (a > b) a = node(a).dominator;
    else b = node(b).dominator;
  }
  return a;
}

/**
 * Looks at every edge: counts those forwards, marks the heads of loops, and makes entries of the targets of edges that
 * go back to where no loop begins. Returns whether there were new ones.
 */
function straighten(): bool {
  changed = false;
  for (let n: u32 = 1; n < count; n++) {
    const here = node(n);
    if (here.isEntry) here.forward++;
    if (here.taken != OUTSIDE) sort(n, here.taken);
    if (here.next != OUTSIDE && here.next != here.taken) sort(n, here.next);
    for (let index: u32 = 0; index < here.targets; index++) sort(n, target(here, index));
  }
  return changed;
}

function sort(from: u32, to: u32): void {
  const there = node(to);
  if (to > from) there.forward++;
  else if (dominates(to, from)) there.headsLoop = true;
  else {
    node(DISPATCHER).headsLoop = true;
    if (!there.isEntry) changed = true;
    there.isEntry = true;
  }
}

/** Whether every path from the dispatcher to `n` passes `above`. */
function dominates(above: u32, n: u32): bool {
  while (n > above) n = node(n).dominator;
  return n == above;
}

/** Whether the edge goes back, but to no loop's head. */
export function goesThroughDispatcher(from: u32, to: u32): bool {
  return to <= from && !dominates(to, from);
}

/** Whether paths meet at `n`, or the dispatcher leads there. */
export function isMeeting(n: u32): bool {
  return node(n).forward > 1 || node(n).isEntry;
}
