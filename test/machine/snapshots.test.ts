// savevm and loadvm: machine and disks go back together, within one process and into the next.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { MemorySource } from "../../host/block/memory.ts";
import type { BlockSource } from "../../host/block/source.ts";
import { readSnapshots } from "../../host/image/qcow2/snapshots.ts";
import type { Qcow2CreateOptions } from "../../host/image/qcow2/create.ts";
import type { Qcow2Image } from "../../host/image/qcow2/image.ts";
import { createImage, Machine } from "../../host/index.ts";
import { LocalMachine, type MachineOptions } from "../../host/machine.ts";
import { RawImage } from "../../host/image/formats/raw.ts";
import { node } from "../../host/runtimes/node.ts";
import { useRuntime } from "../../host/runtimes/this.ts";
import { Snapshots } from "../../host/state/snapshots.ts";
import { GuestConsole } from "../support/console.ts";
import { missingTools, skipped } from "../support/needs.ts";
import { CLI, ours, scratchFolder } from "../support/qemu-img.ts";
import { blank, check, open } from "../support/qcow2.ts";
import { TICKER, TICKS } from "../support/ticker.ts";
import { bootArguments, obstacle } from "./debian-guest.ts";

const MIB = 2 ** 20;

beforeAll(() => useRuntime(node));

/** Time counts instructions and jumps over waits. */
const QUICK = { instructionShift: 3 };

/** The ticker on a qcow2 disk of its own. */
class Ticking {
  text = "";
  readonly snapshots: Snapshots;

  private constructor(
    readonly machine: LocalMachine,
    readonly file: MemorySource,
    readonly image: Qcow2Image,
  ) {
    machine.serial.onData((bytes) => (this.text += new TextDecoder("latin1").decode(bytes)));
    this.snapshots = new Snapshots(machine, () => [{ name: "ide0-hd0", readOnly: false, image }]);
  }

  static async start(
    format: Partial<Qcow2CreateOptions> = {},
    more: Partial<MachineOptions> = {},
  ): Promise<Ticking> {
    const file = await blank({ size: MIB, ...format });
    const image = await open(file);
    await image.write!(TICKER, 0);
    return Ticking.on(file, image, more);
  }

  static async on(
    file: MemorySource,
    image: Qcow2Image,
    more: Partial<MachineOptions> = {},
  ): Promise<Ticking> {
    const machine = await LocalMachine.create({ memory: 16 * MIB, disks: [image], ...QUICK, ...more });
    return new Ticking(machine, file, image);
  }

  get lines(): number {
    return this.text.split("\n").length - 1;
  }

  /** Runs until `enough`, or to the end. */
  async run(enough = (): boolean => false): Promise<void> {
    const stop = this.machine.serial.onData(() => {
      if (enough() || this.text.endsWith("!")) this.machine.stop();
    });
    await this.machine.run();
    stop();
  }
}

const sectors = async (disk: BlockSource): Promise<Uint8Array> => {
  const bytes = new Uint8Array(64 * 512);
  await disk.read(bytes, 0);
  return bytes;
};

describe("snapshots of a running machine", () => {
  it.each([
    ["clusters of 64 KiB", {}],
    ["of 512 bytes", { clusterSize: 512 }],
    ["of 2 MiB", { clusterSize: 2 * MIB }],
    ["subclusters", { extendedL2: true }],
    ["version 2", { version: 2 }],
    ["counts of one bit less than shared clusters need", { refcountBits: 2 }],
  ] satisfies [string, Partial<Qcow2CreateOptions>][])(
    "take machine and disk back, again and again: %s",
    async (_, format) => {
      const guest = await Ticking.start(format);
      const { snapshots } = guest;
      await guest.run(() => guest.lines >= 5);
      const before = guest.text;
      await snapshots.save("five");
      await guest.run();
      const [end, disk] = [guest.text, await sectors(guest.image)];
      expect(guest.lines).toBe(TICKS);
      for (let round = 0; round < 2; round++) {
        await snapshots.load("five");
        guest.text = before;
        expect(await sectors(guest.image)).not.toEqual(disk);
        await guest.run();
        expect(guest.text).toBe(end);
        expect(await sectors(guest.image)).toEqual(disk);
      }
      await guest.image.flush!();
      expect(await check(guest.file)).toMatchObject({ corruptions: 0, leaks: 0, findings: [] });
    },
  );

  it("go on in another process' machine, any number of times, to the same end", async () => {
    const guest = await Ticking.start();
    await guest.run(() => guest.lines >= 7);
    const before = guest.text;
    await guest.snapshots.save("seven");
    await guest.run();
    await guest.image.flush!();
    for (let round = 0; round < 2; round++) {
      const again = await Ticking.on(guest.file, await open(guest.file));
      await again.snapshots.load("seven");
      again.text = before;
      await again.run();
      expect(again.text).toBe(guest.text);
      await again.image.flush!();
    }
  });

  it("are taken while the guest runs and writes; what is under way ends first", async () => {
    const guest = await Ticking.start();
    let underWay = 0;
    const { image } = guest;
    const slow: BlockSource = {
      size: image.size,
      read: (into, offset) => image.read(into, offset),
      async write(from, offset) {
        underWay++;
        await new Promise((resolve) => setTimeout(resolve, 20));
        await image.write!(from, offset);
        underWay--;
      },
      close: () => image.close(),
    };
    const machine = await LocalMachine.create({ memory: 16 * MIB, disks: [slow] });
    const said: string[] = [];
    machine.events.on(({ name }) => said.push(name));
    const snapshots = new Snapshots(machine, () => [{ name: "ide0-hd0", readOnly: false, image }]);
    let text = "";
    let [atSave, busy] = ["", 0];
    machine.serial.onData((bytes) => (text += new TextDecoder("latin1").decode(bytes)));
    const run = machine.run();
    for (let round = 0; round < 3; round++) {
      const lines = text.length;
      while (text.length < lines + 5 || underWay === 0)
        await new Promise((resolve) => setTimeout(resolve, 2));
      busy += underWay;
      await snapshots.save("busy");
      expect(underWay).toBe(0);
    }
    expect(busy).toBe(3);
    expect(said).toEqual(["STOP", "RESUME", "STOP", "RESUME", "STOP", "RESUME"]);
    expect((await readSnapshots(image)).list.map(({ name }) => name)).toEqual(["busy"]);
    atSave = text;
    while (!text.endsWith("!")) await new Promise((resolve) => setTimeout(resolve, 20));
    machine.stop();
    await run;
    const again = await Ticking.on(guest.file, image);
    await again.snapshots.load("busy");
    await again.run();
    expect(text.endsWith(again.text)).toBe(true);
    expect(again.text.length).toBeGreaterThanOrEqual(text.length - atSave.length);
  });

  it("say their size and the machine's clock; deleting them frees what they took", async () => {
    const guest = await Ticking.start();
    await guest.run(() => guest.lines >= 3);
    await guest.image.flush!();
    const { allocatedClusters } = await check(guest.file);
    const end = (await check(guest.file)).imageEndOffset;
    await guest.snapshots.save("a");
    const [one] = (await readSnapshots(guest.image)).list;
    expect(one).toMatchObject({ id: "1", name: "a", diskSize: MIB });
    expect(one!.vmStateSize).toBeGreaterThan(10_000);
    expect(Number(one!.icount)).toBe(guest.machine.instructions);
    expect(Number(one!.clockNanoseconds)).toBeGreaterThan((2 * 1e9) / 18.3);
    await guest.snapshots.load("a");
    await guest.snapshots.delete("a");
    await guest.snapshots.delete("a");
    await guest.image.flush!();
    expect(await check(guest.file)).toMatchObject({ corruptions: 0, leaks: 0, allocatedClusters });
    expect(end).toBeGreaterThan(0);
    expect(await guest.snapshots.describe()).toBe("There is no snapshot available.");
  });

  it("are refused where they are damaged, and machine and disk stay as they are", async () => {
    const guest = await Ticking.start();
    await guest.run(() => guest.lines >= 3);
    await guest.snapshots.save("a");
    await guest.run(() => guest.lines >= 6);
    await guest.image.flush!();
    const at = Buffer.from(guest.file.content).indexOf("wasmqemu state");
    guest.file.content[at + 2000]! ^= 4;
    const disk = await sectors(guest.image);
    await expect(guest.snapshots.load("a")).rejects.toThrow(/^The machine state is damaged at offset \d+$/);
    expect(await sectors(guest.image)).toEqual(disk);
    await guest.run();
    expect(guest.lines).toBe(TICKS);
  });

  it("need a place, and every writable disk must take them", async () => {
    const guest = await Ticking.start();
    const raw = {
      name: "raw",
      readOnly: false,
      image: new RawImage("disk.raw", new MemorySource(new Uint8Array(MIB)), false),
    };
    const own = { name: "own", readOnly: false, image: guest.image };
    const empty = { name: "cd", readOnly: true, image: undefined };
    const on = (...drives: ConstructorParameters<typeof Snapshots>[1] extends () => infer D ? D[] : never) =>
      new Snapshots(guest.machine, () => drives.flat());
    const noPlace = "no block device can store vmstate for snapshot";
    await expect(on([empty]).save("a")).rejects.toThrow(noPlace);
    expect(await on([empty]).describe()).toBe(noPlace);
    await expect(on([own, raw]).save("a")).rejects.toThrow(
      "Device 'raw' is writable but does not support snapshots",
    );
    await on([own, { ...raw, readOnly: true }]).save("a");
    await on([own]).save("a");
    await expect(on([own]).save("a", { replaces: false })).rejects.toThrow(
      "Snapshot 'a' already exists in one or more devices",
    );
    await expect(on([own]).load("b")).rejects.toThrow("Snapshot 'b' does not exist in one or more devices");
    const second = await open(await blank({ size: MIB }));
    const both = [own, { name: "second", readOnly: false, image: second }];
    await expect(on(both).load("a")).rejects.toThrow("Snapshot 'a' does not exist in one or more devices");
    await on(both).save("both");
    expect((await readSnapshots(second)).list).toMatchObject([{ name: "both", vmStateSize: 0 }]);
    expect(await on(both).describe()).toMatch(
      /^List of snapshots present on all disks:\nID .*\n-- {8}both .*\n\nList of partial \(non-loadable\) snapshots on 'own':\nID .*\n2 {9}a .*$/,
    );
  });
});

describe("the library's machine", () => {
  const folder = scratchFolder();
  const demo = resolve("dist/demo.bin");

  it.each([
    ["a disk", undefined],
    ["an encrypted disk", "a passphrase"],
  ])("keeps itself in %s and comes back from there", async (_, passphrase) => {
    const disk = join(folder, `${passphrase ?? "plain"}.qcow2`);
    const encryption = passphrase === undefined ? {} : { encryption: { passphrase, iterTime: 10 } };
    await createImage(disk, { size: MIB, ...encryption });
    const source = { source: disk, ...(passphrase === undefined ? {} : { passphrase }) };
    const description = { memory: "32M", kernel: demo, drives: [source] };
    const first = await Machine.create(description);
    first.start();
    await first.waitFor(/boot no. +1 of/);
    await first.saveSnapshot("ready");
    await first.saveSnapshot("unwanted");
    await first.deleteSnapshot("unwanted");
    expect(await first.run()).toEqual({ reason: "power-off" });
    await first.close();
    const again = await Machine.create(description);
    await expect(again.loadSnapshot("unwanted")).rejects.toThrow("does not exist in one or more devices");
    await again.loadSnapshot("ready");
    const rest = again.waitFor(/Powering off/);
    expect(await again.run()).toEqual({ reason: "power-off" });
    expect(await rest).not.toContain("boot no.");
    await again.close();
    expect(readFileSync(disk).includes("wasmqemu state")).toBe(passphrase === undefined);
  });
});

const noTools = missingTools("qemu-img");
if (noTools.length > 0)
  skipped("snapshots seen by qemu-img", "qemu-img (Debian: qemu-utils) is not installed");

describe.skipIf(noTools.length > 0)("-loadvm", () => {
  const folder = scratchFolder();
  const disk = join(folder, "ticker.qcow2");
  const qemuImg = (...args: string[]): string => {
    const { stdout, stderr } = spawnSync("qemu-img", args, { encoding: "utf8" });
    return stdout + stderr;
  };
  const start = (...more: string[]): GuestConsole =>
    new GuestConsole(process.execPath, [
      CLI,
      "-m",
      "16",
      "-hda",
      disk,
      "-display",
      "none",
      "-serial",
      "mon:stdio",
      ...more,
    ]);

  it("goes on in a new process; qemu-img sees the snapshot, and a sound image", async () => {
    writeFileSync(join(folder, "ticker.raw"), TICKER);
    qemuImg("convert", "-f", "raw", "-O", "qcow2", join(folder, "ticker.raw"), disk);
    qemuImg("resize", disk, "1M");
    const straight = start();
    await straight.find(/!/);
    const lines = straight.output.match(/^[A-P]{4}$/gm)!;
    straight.kill();

    qemuImg("convert", "-f", "raw", "-O", "qcow2", join(folder, "ticker.raw"), disk);
    qemuImg("resize", disk, "1M");
    const first = start();
    await first.find(/([A-P]{4}\n){4}/);
    first.type("\x01csavevm a\nsavevm b\nsavevm\nquit\n");
    expect(await first.exitCode).toBe(0);
    const said = first.output.match(/^[A-P]{4}$/gm)!;
    expect(said).toEqual(lines.slice(0, said.length));
    expect(qemuImg("check", disk)).toContain("No errors were found");
    expect(qemuImg("snapshot", "-l", disk)).toMatch(
      /^1 +a +[\d.]+ KiB \d{4}-[\d-]+ [\d:]+ 00:00:\d\d\.\d+ *\n2 +b /m,
    );

    const list = qemuImg("snapshot", "-l", disk);
    expect(ours(folder, "snapshot", "-l", disk).out).toBe(list);
    const [unnamed] = /vm-\d{14}/.exec(list)!;

    for (const tag of ["a", "b", "a", unnamed]) {
      const again = start("-loadvm", tag);
      await again.find(/!/);
      again.type("\x01x");
      expect(await again.exitCode).toBe(0);
      const rest = again.output.match(/^[A-P]{4}$/gm)!;
      expect(rest).toEqual(lines.slice(-rest.length));
      // The snapshot may have come within a line.
      expect(rest.length).toBeGreaterThanOrEqual(lines.length - said.length - 1);
      expect(qemuImg("check", disk)).toContain("No errors were found");
    }
    for (const tag of ["a", "b", unnamed]) expect(qemuImg("snapshot", "-d", tag, disk)).toBe("");
    expect(qemuImg("check", disk)).toMatch(/No errors were found[^]*\n1\/16 = 6.25% allocated/);

    const none = start("-loadvm", "a");
    expect(await none.exitCode).toBe(1);
    expect(none.words).toBe("wasmqemu: Snapshot 'a' does not exist in one or more devices\n");
  }, 120_000);
});

const why = obstacle("mke2fs", "qemu-img");
if (why) skipped("a snapshot of Debian's kernel on two processors", why);

describe.skipIf(why)("Debian's kernel on two processors", () => {
  const folder = scratchFolder();
  it("goes on in a new process from the middle of its writes", async () => {
    const disk = join(folder, "disk.qcow2");
    spawnSync("qemu-img", ["create", "-q", "-f", "qcow2", disk, "16M"]);
    const args = (...more: string[]): string[] => [CLI, ...bootArguments("-smp", "2", "-hda", disk, ...more)];
    const guest = new GuestConsole(process.execPath, args());
    // Both processors at work, one of them on the disk: what it writes is known, and the other counts as long.
    const work =
      "(i=0; while [ ! -e /over ]; do i=$((i+1)); done; echo counted $i) & " +
      "n=0; while [ $n -lt 5 ]; do n=$((n+1)); yes part $n | head -c 262144 | " +
      "dd of=/dev/sda bs=64k seek=$((n*4)) conv=notrunc,fsync 2>/dev/null; echo part $n; done; touch /over; wait; " +
      "echo 3 > /proc/sys/vm/drop_caches; sha256sum /dev/sda; echo all-done";
    const endOf = async (one: GuestConsole): Promise<string> => {
      const [, hash] = await one.find(/([0-9a-f]{64}) +\/dev\/sda\nall-done/, 600);
      return hash!;
    };
    await guest.find(/guest# $/m, 900);
    guest.type(`${work}\n`);
    await guest.find(/part 2\n/, 300);
    guest.type("\x01csavevm busy\n");
    await guest.find(/\(qemu\) .*savevm busy[^(]*\(qemu\) /, 120);
    guest.type("\x01c");
    const hash = await endOf(guest);
    guest.type("\x01x");
    await guest.exitCode;
    const again = new GuestConsole(process.execPath, args("-loadvm", "busy"));
    expect(await endOf(again)).toBe(hash);
    expect(again.output).toMatch(/^counted \d+$/m);
    expect(again.output).not.toContain("part 1\n");
    again.type("nproc\n");
    await again.find(/^2\n/m);
    again.type("\x01x");
    expect(await again.exitCode).toBe(0);
    expect(spawnSync("qemu-img", ["check", disk]).status).toBe(0);
  }, 900_000);
});
