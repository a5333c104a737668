// The guest's screen on a terminal: what is sent, drawn by a small terminal of this test's own.
import { describe, expect, it } from "vitest";
import { difference, messageFrame, pictureFrame, textFrame } from "../../host/display/terminal-frame.ts";
import type { TextScreen } from "../../host/display/vga.ts";

function screen(lines: readonly string[], cursor?: TextScreen["cursor"], attribute = 7): TextScreen {
  const columns = lines[0]!.length;
  return {
    columns,
    rows: lines.length,
    codes: Uint8Array.from(lines.join(""), (letter) => letter.charCodeAt(0)),
    attributes: new Uint8Array(columns * lines.length).fill(attribute),
    cursor,
    blinks: true,
  };
}

/** What a terminal shows after `text`: it knows cursor addressing, clearing, and letters. */
function show(text: string, before: string[][]): string[][] {
  const cells = before.map((row) => [...row]);
  let [row, column] = [0, 0];
  for (const [, parameters, final, letter] of text.matchAll(/\x1b\[([?0-9;]*)([A-Za-z])|([^\x1b])/gu)) {
    if (letter !== undefined) cells[row]![column++] = letter;
    else if (final === "H")
      [row, column] = parameters!.split(";").map((n) => Number(n) - 1) as [number, number];
    else if (final === "J") cells.forEach((line) => line.fill(" "));
  }
  return cells;
}

const blank = (columns: number, rows: number): string[][] =>
  Array.from({ length: rows }, () => Array.from({ length: columns }, () => "?"));
const joined = (cells: string[][]): string[] => cells.map((row) => row.join(""));

describe("text", () => {
  it("is drawn whole the first time, then where it differs", () => {
    const first = textFrame(screen(["abc ", "def "]), 80, 25);
    const shown = show(difference(undefined, first), blank(4, 2));
    expect(joined(shown)).toEqual(["abc ", "def "]);
    const second = textFrame(screen(["abc ", "dxf "]), 80, 25);
    const text = difference(first, second);
    expect(joined(show(text, shown))).toEqual(["abc ", "dxf "]);
    expect(text.replaceAll(/\x1b\[[?0-9;]*[A-Za-z]/g, "")).toBe("x");
    expect(difference(second, second)).toBe("");
  });

  it("on a smaller terminal is the part around the cursor", () => {
    const frame = textFrame(screen(["one ", "two ", "tree"], { column: 1, row: 2 }), 3, 2);
    expect(joined(show(difference(undefined, frame), blank(3, 2)))).toEqual(["two", "tre"]);
    expect(frame.cursor).toEqual({ column: 1, row: 1 });
  });

  it("has the VGA's colours, red and blue changed over", () => {
    const text = difference(undefined, textFrame(screen(["x"], undefined, 0x1c), 80, 25));
    expect(text).toContain("\x1b[0;91;44m"); // light red on blue
  });

  it("moves the cursor, and hides one that is not there", () => {
    const at = (column: number): TextScreen => screen(["ab"], { column, row: 0 });
    const before = textFrame(at(0), 80, 25);
    expect(difference(before, textFrame(at(1), 80, 25))).toBe("\x1b[1;2H\x1b[?25h");
    expect(difference(before, textFrame(screen(["ab"]), 80, 25))).toBe("\x1b[?25l");
  });
});

describe("a picture", () => {
  it("is two pixels a cell, made to fit", () => {
    const rgba = new Uint8ClampedArray(4 * 4 * 4).fill(255);
    rgba.set([1, 2, 3], 0);
    const frame = pictureFrame({ width: 4, height: 4, rgba }, 80, 25);
    expect([frame.columns, frame.rows]).toEqual([4, 2]);
    expect(frame.cells[0]).toEqual({ character: "▀", style: "38;2;1;2;3;48;2;255;255;255" });
    const small = pictureFrame({ width: 4, height: 4, rgba }, 2, 1);
    expect([small.columns, small.rows]).toEqual([2, 1]);
  });

  it("that is off says so", () => {
    const frame = messageFrame("off", 7, 3);
    expect(joined(show(difference(undefined, frame), blank(7, 3)))[1]).toBe("  off  ");
  });
});
