// The human monitor (QEMU's HMP): a prompt that takes commands about the running machine.
import { isExpected, reason } from "../core/errors.ts";
import { VERSION } from "../version.ts";
import { BLOCK } from "./commands/block.ts";
import { INFO } from "./commands/info.ts";
import { INPUT } from "./commands/input.ts";
import { MEMORY } from "./commands/memory.ts";
import { RUN } from "./commands/run.ts";
import { SNAPSHOTS } from "./commands/snapshots.ts";
import type { Command, MonitorHost, Session } from "./host.ts";
import { LineEditor } from "./line-editor.ts";

const PROMPT = "(qemu) ";
const BANNER = `wasmqemu ${VERSION} monitor - type 'help' for more information`;

const HELP: Command = {
  name: "help",
  alias: "?",
  args: "[cmd]",
  help: "show the help",
  words: [0, 2],
  run: (_, words) => helpFor(words),
  complete: () => COMMANDS.map(({ name }) => name),
};

const INFO_COMMAND: Command = {
  name: "info",
  args: "[subcommand]",
  help: "show various information about the system state",
  words: [0, Infinity],
  run: (session, [topic, ...words]) =>
    topic === undefined ? helpFor(["info"]) : runCommand(session, INFO, topic, words, "info "),
  complete: () => INFO.map(({ name }) => name),
};

const COMMANDS: readonly Command[] = [
  ...RUN,
  ...SNAPSHOTS,
  ...BLOCK,
  ...INPUT,
  ...MEMORY,
  INFO_COMMAND,
  HELP,
].toSorted((a, b) => (a.name < b.name ? -1 : 1));

/** One user at a prompt. */
export class Monitor {
  private readonly editor: LineEditor;
  private readonly session: Session;
  private readonly decoder = new TextDecoder();
  private greeted = false;
  /** Commands run one after the other. */
  private work: Promise<void> = Promise.resolve();

  constructor(
    host: MonitorHost,
    private readonly write: (text: string) => void,
  ) {
    this.editor = new LineEditor({
      prompt: PROMPT,
      write,
      onLine: (line) => void (this.work = this.work.then(() => this.obey(line))),
      complete: (line) => this.candidates(line),
    });
    this.session = { host, history: this.editor.entered, cpu: 0, format: "x", size: 4 };
  }

  /** Somebody is there: shows the banner the first time. */
  greet(): void {
    if (this.greeted) return;
    this.greeted = true;
    this.write(`${BANNER}\r\n`);
    this.editor.show();
  }

  /** A new user has taken the place of the last: the banner comes again. */
  reopen(): void {
    this.greeted = false;
    this.greet();
  }

  input(bytes: Uint8Array): void {
    this.editor.input(this.decoder.decode(bytes, { stream: true }));
  }

  private async obey(line: string): Promise<void> {
    const text = await execute(this.session, line);
    if (text) this.write(text.replace(/\n?$/, "\n").replaceAll("\n", "\r\n"));
    this.editor.show();
  }

  private candidates(line: string): readonly string[] {
    const [first, ...rest] = line.split(/\s+/);
    if (rest.length === 0) return COMMANDS.map(({ name }) => name);
    return find(COMMANDS, first!)?.complete?.(this.session) ?? [];
  }
}

/** Runs one line; returns what it prints. */
export async function execute(session: Session, line: string): Promise<string> {
  const trimmed = line.trim();
  if (trimmed === "") return "";
  try {
    const [name, ...words] = splitWords(trimmed);
    return await runCommand(session, COMMANDS, name!, words, "");
  } catch (error) {
    if (!isExpected(error)) throw error;
    return `Error: ${reason(error)}`;
  }
}

export function newSession(host: MonitorHost): Session {
  return { host, history: [], cpu: 0, format: "x", size: 4 };
}

async function runCommand(
  session: Session,
  commands: readonly Command[],
  typed: string,
  words: readonly string[],
  within: string,
): Promise<string> {
  // `/fmt` may follow the command's name directly.
  const [, name, format] = /^([^/]+)(\/.*)?$/.exec(typed) ?? [];
  const command = find(commands, name ?? typed);
  if (!command) return `unknown command: '${within}${typed}'`;
  const all = format ? [format, ...words] : words;
  const [least, most] = command.words ?? [0, 0];
  const title = command.alias ? `${command.name}|${command.alias}` : command.name;
  const hint = `\nTry "help ${within}${command.name}" for more information`;
  if (all.length < least) return `${title}: ${command.missing ?? "string expected"}${hint}`;
  if (all.length > most) return `${title}: extraneous characters at the end of line${hint}`;
  return (await command.run(session, all)) ?? "";
}

function find(commands: readonly Command[], name: string): Command | undefined {
  return commands.find((command) => command.name === name || command.alias === name);
}

function helpFor([name, topic]: readonly string[]): string {
  if (name === undefined) return COMMANDS.map((command) => describe(command)).join("\n");
  if (name === "info") {
    const topics = topic === undefined ? INFO : INFO.filter((command) => command.name === topic);
    return topics.map((command) => describe(command, "info ")).join("\n");
  }
  const command = find(COMMANDS, name);
  return command ? describe(command) : "";
}

function describe({ name, alias, args, help }: Command, within = ""): string {
  return `${within}${alias ? `${name}|${alias}` : name} ${args ?? ""} -- ${help}`;
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", "\\": "\\", "'": "'", '"': '"' };

/** Words between blanks; `"…"` with backslash escapes is one word. */
export function splitWords(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, plain]) =>
    quoted === undefined ? plain! : quoted.replace(/\\(.)/g, (_, key: string) => ESCAPES[key] ?? key),
  );
}
