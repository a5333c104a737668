// What firmware that is not ours asks for through the firmware configuration device (devices/fw-cfg.ts): how much
// memory and how many processors there are, and files by name, ACPI and SMBIOS tables among them.
import { clearItems, setItem } from "../devices/fw-cfg";
import { bootOptions } from "../machine/boot-options";
import { clock } from "../machine/clock";
import { CONFIGURATION_AT } from "../machine/layout";
import { physicalMap } from "../memory/physical";
import { writeRsdp } from "./acpi/rsdp";
import {
  ZONE_BIOS_SEGMENT,
  ZONE_HIGH,
  beginFile,
  beginScript,
  endScript,
  putName,
} from "./acpi/loader-script";
import { writeBootOrder } from "./boot-order";
import { endWriting, writeInto } from "./acpi/table";
import { writeTables } from "./acpi/tables";
import { MEMORY_RESERVED, MEMORY_USABLE } from "./memory-map";
import { TOLD_FILE, TOLD_NAME, TOLD_UUID, told, toldAfter } from "./told";
import { SMBIOS_ENTRY_SIZE, writeSmbiosEntry, writeSmbiosStructures } from "./smbios";

// Selectors of the common items (docs/specs/fw_cfg.rst).
const SIGNATURE: u32 = 0x00;
const INTERFACE: u32 = 0x01;
const UUID: u32 = 0x02;
const RAM_SIZE: u32 = 0x03;
const NO_GRAPHICS: u32 = 0x04;
const CPUS: u32 = 0x05;
const BOOT_MENU: u32 = 0x0e;
const CPUS_MAX: u32 = 0x0f;
const DIRECTORY: u32 = 0x19;
const FIRST_FILE: u32 = 0x20;
const IRQ0_OVERRIDE: u32 = 0x8002;

const INTERFACE_BYTES: u32 = 1 << 0;
const INTERFACE_DMA: u32 = 1 << 1;

const DIRECTORY_ENTRY: usize = 64;
const DIRECTORY_SIZE: usize = 4 + 0x60 * DIRECTORY_ENTRY;
const ACPI_SIZE: u32 = 0x2_0000;
const SCRIPT_SIZE: u32 = 0x1000;
const RSDP_SIZE: u32 = 20;
/** As much as the entry point can tell of, with room for what the user adds (host/core/told.ts: SMBIOS_MAX). */
const SMBIOS_SIZE: usize = 0x7000;
/** More than the paths of all drives take. */
const BOOT_ORDER_SIZE: usize = 0x400;

// Where the files lie, one behind the other.
const DIRECTORY_AT: usize = CONFIGURATION_AT;
const NUMBERS_AT: usize = DIRECTORY_AT + DIRECTORY_SIZE;
const BOOT_ORDER_AT: usize = NUMBERS_AT + 0x100;
const E820_AT: usize = BOOT_ORDER_AT + BOOT_ORDER_SIZE;
const SMBIOS_ENTRY_AT: usize = E820_AT + 0x100;
const SMBIOS_AT: usize = SMBIOS_ENTRY_AT + 0x100;
const RSDP_AT: usize = SMBIOS_AT + SMBIOS_SIZE;
const SCRIPT_AT: usize = RSDP_AT + 0x100;
const ACPI_AT: usize = SCRIPT_AT + <usize>SCRIPT_SIZE;

/** Sleep states: S3 and S4 as the DSDT says, S5 0; bit 7 = there is one. */
const SYSTEM_STATES: u64 = 0x80_82_81_00_00_80;
/** What AMD's processors keep for HyperTransport. */
const HYPERTRANSPORT: u64 = 0xfd_0000_0000;
const HYPERTRANSPORT_SIZE: u64 = 0x3_0000_0000;

let numbers: usize = NUMBERS_AT;
let files: u32 = 0;

/** A number as an item. */
function number<T>(selector: u32, value: T): void {
  store<T>(numbers, value);
  setItem(selector, numbers, sizeof<T>());
  numbers += 8;
}

/** A file: an item whose selector the directory tells. Files are added in the order of their names. */
function file(name: string, at: usize, length: u32): void {
  putName(nameOf(addFile(at, length)), name);
}

/** Gives `length` bytes a selector and an entry of the directory; returns where that lies, its name yet to be filled in. */
function addFile(at: usize, length: u32): usize {
  const selector = FIRST_FILE + files;
  const entry = DIRECTORY_AT + 4 + <usize>files * DIRECTORY_ENTRY;
  memory.fill(entry, 0, DIRECTORY_ENTRY);
  store<u32>(entry, bswap<u32>(length));
  store<u16>(entry, bswap<u16>(<u16>selector), 4);
  setItem(selector, at, length);
  files++;
  return entry;
}

function nameOf(entry: usize): usize {
  return entry + 8;
}

/** The user's files, in the order of their names. */
function addToldFiles(): void {
  for (let record = told(TOLD_FILE); record.key != 0; record = toldAfter(record)) {
    const entry = addFile(record.bytes + <usize>TOLD_NAME, record.length - TOLD_NAME);
    memory.copy(nameOf(entry), record.bytes, <usize>TOLD_NAME);
  }
}

/** Power on: everything as the machine now is. */
export function fillConfiguration(): void {
  clearItems();
  numbers = NUMBERS_AT;
  files = 0;
  number<u32>(SIGNATURE, 0x554d_4551); // "QEMU"
  number<u32>(INTERFACE, INTERFACE_BYTES | INTERFACE_DMA);
  number<u64>(RAM_SIZE, physicalMap.ramSize);
  number<u16>(NO_GRAPHICS, bootOptions.serialConsole ? 1 : 0);
  number<u16>(CPUS, <u16>clock.vcpus);
  number<u16>(BOOT_MENU, bootOptions.menu ? 1 : 0);
  number<u16>(CPUS_MAX, <u16>clock.vcpus);
  number<u32>(IRQ0_OVERRIDE, 1);
  memory.fill(numbers, 0, 16);
  const uuid = told(TOLD_UUID);
  memory.copy(numbers, uuid.bytes, <usize>uuid.length);
  setItem(UUID, numbers, 16);
  numbers += 16;

  const smbios = writeTableFiles();
  file("bootorder", BOOT_ORDER_AT, writeBootOrder(BOOT_ORDER_AT));
  file("etc/acpi/rsdp", RSDP_AT, RSDP_SIZE);
  file("etc/acpi/tables", ACPI_AT, ACPI_SIZE);
  store<u32>(numbers, bootOptions.retryWait);
  file("etc/boot-fail-wait", numbers, 4);
  store<u16>(numbers, <u16>min<u32>(bootOptions.menuWait, 0xffff), 16);
  file("etc/boot-menu-wait", numbers + 16, 2);
  file("etc/e820", E820_AT, writeE820());
  file("etc/smbios/smbios-anchor", SMBIOS_ENTRY_AT, SMBIOS_ENTRY_SIZE);
  file("etc/smbios/smbios-tables", SMBIOS_AT, smbios);
  store<u64>(numbers + 8, SYSTEM_STATES);
  file("etc/system-states", numbers + 8, 6);
  file("etc/table-loader", SCRIPT_AT, SCRIPT_SIZE);
  addToldFiles();
  store<u32>(DIRECTORY_AT, bswap<u32>(files));
  setItem(DIRECTORY, DIRECTORY_AT, 4 + files * <u32>DIRECTORY_ENTRY);
}

/** Memory beyond what CMOS tells: base u64, length u64, type u32. */
function writeE820(): u32 {
  store<u64>(E820_AT, HYPERTRANSPORT);
  store<u64>(E820_AT, HYPERTRANSPORT_SIZE, 8);
  store<u32>(E820_AT, MEMORY_RESERVED, 16);
  store<u64>(E820_AT, 0, 20);
  store<u64>(E820_AT, physicalMap.ramSize, 28);
  store<u32>(E820_AT, MEMORY_USABLE, 36);
  return 40;
}

/** ACPI tables whose pointers count from the start of their file, the script that places them, and SMBIOS. */
function writeTableFiles(): u32 {
  memory.fill(SCRIPT_AT, 0, <usize>SCRIPT_SIZE + <usize>ACPI_SIZE);
  beginScript(SCRIPT_AT);
  beginFile("etc/acpi/tables", 64, ZONE_HIGH);
  writeInto(ACPI_AT);
  const rsdt = writeTables();
  beginFile("etc/acpi/rsdp", 16, ZONE_BIOS_SEGMENT);
  writeInto(RSDP_AT);
  writeRsdp(0, rsdt);
  endScript();

  writeInto(SMBIOS_AT);
  const length = writeSmbiosStructures();
  writeInto(SMBIOS_ENTRY_AT);
  writeSmbiosEntry(0, length);
  endWriting();
  return length;
}
