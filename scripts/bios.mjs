// The BIOS image: firmware/bios.asm by our own assembler, the fonts put where its comments say.
import { readFileSync, writeFileSync } from "node:fs";

/** Offsets in the ROM (assembly/firmware/bios/layout.ts). */
const FONTS = {
  "firmware/font-8x16.hex": 0xb000,
  "firmware/font-8x14.hex": 0xc000,
  "firmware/font-8x8.hex": 0xce00,
};
/** IBM's place for the first half of the 8x8 font. */
const CGA_FONT = 0xfa6e;
const CGA_FONT_SIZE = 128 * 8;

export function buildBios(assemble) {
  const { bytes } = assemble(readFileSync("firmware/bios.asm", "utf8"));
  for (const [file, offset] of Object.entries(FONTS)) bytes.set(readFont(file), offset);
  bytes.copyWithin(CGA_FONT, 0xce00, 0xce00 + CGA_FONT_SIZE);
  writeFileSync("dist/bios.bin", bytes);
}

/** Lines of "code point in hex: glyph in hex", code page 437 from 00h on. */
function readFont(file) {
  const glyphs = readFileSync(file, "utf8").match(/^[\da-f]{2}:[\da-f]+/gim) ?? [];
  return Buffer.from(glyphs.map((line) => line.slice(3)).join(""), "hex");
}
