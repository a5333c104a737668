// One guest, several emulators: boots the benchmark's Linux and reads what it prints on its serial line.
import { spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { installed } from "../test/support/runtimes.ts";

export type Bits = 64 | 32;
/** wasmqemu is measured in Node, unless a runtime is named. */
export type Emulator = "wasmqemu" | "wasmqemu in Deno" | "wasmqemu in Bun" | "wasmqemu in Chromium" | Peer;
export type Peer = "QEMU TCG" | "v86";

export interface GuestRun {
  emulator: Emulator;
  bits: Bits;
  /** Host seconds from starting the emulator to the guest's first process. */
  boot: number;
  /** Seconds by the guest's clock, by kernel of bench.c. */
  seconds: Record<string, number>;
  /** What each kernel computed: the same everywhere, or the emulator is wrong. */
  checksums: Record<string, string>;
  /** Why the run is not complete. */
  failure?: string;
}

export interface GuestOptions {
  /** Folder with the built guests. */
  images: string;
  /** How much work each kernel does; 1 is a second or so under QEMU TCG. */
  scale: number;
  /** One kernel instead of all. */
  only?: string;
  /** Seconds after which a run is given up. */
  limit: number;
}

/** The command line that boots the guest in `emulator`. */
function commandOf(emulator: Emulator, bits: Bits, { images, scale, only }: GuestOptions): string[] {
  const words = `console=ttyS0 quiet bench.scale=${scale}${only ? ` bench.only=${only}` : ""}`;
  const kernel = join(images, `vmlinuz${bits}`);
  const initrd = join(images, `initrd${bits}.gz`);
  const guest = ["-m", "512", "-kernel", kernel, "-initrd", initrd, "-append", words];
  const plain = ["-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot"];
  switch (emulator) {
    case "wasmqemu":
      return [process.execPath, "dist/cli.js", "-cpu", "max", ...guest, ...plain];
    case "wasmqemu in Deno":
      return [installed("deno"), "run", "-A", "dist/cli.js", "-cpu", "max", ...guest, ...plain];
    case "wasmqemu in Bun":
      return [installed("bun"), "dist/cli.js", "-cpu", "max", ...guest, ...plain];
    case "wasmqemu in Chromium":
      return [process.execPath, "scripts/ts.mjs", "bench/chromium.ts", kernel, initrd, words];
    case "QEMU TCG":
      return [
        "qemu-system-x86_64",
        "-accel",
        "tcg",
        "-cpu",
        bits === 64 ? "max" : "qemu32,+sse2",
        ...guest,
        ...plain,
      ];
    case "v86":
      return [process.execPath, "bench/v86.mjs", kernel, initrd, words];
  }
}

/** Runs the benchmark once. Never throws: what goes wrong is in the result. */
export async function runGuest(emulator: Emulator, bits: Bits, options: GuestOptions): Promise<GuestRun> {
  const run: GuestRun = { emulator, bits, boot: NaN, seconds: {}, checksums: {} };
  let started = performance.now();
  const [command, ...args] = commandOf(emulator, bits, options);
  const child = spawn(command!, args, { stdio: ["ignore", "pipe", "pipe"] });
  const timer = setTimeout(() => child.kill("SIGKILL"), options.limit * 1000);
  let rest = "";
  let words = "";
  let done = false;
  child.stderr.on("data", (bytes: Buffer) => (words += bytes.toString()));
  child.stdout.on("data", (bytes: Buffer) => {
    const lines = (rest + bytes.toString("latin1")).split(/\r?\n/);
    rest = lines.pop()!;
    for (const line of lines) {
      if (line === "EMULATOR-START") started = performance.now();
      if (line.endsWith("BENCH-START")) run.boot = (performance.now() - started) / 1000;
      if (line.endsWith("BENCH-DONE")) done = true;
      const [, name, seconds, checksum] = /BENCH (\w+) ([\d.]+) ([0-9a-f]+)$/.exec(line) ?? [];
      if (!name) continue;
      run.seconds[name] = Number(seconds);
      run.checksums[name] = checksum!;
    }
  });
  await new Promise<void>((resolve) => {
    child.on("close", () => resolve());
    child.on("error", (error) => {
      words = error.message;
      resolve();
    });
  });
  clearTimeout(timer);
  if (!done && !rest.endsWith("BENCH-DONE"))
    run.failure = words.trim().split("\n").at(-1) || `no end within ${options.limit} s`;
  return run;
}
