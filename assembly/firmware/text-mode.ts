// Video mode 3, as firmware leaves it: 80 × 25 characters of 9 × 16 dots (IBM VGA reference, "BIOS mode tables").
import { portRead, portWrite } from "../devices/bus";
import { VRAM_AT } from "../machine/layout";

const SEQUENCER: usize = memory.data<u8>([0x03, 0x00, 0x03, 0x00, 0x02]);
const CRTC: usize = memory.data<u8>([
  0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0x00, 0x9c, 0x8e,
  0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff,
]);
const GRAPHICS: usize = memory.data<u8>([0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x0f, 0xff]);
const ATTRIBUTES: usize = memory.data<u8>([
  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0x00,
  0x0f, 0x08, 0x00,
]);

const MISC: u32 = 0x67;
const ATTRIBUTE_ENABLE: u32 = 0x20;
const CRTC_PROTECT: u32 = 0x11;
/** A space, light grey on black. */
const BLANK: u32 = 0x0720;
const CELLS: u32 = 0x4000;

export function setTextMode(): void {
  portWrite(0x3c2, 1, MISC);
  for (let i: u32 = 0; i < 5; i++) writeIndexed(0x3c4, i, load<u8>(SEQUENCER + <usize>i));
  writeIndexed(0x3d4, CRTC_PROTECT, 0);
  for (let i: u32 = 0; i < 25; i++) writeIndexed(0x3d4, i, load<u8>(CRTC + <usize>i));
  for (let i: u32 = 0; i < 9; i++) writeIndexed(0x3ce, i, load<u8>(GRAPHICS + <usize>i));
  portRead(0x3da, 1); // the next write to 3C0h is an index
  for (let i: u32 = 0; i < 21; i++) {
    portWrite(0x3c0, 1, i);
    portWrite(0x3c0, 1, load<u8>(ATTRIBUTES + <usize>i));
  }
  portWrite(0x3c0, 1, ATTRIBUTE_ENABLE);
  portWrite(0x3c6, 1, 0xff);
  portWrite(0x3c8, 1, 0);
  for (let colour: u32 = 0; colour < 64; colour++) {
    // The EGA's six wires: bits 2-0 are two thirds of red, green, blue, bits 5-3 one third.
    portWrite(0x3c9, 1, (colour & 4 ? 0x2a : 0) + (colour & 32 ? 0x15 : 0));
    portWrite(0x3c9, 1, (colour & 2 ? 0x2a : 0) + (colour & 16 ? 0x15 : 0));
    portWrite(0x3c9, 1, (colour & 1 ? 0x2a : 0) + (colour & 8 ? 0x15 : 0));
  }
  // Characters in plane 0, attributes in plane 1, of every second offset.
  for (let i: u32 = 0; i < CELLS; i++) store<u16>(VRAM_AT + ((<usize>i) << 3), <u16>BLANK);
}

function writeIndexed(port: u32, index: u32, value: u32): void {
  portWrite(port, 1, index);
  portWrite(port + 1, 1, value);
}
