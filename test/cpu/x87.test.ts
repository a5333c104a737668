// x87 in register language: what the manual promises, one promise a test.
import { beforeEach, describe, expect, it } from "vitest";
import { REAL_MODE, X87Engine } from "./x87-engine";

const INVALID = 0x01;
const ZERO_DIVIDE = 0x04;
const OVERFLOW = 0x08;
const UNDERFLOW = 0x10;
const PRECISION = 0x20;
const STACK_FAULT = 0x40;
const SUMMARY = 0x80;
const C1 = 0x200;
const C2 = 0x400;
const BUSY = 0x8000;
const TOP = 0x3800;

const ALL_MASKED = 0x37f;
const NM = 7;
const UD = 6;
const GP = 13;
const MF = 16;

const FLD1 = [0xd9, 0xe8];
const FLDZ = [0xd9, 0xee];
const FLDPI = [0xd9, 0xeb];
const FADD = [0xd8, 0xc1];
const FDIVP = [0xde, 0xf9];
const FSTP_M80 = [0xdb, 0x3e];
const FLD_M64 = [0xdd, 0x06];
const FSTP_M64 = [0xdd, 0x1e];
const FILD_M64 = [0xdf, 0x2e];
const FBLD = [0xdf, 0x26];
const FBSTP = [0xdf, 0x36];
const FLDCW = [0xd9, 0x2e];
const FNSTENV = [0xd9, 0x36];
const FNSAVE = [0xdd, 0x36];
const FRSTOR = [0xdd, 0x26];
const FNINIT = [0xdb, 0xe3];
const FNCLEX = [0xdb, 0xe2];
const FNSTSW_AX = [0xdf, 0xe0];

const x87 = new X87Engine();

function run(...instructions: number[][]): void {
  for (const code of instructions) expect(x87.run(...code)).toBeUndefined();
}

function pushDouble(value: number): void {
  x87.operandView.setFloat64(0, value, true);
  run(FLD_M64);
}

function popDouble(): number {
  run(FSTP_M64);
  return x87.operandView.getFloat64(0, true);
}

/** ST(0) as "sign and exponent:mantissa". */
function top(): string {
  const bytes = x87.state.registers.slice(0, 10).reverse();
  return Buffer.from(bytes).toString("hex").replace(/^.{4}/, "$&:");
}

function setControl(word: number): void {
  x87.operandView.setUint16(0, word, true);
  run(FLDCW);
}

function status(): number {
  return x87.state.status & ~TOP;
}

beforeEach(() => {
  x87.engine.reset();
  run(FNINIT);
});

describe("the stack", () => {
  it("is empty after FNINIT, and grows down", () => {
    expect(x87.state).toMatchObject({ control: ALL_MASKED, status: 0, valid: 0 });
    run(FLD1);
    expect(x87.state).toMatchObject({ status: 7 << 11, valid: 0x80 });
  });

  it("answers the ninth push with the indefinite QNaN and C1 = 1", () => {
    run(...Array<number[]>(9).fill(FLD1));
    expect(top()).toBe("ffff:c000000000000000");
    expect(status()).toBe(INVALID | STACK_FAULT | C1);
  });

  it("answers an empty operand with the indefinite QNaN and C1 = 0", () => {
    run(FLD1, FADD);
    expect(top()).toBe("ffff:c000000000000000");
    expect(status()).toBe(INVALID | STACK_FAULT);
  });
});

describe("arithmetic", () => {
  it("keeps 64 bits of mantissa", () => {
    pushDouble(1);
    pushDouble(3);
    run(FDIVP);
    expect(top()).toBe("3ffd:aaaaaaaaaaaaaaab");
    expect(status()).toBe(PRECISION | C1);
  });

  it.each([
    ["24 bits", 0x07f, "3ffd:aaaaab0000000000"],
    ["53 bits", 0x27f, "3ffd:aaaaaaaaaaaaa800"],
    ["64 bits, down", 0x77f, "3ffd:aaaaaaaaaaaaaaaa"],
    ["64 bits, up", 0xb7f, "3ffd:aaaaaaaaaaaaaaab"],
    ["64 bits, to zero", 0xf7f, "3ffd:aaaaaaaaaaaaaaaa"],
  ])("rounds to %s as the control word says", (_name, control, expected) => {
    pushDouble(1);
    pushDouble(3);
    setControl(control);
    run(FDIVP);
    expect(top()).toBe(expected);
  });

  it("divides by zero to infinity", () => {
    run(FLD1, FLDZ, FDIVP);
    expect(popDouble()).toBe(Infinity);
    expect(status() & ZERO_DIVIDE).toBe(ZERO_DIVIDE);
  });

  it.each([
    ["FSQRT", [0xd9, 0xfa], 2, Math.SQRT2],
    ["FABS", [0xd9, 0xe1], -1.5, 1.5],
    ["FCHS", [0xd9, 0xe0], -1.5, 1.5],
    ["FRNDINT", [0xd9, 0xfc], 2.5, 2],
    ["FSIN", [0xd9, 0xfe], 1, Math.sin(1)],
    ["FCOS", [0xd9, 0xff], 1, Math.cos(1)],
    ["F2XM1", [0xd9, 0xf0], 0.5, Math.SQRT2 - 1],
  ])("%s", (_name, code, operand, expected) => {
    pushDouble(operand);
    run(code);
    expect(popDouble()).toBeCloseTo(expected, 15);
  });

  it("leaves FSIN's operand alone from 2^63 on, with C2", () => {
    pushDouble(2 ** 63);
    run([0xd9, 0xfe]);
    expect(status()).toBe(C2);
    expect(popDouble()).toBe(2 ** 63);
  });

  it("reduces by FPREM until C2 is clear, and leaves the exact remainder", () => {
    pushDouble(7);
    pushDouble(2 ** 200);
    do run([0xd9, 0xf8]);
    while (status() & C2);
    expect(popDouble()).toBe(Number(2n ** 200n % 7n));
  });

  it("loads π rounded, never flagged", () => {
    run(FLDPI);
    expect(top()).toBe("4000:c90fdaa22168c235");
    setControl(0xf7f);
    run(FLDPI);
    expect(top()).toBe("4000:c90fdaa22168c234");
    expect(status()).toBe(0);
  });
});

describe("exceptions", () => {
  it("keep the operands of an unmasked fault, and interrupt the next waiting instruction", () => {
    run(FLD1, FLDZ);
    setControl(ALL_MASKED & ~ZERO_DIVIDE);
    run(FDIVP);
    expect(status()).toBe(ZERO_DIVIDE | SUMMARY | BUSY);
    expect(top()).toBe("0000:0000000000000000");
    expect(x87.run(...FLD1)).toBe(MF);
    expect(x87.guarded(() => x87.engine.wait())).toBe(MF);
    run(FNSTSW_AX, FNCLEX, FLD1);
    expect(x87.engine.ax() & SUMMARY).toBe(SUMMARY);
  });

  it("wrap the exponent of an unmasked overflow by 24576", () => {
    x87.operand.set([0, 0, 0, 0, 0, 0, 0, 0x80, 0xfe, 0x7f]); // 2^16383
    run([0xdb, 0x2e], [0xd9, 0xc0]);
    setControl(ALL_MASKED & ~OVERFLOW);
    run([0xde, 0xc9]); // FMULP
    expect(top()).toBe(`${(0x7ffe * 2 - 16383 - 24576).toString(16)}:8000000000000000`);
    expect(status()).toBe(OVERFLOW | SUMMARY | BUSY);
  });

  it("store nothing and do not pop when a store underflows unmasked", () => {
    x87.operand.set([1, 0, 0, 0, 0, 0, 0, 0x80, 0x01, 0x00]);
    run([0xdb, 0x2e]);
    setControl(ALL_MASKED & ~UNDERFLOW);
    x87.operandView.setFloat64(0, 42, true);
    run(FSTP_M64);
    expect(x87.operandView.getFloat64(0, true)).toBe(42);
    expect(x87.state.valid).toBe(0x80);
    expect(status() & UNDERFLOW).toBe(UNDERFLOW);
  });

  it("raise #NM under CR0.TS and CR0.EM, but FWAIT only with CR0.MP", () => {
    x87.engine.setCr0(0x39);
    expect(x87.run(...FLD1)).toBe(NM);
    expect(x87.guarded(() => x87.engine.wait())).toBeUndefined();
    x87.engine.setCr0(0x3b);
    expect(x87.guarded(() => x87.engine.wait())).toBe(NM);
    x87.engine.setCr0(0x35);
    expect(x87.run(...FNINIT)).toBe(NM);
  });

  it.each([
    [0xd9, 0xe2],
    [0xd9, 0xd1],
    [0xd9, 0xef],
    [0xda, 0xe8],
    [0xdb, 0xe5],
    [0xdd, 0xf0],
    [0xdf, 0xe1],
    [0xd9, 0x0e],
    [0xdb, 0x26],
    [0xdd, 0x2e],
  ])("raise #UD for the reserved %i %i", (opcode, modrm) => {
    expect(x87.run(opcode, modrm)).toBe(UD);
  });
});

describe("memory formats", () => {
  it.each([0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n)])(
    "takes %i exactly from a 64-bit integer and back",
    (n) => {
      x87.operandView.setBigInt64(0, n, true);
      run(FILD_M64);
      x87.operandView.setBigInt64(0, 0n, true);
      run([0xdf, 0x3e]);
      expect(x87.operandView.getBigInt64(0, true)).toBe(n);
      expect(status()).toBe(0);
    },
  );

  it("reads and writes eighteen decimal digits", () => {
    const packed = [0x78, 0x56, 0x34, 0x12, 0x90, 0x78, 0x56, 0x34, 0x12, 0x80];
    x87.operand.set(packed);
    run(FBLD);
    run([0xd9, 0xc0]);
    expect(popDouble()).toBe(-123456789012345678);
    x87.operand.fill(0, 0, 10);
    run(FBSTP);
    expect([...x87.operand.subarray(0, 10)]).toEqual(packed);
  });

  it("stores the BCD indefinite for what has more digits", () => {
    pushDouble(1e18);
    run(FBSTP);
    expect(Buffer.from(x87.operand.subarray(0, 10)).toString("hex")).toBe("000000000000" + "00c0ffff");
    expect(status()).toBe(INVALID);
  });

  it("keeps every encoding on its way through FLD and FSTP m80", () => {
    const unnormal = [1, 2, 3, 4, 5, 6, 7, 8, 0x34, 0x92];
    x87.operand.set(unnormal);
    run([0xdb, 0x2e]);
    x87.operand.fill(0, 0, 10);
    run(FSTP_M80);
    expect([...x87.operand.subarray(0, 10)]).toEqual(unnormal);
    expect(status()).toBe(0);
  });
});

describe("images", () => {
  it("survive FNSAVE and FRSTOR, which leave FNINIT's state in between", () => {
    run(FLD1, FLDPI);
    const before = x87.state;
    run(FNSAVE);
    expect(x87.state).toMatchObject({ control: ALL_MASKED, status: 0, valid: 0 });
    run(FRSTOR);
    expect(x87.state).toEqual(before);
  });

  it("tell tags by what the registers hold", () => {
    run(FLD1, FLDZ, FNSTENV);
    expect(x87.operandView.getUint16(8, true)).toBe(0b00_01_11_11_11_11_11_11);
  });

  it("have linear addresses in real mode", () => {
    run(FLD_M64); // FDP = 1000h
    x87.engine.setMode(REAL_MODE);
    run(FNSTENV);
    expect(x87.operandView.getUint16(10, true)).toBe(0x1000);
    expect(x87.operandView.getUint16(8, true) & 0x7ff).toBe(0x506); // FOP of DD 06
  });

  it("mask all exceptions behind FNSTENV", () => {
    setControl(0x340);
    run(FNSTENV);
    expect(x87.state.control).toBe(ALL_MASKED);
  });

  it("must be aligned for FXSAVE", () => {
    expect(x87.guarded(() => x87.engine.save(0x2008))).toBe(GP);
  });

  it("refuse reserved MXCSR bits at FXRSTOR", () => {
    expect(x87.state.valid).toBe(0);
    x87.image.setUint32(24, 0x10000, true);
    expect(x87.guarded(() => x87.engine.restore(0x2000))).toBe(GP);
  });

  it("have the operand's address as a 64-bit pointer in FXSAVE64", () => {
    run(FLD_M64);
    expect(x87.state.valid).toBe(0x80);
    expect(x87.image.getBigUint64(16, true)).toBe(0x1000n);
  });
});
