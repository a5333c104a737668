// qcow2 keeps every number big-endian.

export function read16(at: usize): u32 {
  return bswap<u16>(load<u16>(at));
}

export function read32(at: usize): u32 {
  return bswap<u32>(load<u32>(at));
}

export function read64(at: usize): u64 {
  return bswap<u64>(load<u64>(at));
}

export function write16(at: usize, value: u32): void {
  store<u16>(at, bswap<u16>(<u16>value));
}

export function write32(at: usize, value: u32): void {
  store<u32>(at, bswap<u32>(value));
}

export function write64(at: usize, value: u64): void {
  store<u64>(at, bswap<u64>(value));
}
