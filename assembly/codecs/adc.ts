// ADC reading, the oldest packing of macOS images: literals and repeats of what went before, nothing more.
//
//   1nnnnnnn                      n + 1 bytes follow
//   01nnnnnn  dddddddd  dddddddd  n + 4 bytes from d + 1 back
//   00nnnndd  dddddddd            n + 3 bytes from d + 1 back
import { repeatExactly } from "./match";

const LITERALS: u32 = 0x80;
const FAR: u32 = 0x40;

/** At most `capacity` bytes; how many there were, -1 for damage. */
export function unadc(from: usize, length: u32, to: usize, capacity: u32): i32 {
  const inputEnd = from + length;
  const outputEnd = to + capacity;
  let input = from;
  let output = to;
  while (input < inputEnd) {
    const head = <u32>load<u8>(input);
    const size: usize = (head & LITERALS) != 0 ? 1 : (head & FAR) != 0 ? 3 : 2;
    if (input + size > inputEnd) return -1;
    if (size == 1) {
      const count = (head & 0x7f) + 1;
      if (input + 1 + count > inputEnd || output + count > outputEnd) return -1;
      memory.copy(output, input + 1, count);
      input += 1 + count;
      output += count;
      continue;
    }
    const next = <u32>load<u8>(input + 1);
    const distance: u32 =
      1 + (size == 3 ? (next << 8) | (<u32>load<u8>(input + 2)) : ((head & 3) << 8) | next);
    const count: u32 = size == 3 ? (head & 0x3f) + 4 : (head >> 2) + 3;
    if (distance > <u32>(output - to) || output + count > outputEnd) return -1;
    repeatExactly(output, distance, count);
    input += size;
    output += count;
  }
  return <i32>(output - to);
}
