// X11's names of keys, keysyms (X protocol, appendix A), as keys of a PC keyboard.
import { type Key, keyNamed, keysFor } from "../../input/keys.ts";

/** Runs of keysyms with consecutive numbers, from the number in front; "-" is no key of ours. */
const RUNS: readonly (readonly [first: number, names: string])[] = [
  [0xff08, "backspace tab lf"],
  [0xff0d, "ret"],
  [0xff13, "pause scroll_lock sysrq"],
  [0xff1b, "esc"],
  [0xff50, "home left up right down pgup pgdn end"],
  [0xff61, "print"],
  [0xff63, "insert"],
  [0xff67, "menu"],
  [0xff7f, "num_lock"],
  [0xff8d, "kp_enter"],
  [0xff95, "kp_7 kp_4 kp_8 kp_6 kp_2 kp_9 kp_3 kp_1 kp_5 kp_0 kp_decimal"],
  [0xffaa, "kp_multiply kp_add kp_comma kp_subtract kp_decimal kp_divide"],
  [0xffb0, "kp_0 kp_1 kp_2 kp_3 kp_4 kp_5 kp_6 kp_7 kp_8 kp_9"],
  [0xffbd, "kp_equals f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12"],
  [0xffe1, "shift shift_r ctrl ctrl_r caps_lock - meta_l meta_r alt alt_r meta_l meta_r"],
  [0xffff, "delete"],
  [0xfe03, "alt_r"],
  [0xfe20, "tab"],
];

const NAMES: ReadonlyMap<number, string> = new Map(
  RUNS.flatMap(([first, names]) => names.split(" ").map((name, n) => [first + n, name] as const)),
);

/** The key of a US keyboard with this keysym; the client sends Shift by itself. */
export function keyOfKeysym(keysym: number): Key | undefined {
  const name =
    NAMES.get(keysym) ?? (keysym < 0x7f ? keysFor(String.fromCharCode(keysym))?.at(-1) : undefined);
  return name === undefined ? undefined : keyNamed(name);
}
