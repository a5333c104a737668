// The library: machines in this process, with the demo guest.
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { MemorySource } from "../../host/block/memory.ts";
import type { BlockSource } from "../../host/block/source.ts";
import { LocalMachine, type MachineOptions } from "../../host/machine.ts";
import { node } from "../../host/runtimes/node.ts";
import { useRuntime } from "../../host/runtimes/this.ts";

const MIB = 2 ** 20;

function options(more: Partial<MachineOptions> = {}): MachineOptions {
  return { memory: 64 * MIB, linux: { kernel: readFileSync("dist/demo.bin") }, ...more };
}

/** Runs a new machine to its end; returns what it sent. */
async function runWith(more: Partial<MachineOptions>): Promise<string> {
  const machine = await LocalMachine.create(options(more));
  const decoder = new TextDecoder();
  let text = "";
  machine.serial.onData((bytes) => (text += decoder.decode(bytes)));
  expect(await machine.run()).toEqual({ reason: "power-off" });
  return text;
}

const blankDisk = (): MemorySource => new MemorySource(new Uint8Array(MIB));

beforeAll(() => useRuntime(node));

describe("a machine", () => {
  it("runs to the guest's power off; its writes are on the disk", async () => {
    const disk = blankDisk();
    expect(await runWith({ disks: [disk] })).toContain("boot no.   1 of");
    expect(disk.content.some((byte) => byte !== 0)).toBe(true);
    expect(await runWith({ disks: [disk] })).toContain("boot no.   2 of");
  });

  it("shares nothing with another one in the same process", async () => {
    const both = await Promise.all([runWith({ disks: [blankDisk()] }), runWith({ disks: [blankDisk()] })]);
    for (const text of both) expect(text).toContain("boot no.   1 of");
  });

  it("stops between two slices and goes on from there", async () => {
    const machine = await LocalMachine.create(options());
    const greeting = machine.serial.waitFor(/Hello/);
    const run = machine.run();
    await greeting;
    machine.stop();
    expect(await run).toEqual({ reason: "stopped" });
    expect(await machine.run()).toEqual({ reason: "power-off" });
  });

  it("tells the guest, and whoever watches, of a disk that fails", async () => {
    const broken: BlockSource = {
      size: MIB,
      read: () => Promise.reject(new Error("the platter is gone")),
      close: () => Promise.resolve(),
    };
    const sentences: string[] = [];
    const text = await runWith({ disks: [broken], onTrouble: (sentence) => sentences.push(sentence) });
    expect(text).not.toContain("boot no.");
    expect(sentences[0]).toBe("disk 0: read at offset 0 failed: the platter is gone");
  });

  it("refuses what is no kernel, and memory that is too small for it", async () => {
    await expect(LocalMachine.create(options({ linux: { kernel: new Uint8Array(8192) } }))).rejects.toThrow(
      "invalid kernel header",
    );
    await expect(LocalMachine.create(options({ memory: MIB }))).rejects.toThrow(
      "do not fit into guest memory",
    );
  });
});
