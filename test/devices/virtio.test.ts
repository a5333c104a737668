// A virtio disk without a guest: its PCI function, its queue (virtio 1.1 §2.6, §4.1, §5.2), what it asks of the host.
import { beforeEach, describe, expect, it } from "vitest";
import { Board, type BlockRequest } from "./board.ts";

const VIRTIO_DRIVE = 6;
const DISK = 1;
const SECTORS = 1000;
/** PCI slot 3, and where the test puts its BARs. */
const FUNCTION = 3 << 11;
const [PORTS, MSIX, MODERN] = [0xd000, 0xfe000000, 0xfe100000];
const [HOST_FEATURES, GUEST_FEATURES, QUEUE_PAGE, QUEUE_SIZE, NOTIFY, STATUS, INTERRUPT, CONFIG] = [
  0, 4, 8, 12, 16, 18, 19, 20,
];
const QUEUE = 0x10000;
const [HEADER, DATA, STATUS_BYTE] = [0x20000, 0x21000, 0x22000];
const [NEXT, WRITE] = [1, 2];
const [READ_REQUEST, WRITE_REQUEST, FLUSH_REQUEST, ID_REQUEST] = [0, 1, 4, 8];
const [OK, IO_ERROR, UNSUPPORTED] = [0, 1, 2];

let b: Board;
let ram: DataView;
/** Layout of a legacy queue: descriptors, available ring, used ring on the next page. */
let available: number;
let used: number;

beforeEach(() => {
  b = new Board({ drives: [[VIRTIO_DRIVE, DISK, SECTORS]] });
  b.configure(FUNCTION | 0x10, PORTS);
  b.configure(FUNCTION | 0x14, MSIX);
  b.configure(FUNCTION | 0x20, MODERN);
  b.configure(FUNCTION | 0x04, 7);
  ram = new DataView(b.ram.buffer, b.ram.byteOffset, b.ram.length);
  b.out(PORTS + STATUS, 3);
  b.out(PORTS + GUEST_FEATURES, 0, 4);
  b.out(PORTS + QUEUE_PAGE, QUEUE >> 12, 4);
  b.out(PORTS + STATUS, 7);
  const size = b.in(PORTS + QUEUE_SIZE, 2);
  available = QUEUE + 16 * size;
  used = (available + 6 + 2 * size + 0xfff) & ~0xfff;
});

type Buffer = [address: number, length: number, flags: number];

/** Puts a chain of buffers at descriptor 0 and rings the bell. */
function submit(type: number, sector: number, ...buffers: Buffer[]): BlockRequest[] {
  ram.setUint32(HEADER, type, true);
  ram.setBigUint64(HEADER + 8, BigInt(sector), true);
  ram.setUint8(STATUS_BYTE, 0xff);
  const chain: Buffer[] = [[HEADER, 16, 0], ...buffers, [STATUS_BYTE, 1, WRITE]];
  chain.forEach(([address, length, flags], n) => {
    const at = QUEUE + 16 * n;
    ram.setBigUint64(at, BigInt(address), true);
    ram.setUint32(at + 8, length, true);
    ram.setUint16(at + 12, flags | (n < chain.length - 1 ? NEXT : 0), true);
    ram.setUint16(at + 14, n + 1, true);
  });
  const index = ram.getUint16(available + 2, true);
  ram.setUint16(available + 4 + 2 * (index % b.in(PORTS + QUEUE_SIZE, 2)), 0, true);
  ram.setUint16(available + 2, index + 1, true);
  b.out(PORTS + NOTIFY, 0, 2);
  return b.takeRequests();
}

/** Chains given back, bytes written into the last one, the status byte. */
function outcome(): [count: number, written: number, status: number] {
  const count = ram.getUint16(used + 2, true);
  return [count, ram.getUint32(used + 4 + 8 * (count - 1) + 4, true), ram.getUint8(STATUS_BYTE)];
}

describe("a virtio disk", () => {
  it("is 1AF4:1001, with its size in the configuration", () => {
    b.out(0xcf8, 0x80000000 | FUNCTION, 4);
    expect(b.in(0xcfc, 4)).toBe(0x10011af4);
    expect([b.in(PORTS + CONFIG, 4), b.in(PORTS + CONFIG + 4, 4)]).toEqual([SECTORS, 0]);
    // Segments, geometry, block size, flush, discard, write zeroes.
    expect(b.in(PORTS + HOST_FEATURES, 4) & 0x6254).toBe(0x6254);
    // The same bytes through the modern device region.
    expect(b.read(MODERN + 0x2000)).toBe(SECTORS);
  });

  it("reads into the buffers of a chain, in their order", () => {
    const [request] = submit(READ_REQUEST, 7, [DATA, 1024, WRITE], [DATA + 0x2000, 512, WRITE]);
    const base = b.address("RAM_AT");
    expect(request).toMatchObject({ operation: 0, drive: VIRTIO_DRIVE, sector: 7, length: 1536 });
    expect(request!.segments).toEqual([
      { address: base + DATA, length: 1024 },
      { address: base + DATA + 0x2000, length: 512 },
    ]);
    expect(ram.getUint16(used + 2, true)).toBe(0);
    b.chips.completeBlock(request!.slot, 0);
    expect(outcome()).toEqual([1, 1537, OK]);
  });

  it("interrupts by its pin until the status register is read", () => {
    b.initialisePics();
    b.configure((1 << 11) | 0x60, 0x0b0b0a0a); // PIRQs to IRQ 10 and 11, slot 3's to 11
    b.out(0x4d1, 0x0c);
    const [request] = submit(READ_REQUEST, 0, [DATA, 512, WRITE]);
    b.chips.completeBlock(request!.slot, 0);
    expect(b.acknowledge()).toBe(0x73);
    expect(b.in(PORTS + INTERRUPT)).toBe(1);
    b.out(0xa0, 0x20);
    b.out(0x20, 0x20);
    expect([b.chips.interruptPending(), b.in(PORTS + INTERRUPT)]).toEqual([0, 0]);
  });

  it("writes and flushes; what the host cannot do is an error of the request", () => {
    const [write] = submit(WRITE_REQUEST, SECTORS - 1, [DATA, 512, 0]);
    expect(write).toMatchObject({ operation: 1, sector: SECTORS - 1, length: 512 });
    b.chips.completeBlock(write!.slot, 1);
    expect(outcome()).toEqual([1, 1, IO_ERROR]);
    const [flush] = submit(FLUSH_REQUEST, 0);
    expect(flush).toMatchObject({ operation: 2, length: 0 });
    b.chips.completeBlock(flush!.slot, 0);
    expect(outcome()).toEqual([2, 1, OK]);
  });

  it("refuses what lies beyond the end, part of a sector, and requests that it does not know", () => {
    expect(submit(READ_REQUEST, SECTORS - 1, [DATA, 1024, WRITE])).toEqual([]);
    expect(outcome()).toEqual([1, 1, IO_ERROR]);
    expect(submit(READ_REQUEST, 0, [DATA, 100, WRITE])).toEqual([]);
    expect(outcome()).toEqual([2, 1, IO_ERROR]);
    expect(submit(99, 0)).toEqual([]);
    expect(outcome()).toEqual([3, 1, UNSUPPORTED]);
    expect(submit(ID_REQUEST, 0, [DATA, 20, WRITE])).toEqual([]);
    expect(outcome()).toEqual([4, 21, OK]);
  });

  it("asks for a reset when a chain leads outside memory, and works again after it", () => {
    expect(submit(READ_REQUEST, 0, [0xf0000000, 512, WRITE])).toEqual([]);
    expect(b.in(PORTS + STATUS) & 0x40).toBe(0x40);
    b.out(PORTS + STATUS, 0);
    expect([b.in(PORTS + STATUS), b.in(PORTS + QUEUE_PAGE, 4)]).toEqual([0, 0]);
  });
});
