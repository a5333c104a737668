// Lane operations that are not worth their wasm in line. Operands and results go through JIT_VECTOR_AT.
import * as op from "../cpu/decode/operations-sse";
import { avxLane } from "../cpu/exec/avx";
import { lane } from "../cpu/exec/sse";
import { settle } from "../cpu/mxcsr";
import { JIT_VECTOR_AT } from "../machine/layout";

/** One lane operation, exactly as the interpreter has it. It cannot fault: all exceptions are masked (jit/vector.ts). */
export function computeLane(operation: u32, immediate: u32): void {
  const a = v128.load(JIT_VECTOR_AT);
  const b = v128.load(JIT_VECTOR_AT, 16);
  const value =
    operation >= op.VPERMILPS ? avxLane(operation, a, b, immediate) : lane(operation, a, b, immediate);
  settle();
  v128.store(JIT_VECTOR_AT, value);
}
