// dist/deno-assets.js. To read a file Deno asks for permission, to import one it does not: so a program needs no more
// than that for the files that it names itself. JavaScript, as TypeScript has no source phase imports yet.
import bios from "../../dist/bios.bin";
import demo from "../../dist/demo.bin";

/** Engines, compiled. */
export const engines = {
  "machine.wasm": () => import.source("./machine.wasm"),
  "block.wasm": () => import.source("./block.wasm"),
};

export const bytes = { "bios.bin": bios, "demo.bin": demo };
