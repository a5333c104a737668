// A guest can write anything anywhere: whatever it does to the chips, the engine neither traps nor hangs nor asks the
// host for memory beyond the guest's.
import { expect, it } from "vitest";
import { Board } from "./board.ts";

/** Wall time of the test, in ms; ROBUSTNESS_MS asks for a longer run, ROBUSTNESS_SEED for another start. */
const BUDGET = Number(process.env.ROBUSTNESS_MS ?? 4000);
const STEPS_PER_BOARD = 20_000;
/** One access may start a transfer, which has its limits; longer than this and a loop in it has none. */
const SLOWEST_STEP = 2000;

/** Where the test puts the BARs of the IDE function, and of the virtio disk in slot 3. */
const [IDE_FUNCTION, VIRTIO_FUNCTION] = [(1 << 11) | (1 << 8), 3 << 11];
const [BUS_MASTER, VIRTIO_PORTS, VIRTIO_MSIX, VIRTIO_MODERN] = [0xc000, 0xd000, 0xfe000000, 0xfe100000];

/** Ports with a chip behind them, first and count; the rest of the time any port. */
const PORTS: readonly (readonly [number, number])[] = [
  [0x00, 0x10],
  [0x20, 2],
  [0x40, 4],
  [0x60, 5],
  [0x70, 2],
  [0x80, 0x10],
  [0xa0, 2],
  [0xc0, 0x20],
  [0x170, 8],
  [0x1f0, 8],
  [0x2f8, 8],
  [0x3b0, 0x30],
  [0x3f0, 16],
  [0x4d0, 2],
  [0x510, 12],
  [0x600, 0x40],
  [0xb000, 0x40],
  [BUS_MASTER, 0x100],
  [VIRTIO_PORTS, 0x40],
  [0xcf8, 8],
];
/** Memory-mapped chips: VGA, I/O APIC, HPET, local APIC, the frame buffer, PCI BARs. */
const MMIO: readonly (readonly [number, number])[] = [
  [0xa0000, 0x20000],
  [0xfec00000, 0x20],
  [0xfed00000, 0x400],
  [0xfee00000, 0x400],
  [VIRTIO_MSIX, 0x1000],
  [VIRTIO_MODERN, 0x4000],
  [0xfd000000, 0x1000000],
  [0xfeb00000, 0x100000],
];

/** Marsaglia's xorshift32: the same run for the same seed. */
function randomSource(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Plugs in what firmware maps, in three boards of four as firmware would, and fills memory with what chips may read there. */
function settle(board: Board, random: (below: number) => number): void {
  if (random(4) === 0) return;
  board.configure(IDE_FUNCTION | 0x20, BUS_MASTER | 1);
  board.configure(IDE_FUNCTION | 0x04, 5);
  board.configure(VIRTIO_FUNCTION | 0x10, VIRTIO_PORTS | 1);
  board.configure(VIRTIO_FUNCTION | 0x14, VIRTIO_MSIX);
  board.configure(VIRTIO_FUNCTION | 0x20, VIRTIO_MODERN);
  board.configure(VIRTIO_FUNCTION | 0x04, 7);
  for (let at = 0; at < board.ram.length; at += 1 + random(64))
    board.ram[at] = random(4) ? random(8) : random(256);
}

/** Has a chip read and write memory by itself: at the end of it, where it is the display's, or anywhere. */
function pointSomewhere(board: Board, random: (below: number) => number): void {
  const end = board.ram.length;
  const address = [random(end), end - random(32), 0xa0000 - random(32), 0xfed00000, random(2 ** 32)][
    random(5)
  ]!;
  switch (random(3)) {
    case 0: // a request to the firmware configuration device, its words big-endian
      if (address + 16 <= end)
        for (const [n, word] of [random(2 ** 32) & 0x1f, random(0x1000), 0, random(end + 32)].entries())
          board.memory.setUint32(board.address("RAM_AT") + address + 4 * n, word);
      board.out(0x514, 0, 4);
      board.out(0x518, Buffer.from(Uint32Array.of(address).buffer).readUInt32BE(0), 4);
      return;
    case 1: // the table of a bus master, and its start
      board.out(BUS_MASTER + 8 * random(2) + 4, address, 4);
      board.out(BUS_MASTER + 8 * random(2), 1 | (random(2) << 3));
      return;
    case 2: // the rings of a virtio disk, and the bell
      board.out(VIRTIO_PORTS + 8, address >>> 12, 4);
      board.out(VIRTIO_PORTS + 18, 7);
      board.out(VIRTIO_PORTS + 16, 0, 2);
  }
}

/** Pokes a new board; returns the slowest step's ms. */
function poke(seed: number): number {
  const random = randomSource(seed);
  const board = new Board({
    vcpus: 2,
    disks: [4096, 63],
    drives: [
      [2, 2, 4000],
      [4, 3, 2880],
      [6, 1, 4096],
    ],
  });
  if (random(2)) board.chips.attachHpet();
  board.chips.fillConfiguration();
  settle(board, random);
  const pick = (places: readonly (readonly [number, number])[]): number => {
    const [first, count] = places[random(places.length)]!;
    return first + random(count);
  };
  const ramEnd = board.address("RAM_AT") + board.ram.length;
  let slowest = 0;
  for (let step = 0; step < STEPS_PER_BOARD; step++) {
    const before = performance.now();
    const size = 1 << random(3);
    const port = random(8) === 0 ? random(0x10000) : pick(PORTS);
    const value = random(2) === 0 ? random(256) : random(2 ** 32);
    switch (random(9)) {
      case 8:
        pointSomewhere(board, random);
        break;
      case 0:
      case 1:
        board.in(port, size);
        break;
      case 2:
      case 3:
      case 4:
        board.out(port, value, size);
        break;
      case 5:
        board.chips.mmioRead(pick(MMIO) & -size, size);
        break;
      case 6:
        board.chips.mmioWrite(pick(MMIO) & -size, size, BigInt(value));
        break;
      case 7:
        board.pass(random(2_000_000));
        board.acknowledge();
        for (const { slot, segments } of board.takeRequests()) {
          for (const { address, length } of segments)
            if (address + length > ramEnd) throw new Error(`slot ${slot} leads beyond guest memory`);
          board.chips.completeBlock(slot, random(4) === 0 ? 1 : 0);
        }
    }
    if (board.chips.takeExit() !== 0) board.chips.resetChips();
    slowest = Math.max(slowest, performance.now() - before);
  }
  return slowest;
}

it("the chips bear random accesses", { timeout: BUDGET + 20_000 }, () => {
  const end = performance.now() + BUDGET;
  for (let seed = Number(process.env.ROBUSTNESS_SEED ?? 1); performance.now() < end; seed++) {
    let slowest = 0;
    expect(() => (slowest = poke(seed * 2654435761)), `seed ${seed}`).not.toThrow();
    expect(slowest, `slowest step of seed ${seed}, in ms`).toBeLessThan(SLOWEST_STEP);
  }
});
