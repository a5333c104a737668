// The gdb stub: real gdb where it is installed, and packets by hand.
import { execFile } from "node:child_process";
import type { Socket } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { packet, PacketReader } from "../../host/cli/gdb/packets.ts";
import { type CliGuest, connectSoon, startCliGuest } from "../support/cli-guest.ts";
import { missingTools, skipped } from "../support/needs.ts";

/** Where the demo's kernel begins (guests/demo.mjs), in 32-bit mode. */
const ENTRY = 0x10_0000;
/** Where its page tables begin. */
const PML4 = 0x20_0000;

let guest: CliGuest;

function start(...more: string[]): void {
  guest = startCliGuest((folder) => ["-S", "-no-shutdown", "-gdb", `unix:${join(folder, "gdb")}`, ...more]);
}

afterEach(() => guest?.kill());

const missing = missingTools("gdb").length > 0;
if (missing) skipped("the stub with gdb itself", "gdb is not installed");

/** What gdb says to `commands` for a guest that waits for it. */
async function debug(commands: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  (await connectSoon(join(guest.folder, "gdb"))).destroy();
  const all = ["set architecture i386:x86-64", `target remote ${join(guest.folder, "gdb")}`, ...commands];
  return promisify(execFile)("gdb", ["-nx", "-batch", ...all.flatMap((command) => ["-ex", command])]);
}

describe.skipIf(missing)("gdb", () => {
  it("steps, stops at breakpoints, reads and writes", async () => {
    start();
    const { stdout, stderr } = await debug([
      "stepi",
      'printf "stepped to %#lx\\n", $rip',
      `break *${ENTRY + 0xa}`,
      "continue",
      "delete",
      "stepi",
      "set $r15=0x1234",
      'printf "r15 %#lx cr0.PE %d\\n", $r15, $cr0 & 1',
      "set *(int*)0x500000=77",
      'printf "memory %d\\n", *(int*)0x500000',
      "p $xmm0.v4_float",
      "monitor info status",
      "detach",
    ]);
    expect(stdout).toContain("stepped to 0x100001\n");
    expect(stdout).toMatch(/Breakpoint 1, 0x0*10000a in/);
    expect(stdout).toContain("r15 0x1234 cr0.PE 1\n");
    expect(stdout).toContain("memory 77\n");
    expect(stdout).toContain("= {0, 0, 0, 0}\n");
    // gdb has the target speak on its standard error.
    expect(stderr).toContain("VM status: paused (debug)");
    expect(stdout).toContain("detached");
  });

  it("watches data, sets any register, looks at physical memory", async () => {
    start();
    const { stdout } = await debug([
      `watch *(int*)${PML4}`,
      "continue",
      `printf "written %#x by %#lx\\n", *(int*)${PML4}, $rip`,
      "delete",
      `rwatch *(short*)0x10`,
      "delete",
      "set $xmm3.v2_int64[1]=0x1122334455667788",
      "set $st2=1.5",
      "set $mxcsr=0x1fa0",
      'printf "%#lx %g %#x\\n", $xmm3.v2_int64[1], $st2, $mxcsr',
      "maintenance packet Qqemu.PhyMemMode:1",
      "maintenance packet qqemu.PhyMemMode",
      "x/1xb 0x100000",
      "kill",
    ]);
    expect(stdout).toContain("Hardware watchpoint 1: *(int*)");
    expect(stdout).toMatch(/Old value = 0\n+New value = \d+/);
    expect(stdout).toMatch(/written 0x20100[0-9a-f] by 0x1000[0-9a-f]{2}\n/);
    expect(stdout).toContain("0x1122334455667788 1.5 0x1fa0\n");
    expect(stdout).toContain('received: "1"');
    expect(stdout).toMatch(/0x100000:\s+0xfa/);
  });

  it("sees each CPU as a thread and steps the one it is asked to", async () => {
    start("-smp", "2");
    const { stdout } = await debug([
      "info threads",
      "stepi",
      'printf "1: %#lx\\n", $rip',
      "thread 2",
      'printf "2: %#lx\\n", $rip',
      `break *${ENTRY + 0xa}`,
      "continue",
      "kill",
    ]);
    expect(stdout).toMatch(
      /\* 1 +Thread 1.* \(CPU#0 \[running\]\).*\n +2 +Thread .*2.* \(CPU#1 \[halted \]\)/,
    );
    expect(stdout).toContain("1: 0x100001\n");
    expect(stdout).toContain("2: 0xfff0\n");
    expect(stdout).toMatch(/Thread 1 hit Breakpoint 1, 0x0*10000a in/);
  });
});

describe("packets", () => {
  it("run, interrupt and stop the guest", async () => {
    start();
    const socket: Socket = await connectSoon(join(guest.folder, "gdb"));
    const answers: string[] = [];
    const reader = new PacketReader(() => {});
    socket.on("data", (bytes) => answers.push(...reader.push(bytes.toString("latin1"))));
    const next = async (): Promise<string> => {
      for (let tries = 0; answers.length === 0; tries++) {
        if (tries > 500) throw new Error("no answer");
        await new Promise((go) => setTimeout(go, 10));
      }
      return answers.shift()!;
    };
    const ask = (request: string): Promise<string> => {
      socket.write(packet(request));
      return next();
    };
    expect(await ask("?")).toBe("T05thread:01;");
    expect(await ask("p10")).toBe("0000100000000000");
    expect(await ask("p99")).toBe("E14");
    expect(await ask("R00")).toBe("");
    expect(await ask("z0,1234,1")).toBe("E22");
    expect(await ask("z2,1234,4")).toBe("E22");
    expect(await ask("Z2,1234,4")).toBe("OK");
    expect(await ask("z2,1234,4")).toBe("OK");
    expect(await ask("T02")).toBe("E22");
    expect(await ask("Hg5")).toBe("E22");
    expect(await ask("m100000,2")).toBe("fafc");
    expect(await ask("vCont;s")).toBe("T05thread:01;");
    expect(await ask("p10")).toBe("0100100000000000");
    socket.write(packet("c"));
    await new Promise((go) => setTimeout(go, 100));
    expect(answers).toEqual([]);
    socket.write("\x03");
    expect(await next()).toBe("T02thread:01;");
    expect(await ask("k")).toBe("W00");
    expect(await guest.exitCode).toBe(0);
    socket.destroy();
  });

  it("are put together from pieces, and asked for again when they are damaged", () => {
    const signs: string[] = [];
    const reader = new PacketReader((sign) => signs.push(sign));
    expect(reader.push("+$qC#")).toEqual([]);
    expect(reader.push("b4\x03$g#00")).toEqual(["qC", "\x03"]);
    expect(signs).toEqual(["+", "-"]);
  });
});
