// Small 32-bit machines for tests of the processor: a flat protected mode with one handler for every vector.
import { assemble } from "../../guests/asm/assemble.ts";
import { Core } from "./core.ts";

export const CODE = 0x1000;
export const HANDLER = 0x2000;
export const GDT = 0x7000;
export const IDT = 0x7800;
export const STACK = 0x6000;
const FLAT_CODE = 0x00cf_9b00_0000_ffffn;
const FLAT_DATA = 0x00cf_9300_0000_ffffn;

/** A machine in flat 32-bit protected mode whose interrupts and exceptions all go to the code at HANDLER. */
export function flatMachine(program: string, handler = "hlt", vcpus = 1): Core {
  const core = new Core(16 << 20, 0, vcpus);
  core.ram.set(assemble(`bits 32\norg ${CODE}\n${program}`).bytes, CODE);
  core.ram.set(assemble(`bits 32\norg ${HANDLER}\n${handler}`).bytes, HANDLER);
  core.ramView.setBigUint64(GDT + 8, FLAT_CODE, true);
  core.ramView.setBigUint64(GDT + 16, FLAT_DATA, true);
  for (let vector = 0; vector < 256; vector++)
    core.ramView.setBigUint64(IDT + vector * 8, 0x0000_8e00_0008_0000n | BigInt(HANDLER), true);
  for (const name of ["cs", "ds", "es", "ss", "fs", "gs"]) {
    core.set(`${name}Selector`, name === "cs" ? 8 : 16);
    core.set(`${name}Base`, 0);
    core.set(`${name}Limit`, 0xffff_ffff);
    core.set(`${name}Access`, name === "cs" ? 0xc09b : 0xc093);
  }
  core.set("gdtrBase", GDT);
  core.set("gdtrLimit", 0x17);
  core.set("idtrBase", IDT);
  core.set("idtrLimit", 0x7ff);
  core.set("cr0", 0x11);
  core.set("rip", CODE);
  core.set("rsp", STACK);
  core.settle();
  return core;
}

/** Maps the first 4 MiB one to one, but for the page at `hole`. */
export function pageWithHole(core: Core, hole: number): void {
  const [directory, table] = [0x10000, 0x11000];
  core.ramView.setUint32(directory, table | 3, true);
  for (let page = 0; page < 1024; page++)
    core.ramView.setUint32(table + page * 4, page === hole >> 12 ? 0 : (page << 12) | 3, true);
  core.set("cr3", directory);
  core.set("cr0", 0x8000_0011);
  core.settle();
}
