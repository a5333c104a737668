// What a test needs of the machine it runs on, and the sentence that says why it was skipped.
import { spawnSync } from "node:child_process";

/** Names of `tools` that are not on PATH. */
export function missingTools(...tools: string[]): string[] {
  return tools.filter((tool) => spawnSync("which", [tool]).status !== 0);
}

/** Prints why `what` is skipped, where the person who runs the tests sees it. */
export function skipped(what: string, why: string): void {
  process.stderr.write(`skipped: ${what}, because ${why}\n`);
}
