// argv → what to do. First every flag and argument is looked at, then the flags act in their order, as in QEMU:
// a misspelt flag is reported even behind -version.
import { UserError } from "../core/errors.ts";
import { plainDrive } from "./drives.ts";
import { type Flag, FLAGS, NOT_YET } from "./flags.ts";
import { HELP, VERSION_LINE } from "./help.ts";
import { nearest } from "./nearest.ts";
import { defaultOptions, type PcOptions } from "./pc-options.ts";

/** A machine to run, or a text for standard output. */
export type Invocation = { kind: "run"; options: PcOptions } | { kind: "print"; text: string };

interface Word {
  /** As the user wrote it. */
  typed: string;
  flag?: Flag;
  argument: string;
}

const PRINTED: Readonly<Record<string, string>> = {
  h: HELP,
  help: HELP,
  version: VERSION_LINE,
};

const BY_NAME: ReadonlyMap<string, Flag> = new Map(FLAGS.map((flag) => [flag.name, flag]));

export function parseArguments(argv: readonly string[]): Invocation {
  const words = scan(argv);
  const options = defaultOptions();
  for (const { typed, flag, argument } of words) {
    const name = typed.replace(/^--?/, "");
    if (typed.startsWith("-") && Object.hasOwn(PRINTED, name)) return { kind: "print", text: PRINTED[name]! };
    const text = flag?.print?.(argument);
    if (text !== undefined) return { kind: "print", text };
    if (flag) act(flag, options, argument, typed);
    else options.drives.push(plainDrive(typed, typed, 0));
  }
  if (!options.kernel && options.initrd) throw new UserError("-initrd only allowed with -kernel option");
  if (!options.kernel && options.append !== undefined)
    throw new UserError("-append only allowed with -kernel option");
  return { kind: "run", options };
}

/** Takes argv apart; a word without a dash is a disk image. */
function scan(argv: readonly string[]): Word[] {
  const words: Word[] = [];
  for (let at = 0; at < argv.length; at++) {
    const typed = argv[at]!;
    const name = typed.replace(/^--?/, "");
    if (!typed.startsWith("-") || Object.hasOwn(PRINTED, name)) {
      words.push({ typed, argument: "" });
      continue;
    }
    const flag = BY_NAME.get(name);
    if (!flag) throw new UserError(unknown(typed, name));
    const argument = flag.argument === undefined ? "" : argv[++at];
    if (argument === undefined) throw new UserError(`${typed}: requires an argument`);
    words.push({ typed, flag, argument });
  }
  return words;
}

function unknown(typed: string, name: string): string {
  if (NOT_YET.has(name)) return `${typed}: not supported yet (wasmqemu -h lists what is)`;
  const guess = nearest(name, [...BY_NAME.keys(), ...Object.keys(PRINTED)]);
  return `${typed}: invalid option${guess ? `; did you mean -${guess}?` : " (wasmqemu -h lists the options)"}`;
}

/** Lets one flag act; its complaints name the flag and its argument. */
function act(flag: Flag, options: PcOptions, argument: string, typed: string): void {
  try {
    flag.apply(options, argument, typed);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const words = flag.argument === undefined ? typed : `${typed} ${argument}`;
    throw new UserError(`${words}: ${error.message}`);
  }
}
