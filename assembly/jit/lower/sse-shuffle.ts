// Lane operations that only move elements about: the same names as cpu/exec/sse-shuffle.ts, in wasm. Where the
// immediate is the permutation, it becomes the byte numbers of one shuffle.
import * as sse from "../../cpu/decode/operations-sse";
import { SWIZZLE, V128_AND, beginShuffle, constVector, shuffleElements, simd, zeroVector } from "../simd";
import { byte, get } from "../wasm";

/** The wasm operation that does the same as PACKSSWB SSDW USWB USDW. */
const PACKS: usize = memory.data<u8>([0x65, 0x85, 0x66, 0x86]);
/** PMOVSXBW SXWD SXDQ, then PMOVZX…. */
const EXTENDS: usize = memory.data<u8>([0x87, 0xa7, 0xc7, 0x89, 0xa9, 0xc9]);

/** Pushes what `operation` makes of `a`, `b` and the immediate; false, with nothing emitted, where the core must. */
export function pushShuffleLane(operation: u32, a: u32, b: u32, immediate: u32): bool {
  if (operation <= sse.PACKUSDW) {
    pushBoth(a, b);
    simd(load<u8>(PACKS + operation - sse.PACKSSWB));
    return true;
  }
  if (operation <= sse.PUNPCKHQDQ) {
    pushBoth(a, b);
    interleave(operation - sse.PUNPCKLBW);
    return true;
  }
  if (operation >= sse.PMOVSXBW && operation <= sse.PMOVZXDQ) {
    get(b);
    simd(load<u8>(EXTENDS + operation - sse.PMOVSXBW));
    return true;
  }
  switch (operation) {
    case sse.PSHUFB:
      get(a);
      get(b);
      constVector(0x8f8f_8f8f_8f8f_8f8f, 0x8f8f_8f8f_8f8f_8f8f);
      simd(V128_AND);
      simd(SWIZZLE);
      return true;
    case sse.PSHUFD:
    case sse.VPERMILPS_IMM:
      pushBoth(b, b);
      shuffleElements(4, fourNumbers(immediate));
      return true;
    case sse.PSHUFLW:
      pushBoth(b, b);
      shuffleElements(2, fourNumbers(immediate) | 0x0706_0504_0000_0000);
      return true;
    case sse.PSHUFHW:
      pushBoth(b, b);
      shuffleElements(2, 0x0302_0100 | ((fourNumbers(immediate) + 0x0404_0404) << 32));
      return true;
    case sse.SHUFPS:
      pushBoth(a, b);
      shuffleElements(4, fourNumbers(immediate) + 0x0404_0000);
      return true;
    case sse.SHUFPD:
      pushBoth(a, b);
      shuffleElements(8, (immediate & 1) | ((2 + ((immediate >> 1) & 1)) << 8));
      return true;
    case sse.VPERMILPD_IMM:
      pushBoth(b, b);
      shuffleElements(8, (immediate & 1) | (((immediate >> 1) & 1) << 8));
      return true;
    case sse.PALIGNR:
      alignRight(a, b, immediate);
      return true;
    case sse.BLENDPS:
    case sse.VPBLENDD:
      blend(a, b, 4, immediate);
      return true;
    case sse.BLENDPD:
      blend(a, b, 8, immediate);
      return true;
    case sse.PBLENDW:
      blend(a, b, 2, immediate);
      return true;
    case sse.MOVSLDUP:
      pushBoth(b, b);
      shuffleElements(4, 0x0202_0000);
      return true;
    case sse.MOVSHDUP:
      pushBoth(b, b);
      shuffleElements(4, 0x0303_0101);
      return true;
    case sse.MOVDDUP:
      pushBoth(b, b);
      shuffleElements(8, 0);
      return true;
    case sse.MOVQ:
      pushLowQword(b);
      return true;
    default:
      return false;
  }
}

function pushBoth(a: u32, b: u32): void {
  get(a);
  get(b);
}

/** Pushes the low half of `local`, zeros above it. */
export function pushLowQword(local: u32): void {
  get(local);
  zeroVector();
  shuffleElements(8, 0x0200);
}

/** The four element numbers that the immediate names, two bits each, as bytes. */
function fourNumbers(immediate: u32): u64 {
  return (
    (immediate & 3) |
    (((immediate >> 2) & 3) << 8) |
    (((immediate >> 4) & 3) << 16) |
    (((immediate >> 6) & 3) << 24)
  );
}

/** PUNPCK: elements of both operands by turns, from their lower or (from 4 on) upper halves. */
function interleave(number: u32): void {
  const size: u32 = 1 << (number & 3);
  const first: u32 = number >= 4 ? 8 : 0;
  beginShuffle();
  for (let n: u32 = 0; n < 16; n++) {
    const element = n / size;
    byte(((element & 1) << 4) + first + (element >> 1) * size + (n & (size - 1)));
  }
}

/** PALIGNR: 16 bytes out of `a` above `b`, from byte `count` on, zeros above them. */
function alignRight(a: u32, b: u32, count: u32): void {
  if (count <= 16) {
    pushBoth(b, a);
    beginShuffle();
    for (let n: u32 = 0; n < 16; n++) byte(n + count);
    return;
  }
  get(a);
  zeroVector();
  beginShuffle();
  for (let n: u32 = 0; n < 16; n++) byte(min<u32>(n + count - 16, 16));
}

/** Elements of `b` where the mask has ones. */
function blend(a: u32, b: u32, size: u32, mask: u32): void {
  pushBoth(a, b);
  beginShuffle();
  for (let n: u32 = 0; n < 16; n++) byte(n + (((mask >> (n / size)) & 1) << 4));
}
