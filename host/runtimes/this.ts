// The runtime that this process is in: the library's door names it once, the rest asks here.
import type { Runtime } from "./runtime.ts";

let current: Runtime | undefined;

export function useRuntime(runtime: Runtime): void {
  current = runtime;
}

export function thisRuntime(): Runtime {
  if (!current) throw new Error("no runtime: import wasmqemu, not one of its files");
  return current;
}
