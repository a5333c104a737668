// HPET description table (IA-PC HPET 1.0a §3.2.4): where the event timer is, before any device is found by its DSDT.
import { HPET_ID } from "../../devices/hpet";
import { HPET_BASE } from "../../machine/wiring";
import { beginTable, endTable, putByte, putDword, putQword, putWord } from "./table";

export function writeHpetTable(): u32 {
  const at = beginTable("HPET", 1);
  putDword(HPET_ID);
  putDword(0); // a generic address: memory space, no bit width or offset
  putQword(<u64>HPET_BASE);
  putByte(0); // sequence number
  putWord(0); // shortest period without lost interrupts
  putByte(0); // page protection
  endTable(at);
  return at;
}
