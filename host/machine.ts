// The machine on the thread that runs it: power on, attach, run. The loop below is the only place where the engine's
// slices, the clock and the disks meet; the engine decides everything about the guest, this file serves its exits.
import { ByteOutput } from "./byte-output.ts";
import { MemorySource } from "./block/memory.ts";
import type { BlockSource } from "./block/source.ts";
import { DiskService, type Traffic } from "./core/disks.ts";
import {
  attachDrives,
  connectorOf,
  type DriveOptions,
  ideDisks,
  isReadOnly,
  type Media,
  sectorsOf,
} from "./core/drives.ts";
import type { JitStats } from "./core/jit-stats.ts";
import { type BootSettings, type FirmwareImage, loadFirmware, tellBoot } from "./core/firmware.ts";
import { startKernel, type KernelImage } from "./core/kernel.ts";
import { MachineEvents } from "./core/machine-events.ts";
import { Inspector } from "./core/inspector.ts";
import { MachineEngine } from "./core/machine-engine.ts";
import { BlockRing, ByteRing } from "./core/rings.ts";
import { tellGuest, type Told } from "./core/told.ts";
import type { Tracer } from "./core/tracer.ts";
import { Alarm, breathe } from "./core/scheduler.ts";
import { Display } from "./display/vga.ts";
import { Keyboard, Mouse } from "./input/input.ts";
import { InstructionClock, type VirtualClock, WallClock } from "./core/virtual-clock.ts";
import type { Runtime } from "./runtimes/runtime.ts";
import { withheldWords } from "./cpu-features.ts";
import { thisRuntime } from "./runtimes/this.ts";
import { SerialPort } from "./serial.ts";
import { loadState, type MachineParts, saveState } from "./state/machine-state.ts";

export interface MachineOptions {
  /** Guest RAM in bytes. */
  memory: number;
  /** Processors, 1 to 8, taking turns on one thread; default 1. */
  cpus?: number;
  /** The kernel to start, Linux or not; without one the firmware boots from the disks. */
  linux?: KernelImage | undefined;
  /** Firmware to use in place of the package's own. */
  firmware?: FirmwareImage | undefined;
  boot?: BootSettings | undefined;
  /** IDE disks by place: primary master, primary slave, secondary master, secondary slave. */
  disks?: readonly (BlockSource | undefined)[];
  /** Drives of any kind, besides `disks`. */
  drives?: readonly DriveOptions[];
  /** Plugs in isa-debug-exit: a write to these ports ends the machine with a code of the guest's choice. */
  debugExit?: { port: number; ports: number } | undefined;
  /** Plugs in isa-debugcon at this port: what is written there goes to `debugConsole`. */
  debugConsolePort?: number | undefined;
  /** The board has a high precision event timer (default), or has none. */
  hpet?: boolean | undefined;
  /** What the guest is told of itself, and files for it. */
  told?: Told | undefined;
  /** Plugs in virtio-rng: randomness of the host for the guest. */
  entropy?: boolean | undefined;
  /** A reset by the guest ends `run` instead of starting over. */
  endOnReset?: boolean;
  /** CPU features that the guest is not told of, by QEMU's names ("avx2"). */
  withoutFeatures?: readonly string[];
  /** Time at power on in ms since 1970; default: now. */
  epoch?: number;
  /** Guest time counts instructions, 2^shift ns each, instead of following the host's clock. */
  instructionShift?: number;
  /** Hot code is translated to WebAssembly (default); otherwise all is interpreted. */
  translates?: boolean;
  /** The translator counts what it does, for `jitStats`. */
  countsJit?: boolean | undefined;
  /** Follows the guest for a log (host/debug/guest-log.ts). */
  tracer?: Tracer | undefined;
  /** Told, in a sentence, of what goes wrong while the guest runs, such as a disk that cannot be read. */
  onTrouble?: (sentence: string) => void;
}

/** How a machine ended. */
export type Ending =
  | { reason: "power-off" }
  | { reason: "reset" }
  /** The guest wrote to isa-debug-exit; `code` is what QEMU's process would end with. */
  | { reason: "debug-exit"; code: number }
  /** `stop` was called; `run` goes on from here. */
  | { reason: "stopped" };

/** What a machine does: it runs, `pause` holds it, or it has not been let run yet. */
export type RunState = "prelaunch" | "running" | "paused" | "debug" | "shutdown";

/** An x86-64 PC on this thread, powered on when created; the library's `Machine` has one in a thread of its own. */
export class LocalMachine {
  /** COM1 to COM4. */
  readonly serials: readonly SerialPort[];
  /** What the guest writes to isa-debugcon. */
  readonly debugConsole: ByteOutput;
  /** What the screen shows. */
  readonly display: Display;
  readonly keyboard: Keyboard;
  readonly mouse: Mouse;
  /** Processors, memory and ports, for monitors and debuggers. */
  readonly inspector: Inspector;
  /** What happens to the machine as a whole: stopped, reset, shut down. */
  readonly events = new MachineEvents();
  private readonly alarm = new Alarm();
  private readonly requests: BlockRing;
  private readonly disks: DiskService;
  private readonly clock: VirtualClock;
  private stopping = false;
  private held: RunState | undefined;
  private resetWanted = false;
  private running = false;
  /** What is to be done while the machine stands still. */
  private errands: (() => Promise<void>)[] = [];
  private errandsDone: Promise<void> = Promise.resolve();

  private constructor(
    private readonly engine: MachineEngine,
    private readonly options: MachineOptions,
    private readonly media: Media,
    private readonly runtime: Runtime,
  ) {
    const at = engine.constants;
    const memory = engine.exports.memory.buffer;
    const wake = (): void => this.alarm.wake();
    this.serials = Array.from(
      { length: at.SERIAL_PORTS },
      (_, port) =>
        new SerialPort(
          new ByteRing(memory, at.SERIAL_OUT_AT + port * at.SERIAL_OUT_SIZE, at.SERIAL_OUT_CAPACITY),
          new ByteRing(memory, at.SERIAL_IN_AT + port * at.SERIAL_IN_SIZE, at.SERIAL_IN_CAPACITY),
          wake,
        ),
    );
    this.debugConsole = new ByteOutput(new ByteRing(memory, at.DEBUG_OUT_AT, at.DEBUG_OUT_CAPACITY));
    this.display = new Display(memory, at);
    const input = new ByteRing(memory, at.INPUT_AT, at.INPUT_CAPACITY);
    this.keyboard = new Keyboard(input, wake);
    this.mouse = new Mouse(input, wake);
    this.inspector = new Inspector(engine);
    this.requests = new BlockRing(memory, at);
    this.disks = new DiskService({
      media,
      complete: (slot, succeeded) => {
        engine.completeBlock(slot, succeeded);
        wake();
      },
      report: options.onTrouble ?? ((): void => {}),
    });
    this.clock =
      options.instructionShift === undefined
        ? new WallClock(runtime.now)
        : new InstructionClock(options.instructionShift);
  }

  static async create(options: MachineOptions, runtime: Runtime = thisRuntime()): Promise<LocalMachine> {
    const epoch = options.epoch ?? Date.now();
    const engine = await MachineEngine.load(runtime, {
      ramBytes: options.memory,
      vcpus: options.cpus ?? 1,
      epoch,
      translates: options.translates ?? true,
      countsJit: options.countsJit,
      tracer: options.tracer,
    });
    const media = attachDrives(engine, [...ideDisks(options.disks ?? []), ...(options.drives ?? [])]);
    withheldWords(options.withoutFeatures ?? []).forEach((bits, word) =>
      engine.exports.withholdFeatures(word, bits),
    );
    if (options.debugExit) engine.exports.attachDebugExit(options.debugExit.port, options.debugExit.ports);
    if (options.debugConsolePort !== undefined) engine.exports.attachDebugConsole(options.debugConsolePort);
    await loadFirmware(runtime, engine, options.firmware);
    tellBoot(engine, options.boot ?? {}, true);
    tellGuest(engine, options.told ?? {});
    if (options.entropy) engine.exports.attachRng();
    if (options.hpet ?? true) engine.exports.attachHpet();
    engine.powerOn();
    if (options.linux) startKernel(engine, options.linux);
    return new LocalMachine(engine, options, media, runtime);
  }

  /** COM1. */
  get serial(): SerialPort {
    return this.serials[0]!;
  }

  /** Runs until the guest ends it or `stop` is called. */
  async run(): Promise<Ending> {
    this.stopping = false;
    this.running = true;
    try {
      return await this.runOn();
    } finally {
      this.running = false;
      await this.runErrands();
    }
  }

  private async runOn(): Promise<Ending> {
    if (!this.held) this.clock.goOn();
    while (!this.stopping) {
      await this.runErrands();
      if (this.resetWanted) await this.startOver();
      if (this.held) {
        await this.stay();
        continue;
      }
      for (const port of this.serials) port.feed();
      const exit = this.engine.runSlice(this.clock);
      for (const port of this.serials) port.deliver();
      this.debugConsole.deliver();
      await this.startRequests();
      switch (exit) {
        case "EXIT_SLICE":
        case "EXIT_DOORBELL":
          await breathe();
          break;
        case "EXIT_HALTED":
          await this.alarm.sleep(this.clock.idle(this.engine.deadline));
          break;
        case "EXIT_BREAK":
          this.pause("debug");
          break;
        case "EXIT_POWER_OFF":
          await this.disks.settle();
          this.events.emit("SHUTDOWN", { guest: true, reason: "guest-shutdown" });
          return { reason: "power-off" };
        case "EXIT_DEBUG":
          await this.disks.settle();
          return { reason: "debug-exit", code: this.engine.exports.debugExitCode() };
        case "EXIT_RESET":
          await this.disks.settle();
          if (this.options.endOnReset) {
            this.events.emit("SHUTDOWN", { guest: true, reason: "guest-reset" });
            return { reason: "reset" };
          }
          this.events.emit("RESET", { guest: true, reason: "guest-reset" });
          await this.startOver();
      }
    }
    await this.disks.settle();
    return { reason: "stopped" };
  }

  /** What the translator did since power on; it counts only under `countsJit`. */
  jitStats(): JitStats {
    return this.engine.jitStats();
  }

  /** Instructions run since power on. */
  get instructions(): number {
    return this.engine.instructions;
  }

  /** The medium in a drive, and what went to and fro. */
  drive(drive: Omit<DriveOptions, "source">): { source: BlockSource | undefined } & Readonly<Traffic> {
    const connector = connectorOf(this.engine, drive);
    return { source: this.media[connector], ...this.disks.traffic(connector) };
  }

  /** Bytes of memory that the machine takes. */
  get footprint(): number {
    return this.engine.exports.memory.buffer.byteLength;
  }

  /** Ends `run` at the next instant between two slices. */
  stop(): void {
    this.stopping = true;
    this.alarm.wake();
  }

  /** What the machine does now. */
  get state(): RunState {
    return this.held ?? "running";
  }

  /** Puts another medium into a drive, or takes it out; the guest is told. The owner closes the old one. */
  changeMedium(drive: Omit<DriveOptions, "source">, source: BlockSource | undefined): void {
    const connector = connectorOf(this.engine, drive);
    this.media[connector] = source;
    const sectors = source ? sectorsOf(drive, source) : 0;
    this.engine.changeMedium(connector, sectors, isReadOnly({ ...drive, source }));
    this.alarm.wake();
  }

  /** The whole machine as it is now: processors, memory, chips, time; its disks' content is not in it. */
  async saveState(): Promise<Uint8Array> {
    const state = new MemorySource();
    await this.whileStill((parts) => saveState(parts, (bytes) => state.write(bytes, state.size)));
    return state.content;
  }

  /**
   * Goes back, or on, to what `saveState` of a machine with the same memory, processors and drives gave. Refused, the
   * machine staying as it is, where the state is damaged or another build of this package made it. What is on the disks
   * must be what it was then: see `saveSnapshot`.
   */
  async loadState(state: Uint8Array): Promise<void> {
    await this.whileStill((parts) => loadState(parts, new MemorySource(state)));
  }

  /** Holds the guest, its clock included, until `resume`. */
  pause(state: Exclude<RunState, "running"> = "paused"): void {
    if (this.held) return;
    this.held = state;
    if (state !== "prelaunch") this.events.emit("STOP");
  }

  resume(): void {
    this.goOn(false);
  }

  /** Runs one instruction of `cpu`, then holds the guest in state "debug". */
  step(cpu = 0): void {
    this.goOn(true, cpu);
  }

  private goOn(stepping: boolean, cpu = 0): void {
    if (!this.held) return;
    this.engine.exports.goOn(stepping, cpu);
    this.held = undefined;
    this.events.emit("RESUME");
    this.alarm.wake();
  }

  /** Presses the reset button. */
  reset(): void {
    this.resetWanted = true;
    this.events.emit("RESET", { guest: false, reason: "host-qmp-system-reset" });
    this.alarm.wake();
  }

  /** Presses the power button: a guest that speaks ACPI shuts down. */
  powerdown(): void {
    this.engine.exports.pressPowerButton();
    this.events.emit("POWERDOWN");
    this.alarm.wake();
  }

  /** Holds a serial port's line down for longer than a character: Linux takes the next one as a magic SysRq. */
  sendBreak(port = 0): void {
    this.engine.exports.sendBreak(port);
    this.alarm.wake();
  }

  /** Waits while the machine is held; its clock stands still. */
  private async stay(): Promise<void> {
    await this.disks.settle();
    this.clock.hold();
    while (this.held && !this.stopping && !this.resetWanted && this.errands.length === 0)
      await this.alarm.sleep(Infinity);
    if (!this.held) this.clock.goOn();
  }

  /**
   * Does `work` while the machine stands still: between two slices, its clock held, no disk request under way. Then it
   * goes on as before. For states and snapshots (host/state/).
   */
  async whileStill<T>(work: (parts: MachineParts) => Promise<T>): Promise<T> {
    const { runtime, engine, clock, media } = this;
    const parts = { runtime, engine, clock, media, onLoaded: () => this.leaveEnd() };
    const done = new Promise<T>((resolve, reject) => {
      this.errands.push(() => work(parts).then(resolve, reject));
    });
    this.alarm.wake();
    if (!this.running) await this.runErrands();
    return done;
  }

  /** What had come to its end may be let run again. */
  private leaveEnd(): void {
    if (this.held === "shutdown") this.held = "paused";
  }

  /** Does what waits, and waits for what has begun: the guest does not run meanwhile, nor does another errand. */
  private runErrands(): Promise<void> {
    this.errandsDone = this.errandsDone.then(() => this.carryOutErrands());
    return this.errandsDone;
  }

  private async carryOutErrands(): Promise<void> {
    if (this.errands.length === 0) return;
    this.clock.hold();
    await this.disks.settle();
    // A request that ends may lead to the next.
    while (await this.startRequests()) await this.disks.settle();
    const paused = this.held !== undefined || !this.running;
    if (!paused) this.events.emit("STOP");
    for (let errand = this.errands.shift(); errand; errand = this.errands.shift()) await errand();
    if (!paused) this.events.emit("RESUME");
    if (!this.held) this.clock.goOn();
  }

  private async startOver(): Promise<void> {
    this.resetWanted = false;
    this.leaveEnd();
    await this.disks.settle();
    tellBoot(this.engine, this.options.boot ?? {}, false);
    this.engine.reset();
    if (this.options.linux) startKernel(this.engine, this.options.linux);
    // A guest that resets over and over must not keep signals and input waiting.
    await breathe();
  }

  /** Starts what the guest has asked of its disks; false: nothing. */
  private async startRequests(): Promise<boolean> {
    let any = false;
    for (let request = this.requests.take(); request; request = this.requests.take()) {
      this.disks.start(request);
      any = true;
    }
    if (this.clock.deterministic) await this.disks.settle();
    return any;
  }
}
