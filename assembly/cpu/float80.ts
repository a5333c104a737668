// The double extended-precision format of x87 (SDM 1 §4.2.2): what its bits mean. Arithmetic on it lies in the
// files beside this one, which all write their result into a Float80 and what they raise into `x87.raised`.
//
//   79   78        64 63 62                     0
//   ├sign┼─exponent──┼J─┼──────fraction─────────┤     value = J.fraction × 2^(exponent - 16383)
//
// J is explicit, so there are encodings that no arithmetic produces: pseudo-denormals (exponent 0, J = 1) are
// read as exponent 1; unnormals, pseudo-infinities and pseudo-NaNs (exponent > 0, J = 0) are invalid operands.

export const SIGN: u32 = 0x8000;
export const BIAS: i32 = 0x3fff;
export const EXPONENT_MAX: i32 = 0x7fff;
export const INTEGER_BIT: u64 = 1 << 63;
export const QUIET_BIT: u64 = 1 << 62;

@final
@unmanaged
export class Float80 {
  mantissa: u64;
  signExponent: u16;

  get sign(): u32 {
    return (<u32>this.signExponent) & SIGN;
  }

  get exponent(): i32 {
    return (<i32>this.signExponent) & EXPONENT_MAX;
  }

  /** The exponent that the mantissa counts for: denormals lie on exponent 1. */
  get scale(): i32 {
    const exponent = this.exponent;
    return exponent == 0 ? 1 : exponent;
  }

  get isZero(): bool {
    return this.exponent == 0 && this.mantissa == 0;
  }

  get isDenormal(): bool {
    return this.exponent == 0 && this.mantissa != 0;
  }

  get isInfinity(): bool {
    return this.exponent == EXPONENT_MAX && this.mantissa == INTEGER_BIT;
  }

  get isNaN(): bool {
    return this.exponent == EXPONENT_MAX && this.mantissa > INTEGER_BIT;
  }

  get isSignalling(): bool {
    return this.isNaN && (this.mantissa & QUIET_BIT) == 0;
  }

  /** An encoding that the 80387 and later refuse as an operand (SDM 1 table 8-3). */
  get isUnsupported(): bool {
    return this.exponent != 0 && this.mantissa < INTEGER_BIT;
  }

  /** Neither zero nor denormal nor anything special: what arithmetic meets nearly always. */
  get isNormal(): bool {
    return <u32>(this.exponent - 1) < <u32>(EXPONENT_MAX - 1) && this.mantissa >= INTEGER_BIT;
  }

  set(signExponent: u32, mantissa: u64): void {
    this.mantissa = mantissa;
    this.signExponent = <u16>signExponent;
  }

  copy(from: Float80): void {
    this.mantissa = from.mantissa;
    this.signExponent = from.signExponent;
  }

  /** Copies a number; a pseudo-denormal becomes the normal number that it stands for. */
  copyNumber(from: Float80): void {
    this.set(from.sign | max(from.exponent, <i32>(from.mantissa >> 63)), from.mantissa);
  }

  setZero(sign: u32): void {
    this.set(sign, 0);
  }

  setOne(sign: u32): void {
    this.set(sign | BIAS, INTEGER_BIT);
  }

  setInfinity(sign: u32): void {
    this.set(sign | EXPONENT_MAX, INTEGER_BIT);
  }

  /** The QNaN that masked invalid operations answer (SDM 1 §4.8.3.7). */
  setIndefinite(): void {
    this.set(SIGN | EXPONENT_MAX, INTEGER_BIT | QUIET_BIT);
  }
}
