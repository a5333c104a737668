// What the caller's thread and the machine's thread ask of each other; host/worker/calls.ts carries it.
import type { EventCause, EventName } from "../core/machine-events.ts";
import type { DisplayMode, Picture } from "../display/vga.ts";
import type { Ending, RunState } from "../machine.ts";
import type { PageCanvas } from "../global-types.ts";
import type { Moved } from "./calls.ts";
import type { MachinePlan, PlannedDrive } from "./description.ts";
import type { LentSources } from "./lent-sources.ts";

/** Comes with the first message: the engine, compiled once for all machines. */
export interface Engine {
  module: WebAssembly.Module;
}

/** What the screen shows, at one moment. */
export interface Frame extends Picture {
  mode: DisplayMode;
  /** Tells one frame from another. */
  generation: number;
}

/** What a machine is doing; figures since power on. */
export interface MachineInfo {
  state: RunState;
  cpus: number;
  /** Guest RAM in bytes. */
  memory: number;
  /** What the engine holds of this process' memory, guest RAM included, in bytes. */
  engineMemory: number;
  /** Instructions that the guest has run, and how many a second lately. */
  instructions: number;
  instructionsPerSecond: number;
  /** Which share of them ran translated to WebAssembly; undefined unless the description says `countsTranslated`. */
  translatedShare: number | undefined;
  drives: DriveInfo[];
}

/** A drive, and what went to and from it. */
export interface DriveInfo extends Pick<PlannedDrive, "bus" | "index" | "media"> {
  /** Bytes of the medium; 0: there is none. */
  size: number;
  bytesRead: number;
  bytesWritten: number;
}

/** Served by the machine's thread. */
export interface MachineVerbs {
  /** Gets what every machine needs; one is made later. */
  prepare(engine: Engine): Promise<void>;
  create(plan: MachinePlan, engine: Engine): Promise<{ serialPorts: number }>;
  /** Answers when the machine has ended. */
  run(): Promise<Ending>;
  stop(): void;
  pause(): void;
  resume(): void;
  reset(): void;
  powerdown(): void;
  saveState(): Promise<Moved<Uint8Array>>;
  loadState(state: Uint8Array): Promise<void>;
  saveSnapshot(tag: string): Promise<void>;
  loadSnapshot(tag: string): Promise<void>;
  deleteSnapshot(tag: string): Promise<void>;
  /** Stops it, and closes what it has opened. */
  close(): Promise<void>;
  changeMedium(drive: PlannedDrive, source: PlannedDrive["source"]): Promise<void>;
  /** Answers when the guest's port has taken all of it. */
  writeSerial(port: number, bytes: Uint8Array): Promise<void>;
  /** So many bytes of those told have found a reader. */
  serialRead(port: number, count: number): void;
  keys(names: readonly string[], down: boolean): void;
  sendKey(names: string, holdMs: number | undefined): Promise<void>;
  type(text: string): Promise<void>;
  moveMouse(dx: number, dy: number, dz: number): void;
  mouseButtons(held: number): void;
  /** Undefined in graphics modes. */
  screenText(): string | undefined;
  screenPng(): Promise<Moved<Uint8Array>>;
  /** Draws on it what the screen shows until `stopDrawing`; tells the picture's size by `screenSize`. */
  drawOn(canvas: PageCanvas): void;
  stopDrawing(): void;
  /** The first generation that is not this one, or this one after `patience` ms; no faster than a screen is drawn. */
  screenChange(generation: number, patience: number): Promise<number>;
  /** The frame that goes with it; undefined: nothing has changed. */
  nextFrame(generation: number, patience: number): Promise<Moved<Frame> | undefined>;
  info(): MachineInfo;
}

/** Served by the caller's thread. */
export interface CallerVerbs extends LentSources {
  serial(port: number, bytes: Uint8Array): void;
  debugConsole(bytes: Uint8Array): void;
  screenSize(width: number, height: number): void;
  event(name: EventName, cause: EventCause | undefined): void;
  trouble(sentence: string): void;
}
