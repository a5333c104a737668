// The image tool: one command word, one module, loaded when asked for.
import { codeOf, isExpected, reason } from "../core/errors.ts";
import { node } from "../runtimes/node.ts";
import { useRuntime } from "../runtimes/this.ts";
import { VERSION } from "../version.ts";
import { UsageError } from "./img/getopt.ts";
import { Interrupted } from "./img/interrupt.ts";
import { IMG_HELP } from "./img/help.ts";

useRuntime(node);

type Command = (argv: string[]) => Promise<number>;

const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  amend: async () => (await import("./img/amend.ts")).amend,
  bench: async () => (await import("./img/bench.ts")).bench,
  cat: async () => (await import("./img/cat.ts")).cat,
  bitmap: async () => (await import("./img/bitmap.ts")).bitmap,
  check: async () => (await import("./img/check.ts")).check,
  commit: async () => (await import("./img/commit.ts")).commit,
  compare: async () => (await import("./img/compare.ts")).compare,
  convert: async () => (await import("./img/convert.ts")).convert,
  cp: async () => (await import("./img/cp.ts")).cp,
  create: async () => (await import("./img/create.ts")).create,
  dd: async () => (await import("./img/dd.ts")).dd,
  info: async () => (await import("./img/info.ts")).info,
  ls: async () => (await import("./img/ls.ts")).ls,
  map: async () => (await import("./img/map.ts")).map,
  measure: async () => (await import("./img/measure.ts")).measure,
  rebase: async () => (await import("./img/rebase.ts")).rebase,
  resize: async () => (await import("./img/resize.ts")).resize,
  serve: async () => (await import("./img/serve.ts")).serve,
  snapshot: async () => (await import("./img/snapshot.ts")).snapshot,
};

/** Exit codes other than 1 for "could not be done at all". */
const FAILED: Readonly<Record<string, number>> = { compare: 2 };

/** The exit code of a program that a broken pipe has ended: 128 and SIGPIPE. */
const PIPE_CLOSED = 141;

/** Whoever reads our output has seen enough (`| head`): nothing is left to do. */
function onOutputError(error: Error): void {
  if (codeOf(error) !== "EPIPE") throw error;
  process.exit(PIPE_CLOSED);
}

export async function img(argv: string[]): Promise<number> {
  process.stdout.off("error", onOutputError).on("error", onOutputError);
  const [word, ...rest] = argv;
  if (word === "-h" || word === "--help" || rest.includes("--help") || rest.includes("-h")) {
    process.stdout.write(IMG_HELP);
    return 0;
  }
  if (word === "-V" || word === "--version") {
    process.stdout.write(
      `wasmqemu img version ${VERSION}\nThe options and texts are those of qemu-img 7.2.\n`,
    );
    return 0;
  }
  try {
    if (word === undefined) throw new UsageError("Not enough arguments");
    const load = COMMANDS[word];
    if (!load && word.startsWith("-")) throw new UsageError(`unrecognized option '${word}'`);
    if (!load) throw new UsageError(`Command not found: ${word}`);
    return await (
      await load()
    )(rest);
  } catch (error) {
    if (!isExpected(error)) throw error;
    process.stderr.write(`wasmqemu img: ${reason(error)}\n`);
    if (error instanceof Interrupted) return error.exitCode;
    if (!(error instanceof UsageError)) return FAILED[word!] ?? 1;
    process.stderr.write(`${error.hint}\n`);
    return 1;
  }
}
