// System instructions: control and debug registers, descriptor tables, MSRs, system calls, I/O, flags, halts.
import { DST_MEMORY, Insn, PREFIX_REX_W, SRC_IMMEDIATE } from "../decode/insn";
import { portRead, portWrite } from "../../devices/bus";
import { setTaskPriority, taskPriority } from "../../devices/irq-lines";
import { entropy } from "../../host";
import { clock, endTurn } from "../../machine/clock";
import { read, readForWrite, readSystem, wrap, write } from "../../memory/access";
import { isCanonical } from "../../memory/paging";
import { closePages, flushTlb, flushTlbNonGlobal, flushTlbPage } from "../../memory/tlb";
import { breakpointsEnabled, notePort, readDebugRegister, writeDebugRegister } from "../debug";
import { GP, UD, raise, raiseWithError } from "../exceptions";
import { arithmeticFlags, eflags, setArithmeticFlags, setEflags } from "../flags";
import { changeableFlags, replaceFlags } from "../interrupts";
import { writeCr0, writeCr3, writeCr4 } from "../modes";
import { readMsr, writeMsr } from "../msr";
import { segmentSelector, setSegment, updateMode } from "../segments";
import { lacksInterruptFlag, loadVirtualFlags, setVirtualInterruptFlag, virtualFlags } from "../virtual-8086";
import { timeStamp } from "../time";
import {
  AC,
  AF,
  CF,
  CR4_FSGSBASE,
  CR3_PCID,
  CR4_PCE,
  CR4_PCIDE,
  CR4_TSD,
  CR4_UMIP,
  CS,
  DF,
  EFER_LMA,
  EFER_SCE,
  FS,
  HALTED,
  IF,
  IOPL,
  MODE_CODE64,
  MODE_PROTECTED,
  MODE_VM86,
  OF,
  PF,
  RF,
  SEG_BASE_AT,
  SF,
  SS,
  VM,
  ZF,
  cpu,
  setCpl,
  signal,
  EVENT_RESCHEDULE,
} from "../state";
import { SCRATCH_AT } from "../../machine/layout";
import { shadow } from "./move";
import {
  linearAddress,
  linearAddressForWrite,
  nextRip,
  Operand,
  peek,
  push,
  reg,
  setReg,
  setStackPointer,
  stackPointer,
} from "./operand";

/** #GP(0) unless CPL = 0. */
export function privileged(): void {
  if (cpu.cpl != 0) raiseWithError(GP, 0);
}

/** SGDT, SIDT, SLDT, STR and SMSW tell user code where the kernel lies, unless CR4.UMIP forbids it (SDM 3A §2.5). */
function checkDisclosure(): void {
  if (cpu.cr4 & CR4_UMIP) privileged();
}

function iopl(): u32 {
  return (cpu.eflags & IOPL) >> 12;
}

export function movFromCr(i: Insn): void {
  privileged();
  let value: u64 = 0;
  switch (i.extra) {
    case 0:
      value = cpu.cr0;
      break;
    case 2:
      value = cpu.cr2;
      break;
    case 3:
      value = cpu.cr3;
      break;
    case 4:
      value = cpu.cr4;
      break;
    case 8:
      value = <u64>taskPriority();
      break;
    default:
      raise(UD);
  }
  if (cpu.mode & MODE_CODE64) setReg<u64>(i.dst, value);
  else setReg<u32>(i.dst, <u32>value);
}

export function movToCr(i: Insn): void {
  privileged();
  const value = cpu.mode & MODE_CODE64 ? reg<u64>(i.dst) : <u64>reg<u32>(i.dst);
  switch (i.extra) {
    case 0:
      writeCr0(value);
      break;
    case 2:
      cpu.cr2 = value;
      break;
    case 3:
      writeCr3(value);
      break;
    case 4:
      writeCr4(value);
      break;
    case 8:
      if (value & ~15) raiseWithError(GP, 0);
      setTaskPriority(<u32>value);
      break;
    default:
      raise(UD);
  }
}

export function movFromDr(i: Insn): void {
  privileged();
  const value = readDebugRegister(i.extra);
  if (cpu.mode & MODE_CODE64) setReg<u64>(i.dst, value);
  else setReg<u32>(i.dst, <u32>value);
}

export function movToDr(i: Insn): void {
  privileged();
  writeDebugRegister(i.extra, cpu.mode & MODE_CODE64 ? reg<u64>(i.dst) : <u64>reg<u32>(i.dst));
}

export function smsw<T>(i: Insn): void {
  checkDisclosure();
  if (i.form & DST_MEMORY) write<u16>(linearAddressForWrite(i, 2), <u16>cpu.cr0);
  else setReg<T>(i.dst, <T>cpu.cr0);
}

/** LMSW changes PE, MP, EM, TS only, and cannot clear PE. */
export function lmsw(i: Insn): void {
  privileged();
  const value = (<u64>Operand.first<u16>(i)) & 15;
  writeCr0((cpu.cr0 & ~14) | value | (cpu.cr0 & 1));
}

export function clts(i: Insn): void {
  privileged();
  cpu.cr0 &= ~8;
}

export function invlpg(i: Insn): void {
  privileged();
  flushTlbPage(linearAddress(i));
}

/** The kinds of INVPCID (SDM 2A "INVPCID"). */
const ONE_PAGE: u64 = 0;
const ONE_CONTEXT: u64 = 1;
const ALL_CONTEXTS: u64 = 2;
const ALL_BUT_GLOBAL: u64 = 3;

/** The TLB holds the pages of the running context and global ones: others have none to drop. */
export function invpcid(i: Insn): void {
  privileged();
  const kind = cpu.mode & MODE_CODE64 ? reg<u64>(i.dst) : <u64>reg<u32>(i.dst);
  const at = linearAddress(i, 16);
  const context = read<u64>(at);
  const linear = read<u64>(wrap(at + 8));
  const running = cpu.cr4 & CR4_PCIDE ? cpu.cr3 & CR3_PCID : 0;
  if (kind > ALL_BUT_GLOBAL || context & ~CR3_PCID) raiseWithError(GP, 0);
  if (kind <= ONE_CONTEXT && context != 0 && !(cpu.cr4 & CR4_PCIDE)) raiseWithError(GP, 0);
  if (kind == ONE_PAGE && !isCanonical(linear)) raiseWithError(GP, 0);
  if (kind == ALL_CONTEXTS) flushTlb();
  else if (kind == ALL_BUT_GLOBAL || (kind == ONE_CONTEXT && context == running)) flushTlbNonGlobal();
  else if (kind == ONE_PAGE && context == running) flushTlbPage(linear);
}

/** INVD, WBINVD: the caches here are always coherent. */
export function invd(i: Insn): void {
  privileged();
}

export function storeTable(i: Insn, base: u64, limit: u32): void {
  checkDisclosure();
  const long = (cpu.mode & MODE_CODE64) != 0;
  const at = linearAddressForWrite(i, long ? 10 : 6);
  write<u16>(at, <u16>limit);
  if (long) write<u64>(at + 2, base);
  else write<u32>(wrap(at + 2), <u32>base);
}

export function loadTable(i: Insn, interrupts: bool): void {
  privileged();
  const long = (cpu.mode & MODE_CODE64) != 0;
  const at = linearAddress(i, long ? 10 : 6);
  const limit = <u32>read<u16>(at);
  let base = long ? read<u64>(at + 2) : <u64>read<u32>(wrap(at + 2));
  // A 16-bit operand size loads 24 bits of base.
  if (!long && operandWidth(i) == 1) base &= 0xff_ffff;
  if (interrupts) {
    cpu.idtrBase = base;
    cpu.idtrLimit = limit;
  } else {
    cpu.gdtrBase = base;
    cpu.gdtrLimit = limit;
  }
}

/** log2 of the operand size of an operation that is not sized, by prefix and mode. */
function operandWidth(i: Insn): u32 {
  const wide = (cpu.mode & 1) != 0;
  const prefixed = (i.prefix & 4) != 0;
  return wide != prefixed ? 2 : 1;
}

/** SLDT, STR: 16 bits to memory, zero-extended to a register of the operand size. */
export function storeSelector(i: Insn, slot: u32): void {
  if (!(cpu.mode & MODE_PROTECTED)) raise(UD);
  checkDisclosure();
  if (i.form & DST_MEMORY) write<u16>(linearAddressForWrite(i, 2), <u16>segmentSelector(slot));
  else if (i.prefix & PREFIX_REX_W || (cpu.mode & MODE_CODE64 && !(i.prefix & 4)))
    setReg<u64>(i.dst, <u64>segmentSelector(slot));
  else if (operandWidth(i) == 2) setReg<u32>(i.dst, segmentSelector(slot));
  else setReg<u16>(i.dst, <u16>segmentSelector(slot));
}

export function rdmsr(i: Insn): void {
  privileged();
  const value = readMsr(<u32>cpu.rcx);
  cpu.rax = value & 0xffff_ffff;
  cpu.rdx = value >> 32;
}

export function wrmsr(i: Insn): void {
  privileged();
  writeMsr(<u32>cpu.rcx, (cpu.rdx << 32) | (cpu.rax & 0xffff_ffff));
}

export function rdtsc(i: Insn): void {
  if (cpu.cr4 & CR4_TSD && cpu.cpl != 0) raiseWithError(GP, 0);
  const value = timeStamp();
  cpu.rax = value & 0xffff_ffff;
  cpu.rdx = value >> 32;
}

export function rdtscp(i: Insn): void {
  rdtsc(i);
  cpu.rcx = cpu.tscAux & 0xffff_ffff;
}

/** No performance counters: every number is one that does not exist. */
export function rdpmc(i: Insn): void {
  if (!(cpu.cr4 & CR4_PCE) && cpu.cpl != 0) raiseWithError(GP, 0);
  raiseWithError(GP, 0);
}

/** SYSCALL (SDM 2): CS and SS from STAR 47-32, RIP from LSTAR; compatibility mode enters by CSTAR. */
export function syscall(i: Insn): void {
  if (!(cpu.efer & EFER_SCE)) raise(UD);
  const flags = eflags();
  const next = nextRip(i);
  const selector = (<u32>(cpu.star >> 32)) & 0xfffc;
  if (cpu.efer & EFER_LMA) {
    cpu.rcx = next;
    cpu.r11 = <u64>(flags & ~RF);
    cpu.rip = cpu.mode & MODE_CODE64 ? cpu.lstar : cpu.cstar;
    setEflags(flags & ~((<u32>cpu.sfmask) | RF));
    setSegment(CS, selector, 0, 0xffff_ffff, 0xa09b);
  } else {
    cpu.rcx = next;
    cpu.rip = cpu.star & 0xffff_ffff;
    setEflags(flags & ~(VM | IF | RF));
    setSegment(CS, selector, 0, 0xffff_ffff, 0xc09b);
  }
  setSegment(SS, selector + 8, 0, 0xffff_ffff, 0xc093);
  setCpl(0);
  updateMode();
}

/** SYSRET: T is u64 for a return to 64-bit code. */
export function sysret<T>(i: Insn): void {
  if (!(cpu.efer & EFER_SCE) || !(cpu.mode & MODE_PROTECTED)) raise(UD);
  privileged();
  const base = (<u32>(cpu.star >> 48)) & 0xffff;
  if (sizeof<T>() == 8) {
    setSegment(CS, (base + 16) | 3, 0, 0xffff_ffff, 0xa0fb);
    cpu.rip = cpu.rcx;
  } else {
    setSegment(CS, base | 3, 0, 0xffff_ffff, 0xc0fb);
    cpu.rip = cpu.rcx & 0xffff_ffff;
  }
  if (cpu.efer & EFER_LMA) replaceFlags(<u32>cpu.r11, 0x003c_7fff & ~RF);
  else replaceFlags(IF, IF);
  setSegment(SS, (base + 8) | 3, 0, 0xffff_ffff, 0xc0f3);
  setCpl(3);
  updateMode();
}

export function sysenter(i: Insn): void {
  if (!(cpu.mode & (MODE_PROTECTED | MODE_VM86)) || (cpu.sysenterCs & 0xfffc) == 0) raiseWithError(GP, 0);
  const selector = (<u32>cpu.sysenterCs) & 0xfffc;
  const long = (cpu.efer & EFER_LMA) != 0;
  setEflags(eflags() & ~(VM | IF | RF));
  setSegment(CS, selector, 0, 0xffff_ffff, long ? 0xa09b : 0xc09b);
  setSegment(SS, selector + 8, 0, 0xffff_ffff, 0xc093);
  cpu.rsp = long ? cpu.sysenterEsp : cpu.sysenterEsp & 0xffff_ffff;
  cpu.rip = long ? cpu.sysenterEip : cpu.sysenterEip & 0xffff_ffff;
  setCpl(0);
  updateMode();
}

export function sysexit<T>(i: Insn): void {
  if (!(cpu.mode & MODE_PROTECTED) || (cpu.sysenterCs & 0xfffc) == 0) raiseWithError(GP, 0);
  privileged();
  const selector = (<u32>cpu.sysenterCs) & 0xfffc;
  if (sizeof<T>() == 8) {
    setSegment(CS, (selector + 32) | 3, 0, 0xffff_ffff, 0xa0fb);
    setSegment(SS, (selector + 40) | 3, 0, 0xffff_ffff, 0xc0f3);
    cpu.rsp = cpu.rcx;
    cpu.rip = cpu.rdx;
  } else {
    setSegment(CS, (selector + 16) | 3, 0, 0xffff_ffff, 0xc0fb);
    setSegment(SS, (selector + 24) | 3, 0, 0xffff_ffff, 0xc0f3);
    cpu.rsp = cpu.rcx & 0xffff_ffff;
    cpu.rip = cpu.rdx & 0xffff_ffff;
  }
  setCpl(3);
  updateMode();
}

export function swapgs(i: Insn): void {
  privileged();
  const base = cpu.gsBase;
  cpu.gsBase = cpu.kernelGsBase;
  cpu.kernelGsBase = base;
}

export function readBase<T>(i: Insn, slot: u32): void {
  if (!(cpu.cr4 & CR4_FSGSBASE)) raise(UD);
  setReg<T>(i.dst, <T>(slot == FS ? cpu.fsBase : cpu.gsBase));
}

export function writeBase<T>(i: Insn, slot: u32): void {
  if (!(cpu.cr4 & CR4_FSGSBASE)) raise(UD);
  const value = <u64>reg<T>(i.dst);
  if (<u64>(((<i64>value) << 16) >> 16) != value) raiseWithError(GP, 0);
  store<u64>(SEG_BASE_AT + ((<usize>slot) << 3), value);
}

/** #GP(0) unless the I/O permission bitmap or IOPL lets this code use `size` ports at `port` (SDM 1 §19.5). */
export function checkPort(port: u32, size: u32): void {
  if (breakpointsEnabled()) notePort(port, size);
  const vm86 = (cpu.mode & MODE_VM86) != 0;
  if (!vm86 && (!(cpu.mode & MODE_PROTECTED) || cpu.cpl <= iopl())) return;
  const isTss32 = (cpu.trAccess & 0x8d) == 0x89;
  if (!isTss32 || cpu.trLimit < 103) raiseWithError(GP, 0);
  const bitmap = <u32>readSystem<u16>(cpu.trBase + 102) + (port >> 3);
  if (bitmap + 1 > cpu.trLimit) raiseWithError(GP, 0);
  const bits = (<u32>readSystem<u16>(cpu.trBase + <u64>bitmap)) >> (port & 7);
  if (bits & ((1 << size) - 1)) raiseWithError(GP, 0);
}

function port(i: Insn): u32 {
  return i.form & SRC_IMMEDIATE ? (<u32>i.immediate) & 0xff : (<u32>cpu.rdx) & 0xffff;
}

export function input<T>(i: Insn): void {
  const number = port(i);
  checkPort(number, sizeof<T>());
  setReg<T>(0, <T>portRead(number, sizeof<T>()));
}

export function output<T>(i: Insn): void {
  const number = port(i);
  checkPort(number, sizeof<T>());
  portWrite(number, sizeof<T>(), <u32>reg<T>(0));
}

export function hlt(i: Insn): void {
  privileged();
  cpu.activity = HALTED;
  // HLT is the instruction that the shadow of STI waited for: what is pending may wake it now.
  cpu.interruptShadow = 0;
  signal(EVENT_RESCHEDULE);
}

/** PAUSE: who waits for another vCPU gives the rest of its turn away, or the other would not come to let it go on. */
export function pause(i: Insn): void {
  if (clock.vcpus > 1) endTurn();
}

export function cli(i: Insn): void {
  if (lacksInterruptFlag()) setVirtualInterruptFlag(false);
  else cpu.eflags &= ~IF;
}

export function sti(i: Insn): void {
  if (lacksInterruptFlag()) setVirtualInterruptFlag(true);
  else if (!(cpu.eflags & IF)) {
    cpu.eflags |= IF;
    shadow();
  }
}

export function pushf<T>(i: Insn): void {
  const flags = cpu.mode & MODE_VM86 && iopl() != 3 ? virtualFlags<T>() : eflags();
  push<T>(<T>(flags & ~(VM | RF)));
}

export function popf<T>(i: Insn): void {
  const value = <u32>peek<T>(0);
  if (cpu.mode & MODE_VM86 && iopl() != 3) {
    loadVirtualFlags<T>(value);
    setStackPointer(stackPointer() + sizeof<T>());
    return;
  }
  const changeable = changeableFlags() & ~RF & (sizeof<T>() == 2 ? 0xffff : 0xffff_ffff);
  setStackPointer(stackPointer() + sizeof<T>());
  replaceFlags(value, changeable);
  cpu.eflags &= ~RF;
}

export function lahf(i: Insn): void {
  setReg<u8>(1, <u8>eflags());
}

export function sahf(i: Insn): void {
  const kept = arithmeticFlags() & OF;
  setArithmeticFlags(kept | (((<u32>cpu.rax) >> 8) & (CF | PF | AF | ZF | SF)));
}

/** STAC and CLAC: user pages are open to supervisor code, or closed, under SMAP. */
export function setAccess(open: bool): void {
  if (cpu.cpl != 0) raise(UD);
  if (open) cpu.eflags |= AC;
  else {
    cpu.eflags &= ~AC;
    closePages();
  }
}

export function setDirection(down: bool): void {
  if (down) cpu.eflags |= DF;
  else cpu.eflags &= ~DF;
}

export function cmpxchg8b(i: Insn): void {
  const at = linearAddressForWrite(i, 8);
  const value = readForWrite<u64>(at);
  const expected = (cpu.rdx << 32) | (cpu.rax & 0xffff_ffff);
  if (value == expected) {
    write<u64>(at, (cpu.rcx << 32) | (cpu.rbx & 0xffff_ffff));
    setArithmeticFlags(arithmeticFlags() | ZF);
  } else {
    write<u64>(at, value);
    cpu.rax = value & 0xffff_ffff;
    cpu.rdx = value >> 32;
    setArithmeticFlags(arithmeticFlags() & ~ZF);
  }
}

export function cmpxchg16b(i: Insn): void {
  const at = linearAddressForWrite(i, 16);
  if (at & 15) raiseWithError(GP, 0);
  const low = readForWrite<u64>(at);
  const high = readForWrite<u64>(at + 8);
  const equal = low == cpu.rax && high == cpu.rdx;
  write<u64>(at, equal ? cpu.rbx : low);
  write<u64>(at + 8, equal ? cpu.rcx : high);
  if (!equal) {
    cpu.rax = low;
    cpu.rdx = high;
  }
  setArithmeticFlags(equal ? arithmeticFlags() | ZF : arithmeticFlags() & ~ZF);
}

/** RDRAND: always succeeds (CF = 1). */
export function rdrand<T>(i: Insn): void {
  entropy(SCRATCH_AT, 8);
  setReg<T>(i.dst, load<T>(SCRATCH_AT));
  setArithmeticFlags(CF);
}

export function undefined(i: Insn): void {
  raise(UD);
}
