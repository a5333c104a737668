// The monitor's line, expressions and answers; the machine is a stand-in where only words matter.
import { describe, expect, it } from "vitest";
import type { CpuRegisters } from "../../host/core/inspector.ts";
import { evaluate } from "../../host/monitor/expression.ts";
import { LineEditor } from "../../host/monitor/line-editor.ts";
import { splitWords } from "../../host/monitor/monitor.ts";

const REGISTERS: CpuRegisters = {
  values: new Map([
    ["rax", 0x1_0000_0005n],
    ["rip", 0xfff0n],
    ["rflags", 2n],
  ]),
  segments: new Map([["cs", { selector: 8, base: 0x1000n, limit: 0xffff, access: 0x9b }]]),
  st: [],
  xmm: [],
};

describe("an expression", () => {
  const value = (text: string): bigint => evaluate(text, () => REGISTERS);

  it.each([
    ["1+2*3", 7n],
    ["(1+2)*3", 9n],
    ["0x10-010", 8n],
    ["-1", 0xffff_ffff_ffff_ffffn],
    ["~0&0xff", 0xffn],
    ["7%4", 3n],
    ["$eip+1", 0xfff1n],
    ["$cs.base+$cs", 0x1008n],
    ["$rax", 0x1_0000_0005n],
  ])("%s", (text, wanted) => expect(value(text)).toBe(wanted));

  it.each([
    ["1/0", "division by zero"],
    ["$nosuch", "unknown register"],
    ["1+", "unexpected end of expression"],
    ["1 2", "extraneous characters at the end of expression"],
    ["(1", "')' expected"],
    ["a", "invalid char in expression"],
  ])("%s: %s", (text, words) => expect(() => value(text)).toThrow(words));
});

describe("the line", () => {
  function typed(keys: string, candidates: readonly string[] = []): { lines: string[]; output: string } {
    const lines: string[] = [];
    let output = "";
    const editor = new LineEditor({
      prompt: "> ",
      write: (text) => (output += text),
      onLine: (line) => lines.push(line),
      complete: () => candidates,
    });
    editor.input(keys);
    return { lines, output };
  }

  it.each([
    ["plain", "stop\r", ["stop"]],
    ["backspace", "stox\x7fp\r", ["stop"]],
    ["left, delete", "sttop\x1b[D\x1b[D\x1b[D\x1b[3~\r", ["stop"]],
    ["home and end", "top\x01s\x05!\r", ["stop!"]],
    ["Ctrl-W takes the word before", "info  foo\x17block\r", ["info  block"]],
    ["up recalls, down returns", "one\rtwo\r\x1b[A\x1b[A\r\x10\x0enew\r", ["one", "two", "one", "new"]],
    ["Ctrl-C and Ctrl-D do nothing at the end", "st\x03\x04op\r", ["stop"]],
  ])("%s", (_, keys, lines) => expect(typed(keys).lines).toEqual(lines));

  it("completes what is clear, lists what is not", () => {
    expect(typed("sto\t\r", ["stop", "system_reset"]).lines).toEqual(["stop "]);
    const { lines, output } = typed("s\tystem_r\t\r", ["stop", "system_reset", "system_powerdown"]);
    expect(lines).toEqual(["system_reset "]);
    expect(output).toContain("stop");
    expect(output).toContain("system_powerdown");
  });

  it("splits into words, quoted ones whole", () => {
    expect(splitWords('change ide1-cd0 "a b\\"c.iso" raw')).toEqual([
      "change",
      "ide1-cd0",
      'a b"c.iso',
      "raw",
    ]);
  });
});
