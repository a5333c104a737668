// The one place where an engine becomes callable: bytes → compiled module (once) → instance with typed exports.
import { instantiateSync } from "@assemblyscript/loader";
import type { Runtime } from "../runtimes/runtime.ts";
import { UserError } from "./errors.ts";
import { Once } from "./once.ts";

/** What every engine exports besides its own verbs; addresses are globals (`exports.STATE_AT.value`). */
export interface EngineExports {
  readonly memory: WebAssembly.Memory;
  readonly table: WebAssembly.Table;
}

/** What an engine may import: `assembly/host.ts`, function by function. */
export interface EngineImports {
  unwind?(): never;
  log?(at: number, length: number): void;
  entropy?(at: number, length: number): void;
  jitInstall?(at: number, length: number, slot: number): number;
  trace?(kind: number, cpu: number, first: number, second: number, third: number): void;
  jitRelease?(slot: number): void;
}

const modules = new Once<WebAssembly.Module>();

/** Compiles `name` (such as "block.wasm") once a process; instances of it are cheap. */
export function compileEngine(runtime: Runtime, name: string): Promise<WebAssembly.Module> {
  return modules.get(name, async () => {
    try {
      return await (runtime.readEngine?.(name) ?? WebAssembly.compile(await runtime.readAsset(name)));
    } catch (error) {
      if (!(error instanceof WebAssembly.CompileError)) throw error;
      throw new UserError(
        `${name} needs WebAssembly with SIMD, which is missing here, or the file is damaged: ${error.message}`,
      );
    }
  });
}

/** A module that another thread has compiled: a copy would be optimised all over again. */
export function useEngine(name: string, module: WebAssembly.Module): void {
  modules.set(name, module);
}

/** Tells builds of `name` apart: what scripts/build.mjs has written into a section of its own. */
export async function engineFingerprint(runtime: Runtime, name: string): Promise<string> {
  const [build] = WebAssembly.Module.customSections(await compileEngine(runtime, name), "build");
  if (!build) throw new Error(`${name} does not say which build it is`);
  return new TextDecoder().decode(build);
}

/** One more instance of the engine `name`, with a memory of its own. */
export async function loadEngine<Exports extends EngineExports>(
  runtime: Runtime,
  name: string,
  imports: EngineImports = {},
): Promise<Exports> {
  return instantiateEngine(await compileEngine(runtime, name), name, imports);
}

/** `loadEngine` for a thread that has been sent the module. */
export async function instantiateEngine<Exports extends EngineExports>(
  module: WebAssembly.Module,
  name: string,
  imports: EngineImports = {},
): Promise<Exports> {
  const env = { abort: abortOf(name) };
  // Synchronous, for the module is compiled: the other way asks for `Response`, and Node loads its HTTP client for that.
  const { instance } = instantiateSync<Record<string, unknown>>(module, { host: { ...imports }, env });
  // The instance's own exports: the loader's are wrapped, which a region that imports one would pay at each call.
  return instance.exports as unknown as Exports;
}

/** Asserts exist in debug engines only; a trap in a release engine is our bug as well, and says so the same way. */
function abortOf(name: string): (message: number, file: number, line: number, column: number) => never {
  return (_message, _file, line, column) => {
    throw new Error(`${name}: assertion failed at ${line}:${column}`);
  };
}
