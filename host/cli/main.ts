#!/usr/bin/env node
// argv → command. Each command is imported when it is called for, so that a small one starts at once.
import process from "node:process";
import { node } from "../runtimes/node.ts";
import { useRuntime } from "../runtimes/this.ts";

useRuntime(node);
const { run } = await import("./run.ts");
process.exitCode = await run(process.argv.slice(2));
