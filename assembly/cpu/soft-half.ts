// Half precision, for F16C (SDM 2C VCVTPH2PS, VCVTPS2PH): u16 stands for the type.
import {
  convertSpecial,
  exponentOf,
  isNegative,
  isSpecial,
  mantissaOf,
  noteDenormal,
  operand,
  roundTo,
} from "./soft-float";

/** Exact. Half denormals are numbers like others: DAZ does not touch them, nor are they reported. */
export function fromHalf(half: u32): u32 {
  if (isSpecial<u16>(half)) return <u32>convertSpecial<u16, f32>(half);
  return <u32>roundTo<f32>(isNegative<u16>(half), exponentOf<u16>(half), mantissaOf<u16>(half), 0, false);
}

/** Rounded as `control` says; a denormal result is not flushed. */
export function toHalf(single: u32, control: u32): u32 {
  const x = operand<f32>(single);
  if (isSpecial<f32>(x)) return <u32>convertSpecial<f32, u16>(x);
  noteDenormal<f32>(x);
  return <u32>roundTo<u16>(isNegative<f32>(x), exponentOf<f32>(x), mantissaOf<f32>(x), control, false);
}
