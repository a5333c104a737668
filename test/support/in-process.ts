// The image tool within the test's own process: what it prints is caught instead of printed. Hundreds of runs in the
// time that a few processes take.
import { img } from "../../host/cli/img.ts";
import { node } from "../../host/runtimes/node.ts";
import { useRuntime } from "../../host/runtimes/this.ts";
import type { Result } from "./qemu-img.ts";

useRuntime(node);
// Each run listens for the end of its output's reader, and for the signal that asks for its progress.
process.stdout.setMaxListeners(0);
process.setMaxListeners(0);

/** `wasmqemu img …` in the current folder. */
export async function imgHere(...args: string[]): Promise<Result> {
  const caught = { out: "", err: "" };
  const { stdout, stderr } = process;
  const writes = [stdout.write, stderr.write];
  const catcher = (key: "out" | "err") =>
    ((chunk: string | Uint8Array): boolean => {
      caught[key] += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString();
      return true;
    }) as typeof stdout.write;
  stdout.write = catcher("out");
  stderr.write = catcher("err");
  try {
    return { code: await img(args), ...caught };
  } finally {
    [stdout.write, stderr.write] = writes as [typeof stdout.write, typeof stderr.write];
  }
}
