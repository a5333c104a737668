// A machine in a thread of its own, seen from the thread that wants it: the library's `Machine`. Every call crosses to
// host/worker/service.ts, which has the engine, the images and the loop.
import { UserError } from "../core/errors.ts";
import { compileEngine } from "../core/load.ts";
import { MachineEvents } from "../core/machine-events.ts";
import type { Ending } from "../machine.ts";
import type { RuntimeThread } from "../runtimes/runtime.ts";
import { thisRuntime } from "../runtimes/this.ts";
import { Calls } from "./calls.ts";
import { type ByteSource, type MachineDescription, planMachine, planSource } from "./description.ts";
import type { CallerVerbs, MachineInfo, MachineVerbs } from "./protocol.ts";
import { Keyboard, Mouse, Screen } from "./screen.ts";
import { SerialPort } from "./serial.ts";
import { Lender } from "./lent-sources.ts";
import type { WaitOptions } from "./waiting.ts";

/** The thread's script in dist/. */
const SCRIPT = "machine-thread.js";

/** Where words go and come from: the first serial port, or screen and keyboard. */
export interface ConsoleChoice {
  /** Default "serial". */
  on?: "serial" | "screen" | undefined;
}

/** A drive whose medium can be changed. */
export interface DrivePlace {
  media: "cdrom" | "floppy";
  /** Its place on its bus; undefined: the CD-ROM drive, or the first floppy drive. */
  index?: number;
}

/** An x86-64 PC in a thread of its own. */
export class Machine {
  /** COM1 to COM4. */
  readonly serials: readonly SerialPort[];
  readonly screen: Screen;
  readonly keyboard: Keyboard;
  readonly mouse: Mouse;
  /** What happens to the machine as a whole: stopped, reset, shut down. */
  readonly events: MachineEvents;
  private running: Promise<Ending> | undefined;

  private constructor(
    private readonly connection: Connection,
    serialPorts: number,
  ) {
    const { calls } = connection;
    this.serials = Array.from({ length: serialPorts }, (_, port) => connection.port(port));
    this.screen = connection.screen;
    this.keyboard = new Keyboard(calls);
    this.mouse = new Mouse(calls);
    this.events = connection.events;
  }

  /**
   * Makes a machine as described, its drives opened; it runs from `start` or `run` on.
   *
   *     await using machine = await Machine.create({ memory: "512M", drives: ["disk.qcow2"], cdrom: "install.iso" });
   *     machine.start();
   *     await machine.waitFor(/login: $/, { timeout: 120_000 });
   *     await machine.type("root\n");
   *
   * Rejects with a `UserError`: one sentence, and the system's `code` where it has one.
   */
  static async create(description: MachineDescription = {}): Promise<Machine> {
    description.signal?.throwIfAborted();
    const connection = spare ?? new Connection();
    spare = undefined;
    try {
      connection.listeners = description;
      const plan = planMachine(description, (source) => connection.lender.lend(source));
      const module = await compileEngine(thisRuntime(), "machine.wasm");
      const { serialPorts } = await connection.calls.call("create", plan, { module });
      const machine = new Machine(connection, serialPorts);
      description.signal?.throwIfAborted();
      description.signal?.addEventListener("abort", () => void machine.close(), {
        signal: connection.closed.signal,
      });
      return machine;
    } catch (error) {
      await connection.close("the machine could not be made");
      throw error;
    }
  }

  /**
   * Gets the next machine's thread and engines ready, so that `create` has less to do: for pages, while their user still
   * chooses. It may be called any number of times.
   */
  static async prepare(): Promise<void> {
    const connection = (spare ??= new Connection());
    try {
      const module = await compileEngine(thisRuntime(), "machine.wasm");
      await connection.calls.call("prepare", { module });
    } catch (error) {
      // If a machine has it by now, that will say so itself.
      if (spare === connection) {
        spare = undefined;
        await connection.close("the machine could not be prepared");
      }
      throw error;
    }
  }

  /** COM1. */
  get serial(): SerialPort {
    return this.serials[0]!;
  }

  /** Lets the machine run; how it ends is `run`'s to tell. */
  start(): void {
    // A failure is told to whoever asks for it by `run`.
    this.run().catch(() => {});
  }

  /** Lets the machine run until the guest ends it or `stop` is called; if it runs already, waits for that. */
  run(): Promise<Ending> {
    this.running ??= this.connection.run().finally(() => (this.running = undefined));
    return this.running;
  }

  /** Ends `run` at the next instant, the guest not being asked; `run` goes on from there. */
  async stop(): Promise<void> {
    await this.connection.calls.call("stop");
    await this.running;
  }

  /** Holds the guest, its clock included, until `resume`. */
  pause(): Promise<void> {
    return this.connection.calls.call("pause");
  }

  /** Lets a guest that `pause` holds go on. */
  resume(): Promise<void> {
    return this.connection.calls.call("resume");
  }

  /** Presses the reset button. */
  reset(): Promise<void> {
    return this.connection.calls.call("reset");
  }

  /** Presses the power button: a guest that speaks ACPI shuts down, and `run` ends. */
  powerdown(): Promise<void> {
    return this.connection.calls.call("powerdown");
  }

  /**
   * The whole machine as it is now, for `loadState`: processors, memory, chips, time. It goes on running. What is on
   * its disks is not in it; `saveSnapshot` keeps both.
   *
   *     const ready = await machine.saveState();
   *     // … any number of times, in any number of machines:
   *     await another.loadState(ready);
   */
  saveState(): Promise<Uint8Array> {
    return this.connection.calls.call("saveState");
  }

  /**
   * Puts this machine where the one was that saved `state`. Both must have the same memory, processors and drives, and
   * be of the same build of this package. Its disks must hold what they held then. Rejects with a `UserError` where the
   * state does not fit or is damaged; the machine then stays as it is.
   */
  loadState(state: Uint8Array): Promise<void> {
    return this.connection.calls.call("loadState", state);
  }

  /**
   * Keeps machine and disks as they are now, in the disks themselves: an internal snapshot in each, the machine's state
   * in the first (QEMU's savevm). Replaces one of that name. Rejects with a `UserError` where there is no writable qcow2
   * image, or another writable disk beside.
   */
  saveSnapshot(tag: string): Promise<void> {
    return this.connection.calls.call("saveSnapshot", tag);
  }

  /** Puts machine and disks back to where they were (QEMU's loadvm); what was written since is gone. */
  loadSnapshot(tag: string): Promise<void> {
    return this.connection.calls.call("loadSnapshot", tag);
  }

  /** Deletes a snapshot from every disk that has it. */
  deleteSnapshot(tag: string): Promise<void> {
    return this.connection.calls.call("deleteSnapshot", tag);
  }

  /** Stops the machine, closes what it has opened, and ends its thread. `await using` does the same. */
  async close(): Promise<void> {
    await this.connection.calls.call("close").catch(() => {});
    await this.connection.close("the machine is closed");
  }

  /** `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Waits for words of the guest: see `SerialPort.waitFor` and `Screen.waitFor`. */
  waitFor(pattern: RegExp, { on = "serial", ...options }: ConsoleChoice & WaitOptions = {}): Promise<string> {
    return on === "serial" ? this.serial.waitFor(pattern, options) : this.screen.waitFor(pattern, options);
  }

  /** Types `text`: sends it to the first serial port, or presses its keys. Enter is "\n". */
  type(text: string, { on = "serial" }: ConsoleChoice = {}): Promise<void> {
    // What a terminal sends for Enter is a carriage return.
    return on === "serial" ? this.serial.write(text.replace(/\r?\n/g, "\r")) : this.keyboard.type(text);
  }

  /** Presses keys together: "ctrl-alt-delete". */
  sendKey(names: string): Promise<void> {
    return this.keyboard.sendKey(names);
  }

  /** Puts another CD or floppy into a drive, or takes it out; the guest is told. */
  async changeMedium({ media, index }: DrivePlace, source: ByteSource | undefined): Promise<void> {
    const bus = media === "floppy" ? "floppy" : "ide";
    const place = index ?? (media === "floppy" ? 0 : 2);
    const drive = {
      bus,
      index: place,
      media: media === "cdrom" ? media : "disk",
      source: undefined,
    } as const;
    const lent =
      source === undefined ? undefined : planSource(source, (own) => this.connection.lender.lend(own));
    await this.connection.calls.call("changeMedium", drive, lent);
  }

  /** What the machine is doing. */
  info(): Promise<MachineInfo> {
    return this.connection.calls.call("info");
  }
}

/** The thread that `prepare` has started and no machine has taken yet. */
let spare: Connection | undefined;

/** The thread and what it says. */
class Connection {
  readonly calls: Calls<MachineVerbs>;
  readonly events = new MachineEvents();
  readonly closed = new AbortController();
  readonly screen: Screen;
  private readonly ports: SerialPort[] = [];
  private readonly thread: RuntimeThread;
  readonly lender = new Lender();
  listeners: Pick<MachineDescription, "onTrouble" | "debugConsole"> = {};

  constructor() {
    const verbs: CallerVerbs = {
      ...this.lender.verbs,
      serial: (port, bytes) => this.port(port).receive(bytes),
      screenSize: (width, height) => this.screen.resized(width, height),
      event: (name, cause) => this.events.emit(name, cause),
      trouble: (sentence) => this.listeners.onTrouble?.(sentence),
      debugConsole: (bytes) => this.listeners.debugConsole?.onData(bytes),
    };
    const events = {
      onMessage: (message: unknown): void => this.calls.receive(message),
      onError: (error: Error): void => this.calls.end(error),
    };
    const runtime = thisRuntime();
    this.thread = runtime.startThread?.(SCRIPT, events) ?? runtime.sameThread!(events);
    this.calls = new Calls(
      (message, buffers) => this.thread.send(message, buffers),
      verbs,
      // A machine that is idle does not keep its process alive.
      (busy) => this.thread.keepAlive?.(busy),
    );
    this.thread.keepAlive?.(false);
    this.screen = new Screen(this.calls, this.closed.signal);
  }

  port(number: number): SerialPort {
    return (this.ports[number] ??= new SerialPort({
      write: (bytes) => this.calls.call("writeSerial", number, bytes),
      taken: (count) => this.calls.tell("serialRead", number, count),
    }));
  }

  async run(): Promise<Ending> {
    for (const port of this.ports) port.goOn();
    try {
      const ending = await this.calls.call("run");
      this.hush(`the machine has ended (${ending.reason})`);
      return ending;
    } catch (error) {
      this.hush(`the machine has failed (${(error as Error).message})`);
      throw error;
    }
  }

  async close(why: string): Promise<void> {
    this.closed.abort(new UserError(why));
    this.calls.end(new UserError(why));
    this.hush(why);
    for (const port of this.ports) port.close();
    await this.thread.stop();
  }

  private hush(why: string): void {
    for (const port of this.ports) port.end(why);
  }
}
