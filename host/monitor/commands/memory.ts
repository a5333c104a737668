// Memory, expressions, ports.
import { UserError } from "../../core/errors.ts";
import { codeBits } from "../../debug/registers.ts";
import { evaluate } from "../expression.ts";
import type { Command, Session } from "../host.ts";

const SIZES: Readonly<Record<string, number>> = { b: 1, h: 2, w: 4, g: 8 };
const FORMATS = "xduoci";

/** Takes `/NFS` off the words; format and size stay for the next time. */
function takeFormat(session: Session, words: readonly string[]): { count: number; rest: readonly string[] } {
  const [first, ...rest] = words;
  if (!first?.startsWith("/")) return { count: 1, rest: words };
  const [, count, letters] = /^\/(\d*)(.*)$/.exec(first)!;
  for (const letter of letters!) {
    if (SIZES[letter] !== undefined) session.size = SIZES[letter];
    else if (FORMATS.includes(letter)) session.format = letter;
    else throw new UserError(`invalid char in format: '${letter}'`);
  }
  if (session.format === "c") session.size = 1;
  return { count: count ? Number(count) : 1, rest };
}

function valueOf(session: Session, words: readonly string[]): bigint {
  const { inspector } = session.host.machine;
  return evaluate(words.join(" "), () => inspector.registers(session.cpu));
}

function escapeCharacter(byte: number): string {
  const named: Readonly<Record<number, string>> = { 10: "\\n", 13: "\\r", 39: "\\'", 92: "\\\\" };
  if (named[byte]) return `'${named[byte]}'`;
  if (byte >= 32 && byte < 127) return `'${String.fromCharCode(byte)}'`;
  return `'\\x${byte.toString(16).padStart(2, "0")}'`;
}

/** One value, as wide as the widest of its size. */
function format(value: bigint, letter: string, size: number): string {
  const bits = size * 8;
  switch (letter) {
    case "d":
      return BigInt.asIntN(bits, value)
        .toString()
        .padStart((2n ** BigInt(bits - 1)).toString().length + 1);
    case "u":
      return value.toString().padStart((2n ** BigInt(bits) - 1n).toString().length);
    case "o":
      return `0${value.toString(8).padStart(Math.ceil(bits / 3), "0")}`;
    case "c":
      return escapeCharacter(Number(value & 0xffn));
    default:
      return `0x${value.toString(16).padStart(size * 2, "0")}`;
  }
}

const PER_LINE = 16;
const PER_LINE_CHARACTERS = 8;
/** No command prints more than this. */
const DUMP_MAX = 1 << 24;

function read(session: Session, start: bigint, length: number, physical: boolean): Uint8Array {
  const { inspector } = session.host.machine;
  return physical
    ? inspector.readPhysical(Number(BigInt.asUintN(32, start)), length)
    : inspector.readLinear(session.cpu, start, length);
}

async function dumpCode(session: Session, start: bigint, count: number, physical: boolean): Promise<string> {
  const { disassemble, INSTRUCTION_MAX } = await import("../../debug/disassembler.ts");
  const length = Math.min(count * INSTRUCTION_MAX, DUMP_MAX);
  const bytes = read(session, start, length, physical);
  const bits = codeBits(session.host.machine.inspector.registers(session.cpu));
  const lines = disassemble({ bytes, address: start, bits }, count);
  if (lines.length < count)
    lines.push(`0x${(start + BigInt(bytes.length)).toString(16).padStart(8, "0")}: unable to read memory`);
  return lines.join("\n");
}

function dump(session: Session, words: readonly string[], physical: boolean): string | Promise<string> {
  const { count, rest } = takeFormat(session, words);
  if (rest.length === 0) throw new UserError("unexpected end of expression");
  const start = valueOf(session, rest);
  const { size, format: letter } = session;
  if (letter === "i") return dumpCode(session, start, count, physical);
  const length = Math.min(count * size, DUMP_MAX);
  const bytes = read(session, start, length, physical);
  const perLine = letter === "c" ? PER_LINE_CHARACTERS : PER_LINE;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lines: string[] = [];
  for (let at = 0; at < length; at += perLine) {
    const address = BigInt.asUintN(64, start + BigInt(at))
      .toString(16)
      .padStart(16, "0");
    const end = Math.min(at + perLine, length);
    if (end > bytes.length) {
      lines.push(`${address}: Cannot access memory`);
      break;
    }
    let line = `${address}:`;
    for (let n = at; n < end; n += size) line += ` ${format(readValue(view, n, size), letter, size)}`;
    lines.push(line);
  }
  return lines.join("\n");
}

function readValue(view: DataView, at: number, size: number): bigint {
  if (size === 8) return view.getBigUint64(at, true);
  return BigInt(
    size === 4 ? view.getUint32(at, true) : size === 2 ? view.getUint16(at, true) : view.getUint8(at),
  );
}

function print(session: Session, words: readonly string[]): string {
  const { rest } = takeFormat(session, words);
  const value = valueOf(session, rest);
  switch (session.format) {
    case "d":
      return BigInt.asIntN(64, value).toString();
    case "u":
      return value.toString();
    case "o":
      return value === 0n ? "0" : `0${value.toString(8)}`;
    case "c":
      return escapeCharacter(Number(value & 0xffn));
    default:
      return value === 0n ? "0" : `0x${value.toString(16)}`;
  }
}

/** `/b`, `/w`, `/l`: bytes of a port access; default 4 for reads. */
function portSize(words: readonly string[]): { size: number; letter: string; rest: readonly string[] } {
  const [first, ...rest] = words;
  const [, letter] = /^\/([bwl])$/.exec(first ?? "") ?? [];
  if (!letter) return { size: 1, letter: "b", rest: words };
  return { size: { b: 1, w: 2, l: 4 }[letter]!, letter, rest };
}

async function save(session: Session, words: readonly string[], physical: boolean): Promise<void> {
  const [address, size, file] = words as [string, string, string];
  const start = valueOf(session, [address]);
  const length = Number(valueOf(session, [size]));
  const { inspector } = session.host.machine;
  const bytes = physical
    ? inspector.readPhysical(Number(start), length)
    : inspector.readLinear(session.cpu, start, length);
  if (bytes.length < length)
    throw new UserError(`Invalid addr 0x${start.toString(16).padStart(16, "0")}/size ${length} specified`);
  await session.host.writeFile(file, bytes);
}

export const MEMORY: readonly Command[] = [
  {
    name: "x",
    args: "/fmt addr",
    help: "virtual memory dump starting at 'addr'",
    words: [1, Infinity],
    missing: "unexpected end of expression",
    run: (session, words) => dump(session, words, false),
  },
  {
    name: "xp",
    args: "/fmt addr",
    help: "physical memory dump starting at 'addr'",
    words: [1, Infinity],
    missing: "unexpected end of expression",
    run: (session, words) => dump(session, words, true),
  },
  {
    name: "print",
    alias: "p",
    args: "/fmt expr",
    help: "print expression value (use $reg for CPU register access)",
    words: [1, Infinity],
    missing: "unexpected end of expression",
    run: print,
  },
  {
    name: "i",
    args: "/fmt addr",
    help: "I/O port read",
    words: [1, Infinity],
    run(session, words) {
      const { size, letter, rest } = portSize(words);
      const port = Number(valueOf(session, rest) & 0xffffn);
      const value = session.host.machine.inspector.readPort(port, size);
      const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, "0");
      return `port${letter}[0x${hex(port, 4)}] = 0x${hex(value, size * 2)}`;
    },
  },
  {
    name: "o",
    args: "/fmt addr value",
    help: "I/O port write",
    words: [2, Infinity],
    run(session, words) {
      const { size, rest } = portSize(words);
      const value = Number(valueOf(session, [rest[1] ?? ""]) & 0xffff_ffffn);
      session.host.machine.inspector.writePort(Number(valueOf(session, [rest[0]!]) & 0xffffn), size, value);
    },
  },
  {
    name: "sum",
    args: "addr size",
    help: "compute the checksum of a memory region",
    words: [2, 2],
    run(session, words) {
      const [start, length] = words.map((word) => Number(valueOf(session, [word])));
      let sum = 0;
      // BSD's checksum: rotate right, add.
      for (const byte of session.host.machine.inspector.readPhysical(start!, length!))
        sum = (((sum >> 1) | (sum << 15)) + byte) & 0xffff;
      return String(sum).padStart(5, "0");
    },
  },
  {
    name: "memsave",
    args: "addr size file",
    help: "save to disk virtual memory dump starting at 'addr' of size 'size'",
    words: [3, 3],
    run: (session, words) => save(session, words, false),
  },
  {
    name: "pmemsave",
    args: "addr size file",
    help: "save to disk physical memory dump starting at 'addr' of size 'size'",
    words: [3, 3],
    run: (session, words) => save(session, words, true),
  },
  {
    name: "gva2gpa",
    args: "addr",
    help: "print the guest physical address corresponding to a guest virtual address",
    words: [1, Infinity],
    run(session, words) {
      const physical = session.host.machine.inspector.translate(session.cpu, valueOf(session, words));
      return physical === undefined ? "Unmapped" : `gpa: 0x${physical.toString(16)}`;
    },
  },
];
