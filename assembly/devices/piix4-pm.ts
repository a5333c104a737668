// Intel 82371AB PIIX4 power management (data sheet 290562), function 01.3, as ACPI 1.0 uses it.
//
//   PMBASE + 0  PM1a status (w)    + 4  PM1a control (w)
//          + 2  PM1a enable (w)    + 8  PM timer (d, 24 bits)
//
// General-purpose events (GPE0) lie apart, where QEMU has them: two bytes of status, two of enables. No chip of this
// board raises one.
import { NEVER } from "../machine/clock";
import { PCI_LINE, PCI_PIN, PCI_STATUS, PciFunction } from "./pci";
import { ticksAt, timeOfTick } from "./ticks";

/** Registers of the function's configuration space. */
const PM_BASE: u32 = 0x40;
const PM_ENABLE: u32 = 0x80; // bit 0: the I/O space at PMBASE decodes
const SMBUS_BASE: u32 = 0x90;

const STATUS: u32 = 0;
const ENABLE: u32 = 2;
const CONTROL: u32 = 4;
const TIMER: u32 = 8;

/** PM1 status and enable (ACPI 1.0 §4.7.3.1). */
const PM1_TIMER: u32 = 1 << 0;
const PM1_GLOBAL: u32 = 1 << 5;
const PM1_POWER_BUTTON: u32 = 1 << 8;
const PM1_RTC: u32 = 1 << 10;
const PM1_WAKE: u32 = 1 << 15;
const PM1_STATUS_CLEARABLE: u32 = PM1_TIMER | (1 << 4) | PM1_GLOBAL | PM1_POWER_BUTTON | PM1_RTC | PM1_WAKE;
const PM1_ENABLE_WRITABLE: u32 = PM1_TIMER | PM1_GLOBAL | PM1_POWER_BUTTON | PM1_RTC;

/** PM1 control: SCI_EN 0, bus-master reload 1, SLP_TYP 12-10, SLP_EN 13. */
const CONTROL_SCI_ENABLE: u32 = 1 << 0;
const CONTROL_SLEEP_ENABLE: u32 = 1 << 13;

/** SLP_TYP values of this machine; the DSDT's \_Sx packages say the same. */
export const SLEEP_SOFT_OFF: u32 = 0;
export const SLEEP_SUSPEND: u32 = 1;
export const SLEEP_HIBERNATE: u32 = 2;

const PM_TIMER_FREQUENCY: u64 = 3_579_545;
const PM_TIMER_MASK: u64 = 0xff_ffff;
/** TMR_STS is set whenever the timer's top bit changes. */
const PM_TIMER_HALF: u64 = 0x80_0000;

export const PM_PORTS: u32 = 64;
export const GPE_BASE: u32 = 0xafe0;
export const GPE_PORTS: u32 = 4;

/** What the guest wants after a write to PM1 control: a SLP_TYP value, or NO_SLEEP. */
export const NO_SLEEP: u32 = 0xff;

@final
@unmanaged
export class Piix4Pm {
  /** Half periods of the timer that TMR_STS has seen. */
  private halves: u64;
  private status: u32;
  private enable: u32;
  private control: u32;
  private eventsEnabled: u32;

  reset(now: u64): void {
    this.status = 0;
    this.enable = 0;
    this.control = 0;
    this.eventsEnabled = 0;
    this.halves = ticksAt(now, PM_TIMER_FREQUENCY) / PM_TIMER_HALF;
  }

  /** The SCI: an enabled event, once ACPI has been switched on. */
  get sci(): bool {
    return (this.control & CONTROL_SCI_ENABLE) != 0 && (this.status & this.enable & PM1_ENABLE_WRITABLE) != 0;
  }

  /** APM command F1h or F0h at port B2h: the firmware's SMI handler would set or clear SCI_EN. */
  setAcpiMode(on: bool): void {
    const control: u32 = this.control;
    this.control = on ? control | CONTROL_SCI_ENABLE : control & ~CONTROL_SCI_ENABLE;
  }

  /** The power button; only a guest that listens learns of it. */
  pressPowerButton(): void {
    if (this.enable & PM1_POWER_BUTTON) this.status |= PM1_POWER_BUTTON;
  }

  advance(now: u64): void {
    const halves = ticksAt(now, PM_TIMER_FREQUENCY) / PM_TIMER_HALF;
    if (halves != this.halves) this.status |= PM1_TIMER;
    this.halves = halves;
  }

  deadline(now: u64): u64 {
    if ((this.enable & PM1_TIMER) == 0 || (this.status & PM1_TIMER) != 0) return NEVER;
    const halves = ticksAt(now, PM_TIMER_FREQUENCY) / PM_TIMER_HALF;
    return timeOfTick((halves + 1) * PM_TIMER_HALF, PM_TIMER_FREQUENCY);
  }

  read(offset: u32, size: u32, now: u64): u32 {
    this.advance(now);
    const register = offset & ~3;
    let value: u32 = 0xffff_ffff;
    if (register == TIMER) value = <u32>(ticksAt(now, PM_TIMER_FREQUENCY) & PM_TIMER_MASK);
    else if (register == STATUS) value = this.status | (this.enable << 16);
    else if (register == CONTROL) value = this.control;
    value >>= (offset & 3) << 3;
    return size == 4 ? value : value & ((1 << (size << 3)) - 1);
  }

  /** Returns the SLP_TYP that the guest enters, or NO_SLEEP. */
  write(offset: u32, size: u32, value: u32): u32 {
    if (size == 4) {
      this.write(offset, 2, value & 0xffff);
      return this.write(offset + 2, 2, value >> 16);
    }
    // A byte write changes its half only; zeros in the other half clear no status.
    const shift = (offset & 1) << 3;
    const mask: u32 = size == 1 ? 0xff << shift : 0xffff;
    const word = (value << shift) & mask;
    switch (offset & ~1) {
      case STATUS:
        this.status &= ~(word & PM1_STATUS_CLEARABLE);
        break;
      case ENABLE:
        this.enable = ((this.enable & ~mask) | word) & PM1_ENABLE_WRITABLE;
        break;
      case CONTROL: {
        // SCI_EN follows the APM command alone; SLP_EN reads 0.
        const written = (this.control & ~mask) | word;
        this.control = (written & ~(CONTROL_SLEEP_ENABLE | CONTROL_SCI_ENABLE)) | (this.control & 1);
        if (written & CONTROL_SLEEP_ENABLE) return (written >> 10) & 7;
        break;
      }
    }
    return NO_SLEEP;
  }

  /** Byte `offset` of GPE0: nothing has happened, and what is enabled. */
  readEvents(offset: u32): u32 {
    return offset < 2 ? 0 : (this.eventsEnabled >> ((offset - 2) << 3)) & 0xff;
  }

  writeEvents(offset: u32, value: u32): void {
    if (offset < 2) return;
    const shift = (offset - 2) << 3;
    this.eventsEnabled = (this.eventsEnabled & ~(0xff << shift)) | (value << shift);
  }
}

export function resetPmFunction(pm: PciFunction): void {
  pm.identify(0x0b, 0x8086, 0x7113, 0x068000, 0x03);
  pm.set<u16>(PCI_STATUS, 0x0280);
  pm.set<u8>(PCI_PIN, 1);
  pm.set<u8>(PCI_LINE, 9);
  pm.allow<u8>(PCI_LINE, 0);
  pm.set<u32>(PM_BASE, 1);
  pm.allow<u32>(PM_BASE, 0xffc0);
  pm.allow<u8>(PM_ENABLE, 1);
  pm.set<u8>(0x5b, 0x02); // device resource registers: COM and LPT present
  pm.set<u8>(0x5f, 0x90);
  pm.set<u8>(0x63, 0x60);
  pm.set<u8>(0x67, 0x08);
  pm.set<u16>(SMBUS_BASE, 0xb101);
  pm.allow<u32>(SMBUS_BASE, 0xfff0);
  pm.allow<u8>(0xd2, 0x0f);
}

/** Where the PM registers decode, 0 for nowhere. */
export function pmBase(pm: PciFunction): u32 {
  return pm.get<u8>(PM_ENABLE) & 1 ? pm.get<u32>(PM_BASE) & 0xffc0 : 0;
}

export function placeAsFirmware(pm: PciFunction, base: u32): void {
  pm.set<u32>(PM_BASE, base | 1);
  pm.set<u8>(PM_ENABLE, 1);
  pm.set<u16>(SMBUS_BASE, 0x0701);
  pm.set<u8>(0xd2, 0x09);
}
