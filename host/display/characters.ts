// Code page 437, the characters of a PC's ROM font, as Unicode (unicode.org, CP437.TXT; below 20h the font's pictures).
import type { TextScreen } from "./vga.ts";

const LOW = "\u0000☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼";
const HIGH =
  "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀" +
  "αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0";

const CHARACTERS: readonly string[] = [
  ...LOW,
  ...Array.from({ length: 0x5f }, (_, n) => String.fromCharCode(0x20 + n)),
  "⌂",
  ...HIGH,
];

/** The character that a PC's font draws for `code`; NUL is a blank. */
export function character(code: number): string {
  return code === 0 ? " " : CHARACTERS[code]!;
}

/** The words on a text screen, line by line, without the blanks at their ends. */
export function wordsOn({ codes, columns, rows }: Pick<TextScreen, "codes" | "columns" | "rows">): string {
  return Array.from({ length: rows }, (_, row) =>
    Array.from(codes.subarray(row * columns, (row + 1) * columns), character)
      .join("")
      .trimEnd(),
  ).join("\n");
}
