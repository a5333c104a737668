// xz reading (the .xz file format): one stream of blocks that LZMA2 alone has packed. Checksums are not computed: whoever
// reads knows how much there must be, and the range coder where it must end.
//
//   stream   FD '7zXZ' 00, 00, kind of check, CRC32 | blocks | 00, index, footer
//   block    header's size / 4 - 1, flags, sizes where flags say so, filters, padding, CRC32 | LZMA2 | padding | check
import { lzma2End, unlzma2 } from "./lzma2";

const MAGIC: u64 = 0x00_5a_58_7a_37_fd;
const MAGIC_MASK: u64 = 0xffff_ffff_ffff;
const STREAM_HEADER: usize = 12;
const CRC: usize = 4;

const FILTERS: u32 = 0x03;
const RESERVED: u32 = 0x3c;
const HAS_PACKED_SIZE: u32 = 0x40;
const HAS_SIZE: u32 = 0x80;
const LZMA2: u64 = 0x21;

let input: usize = 0;
let inputEnd: usize = 0;

/** At most `capacity` bytes; how many there were, -1 for damage or another filter. `room`: LZMA2_ROOM bytes. */
export function unxz(from: usize, length: u32, to: usize, capacity: u32, room: usize): i32 {
  inputEnd = from + length;
  if (length < <u32>STREAM_HEADER + 1 || (load<u64>(from) & MAGIC_MASK) != MAGIC) return -1;
  const check = checkSize(load<u8>(from + 7));
  if (load<u8>(from + 6) != 0 || check < 0) return -1;
  input = from + STREAM_HEADER;
  let written: u32 = 0;
  while (input < inputEnd) {
    // The index: all blocks are read.
    if (load<u8>(input) == 0) return <i32>written;
    const start = input + ((<usize>load<u8>(input) + 1) << 2);
    if (start > inputEnd || !isLzma2(start - CRC)) return -1;
    const got = unlzma2(start, <u32>(inputEnd - start), to + written, capacity - written, room);
    if (got < 0) return -1;
    written += got;
    input = start + ((lzma2End() - start + 3) & ~3) + check;
  }
  return -1;
}

/** A kind of check by its number: none, CRC32, CRC64, SHA-256. */
function checkSize(kind: u32): i32 {
  return kind == 0 ? 0 : kind == 1 ? 4 : kind == 4 ? 8 : kind == 10 ? 32 : -1;
}

/** Reads a block's header up to `end`. */
function isLzma2(end: usize): bool {
  const flags = <u32>load<u8>(input + 1);
  input += 2;
  if ((flags & (FILTERS | RESERVED)) != 0) return false;
  if ((flags & HAS_PACKED_SIZE) != 0) number(end);
  if ((flags & HAS_SIZE) != 0) number(end);
  return number(end) == LZMA2;
}

/** Seven bits a byte, the lowest first; of a number that goes past `end`, what there is of it. */
function number(end: usize): u64 {
  let value: u64 = 0;
  for (let shift: u64 = 0; shift < 63 && input < end; shift += 7) {
    const byte = <u64>load<u8>(input++);
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return value;
}
