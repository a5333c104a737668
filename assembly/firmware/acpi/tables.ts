// Where the ACPI tables lie: FACS first, as it must lie on 64 bytes, then the rest, in the RAM that the memory map
// reserves; the RSDP in the BIOS segment, where operating systems search for it.
import { usableTop } from "../memory-map";
import { writeDsdt } from "./dsdt";
import { writeFacs, writeFadt } from "./fadt";
import { hpet } from "../../machine/board";
import { writeHpetTable } from "./hpet";
import { writeMadt } from "./madt";
import { writeRsdp } from "./rsdp";
import { beginTable, endTable, position, putPointer, seek } from "./table";

export const RSDP: u32 = 0xf_59d0;

export function writeAcpiTables(): void {
  seek(usableTop());
  writeRsdp(RSDP, writeTables());
}

/** Writes all tables but the RSDP; returns the RSDT's address. */
export function writeTables(): u32 {
  const facs = writeFacs();
  const dsdt = writeDsdt();
  const fadt = writeFadt(facs, dsdt);
  const madt = writeMadt();
  const timer = hpet.present ? writeHpetTable() : 0;
  const rsdt = position();
  beginTable("RSDT", 1);
  putPointer(fadt);
  putPointer(madt);
  if (timer) putPointer(timer);
  endTable(rsdt);
  return rsdt;
}
