// The library's door in Node, Deno and Bun.
import { node } from "./runtimes/node.ts";
import { useRuntime } from "./runtimes/this.ts";

export * from "./library.ts";

useRuntime(node);
