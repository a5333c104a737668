// FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, FLDZ: rounded as RC says, with no exception (SDM 2A).
import { BIAS, Float80, INTEGER_BIT } from "./float80";
import { roundsAway } from "./float80-round";

/** to = 1.… × 2^power; none of the constants has an odd end that ties. */
function setRounded(power: i32, mantissa: u64, below: u64, to: Float80): void {
  to.set(BIAS + power, roundsAway(0, false, below) ? mantissa + 1 : mantissa);
}

/** Constant `number` of D9 E8 … D9 EE. */
export function setConstant(number: u32, to: Float80): void {
  switch (number) {
    case 0:
      to.set(BIAS, INTEGER_BIT);
      break;
    case 1: // log2 10
      setRounded(1, 0xd49a_784b_cd1b_8afe, 0x492b_f6ff_4daf_db4d, to);
      break;
    case 2: // log2 e
      setRounded(0, 0xb8aa_3b29_5c17_f0bb, 0xbe87_fed0_691d_3e89, to);
      break;
    case 3: // π
      setRounded(1, 0xc90f_daa2_2168_c234, 0xc4c6_628b_80dc_1cd1, to);
      break;
    case 4: // log10 2
      setRounded(-2, 0x9a20_9a84_fbcf_f798, 0x8f89_59ac_0b7c_9178, to);
      break;
    case 5: // ln 2
      setRounded(-1, 0xb172_17f7_d1cf_79ab, 0xc9e3_b398_03f2_f6af, to);
      break;
    default:
      to.setZero(0);
  }
}
