// Runs the suite in Node, Deno or Bun, over dist/: `RUNTIME run-suite.mjs DIST FOLDER [KERNEL INITRD]`; the outcomes are
// the last line, as JSON.
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import type * as Library from "../../host/library.ts";
import { runSuite } from "./suite.ts";

const [dist, folder, kernel, initrd] = process.argv.slice(2);
const library = (await import(pathToFileURL(join(dist!, "index.js")).href)) as typeof Library;
const outcomes = await runSuite(
  {
    library,
    folder: `${folder}/`,
    demo: join(dist!, "demo.bin"),
    debian: kernel && initrd ? { kernel, initrd } : undefined,
  },
  process.env["ONLY"],
);
console.log(JSON.stringify(outcomes));
