// Fixed ACPI description table and firmware control structure (ACPI 1.0 §5.2.5, §5.2.6).
import { IRQ_SCI } from "../../devices/bus";
import { GPE_BASE, GPE_PORTS, pmBase } from "../../devices/piix4-pm";
import { pmFunction } from "../../machine/board";
import { PM_BASE } from "../post";
import {
  beginTable,
  endTable,
  position,
  putByte,
  putDword,
  putPointer,
  putText,
  putWord,
  putZeros,
} from "./table";

const SMI_COMMAND: u32 = 0xb2;
const ACPI_ENABLE: u32 = 0xf1;
const ACPI_DISABLE: u32 = 0xf0;

/** C2 and C3 do not exist: their latencies are beyond what allows them. */
const NO_C_STATE: u32 = 0xfff;
/** WBINVD works, C1 works, sleep button is not fixed hardware, S4 can wake by RTC. */
const FLAGS: u32 = (1 << 0) | (1 << 2) | (1 << 5) | (1 << 7);
const CENTURY: u32 = 0x32;

export function writeFacs(): u32 {
  const at = position();
  putText("FACS");
  putDword(64);
  putZeros(56);
  return at;
}

/** Where firmware has put the power management registers, or will. */
function powerManagement(): u32 {
  const base = pmBase(pmFunction);
  return base ? base : PM_BASE;
}

export function writeFadt(facs: u32, dsdt: u32): u32 {
  const base = powerManagement();
  const at = beginTable("FACP", 1);
  putPointer(facs);
  putPointer(dsdt);
  putByte(1); // interrupt model: multiple APICs
  putByte(0);
  putWord(IRQ_SCI);
  putDword(SMI_COMMAND);
  putByte(ACPI_ENABLE);
  putByte(ACPI_DISABLE);
  putByte(0); // S4BIOS
  putByte(0);
  putDword(base); // PM1a event block
  putDword(0);
  putDword(base + 4); // PM1a control block
  putDword(0);
  putDword(0); // PM2 control block
  putDword(base + 8); // PM timer
  putDword(GPE_BASE); // GPE0, GPE1
  putDword(0);
  putByte(4); // lengths: PM1 event, PM1 control, PM2 control, PM timer, GPE0, GPE1
  putByte(2);
  putByte(0);
  putByte(4);
  putByte(GPE_PORTS);
  putByte(0);
  putByte(0); // GPE1 base
  putByte(0);
  putWord(NO_C_STATE);
  putWord(NO_C_STATE);
  putZeros(4); // flush size and stride
  putZeros(2); // duty cycle
  putByte(0); // RTC alarm of day and month
  putByte(0);
  putByte(CENTURY);
  putZeros(3);
  putDword(FLAGS);
  endTable(at);
  return at;
}
