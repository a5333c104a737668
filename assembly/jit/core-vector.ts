// The slow paths of vector code: memory operands that miss the TLB, and lane operations that are not worth their wasm in
// line. Operands and results go through JIT_VECTOR_AT.
import * as op from "../cpu/decode/operations-sse";
import { GP, raiseWithError } from "../cpu/exceptions";
import { avxLane } from "../cpu/exec/avx";
import { lane } from "../cpu/exec/sse";
import { writeWide } from "../cpu/exec/vex";
import { settle } from "../cpu/mxcsr";
import { JIT_VECTOR_AT } from "../machine/layout";
import { read, write } from "../memory/access";

/** `form`: bytes, 16 or 32; from bit 8 on the address bits that must be clear. */
export function readVectorAt(linear: u64, form: u32): void {
  if ((<u32>linear) & (form >> 8)) raiseWithError(GP, 0);
  v128.store(JIT_VECTOR_AT, read<v128>(linear));
  if (isWide(form)) v128.store(JIT_VECTOR_AT, read<v128>(linear + 16), 16);
}

export function writeVectorAt(linear: u64, form: u32): void {
  if ((<u32>linear) & (form >> 8)) raiseWithError(GP, 0);
  const low = v128.load(JIT_VECTOR_AT);
  if (isWide(form)) writeWide(linear, low, v128.load(JIT_VECTOR_AT, 16));
  else write<v128>(linear, low);
}

function isWide(form: u32): bool {
  return (form & 0xff) == 32;
}

/** One lane operation, exactly as the interpreter has it. It cannot fault: all exceptions are masked (jit/vector.ts). */
export function computeLane(operation: u32, immediate: u32): void {
  const a = v128.load(JIT_VECTOR_AT);
  const b = v128.load(JIT_VECTOR_AT, 16);
  const value =
    operation >= op.VPERMILPS ? avxLane(operation, a, b, immediate) : lane(operation, a, b, immediate);
  settle();
  v128.store(JIT_VECTOR_AT, value);
}
