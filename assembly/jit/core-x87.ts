// The x87 services of the core: what is not worth its wasm in line. The operand comes with the call, the stack is in
// memory, and all exceptions are masked (jit/x87.ts).
import { arithmeticOperand, arithmeticRegister } from "../cpu/exec/x87-arith";
import { flagsOfComparison } from "../cpu/exec/x87-compare";
import { executeRegister } from "../cpu/exec/x87";
import {
  floatOfTop,
  integerOfTop,
  pushExtended,
  pushFloat,
  pushInteger,
  truncatedTop,
} from "../cpu/exec/x87-transfer";
import { EXCEPTIONS, REGISTER_FORMS, x87 } from "../cpu/x87-state";
import { X87_ARITHMETIC, X87_COMPARE, X87_OPERAND, X87_PUSH, X87_REGISTER, X87_VALUE } from "./module";

/** Every service of the unit that a region asks for (jit/module.ts). */
export function serveX87(a: u64, b: u64, service: u32): u64 {
  x87.raised = 0;
  switch (service) {
    case X87_ARITHMETIC:
      arithmetic(<u32>a - REGISTER_FORMS);
      return 0;
    case X87_REGISTER:
      executeRegister(<u32>a);
      return 0;
    case X87_OPERAND:
      takeOperand(<u32>a, b);
      return 0;
    case X87_PUSH:
      pushExtended(<u32>b, a);
      return 0;
    case X87_VALUE:
      return valueToStore(<u32>a);
    case X87_COMPARE:
      return <u64>compare(<u32>a);
    default:
      x87.controlWord = <u32>a;
      return <u64>((x87.control & EXCEPTIONS) != EXCEPTIONS);
  }
}

function arithmetic(form: u32): void {
  arithmeticRegister(form >> 6, (form >> 3) & 7, form & 7);
}

/** The loads, and arithmetic with an operand in memory. */
function takeOperand(extra: u32, bits: u64): void {
  switch (extra) {
    case 0o10:
      pushFloat<u32>(<u32>bits);
      break;
    case 0o30:
      pushInteger(<i64>(<i32>bits));
      break;
    case 0o50:
      pushFloat<u64>(bits);
      break;
    case 0o70:
      pushInteger(<i64>(<i16>bits));
      break;
    case 0o75:
      pushInteger(<i64>bits);
      break;
    default:
      arithmeticOperand(extra >> 3, extra & 7, bits);
  }
}

function valueToStore(extra: u32): u64 {
  switch (extra) {
    case 0o12:
    case 0o13:
      return <u64>floatOfTop<u32>();
    case 0o31:
      return <u64>truncatedTop<u32>();
    case 0o32:
    case 0o33:
      return <u64>integerOfTop<u32>();
    case 0o51:
      return truncatedTop<u64>();
    case 0o52:
    case 0o53:
      return floatOfTop<u64>();
    case 0o71:
      return <u64>truncatedTop<u16>();
    case 0o72:
    case 0o73:
      return <u64>integerOfTop<u16>();
    default:
      return integerOfTop<u64>();
  }
}

/** FUCOMI, FCOMI and, from DF on, their popping forms. */
function compare(extra: u32): u32 {
  const group = (extra - REGISTER_FORMS) >> 3;
  return flagsOfComparison(extra & 7, (group & 7) == 5, group >= 0o70);
}
