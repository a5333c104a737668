// States of whole machines: saved in one, gone on with in another that has never run. Mutable globals of the engine are
// as new there, so that whatever of the machine lay in them would be missed.
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { MemorySource } from "../../host/block/memory.ts";
import type { MachineEngine } from "../../host/core/machine-engine.ts";
import { encodeHeader, StateReader } from "../../host/state/format.ts";
import { LocalMachine, type MachineOptions } from "../../host/machine.ts";
import { node } from "../../host/runtimes/node.ts";
import { useRuntime } from "../../host/runtimes/this.ts";
import { layoutOf } from "../support/state-layout.ts";
import { TICKER } from "../support/ticker.ts";

const MIB = 2 ** 20;
const DEMO = readFileSync("dist/demo.bin");

beforeAll(() => useRuntime(node));

function disk(): MemorySource {
  const bytes = new Uint8Array(MIB);
  for (let at = 0; at < bytes.length; at++) bytes[at] = (at * at) >>> 7;
  bytes.set(TICKER);
  return new MemorySource(bytes);
}

const ticker = (more: Partial<MachineOptions> = {}): MachineOptions => ({
  memory: 16 * MIB,
  disks: [disk()],
  epoch: 1.7e12,
  ...more,
});

interface Heard {
  text: string;
}

/** A machine whose serial port is written down. */
async function listenedTo(options: MachineOptions, heard: Heard): Promise<LocalMachine> {
  const machine = await LocalMachine.create(options);
  machine.serial.onData((bytes) => (heard.text += new TextDecoder("latin1").decode(bytes)));
  return machine;
}

/** Runs `machine` until it has said something that makes `enough` true. */
async function runUntil(machine: LocalMachine, enough: () => boolean): Promise<void> {
  const stop = machine.serial.onData(() => enough() && machine.stop());
  await machine.run();
  stop();
}

/** `machine`'s state in a new one, whose output goes on where the other's ended. */
async function moved(machine: LocalMachine, options: MachineOptions, heard: Heard): Promise<LocalMachine> {
  const state = await machine.saveState();
  const next = await listenedTo(options, heard);
  await next.loadState(state);
  return next;
}

/** What of the state is derived: where the code is that runs, the TLB, room for one instruction; then the display's count. */
function derivedRanges({ constants, exports }: MachineEngine): [from: number, to: number][] {
  const at = (name: string): number =>
    (exports as unknown as Record<string, WebAssembly.Global>)[name]!.value;
  const { CPU_AT, VGA_AT, VGA_GENERATION } = constants;
  const cpu = layoutOf(new URL("../../assembly/cpu/state.ts", import.meta.url), "CpuState");
  return [
    ...["block", "codePage", "codePhysical"].map((name): [number, number] => {
      const { offset, size } = cpu.get(name)!;
      return [CPU_AT + offset, CPU_AT + offset + size];
    }),
    [at("TLB_AT"), at("BOARD_AT")], // the parked vCPUs are in there: here there are none
    [at("BOARD_AT") + 0x100, at("BOARD_AT") + 0x200],
    [VGA_AT + VGA_GENERATION, VGA_AT + VGA_GENERATION + 4],
  ];
}

/** Where two engines' states differ in what is not derived; the first few places. */
function differences(a: MachineEngine, b: MachineEngine): number[] {
  const derived = derivedRanges(a);
  const found: number[] = [];
  for (const [from, to] of a.stateRanges) {
    const [one, other] = [a.bytes(from, to - from), b.bytes(from, to - from)];
    if (Buffer.compare(one, other) === 0) continue;
    for (let n = 0; n < one.length && found.length < 10; n++)
      if (one[n] !== other[n] && !derived.some(([start, end]) => from + n >= start && from + n < end))
        found.push(from + n);
  }
  return found;
}

const engineOf = (machine: LocalMachine): MachineEngine =>
  (machine as unknown as { engine: MachineEngine }).engine;

describe("a machine's state", () => {
  it.each([
    ["a boot sector on our BIOS, with timer and disk", ticker, (text: string) => text.endsWith("!")],
    [
      "a program in long mode",
      (more = {}) => ({
        memory: 32 * MIB,
        linux: { kernel: DEMO },
        disks: [new MemorySource(new Uint8Array(MIB))],
        epoch: 1.7e12,
        ...more,
      }),
      (text: string) => text.includes("primes"),
    ],
  ] satisfies [string, typeof ticker, (text: string) => boolean][])(
    "is all there is: %s",
    async (_, make, isEnd) => {
      const options = (): MachineOptions => make({ instructionShift: 3, translates: false });
      const straight = { text: "" };
      const reference = await listenedTo(options(), straight);
      await runUntil(reference, () => isEnd(straight.text));

      const heard = { text: "" };
      let machine = await listenedTo(options(), heard);
      for (let lines = 1; !isEnd(heard.text); lines++) {
        await runUntil(machine, () => heard.text.split("\n").length > lines || isEnd(heard.text));
        const ended = isEnd(heard.text);
        // The disk stays: only the machine moves.
        machine = await moved(machine, { ...options(), disks: mediaOf(machine) }, heard);
        if (ended) break;
      }
      expect(heard.text).toBe(straight.text);
      expect(differences(engineOf(reference), engineOf(machine))).toEqual([]);
    },
    60_000,
  );
});

function mediaOf(machine: LocalMachine): MachineOptions["disks"] {
  return (machine as unknown as { media: NonNullable<MachineOptions["disks"]> }).media;
}

describe("saving and loading", () => {
  const demo = (more: Partial<MachineOptions> = {}): MachineOptions => ({
    memory: 32 * MIB,
    linux: { kernel: DEMO },
    ...more,
  });

  /** A state from the middle of the demo's run, and all that was said before it. */
  async function halfWay(): Promise<{
    state: Uint8Array;
    text: string;
    run: Promise<unknown>;
    machine: LocalMachine;
  }> {
    const heard = { text: "" };
    const machine = await listenedTo(demo(), heard);
    const greeted = machine.serial.waitFor(/Hello/);
    const run = machine.run();
    await greeted;
    const state = await machine.saveState();
    return { state, text: heard.text, run, machine };
  }

  it("leaves the machine running, and any number of others go on from there side by side", async () => {
    const { state, text, run } = await halfWay();
    const heard = [{ text }, { text }, { text }];
    const others = heard.map(async (one) => {
      const machine = await listenedTo(demo(), one);
      await machine.loadState(state);
      return machine.run();
    });
    expect(await run).toEqual({ reason: "power-off" });
    for (const ending of await Promise.all(others)) expect(ending).toEqual({ reason: "power-off" });
    for (const one of heard) {
      expect(one.text.split("Hello")).toHaveLength(2);
      expect(one.text).toMatch(/primes {5}78498 below 1,000,000[^]*Powering off\.\r\n$/);
    }
  });

  it("takes a running machine back, again and again; its time goes on from where it was", async () => {
    const { state, machine, run } = await halfWay();
    const { instructions, time } = await new StateReader(new MemorySource(state)).header();
    for (let round = 0; round < 3; round++) {
      await machine.serial.waitFor(/primes/);
      machine.pause();
      await machine.loadState(state);
      expect(engineOf(machine).instructions).toBe(instructions);
      const now = await new StateReader(new MemorySource(await machine.saveState())).header();
      expect(now.time).toBe(time);
      machine.resume();
    }
    expect(await run).toEqual({ reason: "power-off" });
  });

  it("lets nobody run, nor save, while it loads", async () => {
    const { state, run } = await halfWay();
    await run;
    const heard = { text: "" };
    const machine = await listenedTo(demo(), heard);
    const loaded = machine.loadState(state);
    const saved = machine.saveState();
    const ending = machine.run();
    await loaded;
    const copy = await saved;
    expect(await ending).toEqual({ reason: "power-off" });
    // It has not said what the saved one had said before.
    expect(heard.text).not.toContain("Hello");
    expect(copy.subarray(copy.length - 1000)).toEqual(state.subarray(state.length - 1000));
  });

  it("leaves debuggers what is theirs", async () => {
    const { state } = await halfWay();
    const other = await LocalMachine.create(demo());
    await other.loadState(state);
    other.inspector.setBreakpoints([other.inspector.registers(0).values.get("rip")!]);
    const watched = await other.saveState();
    await other.loadState(state);
    const stopped = new Promise<void>((resolve) =>
      other.events.on(({ name }) => name === "STOP" && resolve()),
    );
    const held = other.run();
    await stopped;
    expect(other.state).toBe("debug");
    // A state does not carry the breakpoint into a machine without a debugger.
    const free = await LocalMachine.create(demo());
    await free.loadState(watched);
    expect(await free.run()).toEqual({ reason: "power-off" });
    other.stop();
    await held;
  });

  it("refuses what is damaged or cut off in a sentence, and the machine stays as it is", async () => {
    const { state } = await halfWay();
    const heard = { text: "" };
    const machine = await listenedTo(demo(), heard);
    for (let n = 0; n < 40; n++) {
      const damaged = state.slice();
      const at = Math.floor((n * state.length) / 40);
      damaged[at]! ^= 1 << (n & 7);
      await expect(machine.loadState(damaged)).rejects.toThrow(
        /^(The machine state is (damaged at offset|cut off at offset) \d+|This is no machine state of this version of wasmqemu)$/,
      );
      await expect(machine.loadState(state.subarray(0, at))).rejects.toThrow(
        /^(The machine state is cut off at offset \d+|This is no machine state of this version of wasmqemu)$/,
      );
    }
    expect(await machine.run()).toEqual({ reason: "power-off" });
    expect(heard.text).toContain("Hello");
  });

  it("refuses the state of another build, and of another machine", async () => {
    const { state } = await halfWay();
    const header = await new StateReader(new MemorySource(state)).header();
    const machine = await LocalMachine.create(demo());
    const foreign = encodeHeader({ ...header, engine: "00000000", version: "0.0.1" });
    await expect(machine.loadState(foreign)).rejects.toThrow(
      "The machine state was made by another build of wasmqemu, version 0.0.1: only that one can go on with it",
    );
    const refusals: [Partial<MachineOptions>, string][] = [
      [{ memory: 64 * MIB }, "is of a machine with guest memory: 32 MiB; this one has 64 MiB"],
      [{ cpus: 2 }, "is of a machine with processors: 1; this one has 2"],
      [{ disks: [undefined, disk()] }, "is of a machine with another drive, or none, as IDE drive 1"],
    ];
    for (const [more, sentence] of refusals)
      await expect((await LocalMachine.create(demo(more))).loadState(state)).rejects.toThrow(
        `The machine state ${sentence}`,
      );
  });
});
