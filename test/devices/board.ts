// A board without a processor: the chips of dist/testing/chips.wasm, poked by port and address.
import { readFileSync } from "node:fs";

interface ChipExports {
  memory: WebAssembly.Memory;
  assemble(ramBytes: number, vcpus: number, epochSeconds: number): void;
  changeMedium(index: number, low: number, high: number, readOnly: number): void;
  attachDrive(index: number, kind: number, low: number, high: number, readOnly: number): void;
  resetChips(): void;
  powerOnSelfTest(): void;
  attachHpet(): void;
  fillConfiguration(): void;
  setTime(nanoseconds: number): void;
  advanceChips(now: bigint): void;
  nextDeadline(now: bigint): bigint;
  portRead(port: number, size: number): number;
  portWrite(port: number, size: number, value: number): void;
  mmioRead(address: number, size: number): bigint;
  mmioWrite(address: number, size: number, value: bigint): void;
  driveLine(line: number, level: number): void;
  sendBreak(port: number): void;
  acknowledgeInterrupt(): number;
  interruptPending(): number;
  setTaskPriority(value: number): void;
  completeBlock(slot: number, status: number): void;
  takeExit(): number;
}

type Address =
  | "RAM_AT"
  | "BLOCK_RING_AT"
  | "BLOCK_SLOTS_AT"
  | "BLOCK_SLOT_SIZE"
  | "SERIAL_IN_AT"
  | "SERIAL_OUT_AT"
  | "INPUT_AT"
  | "TOLD_AT"
  | "TOLD_FILE"
  | "TOLD_NAME"
  | "TOLD_SIZE"
  | "TOLD_UUID"
  | "VRAM_AT";

export interface BlockRequest {
  slot: number;
  sector: number;
  length: number;
  operation: number;
  drive: number;
  segments: { address: number; length: number }[];
}

const RAM_BYTES = 16 << 20;
/** 1 March 2026, 12:34:56 UTC. */
export const EPOCH = Date.UTC(2026, 2, 1, 12, 34, 56) / 1000;

const module = new WebAssembly.Module(readFileSync("dist/testing/chips.wasm"));

export class Board {
  readonly chips: ChipExports;
  now = 0;

  /** `disks`: sectors of each IDE disk, by connector; `drives`: connector, kind (DRIVE_*) and sectors. */
  constructor({ vcpus = 1, disks = [] as number[], drives = [] as [number, number, number][] } = {}) {
    const host = {
      unwind: (): never => {
        throw new Error("unwind");
      },
      log: (): void => {},
      entropy: (): void => {},
      jitRelease: (): void => {},
    };
    const exports = new WebAssembly.Instance(module, { host }).exports as unknown as ChipExports;
    this.chips = exports;
    const pages = Math.ceil((this.address("RAM_AT") + RAM_BYTES - exports.memory.buffer.byteLength) / 65536);
    if (pages > 0) exports.memory.grow(pages);
    exports.assemble(RAM_BYTES, vcpus, EPOCH);
    disks.forEach((sectors, index) => exports.attachDrive(index, 1, sectors, 0, 0));
    drives.forEach(([index, kind, sectors]) => exports.attachDrive(index, kind, sectors, 0, 0));
    exports.resetChips();
  }

  address(name: Address): number {
    return (this.chips as unknown as Record<Address, WebAssembly.Global>)[name].value as number;
  }

  get memory(): DataView {
    return new DataView(this.chips.memory.buffer);
  }

  get ram(): Uint8Array {
    return new Uint8Array(this.chips.memory.buffer, this.address("RAM_AT"), RAM_BYTES);
  }

  in(port: number, size = 1): number {
    return this.chips.portRead(port, size) >>> 0;
  }

  out(port: number, value: number, size = 1): void {
    this.chips.portWrite(port, size, value);
  }

  read(address: number): number {
    return Number(BigInt.asUintN(32, this.chips.mmioRead(address, 4)));
  }

  write(address: number, value: number): void {
    this.chips.mmioWrite(address, 4, BigInt(value >>> 0));
  }

  /** Lets `nanoseconds` pass. */
  pass(nanoseconds: number): void {
    this.now += nanoseconds;
    this.chips.setTime(this.now);
    this.chips.advanceChips(BigInt(this.now));
  }

  /** How long until a chip wants to be looked at. */
  get deadline(): number {
    const deadline = this.chips.nextDeadline(BigInt(this.now));
    return BigInt.asUintN(64, deadline) === 0xffff_ffff_ffff_ffffn ? Infinity : Number(deadline) - this.now;
  }

  /** The vector that the processor is given; -1 for none. */
  acknowledge(): number {
    return this.chips.acknowledgeInterrupt();
  }

  /** Writes the configuration register at `address` (device << 11 | function << 8 | register). */
  configure(address: number, value: number): void {
    this.out(0xcf8, 0x80000000 | address, 4);
    this.out(0xcfc, value, 4);
  }

  /** The 8259 pair as a PC's firmware sets it up: vectors 08h and 70h, everything unmasked. */
  initialisePics(): void {
    for (const [port, base, cascade] of [
      [0x20, 0x08, 4],
      [0xa0, 0x70, 2],
    ] as const) {
      this.out(port, 0x11);
      this.out(port + 1, base);
      this.out(port + 1, cascade);
      this.out(port + 1, 1);
      this.out(port + 1, 0);
    }
    // LINT0 = ExtINT: the virtual wire.
    this.write(0xfee000f0, 0x1ff);
    this.write(0xfee00350, 0x8700);
  }

  /** Takes the disk requests that wait. */
  takeRequests(): BlockRequest[] {
    const ring = this.address("BLOCK_RING_AT");
    const view = this.memory;
    const requests = [];
    let taken = view.getUint32(ring, true);
    for (; taken !== view.getUint32(ring + 4, true); taken++) {
      const slot = view.getUint32(ring + 8 + (taken & 31) * 4, true);
      const at = this.address("BLOCK_SLOTS_AT") + slot * this.address("BLOCK_SLOT_SIZE");
      const count = view.getUint32(at + 20, true);
      const segments = Array.from({ length: count }, (_, i) => ({
        address: view.getUint32(at + 32 + i * 8, true),
        length: view.getUint32(at + 36 + i * 8, true),
      }));
      requests.push({
        slot,
        sector: Number(view.getBigUint64(at, true)),
        length: view.getUint32(at + 8, true),
        operation: view.getUint32(at + 12, true),
        drive: view.getUint32(at + 16, true),
        segments,
      });
    }
    view.setUint32(ring, taken, true);
    return requests;
  }
}
