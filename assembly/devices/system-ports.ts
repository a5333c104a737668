// The small ports of the board that belong to no chip of their own.
//
//   61h   speaker gate 0 and data 1 | refresh toggle 4 | timer 2 output 5   (PIIX3 data sheet §2.5.4)
//   92h   fast reset 0 | A20 1
//   B2h   APM command, B3h APM status: what would raise an SMI
//   F0h   writing it: the handler of IRQ 13 has seen the FPU's error, IGNNE# (PIIX3 data sheet §2.5.5)
//   CF9h  reset control: hard reset 1 | reset now 2
import { physicalMap } from "../memory/physical";
import { flushEveryTlb } from "../memory/tlb";
import { I8254 } from "./i8254";

const SPEAKER_GATE: u32 = 1 << 0;
const FAST_RESET: u32 = 1 << 0;
const FAST_A20: u32 = 1 << 1;
const RESET_NOW: u32 = 1 << 2;

/** The A20 line: address bit 20 passes, or not. */
const A20: u32 = 1 << 20;

@final
@unmanaged
export class SystemPorts {
  private speaker: u32;
  private port92: u32;
  private apmCommand: u32;
  private apmStatus: u32;
  private resetControl: u32;
  /** IGNNE#: the processor goes on in spite of its FPU's error. */
  ignoresFpuError: bool;

  reset(): void {
    this.speaker = 0;
    this.port92 = 0;
    this.apmCommand = 0;
    this.apmStatus = 0;
    this.resetControl = 0;
    this.ignoresFpuError = false;
    setA20(true);
  }

  readSpeaker(pit: I8254, now: u64): u32 {
    // Bit 4 toggles with each refresh, every 15 µs.
    const refresh: u32 = (now / 15_085) & 1 ? 0x10 : 0;
    return (this.speaker & 3) | refresh | (pit.out(2, now) ? 0x20 : 0);
  }

  writeSpeaker(value: u32, pit: I8254, now: u64): void {
    this.speaker = value & 15;
    pit.setSpeakerGate((value & SPEAKER_GATE) != 0, now);
  }

  readPort92(): u32 {
    return this.port92;
  }

  /** Returns whether the guest asks for a reset. */
  writePort92(value: u32): bool {
    const resets = (value & ~this.port92 & FAST_RESET) != 0;
    this.port92 = value & FAST_A20;
    setA20((value & FAST_A20) != 0);
    return resets;
  }

  readApm(offset: u32): u32 {
    return offset == 0 ? this.apmCommand : this.apmStatus;
  }

  writeApm(offset: u32, value: u32): void {
    if (offset == 0) this.apmCommand = value;
    else this.apmStatus = value;
  }

  readResetControl(): u32 {
    return this.resetControl;
  }

  /** Returns whether the guest asks for a reset. */
  writeResetControl(value: u32): bool {
    this.resetControl = value & 2;
    return (value & RESET_NOW) != 0;
  }
}

export function setA20(passes: bool): void {
  const mask = passes ? 0xffff_ffff : ~A20;
  if (mask == physicalMap.a20Mask) return;
  physicalMap.a20Mask = mask;
  flushEveryTlb();
}

export function a20(): bool {
  return (physicalMap.a20Mask & A20) != 0;
}
