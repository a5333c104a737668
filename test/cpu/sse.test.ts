// MMX, SSE and VEX in register language: what the manual promises, one promise a test.
import { createHash } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import { DESTINATION, OPERAND, SseEngine } from "./sse-engine";

const INVALID = 0x01;
const DENORMAL = 0x02;
const ZERO_DIVIDE = 0x04;
const OVERFLOW = 0x08;
const UNDERFLOW = 0x10;
const PRECISION = 0x20;
const DAZ = 0x40;
const FLUSH = 0x8000;
const ALL_MASKED = 0x1f80;
const ROUND_DOWN = 0x2000;
const ROUND_UP = 0x4000;
const ROUND_TO_ZERO = 0x6000;

const UD = 6;
const NM = 7;
const GP = 13;
const XM = 19;

const CR0 = 0x31;
const CR0_EM = 4;
const CR0_TS = 8;
const CR4_OSFXSR = 0x200;
const CR4_OSXMMEXCPT = 0x400;
const CR4_OSXSAVE = 0x40000;
const CR4 = CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;

const MIN_NORMAL = 2 ** -1022;
const MIN_DENORMAL = 2 ** -1074;

// Operands: the first is XMM0, the second XMM1 or [RSI].
const ADDSD = [0xf2, 0x0f, 0x58, 0xc1];
const SUBSD = [0xf2, 0x0f, 0x5c, 0xc1];
const MULSD = [0xf2, 0x0f, 0x59, 0xc1];
const DIVSD = [0xf2, 0x0f, 0x5e, 0xc1];
const SQRTSD = [0xf2, 0x0f, 0x51, 0xc1];
const MINSD = [0xf2, 0x0f, 0x5d, 0xc1];
const COMISD = [0x66, 0x0f, 0x2f, 0xc1];
const UCOMISD = [0x66, 0x0f, 0x2e, 0xc1];
const CVTSD2SI_EAX = [0xf2, 0x0f, 0x2d, 0xc1];
const CVTTSD2SI_EAX = [0xf2, 0x0f, 0x2c, 0xc1];
const MOVAPS_LOAD = [0x0f, 0x28, 0x06];
const MOVUPS_LOAD = [0x0f, 0x10, 0x06];
const PXOR = [0x66, 0x0f, 0xef, 0xc1];
const VPXOR = [0xc5, 0xf9, 0xef, 0xc1];
const VFMADD213SD_XMM0_XMM1_XMM2 = [0xc4, 0xe2, 0xf1, 0xa9, 0xc2];

let sse: SseEngine;
beforeEach(() => {
  sse = new SseEngine();
});

/** Runs `code` on two doubles; the low double of XMM0. */
function double(code: number[], a: number, b: number, mxcsr = ALL_MASKED): number {
  sse.engine.setMxcsr(mxcsr);
  sse.set(0, Float64Array.of(a, 0));
  sse.set(1, Float64Array.of(b, 0));
  expect(sse.run(...code)).toBeUndefined();
  return sse.vector(0).getFloat64(0, true);
}

function raised(): number {
  return sse.engine.mxcsr() & 0x3f;
}

/** Pseudo-random doubles of every kind, the same each time. */
function* doubles(count: number): Generator<number> {
  const view = new DataView(new ArrayBuffer(8));
  let state = 0x9e3779b9;
  const next = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
  for (let n = 0; n < count; n++) {
    view.setUint32(0, next());
    view.setUint32(4, next());
    if (n % 3 === 0) view.setUint16(0, (view.getUint16(0) & 0x800f) | ((0x3f8 + (next() >>> 28)) << 4));
    yield view.getFloat64(0);
  }
}

describe("rounding", () => {
  const operations: [string, number[], (a: number, b: number) => number][] = [
    ["ADDSD", ADDSD, (a, b) => a + b],
    ["SUBSD", SUBSD, (a, b) => a - b],
    ["MULSD", MULSD, (a, b) => a * b],
    ["DIVSD", DIVSD, (a, b) => a / b],
    ["SQRTSD", SQRTSD, (_, b) => Math.sqrt(b)],
  ];

  it.each(operations)(
    "%s to nearest is what the host's arithmetic gives, flags clear or set",
    (_, code, host) => {
      for (const mxcsr of [ALL_MASKED, ALL_MASKED | PRECISION]) {
        let previous = 1.5;
        for (const value of doubles(400)) {
          const expected = host(previous, value);
          const result = double(code, previous, value, mxcsr);
          if (Number.isNaN(expected)) expect(result).toBeNaN();
          else
            expect(Object.is(result, expected), `${previous} ${value}: ${result}, not ${expected}`).toBe(
              true,
            );
          previous = value;
        }
      }
    },
  );

  it.each(operations)(
    "%s down and up enclose the nearest, and differ just when it is inexact",
    (_, code, host) => {
      let previous = 1.5;
      for (const value of doubles(400)) {
        const nearest = host(previous, value);
        const down = double(code, previous, value, ALL_MASKED | ROUND_DOWN);
        const inexact = (raised() & PRECISION) !== 0;
        const up = double(code, previous, value, ALL_MASKED | ROUND_UP);
        const toZero = double(code, previous, value, ALL_MASKED | ROUND_TO_ZERO);
        if (!Number.isNaN(nearest)) {
          expect(down <= nearest && nearest <= up).toBe(true);
          const isNegative = nearest < 0 || Object.is(nearest, -0);
          expect(toZero === (isNegative ? up : down)).toBe(true);
          expect(down < up).toBe(inexact);
        }
        previous = value;
      }
    },
  );

  it("an exact sum leaves the precision flag clear, an inexact one sets it", () => {
    expect(double(ADDSD, 1, 2)).toBe(3);
    expect(raised()).toBe(0);
    double(ADDSD, 1, 2 ** -60);
    expect(raised()).toBe(PRECISION);
  });

  it("products, quotients and roots tell exact from inexact to the last bit", () => {
    const a = 2 ** 26 + 1;
    double(MULSD, a, a); // 53 bits
    expect(raised()).toBe(0);
    double(MULSD, a, 2 ** 27 + 1); // 54 bits
    expect(raised()).toBe(PRECISION);
    double(DIVSD, 1, 3);
    expect(raised()).toBe(PRECISION);
    double(DIVSD, 21, 3);
    expect(raised()).toBe(0);
    double(SQRTSD, 0, a * a);
    expect(raised()).toBe(0);
    double(SQRTSD, 0, 2);
    expect(raised()).toBe(PRECISION);
  });

  it("numbers that cancel give +0, and -0 when rounding down", () => {
    expect(Object.is(double(SUBSD, 1.5, 1.5), 0)).toBe(true);
    expect(Object.is(double(SUBSD, 1.5, 1.5, ALL_MASKED | ROUND_DOWN), -0)).toBe(true);
  });
});

describe("exceptions", () => {
  it("one by zero divides by zero, zero by zero is invalid", () => {
    expect(double(DIVSD, 1, -0)).toBe(-Infinity);
    expect(raised()).toBe(ZERO_DIVIDE);
    double(DIVSD, 0, 0);
    expect(sse.hex(0, 8)).toBe("000000000000f8ff");
    expect(raised()).toBe(INVALID);
  });

  it("overflow goes to infinity or to the largest number, as the rounding says", () => {
    expect(double(MULSD, 1e308, 10)).toBe(Infinity);
    expect(raised()).toBe(OVERFLOW | PRECISION);
    expect(double(MULSD, 1e308, 10, ALL_MASKED | ROUND_TO_ZERO)).toBe(Number.MAX_VALUE);
  });

  it("a tiny result underflows only when it is inexact too", () => {
    expect(double(MULSD, MIN_NORMAL, 0.5)).toBe(MIN_NORMAL / 2);
    expect(raised()).toBe(0);
    double(MULSD, MIN_NORMAL * (1 + 2 ** -52), 0.5);
    expect(raised()).toBe(UNDERFLOW | PRECISION);
  });

  it("flush to zero answers every tiny result with zero, underflow and precision", () => {
    expect(Object.is(double(MULSD, -MIN_NORMAL, 0.5, ALL_MASKED | FLUSH), -0)).toBe(true);
    expect(raised()).toBe(UNDERFLOW | PRECISION);
  });

  it("a denormal operand is reported, and with DAZ is a zero without report", () => {
    expect(double(ADDSD, MIN_DENORMAL, 1)).toBe(1);
    expect(raised()).toBe(DENORMAL | PRECISION);
    expect(double(ADDSD, MIN_DENORMAL, 0, ALL_MASKED | DAZ)).toBe(0);
    expect(raised()).toBe(0);
  });

  it("unmasked, it is #XM and nothing is stored but the flag", () => {
    sse.engine.setMxcsr(ALL_MASKED & ~(ZERO_DIVIDE << 7));
    sse.set(0, Float64Array.of(1, 2));
    sse.set(1, Float64Array.of(0, 0));
    expect(sse.run(...DIVSD)).toBe(XM);
    expect(sse.vector(0).getFloat64(0, true)).toBe(1);
    expect(raised()).toBe(ZERO_DIVIDE);
  });

  it("unmasked before computing, it hides what rounding would raise in another element", () => {
    sse.engine.setMxcsr(ALL_MASKED & ~(ZERO_DIVIDE << 7));
    sse.set(0, Float64Array.of(1, 1));
    sse.set(1, Float64Array.of(3, 0));
    expect(sse.run(0x66, 0x0f, 0x5e, 0xc1)).toBe(XM); // DIVPD
    expect(raised()).toBe(ZERO_DIVIDE);
  });

  it("unmasked without CR4.OSXMMEXCPT it is #UD", () => {
    sse.engine.setControl(CR0, CR4 & ~CR4_OSXMMEXCPT);
    sse.engine.setMxcsr(ALL_MASKED & ~(INVALID << 7));
    sse.set(1, Float64Array.of(-1));
    expect(sse.run(...SQRTSD)).toBe(UD);
  });

  it("LDMXCSR refuses bits that do not exist", () => {
    sse.ram.setUint32(OPERAND, 0x10000, true);
    expect(sse.run(0x0f, 0xae, 0x16)).toBe(GP);
    sse.ram.setUint32(OPERAND, 0xffff, true);
    expect(sse.run(0x0f, 0xae, 0x16)).toBeUndefined();
    expect(sse.engine.mxcsr()).toBe(0xffff);
  });
});

describe("NaNs", () => {
  const quiet = 0x7ff8000000000001n;
  const signalling = 0xfff0000000000002n;

  it("the first operand that is a NaN is the answer, made quiet", () => {
    sse.set(0, BigUint64Array.of(signalling, 0n));
    sse.set(1, BigUint64Array.of(quiet, 0n));
    sse.run(...ADDSD);
    expect(sse.vector(0).getBigUint64(0, true)).toBe(0xfff8000000000002n);
    expect(raised()).toBe(INVALID);
    sse.set(0, Float64Array.of(1));
    sse.run(...ADDSD);
    expect(sse.vector(0).getBigUint64(0, true)).toBe(quiet);
  });

  it("MIN answers the second operand for NaNs and for zeros of either sign", () => {
    expect(double(MINSD, NaN, 1)).toBe(1);
    expect(double(MINSD, 1, NaN)).toBeNaN();
    expect(Object.is(double(MINSD, -0, 0), 0)).toBe(true);
  });

  it("UCOMISD keeps quiet about quiet NaNs, COMISD does not; both answer unordered", () => {
    const ZF_PF_CF = 0x45;
    double(UCOMISD, 1, NaN);
    expect(sse.engine.flags() & 0x8d5).toBe(ZF_PF_CF);
    expect(raised()).toBe(0);
    double(COMISD, 1, NaN);
    expect(raised()).toBe(INVALID);
  });
});

describe("conversions", () => {
  it("what does not fit is the integer indefinite", () => {
    double(CVTTSD2SI_EAX, 0, 2 ** 31);
    expect(sse.register(0)).toBe(0x80000000n);
    expect(raised()).toBe(INVALID);
    double(CVTTSD2SI_EAX, 0, -(2 ** 31));
    expect(raised()).toBe(0);
  });

  it("CVTSD2SI rounds by MXCSR, CVTTSD2SI to zero", () => {
    double(CVTSD2SI_EAX, 0, 2.5);
    expect(sse.register(0)).toBe(2n);
    double(CVTSD2SI_EAX, 0, 2.5, ALL_MASKED | ROUND_UP);
    expect(sse.register(0)).toBe(3n);
    double(CVTTSD2SI_EAX, 0, -2.5);
    expect(sse.register(0)).toBe(0xfffffffen);
    expect(raised()).toBe(PRECISION);
  });

  it("a 64-bit integer is rounded as MXCSR says", () => {
    sse.setRegister(0, (1n << 60n) + 1n);
    sse.run(0xf2, 0x48, 0x0f, 0x2a, 0xc0); // CVTSI2SD XMM0, RAX
    expect(sse.vector(0).getFloat64(0, true)).toBe(2 ** 60);
    sse.engine.setMxcsr(ALL_MASKED | ROUND_UP);
    sse.run(0xf2, 0x48, 0x0f, 0x2a, 0xc0);
    expect(sse.vector(0).getFloat64(0, true)).toBe(2 ** 60 + 2 ** 8);
  });
});

describe("faults", () => {
  it("an operand of 16 bytes must be aligned, but for MOVUPS", () => {
    sse.setRegister(6, BigInt(OPERAND + 1));
    expect(sse.run(...MOVAPS_LOAD)).toBe(GP);
    expect(sse.run(...MOVUPS_LOAD)).toBeUndefined();
  });

  it("without CR4.OSFXSR or with CR0.EM it is #UD, with CR0.TS #NM", () => {
    sse.engine.setControl(CR0, CR4 & ~CR4_OSFXSR);
    expect(sse.run(...PXOR)).toBe(UD);
    sse.engine.setControl(CR0 | CR0_EM | CR0_TS, CR4);
    expect(sse.run(...PXOR)).toBe(UD);
    sse.engine.setControl(CR0 | CR0_TS, CR4);
    expect(sse.run(...PXOR)).toBe(NM);
  });

  it("VEX asks for CR4.OSXSAVE", () => {
    sse.engine.setControl(CR0, CR4 & ~CR4_OSXSAVE);
    expect(sse.run(...VPXOR)).toBe(UD);
  });

  it("VEX with a legacy prefix, or with a third operand where there is none, is #UD", () => {
    expect(sse.run(0x66, ...VPXOR)).toBe(UD);
    expect(sse.run(0xc5, 0xf1, 0x70, 0xc1, 0)).toBe(UD); // VPSHUFD with vvvv = 1
  });
});

describe("integers and bytes", () => {
  it("shift counts past the width clear, or fill with the sign", () => {
    sse.set(0, Uint16Array.of(0x8000, 0x7fff));
    sse.set(1, BigUint64Array.of(16n, 0n));
    sse.run(0x66, 0x0f, 0xe1, 0xc1); // PSRAW
    expect(sse.hex(0, 4)).toBe("ffff0000");
    sse.run(0x66, 0x0f, 0xd1, 0xc1); // PSRLW
    expect(sse.hex(0, 4)).toBe("00000000");
  });

  it("MASKMOVDQU stores the bytes whose mask has its sign set, at RDI", () => {
    sse.set(
      0,
      Uint8Array.from({ length: 16 }, (_, n) => n + 1),
    );
    sse.set(
      1,
      Uint8Array.from({ length: 16 }, (_, n) => (n % 5 === 0 ? 0x80 : 0x7f)),
    );
    expect(sse.run(0x66, 0x0f, 0xf7, 0xc1)).toBeUndefined();
    const stored = Array.from({ length: 16 }, (_, n) => sse.ram.getUint8(DESTINATION + n));
    expect(stored).toEqual([1, 0, 0, 0, 0, 6, 0, 0, 0, 0, 11, 0, 0, 0, 0, 16]);
  });

  it("PCMPISTRI finds a needle, and a zero ends a string", () => {
    sse.set(0, Buffer.from("low\0 and so on.."));
    sse.set(1, Buffer.from("hello, low world"));
    sse.run(0x66, 0x0f, 0x3a, 0x63, 0xc1, 0x0c); // equal ordered
    expect(sse.register(1)).toBe(7n);
    sse.set(1, Buffer.from("hello\0 low world"));
    sse.run(0x66, 0x0f, 0x3a, 0x63, 0xc1, 0x0c);
    expect(sse.register(1)).toBe(16n);
  });

  it("CRC32 of 123456789 is the check value of CRC-32C", () => {
    sse.setRegister(0, 0xffffffffn);
    for (const byte of Buffer.from("123456789")) {
      sse.setRegister(3, BigInt(byte));
      sse.run(0xf2, 0x0f, 0x38, 0xf0, 0xc3); // CRC32 EAX, BL
    }
    expect(~sse.register(0) & 0xffffffffn).toBe(0xe3069283n);
  });

  it("CRC32 takes AH without REX and SPL with it", () => {
    sse.setRegister(0, 0x0100n);
    sse.setRegister(4, 0x00n);
    sse.setRegister(3, 0n);
    sse.run(0xf2, 0x0f, 0x38, 0xf0, 0xdc); // CRC32 EBX, AH
    expect(sse.register(3)).not.toBe(0n);
    sse.setRegister(3, 0n);
    sse.run(0xf2, 0x40, 0x0f, 0x38, 0xf0, 0xdc); // CRC32 EBX, SPL
    expect(sse.register(3)).toBe(0n);
  });

  it("ADCX carries through CF and ADOX through OF, apart from each other", () => {
    sse.engine.setFlags(0x2);
    sse.setRegister(0, 0xffffffffffffffffn);
    sse.setRegister(3, 1n);
    sse.run(0x66, 0x48, 0x0f, 0x38, 0xf6, 0xc3); // ADCX RAX, RBX
    expect(sse.engine.flags() & 0x801).toBe(0x1);
    sse.setRegister(0, 0xffffffffffffffffn);
    sse.run(0xf3, 0x48, 0x0f, 0x38, 0xf6, 0xc3); // ADOX RAX, RBX
    expect(sse.engine.flags() & 0x801).toBe(0x801);
  });
});

describe("cryptography", () => {
  it("AESENC and AESENCLAST encrypt the example of FIPS 197, appendix B", () => {
    const key = Buffer.from("2b7e151628aed2a6abf7158809cf4f3c", "hex");
    sse.set(2, key);
    const input = Buffer.from("3243f6a8885a308d313198a2e0370734", "hex");
    sse.set(
      0,
      input.map((byte, n) => byte ^ key[n]!),
    );
    let constant = 1;
    for (let round = 1; round <= 10; round++) {
      sse.run(0x66, 0x0f, 0x3a, 0xdf, 0xca, constant); // AESKEYGENASSIST XMM1, XMM2
      const word = sse.vector(1).getUint32(12, true);
      const schedule = sse.vector(2);
      for (let n = 0, previous = word; n < 4; n++) {
        previous = (schedule.getUint32(4 * n, true) ^ previous) >>> 0;
        schedule.setUint32(4 * n, previous, true);
      }
      constant = constant & 0x80 ? 0x1b : constant << 1;
      sse.run(0x66, 0x0f, 0x38, round < 10 ? 0xdc : 0xdd, 0xc2); // AESENC(LAST) XMM0, XMM2
    }
    expect(sse.hex(0)).toBe("3925841d02dc09fbdc118597196a0b32");
  });

  it("AESDEC with AESIMC's key undoes AESENC", () => {
    const state = Buffer.from("00112233445566778899aabbccddeeff", "hex");
    const key = Buffer.from("0f0e0d0c0b0a09080706050403020100", "hex");
    sse.set(0, state);
    sse.set(2, key);
    sse.set(3, new Uint8Array(16));
    sse.run(0x66, 0x0f, 0x38, 0xdc, 0xc2); // AESENC XMM0, XMM2
    sse.run(0x66, 0x0f, 0xef, 0xc2); // PXOR: takes the key off again
    sse.run(0x66, 0x0f, 0x38, 0xdb, 0xc0); // AESIMC: takes MixColumns off
    sse.run(0x66, 0x0f, 0x38, 0xdf, 0xc3); // AESDECLAST with no key
    expect(sse.hex(0)).toBe(state.toString("hex"));
  });

  it("SHA256RNDS2 and its message instructions hash a block", () => {
    const block = Buffer.alloc(64);
    block.write("abc");
    block[3] = 0x80;
    block[63] = 24;
    const roundConstants = sha256Constants();
    let state = initialSha256();
    const words = schedule(block);
    for (let round = 0; round < 64; round += 2) {
      const [a, b, c, d, e, f, g, h] = state as [
        number,
        number,
        number,
        number,
        number,
        number,
        number,
        number,
      ];
      sse.set(1, Uint32Array.of(h, g, d, c));
      sse.set(2, Uint32Array.of(f, e, b, a));
      sse.set(
        0,
        Uint32Array.of(
          words[round]! + roundConstants[round]!,
          words[round + 1]! + roundConstants[round + 1]!,
          0,
          0,
        ),
      );
      sse.run(0x0f, 0x38, 0xcb, 0xca); // SHA256RNDS2 XMM1, XMM2, XMM0
      const next = sse.vector(1);
      state = [
        next.getUint32(12, true),
        next.getUint32(8, true),
        a,
        b,
        next.getUint32(4, true),
        next.getUint32(0, true),
        e,
        f,
      ];
    }
    const digest = Buffer.alloc(32);
    initialSha256().forEach((word, n) => digest.writeUInt32BE((word + state[n]!) >>> 0, 4 * n));
    expect(digest.toString("hex")).toBe(createHash("sha256").update("abc").digest("hex"));
  });

  it("PCLMULQDQ multiplies without carries", () => {
    sse.set(0, BigUint64Array.of(0x8000000000000001n, 3n));
    sse.set(1, BigUint64Array.of(5n, 0x8000000000000000n));
    sse.run(0x66, 0x0f, 0x3a, 0x44, 0xc1, 0x10); // low of XMM0, high of XMM1
    expect(sse.vector(0).getBigUint64(0, true)).toBe(0x8000000000000000n);
    expect(sse.vector(0).getBigUint64(8, true)).toBe(0x4000000000000000n);
  });
});

describe("VEX", () => {
  it("a 128-bit result clears the upper half, legacy SSE keeps it", () => {
    const ones = new Uint8Array(32).fill(0xff);
    sse.set(0, ones);
    sse.run(...PXOR);
    expect(sse.hex(0, 32).slice(32)).toBe("ff".repeat(16));
    sse.run(...VPXOR);
    expect(sse.hex(0, 32).slice(32)).toBe("00".repeat(16));
  });

  it("VFMADD213SD rounds once", () => {
    const a = 1 + 2 ** -30;
    sse.set(0, Float64Array.of(a));
    sse.set(1, Float64Array.of(a));
    sse.set(2, Float64Array.of(-(a * a)));
    sse.run(...VFMADD213SD_XMM0_XMM1_XMM2);
    expect(sse.vector(0).getFloat64(0, true)).toBe(2 ** -60);
    expect(raised()).toBe(0);
  });

  it("a gather loads the chosen elements and leaves its mask clear", () => {
    sse.setRegister(6, BigInt(OPERAND));
    sse.ram.setUint32(OPERAND + 4, 0x11111111, true);
    sse.set(0, new Uint32Array(8)); // destination
    sse.set(1, Int32Array.of(1, 1, 1, 1)); // indices
    sse.set(2, Uint32Array.of(0x80000000, 0, 0x80000000, 0)); // mask
    expect(sse.run(0xc4, 0xe2, 0x69, 0x90, 0x04, 0x8e)).toBeUndefined(); // VPGATHERDD XMM0, [RSI+XMM1*4], XMM2
    expect(sse.hex(0)).toBe("11111111000000001111111100000000");
    expect(sse.hex(2)).toBe("00".repeat(16));
  });

  it("a gather with a register twice is #UD", () => {
    expect(sse.run(0xc4, 0xe2, 0x69, 0x90, 0x14, 0x8e)).toBe(UD);
  });

  it("PDEP and PEXT are each other's inverse under a mask", () => {
    sse.setRegister(0, 0b1011n);
    sse.setRegister(3, 0xf0f0n);
    sse.run(0xc4, 0xe2, 0xfb, 0xf5, 0xcb); // PDEP RCX, RAX, RBX
    expect(sse.register(1)).toBe(0xb0n);
    sse.run(0xc4, 0xe2, 0xf2, 0xf5, 0xd3); // PEXT RDX, RCX, RBX
    expect(sse.register(2)).toBe(0b1011n);
  });
});

describe("XSAVE", () => {
  const XSETBV = [0x0f, 0x01, 0xd1];
  const XGETBV = [0x0f, 0x01, 0xd0];
  const XSAVE = [0x0f, 0xae, 0x26];
  const XRSTOR = [0x0f, 0xae, 0x2e];
  const ALL = 7n;
  const STATE_BV = OPERAND + 512;

  function request(components: bigint): void {
    sse.setRegister(0, components);
    sse.setRegister(1, 0n);
    sse.setRegister(2, 0n);
  }

  beforeEach(() => {
    request(ALL);
    expect(sse.run(...XSETBV)).toBeUndefined();
  });

  it("XSETBV refuses AVX without SSE, and anything without x87; XGETBV reads what was set", () => {
    for (const refused of [5n, 6n, 15n]) {
      request(refused);
      expect(sse.run(...XSETBV)).toBe(GP);
    }
    request(3n);
    expect(sse.run(...XSETBV)).toBeUndefined();
    request(0n);
    sse.run(...XGETBV);
    expect(sse.register(0)).toBe(3n);
  });

  it("what XSAVE wrote XRSTOR brings back, both halves of YMM", () => {
    const pattern = Uint8Array.from({ length: 32 }, (_, n) => n + 1);
    sse.set(15, pattern);
    expect(sse.run(...XSAVE)).toBeUndefined();
    expect(sse.ram.getUint32(STATE_BV, true)).toBe(7);
    sse.set(15, new Uint8Array(32));
    expect(sse.run(...XRSTOR)).toBeUndefined();
    expect(sse.hex(15, 32)).toBe(Buffer.from(pattern).toString("hex"));
  });

  it("XRSTOR gives its initial state to what the area does not hold", () => {
    sse.run(...XSAVE);
    sse.ram.setUint32(STATE_BV, 3, true);
    sse.set(0, new Uint8Array(32).fill(0xff));
    sse.run(...XRSTOR);
    expect(sse.hex(0, 32).slice(32)).toBe("00".repeat(16));
  });

  it("only what is asked for is saved and restored", () => {
    sse.set(0, new Uint8Array(32).fill(0xff));
    request(4n);
    sse.run(...XSAVE);
    expect(sse.ram.getUint32(OPERAND + 160, true)).toBe(0);
    expect(sse.ram.getUint32(OPERAND + 576, true)).toBe(0xffffffff);
    sse.set(0, new Uint8Array(32));
    sse.run(...XRSTOR);
    expect(sse.hex(0, 32)).toBe("00".repeat(16) + "ff".repeat(16));
  });

  it("a misaligned area or a header with unknown components is #GP", () => {
    sse.run(...XSAVE);
    sse.ram.setUint32(STATE_BV, 8, true);
    expect(sse.run(...XRSTOR)).toBe(GP);
    sse.setRegister(6, BigInt(OPERAND + 16));
    expect(sse.run(...XSAVE)).toBe(GP);
  });
});

/** FIPS 180-4 §4.2.2, §5.3.3: fractional parts of roots of the first primes. */
function primes(count: number): number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) if (found.every((p) => n % p !== 0)) found.push(n);
  return found;
}

/** The first 32 bits behind the point of the `degree`-th root of `n`. */
function rootFraction(n: number, degree: bigint): number {
  const scaled = BigInt(n) << (32n * degree);
  let low = 0n;
  let high = 1n << 40n;
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** degree <= scaled) low = middle;
    else high = middle;
  }
  return Number(low & 0xffffffffn);
}

function sha256Constants(): number[] {
  return primes(64).map((p) => rootFraction(p, 3n));
}

function initialSha256(): number[] {
  return primes(8).map((p) => rootFraction(p, 2n));
}

/** The message schedule, by SHA256MSG1 and SHA256MSG2. */
function schedule(block: Buffer): number[] {
  const words = Array.from({ length: 16 }, (_, n) => block.readUInt32BE(4 * n));
  while (words.length < 64) {
    const at = words.length;
    const four = (from: number): Uint32Array => Uint32Array.from(words.slice(from, from + 4));
    sse.set(0, four(at - 16));
    sse.set(1, four(at - 12));
    sse.run(0x0f, 0x38, 0xcc, 0xc1); // SHA256MSG1 XMM0, XMM1
    const sum = sse.vector(0);
    for (let n = 0; n < 4; n++) sum.setUint32(4 * n, sum.getUint32(4 * n, true) + words[at - 7 + n]!, true);
    sse.set(1, four(at - 4));
    sse.run(0x0f, 0x38, 0xcd, 0xc1); // SHA256MSG2 XMM0, XMM1
    for (let n = 0; n < 4; n++) words.push(sse.vector(0).getUint32(4 * n, true));
  }
  return words;
}
