// What a terminal sends, as keys of a PC keyboard (xterm's control sequences, "PC-Style Function Keys").
import { keysFor } from "./keys.ts";

/** Keys to press together, or a console of ours to switch to (Alt and a digit). */
export type TerminalKey = { kind: "keys"; names: readonly string[] } | { kind: "console"; number: number };

const FINAL: Readonly<Record<string, string>> = {
  A: "up",
  B: "down",
  C: "right",
  D: "left",
  H: "home",
  F: "end",
  P: "f1",
  Q: "f2",
  R: "f3",
  S: "f4",
  Z: "tab",
};
const TILDE: Readonly<Record<string, string>> = {
  1: "home",
  2: "insert",
  3: "delete",
  4: "end",
  5: "pgup",
  6: "pgdn",
  7: "home",
  8: "end",
  11: "f1",
  12: "f2",
  13: "f3",
  14: "f4",
  15: "f5",
  17: "f6",
  18: "f7",
  19: "f8",
  20: "f9",
  21: "f10",
  23: "f11",
  24: "f12",
};

const ESCAPE = "\x1b";
/** CSI or SS3, parameters, one final character. */
const SEQUENCE = /^\x1b[[O]([0-9;]*)([A-Za-z~])/;
const UNFINISHED = /^\x1b[[O][0-9;]*$/;

export class TerminalKeys {
  private pending = "";

  /** The keys in `text`; an unfinished sequence waits for the rest. */
  read(text: string): TerminalKey[] {
    const keys: TerminalKey[] = [];
    let rest = this.pending + text;
    this.pending = "";
    while (rest) {
      if (UNFINISHED.test(rest)) {
        this.pending = rest;
        break;
      }
      const [key, length] = next(rest);
      if (key) keys.push(key);
      rest = rest.slice(length);
    }
    return keys;
  }
}

function next(text: string): [key: TerminalKey | undefined, length: number] {
  const sequence = SEQUENCE.exec(text);
  if (sequence) return [fromSequence(sequence[1]!, sequence[2]!), sequence[0].length];
  const character = String.fromCodePoint(text.codePointAt(0)!);
  if (character !== ESCAPE || text.length === 1) return [press(forCharacter(character)), character.length];
  // Escape in front of a key is how terminals send Alt.
  const second = String.fromCodePoint(text.codePointAt(1)!);
  if (/^[1-9]$/.test(second)) return [{ kind: "console", number: Number(second) }, 2];
  if (second === ESCAPE) return [press(["esc"]), 1];
  const names = forCharacter(second);
  return [names && press(["alt", ...names]), 1 + second.length];
}

function press(names: readonly string[] | undefined): TerminalKey | undefined {
  return names && { kind: "keys", names };
}

/** `ESC [ n ; modifiers ~` and `ESC [ 1 ; modifiers A`; modifiers are 1 + shift 1, alt 2, ctrl 4, meta 8. */
function fromSequence(parameters: string, final: string): TerminalKey | undefined {
  const [first, modifiers] = parameters.split(";");
  const name = final === "~" ? TILDE[first!] : FINAL[final];
  if (name === undefined) return undefined;
  const bits = Math.max(0, Number(modifiers ?? "1") - 1);
  const held = ["shift", "alt", "ctrl", "meta_l"].filter((_, n) => bits & (1 << n));
  return press([...held, ...(final === "Z" ? ["shift"] : []), name]);
}

/** Keys for a character as a terminal sends it; control codes are Ctrl and a letter. */
function forCharacter(character: string): readonly string[] | undefined {
  const code = character.codePointAt(0)!;
  if (character === "\r" || character === "\n") return ["ret"];
  if (character === "\t") return ["tab"];
  if (code === 0x7f) return ["backspace"];
  if (character === "\b") return ["ctrl", "backspace"];
  if (character === ESCAPE) return ["esc"];
  if (code === 0) return ["ctrl", "spc"];
  if (code < 27) return ["ctrl", String.fromCharCode(0x60 + code)];
  if (code < 32) return ["ctrl", ...(keysFor("\\]6-"[code - 28]!) ?? [])];
  return keysFor(character);
}
