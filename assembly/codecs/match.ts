// Repeats: how far they go, which both compressors ask, and copying them, which both readers do.

/** How many of the first `most` bytes at `a` and at `b` agree. */
export function commonLength(a: usize, b: usize, most: u32): u32 {
  let n: u32 = 0;
  // Most repeats are short: one comparison of eight bytes decides them.
  if (most >= 8) {
    const differ = load<u64>(a) ^ load<u64>(b);
    if (differ != 0) return (<u32>ctz(differ)) >> 3;
    n = 8;
    for (; n + 16 <= most; n += 16) {
      const equal = i8x16.bitmask(i8x16.eq(v128.load(a + n), v128.load(b + n)));
      if (equal != 0xffff) return n + ctz(~equal);
    }
  }
  while (n < most && load<u8>(a + n) == load<u8>(b + n)) n++;
  return n;
}

/** Bytes that the quick copies may write behind what they are asked for. */
export const COPY_ROOM: u32 = 15;

/** Copies what does not overlap, or `from` is 16 bytes before `to` at least. */
export function copyQuickly(to: usize, from: usize, length: u32): void {
  const end = to + length;
  do {
    v128.store(to, v128.load(from));
    to += 16;
    from += 16;
  } while (to < end);
}

/** A repeat of what was written `distance` before; where they overlap, it repeats itself. */
export function repeatQuickly(to: usize, distance: usize, length: u32): void {
  if (distance >= 16) return copyQuickly(to, to - distance, length);
  const head = min<u32>(length, 16);
  for (let i: u32 = 0; i < head; i++) store<u8>(to + i, load<u8>(to + i - distance));
  if (length <= 16) return;
  // What is there now repeats after a multiple of the distance as well.
  const multiple = distance * (15 / distance + 1);
  copyQuickly(to + 16, to + 16 - multiple, length - 16);
}

/** The same, and nothing behind it is written. */
export function repeatExactly(to: usize, distance: usize, length: u32): void {
  if (distance >= length) memory.copy(to, to - distance, length);
  else for (let i: u32 = 0; i < length; i++) store<u8>(to + i, load<u8>(to + i - distance));
}
