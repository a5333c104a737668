// A guest can write anything anywhere: whatever it does to the chips, the engine neither traps nor hangs nor asks the
// host for memory beyond the guest's.
import { expect, it } from "vitest";
import { Board } from "./board.ts";

/** Wall time of the test, in ms; ROBUSTNESS_MS asks for a longer run, ROBUSTNESS_SEED for another start. */
const BUDGET = Number(process.env.ROBUSTNESS_MS ?? 4000);
const STEPS_PER_BOARD = 20_000;
/** One access may start a transfer, which has its limits; longer than this and a loop in it has none. */
const SLOWEST_STEP = 2000;

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
  [0xc000, 0x100],
  [0xcf8, 8],
];
/** Memory-mapped chips: VGA, I/O APIC, local APIC, the frame buffer, PCI BARs. */
const MMIO: readonly (readonly [number, number])[] = [
  [0xa0000, 0x20000],
  [0xfec00000, 0x20],
  [0xfee00000, 0x400],
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
    switch (random(8)) {
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
