// Keys by QEMU's names (QKeyCode) and what a PC keyboard sends for them: the code of scan code set 1, and its framing.

/** assembly/devices/ps2-keyboard.ts: KEY_PLAIN, KEY_EXTENDED (E0 in front), KEY_PAUSE (E1 …). */
export type Framing = 0 | 1 | 2;
const [PLAIN, EXTENDED, PAUSE] = [0, 1, 2] as const;

export interface Key {
  code: number;
  framing: Framing;
}

/** Runs of keys with consecutive codes, from the code in front. */
const PLAIN_RUNS: readonly (readonly [first: number, names: string])[] = [
  [0x01, "esc 1 2 3 4 5 6 7 8 9 0 minus equal backspace tab"],
  [0x10, "q w e r t y u i o p bracket_left bracket_right ret ctrl"],
  [0x1e, "a s d f g h j k l semicolon apostrophe grave_accent shift backslash"],
  [0x2c, "z x c v b n m comma dot slash shift_r kp_multiply alt spc caps_lock"],
  [0x3b, "f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 num_lock scroll_lock"],
  [0x47, "kp_7 kp_8 kp_9 kp_subtract kp_4 kp_5 kp_6 kp_add kp_1 kp_2 kp_3 kp_0 kp_decimal sysrq"],
  [0x56, "less f11 f12 kp_equals"],
  [0x70, "hiragana"],
  [0x73, "ro"],
  [0x77, "lf"],
  [0x79, "henkan"],
  [0x7b, "muhenkan"],
  [0x7d, "yen kp_comma"],
];
const EXTENDED_RUNS: readonly (readonly [first: number, names: string])[] = [
  [0x10, "audioprev"],
  [0x19, "audionext"],
  [0x1c, "kp_enter ctrl_r"],
  [0x20, "audiomute calculator audioplay"],
  [0x24, "audiostop"],
  [0x2e, "volumedown"],
  [0x30, "volumeup"],
  [0x32, "ac_home"],
  [0x35, "kp_divide"],
  [0x37, "print alt_r"],
  [0x47, "home up pgup"],
  [0x4b, "left"],
  [0x4d, "right"],
  [0x4f, "end down pgdn insert delete"],
  [0x5b, "meta_l meta_r compose power sleep"],
  [0x63, "wake"],
  [0x66, "ac_bookmarks ac_refresh"],
  [0x69, "ac_forward ac_back computer mail mediaselect"],
];

function rows(runs: typeof PLAIN_RUNS, framing: Framing): [string, Key][] {
  return runs.flatMap(([first, names]) =>
    names.split(" ").map((name, n): [string, Key] => [name, { code: first + n, framing }]),
  );
}

/** Every key that can be pressed, by name. */
export const KEYS: ReadonlyMap<string, Key> = new Map([
  ...rows(PLAIN_RUNS, PLAIN),
  ...rows(EXTENDED_RUNS, EXTENDED),
  ["pause", { code: 0x45, framing: PAUSE }],
  ["asterisk", { code: 0x37, framing: PLAIN }],
  ["menu", { code: 0x5d, framing: EXTENDED }],
]);

/** The key that `name` means: a QKeyCode, or a set-1 code as a number (bit 7: extended). */
export function keyNamed(name: string): Key | undefined {
  if (/^0x[0-9a-f]{1,2}$|^\d{2,3}$/i.test(name)) {
    const number = Number(name);
    return number > 0xff ? undefined : { code: number & 0x7f, framing: number & 0x80 ? EXTENDED : PLAIN };
  }
  return KEYS.get(name === "<" ? "less" : name);
}

const SHIFTED = '~!@#$%^&*()_+{}|:"<>?';
const UNSHIFTED = "`1234567890-=[]\\;',./";
const PUNCTUATION: Readonly<Record<string, string>> = {
  "`": "grave_accent",
  "-": "minus",
  "=": "equal",
  "[": "bracket_left",
  "]": "bracket_right",
  "\\": "backslash",
  ";": "semicolon",
  "'": "apostrophe",
  ",": "comma",
  ".": "dot",
  "/": "slash",
  " ": "spc",
  "\n": "ret",
  "\t": "tab",
  "\b": "backspace",
  "\x1b": "esc",
};

/** The keys to hold for `character` on a US keyboard; undefined: it has none. */
export function keysFor(character: string): readonly string[] | undefined {
  const at = SHIFTED.indexOf(character);
  if (at >= 0) return ["shift", ...keysFor(UNSHIFTED[at]!)!];
  if (/^[A-Z]$/.test(character)) return ["shift", character.toLowerCase()];
  if (/^[a-z0-9]$/.test(character)) return [character];
  return PUNCTUATION[character] === undefined ? undefined : [PUNCTUATION[character]];
}
