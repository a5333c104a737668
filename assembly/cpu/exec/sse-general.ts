// What came with the vector extensions but works on general registers: CRC32, ADCX, ADOX. No check of CR0 or CR4.
import { Insn, PREFIX_OPERAND, PREFIX_REX_W } from "../decode/insn";
import * as op from "../decode/operations-sse";
import { arithmeticFlags, setArithmeticFlags } from "../flags";
import { CF, OF, register, setRegister } from "../state";
import { reg } from "./operand";
import { generalSource } from "./sse-move";
import { inMemory, readMemory } from "./xmm";

export function executeGeneral(i: Insn, operation: u32): void {
  switch (operation) {
    case op.CRC32_BYTE:
      accumulate(i, <u64>byteSource(i), 1);
      break;
    case op.CRC32:
      if (i.prefix & PREFIX_REX_W) accumulate(i, generalSource<u64>(i), 8);
      else if (i.prefix & PREFIX_OPERAND) accumulate(i, <u64>generalSource<u16>(i), 2);
      else accumulate(i, <u64>generalSource<u32>(i), 4);
      break;
    case op.ADCX:
      addWithFlag(i, CF);
      break;
    default:
      addWithFlag(i, OF);
  }
}

/** A byte register comes as its place in the register file, since it may be AH, CH, DH or BH. */
function byteSource(i: Insn): u8 {
  return inMemory(i) ? readMemory<u8>(i) : reg<u8>(i.src);
}

/** CRC-32C (iSCSI polynomial 11EDC6F41h, reflected) of each 4-bit value. */
// prettier-ignore
const NIBBLES = memory.data<u32>([
  0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
  0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
]);

/** CRC32 (SDM 2A): neither inverts nor touches flags. The destination is 32 bits, or 64 with zeros above. */
function accumulate(i: Insn, data: u64, bytes: u32): void {
  let crc = register<u32>(i.dst);
  for (let n: u32 = 0; n < bytes; n++) {
    crc ^= (<u32>data) & 0xff;
    crc = (crc >> 4) ^ load<u32>(NIBBLES + ((<usize>(crc & 15)) << 2));
    crc = (crc >> 4) ^ load<u32>(NIBBLES + ((<usize>(crc & 15)) << 2));
    data >>= 8;
  }
  setRegister<u32>(i.dst, crc);
}

/** ADCX and ADOX: an addition whose carry comes from and goes to one flag, and touches no other. */
function addWithFlag(i: Insn, flag: u32): void {
  const flags = arithmeticFlags();
  const carry = <u64>((flags & flag) != 0);
  let carryOut: bool;
  if (i.prefix & PREFIX_REX_W) {
    const a = register<u64>(i.dst);
    const sum = a + generalSource<u64>(i) + carry;
    carryOut = carry ? sum <= a : sum < a;
    setRegister<u64>(i.dst, sum);
  } else {
    const sum = <u64>register<u32>(i.dst) + <u64>generalSource<u32>(i) + carry;
    carryOut = sum >> 32 != 0;
    setRegister<u32>(i.dst, <u32>sum);
  }
  setArithmeticFlags(carryOut ? flags | flag : flags & ~flag);
}
