// dist/web/: the page, as static files that any host can serve.
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { build } from "esbuild";

const ENGINES = ["machine.wasm", "block.wasm", "bios.bin", "demo.bin"];
const WORKERS = [
  "web/disk-worker.ts",
  "host/runtimes/browser-codec-thread.ts",
  "host/runtimes/browser-machine-thread.ts",
];
const FILES = ["index.html", "style.css", "icon.svg"];

/** The engines lie in dist/ by now. */
export async function buildPage() {
  const folder = "dist/web";
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const common = {
    outdir: folder,
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    logLevel: "warning",
  };
  // The terminal comes when the page is there.
  const page = build({
    ...common,
    entryPoints: ["web/main.ts"],
    splitting: true,
    chunkNames: "[name]-[hash]",
  });
  // Each in one piece: what is shared or may not be needed would be two dozen requests before a machine starts.
  await Promise.all([page, ...WORKERS.map((worker) => build({ ...common, entryPoints: [worker] }))]);
  for (const file of FILES) copyFileSync(`web/${file}`, `${folder}/${file}`);
  for (const file of ENGINES) copyFileSync(`dist/${file}`, `${folder}/${file}`);
  copyFileSync("node_modules/@xterm/xterm/css/xterm.css", `${folder}/xterm.css`);
}
