// The time-stamp counter: the same names as cpu/time.ts and cpu/exec/system.ts, in wasm.
import { CR4_TSD, CpuState } from "../../cpu/state";
import { Clock, clock } from "../../machine/clock";
import { CPU_AT } from "../../machine/layout";
import { stop } from "../leave";
import { BUDGET, TEMPORARY } from "../locals";
import { popRegister } from "../operand";
import { W64 } from "../../cpu/decode/operations";
import {
  ADD,
  AND,
  I32_LOAD,
  I64_EXTEND_U,
  I64_LOAD,
  IF,
  MUL,
  NE,
  NO_RESULT,
  SHR_U,
  SUB,
  byte,
  end,
  enter,
  get,
  loadAt,
  op,
  opConstant,
  set,
} from "../wasm";

const CLOCK: usize = changetype<usize>(clock);
const RAX: u32 = 0;
const RCX: u32 = 8;
const RDX: u32 = 16;

/** RDTSC; the interpreter raises #GP. */
export function rdtsc(): void {
  loadAt(I32_LOAD, CPU_AT + offsetof<CpuState>("cr4"));
  opConstant(AND, CR4_TSD, false);
  opConstant(NE, 0, false);
  loadAt(I32_LOAD, CPU_AT + offsetof<CpuState>("cpl"));
  opConstant(NE, 0, false);
  op(AND, false);
  enter(IF, NO_RESULT);
  stop();
  end();
  pushTimeStamp();
  set(TEMPORARY);
  get(TEMPORARY);
  opConstant(AND, 0xffff_ffff, true);
  popRegister(RAX, W64);
  get(TEMPORARY);
  opConstant(SHR_U, 32, true);
  popRegister(RDX, W64);
}

/** RDTSCP */
export function rdtscp(): void {
  rdtsc();
  loadAt(I32_LOAD, CPU_AT + offsetof<CpuState>("tscAux"));
  byte(I64_EXTEND_U);
  popRegister(RCX, W64);
}

/** sliceStart + (instructions run in this slice * pace >> 10) + tscOffset */
function pushTimeStamp(): void {
  loadAt(I64_LOAD, CLOCK + offsetof<Clock>("sliceStart"));
  loadAt(I32_LOAD, CLOCK + offsetof<Clock>("granted"));
  get(BUDGET);
  op(SUB, false);
  loadAt(I32_LOAD, CPU_AT + offsetof<CpuState>("withheld"));
  op(SUB, false);
  byte(I64_EXTEND_U);
  loadAt(I32_LOAD, CLOCK + offsetof<Clock>("pace"));
  byte(I64_EXTEND_U);
  op(MUL, true);
  opConstant(SHR_U, 10, true);
  op(ADD, true);
  loadAt(I64_LOAD, CPU_AT + offsetof<CpuState>("tscOffset"));
  op(ADD, true);
}
