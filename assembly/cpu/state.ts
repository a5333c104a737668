// The running vCPU's registers: one struct at a constant address. The translator keeps the same layout.
//
// The register file comes first, so that a decoded operand is a byte offset into it. Behind the sixteen
// general registers stand two slots that make every effective address base + index * scale + displacement:
// `zero` (no base, no index) and `ripBase` (RIP-relative).
//
//   +0    RAX RCX RDX RBX RSP RBP RSI RDI R8 … R15    (AH is at RAX + 1, and so on)
//   +128  zero
//   +136  ripBase   RIP at the entry of the running block; RIP = ripBase + insn.offset
//   +144  segment bases ES CS SS DS FS GS LDTR TR, then two that are always 0
import { CPU_AT, EMPTY_TLB_AT, TLB_AT, TLB_SET_SIZE } from "../machine/layout";

export const REG_RSP: u32 = 32;
export const REG_RDI: u32 = 56;
export const REG_ZERO: u32 = 128;
export const REG_RIP_BASE: u32 = 136;

/** Segment slots, numbered as in the ModRM reg field; then the system segments. */
export const ES: u32 = 0;
export const CS: u32 = 1;
export const SS: u32 = 2;
export const DS: u32 = 3;
export const FS: u32 = 4;
export const GS: u32 = 5;
export const LDTR: u32 = 6;
export const TR: u32 = 7;
/** Segments whose base is always 0: long mode's ES, CS, DS, and its SS (which faults with #SS). */
export const FLAT: u32 = 8;
export const FLAT_STACK: u32 = 9;

/** EFLAGS (SDM 1 §3.4.3). */
export const CF: u32 = 1 << 0;
export const PF: u32 = 1 << 2;
export const AF: u32 = 1 << 4;
export const ZF: u32 = 1 << 6;
export const SF: u32 = 1 << 7;
export const TF: u32 = 1 << 8;
export const IF: u32 = 1 << 9;
export const DF: u32 = 1 << 10;
export const OF: u32 = 1 << 11;
export const IOPL: u32 = 3 << 12;
export const NT: u32 = 1 << 14;
export const RF: u32 = 1 << 16;
export const VM: u32 = 1 << 17;
export const AC: u32 = 1 << 18;
export const VIF: u32 = 1 << 19;
export const VIP: u32 = 1 << 20;
export const ID: u32 = 1 << 21;
/** What arithmetic writes: these live in the lazy record (cpu/flags.ts), the rest in `cpu.eflags`. */
export const ARITHMETIC_FLAGS: u32 = CF | PF | AF | ZF | SF | OF;

/** CR0 (SDM 3A §2.5). */
export const CR0_PE: u64 = 1 << 0;
export const CR0_MP: u64 = 1 << 1;
export const CR0_EM: u64 = 1 << 2;
export const CR0_TS: u64 = 1 << 3;
export const CR0_ET: u64 = 1 << 4;
export const CR0_NE: u64 = 1 << 5;
export const CR0_WP: u64 = 1 << 16;
export const CR0_AM: u64 = 1 << 18;
export const CR0_NW: u64 = 1 << 29;
export const CR0_CD: u64 = 1 << 30;
export const CR0_PG: u64 = 1 << 31;

/** CR3 while CR4.PCIDE is set (SDM 3A §4.10.1): the context's number; written with KEEP, its pages stay in the TLB. */
export const CR3_PCID: u64 = 0xfff;
export const CR3_KEEP: u64 = 1 << 63;

/** CR4 (SDM 3A §2.5). */
export const CR4_VME: u64 = 1 << 0;
export const CR4_PVI: u64 = 1 << 1;
export const CR4_TSD: u64 = 1 << 2;
export const CR4_DE: u64 = 1 << 3;
export const CR4_PSE: u64 = 1 << 4;
export const CR4_PAE: u64 = 1 << 5;
export const CR4_MCE: u64 = 1 << 6;
export const CR4_PGE: u64 = 1 << 7;
export const CR4_PCE: u64 = 1 << 8;
export const CR4_OSFXSR: u64 = 1 << 9;
export const CR4_OSXMMEXCPT: u64 = 1 << 10;
export const CR4_UMIP: u64 = 1 << 11;
export const CR4_FSGSBASE: u64 = 1 << 16;
export const CR4_PCIDE: u64 = 1 << 17;
export const CR4_OSXSAVE: u64 = 1 << 18;
export const CR4_SMEP: u64 = 1 << 20;
export const CR4_SMAP: u64 = 1 << 21;

/** EFER (SDM 3A §2.2.1). */
export const EFER_SCE: u64 = 1 << 0;
export const EFER_LME: u64 = 1 << 8;
export const EFER_LMA: u64 = 1 << 10;
export const EFER_NXE: u64 = 1 << 11;

/** What the decoder must know of the mode; part of a decoded block's key. */
export const MODE_CODE32: u32 = 1 << 0; // CS.D = 1
export const MODE_CODE64: u32 = 1 << 1; // CS.L = 1 in long mode
export const MODE_STACK32: u32 = 1 << 2; // SS.B = 1 (unused in 64-bit code)
export const MODE_FLAT: u32 = 1 << 3; // CS, DS, ES, SS with base 0, limit 4 GiB, read/write: no segment checks
export const MODE_PROTECTED: u32 = 1 << 4; // CR0.PE and not VM86
export const MODE_VM86: u32 = 1 << 5; // EFLAGS.VM

/** What makes the run loop look around before the next block. */
export const EVENT_INTERRUPT: u32 = 1 << 0; // the local APIC or the PIC holds an interrupt for this vCPU
export const EVENT_NMI: u32 = 1 << 1;
export const EVENT_INIT: u32 = 1 << 2;
export const EVENT_SIPI: u32 = 1 << 3; // vector in `sipiVector`
export const EVENT_RESCHEDULE: u32 = 1 << 4; // a chip has a nearer deadline, or the host must be told something

/** What a vCPU does (`cpu.activity`). */
export const ACTIVE: u32 = 0;
export const HALTED: u32 = 1;
export const WAIT_FOR_SIPI: u32 = 2;
export const SHUTDOWN: u32 = 3; // triple fault

@final
@unmanaged
export class CpuState {
  rax: u64;
  rcx: u64;
  rdx: u64;
  rbx: u64;
  rsp: u64;
  rbp: u64;
  rsi: u64;
  rdi: u64;
  r8: u64;
  r9: u64;
  r10: u64;
  r11: u64;
  r12: u64;
  r13: u64;
  r14: u64;
  r15: u64;
  zero: u64;
  ripBase: u64;

  esBase: u64;
  csBase: u64;
  ssBase: u64;
  dsBase: u64;
  fsBase: u64;
  gsBase: u64;
  ldtrBase: u64;
  trBase: u64;
  flatBase: u64;
  flatStackBase: u64;

  esLimit: u32;
  csLimit: u32;
  ssLimit: u32;
  dsLimit: u32;
  fsLimit: u32;
  gsLimit: u32;
  ldtrLimit: u32;
  trLimit: u32;

  /** Access rights: bits 8-23 of a descriptor's second dword, shifted to 0-15 (SDM 3A §3.4.5); 0 = unusable. */
  esAccess: u32;
  csAccess: u32;
  ssAccess: u32;
  dsAccess: u32;
  fsAccess: u32;
  gsAccess: u32;
  ldtrAccess: u32;
  trAccess: u32;

  esSelector: u32;
  csSelector: u32;
  ssSelector: u32;
  dsSelector: u32;
  fsSelector: u32;
  gsSelector: u32;
  ldtrSelector: u32;
  trSelector: u32;

  /** RIP between two blocks; inside a block it is ripBase + insn.offset. */
  rip: u64;

  // The lazy-flag record (cpu/flags.ts). The values are sign-extended to 64 bits, so no reader needs the width.
  flagResult: u64;
  flagA: u64;
  flagB: u64;
  flagOp: u32;
  /** EFLAGS without the arithmetic flags. */
  eflags: u32;

  /** Instructions that may still run before the run loop looks around; counted down by whole blocks. */
  budget: i32;
  /** What `signal` took out of the budget: instructions granted that must not count as run. */
  withheld: i32;
  /** Address of the decoded instruction that runs (cpu/decode/insn.ts). */
  insn: u32;
  /** Address of the decoded block that runs. */
  block: u32;
  /** EVENT_* */
  events: u32;
  /** MODE_* */
  mode: u32;
  cpl: u32;
  /** TLB set of the current privilege: TLB_AT, TLB_AT + TLB_SET_SIZE when CPL = 3, or EMPTY_TLB_AT (`setCpl`). */
  tlb: u32;
  /** Linear page that code runs in, as long as its translation is sure (NO_PAGE else), and its physical page. */
  codePage: u64;
  codePhysical: u32;
  /** ACTIVE, HALTED … */
  activity: u32;
  /** Nonzero until the instruction behind STI, MOV SS or POP SS has run: interrupts wait (SDM 3A §6.8.3). */
  interruptShadow: u32;
  /** Number of this vCPU, and its APIC id. */
  index: u32;
  sipiVector: u32;

  // The exception that unwinds to the run loop (cpu/exceptions.ts).
  faultPending: u32;
  /** A decoded instruction before which translated code stopped (jit/leave.ts: stop), or 0. */
  stopped: u32;
  faultVector: u32;
  faultError: u32;
  faultHasError: u32;
  /** Vector under delivery, -1 for none: decides on double and triple faults. */
  delivering: i32;

  cr0: u64;
  cr2: u64;
  cr3: u64;
  cr4: u64;
  efer: u64;
  xcr0: u64;
  dr0: u64;
  dr1: u64;
  dr2: u64;
  dr3: u64;
  dr6: u64;
  dr7: u64;
  gdtrBase: u64;
  idtrBase: u64;
  gdtrLimit: u32;
  idtrLimit: u32;

  // Model-specific registers; cpu/msr.ts knows their numbers.
  apicBase: u64;
  star: u64;
  lstar: u64;
  cstar: u64;
  sfmask: u64;
  kernelGsBase: u64;
  sysenterCs: u64;
  sysenterEsp: u64;
  sysenterEip: u64;
  pat: u64;
  tscAux: u64;
  tscOffset: u64;
  miscEnable: u64;
  mtrrDefType: u64;

  /** Instructions run up to the last look of the run loop. */
  retired: u64;

  mxcsr: u32;
  /** Breakpoints that the running instruction has hit, as in DR6 (cpu/debug.ts). */
  breaks: u32;
  /** User pages that supervisor code has reached since EFLAGS.AC was set (memory/tlb.ts: noteOpenPage). */
  openPages: u32;
}

export const cpu = changetype<CpuState>(CPU_AT);

export const SEG_BASE_AT: usize = CPU_AT + offsetof<CpuState>("esBase");
export const SEG_LIMIT_AT: usize = CPU_AT + offsetof<CpuState>("esLimit");
export const SEG_ACCESS_AT: usize = CPU_AT + offsetof<CpuState>("esAccess");
export const SEG_SELECTOR_AT: usize = CPU_AT + offsetof<CpuState>("esSelector");

/** Base of a segment slot, FLAT and FLAT_STACK included. */
export function segmentBase(slot: u32): u64 {
  return load<u64>(SEG_BASE_AT + ((<usize>slot) << 3));
}

/** General register `number` (0-15) at width T, without the AH … BH rule. */
export function register<T>(number: u32): T {
  return load<T>(CPU_AT + ((<usize>number) << 3));
}

/** Writes general register `number`; a 32-bit write clears the upper half (SDM 1 §3.4.1.1). */
export function setRegister<T>(number: u32, value: T): void {
  if (sizeof<T>() == 4) store<u64>(CPU_AT + ((<usize>number) << 3), <u64>(<u32>value));
  else store<T>(CPU_AT + ((<usize>number) << 3), value);
}

/** Makes the run loop look at `event` before the next block of this vCPU. */
export function signal(event: u32): void {
  cpu.events |= event;
  if (cpu.budget > 0) {
    cpu.withheld += cpu.budget;
    cpu.budget = 0;
  }
}

/** Enters a privilege level: the TLB set follows. */
export function setCpl(cpl: u32): void {
  cpu.codePage = u64.MAX_VALUE;
  cpu.cpl = cpl;
  const user = checksAlignment() ? EMPTY_TLB_AT : TLB_AT + TLB_SET_SIZE;
  cpu.tlb = <u32>(cpl == 3 ? user : TLB_AT);
}

/** Whether user code may not access memory unaligned (SDM 3A §6.15, #AC). Then all its accesses go the slow path. */
export function checksAlignment(): bool {
  return (cpu.eflags & AC) != 0 && (cpu.cr0 & CR0_AM) != 0;
}
