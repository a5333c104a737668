// The guest's keyboard and mouse, seen from outside.
import { UserError } from "../core/errors.ts";
import type { ByteRing } from "../core/rings.ts";
import { type Key, keyNamed, keysFor } from "./keys.ts";

/** assembly/rings/input.ts: INPUT_KEY, INPUT_MOUSE. */
const [KEY, MOUSE] = [1, 2];
const EVENT_BYTES = 8;
/** How long `sendKey` holds its keys, in ms. */
const HOLD_MS = 100;
/** Between two characters of `type`: a guest that takes keys by interrupt keeps up with this. */
const TYPE_MS = 10;

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function named(name: string): Key {
  const key = keyNamed(name);
  if (!key) throw new UserError(`invalid parameter: ${name}`);
  return key;
}

/** Keys that go up and down. */
export class Keyboard {
  /** @internal */
  constructor(
    private readonly ring: ByteRing,
    private readonly wake: () => void,
  ) {}

  /** A key goes down or up. */
  event({ code, framing }: Key, down: boolean): void {
    this.ring.put(Uint8Array.of(KEY, code, framing, down ? 1 : 0, 0, 0, 0, 0));
    this.wake();
  }

  /** Presses and releases keys at once, the first ones held for the last. */
  press(names: readonly string[]): void {
    const keys = names.map(named);
    for (const key of keys) this.event(key, true);
    for (const key of keys.toReversed()) this.event(key, false);
  }

  /** Presses keys together, by QEMU's names joined with dashes ("ctrl-alt-delete"), and lets go after `holdMs`. */
  async sendKey(names: string, holdMs = HOLD_MS): Promise<void> {
    const keys = names.split(/-(?!$)/).map(named);
    for (const key of keys) this.event(key, true);
    await wait(holdMs);
    for (const key of keys.toReversed()) this.event(key, false);
  }

  /** Types `text` on a US keyboard; characters that it has no key for are refused. */
  async type(text: string): Promise<void> {
    const strokes = [...text].map((character) => {
      const keys = keysFor(character);
      if (!keys) throw new UserError(`the keyboard has no key for '${character}'`);
      return keys;
    });
    for (const keys of strokes) await this.sendKey(keys.join("-"), TYPE_MS).then(() => wait(TYPE_MS));
  }
}

/** A mouse's buttons, as `Mouse.buttons` counts them. */
export const BUTTON = { left: 1, right: 2, middle: 4 } as const;

/** A PS/2 mouse with a wheel. */
export class Mouse {
  private held = 0;

  /** @internal */
  constructor(
    private readonly ring: ByteRing,
    private readonly wake: () => void,
  ) {}

  /** Moves by `dx` to the right, `dy` down, and turns the wheel by `dz` notches towards the user. */
  move(dx: number, dy: number, dz = 0): void {
    this.event(dx, dy, dz);
  }

  /** One of BUTTON goes down or up. */
  press(button: number, down: boolean): void {
    this.buttons(down ? this.held | button : this.held & ~button);
  }

  /** Which buttons are held: 1 left, 2 right, 4 middle, added up. */
  buttons(held: number): void {
    this.held = held;
    this.event(0, 0, 0);
  }

  private event(dx: number, dy: number, dz: number): void {
    const bytes = new DataView(new ArrayBuffer(EVENT_BYTES));
    bytes.setUint8(0, MOUSE);
    bytes.setUint8(1, this.held);
    bytes.setInt16(2, dx, true);
    bytes.setInt16(4, dy, true);
    bytes.setInt16(6, dz, true);
    this.ring.put(new Uint8Array(bytes.buffer));
    this.wake();
  }
}
