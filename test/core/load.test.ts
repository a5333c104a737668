// An engine that this runtime cannot compile, or cannot get.
import { expect, it } from "vitest";
import { compileEngine } from "../../host/core/load.ts";
import { node } from "../../host/runtimes/node.ts";
import type { Runtime } from "../../host/runtimes/runtime.ts";

/** A module of one function whose body is an instruction that nobody knows. */
const UNKNOWN = Uint8Array.from([
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 10, 6, 1, 4, 0, 0xfd, 0xff, 0x7f,
]);

function giving(readAsset: Runtime["readAsset"]): Runtime {
  const { readEngine: _, ...rest } = node;
  return { ...rest, readAsset };
}

it("is refused in a sentence, and asked for again the next time", async () => {
  const lacking = giving(async () => UNKNOWN);
  await expect(compileEngine(lacking, "one.wasm")).rejects.toMatchObject({
    name: "UserError",
    message: expect.stringMatching(/^one\.wasm needs WebAssembly with SIMD, which is missing here/),
  });
  const offline = giving(() => Promise.reject(new Error("no network")));
  await expect(compileEngine(offline, "one.wasm")).rejects.toThrow("no network");
  const complete = giving(async () => UNKNOWN.slice(0, 8));
  const module = await compileEngine(complete, "one.wasm");
  expect(await compileEngine(offline, "one.wasm")).toBe(module);
});
