// Machine code in words, AT&T syntax as QEMU prints it, for `-d in_asm` and the monitor's `x/i`.
import { Decoder, DecoderError, DecoderOptions, Formatter, FormatterSyntax } from "iced-x86";
import { hex } from "./registers.ts";

/** Bytes of the longest instruction (SDM 2A §2.3.11). */
export const INSTRUCTION_MAX = 15;

const BYTES_WIDTH = 24;
const MNEMONIC_WIDTH = 8;

export interface Code {
  bytes: Uint8Array;
  /** Where they stand: linear, or physical. */
  address: bigint;
  /** Width of the code segment: 16, 32, 64. */
  bits: 16 | 32 | 64;
}

/** One line for each instruction that `code` holds whole, the first `count` at most. */
export function disassemble({ bytes, address, bits }: Code, count = Infinity): string[] {
  const decoder = new Decoder(bits, bytes, DecoderOptions.None);
  const formatter = newFormatter();
  decoder.ip = address;
  const lines: string[] = [];
  while (lines.length < count && decoder.canDecode) {
    const start = decoder.position;
    const instruction = decoder.decode();
    if (decoder.lastError === DecoderError.NoMoreBytes) break;
    const code = Array.from(bytes.subarray(start, decoder.position), (byte) => hex(byte, 2));
    const at = hex(BigInt.asUintN(64, address + BigInt(start)), bits === 64 ? 16 : 8);
    lines.push(`0x${at}:  ${code.join(" ").padEnd(BYTES_WIDTH)} ${formatter.format(instruction)}`);
    instruction.free();
  }
  formatter.free();
  decoder.free();
  return lines;
}

function newFormatter(): Formatter {
  const formatter = new Formatter(FormatterSyntax.Gas);
  formatter.hexPrefix = "0x";
  formatter.uppercaseHex = false;
  formatter.spaceAfterOperandSeparator = true;
  formatter.gasShowMnemonicSizeSuffix = true;
  formatter.branchLeadingZeros = false;
  formatter.firstOperandCharIndex = MNEMONIC_WIDTH + 1;
  return formatter;
}
