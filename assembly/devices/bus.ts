// Hands ports and device memory to the chips, and carries the chips' pins to the interrupt lines.

/** Reads `size` (1, 2, 4) bytes at an I/O port; what no chip decodes reads ones. */
export function portRead(port: u32, size: u32): u32 {
  return 0xffff_ffff;
}

export function portWrite(port: u32, size: u32, value: u32): void {}

/** Reads `size` (1, 2, 4, 8) bytes of device memory; what no chip decodes reads ones. */
export function mmioRead(address: u32, size: u32): u64 {
  return 0xffff_ffff_ffff_ffff;
}

export function mmioWrite(address: u32, size: u32, value: u64): void {}
