// Intel 8042 as the PC's keyboard controller (IBM PS/2 Hardware Interface Technical Reference, "Keyboard and
// auxiliary device controller"): ports 60h (data) and 64h (status, command).
import { Ps2Keyboard } from "./ps2-keyboard";
import { Ps2Mouse } from "./ps2-mouse";
import { toSet1 } from "./scancodes";
import { a20, setA20 } from "./system-ports";

const STATUS_OUTPUT_FULL: u32 = 1 << 0;
const STATUS_SYSTEM: u32 = 1 << 2;
const STATUS_COMMAND: u32 = 1 << 3;
const STATUS_UNLOCKED: u32 = 1 << 4;
const STATUS_MOUSE: u32 = 1 << 5;

/** The command byte, RAM cell 20h. */
const KEYBOARD_INTERRUPT: u32 = 1 << 0;
const MOUSE_INTERRUPT: u32 = 1 << 1;
const SYSTEM: u32 = 1 << 2;
const KEYBOARD_OFF: u32 = 1 << 4;
const MOUSE_OFF: u32 = 1 << 5;
const TRANSLATE: u32 = 1 << 6;

/** Output port: reset (active low) 0, A20 1, interrupts 4 and 5, keyboard lines 6 and 7. */
const OUTPUT_RESET: u32 = 1 << 0;
const OUTPUT_A20: u32 = 1 << 1;
const OUTPUT_FIXED: u32 = 0xcc;

const BREAK_PREFIX: u32 = 0xf0;

const FROM_CONTROLLER: u32 = 0;
const FROM_KEYBOARD: u32 = 1;
const FROM_MOUSE: u32 = 2;

@final
@unmanaged
export class I8042 {
  private output: u32;
  private outputFull: bool;
  /** FROM_*: who put the byte there. */
  private source: u32;
  private lastWasCommand: bool;
  private commandByte: u32;
  /** A command that waits for its byte at port 60h, 0 for none. */
  private pending: u32;
  /** The keyboard has sent F0h: the next code is a release. */
  private releasing: bool;
  /** Set by whatever asks for a reset; read once. */
  private resetWanted: bool;

  reset(): void {
    this.output = 0;
    this.outputFull = false;
    this.source = FROM_CONTROLLER;
    this.lastWasCommand = true;
    this.commandByte = KEYBOARD_INTERRUPT | MOUSE_INTERRUPT;
    this.pending = 0;
    this.releasing = false;
    this.resetWanted = false;
  }

  get keyboardIrq(): bool {
    return this.outputFull && this.source != FROM_MOUSE && (this.commandByte & KEYBOARD_INTERRUPT) != 0;
  }

  get mouseIrq(): bool {
    return this.outputFull && this.source == FROM_MOUSE && (this.commandByte & MOUSE_INTERRUPT) != 0;
  }

  /** Whether the guest has pulled the reset line since the last call. */
  takeReset(): bool {
    const wanted = this.resetWanted;
    this.resetWanted = false;
    return wanted;
  }

  private answer(byte: u32, source: u32): void {
    this.output = byte & 0xff;
    this.outputFull = true;
    this.source = source;
  }

  /** Moves the next byte of a device into the output buffer, when that is free and the device may send. */
  exchange(keyboard: Ps2Keyboard, mouse: Ps2Mouse): void {
    if (!(this.commandByte & KEYBOARD_OFF))
      while (!this.outputFull && keyboard.hasData) this.takeFromKeyboard(keyboard.take());
    if (!this.outputFull && !(this.commandByte & MOUSE_OFF) && mouse.hasData)
      this.answer(mouse.take(), FROM_MOUSE);
  }

  private takeFromKeyboard(byte: u32): void {
    if ((this.commandByte & TRANSLATE) == 0) {
      this.answer(byte, FROM_KEYBOARD);
      return;
    }
    // Set 2's release prefix becomes bit 7 of set 1's code.
    if (byte == BREAK_PREFIX) {
      this.releasing = true;
      return;
    }
    this.answer(toSet1(byte) | (this.releasing ? 0x80 : 0), FROM_KEYBOARD);
    this.releasing = false;
  }

  readStatus(): u32 {
    return (
      STATUS_UNLOCKED |
      (this.outputFull ? STATUS_OUTPUT_FULL : 0) |
      (this.outputFull && this.source == FROM_MOUSE ? STATUS_MOUSE : 0) |
      (this.commandByte & SYSTEM ? STATUS_SYSTEM : 0) |
      (this.lastWasCommand ? STATUS_COMMAND : 0)
    );
  }

  readData(): u32 {
    this.outputFull = false;
    return this.output;
  }

  writeCommand(command: u32): void {
    this.lastWasCommand = true;
    this.pending = 0;
    switch (command) {
      case 0x20: // read command byte
        this.answer(this.commandByte, FROM_CONTROLLER);
        break;
      case 0xa7: // mouse off, on
        this.commandByte |= MOUSE_OFF;
        break;
      case 0xa8:
        this.commandByte &= ~MOUSE_OFF;
        break;
      case 0xa9: // test the mouse's and the keyboard's lines: good
      case 0xab:
        this.answer(0, FROM_CONTROLLER);
        break;
      case 0xaa: // self-test
        this.commandByte |= SYSTEM;
        this.answer(0x55, FROM_CONTROLLER);
        break;
      case 0xad: // keyboard off, on
        this.commandByte |= KEYBOARD_OFF;
        break;
      case 0xae:
        this.commandByte &= ~KEYBOARD_OFF;
        break;
      case 0xc0: // input port: keyboard not locked
        this.answer(0x80, FROM_CONTROLLER);
        break;
      case 0xd0: // output port
        this.answer(OUTPUT_FIXED | OUTPUT_RESET | (a20() ? OUTPUT_A20 : 0), FROM_CONTROLLER);
        break;
      case 0x60: // commands whose byte follows
      case 0xd1:
      case 0xd2:
      case 0xd3:
      case 0xd4:
        this.pending = command;
        break;
      default:
        // F0h-FFh pulse the output port's low bits that are 0.
        if (command >= 0xf0 && (command & OUTPUT_RESET) == 0) this.resetWanted = true;
    }
  }

  writeData(value: u32, keyboard: Ps2Keyboard, mouse: Ps2Mouse): void {
    this.lastWasCommand = false;
    const command = this.pending;
    this.pending = 0;
    switch (command) {
      case 0x60:
        this.commandByte = value;
        break;
      case 0xd1:
        setA20((value & OUTPUT_A20) != 0);
        if ((value & OUTPUT_RESET) == 0) this.resetWanted = true;
        break;
      case 0xd2:
        this.answer(value, FROM_KEYBOARD);
        break;
      case 0xd3:
        this.answer(value, FROM_MOUSE);
        break;
      case 0xd4:
        this.commandByte &= ~MOUSE_OFF;
        mouse.receive(value);
        break;
      default:
        this.commandByte &= ~KEYBOARD_OFF;
        keyboard.receive(value);
    }
  }
}
