// Comparing bytes, as both compressors do to see how far a repeat goes.

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
