// Builds dist/: the engines (asc, only when their sources changed), the host's bundles and the page (esbuild), the types (tsc).
// `node scripts/build.mjs [--debug] [--only=machine,block,host,guests,testing,web]`; testing: small engines that
// tests drive; web: the page.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { buildBios } from "./bios.mjs";
import { buildPage } from "./page.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const args = process.argv.slice(2);
const only = args
  .find((a) => a.startsWith("--only="))
  ?.slice("--only=".length)
  .split(",");
const wants = (part) => !only || only.includes(part);
process.chdir(root);
mkdirSync("dist/debug", { recursive: true });

function run(command, argv) {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [command, ...argv], { stdio: "inherit" });
    child.on("exit", (code) =>
      code === 0 ? done() : fail(new Error(`${argv.join(" ")} exited with ${code}`)),
    );
  });
}

/** Every file that an entry reaches by relative imports: what its build depends on. */
function closure(entry, seen = new Set()) {
  if (seen.has(entry)) return seen;
  seen.add(entry);
  const text = readFileSync(entry, "utf8");
  for (const [, specifier] of text.matchAll(/(?:from|import)\s+"(\.[^"]+)"/g)) {
    const target = resolve(dirname(entry), specifier);
    for (const candidate of [target, `${target}.ts`, join(target, "index.ts")])
      if (existsSync(candidate) && candidate.endsWith(".ts")) closure(candidate, seen);
  }
  return seen;
}

/** host/core/load.ts asks for it: the custom section that tells builds of an engine apart, whoever compiles them. */
const NAME_SECTION = "build";

/** Appends it: a section's id 0, its size, its name's length, its name, and eight digits of the engine's hash. */
function nameBuild(file) {
  const engine = readFileSync(file);
  const digits = createHash("sha256").update(engine).digest("hex").slice(0, 8);
  const payload = `${String.fromCharCode(NAME_SECTION.length)}${NAME_SECTION}${digits}`;
  appendFileSync(file, `\0${String.fromCharCode(payload.length)}${payload}`, "latin1");
}

async function engine(
  entry,
  target,
  out = JSON.parse(readFileSync("asconfig.json", "utf8")).targets[target].outFile,
) {
  const hash = createHash("sha256").update(readFileSync("asconfig.json")).update(NAME_SECTION);
  for (const file of [...closure(resolve(entry))].sort()) hash.update(file).update(readFileSync(file));
  const stamp = `${out}.stamp`;
  const digest = hash.digest("hex");
  if (existsSync(out) && existsSync(stamp) && readFileSync(stamp, "utf8") === digest) return;
  mkdirSync(dirname(out), { recursive: true });
  await run("node_modules/assemblyscript/bin/asc.js", [entry, "--target", target, "--outFile", out]);
  nameBuild(out);
  writeFileSync(stamp, digest);
}

/**
 * What the host becomes: the command line and the library for Node, Deno and Bun; the library for browsers. The image tool
 * and its threads start too often to be gathered from dozens of chunks: each is one file, without blanks, which a start
 * would read.
 */
const BUNDLES = [
  {
    platform: "node",
    target: "node20",
    entryPoints: {
      cli: "host/cli/main.ts",
      index: "host/index.ts",
      "machine-thread": "host/runtimes/node-machine-thread.ts",
    },
  },
  {
    platform: "node",
    target: "node20",
    splitting: false,
    minifyWhitespace: true,
    minifySyntax: true,
    entryPoints: {
      img: "host/cli/img.ts",
      "codec-thread": "host/runtimes/node-codec-thread.ts",
    },
  },
  {
    platform: "browser",
    target: "es2022",
    entryPoints: {
      browser: "host/browser.ts",
      "browser-codec-thread": "host/runtimes/browser-codec-thread.ts",
      "browser-machine-thread": "host/runtimes/browser-machine-thread.ts",
    },
  },
];

/** Within Deno only, and not bundled with what other runtimes read. */
const DENO_ASSETS = {
  entryPoints: ["host/runtimes/deno-assets.js"],
  outdir: "dist",
  bundle: true,
  format: "esm",
  platform: "neutral",
  external: ["*.wasm"],
  loader: { ".bin": "binary" },
  supported: { "import-source": true },
  metafile: true,
};

async function bundle() {
  const common = { outdir: "dist", bundle: true, splitting: true, format: "esm", metafile: true };
  const named = {
    chunkNames: "[name]-[hash]",
    external: ["*/deno-assets.js"],
    logLevel: "warning",
    plugins: [besideTheBundle, imageTool],
  };
  const bundles = BUNDLES.map((one) => ({ ...common, ...named, ...one }));
  removeStale(await Promise.all([...bundles, DENO_ASSETS].map((one) => build(one))));
}

/** Chunks carry a hash in their names: those of earlier builds go. */
function removeStale(builds) {
  const outputs = builds.flatMap(({ metafile }) => Object.keys(metafile.outputs));
  const made = new Set(outputs.map((file) => basename(file)));
  for (const file of readdirSync("dist"))
    if (file.endsWith(".js") && !made.has(file)) rmSync(join("dist", file));
}

/** The demo guest and the BIOS, from their sources, by our own assembler. */
async function assembled() {
  const { outputFiles } = await build({
    entryPoints: ["guests/asm/assemble.ts"],
    bundle: true,
    format: "esm",
    platform: "node",
    write: false,
  });
  const code = Buffer.from(outputFiles[0].contents).toString("base64");
  const { assemble } = await import(`data:text/javascript;base64,${code}`);
  writeFileSync("dist/demo.bin", assemble(readFileSync("guests/demo/demo.asm", "utf8")).bytes);
  buildBios(assemble);
}

/** Libraries in CommonJS that few commands need: each stays a file of its own, loaded when it is wanted. */
const LIBRARIES = { "iced-x86": "iced_x86.cjs", wasmparser: "wasmparser.cjs", ws: "ws.cjs" };
const besideTheBundle = {
  name: "beside-the-bundle",
  setup: ({ onResolve }) =>
    onResolve({ filter: new RegExp(`^(${Object.keys(LIBRARIES).join("|")})$`) }, ({ path }) => ({
      path: `./${LIBRARIES[path]}`,
      external: true,
    })),
};

/** Seen from the command line, the image tool is a file that lies there. */
const imageTool = {
  name: "image-tool",
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\.\/img\.ts$/ }, () => ({ path: "./img.js", external: true })),
};

async function libraries() {
  const { resolve: find } = createRequire(import.meta.url);
  const iced = dirname(find("iced-x86"));
  const ws = dirname(find("ws/package.json"));
  const license = (file) => ({ js: `/*!\n${readFileSync(file, "utf8")}*/` });
  const common = { format: "cjs", platform: "node", minify: true };
  // Not bundled: its exports are assigned one by one, which Node would not see through a bundle's wrapper.
  await build({
    ...common,
    entryPoints: [join(iced, "iced_x86.js")],
    outfile: join("dist", LIBRARIES["iced-x86"]),
    banner: license(join(iced, "LICENSE.txt")),
  });
  copyFileSync(join(iced, "iced_x86_bg.wasm"), "dist/iced_x86_bg.wasm");
  const wasmparser = dirname(find("wasmparser/package.json"));
  await build({
    ...common,
    bundle: true,
    stdin: {
      contents: 'export { BinaryReader, DefaultNameResolver, WasmDisassembler } from "wasmparser";',
      resolveDir: root,
    },
    outfile: join("dist", LIBRARIES.wasmparser),
    banner: license(join(wasmparser, "LICENSE")),
  });
  await build({
    ...common,
    bundle: true,
    // Named, so that Node sees what the bundle exports.
    stdin: { contents: 'export { createWebSocketStream, WebSocketServer } from "ws";', resolveDir: root },
    outfile: join("dist", LIBRARIES.ws),
    banner: license(join(ws, "LICENSE")),
    external: ["bufferutil", "utf-8-validate"],
  });
}

if (wants("guests")) await assembled();
const jobs = [];
for (const name of ["machine", "block"]) {
  const entry = `assembly/${name}/index.ts`;
  if (!wants(name) || !existsSync(entry)) continue;
  jobs.push(engine(entry, name));
  if (args.includes("--debug")) jobs.push(engine(entry, `${name}-debug`));
}
if (wants("testing") && existsSync("assembly/testing"))
  for (const file of readdirSync("assembly/testing"))
    jobs.push(
      engine(`assembly/testing/${file}`, "machine", `dist/testing/${file.replace(/\.ts$/, ".wasm")}`),
    );
if (wants("host")) jobs.push(bundle());
if (wants("host")) jobs.push(libraries());
await Promise.all(jobs);
if (wants("web")) await buildPage();
if (args.includes("--types") || !only) {
  if (existsSync("host/index.ts") && readdirSync("host").length > 0)
    await run("node_modules/typescript/bin/tsc", ["-p", "host/types.tsconfig.json"]);
}
