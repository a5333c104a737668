// PS/2 mouse (PS/2 reference, "Mouse"), which becomes an IntelliMouse (wheel) or Explorer (five buttons) when it
// is asked for by the known sequences of sample rates.
import { ByteRing } from "../rings/ring";
import { PS2_QUEUE_SIZE, queueClear, queueHas, queuePut, queueTake } from "./ps2-queue";

const ACKNOWLEDGE: u32 = 0xfa;
const RESEND: u32 = 0xfe;

const PLAIN: u32 = 0;
const WHEEL: u32 = 3;
const FIVE_BUTTONS: u32 = 4;
/** Sample rates, the last in the low byte. */
const KNOCK_WHEEL: u32 = 0xc8_6450; // 200, 100, 80
const KNOCK_FIVE_BUTTONS: u32 = 0xc8_c850; // 200, 200, 80

/** Status byte of E9h. */
const STATUS_ENABLED: u32 = 1 << 5;
const STATUS_SCALING: u32 = 1 << 4;

@final
@unmanaged
export class Ps2Mouse {
  /** Movement that no packet has told yet. */
  private dx: i32;
  private dy: i32;
  private dz: i32;
  private buttons: u32;
  private reportedButtons: u32;
  private kind: u32;
  private sampleRate: u32;
  private resolution: u32;
  /** The last three sample rates, newest lowest. */
  private rates: u32;
  private pending: u32;
  private enabled: bool;
  private remote: bool;
  private wrap: bool;
  private scaling: bool;
  // The queue follows the struct: see PS2_MOUSE_SIZE.

  private get queue(): ByteRing {
    return changetype<ByteRing>(changetype<usize>(this) + offsetof<Ps2Mouse>());
  }

  reset(): void {
    queueClear(this.queue);
    this.kind = PLAIN;
    this.rates = 0;
    this.pending = 0;
    this.wrap = false;
    this.buttons = 0;
    this.reportedButtons = 0;
    this.setDefaults();
  }

  private setDefaults(): void {
    this.sampleRate = 100;
    this.resolution = 2;
    this.enabled = false;
    this.remote = false;
    this.scaling = false;
    this.forgetMovement();
  }

  private forgetMovement(): void {
    this.dx = 0;
    this.dy = 0;
    this.dz = 0;
  }

  get hasData(): bool {
    if (!queueHas(this.queue)) this.reportMovement();
    return queueHas(this.queue);
  }

  take(): u32 {
    return queueTake(this.queue);
  }

  /** The mouse moves right, down and its wheel towards the user; `buttons`: left 0, right 1, middle 2, then 3, 4. */
  move(dx: i32, dy: i32, dz: i32, buttons: u32): void {
    this.buttons = buttons;
    if (!this.enabled) return;
    this.dx += dx;
    this.dy -= dy;
    this.dz += dz;
  }

  private reportMovement(): void {
    if (!this.enabled || this.remote) return;
    if ((this.dx | this.dy | this.dz) != 0 || this.buttons != this.reportedButtons) this.sendPacket();
  }

  /** A packet tells at most nine bits of movement a direction; the rest waits for the next. */
  private sendPacket(): void {
    const dx = clamp(this.dx, 255);
    const dy = clamp(this.dy, 255);
    this.dx -= dx;
    this.dy -= dy;
    queuePut(this.queue, 0x08 | (this.buttons & 7) | (dx < 0 ? 0x10 : 0) | (dy < 0 ? 0x20 : 0));
    queuePut(this.queue, (<u32>dx) & 0xff);
    queuePut(this.queue, (<u32>dy) & 0xff);
    const dz = clamp(this.dz, 7);
    if (this.kind == WHEEL) queuePut(this.queue, (<u32>dz) & 0xff);
    else if (this.kind == FIVE_BUTTONS) queuePut(this.queue, ((<u32>dz) & 15) | ((this.buttons & 0x18) << 1));
    this.dz = this.kind == PLAIN ? 0 : this.dz - dz;
    this.reportedButtons = this.buttons;
  }

  /** A byte from the controller. */
  receive(byte: u32): void {
    const command = this.pending;
    this.pending = 0;
    if (command == 0xf3) this.setSampleRate(byte);
    else if (command == 0xe8) this.resolution = byte & 3;
    else if (this.wrap && byte != 0xec && byte != 0xff) {
      queuePut(this.queue, byte);
      return;
    } else {
      this.execute(byte);
      return;
    }
    queuePut(this.queue, ACKNOWLEDGE);
  }

  private setSampleRate(rate: u32): void {
    this.sampleRate = rate;
    this.rates = ((this.rates << 8) | rate) & 0xff_ffff;
    if (this.rates == KNOCK_WHEEL) this.kind = WHEEL;
    else if (this.rates == KNOCK_FIVE_BUTTONS) this.kind = FIVE_BUTTONS;
  }

  private execute(command: u32): void {
    // What was on its way is void once the host commands (PS/2 reference, "Mouse commands").
    queueClear(this.queue);
    queuePut(this.queue, ACKNOWLEDGE);
    switch (command) {
      case 0xe6: // scaling 1:1, 2:1
      case 0xe7:
        this.scaling = command == 0xe7;
        break;
      case 0xe8: // resolution, sample rate: the value follows
      case 0xf3:
        this.pending = command;
        break;
      case 0xe9: // status
        queuePut(
          this.queue,
          (this.enabled ? STATUS_ENABLED : 0) | (this.scaling ? STATUS_SCALING : 0) | (this.buttons & 7),
        );
        queuePut(this.queue, this.resolution);
        queuePut(this.queue, this.sampleRate);
        break;
      case 0xea: // stream mode
        this.remote = false;
        break;
      case 0xeb: // read data
        this.sendPacket();
        break;
      case 0xec: // wrap off, on
      case 0xee:
        this.wrap = command == 0xee;
        break;
      case 0xf0: // remote mode
        this.remote = true;
        break;
      case 0xf2: // identify
        queuePut(this.queue, this.kind);
        break;
      case 0xf4: // reporting on, off
      case 0xf5:
        this.enabled = command == 0xf4;
        this.forgetMovement();
        break;
      case 0xf6:
        this.setDefaults();
        break;
      case 0xff:
        this.reset();
        queuePut(this.queue, ACKNOWLEDGE);
        queuePut(this.queue, 0xaa);
        queuePut(this.queue, 0x00);
        break;
      default:
        queueClear(this.queue);
        queuePut(this.queue, RESEND);
    }
  }
}

function clamp(value: i32, limit: i32): i32 {
  return max(-limit, min(limit, value));
}

export const PS2_MOUSE_SIZE: usize = offsetof<Ps2Mouse>() + PS2_QUEUE_SIZE;
