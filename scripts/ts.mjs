// Runs a TypeScript program of this repository on any supported Node: `node scripts/ts.mjs bench/run.ts …`
import { mkdirSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const [program, ...args] = process.argv.slice(2);
const root = dirname(dirname(fileURLToPath(import.meta.url)));
// Two folders deep, as the sources are: they look for dist/ from where they lie.
const folder = join(root, ".cache", "ts");
const outfile = join(folder, `${basename(program, ".ts")}.mjs`);
mkdirSync(folder, { recursive: true });
await build({
  entryPoints: [resolve(program)],
  outfile,
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  packages: "external",
  external: ["*/deno-assets.js"],
  sourcemap: "inline",
  logLevel: "warning",
});
process.argv = [process.execPath, program, ...args];
process.setSourceMapsEnabled(true);
await import(pathToFileURL(outfile).href);
