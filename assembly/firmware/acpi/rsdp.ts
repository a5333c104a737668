// Root system description pointer (ACPI 1.0 §5.2.4): 20 bytes on a 16-byte boundary.
import { putByte, putPointer, putText, seek, writeChecksum } from "./table";

const LENGTH: u32 = 20;
const CHECKSUM: u32 = 8;

export function writeRsdp(at: u32, rsdt: u32): void {
  seek(at);
  putText("RSD PTR ");
  putByte(0); // checksum
  putText("BOCHS ");
  putByte(0); // revision: ACPI 1.0
  putPointer(rsdt);
  writeChecksum(at, LENGTH, CHECKSUM);
}
