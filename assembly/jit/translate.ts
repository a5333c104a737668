// The translator: hot x86 code becomes WebAssembly.
//
// A block that has run `clock.warm` times in the interpreter heads a region: what is reached from it (region.ts), in
// order (graph.ts). The region becomes one wasm function with the guest's registers in locals, its control flow as
// nested blocks and loops (structure.ts), its instructions from lower/, whose files are named as the interpreter's are.
// The host compiles the module and puts the function into our table, where the run loop calls it in place of the
// blocks that enter it (regions.ts).
//
// A region keeps the interpreter's promises exactly. The budget is taken block by block, so both tiers look around at
// the same instruction. Before anything that may fault, memory holds what the interpreter would have there, so a
// fault unwinds as ever. Code that is written to leaves with all its regions. The page of the entry is the run loop's
// to check; an edge to another page looks whether that leads where it did, which can change only outside of regions.
//
// Emission runs twice: the first pass only learns which registers the region uses and changes, on which the slow
// paths and exits of the second depend.
import { Block, cover, isHot, linearRip, stayCold } from "../cpu/decode/block";
import { MODE_CODE32, MODE_CODE64, MODE_FLAT, MODE_PROTECTED, MODE_STACK32, cpu } from "../cpu/state";
import { report } from "../cpu/trace";
import { TRACE_MODULE, TRACE_REGION } from "../cpu/trace-kinds";
import { jitInstall } from "../host";
import { clock, executed } from "../machine/clock";
import { JIT_BODY_AT, JIT_MODULE_AT } from "../machine/layout";
import { forgetFlags } from "./flags";
import { node, nodeCount, orderNodes } from "./graph";
import { beginPass, emitStopped, setExit, setStop, touchedRegisters, writtenRegisters } from "./leave";
import { bodyOffset, buildModule } from "./module";
import { DISPATCHER, Node, findRegion, foundCount, pageCount, regionPage } from "./region";
import { Region, addEntry, newRegion, release, watchPage } from "./regions";
import { STAT_BYTES, STAT_ENTRIES, STAT_INSTRUCTIONS, STAT_REGIONS, addTo, isCounting } from "./stats";
import { emitNode } from "./structure";
import { demandsOfRegion, offered } from "./vector";
import { BLOCK, NO_RESULT, beginAt, beginBody, end, enter, isFull, position } from "./wasm";

/**
 * A region that is entered this many times as often as a block must run to be hot is looked at again; then twice as
 * often, and so on. Larger code costs the runtime's compiler more than some ten thousand entries do.
 */
const REVIEW_SHIFT: u32 = 3;
const FLAT_CODE32: u32 = MODE_CODE32 | MODE_STACK32 | MODE_FLAT | MODE_PROTECTED;

/** Runs the region that `block` heads, if there is one by now; false: the interpreter has it. */
export function runTranslated(block: Block): bool {
  if (!isHot(block)) return false;
  if (block.slot == 0) {
    stayCold(block);
    if (!translate(block, linearRip(), false)) return false;
  }
  if (block.tlb != cpu.tlb) return false;
  const region = changetype<Region>(<usize>block.region);
  if (++region.runs >= region.review && !review(region, block)) return false;
  // After the review: a region that grew may demand more than the one before.
  if (block.demands && block.demands & ~offered()) return false;
  if (isCounting()) runCounted(block);
  else call_indirect<void>(block.slot, block.entry);
  return true;
}

function runCounted(block: Block): void {
  const before = executed();
  call_indirect<void>(block.slot, block.entry);
  addTo(STAT_ENTRIES, 1);
  addTo(STAT_INSTRUCTIONS, executed() - before);
}

/**
 * A region that is entered that often is left as often. When it was found, some of what it leaves for may not have been
 * warm, or was too much for a start: if there is more to it by now, it is translated anew. Returns whether `block` still
 * enters a region.
 */
function review(region: Region, block: Block): bool {
  const head = changetype<Block>(<usize>region.head);
  const linear = linearRip() - ((<i64>block.entry) >> 32);
  if (region.review < 1 << 30) region.review <<= 1;
  else region.runs = 0;
  findRegion(head, linear, true);
  if (foundCount() <= region.nodes) return true;
  const due = region.review;
  release(region);
  if (translate(head, linear, true)) changetype<Region>(<usize>head.region).review = due;
  return block.slot != 0;
}

function translate(block: Block, linear: u64, large: bool): bool {
  if (!(cpu.mode & MODE_CODE64) && (cpu.mode & FLAT_CODE32) != FLAT_CODE32) return false;
  findRegion(block, linear, large);
  if (foundCount() == 1) return false;
  orderNodes();
  emit(true);
  report(TRACE_REGION, <u32>linear, <u32>(linear >> 32));
  emit(false);
  if (isFull()) return false;
  const moduleEnd = buildModule(position(), touchedRegisters(), writtenRegisters());
  const size = <u32>(moduleEnd - JIT_MODULE_AT);
  report(TRACE_MODULE, <u32>JIT_MODULE_AT, size, bodyOffset());
  const region = newRegion(block, size);
  const slot = jitInstall(JIT_MODULE_AT, size, region.slot);
  if (slot == 0) {
    release(region);
    return false;
  }
  region.slot = slot;
  region.nodes = foundCount();
  region.review = clock.warm << REVIEW_SHIFT;
  addTo(STAT_REGIONS, 1);
  addTo(STAT_BYTES, size);
  for (let n: u32 = 0; n < pageCount(); n++) watchPage(region, regionPage(n));
  for (let n: u32 = 1; n < nodeCount(); n++) {
    if (node(n).isEntry && node(n).block.slot == 0) openEntry(region, node(n));
    else cover(node(n).block);
  }
  return true;
}

/** From now on the block of `here` runs in the region. */
function openEntry(region: Region, here: Node): void {
  const block = here.block;
  block.slot = region.slot;
  block.tlb = cpu.tlb;
  block.demands = demandsOfRegion();
  block.entry = (<u64>here.entry) | ((<u64>here.delta) << 32);
  addEntry(region, block);
}

function emit(first: bool): void {
  beginPass(cpu.mode, first);
  beginAt(JIT_BODY_AT);
  beginBody();
  forgetFlags();
  setExit(enter(BLOCK, NO_RESULT));
  setStop(enter(BLOCK, NO_RESULT));
  emitNode(DISPATCHER);
  end();
  emitStopped();
  end();
}
