// The guest's time, in ns since power on. The engine moves it inside a slice by counting instructions at `pace`;
// between slices one of these clocks sets it right.
//
// WallClock follows the host's clock. Instructions are priced a little under what the last slices took, so that
// guest time comes out behind the wall at the end of a slice and is set forward, never back.
//
// InstructionClock prices each instruction at 2^shift ns and jumps over idle time: the same run every time.

const NANOSECONDS_PER_MS = 1e6;
/** `pace` counts by this many instructions (assembly/machine/clock.ts). */
const PACE_UNIT = 1024;

export interface VirtualClock {
  /** Virtual time now, between two slices. */
  now(): number;
  /** Price of 1024 instructions in ns. */
  readonly pace: number;
  /** Instructions to grant to the next slice. */
  readonly grant: number;
  /** Disk requests finish between slices rather than when they happen to. */
  readonly deterministic: boolean;
  /** Accounts for a slice of `instructions`. */
  ran(instructions: number): void;
  /** Nothing to do until `deadline` (Infinity: for ever): the ms to sleep; 0 says that it has passed or comes at once. */
  idle(deadline: number): number;
  /** The machine is held: time stands still until `goOn`. Both may be called again. */
  hold(): void;
  goOn(): void;
  /** While the machine is held: it goes on from another moment. */
  setTime(time: number): void;
}

/** A slice: short enough that keys and disks are served at once, long enough that serving costs nothing. */
const SLICE_MS = 4;
const GRANT_MIN = 1_000;
const GRANT_MAX = 50_000_000;
/** First guess, at 20 ns an instruction; the first slices put it right. */
const FIRST_PACE = 20 * PACE_UNIT;
const FIRST_GRANT = 20_000;
/** How much the newest slice says about the pace. */
const WEIGHT = 1 / 8;
const UNDERPRICED = 0.97;
/** While guest time is ahead of the wall, instructions cost less, down to this share, until the wall has caught up. */
const CATCHING_UP = 0.5;

export class WallClock implements VirtualClock {
  readonly deterministic = false;
  grant = FIRST_GRANT;
  private measured = FIRST_PACE;
  private powerOn: number;
  private heldSince: number | undefined;
  private sliceBegan: number;
  private time = 0;
  private wall = 0;

  /** `read` is a clock of the host in ms that never goes back. */
  constructor(private readonly read: () => number) {
    this.powerOn = this.sliceBegan = read();
  }

  get pace(): number {
    const share = this.time > this.wall ? CATCHING_UP : UNDERPRICED;
    return Math.max(1, Math.round(this.measured * share));
  }

  now(): number {
    this.sliceBegan = this.heldSince ?? this.read();
    this.wall = (this.sliceBegan - this.powerOn) * NANOSECONDS_PER_MS;
    this.time = Math.max(this.time, this.wall);
    return this.time;
  }

  ran(instructions: number): void {
    this.time += (instructions * this.pace) / PACE_UNIT;
    // A slice that ended early says more about the way in and out than about the instructions.
    if (instructions < this.grant / 2) return;
    const elapsed = Math.max(this.read() - this.sliceBegan, 0.001);
    const sample = (elapsed * NANOSECONDS_PER_MS * PACE_UNIT) / instructions;
    this.measured += (sample - this.measured) * WEIGHT;
    const wanted = (SLICE_MS * NANOSECONDS_PER_MS * PACE_UNIT) / this.measured;
    this.grant = Math.floor(Math.min(Math.max(wanted, GRANT_MIN), GRANT_MAX, this.grant * 2));
  }

  idle(deadline: number): number {
    return Math.max(0, (deadline - this.now()) / NANOSECONDS_PER_MS);
  }

  hold(): void {
    this.heldSince ??= this.read();
  }

  goOn(): void {
    this.powerOn += this.read() - (this.heldSince ?? this.read());
    this.heldSince = undefined;
  }

  setTime(time: number): void {
    this.time = this.wall = time;
    this.powerOn = (this.heldSince ?? this.read()) - time / NANOSECONDS_PER_MS;
  }
}

const INSTRUCTION_SLICE = 200_000;

export class InstructionClock implements VirtualClock {
  readonly deterministic = true;
  readonly grant = INSTRUCTION_SLICE;
  readonly pace: number;
  private time = 0;

  constructor(shift: number) {
    this.pace = PACE_UNIT << shift;
  }

  now(): number {
    return this.time;
  }

  ran(instructions: number): void {
    this.time += (instructions * this.pace) / PACE_UNIT;
  }

  idle(deadline: number): number {
    if (deadline === Infinity) return Infinity;
    this.time = Math.max(this.time, deadline);
    return 0;
  }

  hold(): void {}

  goOn(): void {}

  setTime(time: number): void {
    this.time = time;
  }
}
