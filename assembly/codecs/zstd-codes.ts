// RFC 8878: the numbers that Zstandard's reader and writer share.

export const MAGIC: u32 = 0xfd2fb528;
/** §3.1.1.2.4: no block regenerates more. */
export const BLOCK_MAX: u32 = 128 * 1024;
/** §4.2.1: Huffman codes have at most 11 bits. */
export const HUFFMAN_BITS: u32 = 11;
/** §4.2.1.2: the table that their weights are coded with. */
export const WEIGHT_ACCURACY: u32 = 6;
/** §3.1.1.3.2.1.1: the most accurate table of each alphabet of sequences. */
export const LENGTH_ACCURACY: u32 = 9;
export const OFFSET_ACCURACY: u32 = 8;
export const MATCH_ACCURACY: u32 = 9;

// Its tables 15 and 16: what a code's extra bits are added to, and how many those are.
export const lengthBase = memory.data<u32>([
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 28, 32, 40, 48, 64, 128, 256, 512,
  1024, 2048, 4096, 8192, 16384, 32768, 65536,
]);
export const lengthExtra = memory.data<u8>([
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14,
  15, 16,
]);
export const LENGTH_CODES: u32 = 36;
export const matchBase = memory.data<u32>([
  3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
  32, 33, 34, 35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99, 131, 259, 515, 1027, 2051, 4099, 8195, 16387, 32771,
  65539,
]);
export const matchExtra = memory.data<u8>([
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1,
  2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
]);
export const MATCH_CODES: u32 = 53;
export const OFFSET_CODES: u32 = 32;

// §3.1.1.3.2.2: the distributions of mode "predefined".
export const lengthCounts = memory.data<i16>([
  4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1,
  -1,
]);
export const matchCounts = memory.data<i16>([
  1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
  1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
]);
export const offsetCounts = memory.data<i16>([
  1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1,
]);
export const OFFSET_COUNTS: u32 = 29;
