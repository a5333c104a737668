// The x87 unit in translated code. Its state stays in memory, where the core's arithmetic works on it; only TOP is a
// local as well, since it finds every register. A region that uses the unit is entered only while it is this task's,
// no exception waits and the control word masks them all (jit/vector.ts: `offered`), so that nothing here can fault
// but an operand in memory.
//
// FIP, FOP and FDP, which hardly anyone reads, are stored where somebody could: before the core is called and at the
// ends of blocks and regions, for the last instruction that sets them.
import { DST_MEMORY, Insn } from "../cpu/decode/insn";
import { CS, GS, SEG_SELECTOR_AT } from "../cpu/state";
import { EXCEPTIONS, SUMMARY, X87, x87, opcodeOf } from "../cpu/x87-state";
import { ownDeltaOf, pushRip } from "./leave";
import { X87_TOP } from "./locals";
import { pushEffectiveAddress } from "./operand";
import { I32_LOAD, I32_LOAD16_U, I32_STORE16, I64_STORE, access, const32, loadAt, set } from "./wasm";

const UNIT: usize = changetype<usize>(x87);
const TOP: usize = UNIT + offsetof<X87>("top");
const OPCODE: usize = UNIT + offsetof<X87>("opcode");
const INSTRUCTION_POINTER: usize = UNIT + offsetof<X87>("instructionPointer");
const INSTRUCTION_SELECTOR: usize = UNIT + offsetof<X87>("instructionSelector");
const DATA_POINTER: usize = UNIT + offsetof<X87>("dataPointer");
const DATA_SELECTOR: usize = UNIT + offsetof<X87>("dataSelector");

/** The last instruction of this block whose pointers are not in memory yet; null for none. */
let pending: Insn = changetype<Insn>(0);

/** Whether no x87 instruction can raise an exception, beyond those that every vector instruction has. */
export function isUnitQuiet(): bool {
  return (x87.control & EXCEPTIONS) == EXCEPTIONS && (x87.status & SUMMARY) == 0;
}

/** At entry, and after the core changed the stack. */
export function loadTop(): void {
  loadAt(I32_LOAD, TOP);
  set(X87_TOP);
}

/** `i` is done: from here on it is the last one. Its data pointer goes to memory now, while the registers hold it. */
export function notePointers(i: Insn): void {
  pending = i;
  if (!(i.form & DST_MEMORY)) return;
  const32(0);
  pushEffectiveAddress(i);
  access(I64_STORE, DATA_POINTER);
  const32(0);
  if (i.seg <= GS) pushSelector(i.seg);
  else const32(0);
  access(I32_STORE16, DATA_SELECTOR);
}

/** The pointers are in memory, or in the hands of the interpreter. */
export function forgetPointers(): void {
  pending = changetype<Insn>(0);
}

/** Stores the pointers of the last instruction, on a path that others may not share. */
export function storePointers(): void {
  if (changetype<usize>(pending) == 0) return;
  const32(0);
  pushRip(ownDeltaOf(pending));
  access(I64_STORE, INSTRUCTION_POINTER);
  const32(0);
  pushSelector(CS);
  access(I32_STORE16, INSTRUCTION_SELECTOR);
  const32(0);
  const32(<i32>opcodeOf(pending));
  access(I32_STORE16, OPCODE);
}

function pushSelector(segment: u32): void {
  loadAt(I32_LOAD16_U, SEG_SELECTOR_AT + ((<usize>segment) << 2));
}

/** Where control goes on to other blocks. */
export function settlePointers(): void {
  storePointers();
  forgetPointers();
}
