// The machine's thread: one machine, the images in its drives, and what the caller asks of them.
import type { BlockSource } from "../block/source.ts";
import { type DriveOptions, placeName } from "../core/drives.ts";
import { UserError } from "../core/errors.ts";
import { ownFirmware } from "../core/firmware.ts";
import { compileEngine, useEngine } from "../core/load.ts";
import { wordsOn } from "../display/characters.ts";
import { png } from "../display/picture-files.ts";
import { keyNamed } from "../input/keys.ts";
import { type Ending, LocalMachine, type RunState } from "../machine.ts";
import { Calls, Moved } from "./calls.ts";
import type { PageCanvas } from "../global-types.ts";
import type { Movable } from "../runtimes/runtime.ts";
import { thisRuntime } from "../runtimes/this.ts";
import type { Snapshots } from "../state/snapshots.ts";
import type { MachinePlan, PlannedDrive, PlannedSource } from "./description.ts";
import type { CallerVerbs, DriveInfo, Engine, Frame, MachineInfo, MachineVerbs } from "./protocol.ts";
import { Painter } from "./painter.ts";
import { openMedium, readWhole } from "./sources.ts";

/** Bytes of a serial port that may be on their way to a reader; then the guest waits. */
const SERIAL_WINDOW = 256 * 1024;
/** A changing screen is looked at so often, in ms. */
const FRAME_MS = 1000 / 60;
/** Over which the speed is taken, in ms. */
const SPEED_WINDOW = 250;

export class MachineService implements MachineVerbs {
  private readonly caller: Calls<CallerVerbs>;
  private machine!: LocalMachine;
  private plan!: MachinePlan;
  /** What this thread has opened, by drive. */
  private readonly opened = new Map<string, BlockSource>();
  /** Serial bytes on their way to the caller, by port. */
  private readonly unread: number[] = [];
  private running: Promise<Ending> | undefined;
  private lastFrame = -Infinity;
  private painter: Painter | undefined;
  private speed = { at: 0, instructions: 0, perSecond: 0 };

  /** `send` posts to the caller. */
  constructor(send: (message: unknown, transfer: Movable[]) => void) {
    this.caller = new Calls(send, this);
  }

  /** A message from the caller. */
  receive(message: unknown): void {
    this.caller.receive(message);
  }

  async prepare({ module }: Engine): Promise<void> {
    useEngine("machine.wasm", module);
    const runtime = thisRuntime();
    await Promise.all([compileEngine(runtime, "block.wasm"), ownFirmware(runtime)]);
  }

  async create(plan: MachinePlan, { module }: Engine): Promise<{ serialPorts: number }> {
    useEngine("machine.wasm", module);
    this.plan = plan;
    try {
      this.machine = await this.build(plan);
    } catch (error) {
      await this.closeImages();
      throw error;
    }
    this.connect(this.machine);
    return { serialPorts: this.machine.serials.length };
  }

  private async build(plan: MachinePlan): Promise<LocalMachine> {
    const optional = async (what: string, source?: PlannedSource): Promise<Uint8Array | undefined> =>
      source && readWhole(what, source, this.caller);
    const kernel = await optional("kernel", plan.kernel);
    const initrd = await optional("initrd", plan.initrd);
    const bios = await optional("bios", plan.bios);
    const videoRom = await optional("video BIOS", plan.videoBios);
    const drives: DriveOptions[] = [];
    for (const drive of plan.drives)
      drives.push({ ...placeOf(drive), source: await this.open(drive, drive.source) });
    return LocalMachine.create({
      ...plan.options,
      linux: kernel && { kernel, initrd, commandLine: plan.commandLine },
      firmware: bios && { bios, videoRom },
      drives,
      onTrouble: (sentence) => this.caller.tell("trouble", sentence),
    });
  }

  /** What the machine says goes to the caller. */
  private connect(machine: LocalMachine): void {
    machine.events.on(({ name, cause }) => this.caller.tell("event", name, cause));
    machine.debugConsole.onData((bytes) => this.caller.tell("debugConsole", bytes));
    machine.serials.forEach((port, number) => {
      this.unread[number] = 0;
      port.onData((bytes) => {
        this.unread[number]! += bytes.length;
        port.held = this.unread[number]! > SERIAL_WINDOW;
        this.caller.tell("serial", number, bytes);
      });
    });
  }

  async run(): Promise<Ending> {
    this.running ??= this.machine.run();
    try {
      const ending = await this.running;
      // Nobody may come back: what the images hold in memory must be in their files.
      for (const source of this.opened.values()) await source.flush?.();
      return ending;
    } finally {
      this.running = undefined;
    }
  }

  stop(): void {
    this.machine.stop();
  }

  pause(): void {
    this.machine.pause();
  }

  resume(): void {
    this.machine.resume();
  }

  reset(): void {
    this.machine.reset();
  }

  powerdown(): void {
    this.machine.powerdown();
  }

  async saveState(): Promise<Moved<Uint8Array>> {
    const state = await this.machine.saveState();
    return new Moved(state, [state.buffer as ArrayBuffer]);
  }

  loadState(state: Uint8Array): Promise<void> {
    return this.machine.loadState(state);
  }

  async saveSnapshot(tag: string): Promise<void> {
    await (await this.snapshots()).save(tag);
  }

  async loadSnapshot(tag: string): Promise<void> {
    await (await this.snapshots()).load(tag);
  }

  async deleteSnapshot(tag: string): Promise<void> {
    await (await this.snapshots()).delete(tag);
  }

  private async snapshots(): Promise<Snapshots> {
    // What qcow2 takes is for those who ask.
    const { Snapshots: SnapshotsOf } = await import("../state/snapshots.ts");
    return new SnapshotsOf(this.machine, () =>
      this.plan.drives.map((drive) => {
        const readOnly = drive.media === "cdrom" || drive.readOnly === true;
        return { name: placeName(drive), readOnly, image: this.opened.get(keyOf(drive)) };
      }),
    );
  }

  async close(): Promise<void> {
    if (this.running) this.machine.stop();
    // Why it failed is for whoever runs it; the images are closed all the same.
    await this.running?.catch(() => {});
    await this.closeImages();
  }

  private async closeImages(): Promise<void> {
    for (const source of this.opened.values()) await source.close();
    this.opened.clear();
  }

  async changeMedium(drive: PlannedDrive, source: PlannedSource | undefined): Promise<void> {
    const before = this.opened.get(keyOf(drive));
    this.opened.delete(keyOf(drive));
    this.machine.changeMedium(placeOf(drive), await this.open(drive, source));
    await before?.close();
  }

  async writeSerial(number: number, bytes: Uint8Array): Promise<void> {
    await this.machine.serials[number]!.writeAll(bytes);
  }

  serialRead(number: number, count: number): void {
    const port = this.machine.serials[number]!;
    this.unread[number]! -= count;
    if (this.unread[number]! <= SERIAL_WINDOW) port.held = false;
  }

  keys(names: readonly string[], down: boolean): void {
    for (const name of names) {
      const key = keyNamed(name);
      if (!key) throw new UserError(`there is no key named '${name}'`);
      this.machine.keyboard.event(key, down);
    }
  }

  sendKey(names: string, holdMs: number | undefined): Promise<void> {
    return this.machine.keyboard.sendKey(names, holdMs);
  }

  type(text: string): Promise<void> {
    return this.machine.keyboard.type(text);
  }

  moveMouse(dx: number, dy: number, dz: number): void {
    this.machine.mouse.move(dx, dy, dz);
  }

  mouseButtons(held: number): void {
    this.machine.mouse.buttons(held);
  }

  screenText(): string | undefined {
    const screen = this.machine.display.text();
    return screen && wordsOn(screen);
  }

  async screenPng(): Promise<Moved<Uint8Array>> {
    const file = await png(this.machine.display.picture());
    return new Moved(file, [file.buffer as ArrayBuffer]);
  }

  drawOn(canvas: PageCanvas): void {
    this.stopDrawing();
    this.painter = new Painter(this.machine.display, canvas, (width, height) =>
      this.caller.tell("screenSize", width, height),
    );
  }

  stopDrawing(): void {
    this.painter?.stop();
  }

  async screenChange(generation: number, patience: number): Promise<number> {
    const { display } = this.machine;
    const end = performance.now() + patience;
    await until(this.lastFrame + FRAME_MS);
    while (display.generation === generation && performance.now() < end)
      await until(performance.now() + FRAME_MS);
    // By the picture's own beat, not by when this thread came to it: delays must not add up.
    this.lastFrame = Math.max(this.lastFrame + FRAME_MS, performance.now() - FRAME_MS);
    return display.generation;
  }

  async nextFrame(generation: number, patience: number): Promise<Moved<Frame> | undefined> {
    const found = await this.screenChange(generation, patience);
    if (found === generation) return undefined;
    const { display } = this.machine;
    const picture = display.picture();
    return new Moved({ ...picture, mode: display.mode, generation: found }, [picture.rgba.buffer]);
  }

  info(): MachineInfo {
    const { machine, plan } = this;
    const { translated } = machine.jitStats();
    return {
      state: this.state,
      cpus: machine.inspector.cpus,
      memory: plan.options.memory,
      engineMemory: machine.footprint,
      instructions: machine.instructions,
      instructionsPerSecond: this.instructionsPerSecond(),
      translatedShare: plan.options.countsJit ? translated / Math.max(1, machine.instructions) : undefined,
      drives: plan.drives.map((drive): DriveInfo => {
        const { source, read, written } = machine.drive(placeOf(drive));
        const { bus, index, media } = drive;
        return { bus, index, media, size: source?.size ?? 0, bytesRead: read, bytesWritten: written };
      }),
    };
  }

  private get state(): RunState {
    if (this.running) return this.machine.state;
    return this.machine.instructions > 0 ? "shutdown" : "prelaunch";
  }

  /** Since the last time that it was asked for, if that is a while ago. */
  private instructionsPerSecond(): number {
    const { at, instructions } = this.speed;
    const now = performance.now();
    if (now - at >= SPEED_WINDOW) {
      const done = this.machine.instructions;
      this.speed = {
        at: now,
        instructions: done,
        perSecond: at === 0 ? 0 : ((done - instructions) * 1000) / (now - at),
      };
    }
    return Math.round(this.speed.perSecond);
  }

  private async open(
    drive: PlannedDrive,
    source: PlannedSource | undefined,
  ): Promise<BlockSource | undefined> {
    if (!source) return undefined;
    const medium = await openMedium(drive, source, this.caller);
    this.opened.set(keyOf(drive), medium);
    return medium;
  }
}

type Place = Pick<DriveOptions, "bus" | "index" | "media" | "readOnly">;

function placeOf({ bus, index, media, readOnly = false }: Place): Place {
  return { bus, index, media, readOnly };
}

function keyOf({ bus, index }: Place): string {
  return `${bus}${index}`;
}

function until(time: number): Promise<void> {
  const ms = time - performance.now();
  return ms > 0 ? new Promise((resume) => setTimeout(resume, ms)) : Promise.resolve();
}
