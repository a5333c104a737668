// The monitor as scripts use it: over a unix socket, beside a running guest.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "monitor-"));
const path = join(folder, "monitor");

let socket: Socket;
let exitCode: Promise<unknown>;
let received = "";

/** Sends a line; returns what comes before the next prompt. */
async function ask(line: string): Promise<string> {
  received = "";
  socket.write(`${line}\n`);
  await until(() => received.includes("\n(qemu) ") || received.endsWith("(qemu) "));
  return received.slice(received.indexOf("\r\n") + 2, -"(qemu) ".length).replaceAll("\r\n", "\n");
}

async function until(done: () => boolean): Promise<void> {
  for (let tries = 0; !done(); tries++) {
    if (tries > 500) throw new Error(`no prompt in: ${received}`);
    await new Promise((next) => setTimeout(next, 20));
  }
}

beforeAll(async () => {
  const args = [
    "-m",
    "32",
    "-kernel",
    resolve("dist/demo.bin"),
    "-display",
    "none",
    "-serial",
    "null",
    "-no-shutdown",
  ];
  const child = spawn(
    process.execPath,
    [resolve("dist/cli.js"), ...args, "-monitor", `unix:${path},server=on,wait=off`, "-name", "tester"],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  exitCode = once(child, "exit").then(([code]) => code as unknown);
  for (let tries = 0; tries < 200 && !socket; tries++) {
    const attempt = connect(path);
    const connected = await Promise.race([
      once(attempt, "connect").then(() => true),
      once(attempt, "error").then(() => false),
    ]).catch(() => false);
    if (connected) socket = attempt;
    else await new Promise((next) => setTimeout(next, 50));
  }
  socket.on("data", (bytes) => (received += bytes.toString()));
  await until(() => received.endsWith("(qemu) "));
  expect(received).toMatch(/monitor - type 'help' for more information\r\n\(qemu\) $/);
});

afterAll(() => void socket?.destroy());

describe("a monitor on a unix socket", () => {
  it("tells of the machine", async () => {
    expect(await ask("info status")).toMatch(/^VM status: (running|paused \(shutdown\))\n$/);
    expect(await ask("info name")).toBe("tester\n");
    expect(await ask("info jit")).toMatch(
      /^regions        \d+, of \d+ translated so far\ncode size      \d+ bytes of WebAssembly\n/,
    );
    expect(await ask("info registers")).toMatch(/^\nCPU#0\nRAX=[0-9a-f]{16} /);
    const pci = await ask("info pci");
    expect(pci).toContain("IDE controller: PCI device 8086:7010");
    expect(pci).toMatch(/BAR0: 32 bit prefetchable memory at 0x[0-9a-f]{2}000000 \[0x[0-9a-f]{2}ffffff\]/);
    expect(await ask("info chardev")).toContain(`compat_monitor0: filename=unix:${path},server=on\n`);
    expect(await ask("info block")).toContain("ide1-cd0: [not inserted]\n    Removable device");
  });

  it("shows memory and values", async () => {
    expect(await ask("xp /2xb 0x100000")).toMatch(/^0000000000100000: 0x[0-9a-f]{2} 0x[0-9a-f]{2}\n$/);
    expect(await ask("xp/2i 0x100000")).toMatch(
      /^0x0{10}100000: {2}\w\w .+ \w+.*\n0x0{10}10000\d: {2}\w\w .+\n$/,
    );
    expect(await ask("xp/x 0xfffffff0")).toMatch(/^00000000fffffff0: 0xea\n$/);
    expect(await ask("p 6*7")).toBe("0x2a\n");
    expect(await ask("p/d 6*7")).toBe("42\n");
    expect(await ask("i /b 0x92")).toMatch(/^portb\[0x0092\] = 0x0[0-9]\n$/);
  });

  it("changes the CD", async () => {
    expect(await ask(`change ide1-cd0 ${resolve("dist/machine.wasm")} raw`)).toBe("");
    expect(await ask("info block ide1-cd0")).toMatch(/^ide1-cd0: .*machine\.wasm \(raw, read-only\)\n/);
    expect(await ask("eject ide1-cd0")).toBe("");
    expect(await ask("info block ide1-cd0")).toMatch(/^ide1-cd0: \[not inserted\]\n/);
    expect(await ask("eject ide0-hd0")).toBe("Error: Device 'ide0-hd0' not found\n");
    expect(await ask("change ide1-cd0 nosuch.iso")).toMatch(/^Error: Could not open 'nosuch.iso': /);
  });

  it("takes the screen's picture, in two formats", async () => {
    expect(await ask(`screendump ${join(folder, "s.ppm")}`)).toBe("");
    expect(readFileSync(join(folder, "s.ppm")).subarray(0, 15).toString()).toBe("P6\n720 400\n255\n");
    expect(await ask(`screendump ${join(folder, "s.png")} -f png`)).toBe("");
    expect(readFileSync(join(folder, "s.png")).subarray(1, 4).toString()).toBe("PNG");
    expect(await ask("screendump nodir/x.ppm")).toBe(
      "Error: failed to open file 'nodir/x.ppm': No such file or directory\n",
    );
  });

  it("answers mistakes as QEMU does", async () => {
    expect(await ask("foo")).toBe("unknown command: 'foo'\n");
    expect(await ask("info foo")).toBe("unknown command: 'info foo'\n");
    expect(await ask("stop now")).toBe(
      'stop|s: extraneous characters at the end of line\nTry "help stop" for more information\n',
    );
    expect(await ask("sendkey nosuch")).toBe("invalid parameter: nosuch\n");
  });

  it("starts over after the guest has powered off, stops and goes on", async () => {
    for (let tries = 0; !(await ask("info status")).includes("shutdown"); tries++)
      expect(tries).toBeLessThan(200);
    expect(await ask("cont")).toBe("Error: Resetting the Virtual Machine is required\n");
    expect(await ask("system_reset")).toBe("");
    expect(await ask("info status")).toBe("VM status: paused\n");
    expect(await ask("c")).toBe("");
    expect(await ask("info status")).toBe("VM status: running\n");
    expect(await ask("stop")).toBe("");
    expect(await ask("info status")).toBe("VM status: paused\n");
  });

  it("quits", async () => {
    socket.write("quit\n");
    expect(await exitCode).toBe(0);
  });
});
