import { describe, expect, it } from "vitest";
import { InstructionClock, WallClock } from "../../host/core/virtual-clock.ts";

/** A host on which an instruction takes `cost` ns. */
class Host {
  ms = 1000;
  readonly clock = new WallClock(() => this.ms);

  constructor(public cost: number) {}

  slice(): { start: number; end: number } {
    const start = this.clock.now();
    const { grant, pace } = this.clock;
    this.ms += (grant * this.cost) / 1e6;
    const end = start + (grant * pace) / 1024;
    this.clock.ran(grant);
    return { start, end };
  }
}

describe("the clock that follows the wall", () => {
  it("begins at zero and never goes back, whatever the host's speed does", () => {
    const host = new Host(20);
    let last = 0;
    for (let round = 0; round < 400; round++) {
      host.cost = [2, 20, 90][Math.floor(round / 40) % 3]!;
      const { start, end } = host.slice();
      if (round === 0) expect(start).toBe(0);
      expect(start).toBeGreaterThanOrEqual(last);
      last = end;
    }
  });

  it("agrees with the wall and gives slices of about 4 ms once it has learnt the speed", () => {
    const host = new Host(7);
    for (let round = 0; round < 100; round++) host.slice();
    const { start } = host.slice();
    expect(start / 1e6).toBeCloseTo(host.ms - 1000 - (host.clock.grant * 7) / 1e6, 0);
    expect((host.clock.grant * 7) / 1e6).toBeGreaterThan(3);
    expect((host.clock.grant * 7) / 1e6).toBeLessThan(5);
  });

  it("says how long to sleep", () => {
    const host = new Host(20);
    expect(host.clock.idle(5e6)).toBeCloseTo(5);
    host.ms += 10;
    expect(host.clock.idle(5e6)).toBe(0);
    expect(host.clock.idle(Infinity)).toBe(Infinity);
  });
});

describe("the clock that counts instructions", () => {
  it("prices them by the shift and jumps over idle time", () => {
    const clock = new InstructionClock(3);
    clock.ran(1000);
    expect(clock.now()).toBe(8000);
    expect(clock.idle(50_000)).toBe(0);
    expect(clock.now()).toBe(50_000);
    expect(clock.idle(10)).toBe(0);
    expect(clock.now()).toBe(50_000);
  });
});
