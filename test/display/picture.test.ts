// Pictures of VBE's linear modes, out of a display's memory and registers alone.
import { expect, it } from "vitest";
import { Display } from "../../host/display/vga.ts";

const PLACE = {
  VGA_AT: 0,
  VGA_GENERATION: 0,
  VGA_SEQUENCER: 100,
  VGA_GRAPHICS: 200,
  VGA_ATTRIBUTES: 300,
  VGA_CRTC: 400,
  VGA_DAC: 500,
  VBE_AT: 2000,
  VRAM_AT: 1 << 16,
  VRAM_SIZE: 1 << 16,
};
const VBE_REGISTERS = PLACE.VBE_AT + 4;
/** On, with a linear frame buffer. */
const ENABLED = 0x41;

/** A display of 2 * 2 pixels out of lines of 4, beginning at column 1 of line 1. */
function display(depth: number, lines: readonly (readonly number[])[]): Display {
  const memory = new ArrayBuffer(PLACE.VRAM_AT + PLACE.VRAM_SIZE);
  const view = new DataView(memory);
  const registers = [0, 2, 2, depth, ENABLED, 0, 4, 0, 1, 1];
  registers.forEach((value, n) => view.setUint16(VBE_REGISTERS + 2 * n, value, true));
  new Uint8Array(memory, PLACE.VRAM_AT).set(lines.flat());
  return new Display(memory, PLACE);
}

const line = (bytes: number, first: number): number[] =>
  Array.from({ length: 4 * bytes }, (_, n) => first + n);

it.each([24, 32])("%i bits a pixel are blue, green and red from the lowest byte on", (depth) => {
  const bytes = depth / 8;
  const { width, height, rgba } = display(depth, [
    line(bytes, 0),
    line(bytes, 50),
    line(bytes, 100),
  ]).picture();
  const pixel = (first: number): number[] => [first + 2, first + 1, first, 255];
  expect([width, height]).toEqual([2, 2]);
  expect([...rgba]).toEqual(
    [50 + bytes, 50 + 2 * bytes, 100 + bytes, 100 + 2 * bytes].flatMap((first) => pixel(first)),
  );
});
