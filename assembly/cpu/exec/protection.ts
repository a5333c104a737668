// Questions about descriptors: LAR, LSL, VERR, VERW, ARPL; loads of LDTR and TR.
import { readSystem } from "../../memory/access";
import {
  CODE,
  CODE_OR_DATA,
  CONFORMING,
  READ_WRITE,
  descriptorAccess,
  descriptorAddress,
  descriptorLimit,
  dpl,
} from "../descriptors";
import { Insn } from "../decode/insn";
import { UD, raise } from "../exceptions";
import { arithmeticFlags, setArithmeticFlags } from "../flags";
import { inLongMode, loadLdtr, loadTr } from "../segments";
import { MODE_PROTECTED, ZF, cpu } from "../state";
import { Operand, reg, setReg } from "./operand";
import { privileged } from "./system";

function setZero(zero: bool): void {
  setArithmeticFlags((arithmeticFlags() & ~ZF) | (zero ? ZF : 0));
}

function protectedOnly(): void {
  if (!(cpu.mode & MODE_PROTECTED)) raise(UD);
}

/** The descriptor that `selector` names if this code may see it (RPL, CPL against DPL), else 0. */
function visibleDescriptor(selector: u32): u64 {
  if ((selector & 0xfffc) == 0) return 0;
  const at = descriptorAddress(selector);
  if (at == u64.MAX_VALUE) return 0;
  const d = readSystem<u64>(at);
  const access = descriptorAccess(d);
  const conforming = (access & (CODE_OR_DATA | CODE | CONFORMING)) == (CODE_OR_DATA | CODE | CONFORMING);
  return !conforming && max(cpu.cpl, selector & 3) > dpl(access) ? 0 : d;
}

/** System types that LAR accepts (SDM 2 table 3-52); LSL leaves out the gates. */
function hasRights(access: u32, gates: bool): bool {
  if (access & CODE_OR_DATA) return true;
  const type = access & 15;
  if (type == 2 || type == 9 || type == 11) return true;
  if (!inLongMode() && (type == 1 || type == 3)) return true;
  if (!gates) return false;
  return type == 12 || (!inLongMode() && (type == 4 || type == 5));
}

export function lar<T>(i: Insn): void {
  protectedOnly();
  const d = visibleDescriptor(<u32>Operand.source<u16>(i));
  const found = d != 0 && hasRights(descriptorAccess(d), true);
  if (found) setReg<T>(i.dst, <T>((<u32>(d >> 32)) & 0x00ff_ff00));
  setZero(found);
}

export function lsl<T>(i: Insn): void {
  protectedOnly();
  const d = visibleDescriptor(<u32>Operand.source<u16>(i));
  const found = d != 0 && hasRights(descriptorAccess(d), false);
  if (found) setReg<T>(i.dst, <T>descriptorLimit(d));
  setZero(found);
}

export function verify(i: Insn, write: bool): void {
  protectedOnly();
  const access = descriptorAccess(visibleDescriptor(<u32>Operand.first<u16>(i)));
  const isData = (access & (CODE_OR_DATA | CODE)) == CODE_OR_DATA;
  const readable = isData || (access & READ_WRITE) != 0;
  setZero((access & CODE_OR_DATA) != 0 && (write ? isData && (access & READ_WRITE) != 0 : readable));
}

export function arpl(i: Insn): void {
  protectedOnly();
  const a = <u32>Operand.firstForWrite<u16>(i);
  const rpl = (<u32>reg<u16>(i.src)) & 3;
  const lower = (a & 3) < rpl;
  if (lower) Operand.setFirst<u16>(i, <u16>((a & ~3) | rpl));
  setZero(lower);
}

export function lldt(i: Insn): void {
  protectedOnly();
  privileged();
  loadLdtr(<u32>Operand.first<u16>(i));
}

export function ltr(i: Insn): void {
  protectedOnly();
  privileged();
  loadTr(<u32>Operand.first<u16>(i));
}
