// What a benchmark has measured, kept in README.md between two marks that name the command that made it.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import process from "node:process";

/** The parts of README.md that are made, by the script of package.json that makes them. */
export type Block = "bench" | "bench:disk" | "bench:page";

export function updateReadme(block: Block, text: string): void {
  const marks = [
    `<!-- ${block}: made by \`npm run ${block} -- --readme\` -->`,
    `<!-- /${block} -->`,
  ] as const;
  const readme = readFileSync("README.md", "utf8");
  const [start, end] = marks.map((mark) => readme.indexOf(mark));
  if (start! < 0 || end! < 0) throw new Error(`README.md lacks the mark ${marks[0]}`);
  const head = readme.slice(0, start! + marks[0].length);
  writeFileSync("README.md", `${head}\n\n${text}\n\n${readme.slice(end!)}`);
  execFileSync("npx", ["--no-install", "prettier", "--write", "README.md"]);
}

/** When and on what, for the line below a table. */
export function thisMachine(): string {
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  const date = new Date().toISOString().slice(0, 10);
  const processor = cpus()[0]!.model.trim();
  return `Commit ${commit}, ${date}; ${processor}, ${cpus().length} cores, Node ${process.versions.node}`;
}
