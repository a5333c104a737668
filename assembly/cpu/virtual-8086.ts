// Virtual-8086 mode extensions (SDM 3B §20.3) and protected-mode virtual interrupts (§20.4): where IOPL withholds the
// interrupt flag, CR4.VME and CR4.PVI give code a flag of its own, VIF, and INT n may stay inside the 8086 program.
import { probeWrite, read, readSystem } from "../memory/access";
import { GP, raiseWithError } from "./exceptions";
import { push, stackAddress, stackPointer } from "./exec/operand";
import { eflags } from "./flags";
import { replaceFlags } from "./interrupts";
import { setSegment, updateMode } from "./segments";
import {
  AC,
  CR4_PVI,
  CR4_VME,
  CS,
  IF,
  IOPL,
  MODE_PROTECTED,
  MODE_VM86,
  NT,
  RF,
  TF,
  VIF,
  VIP,
  cpu,
  setCpl,
} from "./state";

/** Whether this code may not touch IF: virtual-8086 mode below IOPL 3, protected mode below IOPL. */
export function lacksInterruptFlag(): bool {
  return (cpu.mode & (MODE_PROTECTED | MODE_VM86)) != 0 && cpu.cpl > (cpu.eflags & IOPL) >> 12;
}

/** CLI and STI where `lacksInterruptFlag`: of VIF, or #GP. */
export function setVirtualInterruptFlag(on: bool): void {
  const allowed = cpu.mode & MODE_VM86 ? cpu.cr4 & CR4_VME : cpu.cpl == 3 ? cpu.cr4 & CR4_PVI : 0;
  if (!allowed || (on && cpu.eflags & VIP)) raiseWithError(GP, 0);
  cpu.eflags = on ? cpu.eflags | VIF : cpu.eflags & ~VIF;
}

/** The flags that PUSHF and INT n of a program without IOPL push: VIF in the place of IF, IOPL 3. #GP without VME. */
export function virtualFlags<T>(): u32 {
  if (!(cpu.cr4 & CR4_VME) || sizeof<T>() != 2) raiseWithError(GP, 0);
  return (eflags() & ~IF) | IOPL | (cpu.eflags & VIF ? IF : 0);
}

/** The flags that POPF and IRET of such a program load. #GP without VME, and where the monitor must step in. */
export function loadVirtualFlags<T>(value: u32): void {
  checkVirtualFlags<T>(value);
  replaceFlags(value, TF | NT);
  cpu.eflags = value & IF ? cpu.eflags | VIF : cpu.eflags & ~VIF;
}

/** Raises what `loadVirtualFlags` would raise. */
export function checkVirtualFlags<T>(value: u32): void {
  if (!(cpu.cr4 & CR4_VME) || sizeof<T>() != 2) raiseWithError(GP, 0);
  if (value & TF || (value & IF && cpu.eflags & VIP)) raiseWithError(GP, 0);
}

/**
 * INT n in virtual-8086 mode, RIP being behind it: true when it went to the program's own vector, false when it is
 * the monitor's; #GP where that takes IOPL 3 (table 20-2).
 */
export function interruptInProgram(vector: u32): bool {
  const withoutIopl = (cpu.eflags & IOPL) != IOPL;
  if (!(cpu.cr4 & CR4_VME) || !staysInProgram(vector)) {
    if (withoutIopl) raiseWithError(GP, 0);
    return false;
  }
  const entry = read<u32>(vector * 4);
  // Three pushes that fault together or not at all.
  const top = stackPointer();
  probeWrite(stackAddress(top - 2, 2, true), 2);
  probeWrite(stackAddress(top - 6, 2, true), 2);
  push<u16>(<u16>(withoutIopl ? virtualFlags<u16>() : eflags()));
  push<u16>(<u16>cpu.csSelector);
  push<u16>(<u16>cpu.rip);
  cpu.eflags &= ~(TF | NT | AC | RF | (withoutIopl ? VIF : IF));
  setCpl(3);
  const selector = entry >> 16;
  setSegment(CS, selector, (<u64>selector) << 4, cpu.csLimit, cpu.csAccess);
  cpu.rip = <u64>(entry & 0xffff);
  updateMode();
  return true;
}

/** A clear bit of the redirection map, the 32 bytes below the I/O map (SDM 3B figure 20-5), keeps the interrupt inside. */
function staysInProgram(vector: u32): bool {
  const at = <u32>readSystem<u16>(cpu.trBase + 102) - 32 + (vector >> 3);
  if (at > cpu.trLimit) return false;
  return ((<u32>readSystem<u8>(cpu.trBase + at)) & (1 << (vector & 7))) == 0;
}
