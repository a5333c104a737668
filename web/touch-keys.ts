// For screens that are touched: a row of the keys that their keyboards lack, and a field that brings such a keyboard up.
// What is typed goes to the console that is shown.
import type { Machine } from "../host/library.ts";
import { element, make } from "./elements.ts";

/** Held until the next key. */
const MODIFIERS = ["ctrl", "alt", "shift"] as const;
type Modifier = (typeof MODIFIERS)[number];

/** What is on the keys, by QEMU's names of them (host/input/keys.ts). */
const KEYS: Readonly<Record<string, string>> = {
  esc: "Esc",
  tab: "Tab",
  ret: "Enter",
  left: "←",
  up: "↑",
  down: "↓",
  right: "→",
  delete: "Del",
  home: "Home",
  end: "End",
  pgup: "PgUp",
  pgdn: "PgDn",
  ...Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`f${n + 1}`, `F${n + 1}`])),
};

/** The same on a serial line: a VT220's sequences (DEC EK-VT220-RM §3.2), as Linux' terminals have them. */
const SEQUENCES: Readonly<Record<string, string>> = {
  esc: "\x1b",
  tab: "\t",
  ret: "\r",
  backspace: "\x7f",
  up: "\x1b[A",
  down: "\x1b[B",
  right: "\x1b[C",
  left: "\x1b[D",
  home: "\x1b[H",
  end: "\x1b[F",
  delete: "\x1b[3~",
  pgup: "\x1b[5~",
  pgdn: "\x1b[6~",
  ...Object.fromEntries(["OP", "OQ", "OR", "OS"].map((end, n) => [`f${n + 1}`, `\x1b${end}`])),
  ...Object.fromEntries([15, 17, 18, 19, 20, 21, 23, 24].map((code, n) => [`f${n + 5}`, `\x1b[${code}~`])),
};

/** Where it goes: a key by its name, or characters, with the modifiers that are held. */
export interface KeySink {
  key(name: string, held: readonly Modifier[]): Promise<void>;
  text(text: string, held: readonly Modifier[]): Promise<void>;
}

export function screenKeys({ keyboard }: Machine): KeySink {
  return {
    key: (name, held) => keyboard.sendKey([...held, name].join("-")),
    async text(text, held) {
      if (held.length === 0) return keyboard.type(text);
      await keyboard.down(...held);
      await keyboard.type(text).finally(() => keyboard.up(...held));
    },
  };
}

export function serialKeys({ serial }: Machine): KeySink {
  /** Ctrl leaves a character's five low bits (ECMA-48 §5.2), Alt is an escape before it. */
  const send = (text: string, held: readonly Modifier[]): Promise<void> => {
    const plain = held.includes("shift") ? text.toUpperCase() : text;
    const controlled = held.includes("ctrl")
      ? plain.replace(/[@-_a-z ]/g, (character) => String.fromCharCode(character.charCodeAt(0) & 31))
      : plain;
    return serial.write(held.includes("alt") ? `\x1b${controlled}` : controlled);
  };
  return { key: (name, held) => send(SEQUENCES[name]!, held.includes("alt") ? ["alt"] : []), text: send };
}

/** What the field always holds, so that there is something to delete. */
const FILLING = " ";

/** Connects the row; `sink` is where keys go now, `report` is told what goes wrong. */
export function connectTouchKeys(sink: () => KeySink | undefined, report: (error: unknown) => void): void {
  const modifiers = MODIFIERS.map((name) =>
    make(
      "button",
      { type: "button", value: name, ariaPressed: "false" },
      name[0]!.toUpperCase() + name.slice(1),
    ),
  );
  const isHeld = (button: HTMLButtonElement): boolean => button.ariaPressed === "true";
  let sent: Promise<unknown> = Promise.resolve();
  const send = (what: "key" | "text", word: string): void => {
    const held = modifiers.filter(isHeld).map(({ value }) => value as Modifier);
    for (const button of modifiers) button.ariaPressed = "false";
    // One after the other, as they were typed.
    sent = sent.then(() => sink()?.[what](word, held)).catch(report);
  };
  for (const button of modifiers)
    button.addEventListener("click", () => (button.ariaPressed = String(!isHeld(button))));
  const keys = Object.entries(KEYS).map(([name, text]) => {
    const button = make("button", { type: "button", ariaLabel: name }, text);
    button.addEventListener("click", () => send("key", name));
    return button;
  });
  // A button that took the focus would send the keyboard away.
  for (const button of [...modifiers, ...keys])
    button.addEventListener("pointerdown", (event) => event.preventDefault());
  element("keys").append(...modifiers, ...keys);

  const field = element<HTMLInputElement>("touch-field");
  let last = FILLING;
  field.value = FILLING;
  field.addEventListener("input", (event) => {
    // Keyboards that guess words replace what they wrote: what differs is taken back and written anew.
    let same = 0;
    while (same < last.length && last[same] === field.value[same]) same++;
    for (let n = same; n < last.length; n++) send("key", "backspace");
    const typed = field.value.slice(same);
    if (typed) send("text", typed);
    last = field.value;
    if (!(event as InputEvent).isComposing) field.value = last = FILLING;
  });
  field.addEventListener("compositionend", () => (field.value = last = FILLING));
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    send("key", "ret");
  });
  element("touch-keys").addEventListener("click", () => {
    const row = element("keys");
    row.hidden = !row.hidden;
    element("touch-keys").ariaPressed = String(!row.hidden);
    if (!row.hidden) field.focus();
  });
}
