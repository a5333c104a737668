// Real, protected, long: what writes of CR0, CR3, CR4 and EFER do (SDM 3A §2.5, §9.8.5), and the state after reset.
import { CPU_AT, CPU_END, X87_AT, X87_SIZE } from "../machine/layout";
import { flushTlb, flushTlbNonGlobal } from "../memory/tlb";
import { GP, raiseWithError } from "./exceptions";
import { resetX87 } from "./x87-state";
import { resetDebug } from "./debug";
import { setEflags } from "./flags";
import { LONG } from "./descriptors";
import { setSegment, updateMode } from "./segments";
import { report } from "./trace";
import { TRACE_RESET } from "./trace-kinds";
import {
  ACTIVE,
  CR0_CD,
  CR0_ET,
  CR0_NW,
  CR0_PE,
  CR0_PG,
  CR0_WP,
  CR4_DE,
  CR4_FSGSBASE,
  CR4_MCE,
  CR4_OSFXSR,
  CR4_OSXSAVE,
  CR4_OSXMMEXCPT,
  CR4_PAE,
  CR3_KEEP,
  CR3_PCID,
  CR4_PCE,
  CR4_PCIDE,
  CR4_PGE,
  CR4_PSE,
  CR4_PVI,
  CR4_SMAP,
  CR4_SMEP,
  CR4_UMIP,
  CR4_TSD,
  CR4_VME,
  CS,
  DS,
  EFER_LMA,
  EFER_LME,
  ES,
  FS,
  GS,
  LDTR,
  SS,
  TR,
  WAIT_FOR_SIPI,
  cpu,
  setCpl,
} from "./state";

/** CR4 bits that CPUID promises. */
const CR4_SUPPORTED: u64 =
  CR4_VME |
  CR4_PVI |
  CR4_TSD |
  CR4_DE |
  CR4_PSE |
  CR4_PAE |
  CR4_MCE |
  CR4_PGE |
  CR4_PCE |
  CR4_PCIDE |
  CR4_OSFXSR |
  CR4_OSXMMEXCPT |
  CR4_FSGSBASE |
  CR4_OSXSAVE |
  CR4_SMEP |
  CR4_SMAP |
  CR4_UMIP;

export function writeCr0(value: u64): void {
  value |= CR0_ET;
  if (value >> 32 || (value & CR0_PG && !(value & CR0_PE)) || (value & CR0_NW && !(value & CR0_CD)))
    raiseWithError(GP, 0);
  const changed = value ^ cpu.cr0;
  if (changed & CR0_PG) {
    if (!(value & CR0_PG) && cpu.cr4 & CR4_PCIDE) raiseWithError(GP, 0);
    if (value & CR0_PG && cpu.efer & EFER_LME) {
      if (!(cpu.cr4 & CR4_PAE) || cpu.csAccess & LONG) raiseWithError(GP, 0);
      cpu.efer |= EFER_LMA;
    } else cpu.efer &= ~EFER_LMA;
  }
  cpu.cr0 = value;
  if (changed & (CR0_PG | CR0_PE | CR0_WP)) flushTlb();
  if (changed & (CR0_PE | CR0_PG)) updateMode();
}

/** Bits of CR3 beyond the 40 of an address (CPUID leaf 80000008h). */
const CR3_RESERVED: u64 = 0xffff_ff00_0000_0000;

/**
 * The TLB holds the pages of one context: those of the one that comes may stay only if it is the same
 * (SDM 3A §4.10.4.1 allows to drop more than it demands).
 */
export function writeCr3(value: u64): void {
  const keeps = (cpu.cr4 & CR4_PCIDE) != 0 && (value & CR3_KEEP) != 0;
  if (keeps) value &= ~CR3_KEEP;
  if (value & CR3_RESERVED) raiseWithError(GP, 0);
  const same = ((value ^ cpu.cr3) & CR3_PCID) == 0;
  cpu.cr3 = value;
  if (!keeps || !same) flushTlbNonGlobal();
}

export function writeCr4(value: u64): void {
  if (value & ~CR4_SUPPORTED) raiseWithError(GP, 0);
  if (cpu.efer & EFER_LMA && !(value & CR4_PAE)) raiseWithError(GP, 0);
  if (value & ~cpu.cr4 & CR4_PCIDE && (!(cpu.efer & EFER_LMA) || cpu.cr3 & CR3_PCID)) raiseWithError(GP, 0);
  cpu.cr4 = value;
  flushTlb();
}

/** The processor after RESET (SDM 3A table 9-1), or after INIT, which keeps caches, x87 and vectors. */
export function resetCpu(init: bool): void {
  report(TRACE_RESET);
  const index = cpu.index;
  const apicBase = cpu.apicBase;
  const budget = cpu.budget;
  const withheld = cpu.withheld;
  const retired = cpu.retired;
  const tscOffset = cpu.tscOffset;
  const sipiVector = cpu.sipiVector;
  memory.fill(CPU_AT, 0, init ? X87_AT - CPU_AT : CPU_END - CPU_AT);
  cpu.index = index;
  cpu.budget = budget;
  cpu.withheld = withheld;
  cpu.retired = retired;
  cpu.rdx = 0x0006_0fb1; // family, model, stepping of CPUID leaf 1
  cpu.rip = 0xfff0;
  setEflags(0);
  cpu.cr0 = CR0_ET | CR0_CD | CR0_NW;
  cpu.xcr0 = 1;
  resetDebug();
  cpu.delivering = -1;
  cpu.pat = 0x0007_0406_0007_0406;
  cpu.mxcsr = 0x1f80;
  if (init) {
    cpu.apicBase = apicBase;
    cpu.tscOffset = tscOffset;
    // The start-up IPI may have come in before this vCPU had its turn to see the INIT.
    cpu.sipiVector = sipiVector;
  } else {
    memory.fill(X87_AT, 0, X87_SIZE);
    resetX87();
  }
  setSegment(CS, 0xf000, 0xffff_0000, 0xffff, 0x9b);
  setSegment(DS, 0, 0, 0xffff, 0x93);
  setSegment(ES, 0, 0, 0xffff, 0x93);
  setSegment(SS, 0, 0, 0xffff, 0x93);
  setSegment(FS, 0, 0, 0xffff, 0x93);
  setSegment(GS, 0, 0, 0xffff, 0x93);
  setSegment(LDTR, 0, 0, 0xffff, 0x82);
  setSegment(TR, 0, 0, 0xffff, 0x8b);
  cpu.gdtrLimit = 0xffff;
  cpu.idtrLimit = 0xffff;
  cpu.activity = init && index != 0 ? WAIT_FOR_SIPI : ACTIVE;
  setCpl(0);
  flushTlb();
  updateMode();
}

/** A start-up IPI's `vector`: real mode at vector * 4096 (SDM 3A §8.4.3). */
export function startUp(vector: u32): void {
  setSegment(CS, vector << 8, (<u64>vector) << 12, 0xffff, 0x9b);
  cpu.rip = 0;
  cpu.activity = ACTIVE;
  updateMode();
}

/** What a 32-bit boot protocol asks for: flat segments 10h and 18h, paging and interrupts off. */
export function enterFlatProtectedMode(eip: u32, code: u32, data: u32): void {
  cpu.cr0 = CR0_ET | CR0_PE;
  setSegment(CS, code, 0, 0xffff_ffff, 0xc09b);
  setSegment(DS, data, 0, 0xffff_ffff, 0xc093);
  setSegment(ES, data, 0, 0xffff_ffff, 0xc093);
  setSegment(SS, data, 0, 0xffff_ffff, 0xc093);
  setSegment(FS, data, 0, 0xffff_ffff, 0xc093);
  setSegment(GS, data, 0, 0xffff_ffff, 0xc093);
  cpu.rip = <u64>eip;
  setEflags(0);
  updateMode();
  flushTlb();
}
