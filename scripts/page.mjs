// dist/web/: the page, as static files that any host can serve.
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { build } from "esbuild";

const ENGINES = ["machine.wasm", "block.wasm", "bios.bin", "demo.bin"];
const FILES = ["index.html", "style.css", "icon.svg"];

/** The engines lie in dist/ by now. */
export async function buildPage() {
  const folder = "dist/web";
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await build({
    entryPoints: {
      main: "web/main.ts",
      "disk-worker": "web/disk-worker.ts",
      "browser-codec-thread": "host/runtimes/browser-codec-thread.ts",
      "browser-machine-thread": "host/runtimes/browser-machine-thread.ts",
    },
    outdir: folder,
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    chunkNames: "[name]-[hash]",
    logLevel: "warning",
  });
  for (const file of FILES) copyFileSync(`web/${file}`, `${folder}/${file}`);
  for (const file of ENGINES) copyFileSync(`dist/${file}`, `${folder}/${file}`);
  copyFileSync("node_modules/@xterm/xterm/css/xterm.css", `${folder}/xterm.css`);
}
