#!/usr/bin/env node
// argv → command. Each command is imported when it is called for, so that a small one starts at once.
import { readFile } from "node:fs";
import * as modules from "node:module";
import process from "node:process";

// Node 22 and newer keep what they have compiled for the next start, which then takes half as long.
(modules as { enableCompileCache?: () => void }).enableCompileCache?.();

async function main(argv: string[]): Promise<number> {
  if (argv[0] !== "img") return (await import("./run.ts")).run(argv);
  // Who opens an image asks for this list, which takes Linux 15 ms unless it has just been asked for (node-kernel-locks.ts):
  // they pass while the tool is loaded. Deno would ask its user for permission.
  if (!("deno" in process.versions)) readFile("/proc/locks", () => {});
  return (await import("./img.ts")).img(argv.slice(1));
}

process.exitCode = await main(process.argv.slice(2));
