// Multiple APIC description table (ACPI 1.0 §5.2.8).
import { clock } from "../../machine/clock";
import { IOAPIC_BASE, LAPIC_BASE } from "../../machine/wiring";
import { beginTable, endTable, putByte, putDword, putWord } from "./table";

const PC_AT_COMPATIBLE: u32 = 1;
const ENABLED: u32 = 1;
const ALL_PROCESSORS: u32 = 0xff;
/** MPS INTI flags: active high, level-triggered. */
const HIGH_LEVEL: u32 = 0x000d;

export function writeMadt(): u32 {
  const at = beginTable("APIC", 1);
  putDword(LAPIC_BASE);
  putDword(PC_AT_COMPATIBLE);
  for (let index: u32 = 0; index < clock.vcpus; index++) {
    putByte(0); // processor local APIC
    putByte(8);
    putByte(index);
    putByte(index);
    putDword(ENABLED);
  }
  putByte(1); // I/O APIC
  putByte(12);
  putByte(0);
  putByte(0);
  putDword(IOAPIC_BASE);
  putDword(0); // first interrupt
  redirect(0, 2, 0); // the timer
  redirect(5, 5, HIGH_LEVEL);
  redirect(9, 9, HIGH_LEVEL);
  redirect(10, 10, HIGH_LEVEL);
  redirect(11, 11, HIGH_LEVEL);
  putByte(4); // local APIC NMI, on LINT1
  putByte(6);
  putByte(ALL_PROCESSORS);
  putWord(0);
  putByte(1);
  endTable(at);
  return at;
}

/** Interrupt source override: ISA `irq` arrives as global interrupt `gsi`. */
function redirect(irq: u32, gsi: u32, flags: u32): void {
  putByte(2);
  putByte(10);
  putByte(0);
  putByte(irq);
  putDword(gsi);
  putWord(flags);
}
