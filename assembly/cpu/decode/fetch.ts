// The instruction bytes: read straight from memory, across a page border only where that is allowed.
import { translateFetch, wrap } from "../../memory/access";
import { memoryPlace } from "../../memory/physical";
import { GP, UD, raise, raiseWithError } from "../exceptions";

/** Longest instruction (SDM 2A §2.3.11). */
const LENGTH_MAX: u32 = 15;

let at: usize = 0;
let pageEnd: usize = 0;
let start: usize = 0;
/** Linear address of the byte behind the page, where fetching may go on. */
let nextPage: u64 = 0;
let before: u32 = 0;
let mayCross: bool = false;
let crossed: bool = false;

/** Places the cursor on the instruction at `physical`, which `linear` maps to. */
export function beginFetch(linear: u64, physical: u32, crossing: bool): void {
  at = memoryPlace(physical);
  if (at == 0) raise(UD);
  start = at;
  pageEnd = at + <usize>(0x1000 - (physical & 0xfff));
  nextPage = wrap((linear | 0xfff) + 1);
  before = 0;
  mayCross = crossing;
  crossed = false;
}

/** Bytes taken so far. */
export function fetched(): u32 {
  return before + <u32>(at - start);
}

/** Whether the instruction needed bytes of the next page. */
export function crossedPage(): bool {
  return crossed;
}

function cross(): void {
  crossed = true;
  if (!mayCross) return;
  before += <u32>(at - start);
  at = memoryPlace(translateFetch(nextPage));
  if (at == 0) raise(UD);
  start = at;
  pageEnd = at + 0x1000;
}

export function fetchByte(): u32 {
  if (at == pageEnd) cross();
  // Too long counts as crossing until the instruction is decoded for its own sake: then it faults.
  if (fetched() >= LENGTH_MAX) {
    if (mayCross) raiseWithError(GP, 0);
    crossed = true;
  }
  if (crossed && !mayCross) return 0;
  return <u32>load<u8>(at++);
}

/** Little-endian value of `size` bytes, zero-extended. */
export function fetchValue(size: u32): u64 {
  if (at + <usize>size <= pageEnd && fetched() + size <= LENGTH_MAX) {
    const from = at;
    at += <usize>size;
    if (size == 1) return <u64>load<u8>(from);
    if (size == 2) return <u64>load<u16>(from);
    if (size == 4) return <u64>load<u32>(from);
    return load<u64>(from);
  }
  let value: u64 = 0;
  for (let i: u32 = 0; i < size; i++) value |= (<u64>fetchByte()) << (i << 3);
  return value;
}
