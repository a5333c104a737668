// A guest under the command line, for tests that speak with it over a socket.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";

export interface CliGuest {
  folder: string;
  exitCode: Promise<unknown>;
  /** Ends the process, should the test not have done so. */
  kill(): void;
}

/** The demo's guest, with neither screen nor serial port; `args` are given the folder for sockets. */
export function startCliGuest(args: (folder: string) => string[]): CliGuest {
  const folder = mkdtempSync(join(tmpdir(), "guest-"));
  const common = ["-m", "32", "-kernel", resolve("dist/demo.bin"), "-display", "none", "-serial", "null"];
  const child = spawn(process.execPath, [resolve("dist/cli.js"), ...common, ...args(folder)], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const exitCode = once(child, "exit").then(([code]) => code as unknown);
  return { folder, exitCode, kill: () => void child.kill() };
}

/** Connects as soon as somebody listens. */
export async function connectSoon(address: string | { host: string; port: number }): Promise<Socket> {
  for (let tries = 0; ; tries++) {
    const attempt = typeof address === "string" ? connect(address) : connect(address);
    const connected = await Promise.race([
      once(attempt, "connect").then(() => true),
      once(attempt, "error").then(() => false),
    ]).catch(() => false);
    if (connected) return attempt;
    if (tries > 200) throw new Error(`nobody listens at ${JSON.stringify(address)}`);
    await new Promise((next) => setTimeout(next, 50));
  }
}
