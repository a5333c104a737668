import { describe, expect, it } from "vitest";
import { TerminalKeys } from "../../host/input/terminal-keys.ts";

function keys(...pieces: string[]): string[] {
  const reader = new TerminalKeys();
  return pieces
    .flatMap((piece) => reader.read(piece))
    .map((key) => (key.kind === "keys" ? key.names.join("-") : `console ${key.number}`));
}

describe("keys of a terminal", () => {
  it.each([
    ["letters", ["aB1"], ["a", "shift-b", "1"]],
    ["Enter, Tab, Backspace, Escape", ["\r\t\x7f", "\x1b"], ["ret", "tab", "backspace", "esc"]],
    ["Ctrl", ["\x03\x1a\x00"], ["ctrl-c", "ctrl-z", "ctrl-spc"]],
    ["arrows, both kinds", ["\x1b[A\x1bOD"], ["up", "left"]],
    ["with modifiers", ["\x1b[1;5C\x1b[3;6~\x1b[Z"], ["ctrl-right", "shift-ctrl-delete", "shift-tab"]],
    ["function keys", ["\x1bOP\x1b[15~\x1b[24~"], ["f1", "f5", "f12"]],
    ["Alt", ["\x1bx\x1bX"], ["alt-x", "alt-shift-x"]],
    ["consoles", ["\x1b2"], ["console 2"]],
    ["in pieces", ["\x1b[", "5~q"], ["pgup", "q"]],
    ["what no keyboard has", ["é"], []],
    ["a sequence that nobody knows", ["\x1b[99~a"], ["a"]],
  ])("%s", (_, pieces, wanted) => expect(keys(...pieces)).toEqual(wanted));
});
