// The NBD protocol's numbers (doc/proto.md of the NetworkBlockDevice project), fixed newstyle; all are big-endian.
//
//   greeting  "NBDMAGIC" | "IHAVEOPT" | flags u16                           client: flags u32
//   option    "IHAVEOPT" | option u32 | length u32 | data
//   answer    0x3e889045565a9 u64 | option u32 | type u32 | length u32 | data
//   request   0x25609513 | flags u16 | command u16 | cookie u64 | offset u64 | length u32 | data of a write
//   simple reply      0x67446698 | error u32 | cookie u64 | data of a read
//   structured reply  0x668e33ef | flags u16 | type u16 | cookie u64 | length u32 | data
import { UserError } from "../core/errors.ts";

export const DEFAULT_PORT = 10809;

export const GREETING = 0x4e42444d41474943n;
export const OPTION_MAGIC = 0x49484156454f5054n;
export const ANSWER_MAGIC = 0x0003e889045565a9n;
export const REQUEST_MAGIC = 0x25609513;
export const SIMPLE_REPLY = 0x67446698;
export const STRUCTURED_REPLY = 0x668e33ef;

export const REQUEST_SIZE = 28;
export const SIMPLE_SIZE = 16;
export const STRUCTURED_SIZE = 20;

export const Handshake = { fixedNewstyle: 1, noZeroes: 2 } as const;

export const Option = {
  exportName: 1,
  abort: 2,
  list: 3,
  info: 6,
  go: 7,
  structuredReply: 8,
  listMetaContext: 9,
  setMetaContext: 10,
} as const;

export const Answer = {
  ack: 1,
  server: 2,
  info: 3,
  metaContext: 4,
  errorUnsupported: 0x80000001,
  errorInvalid: 0x80000003,
  errorUnknown: 0x80000006,
  errorTooBig: 0x80000009,
} as const;

export const Info = { export: 0, name: 1, description: 2, blockSize: 3 } as const;

export const ExportFlag = {
  hasFlags: 0x1,
  readOnly: 0x2,
  flush: 0x4,
  fua: 0x8,
  trim: 0x20,
  writeZeroes: 0x40,
  dontFragment: 0x80,
  multiConnection: 0x100,
  cache: 0x400,
} as const;

export const Command = {
  read: 0,
  write: 1,
  disconnect: 2,
  flush: 3,
  trim: 4,
  cache: 5,
  writeZeroes: 6,
  blockStatus: 7,
} as const;

export const CommandFlag = { fua: 1, noHole: 2, dontFragment: 4, requestOne: 8 } as const;

export const Chunk = {
  none: 0,
  offsetData: 1,
  offsetHole: 2,
  blockStatus: 5,
  error: 0x8001,
  errorOffset: 0x8002,
} as const;
export const CHUNK_DONE = 1;
/** From this type on a chunk is an error. */
export const CHUNK_ERRORS = 0x8000;

/** What block status says of a part of the disk, in the context that every server knows. */
export const ALLOCATION = "base:allocation";
export const State = { hole: 1, zero: 2 } as const;

/** The largest payload that a server must take. */
export const PAYLOAD_MAX = 32 * 2 ** 20;
/** No name and no option of ours is longer. */
export const OPTION_MAX = 64 * 1024;

/** Errors by their numbers on the wire. */
const ERRORS: Readonly<Record<string, number>> = {
  EPERM: 1,
  EIO: 5,
  ENOMEM: 12,
  EINVAL: 22,
  ENOSPC: 28,
  EOVERFLOW: 75,
  ENOTSUP: 95,
  ESHUTDOWN: 108,
};

export function errorNumber(code: string | undefined): number {
  return ERRORS[code === "EROFS" || code === "EACCES" ? "EPERM" : (code ?? "EIO")] ?? ERRORS["EIO"]!;
}

export function errorOf(number: number, words: string): UserError {
  const code = Object.keys(ERRORS).find((name) => ERRORS[name] === number) ?? "EIO";
  return new UserError(words || `the server answers ${code}`, code);
}

/** Big-endian numbers of several widths, one behind the other. */
export function pack(
  ...fields: readonly (readonly [bits: 16 | 32 | 64, value: number | bigint])[]
): Uint8Array {
  const bytes = new Uint8Array(fields.reduce((sum, [bits]) => sum + bits / 8, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [bits, value] of fields) {
    if (bits === 16) view.setUint16(at, Number(value));
    else if (bits === 32) view.setUint32(at, Number(value));
    else view.setBigUint64(at, BigInt(value));
    at += bits / 8;
  }
  return bytes;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
export const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
