// Power-on self-test of our BIOS: what every boot finds in low memory and on the screen.
import { openShadowAsFirmware } from "../../devices/i440fx";
import { portRead, portWrite } from "../../devices/bus";
import { hostBridge } from "../../machine/board";
import { RAM_AT, ROM_AT, ROM_SIZE } from "../../machine/layout";
import { rewire } from "../../machine/wiring";
import { EBDA } from "../memory-map";
import { powerOnSelfTest } from "../post";
import {
  BDA_DISKS,
  BDA_EBDA,
  BDA_EQUIPMENT,
  BDA_FLOPPY_DONE,
  BDA_FLOPPY_KINDS,
  BDA_KEYBOARD,
  BDA_KEYS_END,
  BDA_KEYS_HEAD,
  BDA_KEYS_START,
  BDA_KEYS_TAIL,
  BDA_MEMORY,
  BDA_PARALLEL_TIMEOUTS,
  BDA_SERIAL_PORTS,
  BDA_SERIAL_TIMEOUTS,
  BDA_TICKS,
} from "./bios-data";
import { resetBoot } from "./boot";
import { setLow } from "./caller";
import { diskCount, floppyCount, resetEmulation } from "./drives";
import {
  DUMMY_VECTOR,
  INT_02,
  INT_05,
  INT_40,
  ROM_SEGMENT,
  VECTORS,
  VECTORS_SECONDARY,
  WAIT_AT,
} from "./layout";
import { resetPointer } from "./mouse";
import { resetTerminal } from "./terminal";
import { ticksOfDay } from "./time";
import { resetTransfer } from "./transfer";
import { setMode } from "./video";

const VECTOR_COUNT: u32 = 0x78;
const EBDA_KIB: u32 = 1;
const CONVENTIONAL_KIB: u32 = 639;
/** An FPU, a mouse, 80 × 25 in colour. */
const EQUIPMENT: u32 = 0x0026;
const ROM_IMAGE: u32 = 0x1_0000;
const TEXT_80: u32 = 3;
const COM1: u32 = 0x3f8;
const SERIAL_SCRATCH: u32 = 7;

/** Service 0, from the reset vector. */
export function startBios(): bool {
  shadowRom();
  powerOnSelfTest();
  fillVectors();
  fillBiosData();
  resetTransfer();
  resetEmulation();
  resetBoot();
  resetPointer();
  resetTerminal();
  store<u64>(WAIT_AT, 0);
  initialiseKeyboard();
  setMode(TEXT_80, false);
  return true;
}

/** The ROM's last 64 KiB move into RAM, where tables can be written beside them. */
function shadowRom(): void {
  openShadowAsFirmware(hostBridge);
  rewire(hostBridge);
  memory.copy(RAM_AT + ((<usize>ROM_SEGMENT) << 4), ROM_AT + <usize>(ROM_SIZE - ROM_IMAGE), ROM_IMAGE);
}

function romWord(offset: u32): u32 {
  return load<u16>(ROM_AT + <usize>(ROM_SIZE - ROM_IMAGE + offset));
}

function setVector(vector: u32, offset: u32): void {
  setLow<u16>(vector << 2, offset);
  setLow<u16>((vector << 2) + 2, ROM_SEGMENT);
}

function fillVectors(): void {
  for (let vector: u32 = 0; vector < VECTOR_COUNT; vector++) setVector(vector, DUMMY_VECTOR);
  for (let i: u32 = 0; i < 0x18; i++) setVector(0x08 + i, romWord(VECTORS + (i << 1)));
  for (let i: u32 = 0; i < 8; i++) setVector(0x70 + i, romWord(VECTORS_SECONDARY + (i << 1)));
  setVector(0x02, INT_02);
  setVector(0x05, INT_05);
  setVector(0x40, INT_40);
  // Programs take 60h-66h for theirs: those that are 0 are free.
  for (let vector: u32 = 0x60; vector < 0x67; vector++) setLow<u32>(vector << 2, 0);
}

function fillBiosData(): void {
  memory.fill(RAM_AT + 0x400, 0, 0x100);
  memory.fill(RAM_AT + <usize>EBDA, 0, 0x400);
  setLow<u8>(EBDA, EBDA_KIB);
  setLow<u16>(BDA_EBDA, EBDA >> 4);
  setLow<u16>(BDA_MEMORY, CONVENTIONAL_KIB);
  const ports = findSerialPorts();
  setLow<u16>(BDA_EQUIPMENT, EQUIPMENT | floppyBits() | (ports << 9));
  setLow<u16>(BDA_KEYS_HEAD, 0x1e);
  setLow<u16>(BDA_KEYS_TAIL, 0x1e);
  setLow<u16>(BDA_KEYS_START, 0x1e);
  setLow<u16>(BDA_KEYS_END, 0x3e);
  setLow<u8>(BDA_FLOPPY_DONE, 1);
  setLow<u8>(BDA_FLOPPY_KINDS, 7);
  setLow<u8>(BDA_KEYBOARD, 0x10); // 101 keys
  setLow<u32>(BDA_PARALLEL_TIMEOUTS, 0x1414_1414);
  setLow<u32>(BDA_SERIAL_TIMEOUTS, 0x0a0a_0a0a);
  setLow<u32>(BDA_TICKS, ticksOfDay());
  setLow<u8>(BDA_DISKS, diskCount());
}

/** Of the equipment word: bit 0 says that there are floppy drives, bits 7-6 how many less one. */
function floppyBits(): u32 {
  const drives = floppyCount();
  return drives ? 1 | ((drives - 1) << 6) : 0;
}

/** Ports whose scratch register holds what is written; returns how many. */
function findSerialPorts(): u32 {
  let count: u32 = 0;
  for (let n: u32 = 0; n < 4; n++) {
    const port = COM1 - (n & 1) * 0x100 - (n >> 1) * 0x10;
    portWrite(port + SERIAL_SCRATCH, 1, 0x5a);
    if (portRead(port + SERIAL_SCRATCH, 1) == 0x5a) setLow<u16>(BDA_SERIAL_PORTS + (count++ << 1), port);
    portWrite(port + SERIAL_SCRATCH, 1, 0);
  }
  return count;
}

/** The 8042: both devices on, set 2 translated to set 1, the keyboard's interrupt. */
function initialiseKeyboard(): void {
  portWrite(0x64, 1, 0xaa); // self-test
  portRead(0x60, 1);
  portWrite(0x64, 1, 0x60);
  portWrite(0x60, 1, 0x65);
  portWrite(0x60, 1, 0xf4); // the keyboard may send
  portRead(0x60, 1);
}
