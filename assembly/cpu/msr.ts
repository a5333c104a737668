// Model-specific registers (SDM 4, AMD APM 2 appendix A). Unknown ones read 0 and swallow writes, as QEMU's do.
import { readApicBase, writeApicBase } from "../devices/irq-lines";
import { CPU_AT } from "../machine/layout";
import { GP, raiseWithError } from "./exceptions";
import { timeStamp } from "./time";
import { CR0_PG, EFER_LMA, EFER_LME, EFER_NXE, EFER_SCE, cpu } from "./state";

const TSC: u32 = 0x10;
const APIC_BASE: u32 = 0x1b;
const MICROCODE: u32 = 0x8b;
const MTRR_CAP: u32 = 0xfe;
const SYSENTER_CS: u32 = 0x174;
const SYSENTER_ESP: u32 = 0x175;
const SYSENTER_EIP: u32 = 0x176;
const MCG_CAP: u32 = 0x179;
const MISC_ENABLE: u32 = 0x1a0;
const MTRR_VARIABLE: u32 = 0x200; // base and mask, eight pairs
const MTRR_VARIABLE_END: u32 = 0x210;
const MTRR_FIXED_64K: u32 = 0x250;
const MTRR_FIXED_16K: u32 = 0x258;
const MTRR_FIXED_4K: u32 = 0x268;
const PAT: u32 = 0x277;
const MTRR_DEF_TYPE: u32 = 0x2ff;
const EFER: u32 = 0xc000_0080;
const STAR: u32 = 0xc000_0081;
const LSTAR: u32 = 0xc000_0082;
const CSTAR: u32 = 0xc000_0083;
const SFMASK: u32 = 0xc000_0084;
const FS_BASE: u32 = 0xc000_0100;
const GS_BASE: u32 = 0xc000_0101;
const KERNEL_GS_BASE: u32 = 0xc000_0102;
const TSC_AUX: u32 = 0xc000_0103;

/** Where the MTRRs are kept, in the vCPU's block behind CpuState: 16 variable, then 11 fixed. */
export const MTRRS_AT: usize = CPU_AT + 0x600;

/** Address of an MTRR's place, 0 for other registers. */
function mtrrPlace(number: u32): usize {
  if (number >= MTRR_VARIABLE && number < MTRR_VARIABLE_END)
    return MTRRS_AT + ((<usize>(number - MTRR_VARIABLE)) << 3);
  if (number == MTRR_FIXED_64K) return MTRRS_AT + 128;
  if (number == MTRR_FIXED_16K || number == MTRR_FIXED_16K + 1)
    return MTRRS_AT + 136 + ((<usize>(number - MTRR_FIXED_16K)) << 3);
  if (number >= MTRR_FIXED_4K && number < MTRR_FIXED_4K + 8)
    return MTRRS_AT + 152 + ((<usize>(number - MTRR_FIXED_4K)) << 3);
  return 0;
}

export function readMsr(number: u32): u64 {
  const mtrr = mtrrPlace(number);
  if (mtrr) return load<u64>(mtrr);
  switch (number) {
    case TSC:
      return timeStamp();
    case APIC_BASE:
      return readApicBase();
    case MICROCODE:
      return 0x0100_0065 << 32;
    case MTRR_CAP:
      return 0x508;
    case SYSENTER_CS:
      return cpu.sysenterCs;
    case SYSENTER_ESP:
      return cpu.sysenterEsp;
    case SYSENTER_EIP:
      return cpu.sysenterEip;
    case MCG_CAP:
      return 0x0100_010a;
    case MISC_ENABLE:
      return cpu.miscEnable;
    case PAT:
      return cpu.pat;
    case MTRR_DEF_TYPE:
      return cpu.mtrrDefType;
    case EFER:
      return cpu.efer;
    case STAR:
      return cpu.star;
    case LSTAR:
      return cpu.lstar;
    case CSTAR:
      return cpu.cstar;
    case SFMASK:
      return cpu.sfmask;
    case FS_BASE:
      return cpu.fsBase;
    case GS_BASE:
      return cpu.gsBase;
    case KERNEL_GS_BASE:
      return cpu.kernelGsBase;
    case TSC_AUX:
      return cpu.tscAux;
    default:
      return 0;
  }
}

function canonical(value: u64): u64 {
  if (<u64>(((<i64>value) << 16) >> 16) != value) raiseWithError(GP, 0);
  return value;
}

export function writeMsr(number: u32, value: u64): void {
  const mtrr = mtrrPlace(number);
  if (mtrr) {
    store<u64>(mtrr, value);
    return;
  }
  switch (number) {
    case TSC:
      cpu.tscOffset = value - (timeStamp() - cpu.tscOffset);
      break;
    case APIC_BASE:
      writeApicBase(value);
      break;
    case SYSENTER_CS:
      cpu.sysenterCs = value & 0xffff;
      break;
    case SYSENTER_ESP:
      cpu.sysenterEsp = canonical(value);
      break;
    case SYSENTER_EIP:
      cpu.sysenterEip = canonical(value);
      break;
    case MISC_ENABLE:
      cpu.miscEnable = value;
      break;
    case PAT:
      cpu.pat = value;
      break;
    case MTRR_DEF_TYPE:
      cpu.mtrrDefType = value;
      break;
    case EFER:
      writeEfer(value);
      break;
    case STAR:
      cpu.star = value;
      break;
    case LSTAR:
      cpu.lstar = canonical(value);
      break;
    case CSTAR:
      cpu.cstar = canonical(value);
      break;
    case SFMASK:
      cpu.sfmask = value & 0xffff_ffff;
      break;
    case FS_BASE:
      cpu.fsBase = canonical(value);
      break;
    case GS_BASE:
      cpu.gsBase = canonical(value);
      break;
    case KERNEL_GS_BASE:
      cpu.kernelGsBase = canonical(value);
      break;
    case TSC_AUX:
      cpu.tscAux = value & 0xffff_ffff;
      break;
    default:
  }
}

/** LME must not change while paging is on (SDM 3A §9.8.5); LMA follows CR0.PG. */
function writeEfer(value: u64): void {
  if (value & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)) raiseWithError(GP, 0);
  if (cpu.cr0 & CR0_PG && (value ^ cpu.efer) & EFER_LME) raiseWithError(GP, 0);
  cpu.efer = (value & ~EFER_LMA) | (cpu.efer & EFER_LMA);
}
