// The CPU's features by QEMU's names, each with its place in CPUID, and the CPU models as sets of them. What works is
// said in assembly/cpu/features.ts; here stands what the words mean.
import { UserError } from "./core/errors.ts";

/** Words of CPUID: leaf 1 EDX and ECX, leaf 7 EBX and ECX, leaf 80000001h EDX and ECX; features with their bits. */
const WORDS: readonly Readonly<Record<string, number>>[] = [
  {
    ...bits("fpu vme de pse tsc msr pae mce cx8 apic", 0),
    ...bits("sep mtrr pge mca cmov pat pse36", 11),
    ...bits("clflush", 19),
    ...bits("mmx fxsr sse sse2", 23),
  },
  {
    ...bits("pni pclmulqdq", 0),
    ...bits("ssse3", 9),
    ...bits("fma cx16", 12),
    ...bits("pcid", 17),
    ...bits("sse4.1 sse4.2", 19),
    ...bits("movbe popcnt", 22),
    ...bits("aes xsave", 25),
    ...bits("avx f16c rdrand hypervisor", 28),
  },
  {
    ...bits("fsgsbase", 0),
    ...bits("bmi1", 3),
    ...bits("avx2", 5),
    ...bits("smep bmi2 erms invpcid", 7),
    ...bits("adx smap", 19),
    ...bits("sha-ni", 29),
  },
  { ...bits("umip", 2), ...bits("vaes vpclmulqdq", 9) },
  { ...bits("syscall", 11), ...bits("nx", 20), ...bits("rdtscp", 27), ...bits("lm", 29) },
  { ...bits("lahf-lm", 0), ...bits("abm", 5) },
];

function bits(names: string, first: number): Record<string, number> {
  return Object.fromEntries(names.split(" ").map((name, n) => [name, first + n]));
}

/** Other spellings. */
const ALIASES: Readonly<Record<string, string>> = {
  sse3: "pni",
  cmpxchg16b: "cx16",
  sse4_1: "sse4.1",
  "sse4-1": "sse4.1",
  sse4_2: "sse4.2",
  "sse4-2": "sse4.2",
  lahf_lm: "lahf-lm",
  lzcnt: "abm",
  sha_ni: "sha-ni",
};

/** QEMU's qemu64 knows nothing younger than SSE3. */
const BEYOND_QEMU64 =
  "vme pclmulqdq ssse3 fma sse4.1 sse4.2 movbe popcnt aes xsave avx f16c rdrand fsgsbase bmi1 avx2 smep bmi2 erms invpcid adx smap pcid sha-ni umip vaes vpclmulqdq rdtscp abm".split(
    " ",
  );

/** What each model leaves out; the default tells of all that works. */
const MODELS: Readonly<Record<string, readonly string[]>> = { max: [], base: [], qemu64: BEYOND_QEMU64 };

function wordOf(feature: string): number {
  return WORDS.findIndex((word) => Object.hasOwn(word, feature));
}

/** The bits to withhold of each word. */
export function withheldWords(features: readonly string[]): number[] {
  return WORDS.map((word) =>
    features.reduce((all, name) => (Object.hasOwn(word, name) ? all | (1 << word[name]!) : all), 0),
  );
}

/** All names, for tests: each is what CPUID reports by default. */
export function featureNames(): string[] {
  return WORDS.flatMap((word) => Object.keys(word));
}

/** The features that `model` with `changes` (name, and whether it is wanted) withholds. */
export function withoutFeatures(
  model: string,
  changes: readonly (readonly [name: string, on: boolean])[],
): string[] {
  const left = Object.hasOwn(MODELS, model) ? MODELS[model] : undefined;
  if (!left) {
    if (model === "host") throw new UserError("CPU model 'host' requires KVM or HVF: use -cpu max");
    throw new UserError(`unable to find CPU model '${model}': use max or qemu64`);
  }
  const withheld = new Set(left);
  for (const [typed, on] of changes) {
    const name = ALIASES[typed] ?? typed;
    if (wordOf(name) < 0) throw new UserError(`Property '${model}-x86_64-cpu.${typed}' not found`);
    if (on) withheld.delete(name);
    else withheld.add(name);
  }
  return [...withheld];
}
