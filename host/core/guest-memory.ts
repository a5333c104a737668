// Guest memory as a boot loader fills it: pieces put where they belong, behind one another or from the top down.
import { UserError } from "./errors.ts";
import type { Elf } from "./elf.ts";
import type { MachineEngine } from "./machine-engine.ts";

const PAGE = 4096;
const NO_ROOM = "kernel and initrd do not fit into guest memory: give more with -m";

export class GuestMemory {
  readonly view: DataView;

  constructor(private readonly engine: MachineEngine) {
    const { ram } = engine;
    this.view = new DataView(ram.buffer, ram.byteOffset, ram.length);
  }

  /** The end of what a guest may use: above lie the firmware's tables. */
  get top(): number {
    return this.engine.exports.usableTop();
  }

  place(to: number, bytes: Uint8Array): void {
    if (to + bytes.length > this.top) throw new UserError(NO_ROOM);
    this.engine.ram.set(bytes, to);
  }

  /** `text` and the zero that ends it. */
  placeText(to: number, text: string): void {
    this.place(to, new TextEncoder().encode(`${text}\0`));
  }

  clear(from: number, to: number): void {
    if (to > this.top) throw new UserError(NO_ROOM);
    this.engine.ram.fill(0, from, Math.max(from, to));
  }

  /** Loads every segment at its physical address; returns the first page behind them. */
  placeSegments(file: Uint8Array, { segments }: Elf): number {
    let end = 0;
    for (const { offset, fileSize, physical, memorySize } of segments) {
      this.place(physical, file.subarray(offset, offset + fileSize));
      this.clear(physical + fileSize, physical + memorySize);
      end = Math.max(end, physical + memorySize);
    }
    return pageUp(end);
  }

  /** The memory map, as INT 15h E820 gives it: entries of 20 bytes. */
  memoryMap(): Uint8Array[] {
    const { exports, constants } = this.engine;
    const map = new Uint8Array(exports.memory.buffer, constants.MEMORY_RANGE_AT, MAP_ENTRY);
    const entries = [];
    for (let n = 0; exports.memoryRange(n); n++) entries.push(map.slice());
    return entries;
  }
}

/** Bytes of an entry of the memory map: address, size, type. */
export const MAP_ENTRY = 20;

export function pageUp(address: number): number {
  return Math.ceil(address / PAGE) * PAGE;
}

export function pageDown(address: number): number {
  return Math.floor(address / PAGE) * PAGE;
}
