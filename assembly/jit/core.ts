// What translated code calls: the slow paths of memory, the interpreter for one instruction, and arithmetic that is
// not worth its wasm in line. Memory holds the guest's state as the interpreter would have it (jit/leave.ts: spill),
// so a fault unwinds from here as from anywhere.
import { codeWasDropped, forgetDrops } from "../cpu/decode/block";
import { INSN_SIZE, Insn } from "../cpu/decode/insn";
import { BLOCK_END, BLOCK_LEAVE } from "../cpu/decode/operations";
import { execute } from "../cpu/exec/dispatch";
import { arithmeticFlags, condition } from "../cpu/flags";
import { nextRip } from "../cpu/exec/operand";
import { checkSegment } from "../cpu/segments";
import { ACTIVE, CF, MODE_CODE64, OF, cpu } from "../cpu/state";
import { multiplyHigh } from "../cpu/wide";
import { multiplyHighSigned } from "../cpu/exec/wide-int";
import { JIT_INSN_AT } from "../machine/layout";
import { computeLane } from "./core-vector";
import {
  CHECK_SEGMENT,
  EXECUTE,
  EXECUTE_LAST,
  FLAGS,
  HIGH_SIGNED,
  HIGH_UNSIGNED,
  HOLDS,
  LANE,
  LEADS_TO,
  PRODUCT_FLAGS,
  REACH,
} from "./module";
import { endsRun } from "./region";
import { STAT_HANDLERS, addTo, isCounting } from "./stats";
import { findPlace, leadsTo } from "../memory/access";
import { isCanonical } from "../memory/paging";
import { NO_PAGE } from "../memory/tlb";
import { offered } from "./vector";

/** Every service that a region asks for (jit/module.ts). */
export function serveRegion(a: u64, b: u64, service: u32): u64 {
  switch (service) {
    case REACH:
      return <u64>reach(a, <u32>b);
    case EXECUTE:
      return interpret(<u32>a);
    case EXECUTE_LAST:
      interpretLast(<u32>a);
      return 0;
    case HOLDS:
      return condition(<u32>a) ? 1 : 0;
    case FLAGS:
      return <u64>arithmeticFlags();
    case PRODUCT_FLAGS:
      return <u64>productFlags(a, b);
    case LANE:
      computeLane(<u32>a, <u32>b);
      return 0;
    case HIGH_UNSIGNED:
      return multiplyHigh(a, b);
    case HIGH_SIGNED:
      return <u64>multiplyHighSigned(<i64>a, <i64>b);
    case CHECK_SEGMENT:
      checkSegment((<u32>b) & 0xff, a, ((<u32>b) >> 8) & 0xff, (<u32>b) >> 16 != 0);
      return 0;
    case LEADS_TO:
      return leadsTo(a, <u32>b) ? 1 : 0;
    default:
      return interpretOn(<u32>a, <u32>b) ? 1 : 0;
  }
}

/** Where an access leads that missed the TLB; 0: the region stops, and the interpreter does it or the fault is delivered. */
function reach(linear: u64, form: u32): usize {
  const alignment = (form >> 8) & 0xff;
  const acrossPages = ((<u32>linear) & 0xfff) + (form & 0xff) > 0x1000;
  if (acrossPages || (<u32>linear) & alignment || (cpu.mode & MODE_CODE64 && !isCanonical(linear))) return 0;
  return findPlace(linear, form >> 16 != 0);
}

/** The instruction that runs as a copy at JIT_INSN_AT. */
let original: u32 = 0;

/**
 * Runs one decoded instruction in the interpreter. Returns whether the region stops behind it, because code has changed
 * or where pages lead: the interpreter runs the rest of the block.
 */
function interpret(insn: u32): u64 {
  forgetDrops();
  execute(copyInsn(insn, BLOCK_END));
  if (!codeWasDropped() && cpu.codePage != NO_PAGE) return 0;
  cpu.stopped = insn + <u32>INSN_SIZE;
  return 1;
}

/** Runs the last instruction of a block in the interpreter, which may run on from there. */
function interpretLast(insn: u32): void {
  execute(copyInsn(insn, endsRun(<u32>changetype<Insn>(insn).op) ? BLOCK_LEAVE : BLOCK_END));
}

/**
 * Runs the last instruction of a block in the interpreter. Returns whether the region goes on behind it: nothing has
 * changed that its code relies on, `demands` among it.
 */
function interpretOn(insn: u32, demands: u32): bool {
  const mode = cpu.mode;
  const tlb = cpu.tlb;
  const page = cpu.codePage;
  forgetDrops();
  interpretLast(insn);
  if (codeWasDropped() || cpu.rip != nextRip(changetype<Insn>(insn))) return false;
  if (cpu.mode != mode || cpu.tlb != tlb || cpu.codePage != page || page == NO_PAGE) return false;
  if (cpu.activity != ACTIVE || demands & ~offered()) return false;
  // Where the next block runs at once, the shadow of STI or MOV SS is over with its entry.
  if (cpu.budget > 0) cpu.interruptShadow = 0;
  return true;
}

/** The instruction as a block of its own that ends with `end`. */
function copyInsn(insn: u32, end: u32): Insn {
  original = insn;
  if (isCounting()) addTo(STAT_HANDLERS + <u32>changetype<Insn>(insn).op, 1);
  const copy = changetype<Insn>(JIT_INSN_AT);
  for (let at: usize = 0; at < INSN_SIZE; at += 8) {
    store<u64>(JIT_INSN_AT + at, load<u64>(<usize>insn + at));
    store<u64>(JIT_INSN_AT + INSN_SIZE + at, 0);
  }
  const behind = changetype<Insn>(JIT_INSN_AT + INSN_SIZE);
  behind.op = <u16>end;
  behind.offset = copy.offset + <u16>copy.length;
  return copy;
}

/** The decoded instruction that runs, where `cpu.insn` may be the copy. */
export function runningInsn(): u32 {
  return cpu.insn - <u32>JIT_INSN_AT < <u32>INSN_SIZE * 2 ? original : cpu.insn;
}

/** CF and OF of a signed 64-bit product. */
function productFlags(a: u64, b: u64): u32 {
  const high = multiplyHighSigned(<i64>a, <i64>b);
  return high != (<i64>(a * b)) >> 63 ? CF | OF : 0;
}
