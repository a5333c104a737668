// CPUID and `-cpu`: every name means a bit that is reported, and what is withheld is not.
import { describe, expect, it } from "vitest";
import { featureNames, withheldWords, withoutFeatures } from "../../host/cpu-features.ts";
import { flatMachine } from "../support/flat-machine.ts";

/** The six words of features, read by CPUID; EAX and ECX in, which register out. */
const LEAVES = [
  [1, "edx"],
  [1, "ecx"],
  [7, "ebx"],
  [7, "ecx"],
  [0x8000_0001, "edx"],
  [0x8000_0001, "ecx"],
] as const;

function words(withheld: readonly string[] = []): number[] {
  const program = LEAVES.map(
    ([leaf, register], n) => `mov eax, ${leaf}\nxor ecx, ecx\ncpuid\nmov [${0x9000 + 4 * n}], ${register}`,
  ).join("\n");
  const core = flatMachine(`${program}\nhlt`);
  const { withholdFeatures } = core.exports as unknown as {
    withholdFeatures(word: number, bits: number): void;
  };
  withheldWords(withheld).forEach((bits, word) => withholdFeatures(word, bits));
  expect(core.run(100)).toBe(true);
  return LEAVES.map((_, n) => core.ramView.getUint32(0x9000 + 4 * n, true));
}

/** AMD's leaf repeats these of leaf 1. */
const AMD_COPY = 0x0183_f3ff;

describe("CPUID", () => {
  it("reports every feature that has a name, and no other", () => {
    const named = withheldWords(featureNames()).map((bits) => bits >>> 0);
    const reported = words();
    reported[4]! = (reported[4]! & ~AMD_COPY) >>> 0;
    expect(reported).toEqual(named);
  });

  it("does not report what is withheld", () => {
    const [, ecx1, ebx7] = words(withoutFeatures("max", [["avx2", false], ["sse4_2", false]])); // prettier-ignore
    expect([ecx1! & (1 << 20), ebx7! & (1 << 5)]).toEqual([0, 0]);
    expect(ecx1! & (1 << 19)).not.toBe(0);
  });
});

describe("-cpu", () => {
  it("qemu64 is below x86-64-v2, and takes features back by name", () => {
    expect(withoutFeatures("qemu64", [])).toContain("ssse3");
    expect(withoutFeatures("qemu64", [["ssse3", true]])).not.toContain("ssse3");
  });

  it("refuses names that are none", () => {
    expect(() => withoutFeatures("max", [["nosuch", true]])).toThrow(
      "Property 'max-x86_64-cpu.nosuch' not found",
    );
    expect(() => withoutFeatures("nosuch", [])).toThrow("unable to find CPU model 'nosuch'");
  });
});

it("MOVNTI and CRC32 are general instructions: they ask for no CR4.OSFXSR", () => {
  for (const warm of [0, 3]) {
    const core = flatMachine(`
      mov ecx, 20
    round:
      db 0x0f, 0xc3, 0x0d, 0, 0x90, 0, 0 ; movnti [0x9000], ecx
      db 0xf2, 0x0f, 0x38, 0xf1, 0xc1 ; crc32 eax, ecx
      dec ecx
      jnz round
      hlt`);
    core.exports.setTranslator(warm);
    expect(core.run(1000)).toBe(true);
    expect([core.get("rcx"), core.ramView.getUint32(0x9000, true)]).toEqual([0n, 1]);
  }
});
