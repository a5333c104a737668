// `npm run cpu-tests -- FILE… [--form X] [--only N] [--verbose]`: runs CPU test vectors of either format by path.
//   --form X   only the forms whose name or opcode starts with X
//   --only N   only the N-th case (from 0) of each form
//   --verbose  every difference of every failed case, not just a count for each form
import { parseArgs } from "node:util";
import { NativeRunner } from "./native-vectors.ts";
import { RealModeRunner } from "./real-mode-vectors.ts";
import { type Form, type Outcome, type Runner, readLines } from "./vector-file.ts";

export interface Choice {
  form?: string;
  only?: number;
  /** Entries after which a block is translated; without it, the interpreter runs everything. */
  warm?: number;
}

interface Failure {
  /** Place in its form's list: what `--only` takes. */
  index: number;
  bytes: string;
  differences: string[];
}

export class Tally {
  passed = 0;
  failed = 0;
  readonly skipped = new Map<string, number>();
  /** Failed cases by form, each with what was different. */
  readonly failures = new Map<string, Failure[]>();

  count(form: Form, index: number, bytes: string, outcome: Outcome): void {
    if (outcome.kind === "passed") this.passed++;
    else if (outcome.kind === "skipped")
      this.skipped.set(outcome.reason, (this.skipped.get(outcome.reason) ?? 0) + 1);
    else {
      this.failed++;
      const name = form.op ? `${form.form} ${String(form.prefix)} ${String(form.op)}` : form.form;
      const list = this.failures.get(name) ?? [];
      list.push({ index, bytes, differences: outcome.differences });
      this.failures.set(name, list);
    }
  }

  get skippedCount(): number {
    return [...this.skipped.values()].reduce((sum, n) => sum + n, 0);
  }
}

/** Runs the cases of one file that `choice` names. */
export function runFile(path: string | URL, choice: Choice, tally: Tally): void {
  const lines = readLines(path);
  const first = JSON.parse(lines[0]) as Form;
  const runner: Runner<unknown> = "flagsMask" in first ? new RealModeRunner() : new NativeRunner(choice.warm);
  let form = first;
  let index = 0;
  for (const line of lines) {
    if (line.startsWith('{"form"')) {
      form = JSON.parse(line) as Form;
      index = 0;
      continue;
    }
    const at = index++;
    if ((choice.only !== undefined && choice.only !== at) || !isNamed(form, choice.form)) continue;
    const testCase = JSON.parse(line) as { bytes: string };
    tally.count(form, at, testCase.bytes, runner.run(form, testCase));
  }
}

function isNamed(form: Form, name: string | undefined): boolean {
  if (name === undefined) return true;
  return form.form.startsWith(name) || String(form.op).startsWith(name);
}

function print(tally: Tally, verbose: boolean): void {
  for (const [form, cases] of tally.failures) {
    process.stdout.write(`${form}: ${cases.length} failed\n`);
    for (const { index, bytes, differences } of verbose ? cases : cases.slice(0, 1))
      process.stdout.write(
        `  #${index} ${bytes}: ${(verbose ? differences : differences.slice(0, 4)).join("; ")}\n`,
      );
  }
  for (const [reason, count] of tally.skipped) process.stdout.write(`skipped ${count}: ${reason}\n`);
  process.stdout.write(`${tally.passed} passed, ${tally.failed} failed, ${tally.skippedCount} skipped\n`);
}

function main(): number {
  const options = {
    form: { type: "string" },
    only: { type: "string" },
    verbose: { type: "boolean" },
  } as const;
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  if (positionals.length === 0) {
    process.stderr.write("usage: npm run cpu-tests -- FILE… [--form X] [--only N] [--verbose]\n");
    return 1;
  }
  const tally = new Tally();
  const only = values.only === undefined ? undefined : Number(values.only);
  for (const path of positionals) runFile(path, { form: values.form, only }, tally);
  print(tally, values.verbose === true);
  return tally.failed > 0 ? 1 : 0;
}

if (process.argv[1]?.endsWith("run-vectors.ts")) {
  try {
    process.exitCode = main();
  } catch (error) {
    process.stderr.write(`cpu-tests: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
