// What both kinds of CPU test vectors have in common: a file of JSON lines, groups with a form, a tally.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

/** One line that opens a group: which instruction the cases behind it are about. */
export interface Form {
  form: string;
  [key: string]: unknown;
}

/** What came of one case. */
export type Outcome =
  { kind: "passed" } | { kind: "failed"; differences: string[] } | { kind: "skipped"; reason: string };

/** Runs the cases of one format. */
export interface Runner<Case> {
  run(form: Form, testCase: Case): Outcome;
}

export const PASSED: Outcome = { kind: "passed" };

export function skip(reason: string): Outcome {
  return { kind: "skipped", reason };
}

export function verdict(differences: string[]): Outcome {
  return differences.length > 0 ? { kind: "failed", differences } : PASSED;
}

/** The lines of a file, gzipped or not. */
export function readLines(path: string | URL): string[] {
  const bytes = readFileSync(path);
  const text = (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString("utf8");
  return text.split("\n").filter((line) => line.length > 0);
}

export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "hex"));
}
