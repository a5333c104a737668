// The library's door in browsers, in pages and in workers.
import { browser } from "./runtimes/browser.ts";
import { useRuntime } from "./runtimes/this.ts";

export * from "./library.ts";

useRuntime(browser);
