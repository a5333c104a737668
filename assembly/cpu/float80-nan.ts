// NaNs among the operands of an x87 operation (SDM 1 table 4-7), and the operands that are invalid as they are.
import { Float80, QUIET_BIT } from "./float80";
import { DENORMAL, INVALID, x87 } from "./x87-state";

/** An invalid operation: its masked answer is the indefinite QNaN. */
export function invalid(to: Float80): void {
  forgetDenormal();
  x87.raised |= INVALID;
  to.setIndefinite();
}

/** What a conversion from memory may have raised before its operand met a NaN: #D is the lesser of the two. */
function forgetDenormal(): void {
  x87.raised &= ~DENORMAL;
}

/** Whether `value` is no number: then `to` holds what an operation on it answers. */
export function answersNaN(value: Float80, to: Float80): bool {
  if (value.isUnsupported) {
    invalid(to);
    return true;
  }
  if (!value.isNaN) return false;
  forgetDenormal();
  if (value.isSignalling) x87.raised |= INVALID;
  to.set(value.signExponent, value.mantissa | QUIET_BIT);
  return true;
}

/** Whether one of two operands is no number: then `to` holds what an operation on them answers. */
export function answersNaNOfTwo(a: Float80, b: Float80, to: Float80): bool {
  if (a.isUnsupported || b.isUnsupported) {
    invalid(to);
    return true;
  }
  if (!a.isNaN) return answersNaN(b, to);
  if (!b.isNaN) return answersNaN(a, to);
  forgetDenormal();
  if (a.isSignalling || b.isSignalling) x87.raised |= INVALID;
  const chosen = preferred(a, b);
  to.set(chosen.signExponent, chosen.mantissa | QUIET_BIT);
  return true;
}

/** Of two NaNs: a quiet one before a signalling one, then the larger significand, then the positive one. */
function preferred(a: Float80, b: Float80): Float80 {
  if (a.isSignalling != b.isSignalling) return a.isSignalling ? b : a;
  if (a.mantissa != b.mantissa) return a.mantissa > b.mantissa ? a : b;
  return a.sign == 0 ? a : b;
}

/** Raises #D for a denormal among numbers. */
export function noteDenormals(a: Float80, b: Float80): void {
  if (a.isDenormal || b.isDenormal) x87.raised |= DENORMAL;
}
