// Where a linear address leads, for debuggers: the walk of memory/paging.ts without rights, faults and accessed bits.
import { CR0_PG, CR4_PAE, CR4_PSE, EFER_LMA, cpu } from "../cpu/state";
import { RAM_AT } from "../machine/layout";
import { physicalMap } from "./physical";

const P: u64 = 1 << 0;
const PS: u64 = 1 << 7;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
/** No page is mapped there. */
export const UNMAPPED: u64 = u64.MAX_VALUE;

function entry(address: u64): u64 {
  return address < <u64>physicalMap.ramSize ? load<u64>(RAM_AT + <usize>address) : 0;
}

/** Physical address that `linear` leads to on the running vCPU, or UNMAPPED. */
export function probe(linear: u64): u64 {
  if ((cpu.cr0 & CR0_PG) == 0) return linear & 0xffff_ffff;
  if (cpu.efer & EFER_LMA) return probeTables(linear, cpu.cr3 & ADDRESS, 39);
  linear &= 0xffff_ffff;
  if ((cpu.cr4 & CR4_PAE) == 0) return probe32(linear);
  const pdpte = entry((cpu.cr3 & 0xffff_ffe0) + ((linear >> 30) << 3));
  return pdpte & P ? probeTables(linear, pdpte & ADDRESS, 21) : UNMAPPED;
}

/** Tables of 512 entries of 8 bytes; the topmost is indexed by nine bits of `linear` from bit `shift` on. */
function probeTables(linear: u64, table: u64, shift: u64): u64 {
  while (true) {
    const e = entry(table + (((linear >> shift) & 511) << 3));
    if ((e & P) == 0) return UNMAPPED;
    const within = ((<u64>1) << shift) - 1;
    if (shift == 12 || (e & PS) != 0) return (e & ADDRESS & ~within) | (linear & within);
    table = e & ADDRESS;
    shift -= 9;
  }
}

function probe32(linear: u64): u64 {
  const pde = entry((cpu.cr3 & 0xffff_f000) + ((linear >> 22) << 2)) & 0xffff_ffff;
  if ((pde & P) == 0) return UNMAPPED;
  if (pde & PS && cpu.cr4 & CR4_PSE)
    return (pde & 0xffc0_0000) | (((pde >> 13) & 0xff) << 32) | (linear & 0x3f_ffff);
  const pte = entry((pde & 0xffff_f000) + (((linear >> 12) & 1023) << 2)) & 0xffff_ffff;
  return pte & P ? (pte & 0xffff_f000) | (linear & 0xfff) : UNMAPPED;
}
