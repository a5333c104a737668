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

let guest: CliGuest;

function start(): void {
  guest = startCliGuest((folder) => ["-S", "-no-shutdown", "-gdb", `unix:${join(folder, "gdb")}`]);
}

afterEach(() => guest?.kill());

const missing = missingTools("gdb").length > 0;
if (missing) skipped("the stub with gdb itself", "gdb is not installed");

describe.skipIf(missing)("gdb", () => {
  it("steps, stops at breakpoints, reads and writes", async () => {
    start();
    (await connectSoon(join(guest.folder, "gdb"))).destroy();
    const commands = [
      "set architecture i386:x86-64",
      `target remote ${join(guest.folder, "gdb")}`,
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
    ];
    const { stdout, stderr } = await promisify(execFile)("gdb", [
      "-nx",
      "-batch",
      ...commands.flatMap((command) => ["-ex", command]),
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
