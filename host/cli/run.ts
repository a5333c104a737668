// `wasmqemu [options]`: opens what the command line names, runs the machine, gives everything back.
import { readFile } from "node:fs/promises";
import process from "node:process";
import { isExpected, reason, UserError } from "../core/errors.ts";
import { type KernelImage, type KernelModule, takesModules } from "../core/kernel.ts";
import { LocalMachine } from "../machine.ts";
import { Jobs } from "../monitor/qmp/jobs.ts";
import { connect, type Connections } from "./connections.ts";
import { closeDrives, type OpenDrive, openDrives } from "./disks.ts";
import { readFirmware } from "./firmware.ts";
import { firstSteps } from "./help.ts";
import { splitList } from "./option-list.ts";
import { parseArguments } from "./parse.ts";
import { writePidFile } from "./pid-file.ts";
import { readTold } from "./told.ts";
import { openLog } from "./log.ts";
import { monitorHost, snapshotsOf } from "./monitor.ts";
import { node } from "../runtimes/node.ts";
import { useRuntime } from "../runtimes/this.ts";
import type { VncServer } from "./vnc/server.ts";
import type { VncSpec } from "./vnc/spec.ts";
import type { PcOptions } from "./pc-options.ts";

useRuntime(node);

/** Runs the command line; returns the exit code, QEMU's where QEMU has one. */
export async function run(argv: readonly string[]): Promise<number> {
  try {
    if (argv.length === 0) return print(firstSteps());
    if (argv[0] === "demo") return await (await import("./demo.ts")).demo(argv.slice(1));
    const invocation = parseArguments(argv);
    if (invocation.kind === "print") return print(invocation.text);
    const { options } = invocation;
    return await runMachine(options, await readKernel(options));
  } catch (error) {
    if (!isExpected(error)) throw error;
    say(reason(error));
    return 1;
  }
}

function print(text: string): number {
  process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
  return 0;
}

/** One sentence on standard error. */
export function say(sentence: string): void {
  process.stderr.write(`wasmqemu: ${sentence}\n`);
}

/** Opens the drives, runs the machine to its end, closes the drives; returns the exit code. */
export async function runMachine(options: PcOptions, linux?: KernelImage): Promise<number> {
  options.warnings.forEach(say);
  const firmware = await readFirmware(options, say);
  const told = await readTold(options);
  const drives = await openDrives(options, say);
  const log = options.log.items.size > 0 ? await openLog(options.log) : undefined;
  let removePidFile = (): void => {};
  try {
    if (options.pidFile !== undefined) removePidFile = writePidFile(options.pidFile);
    const machine = await LocalMachine.create({
      memory: options.memory,
      cpus: options.cpus,
      withoutFeatures: options.withoutFeatures,
      linux,
      firmware,
      boot: { serialConsole: options.nographic, ...options.boot },
      drives,
      endOnReset: options.noReboot,
      epoch: options.rtcBase,
      instructionShift: options.icountShift,
      debugExit: options.debugExit,
      debugConsolePort: options.debugConsole?.port,
      hpet: options.hpet,
      told,
      entropy: options.entropy,
      countsJit: options.jitStats,
      tracer: log?.tracer,
      onTrouble: say,
    });
    return await runToTheEnd(machine, options, drives);
  } finally {
    removePidFile();
    log?.close();
    await closeDrives(drives);
  }
}

/** Runs `machine` with the terminal as the options want it; the terminal is itself again when this returns. */
async function runToTheEnd(machine: LocalMachine, options: PcOptions, drives: OpenDrive[]): Promise<number> {
  if (options.startsPaused) machine.pause("prelaunch");
  const snapshots = snapshotsOf(machine, drives);
  const jobs = new Jobs();
  if (options.snapshotToLoad !== undefined) await snapshots.load(options.snapshotToLoad);
  let quit = (): void => {};
  const wanted = new Promise<void>((resolve) => (quit = resolve));
  void wanted.then(() => machine.stop());
  const stopListening = onSignals((number) => {
    say(`terminating on signal ${number}`);
    machine.events.emit("SHUTDOWN", { guest: false, reason: "host-signal" });
    quit();
  });
  let vnc: VncServer | undefined;
  let connections: Connections | undefined;
  try {
    // Before there is a monitor, whose first command may be for it.
    if (options.vnc) vnc = await openVnc(machine, options.vnc, options.name);
    connections = await connect(machine, options, {
      quit,
      say,
      monitorHost: () =>
        monitorHost({
          machine,
          options,
          drives,
          snapshots,
          jobs,
          quit,
          vnc,
          chardevs: () => connections!.chardevs(),
        }),
    });
    let ending = await machine.run();
    while (options.noShutdown && (ending.reason === "power-off" || ending.reason === "reset")) {
      machine.pause("shutdown");
      ending = await machine.run();
    }
    if (options.jitStats) await tellJitStats(machine);
    return ending.reason === "debug-exit" ? ending.code & 0xff : 0;
  } finally {
    connections?.close();
    await vnc?.close();
    stopListening();
  }
}

async function openVnc(machine: LocalMachine, spec: VncSpec, name: string | undefined): Promise<VncServer> {
  const { VncServer: Server } = await import("./vnc/server.ts");
  return await Server.open(machine, spec, name);
}

async function tellJitStats(machine: LocalMachine): Promise<void> {
  const { describeJitStats } = await import("./jit-stats.ts");
  process.stderr.write(describeJitStats(machine.jitStats()));
}

/** The signals that end a machine in good order. */
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** Calls `act` at the first signal; a second one kills, should the machine not come to its end. */
function onSignals(act: (number: number) => void): () => void {
  const handlers = Object.entries(SIGNALS).map(([name, number]) => [name, (): void => act(number)] as const);
  for (const [name, handler] of handlers) process.once(name, handler);
  return () => {
    for (const [name, handler] of handlers) process.off(name, handler);
  };
}

async function readKernel({ kernel, initrd, append }: PcOptions): Promise<KernelImage | undefined> {
  if (!kernel) return undefined;
  const image = { kernel: await readWhole(kernel, "open kernel file"), name: kernel, commandLine: append };
  if (initrd === undefined) return image;
  return takesModules(image.kernel)
    ? { ...image, modules: await readModules(initrd) }
    : { ...image, initrd: await readWhole(initrd, "load initrd") };
}

/** `FILE WORDS,FILE WORDS`: each module is told its own words, file name first; `,,` is a comma. */
function readModules(list: string): Promise<KernelModule[]> {
  return Promise.all(
    splitList(list).map(async (text) => ({
      bytes: await readWhole(text.split(" ")[0]!, "load module"),
      text,
    })),
  );
}

async function readWhole(path: string, verb: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new UserError(`could not ${verb} '${path}': ${reason(error)}`);
  }
}
