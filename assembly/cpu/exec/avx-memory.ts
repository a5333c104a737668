// VMASKMOV and the gathers: elements read or written one by one, by the signs of a mask. An element whose mask bit is
// clear is not touched, and so cannot fault.
import { Insn } from "../decode/insn";
import * as op from "../decode/operations-sse";
import { VEX_W } from "../decode/vex";
import { UD, raise } from "../exceptions";
import { VECTOR_SCRATCH_AT } from "../../machine/layout";
import { probeWrite, read, write } from "../../memory/access";
import { cutAddress, effectiveAddress, segmented } from "./operand";
import { isWide, setWide, vvvv } from "./vex";
import { element, setElement } from "./xmm";

export function executeMasked(i: Insn, operation: u32): void {
  switch (operation) {
    case op.VMASKMOVD_LOAD:
      loadMasked<u32>(i);
      break;
    case op.VMASKMOVQ_LOAD:
      loadMasked<u64>(i);
      break;
    case op.VMASKMOVD_STORE:
      storeMasked<u32>(i);
      break;
    case op.VMASKMOVQ_STORE:
      storeMasked<u64>(i);
      break;
    default: {
      const isQword = ((<u32>i.extra) & VEX_W) != 0;
      checkDistinct(i);
      if (operation == op.VGATHERD) {
        if (isQword) gather<u64, i32>(i);
        else gather<u32, i32>(i);
      } else if (isQword) gather<u64, i64>(i);
      else gather<u32, i64>(i);
    }
  }
}

/** Address of the memory operand, `offset` bytes on. */
function elementAddress(i: Insn, offset: u64, size: u32, write: bool): u64 {
  return segmented(i, i.seg, cutAddress(i, effectiveAddress(i) + offset), size, write);
}

function vectorBytes(i: Insn): u32 {
  return isWide(i) ? 32 : 16;
}

/** Whether element `index` of a mask register has its sign set. */
function isChosen<T>(mask: u32, index: u32): bool {
  return element<T>(mask, index) >> (sizeof<T>() * 8 - 1) != 0;
}

/** Elements that are not chosen become zero. */
function loadMasked<T>(i: Insn): void {
  const bytes = vectorBytes(i);
  const mask = vvvv(i);
  memory.fill(VECTOR_SCRATCH_AT, 0, 32);
  for (let at: u32 = 0; at < bytes; at += sizeof<T>())
    if (isChosen<T>(mask, at / sizeof<T>()))
      store<T>(VECTOR_SCRATCH_AT + at, read<T>(elementAddress(i, at, sizeof<T>(), false)));
  setWide(i.dst, v128.load(VECTOR_SCRATCH_AT), v128.load(VECTOR_SCRATCH_AT, 16));
}

/** All chosen elements are known to be writable before the first is written. */
function storeMasked<T>(i: Insn): void {
  const bytes = vectorBytes(i);
  const mask = vvvv(i);
  for (let at: u32 = 0; at < bytes; at += sizeof<T>())
    if (isChosen<T>(mask, at / sizeof<T>()))
      probeWrite(elementAddress(i, at, sizeof<T>(), true), sizeof<T>());
  for (let at: u32 = 0; at < bytes; at += sizeof<T>()) {
    const index = at / sizeof<T>();
    if (isChosen<T>(mask, index))
      write<T>(elementAddress(i, at, sizeof<T>(), true), element<T>(i.dst, index));
  }
}

/** Destination, index and mask of a gather must be three registers. */
function checkDistinct(i: Insn): void {
  if (i.dst == i.src || <u32>i.dst == vvvv(i) || <u32>i.src == vvvv(i)) raise(UD);
}

/**
 * Elements of T by indices of I. Each is loaded in order and its mask cleared at once, so that after a fault the
 * instruction goes on where it was (SDM 2C VPGATHERDD).
 */
function gather<T, I>(i: Insn): void {
  const mask = vvvv(i);
  const wider: u32 = sizeof<T>() > sizeof<I>() ? sizeof<T>() : sizeof<I>();
  const count = vectorBytes(i) / wider;
  for (let n: u32 = 0; n < count; n++) {
    const chosen = isChosen<T>(mask, n);
    setElement<T>(mask, n, chosen ? <T>~0 : 0);
  }
  for (let n: u32 = 0; n < count; n++) {
    if (!isChosen<T>(mask, n)) continue;
    const offset = (<u64>(<i64>element<I>(i.src, n))) << (<u64>i.scale);
    setElement<T>(i.dst, n, read<T>(elementAddress(i, offset, sizeof<T>(), false)));
    setElement<T>(mask, n, 0);
  }
  setWide(mask, i64x2(0, 0), i64x2(0, 0));
  for (let n = count * sizeof<T>(); n < 32; n += 8) setElement<u64>(i.dst, n >> 3, 0);
}
