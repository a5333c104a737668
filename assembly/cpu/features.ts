// CPUID (SDM 2 "CPUID", AMD APM 3 appendix E): exactly what works. The identity is that of QEMU's qemu64.
import { BOARD_AT } from "../machine/layout";
import { clock } from "../machine/clock";
import { AVX_OFFSET, AVX_SIZE, XCR0_COMPONENTS, areaSize } from "./exec/xsave";
import { CR4_OSXSAVE, cpu } from "./state";

/** Family 15, model 107, stepping 1: also EDX after reset. */
export const SIGNATURE: u32 = 0x0006_0fb1;
const LEAF_MAX: u32 = 0xd;
const EXTENDED_MAX: u32 = 0x8000_000a;
const HYPERVISOR_MAX: u32 = 0x4000_0001;

/** Leaf 1 EDX, by SDM 2 table 3-11. */
const FPU: u32 = 1 << 0;
const VME: u32 = 1 << 1;
const DE: u32 = 1 << 2;
const PSE: u32 = 1 << 3;
const TSC: u32 = 1 << 4;
const MSR: u32 = 1 << 5;
const PAE: u32 = 1 << 6;
const MCE: u32 = 1 << 7;
const CX8: u32 = 1 << 8;
const APIC: u32 = 1 << 9;
const SEP: u32 = 1 << 11;
const MTRR: u32 = 1 << 12;
const PGE: u32 = 1 << 13;
const MCA: u32 = 1 << 14;
const CMOV: u32 = 1 << 15;
const PAT: u32 = 1 << 16;
const PSE36: u32 = 1 << 17;
const CLFSH: u32 = 1 << 19;
const MMX: u32 = 1 << 23;
const FXSR: u32 = 1 << 24;
const SSE: u32 = 1 << 25;
const SSE2: u32 = 1 << 26;
const HTT: u32 = 1 << 28;
export const LEAF_1_EDX: u32 =
  FPU |
  VME |
  DE |
  PSE |
  TSC |
  MSR |
  PAE |
  MCE |
  CX8 |
  APIC |
  SEP |
  MTRR |
  PGE |
  MCA |
  CMOV |
  PAT |
  PSE36 |
  CLFSH |
  MMX |
  FXSR |
  SSE |
  SSE2;

/** Leaf 1 ECX, by SDM 2 table 3-10. */
const SSE3: u32 = 1 << 0;
const PCLMULQDQ: u32 = 1 << 1;
const SSSE3: u32 = 1 << 9;
const FMA: u32 = 1 << 12;
const CMPXCHG16B: u32 = 1 << 13;
const PCID: u32 = 1 << 17;
const SSE4_1: u32 = 1 << 19;
const SSE4_2: u32 = 1 << 20;
const MOVBE: u32 = 1 << 22;
const POPCNT: u32 = 1 << 23;
const AES: u32 = 1 << 25;
const XSAVE: u32 = 1 << 26;
const OSXSAVE: u32 = 1 << 27;
const AVX: u32 = 1 << 28;
const F16C: u32 = 1 << 29;
const RDRAND: u32 = 1 << 30;
const HYPERVISOR: u32 = 1 << 31;
const LEAF_1_ECX: u32 =
  SSE3 |
  PCLMULQDQ |
  SSSE3 |
  SSE4_1 |
  SSE4_2 |
  AES |
  XSAVE |
  AVX |
  F16C |
  FMA |
  CMPXCHG16B |
  PCID |
  MOVBE |
  POPCNT |
  RDRAND |
  HYPERVISOR;

/** Leaf 7 EBX. */
const FSGSBASE: u32 = 1 << 0;
const BMI1: u32 = 1 << 3;
const AVX2: u32 = 1 << 5;
const SMEP: u32 = 1 << 7;
const BMI2: u32 = 1 << 8;
const ERMS: u32 = 1 << 9;
const INVPCID: u32 = 1 << 10;
const ADX: u32 = 1 << 19;
const SMAP: u32 = 1 << 20;
const SHA: u32 = 1 << 29;
const LEAF_7_EBX: u32 = FSGSBASE | BMI1 | AVX2 | SMEP | BMI2 | ERMS | INVPCID | ADX | SMAP | SHA;

/** Leaf 7 ECX. */
const UMIP: u32 = 1 << 2;
const VAES: u32 = 1 << 9;
const VPCLMULQDQ: u32 = 1 << 10;
const LEAF_7_ECX: u32 = UMIP | VAES | VPCLMULQDQ;

/** Leaf 80000001h: EDX repeats leaf 1's where AMD defines it, ECX and the rest are AMD's own. */
const SYSCALL: u32 = 1 << 11;
const NX: u32 = 1 << 20;
const RDTSCP: u32 = 1 << 27;
const LM: u32 = 1 << 29;
const LAHF_LM: u32 = 1 << 0;
const CMP_LEGACY: u32 = 1 << 1;
const ABM: u32 = 1 << 5;
const AMD_COPY: u32 =
  FPU |
  VME |
  DE |
  PSE |
  TSC |
  MSR |
  PAE |
  MCE |
  CX8 |
  APIC |
  MTRR |
  PGE |
  MCA |
  CMOV |
  PAT |
  PSE36 |
  MMX |
  FXSR;
/** Leaf 80000007h EDX: the TSC runs at one rate, always. */
const INVARIANT_TSC: u32 = 1 << 8;

/** The words of features, in the order in which the host names them (host/cpu-features.ts). */
const WORD_1_EDX: u32 = 0;
const WORD_1_ECX: u32 = 1;
const WORD_7_EBX: u32 = 2;
const WORD_7_ECX: u32 = 3;
const WORD_EXTENDED_EDX: u32 = 4;
const WORD_EXTENDED_ECX: u32 = 5;

/** What the user withholds (`-cpu`): one word of bits for each word of features. */
const WITHHELD_AT: usize = BOARD_AT + 0x20;

/** The guest shall not be told of the features `bits` of `word`; before power on. */
export function withholdFeatures(word: u32, bits: u32): void {
  store<u32>(WITHHELD_AT + ((<usize>word) << 2), bits);
}

function told(word: u32, features: u32): u32 {
  return features & ~load<u32>(WITHHELD_AT + ((<usize>word) << 2));
}

function answer(eax: u32, ebx: u32, ecx: u32, edx: u32): void {
  cpu.rax = <u64>eax;
  cpu.rbx = <u64>ebx;
  cpu.rcx = <u64>ecx;
  cpu.rdx = <u64>edx;
}

export function cpuid(): void {
  const leaf = <u32>cpu.rax;
  const subleaf = <u32>cpu.rcx;
  if (leaf >= 0x8000_0000 && leaf <= EXTENDED_MAX) extended(leaf);
  else if (leaf >= 0x4000_0000 && leaf <= HYPERVISOR_MAX) hypervisor(leaf);
  else basic(leaf > LEAF_MAX ? LEAF_MAX : leaf, subleaf);
}

function basic(leaf: u32, subleaf: u32): void {
  const vcpus = clock.vcpus;
  switch (leaf) {
    case 0:
      answer(LEAF_MAX, 0x6874_7541, 0x444d_4163, 0x6974_6e65); // "AuthenticAMD"
      return;
    case 1: {
      const osxsave = cpu.cr4 & CR4_OSXSAVE ? OSXSAVE : 0;
      answer(
        SIGNATURE,
        (cpu.index << 24) | (vcpus << 16) | 0x800,
        told(WORD_1_ECX, LEAF_1_ECX) | osxsave,
        told(WORD_1_EDX, LEAF_1_EDX) | (vcpus > 1 ? HTT : 0),
      );
      return;
    }
    case 5:
      answer(0, 0, 3, 0);
      return;
    case 7:
      if (subleaf == 0) answer(0, told(WORD_7_EBX, LEAF_7_EBX), told(WORD_7_ECX, LEAF_7_ECX), 0);
      else answer(0, 0, 0, 0);
      return;
    case 0xd:
      extendedState(subleaf);
      return;
    case 0xb:
      topology(subleaf, vcpus);
      return;
    default:
      answer(0, 0, 0, 0);
  }
}

/** The areas of XSAVE: sizes in all, then size and place of AVX's part (SDM 2 "CPUID", leaf 0Dh). */
function extendedState(subleaf: u32): void {
  if (subleaf == 0) answer(<u32>XCR0_COMPONENTS, areaSize(cpu.xcr0), areaSize(XCR0_COMPONENTS), 0);
  else if (subleaf == 2) answer(AVX_SIZE, AVX_OFFSET, 0, 0);
  else answer(0, 0, 0, 0);
}

/** Extended topology: one thread a core, `vcpus` cores in one package. */
function topology(subleaf: u32, vcpus: u32): void {
  if (subleaf == 0) answer(0, 1, 0x100, cpu.index);
  else if (subleaf == 1) answer(32 - <u32>clz<u32>(vcpus - 1), vcpus, 0x201, cpu.index);
  else answer(0, 0, subleaf, cpu.index);
}

function hypervisor(leaf: u32): void {
  if (leaf == 0x4000_0000)
    answer(HYPERVISOR_MAX, 0x5447_4354, 0x4354_4743, 0x4743_5447); // "TCGTCGTCGTCG"
  else answer(0, 0, 0, 0);
}

function extended(leaf: u32): void {
  const vcpus = clock.vcpus;
  switch (leaf) {
    case 0x8000_0000:
      answer(EXTENDED_MAX, 0x6874_7541, 0x444d_4163, 0x6974_6e65);
      return;
    case 0x8000_0001:
      answer(
        SIGNATURE,
        0,
        told(WORD_EXTENDED_ECX, LAHF_LM | ABM) | (vcpus > 1 ? CMP_LEGACY : 0),
        told(WORD_EXTENDED_EDX, AMD_COPY | SYSCALL | NX | RDTSCP | LM),
      );
      return;
    case 0x8000_0002:
      answer(0x6d73_6177, 0x756d_6571, 0x7269_5620, 0x6c61_7574); // "wasmqemu Virtual"
      return;
    case 0x8000_0003:
      answer(0x5550_4320, 0, 0, 0); // " CPU"
      return;
    case 0x8000_0004:
      answer(0, 0, 0, 0);
      return;
    case 0x8000_0005:
      answer(0x01ff_01ff, 0x01ff_01ff, 0x4002_0140, 0x4002_0140);
      return;
    case 0x8000_0006:
      answer(0, 0x4200_4200, 0x0200_8140, 0x0080_8140);
      return;
    case 0x8000_0007:
      answer(0, 0, 0, INVARIANT_TSC);
      return;
    case 0x8000_0008:
      answer(0x3028, 0, vcpus > 1 ? 0x1000 | (vcpus - 1) : 0, 0); // 40 physical, 48 linear address bits
      return;
    default:
      answer(0, 0, 0, 0);
  }
}
