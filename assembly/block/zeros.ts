// Finding zeros, 16 bytes at a time.

/** Length of the run at `at` that is wholly zero or wholly not, in steps of `unit` bytes (a multiple of 64). */
export function runLength(at: usize, length: u32, unit: u32): u32 {
  const zero = isZero(at, min(unit, length));
  let done = min(unit, length);
  while (done < length && isZero(at + done, min(unit, length - done)) == zero)
    done += min(unit, length - done);
  return done;
}

export function isZero(at: usize, length: u32): bool {
  const end = at + length;
  while (at + 64 <= end) {
    const any = v128.or(
      v128.or(v128.load(at), v128.load(at, 16)),
      v128.or(v128.load(at, 32), v128.load(at, 48)),
    );
    if (v128.any_true(any)) return false;
    at += 64;
  }
  for (; at < end; at++) if (load<u8>(at) != 0) return false;
  return true;
}

/** Offset of the first byte in which two ranges differ; `length`: they do not. */
export function firstDifference(a: usize, b: usize, length: u32): u32 {
  let i: u32 = 0;
  for (; i + 16 <= length; i += 16) if (v128.any_true(v128.xor(v128.load(a + i), v128.load(b + i)))) break;
  while (i < length && load<u8>(a + i) == load<u8>(b + i)) i++;
  return i;
}
