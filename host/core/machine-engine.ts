// machine.wasm as the host sees it: its verbs, its addresses by name, the clock record, and the one exception.
import { UserError } from "./errors.ts";
import { Inspector } from "./inspector.ts";
import { RegionTable } from "./jit.ts";
import { type JitStats, readJitStats, STAT_CONSTANTS } from "./jit-stats.ts";
import { type EngineExports, loadEngine } from "./load.ts";
import type { Runtime } from "../runtimes/runtime.ts";
import type { Tracer } from "./tracer.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** assembly/machine/index.ts. */
export interface MachineExports extends EngineExports {
  /** For translated code only (host/core/jit.ts). */
  serveRegion: unknown;
  serveX87: unknown;
  powerOn(ramBytes: number, vcpus: number): void;
  resetMachine(): void;
  /** Code that has run so many times is translated; with 0 all is interpreted. */
  setTranslator(warm: number): void;
  /** Translated regions that live, and the bytes of their modules. */
  liveRegions(): number;
  liveBytes(): number;
  /** From now on the translator counts (host/core/jit-stats.ts). */
  countJit(on: boolean): void;
  /** Runs up to so many instructions; 0 goes on with what is left after an unwind. Returns EXIT_*. */
  runMachine(instructions: number): number;
  /** Instructions run since the slice began. */
  executed(): number;
  /** What hangs on a connector: its kind (DRIVE_*) and its sectors, two halves of a u64. */
  attachDrive(
    connector: number,
    kind: number,
    sectorsLow: number,
    sectorsHigh: number,
    readOnly: number,
  ): void;
  /** Another medium on a connector whose drive has a slot. */
  changeMedium(connector: number, sectorsLow: number, sectorsHigh: number, readOnly: number): void;
  /** Plugs in a virtio source of entropy. */
  attachRng(): void;
  /** Plugs in the high precision event timer. */
  attachHpet(): void;
  /** Plugs in isa-debugcon. */
  attachDebugConsole(port: number): void;
  /** The firmware is the last `size` bytes of the ROM. */
  attachFirmware(size: number): void;
  /** Boot devices, four bits each from the lowest on; the menu and its wait in ms; the serial port as console. */
  setBootOptions(
    order: number,
    menu: boolean,
    menuWait: number,
    serialConsole: boolean,
    strict: boolean,
    retryWait: number,
  ): void;
  /** The drive on a connector is the `rank`th (from 1) that firmware tries, before power on. */
  rankDrive(connector: number, rank: number): void;
  attachDebugExit(base: number, ports: number): void;
  /** Features that CPUID shall not report: a word of them (host/cpu-features.ts) and its bits; before power on. */
  withholdFeatures(word: number, bits: number): void;
  /** The exit code that goes with EXIT_DEBUG. */
  debugExitCode(): number;
  /** The request in `slot` has ended with BLOCK_OK or BLOCK_FAILED. */
  completeBlock(slot: number, status: number): void;
  // For states of the whole machine (host/state/).
  isZero(at: number, length: number): number;
  /** The memory is another moment's: what is derived from it goes. */
  adoptState(): void;
  /** Decides where a kernel's pieces go; returns LINUX_*. */
  planLinux(kernelSize: number, initrdSize: number, commandLineSize: number): number;
  startLinux(): void;
  /** The machine as firmware leaves it to a boot loader. */
  startFirmware(): void;
  /** Flat protected mode at `entry`, with EAX and EBX. */
  enterKernel(entry: number, eax: number, ebx: number): void;
  /** End of the RAM that a guest may use. */
  usableTop(): number;
  /** Puts entry `index` of the memory map at MEMORY_RANGE_AT; false behind the last. */
  memoryRange(index: number): boolean;
  pressPowerButton(): void;
  /** A break on a serial port's line, COM1 being 0. */
  sendBreak(port: number): void;
  /** Kinds to report to `trace` from now on: 1 << TRACE_*. */
  setTrace(kinds: number): void;
  // For monitors and debuggers (host/core/inspector.ts).
  readCpu(index: number): void;
  writeCpu(index: number): void;
  translateLinear(cpu: number, low: number, high: number): number;
  peekPhysical(address: number, length: number): void;
  pokePhysical(address: number, length: number): void;
  /** Where to stop, from the first addresses of the buffer at INSPECT_AT; going on after a stop. */
  setBreakpoints(count: number): void;
  /** What to watch, from records of three u64 there: address, bytes, WATCH_*. */
  setWatchpoints(count: number): void;
  goOn(stepping: boolean, cpu: number): void;
  /** The vCPU that stopped last; in bits 8 and up the watchpoint that did it, counted from 1. */
  lastStop(): number;
  readPort(port: number, size: number): number;
  writePort(port: number, size: number, value: number): void;
}

/** Constants that the engine exports by name: addresses, capacities, codes. */
const CONSTANTS = [
  "CPU_AT",
  "CODE_AT",
  "CONFIGURATION_ITEMS_AT",
  "TOLD_AT",
  "TOLD_FILE",
  "TOLD_NAME",
  "TOLD_SIZE",
  "TOLD_UUID",
  "DEBUGGER_END",
  "DRIVES_AT",
  "DRIVE_SIZE",
  "DRIVES",
  "RAM_AT",
  "ROM_AT",
  "ROM_SIZE",
  "VIDEO_ROM_AT",
  "VIDEO_ROM_SIZE",
  "CLOCK_SLICE_START",
  "CLOCK_EPOCH",
  "CLOCK_PACE",
  "CLOCK_DEADLINE",
  "SERIAL_OUT_AT",
  "SERIAL_OUT_CAPACITY",
  "SERIAL_IN_AT",
  "SERIAL_IN_SIZE",
  "SERIAL_OUT_SIZE",
  "SERIAL_PORTS",
  "SERIAL_IN_CAPACITY",
  "INPUT_AT",
  "INPUT_CAPACITY",
  "INSPECT_AT",
  "INSPECT_SIZE",
  "VGA_AT",
  "VGA_GENERATION",
  "VGA_SEQUENCER",
  "VGA_GRAPHICS",
  "VGA_ATTRIBUTES",
  "VGA_CRTC",
  "VGA_DAC",
  "VBE_AT",
  "VRAM_AT",
  "VRAM_SIZE",
  "DEBUG_OUT_AT",
  "DEBUG_OUT_CAPACITY",
  "DRIVE_DISK",
  "DRIVE_CD",
  "DRIVE_FLOPPY",
  "FLOPPY_DRIVE",
  "VIRTIO_DRIVE",
  "BLOCK_RING_AT",
  "BLOCK_SLOTS",
  "BLOCK_SLOTS_AT",
  "BLOCK_SLOT_SIZE",
  "BLOCK_OK",
  "BLOCK_FAILED",
  "LINUX_HEADER_AT",
  "LINUX_HEADER_SIZE",
  "LINUX_KERNEL_OFFSET",
  "LINUX_KERNEL_TO",
  "LINUX_INITRD_TO",
  "LINUX_COMMAND_LINE_TO",
  "LINUX_OK",
  "LINUX_NO_KERNEL",
  "LINUX_TOO_OLD",
  "LINUX_NO_ROOM",
  "LINUX_COMMAND_LINE_TOO_LONG",
  "MEMORY_RANGE_AT",
  "ACPI_RSDP",
  "BREAKPOINTS_MAX",
  "WATCHPOINTS_MAX",
  "WATCH_READ",
  "WATCH_WRITE",
  "EXIT_BREAK",
  "EXIT_SLICE",
  "EXIT_HALTED",
  "EXIT_POWER_OFF",
  "EXIT_RESET",
  "EXIT_DEBUG",
  "EXIT_DOORBELL",
  ...STAT_CONSTANTS,
] as const;

/** Why a slice ended. */
export type ExitName = Extract<(typeof CONSTANTS)[number], `EXIT_${string}`>;

type Constants = Record<(typeof CONSTANTS)[number], number>;

function readConstants(exports: MachineExports): Constants {
  const globals = exports as unknown as Record<string, WebAssembly.Global | undefined>;
  const values = CONSTANTS.map((name) => {
    const value: unknown = globals[name]?.value;
    if (typeof value !== "number") throw new Error(`machine.wasm exports no ${name}`);
    // Addresses are u32; a global's value comes out signed.
    return [name, value >>> 0] as const;
  });
  return Object.fromEntries(values) as Constants;
}

const WASM_PAGE = 65536;
const NANOSECONDS_PER_MS = 1_000_000n;
/** assembly/machine/clock.ts: no timer is running. */
const NEVER = 0xffff_ffff_ffff_ffffn;

/** Thrown through wasm frames when a guest instruction faults; always this object, so that it costs no stack trace. */
const UNWIND = new Error("unwind left the engine");

export interface MachineEngineOptions {
  ramBytes: number;
  vcpus: number;
  /** Guest time zero in ms since 1970. */
  epoch: number;
  /** Hot code becomes WebAssembly. */
  translates: boolean;
  /** The translator counts what it does. */
  countsJit?: boolean | undefined;
  /** Follows the guest. */
  tracer?: Tracer | undefined;
}

/**
 * Runs of a block before it is translated. Compiling a region costs as much as some thousands of its runs in the
 * interpreter: a Linux boot takes 7.9 s at 200, 4.6 s at 1000, 3.2 s at 3000.
 */
const WARM = 3000;

/** One machine. Its memory is grown once, here, so views of it stay valid. */
export class MachineEngine {
  readonly constants: Constants;
  readonly ram: Uint8Array;
  private readonly record: DataView;
  private readonly exits: ReadonlyMap<number, ExitName>;
  /** Run by the guest since power on. */
  instructions = 0;
  /** Of the display, as no run of the machine comes to them: one for each state adopted. */
  private generations = 0x8000_0000;

  private constructor(
    readonly exports: MachineExports,
    private readonly regions: RegionTable,
    private readonly options: MachineEngineOptions,
  ) {
    this.constants = readConstants(exports);
    const { RAM_AT, CLOCK_EPOCH } = this.constants;
    grow(exports.memory, RAM_AT + options.ramBytes);
    this.ram = new Uint8Array(exports.memory.buffer, RAM_AT, options.ramBytes);
    this.record = new DataView(exports.memory.buffer);
    this.exits = new Map(CONSTANTS.filter(isExit).map((name) => [this.constants[name], name]));
    this.record.setBigUint64(CLOCK_EPOCH, BigInt(Math.round(options.epoch)) * NANOSECONDS_PER_MS, true);
  }

  static async load(runtime: Runtime, options: MachineEngineOptions): Promise<MachineEngine> {
    let bytes = (): Uint8Array => new Uint8Array();
    const exports: MachineExports = await loadEngine(runtime, "machine.wasm", {
      unwind: (): never => {
        throw UNWIND;
      },
      log: (at, length) => console.error(new TextDecoder().decode(bytes().subarray(at, at + length))),
      entropy: (at, length) => fillRandom(bytes().subarray(at, at + length)),
      jitInstall: (at, length, slot) => regions.install(at, length, slot),
      trace: (kind, cpu, first, second, third) => options.tracer?.report(kind, cpu, first, second, third),
      jitRelease: (slot) => regions.release(slot),
    });
    const regions: RegionTable = new RegionTable(exports);
    bytes = (): Uint8Array => new Uint8Array(exports.memory.buffer);
    const engine = new MachineEngine(exports, regions, options);
    options.tracer?.attach(new Inspector(engine));
    exports.setTrace(options.tracer?.kinds ?? 0);
    return engine;
  }

  /** Runs one slice on `clock`; says why it ended. */
  runSlice(clock: VirtualClock): ExitName {
    this.record.setBigUint64(this.constants.CLOCK_SLICE_START, BigInt(Math.round(clock.now())), true);
    this.record.setUint32(this.constants.CLOCK_PACE, clock.pace, true);
    let instructions = clock.grant;
    for (;;) {
      try {
        const exit = this.exits.get(this.exports.runMachine(instructions));
        const executed = this.exports.executed();
        this.instructions += executed;
        clock.ran(executed);
        return exit!;
      } catch (thrown) {
        if (thrown !== UNWIND) throw thrown;
        instructions = 0;
      }
    }
  }

  /** The u32 at an address that the engine names. */
  word(name: keyof Constants): number {
    return this.record.getUint32(this.constants[name], true);
  }

  get cpus(): number {
    return this.options.vcpus;
  }

  /** Virtual time in ns until which a halted machine has nothing to do. */
  get deadline(): number {
    const deadline = this.record.getBigUint64(this.constants.CLOCK_DEADLINE, true);
    return deadline === NEVER ? Infinity : Number(deadline);
  }

  /** Processors and chips come up; the disks are attached by now. */
  powerOn(): void {
    this.exports.powerOn(this.options.ramBytes, this.options.vcpus);
    this.chooseTranslator();
    this.exports.countJit(this.options.countsJit ?? false);
  }

  private chooseTranslator(): void {
    this.exports.setTranslator(this.options.translates ? WARM : 0);
  }

  /** What the translator did since power on; all zero unless it was told to count. */
  jitStats(): JitStats {
    return readJitStats(this.record, this.constants, {
      compileMs: this.regions.compileMs,
      live: this.exports.liveRegions(),
      liveBytes: this.exports.liveBytes(),
      instructions: this.instructions,
    });
  }

  /** Where the machine's state lies: all but static data, what is derived and what is a debugger's (machine/layout.ts). */
  get stateRanges(): readonly (readonly [from: number, to: number])[] {
    const { CPU_AT, INSPECT_AT, DEBUGGER_END, CODE_AT, CONFIGURATION_ITEMS_AT, RAM_AT } = this.constants;
    return [
      [CPU_AT, INSPECT_AT],
      [DEBUGGER_END, CODE_AT],
      [CONFIGURATION_ITEMS_AT, RAM_AT],
      [RAM_AT, RAM_AT + this.ram.length],
    ];
  }

  /** Linear memory itself, not a copy. */
  bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.exports.memory.buffer, at, length);
  }

  isZero(at: number, length: number): boolean {
    return this.exports.isZero(at, length) !== 0;
  }

  /** Writes zeros where there are others: a page never touched stays so. */
  clearMemory(at: number, length: number): void {
    if (!this.isZero(at, length)) this.bytes(at, length).fill(0);
  }

  /** By connector (assembly/devices/drives.ts: Drive). */
  drives(): { kind: number; sectors: number; readOnly: boolean }[] {
    return Array.from({ length: this.constants.DRIVES }, (_, connector) => {
      const at = this.constants.DRIVES_AT + this.constants.DRIVE_SIZE * connector;
      return {
        sectors: Number(this.record.getBigUint64(at, true)),
        kind: this.record.getUint32(at + 8, true),
        readOnly: this.record.getUint32(at + 12, true) !== 0,
      };
    });
  }

  /** The state in memory is another moment's, `instructions` after power on and, on the host's clock, `passed` ms ago. */
  adoptState(passed: number, instructions: number): void {
    const { CLOCK_EPOCH, VGA_AT, VGA_GENERATION } = this.constants;
    const epoch = this.record.getBigUint64(CLOCK_EPOCH, true);
    this.record.setBigUint64(CLOCK_EPOCH, epoch + BigInt(Math.round(passed)) * NANOSECONDS_PER_MS, true);
    this.exports.adoptState();
    this.chooseTranslator();
    // Whoever draws the screen draws it anew.
    this.record.setUint32(VGA_AT + VGA_GENERATION, this.generations++, true);
    this.instructions = instructions;
  }

  /** The reset line: RAM stays as it is. */
  reset(): void {
    this.exports.resetMachine();
  }

  /** Firmware, and the video BIOS that the display adapter brings. False: one of them is too large. */
  attachFirmware(bios: Uint8Array, videoRom?: Uint8Array): boolean {
    const { ROM_AT, ROM_SIZE, VIDEO_ROM_AT, VIDEO_ROM_SIZE } = this.constants;
    if (bios.length > ROM_SIZE || (videoRom && videoRom.length > VIDEO_ROM_SIZE)) return false;
    const memory = new Uint8Array(this.exports.memory.buffer);
    memory.set(bios, ROM_AT + ROM_SIZE - bios.length);
    if (videoRom) memory.set(videoRom, VIDEO_ROM_AT);
    this.exports.attachFirmware(bios.length);
    return true;
  }

  /** Puts a drive on `connector`, before power on; `kind` is DRIVE_*, `sectors` 0 = nothing inserted. */
  attachDrive(connector: number, kind: number, sectors: number, readOnly: boolean): void {
    this.exports.attachDrive(connector, kind, sectors >>> 0, Math.floor(sectors / 2 ** 32), readOnly ? 1 : 0);
  }

  /** Another medium in a drive with a slot; 0 sectors: taken out. */
  changeMedium(connector: number, sectors: number, readOnly: boolean): void {
    this.exports.changeMedium(connector, sectors >>> 0, Math.floor(sectors / 2 ** 32), readOnly ? 1 : 0);
  }

  completeBlock(slot: number, succeeded: boolean): void {
    const { BLOCK_OK, BLOCK_FAILED } = this.constants;
    this.exports.completeBlock(slot, succeeded ? BLOCK_OK : BLOCK_FAILED);
  }
}

function isExit(name: string): name is ExitName {
  return name.startsWith("EXIT_");
}

function grow(memory: WebAssembly.Memory, bytes: number): void {
  const pages = Math.ceil((bytes - memory.buffer.byteLength) / WASM_PAGE);
  try {
    if (pages > 0) memory.grow(pages);
  } catch {
    throw new UserError("cannot set up guest memory: Cannot allocate memory");
  }
}

/** The web's generator gives at most this many bytes a call. */
const RANDOM_MAX = 65536;

function fillRandom(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += RANDOM_MAX)
    crypto.getRandomValues(bytes.subarray(at, at + RANDOM_MAX) as Uint8Array<ArrayBuffer>);
}
