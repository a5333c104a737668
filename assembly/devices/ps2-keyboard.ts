// PS/2 keyboard (PS/2 reference, "Keyboard"): scan code sets 1 and 2, and the commands that a driver sends.
import { ByteRing } from "../rings/ring";
import { PS2_QUEUE_SIZE, queueClear, queueHas, queuePut, queueRoom, queueTake } from "./ps2-queue";
import { toSet2 } from "./scancodes";

const ACKNOWLEDGE: u32 = 0xfa;
const RESEND: u32 = 0xfe;
const SELF_TEST_PASSED: u32 = 0xaa;
const EXTENDED_PREFIX: u32 = 0xe0;
const PAUSE_PREFIX: u32 = 0xe1;
const BREAK_PREFIX: u32 = 0xf0;

/** The longest code, Pause in set 2. */
const CODE_MAX: u32 = 8;

/** How a key's code is framed. */
export const KEY_PLAIN: u32 = 0;
export const KEY_EXTENDED: u32 = 1;
export const KEY_PAUSE: u32 = 2;

@final
@unmanaged
export class Ps2Keyboard {
  private set: u32;
  private enabled: bool;
  /** A command that waits for its parameter, 0 for none. */
  private pending: u32;
  private lastSent: u32;
  // The queue follows the struct: see PS2_KEYBOARD_SIZE.

  private get queue(): ByteRing {
    return changetype<ByteRing>(changetype<usize>(this) + offsetof<Ps2Keyboard>());
  }

  reset(): void {
    queueClear(this.queue);
    this.pending = 0;
    this.lastSent = 0;
    this.setDefaults();
    this.enabled = true;
  }

  private setDefaults(): void {
    this.set = 2;
  }

  get hasData(): bool {
    return queueHas(this.queue);
  }

  take(): u32 {
    this.lastSent = queueTake(this.queue);
    return this.lastSent;
  }

  /** Whether any key's code fits, or is thrown away because the keyboard is off. */
  get hasRoom(): bool {
    return !this.enabled || queueRoom(this.queue) >= CODE_MAX;
  }

  /** A key goes down or up: its set-1 code without bit 7, and how it is framed (KEY_*). */
  key(code: u32, framing: u32, down: bool): void {
    if (!this.enabled || queueRoom(this.queue) < CODE_MAX) return;
    if (framing == KEY_PAUSE) {
      if (down) this.pause();
      return;
    }
    if (framing == KEY_EXTENDED) queuePut(this.queue, EXTENDED_PREFIX);
    if (this.set == 1) queuePut(this.queue, down ? code : code | 0x80);
    else {
      if (!down) queuePut(this.queue, BREAK_PREFIX);
      queuePut(this.queue, toSet2(code));
    }
  }

  /** Pause sends press and release at once: Ctrl with NumLock. */
  private pause(): void {
    const control = this.set == 1 ? 0x1d : toSet2(0x1d);
    const numLock = this.set == 1 ? 0x45 : toSet2(0x45);
    queuePut(this.queue, PAUSE_PREFIX);
    queuePut(this.queue, control);
    queuePut(this.queue, numLock);
    queuePut(this.queue, PAUSE_PREFIX);
    if (this.set == 2) queuePut(this.queue, BREAK_PREFIX);
    queuePut(this.queue, this.set == 1 ? control | 0x80 : control);
    if (this.set == 2) queuePut(this.queue, BREAK_PREFIX);
    queuePut(this.queue, this.set == 1 ? numLock | 0x80 : numLock);
  }

  /** A byte from the controller. */
  receive(byte: u32): void {
    const command = this.pending;
    this.pending = 0;
    if (command == 0) this.execute(byte);
    else if (command == 0xf0) this.selectSet(byte);
    else queuePut(this.queue, ACKNOWLEDGE); // LEDs and typematic rate show nowhere
  }

  private execute(command: u32): void {
    switch (command) {
      case 0xed: // LEDs
      case 0xf0: // scan code set
      case 0xf3: // typematic rate
        this.pending = command;
        queuePut(this.queue, ACKNOWLEDGE);
        break;
      case 0xee: // echo
        queuePut(this.queue, 0xee);
        break;
      case 0xf2: // identify: MF2 keyboard
        queuePut(this.queue, ACKNOWLEDGE);
        queuePut(this.queue, 0xab);
        queuePut(this.queue, 0x83);
        break;
      case 0xf4: // enable
        this.enabled = true;
        queuePut(this.queue, ACKNOWLEDGE);
        break;
      case 0xf5: // defaults, and off
        this.enabled = false;
        this.setDefaults();
        queuePut(this.queue, ACKNOWLEDGE);
        break;
      case 0xf6: // defaults
        this.setDefaults();
        queuePut(this.queue, ACKNOWLEDGE);
        break;
      case 0xfe: // resend
        queuePut(this.queue, this.lastSent);
        break;
      case 0xff: // reset
        this.reset();
        queuePut(this.queue, ACKNOWLEDGE);
        queuePut(this.queue, SELF_TEST_PASSED);
        break;
      default:
        queuePut(this.queue, RESEND);
    }
  }

  /** 0 asks which set is on. Set 3 does not exist on this keyboard. */
  private selectSet(set: u32): void {
    if (set > 2) {
      queuePut(this.queue, RESEND);
      return;
    }
    queuePut(this.queue, ACKNOWLEDGE);
    if (set == 0) queuePut(this.queue, this.set);
    else this.set = set;
  }
}

export const PS2_KEYBOARD_SIZE: usize = offsetof<Ps2Keyboard>() + PS2_QUEUE_SIZE;
