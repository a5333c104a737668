// A memory operand → ModRM, SIB and displacement (SDM 2A §2.1.3, §2.1.5, §2.2.1).
import { type Memory, type Register, type Sum, registerNamed } from "./parse.ts";

export interface Address {
  /** 16, 32 or 64. */
  size: number;
  mod: number;
  rm: number;
  sib: number | undefined;
  rexX: boolean;
  rexB: boolean;
  displacement: bigint;
  /** In bytes. */
  displacementSize: number;
}

const SP = 4; // as base it needs a SIB byte, as index it means "none"
const BP = 5; // as base with mod 0 it means "displacement only"

/** ModRM.rm of 16-bit addresses: BX+SI, BX+DI, BP+SI, BP+DI, SI, DI, BP, BX. */
const PAIRS_16 = ["bx+si", "bx+di", "bp+si", "bp+di", "si", "di", "bp", "bx"];

export function encodeAddress(memory: Memory, bits: number): Address {
  const names = [...memory.address.registers.keys()].filter(
    (name) => memory.address.registers.get(name) !== 0n,
  );
  const size = names.length > 0 ? registerNamed(names[0])!.size : bits;
  const displacement = memory.address.constant;
  const address = {
    size,
    mod: 0,
    rm: BP,
    sib: undefined,
    rexX: false,
    rexB: false,
    displacement,
    displacementSize: 4,
  };
  if (memory.ripRelative) return address;
  if (size === 16) return encode16(memory.address, names, address);
  if (size !== 32 && size !== 64) throw new Error(`"${names[0]}" cannot hold an address`);
  return encode32(memory.address, names, address, bits);
}

function encode16(sum: Sum, names: string[], address: Address): Address {
  if (names.length === 0) return { ...address, rm: 6, displacementSize: 2 };
  if (names.some((name) => sum.registers.get(name) !== 1n)) throw new Error("16-bit addresses have no scale");
  const rm = PAIRS_16.findIndex(
    (pair) => pair === names.join("+") || pair === [...names].reverse().join("+"),
  );
  if (rm < 0) throw new Error(`[${names.join(" + ")}] is not a 16-bit address`);
  return withDisplacement({ ...address, rm }, sum, rm === 6, 2);
}

function encode32(sum: Sum, names: string[], address: Address, bits: number): Address {
  const [base, index, factor] = baseAndIndex(sum, names);
  if (!base && !index) {
    // In 64-bit code mod 0, rm 5 is RIP-relative; an absolute address takes a SIB byte without base.
    return bits === 64 ? { ...address, rm: SP, sib: (SP << 3) | BP } : address;
  }
  const scale = [1n, 2n, 4n, 8n].indexOf(factor);
  if (scale < 0) throw new Error(`an index cannot be scaled by ${factor}`);
  const rexX = index !== undefined && index.number >= 8;
  const rexB = base !== undefined && base.number >= 8;
  const indexBits = index ? index.number & 7 : SP;
  if (!base) return { ...address, rm: SP, sib: (scale << 6) | (indexBits << 3) | BP, rexX };
  const baseBits = base.number & 7;
  const needsSib = index !== undefined || baseBits === SP;
  const sib = needsSib ? (scale << 6) | (indexBits << 3) | baseBits : undefined;
  return withDisplacement(
    { ...address, rm: needsSib ? SP : baseBits, sib, rexX, rexB },
    sum,
    baseBits === BP,
    4,
  );
}

/** Who is base, who is index: a scaled register is the index, RSP only a base; [x*2] becomes [x + x]. */
function baseAndIndex(sum: Sum, names: string[]): [Register | undefined, Register | undefined, bigint] {
  if (names.length > 2) throw new Error("an address has at most two registers");
  const terms = names.map((name) => ({ register: registerNamed(name)!, factor: sum.registers.get(name)! }));
  if (terms.some(({ register }) => register.size !== terms[0].register.size || register.file !== "general"))
    throw new Error(`[${names.join(" + ")}] is not an address`);
  const [first, second] = terms;
  if (!first) return [undefined, undefined, 1n];
  if (!second) {
    const { register, factor } = first;
    if (factor === 1n) return [register, undefined, 1n];
    if (factor === 2n || factor === 3n || factor === 5n || factor === 9n)
      return [register, register, factor - 1n];
    return [undefined, register, factor];
  }
  const swap = first.factor !== 1n || second.register.number === SP;
  const [base, index] = swap ? [second, first] : [first, second];
  if (base.factor !== 1n || index.register.number === SP)
    throw new Error(`[${names.join(" + ")}] is not an address`);
  return [base.register, index.register, index.factor];
}

function withDisplacement(address: Address, sum: Sum, needsOne: boolean, wide: number): Address {
  const value = BigInt.asIntN(wide * 8, sum.constant);
  if (sum.labels !== 0 || value < -128n || value > 127n)
    return { ...address, mod: 2, displacementSize: wide };
  if (value !== 0n || needsOne) return { ...address, mod: 1, displacementSize: 1 };
  return { ...address, displacementSize: 0 };
}
