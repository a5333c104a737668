// What README.md shows is what there is: its JavaScript is read by this Node, its names and flags exist.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { describe, expect, it } from "vitest";
import * as library from "../../host/index.ts";
import { HELP } from "../../host/cli/help.ts";

const README = readFileSync("README.md", "utf8");

function blocks(language: string): string[] {
  return [...README.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, "gm"))].map(
    ([, text]) => text!,
  );
}

describe("README.md", () => {
  it.each(blocks("js"))("shows JavaScript that Node reads: %#", (code) => {
    const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "--check"], {
      input: code,
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const [, names] = /import \{ (.*?) \} from "wasmqemu"/.exec(code)!;
    for (const name of names!.split(", ")) expect(library).toHaveProperty(name);
  });

  it("names flags of the machine that the help names", () => {
    const lines = blocks("sh").join("").split("\n");
    const flags = lines
      .filter((line) => line.startsWith("wasmqemu -"))
      .flatMap((line) => [...line.matchAll(/ (-[a-z]+)/g)].map(([, flag]) => flag!));
    expect(flags.length).toBeGreaterThan(5);
    for (const flag of flags) expect(HELP).toMatch(new RegExp(`(^|\\s)${flag}\\b`, "m"));
  });

  it("shows commands of the image tool that it has", () => {
    const shown = [
      ...blocks("sh")
        .join("")
        .matchAll(/^wasmqemu img (\w+)/gm),
    ].map(([, name]) => name!);
    expect(shown.length).toBeGreaterThan(5);
    for (const name of new Set(shown)) {
      const { stdout } = spawnSync(process.execPath, ["dist/cli.js", "img", name, "--help"], {
        encoding: "utf8",
      });
      expect(stdout).toContain(name);
    }
  });
});
