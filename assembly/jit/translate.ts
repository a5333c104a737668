// The translator: hot x86 code becomes WebAssembly.
//
// A block that has run `clock.warm` times in the interpreter heads a region: what is reached from it within its page
// (region.ts). The region becomes one wasm function with the guest's registers in locals, its control flow as nested
// blocks and loops (structure.ts), its instructions from lower/, whose files are named as the interpreter's are. The
// host compiles the module and puts the function into our table, where the run loop calls it in place of the block.
//
// A region keeps the interpreter's promises exactly. The budget is taken block by block, so both tiers look around at
// the same instruction. Before anything that may fault, memory holds what the interpreter would have there, so a
// fault unwinds as ever. Code that is written to leaves with its region. Regions end at the page, because one
// translation of the page was checked when it was entered, and another may change at any time.
//
// Emission runs twice: the first pass only learns which registers the region uses and changes, on which the slow
// paths and exits of the second depend.
import { Block, dropAllBlocks, isHot, stayCold } from "../cpu/decode/block";
import { MODE_CODE32, MODE_CODE64, MODE_FLAT, MODE_PROTECTED, MODE_STACK32, cpu } from "../cpu/state";
import { jitInstall } from "../host";
import { executed } from "../machine/clock";
import { JIT_BODY_AT, JIT_MODULE_AT } from "../machine/layout";
import { forgetFlags } from "./flags";
import { beginPass, emitStopped, setExit, setStop, touchedRegisters, writtenRegisters } from "./leave";
import { buildModule } from "./module";
import { findRegion } from "./region";
import { addSlot, slotsAreUsedUp, takeSlot } from "./slots";
import { STAT_BYTES, STAT_ENTRIES, STAT_INSTRUCTIONS, STAT_REGIONS, addTo, isCounting } from "./stats";
import { emitNode } from "./structure";
import { demandsOfRegion, offered } from "./vector";
import { BLOCK, NO_RESULT, beginAt, beginBody, end, enter, isFull, position } from "./wasm";

const FLAT_CODE32: u32 = MODE_CODE32 | MODE_STACK32 | MODE_FLAT | MODE_PROTECTED;

/** Runs the region that `block` heads, if there is one by now; false: the interpreter has it. */
export function runTranslated(block: Block): bool {
  if (!isHot(block)) return false;
  if (block.slot == 0) {
    stayCold(block);
    if (!translate(block)) return false;
  }
  if (block.tlb != cpu.tlb) return false;
  if (block.demands && block.demands & ~offered()) return false;
  if (isCounting()) runCounted(block.slot);
  else call_indirect<void>(block.slot);
  return true;
}

function runCounted(slot: u32): void {
  const before = executed();
  call_indirect<void>(slot);
  addTo(STAT_ENTRIES, 1);
  addTo(STAT_INSTRUCTIONS, executed() - before);
}

/**
 * Between two slices: where as many regions live as may, all go. Few programs have so much hot code at a time; what is
 * hot now is soon translated again.
 */
export function makeRoom(): void {
  if (slotsAreUsedUp()) dropAllBlocks();
}

function translate(block: Block): bool {
  if (!(cpu.mode & MODE_CODE64) && (cpu.mode & FLAT_CODE32) != FLAT_CODE32) return false;
  if (slotsAreUsedUp()) return false;
  findRegion(block);
  emit(true);
  emit(false);
  if (isFull()) return false;
  const moduleEnd = buildModule(position(), touchedRegisters(), writtenRegisters());
  const reused = takeSlot();
  const slot = jitInstall(JIT_MODULE_AT, <u32>(moduleEnd - JIT_MODULE_AT), reused);
  if (slot && !reused) addSlot(slot);
  addTo(STAT_REGIONS, 1);
  addTo(STAT_BYTES, moduleEnd - JIT_MODULE_AT);
  block.slot = slot;
  block.tlb = cpu.tlb;
  block.demands = demandsOfRegion();
  return slot != 0;
}

function emit(first: bool): void {
  beginPass(cpu.mode, first);
  beginAt(JIT_BODY_AT);
  beginBody();
  forgetFlags();
  setExit(enter(BLOCK, NO_RESULT));
  setStop(enter(BLOCK, NO_RESULT));
  emitNode(0);
  end();
  emitStopped();
  end();
}
