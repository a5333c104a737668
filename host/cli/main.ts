#!/usr/bin/env node
// argv → command. Each command is imported when it is called for, so that a small one starts at once.
import process from "node:process";
import { node } from "../runtimes/node.ts";
import { useRuntime } from "../runtimes/this.ts";

useRuntime(node);

async function main(argv: string[]): Promise<number> {
  if (argv[0] === "img") return (await import("./img.ts")).img(argv.slice(1));
  return (await import("./run.ts")).run(argv);
}

process.exitCode = await main(process.argv.slice(2));
