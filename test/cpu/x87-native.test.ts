// The x87 instructions against the processor under the test: thousands of random states, every bit compared.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { X87Engine, type X87State } from "./x87-engine";

const RECORD_SIZE = 456;
const CASES_PER_INSTRUCTION = "100";
const ARITHMETIC_FLAGS = 0x8d5;
const C1 = 1 << 9;

/**
 * D9 F0 … FF that approximate: results may be one unit off (SDM 1 §8.3.10). So the direction of rounding may differ
 * too, which C1 tells.
 */
const APPROXIMATIONS = new Set([0xf0, 0xf1, 0xf2, 0xf3, 0xf9, 0xfb, 0xfe, 0xff]);

interface Case {
  code: number[];
  flags: [before: number, after: number];
  before: X87State;
  after: X87State;
  memory: [before: Uint8Array, after: Uint8Array];
}

function has(command: string): boolean {
  try {
    execFileSync(command, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const isLinuxX64 = process.platform === "linux" && process.arch === "x64";
const canRun = isLinuxX64 && has("cc");
const isIntel = isLinuxX64 && readFileSync("/proc/cpuinfo", "latin1").includes("GenuineIntel");

function nativeRecords(seed: string): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "x87-native-"));
  try {
    const program = join(folder, "x87-native");
    const source = new URL("x87-native.c", import.meta.url).pathname;
    execFileSync("cc", ["-O1", "-w", "-o", program, source]);
    const options = isIntel ? [] : ["portable"];
    return execFileSync(program, [seed, CASES_PER_INSTRUCTION, ...options], { maxBuffer: 1 << 28 });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function parse(record: Buffer): Case {
  const state = (at: number): X87State => ({
    control: record.readUInt16LE(at),
    status: record.readUInt16LE(at + 2),
    valid: record.readUInt16LE(at + 4),
    registers: record.subarray(at + 8, at + 88),
  });
  return {
    code: [...record.subarray(1, 1 + record[0]!)],
    flags: [record.readUInt32LE(16), record.readUInt32LE(20)],
    before: state(24),
    after: state(112),
    memory: [record.subarray(200, 328), record.subarray(328, 456)],
  };
}

/** FNSTENV and FNSAVE: the pointers tell where the generator's code lay, and the upper halves are reserved. */
function maskEnvironment(code: number[], memory: Uint8Array): Uint8Array {
  const masked = Uint8Array.from(memory);
  const [opcode, modrm] = code[0] === 0x66 ? code.slice(1) : code;
  if ((opcode !== 0xd9 && opcode !== 0xdd) || modrm! >> 3 !== 6) return masked;
  if (code[0] === 0x66) return masked.fill(0, 6, 14);
  for (const reserved of [2, 6, 10]) masked.fill(0, reserved, reserved + 2);
  return masked.fill(0, 12, 28);
}

/** A register as a number that grows by one from each value to the next. */
function ordinal(registers: Uint8Array, position: number): bigint {
  const bytes = registers.subarray(10 * position, 10 * position + 10);
  const word = bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
  const magnitude = (((word >> 64n) & 0x7fffn) << 63n) | (word & 0x7fff_ffff_ffff_ffffn);
  return word >> 79n ? -magnitude : magnitude;
}

function exponent(registers: Uint8Array): number {
  return (registers[8]! | (registers[9]! << 8)) & 0x7fff;
}

/** F2XM1 beyond ±1 and FYL2XP1 beyond ±(1 - √½): the manuals leave the result open. */
function isUndefined({ code, before }: Case): boolean {
  const limit = code[1] === 0xf0 ? 0x3fff : code[1] === 0xf9 ? 0x3ffd : undefined;
  return !isIntel && code[0] === 0xd9 && limit !== undefined && exponent(before.registers) >= limit;
}

/** What differs, in words; empty when nothing does. */
function differences(x87: X87Engine, test: Case): string[] {
  x87.state = test.before;
  x87.engine.setFlags(test.flags[0]);
  x87.operand.set(test.memory[0]);
  const fault = x87.run(...test.code);
  const found: string[] = [];
  const compare = (name: string, ours: number | undefined, theirs: number | undefined): void => {
    if (ours !== theirs) found.push(`${name} ${ours?.toString(16)} instead of ${theirs?.toString(16)}`);
  };
  compare("vector", fault, undefined);
  const memory = maskEnvironment(test.code, x87.operand);
  if (!Buffer.from(memory).equals(maskEnvironment(test.code, test.memory[1]))) found.push("memory differs");
  compare("flags", x87.engine.flags() & ARITHMETIC_FLAGS, test.flags[1]);
  const after = x87.state;
  const approximate = test.code[0] === 0xd9 && APPROXIMATIONS.has(test.code[1]!);
  const statusMask = approximate ? ~C1 : ~0;
  compare("control", after.control, test.after.control);
  compare("status", after.status & statusMask, test.after.status & statusMask);
  compare("tags", after.valid, test.after.valid);
  for (let n = 0; n < 8; n++) {
    const distance = ordinal(after.registers, n) - ordinal(test.after.registers, n);
    const allowed = approximate ? 1n : 0n;
    if (distance > allowed || distance < -allowed) found.push(`ST(${n}) is ${distance} units off`);
  }
  return found;
}

describe.skipIf(!canRun)(
  "x87 against this processor (skipped where there is no x86-64 Linux with cc)",
  () => {
    it.each(["1", "2"])("answers as the processor does, seed %s", { timeout: 120_000 }, (seed) => {
      const x87 = new X87Engine();
      const records = nativeRecords(seed);
      const failures: string[] = [];
      let cases = 0;
      for (let at = 0; at < records.length; at += RECORD_SIZE) {
        const test = parse(records.subarray(at, at + RECORD_SIZE));
        if (isUndefined(test)) continue;
        cases++;
        const found = differences(x87, test);
        const name = Buffer.from(test.code).toString("hex");
        if (found.length > 0) failures.push(`${name}, record ${at / RECORD_SIZE}: ${found.join(", ")}`);
      }
      expect(cases).toBeGreaterThan(10_000);
      expect(failures.slice(0, 10)).toEqual([]);
    });
  },
);
