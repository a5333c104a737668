// Comparison and classification: condition codes as in the status word (SDM 1 table 8-1).
import { Float80 } from "./float80";
import { noteDenormals } from "./float80-nan";
import { C0, C1, C2, C3, DENORMAL, INVALID, x87 } from "./x87-state";

export const GREATER: u32 = 0;
export const LESS: u32 = C0;
export const EQUAL: u32 = C3;
export const UNORDERED: u32 = C3 | C2 | C0;

/** Compares a with b. `quietly`: QNaNs are no invalid operand (FUCOM), only SNaNs are. */
export function compare(a: Float80, b: Float80, quietly: bool): u32 {
  if (!a.isNormal || !b.isNormal) {
    const unsupported = a.isUnsupported || b.isUnsupported;
    if (unsupported || a.isNaN || b.isNaN) {
      x87.raised &= ~DENORMAL;
      if (!quietly || unsupported || a.isSignalling || b.isSignalling) x87.raised |= INVALID;
      return UNORDERED;
    }
    noteDenormals(a, b);
    if (a.isZero && b.isZero) return EQUAL;
  }
  if (a.sign != b.sign) return a.sign ? LESS : GREATER;
  if (a.scale == b.scale && a.mantissa == b.mantissa) return EQUAL;
  const smaller = a.scale < b.scale || (a.scale == b.scale && a.mantissa < b.mantissa);
  return smaller == (a.sign == 0) ? LESS : GREATER;
}

/** FXAM (SDM 2A): the class of a register, C1 its sign, also when it is empty. */
export function examine(value: Float80, empty: bool): u32 {
  const sign: u32 = value.sign ? C1 : 0;
  if (empty) return sign | C3 | C0;
  if (value.isUnsupported) return sign;
  if (value.isNaN) return sign | C0;
  if (value.isInfinity) return sign | C2 | C0;
  if (value.isZero) return sign | C3;
  return value.isDenormal ? sign | C3 | C2 : sign | C2;
}
