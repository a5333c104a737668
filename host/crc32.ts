// Reflected 32-bit cyclic redundancy checks, a byte at a time.

/** The values of all bytes, for a polynomial in reversed order. */
function tableOf(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, index) => {
    let value = index;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    return value;
  });
}

const CRC32 = tableOf(0xedb8_8320);
const CRC32C = tableOf(0x82f6_3b78);

function crc(table: Uint32Array, bytes: Uint8Array, hole: number): number {
  let value = 0xffff_ffff;
  for (let at = 0; at < bytes.length; at++) {
    const byte = at >= hole && at < hole + 4 ? 0 : bytes[at]!;
    value = (value >>> 8) ^ table[(value ^ byte) & 0xff]!;
  }
  return ~value >>> 0;
}

/** No byte is left out. */
const NO_HOLE = -4;

/** CRC-32 (ISO 3309): what PNG chunks and GPT tables carry. */
export function crc32(bytes: Uint8Array): number {
  return crc(CRC32, bytes, NO_HOLE);
}

/**
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4): what VHDX guards its structures with. Four bytes from `hole` on count as
 * zeros: where the sum itself is kept.
 */
export function crc32c(bytes: Uint8Array, hole = NO_HOLE): number {
  return crc(CRC32C, bytes, hole);
}
