// The keyboard: keys by their places (UI Events KeyboardEvent code Values), so that the guest's own layout decides what
// they mean, as on a PC.
import type { Machine } from "../host/library.ts";

/** Codes whose names are not made by rule, as QEMU's names of keys (host/input/keys.ts). */
const NAMES: Readonly<Record<string, string>> = {
  Escape: "esc",
  Minus: "minus",
  Equal: "equal",
  Backspace: "backspace",
  Tab: "tab",
  BracketLeft: "bracket_left",
  BracketRight: "bracket_right",
  Enter: "ret",
  ControlLeft: "ctrl",
  ControlRight: "ctrl_r",
  Semicolon: "semicolon",
  Quote: "apostrophe",
  Backquote: "grave_accent",
  ShiftLeft: "shift",
  ShiftRight: "shift_r",
  Backslash: "backslash",
  IntlBackslash: "less",
  IntlRo: "ro",
  IntlYen: "yen",
  Comma: "comma",
  Period: "dot",
  Slash: "slash",
  AltLeft: "alt",
  AltRight: "alt_r",
  Space: "spc",
  CapsLock: "caps_lock",
  NumLock: "num_lock",
  ScrollLock: "scroll_lock",
  PrintScreen: "print",
  Pause: "pause",
  Insert: "insert",
  Delete: "delete",
  Home: "home",
  End: "end",
  PageUp: "pgup",
  PageDown: "pgdn",
  ArrowUp: "up",
  ArrowDown: "down",
  ArrowLeft: "left",
  ArrowRight: "right",
  MetaLeft: "meta_l",
  MetaRight: "meta_r",
  OSLeft: "meta_l",
  OSRight: "meta_r",
  ContextMenu: "menu",
  NumpadMultiply: "kp_multiply",
  NumpadAdd: "kp_add",
  NumpadSubtract: "kp_subtract",
  NumpadDivide: "kp_divide",
  NumpadDecimal: "kp_decimal",
  NumpadEnter: "kp_enter",
  NumpadEqual: "kp_equals",
  NumpadComma: "kp_comma",
  Convert: "henkan",
  NonConvert: "muhenkan",
  KanaMode: "hiragana",
};

/** QEMU's name of the key in that place; undefined: PC keyboards have none there. */
export function keyAt(code: string): string | undefined {
  const [, letter, digit, pad, f] = /^(?:Key([A-Z])|Digit(\d)|Numpad(\d)|F([1-9]|1[0-2]))$/.exec(code) ?? [];
  return letter?.toLowerCase() ?? digit ?? (pad && `kp_${pad}`) ?? (f && `f${f}`) ?? NAMES[code];
}

/** Gives the machine what is typed while `target` has the focus. */
export function connectKeyboard(target: HTMLElement, machine: Machine, signal: AbortSignal): void {
  const held = new Set<string>();
  const down = (event: KeyboardEvent): void => {
    const key = keyAt(event.code);
    if (!key) return;
    event.preventDefault();
    held.add(key);
    void machine.keyboard.down(key);
  };
  const up = (event: KeyboardEvent): void => {
    const key = keyAt(event.code);
    if (!key || !held.delete(key)) return;
    event.preventDefault();
    void machine.keyboard.up(key);
  };
  /** Keys that are let go elsewhere would stay down in the guest. */
  const letGo = (): void => {
    if (held.size > 0) void machine.keyboard.up(...held);
    held.clear();
  };
  target.addEventListener("keydown", down, { signal });
  target.addEventListener("keyup", up, { signal });
  target.addEventListener("blur", letGo, { signal });
}

/**
 * Calls `release` for Ctrl and Alt pressed and let go with nothing between: every other key is the guest's, and someone
 * without a mouse must get out again.
 */
export function onCtrlAlt(target: HTMLElement, release: () => void): void {
  const held = new Set<string>();
  let isAlone = false;
  target.addEventListener("keydown", ({ key, repeat }) => {
    if (repeat) return;
    held.add(key);
    isAlone = held.size === 2 && held.has("Control") && held.has("Alt");
  });
  target.addEventListener("keyup", ({ key }) => {
    held.delete(key);
    if (isAlone) release();
    isAlone = false;
  });
  target.addEventListener("focusout", () => {
    held.clear();
    isAlone = false;
  });
}
