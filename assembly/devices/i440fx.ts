// Intel 82441FX host bridge (data sheet 290549), function 00.0: what matters to a guest is the PAM registers,
// which say for 16 KiB pieces from C0000h on whether reads and writes reach RAM.
import { PciFunction } from "./pci";

/** PAM0 holds F0000-FFFFF in its high nibble; PAM1-6 two 16 KiB segments each from C0000h, low nibble first. */
const PAM0: u32 = 0x59;
const PAM_READ: u32 = 1 << 0;
const PAM_WRITE: u32 = 1 << 1;
const SMRAM: u32 = 0x72;

export function resetHostBridge(bridge: PciFunction): void {
  bridge.identify(0x00, 0x8086, 0x1237, 0x060000, 0x02);
  bridge.allow<u32>(0x50, 0xffff_0000); // PMCCFG and the byte behind it
  bridge.allow<u8>(0x57, 0xff); // DRAM row boundary as the firmware reports it
  for (let i: u32 = 0; i < 7; i++) bridge.allow<u8>(PAM0 + i, i == 0 ? 0x30 : 0x33);
  bridge.set<u8>(SMRAM, 0x02);
  bridge.allow<u8>(SMRAM, 0x7f);
}

/** PAM while firmware copies itself: all RAM. */
export function openShadowAsFirmware(bridge: PciFunction): void {
  bridge.set<u8>(PAM0, 0x30);
  for (let i: u32 = 1; i < 7; i++) bridge.set<u8>(PAM0 + i, 0x33);
}

/** PAM set as firmware leaves it: everything shadowed and protected, but CA000-CBFFF and E8000-EFFFF writable. */
export function shadowAsFirmware(bridge: PciFunction): void {
  bridge.set<u8>(PAM0, 0x10);
  for (let i: u32 = 1; i < 6; i++) bridge.set<u8>(PAM0 + i, 0x11);
  bridge.set<u8>(PAM0 + 6, 0x33);
}

/** One bit per 16 KiB from C0000h: set = PAM lets reads through to RAM. */
export function shadowReads(bridge: PciFunction): u32 {
  return segmentsWith(bridge, PAM_READ);
}

/** The same for writes. */
export function shadowWrites(bridge: PciFunction): u32 {
  return segmentsWith(bridge, PAM_WRITE);
}

function segmentsWith(bridge: PciFunction, attribute: u32): u32 {
  let segments: u32 = 0;
  for (let i: u32 = 0; i < 12; i++) {
    const pam: u32 = bridge.get<u8>(PAM0 + 1 + (i >> 1)) >> ((i & 1) << 2);
    if (pam & attribute) segments |= 1 << i;
  }
  return bridge.get<u8>(PAM0) & (attribute << 4) ? segments | 0xf000 : segments;
}
