// Which CPUID feature a group of native vectors needs: what is not reported is not claimed, and not tested.
import type { Form } from "./vector-file.ts";

/** What CPUID reported in the guest: leaf 1 ECX and EDX, leaf 7 EBX and ECX, leaf 80000001h ECX. */
export interface Features {
  leaf1: [ecx: number, edx: number];
  leaf7: [ebx: number, ecx: number];
  extended: number;
}

type Bit = (features: Features) => number;

/** SDM 2A, CPUID, tables 3-8, 3-10, 3-11. */
const BITS: Record<string, Bit> = {
  sse3: ({ leaf1 }) => leaf1[0] & 1,
  pclmulqdq: ({ leaf1 }) => (leaf1[0] >> 1) & 1,
  ssse3: ({ leaf1 }) => (leaf1[0] >> 9) & 1,
  fma: ({ leaf1 }) => (leaf1[0] >> 12) & 1,
  cmpxchg16b: ({ leaf1 }) => (leaf1[0] >> 13) & 1,
  "sse4.1": ({ leaf1 }) => (leaf1[0] >> 19) & 1,
  "sse4.2": ({ leaf1 }) => (leaf1[0] >> 20) & 1,
  movbe: ({ leaf1 }) => (leaf1[0] >> 22) & 1,
  popcnt: ({ leaf1 }) => (leaf1[0] >> 23) & 1,
  aes: ({ leaf1 }) => (leaf1[0] >> 25) & 1,
  avx: ({ leaf1 }) => (leaf1[0] >> 28) & 1,
  f16c: ({ leaf1 }) => (leaf1[0] >> 29) & 1,
  mmx: ({ leaf1 }) => (leaf1[1] >> 23) & 1,
  sse: ({ leaf1 }) => (leaf1[1] >> 25) & 1,
  sse2: ({ leaf1 }) => (leaf1[1] >> 26) & 1,
  bmi1: ({ leaf7 }) => (leaf7[0] >> 3) & 1,
  avx2: ({ leaf7 }) => (leaf7[0] >> 5) & 1,
  bmi2: ({ leaf7 }) => (leaf7[0] >> 8) & 1,
  adx: ({ leaf7 }) => (leaf7[0] >> 19) & 1,
  sha: ({ leaf7 }) => (leaf7[0] >> 29) & 1,
  vaes: ({ leaf7 }) => (leaf7[1] >> 9) & 1,
  vpclmulqdq: ({ leaf7 }) => (leaf7[1] >> 10) & 1,
  lzcnt: ({ extended }) => (extended >> 5) & 1,
};

const SSE3 = "movsldup movshdup movddup lddqu haddpd haddps hsubpd hsubps addsubpd addsubps".split(" ");

/** The feature that `form` needs and the guest does not have, or undefined. */
export function requiredFeature(form: Form, features: Features): string | undefined {
  // What is VEX-encoded needs AVX beside its own set.
  const isVex = form.l !== undefined && form.l !== "none" && !String(form.set).startsWith("bmi");
  for (const feature of [isVex ? "avx" : undefined, featureOf(form)])
    if (feature && !BITS[feature]?.(features)) return feature.toUpperCase();
  return undefined;
}

function featureOf(form: Form): string | undefined {
  if (typeof form.set === "string") return form.set.toLowerCase();
  const name = form.form;
  const op = String(form.op);
  const prefix = String(form.prefix);
  if (name.startsWith("aes")) return "aes";
  if (name === "pclmulqdq") return "pclmulqdq";
  if (name.startsWith("crc32") || name.startsWith("pcmpestr") || name.startsWith("pcmpistr")) return "sse4.2";
  if (name === "pcmpgtq") return "sse4.2";
  if (/^(adcx|adox)/.test(name)) return "adx";
  if (name.startsWith("movbe")) return "movbe";
  if (name.startsWith("popcnt")) return "popcnt";
  if (name.startsWith("tzcnt")) return "bmi1";
  if (name.startsWith("lzcnt")) return "lzcnt";
  if (name.startsWith("cmpxchg16b")) return "cmpxchg16b";
  if (SSE3.includes(name)) return "sse3";
  const third = parseInt(op.slice(4, 6), 16);
  if (op.startsWith("0f38")) return third < 0x0c || (third >= 0x1c && third <= 0x1e) ? "ssse3" : "sse4.1";
  if (op.startsWith("0f3a")) return third === 0x0f ? "ssse3" : "sse4.1";
  return prefix === "66" && op.startsWith("0f") ? "sse2" : undefined;
}
