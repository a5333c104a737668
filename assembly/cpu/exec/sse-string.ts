// PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM (SDM 2B; the algorithm is SDM 1 §4.1 of volume 2B "Imm8 control byte").
//
//   immediate  7  6        5 4        3 2          1 0
//              ├0┼─output──┼─polarity─┼─aggregation┼─elements: unsigned bytes, words, signed bytes, words
import { Insn, PREFIX_REX_W } from "../decode/insn";
import * as op from "../decode/operations-sse";
import { setArithmeticFlags } from "../flags";
import { CF, OF, SF, ZF, register, setRegister } from "../state";
import { VECTOR_SCRATCH_AT } from "../../machine/layout";
import { lowDword, setXmm, unaligned, xmm } from "./xmm";

const WORDS: u32 = 1 << 0;
const SIGNED: u32 = 1 << 1;
const EQUAL_ANY: u32 = 0;
const RANGES: u32 = 1;
const EQUAL_EACH: u32 = 2;
const NEGATIVE: u32 = 1 << 4;
const MASKED: u32 = 1 << 5;
/** Of the index: the highest bit rather than the lowest. Of the mask: whole elements rather than bits. */
const EXPANDED: u32 = 1 << 6;

/** The two strings, so that their elements can be addressed. */
const FIRST: usize = VECTOR_SCRATCH_AT;
const SECOND: usize = FIRST + 16;

/** Performs the comparison; returns nothing but registers and flags. */
export function compareStrings(i: Insn, operation: u32): void {
  const control = <u32>i.immediate;
  const count: u32 = control & WORDS ? 8 : 16;
  v128.store(FIRST, xmm(i.dst));
  v128.store(SECOND, unaligned(i));
  const explicit = operation == op.PCMPESTRI || operation == op.PCMPESTRM;
  const firstLength = explicit ? explicitLength(i, 0, count) : implicitLength(FIRST, control, count);
  const secondLength = explicit ? explicitLength(i, 2, count) : implicitLength(SECOND, control, count);

  const all = (1 << count) - 1;
  let bits = aggregate(control, firstLength, secondLength, count);
  if (control & NEGATIVE) bits ^= control & MASKED ? (1 << secondLength) - 1 : all;

  if (operation == op.PCMPESTRI || operation == op.PCMPISTRI) {
    const index = bits == 0 ? count : control & EXPANDED ? 31 - clz(bits) : ctz(bits);
    setRegister<u32>(1, index);
  } else setXmm(0, control & EXPANDED ? expand(bits, control) : lowDword(bits));

  let flags: u32 = 0;
  if (bits) flags |= CF;
  if (secondLength < count) flags |= ZF;
  if (firstLength < count) flags |= SF;
  if (bits & 1) flags |= OF;
  setArithmeticFlags(flags);
}

/** |EAX| or |EDX|, 64 bits wide with REX.W, at most `count`. */
function explicitLength(i: Insn, number: u32, count: u32): u32 {
  const length: i64 = i.prefix & PREFIX_REX_W ? register<i64>(number) : <i64>register<i32>(number);
  return <u32>min<u64>(<u64>(length < 0 ? 0 - length : length), count);
}

function implicitLength(string: usize, control: u32, count: u32): u32 {
  let length: u32 = 0;
  while (length < count && element(string, control, length) != 0) length++;
  return length;
}

function element(string: usize, control: u32, index: u32): i32 {
  if (control & WORDS) {
    const at = string + ((<usize>index) << 1);
    return control & SIGNED ? <i32>load<i16>(at) : <i32>load<u16>(at);
  }
  return control & SIGNED ? <i32>load<i8>(string + index) : <i32>load<u8>(string + index);
}

/** The bit of each element of the second string (IntRes1). */
function aggregate(control: u32, firstLength: u32, secondLength: u32, count: u32): u32 {
  const aggregation = (control >> 2) & 3;
  let bits: u32 = 0;
  for (let j: u32 = 0; j < count; j++) {
    let hit: bool;
    if (aggregation == EQUAL_ANY) hit = j < secondLength && isAny(control, firstLength, j);
    else if (aggregation == RANGES) hit = j < secondLength && isInRange(control, firstLength, j);
    else if (aggregation == EQUAL_EACH) hit = isSame(control, firstLength, secondLength, j);
    else hit = startsHere(control, firstLength, secondLength, count, j);
    bits |= (<u32>hit) << j;
  }
  return bits;
}

function isAny(control: u32, firstLength: u32, j: u32): bool {
  const wanted = element(SECOND, control, j);
  for (let k: u32 = 0; k < firstLength; k++) if (element(FIRST, control, k) == wanted) return true;
  return false;
}

/** The first string holds pairs of bounds; a pair without its second is none. */
function isInRange(control: u32, firstLength: u32, j: u32): bool {
  const value = element(SECOND, control, j);
  for (let k: u32 = 0; k + 1 < firstLength; k += 2)
    if (element(FIRST, control, k) <= value && value <= element(FIRST, control, k + 1)) return true;
  return false;
}

/** Past both ends elements count as equal, past one end as different. */
function isSame(control: u32, firstLength: u32, secondLength: u32, j: u32): bool {
  if (j >= firstLength || j >= secondLength) return j >= firstLength && j >= secondLength;
  return element(FIRST, control, j) == element(SECOND, control, j);
}

/** Whether the first string, as far as it fits, stands in the second from `j` on. */
function startsHere(control: u32, firstLength: u32, secondLength: u32, count: u32, j: u32): bool {
  for (let k: u32 = 0; k < firstLength && j + k < count; k++) {
    if (j + k >= secondLength) return false;
    if (element(FIRST, control, k) != element(SECOND, control, j + k)) return false;
  }
  return true;
}

/** Each bit as a whole element. */
function expand(bits: u32, control: u32): v128 {
  if (control & WORDS) {
    const places = i16x8(1, 2, 4, 8, 16, 32, 64, 128);
    return i16x8.eq(v128.and(i16x8.splat(<i16>bits), places), places);
  }
  const places = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
  const bytes = v128.shuffle<i8>(
    i16x8.splat(<i16>bits),
    i64x2(0, 0),
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    1,
    1,
    1,
    1,
    1,
    1,
    1,
    1,
  );
  return i8x16.eq(v128.and(bytes, places), places);
}
