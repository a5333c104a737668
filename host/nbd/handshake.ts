// The server's half of the haggling before the first request: which export, in which dialect.
import { UserError } from "../core/errors.ts";
import type { DiskImage } from "../image/image.ts";
import type { Connection } from "../runtimes/runtime.ts";
import {
  ALLOCATION,
  Answer,
  ANSWER_MAGIC,
  decode,
  encode,
  ExportFlag,
  GREETING,
  Handshake,
  Info,
  join,
  Option,
  OPTION_MAGIC,
  OPTION_MAX,
  pack,
  PAYLOAD_MAX,
  viewOf,
} from "./protocol.ts";

export interface Export {
  /** By which clients ask for it. */
  name: string;
  image: DiskImage;
  readOnly: boolean;
}

/** What client and server have agreed on. */
export interface Dialect {
  structured: boolean;
  /** The id under which block status is asked for; undefined: it is not. */
  allocation: number | undefined;
}

/** Preferred: what most clients' pages and file systems' blocks are. */
const BLOCK = { minimum: 1, preferred: 4096, maximum: PAYLOAD_MAX } as const;
const ALLOCATION_ID = 1;
const ZEROES = 124;

export function exportFlags({ image, readOnly }: Export): number {
  const { hasFlags, multiConnection, dontFragment, cache, flush, fua, trim, writeZeroes } = ExportFlag;
  const always = hasFlags | multiConnection | dontFragment | cache | flush;
  return readOnly || !image.write ? always | ExportFlag.readOnly : always | fua | trim | writeZeroes;
}

/** Undefined: the client wanted to know, not to work. */
export async function agree(
  connection: Connection,
  exports: readonly Export[],
): Promise<{ chosen: Export; dialect: Dialect } | undefined> {
  await connection.write(
    pack([64, GREETING], [64, OPTION_MAGIC], [16, Handshake.fixedNewstyle | Handshake.noZeroes]),
  );
  const flags = new Uint8Array(4);
  if (!(await connection.read(flags))) return undefined;
  const noZeroes = (viewOf(flags).getUint32(0) & Handshake.noZeroes) !== 0;
  const dialect: Dialect = { structured: false, allocation: undefined };
  for (;;) {
    const asked = await readOption(connection);
    if (!asked) return undefined;
    const { option, data } = asked;
    const answer = (type: number, ...parts: Uint8Array[]): Promise<void> => {
      const body = join(...parts);
      return connection.write(pack([64, ANSWER_MAGIC], [32, option], [32, type], [32, body.length]), body);
    };
    const refuse = (type: number, words: string): Promise<void> => answer(type, encode(words));
    if (!data) await refuse(Answer.errorTooBig, "this option is too long");
    else if (option === Option.exportName) {
      // The old way knows no refusal but hanging up.
      const chosen = find(exports, decode(data));
      if (!chosen) return undefined;
      await connection.write(pack([64, chosen.image.size], [16, exportFlags(chosen)]));
      if (!noZeroes) await connection.write(new Uint8Array(ZEROES));
      return { chosen, dialect };
    } else if (option === Option.abort) {
      await answer(Answer.ack);
      return undefined;
    } else if (option === Option.list) {
      if (data.length > 0) await refuse(Answer.errorInvalid, "a list takes no data");
      else {
        for (const { name } of exports)
          await answer(Answer.server, pack([32, encode(name).length]), encode(name));
        await answer(Answer.ack);
      }
    } else if (option === Option.info || option === Option.go) {
      const name = nameIn(data);
      const chosen = name === undefined ? undefined : find(exports, name);
      if (name === undefined) await refuse(Answer.errorInvalid, "the export's name does not fit");
      else if (!chosen) await refuse(Answer.errorUnknown, `there is no export '${name}'`);
      else {
        await answer(
          Answer.info,
          pack([16, Info.export], [64, chosen.image.size], [16, exportFlags(chosen)]),
        );
        await answer(
          Answer.info,
          pack([16, Info.blockSize], [32, BLOCK.minimum], [32, BLOCK.preferred], [32, BLOCK.maximum]),
        );
        await answer(Answer.ack);
        if (option === Option.go) return { chosen, dialect };
      }
    } else if (option === Option.structuredReply) {
      if (data.length > 0) await refuse(Answer.errorInvalid, "structured replies take no data");
      else {
        dialect.structured = true;
        await answer(Answer.ack);
      }
    } else if (option === Option.setMetaContext || option === Option.listMetaContext) {
      const asks = metaQueries(data);
      if (!asks || !dialect.structured)
        await refuse(Answer.errorInvalid, "contexts need a well-formed query and structured replies");
      else if (!find(exports, asks.name))
        await refuse(Answer.errorUnknown, `there is no export '${asks.name}'`);
      else {
        const listing = option === Option.listMetaContext;
        const wanted =
          asks.queries.includes(ALLOCATION) ||
          (listing && (asks.queries.length === 0 || asks.queries.includes("base:")));
        if (wanted) await answer(Answer.metaContext, pack([32, ALLOCATION_ID]), encode(ALLOCATION));
        if (!listing) dialect.allocation = wanted ? ALLOCATION_ID : undefined;
        await answer(Answer.ack);
      }
    } else await refuse(Answer.errorUnsupported, "this server does not know the option");
  }
}

/** An empty name stands for the only export. */
function find(exports: readonly Export[], name: string): Export | undefined {
  const found = exports.find((one) => one.name === name);
  return found ?? (name === "" && exports.length === 1 ? exports[0] : undefined);
}

async function readOption(
  connection: Connection,
): Promise<{ option: number; data: Uint8Array | undefined } | undefined> {
  const header = new Uint8Array(16);
  if (!(await connection.read(header))) return undefined;
  const view = viewOf(header);
  if (view.getBigUint64(0) !== OPTION_MAGIC) throw new UserError("the client does not speak NBD", "EPROTO");
  const [option, length] = [view.getUint32(8), view.getUint32(12)];
  if (length > OPTION_MAX) {
    for (let left = length; left > 0; left -= OPTION_MAX)
      await connection.read(new Uint8Array(Math.min(left, OPTION_MAX)));
    return { option, data: undefined };
  }
  const data = new Uint8Array(length);
  if (length > 0) await connection.read(data);
  return { option, data };
}

/** length u32 | name | number of wishes u16 | wishes, which are all granted anyway */
function nameIn(data: Uint8Array): string | undefined {
  if (data.length < 6) return undefined;
  const length = viewOf(data).getUint32(0);
  if (length > data.length - 6) return undefined;
  const wishes = viewOf(data).getUint16(4 + length);
  return data.length === 6 + length + wishes * 2 ? decode(data.subarray(4, 4 + length)) : undefined;
}

/** length u32 | export | number of queries u32 | for each: length u32 | query */
function metaQueries(data: Uint8Array): { name: string; queries: string[] } | undefined {
  const view = viewOf(data);
  let at = 0;
  const number = (): number => {
    const value = at + 4 <= data.length ? view.getUint32(at) : Infinity;
    at += 4;
    return value;
  };
  const text = (): string | undefined => {
    const length = number();
    const part = at + length <= data.length ? decode(data.subarray(at, at + length)) : undefined;
    at += length;
    return part;
  };
  const name = text();
  const queries: string[] = [];
  for (let left = number(); left > 0; left--) {
    const query = text();
    if (query === undefined) return undefined;
    queries.push(query);
  }
  return name === undefined || at !== data.length ? undefined : { name, queries };
}
