// The client's half of NBD: agrees on an export, then keeps many requests under way and sorts the replies to them.
import { codeOf, reason, UserError } from "../core/errors.ts";
import type { Connection } from "../runtimes/runtime.ts";
import {
  ALLOCATION,
  Answer,
  ANSWER_MAGIC,
  Chunk,
  CHUNK_DONE,
  CHUNK_ERRORS,
  Command,
  decode,
  encode,
  errorOf,
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
  REQUEST_MAGIC,
  SIMPLE_REPLY,
  SIMPLE_SIZE,
  STRUCTURED_REPLY,
  STRUCTURED_SIZE,
  viewOf,
} from "./protocol.ts";

/** What the server says of the export. */
export interface Facts {
  size: number;
  flags: number;
  /** Offsets and lengths must be multiples of it. */
  minimumBlock: number;
  maximumPayload: number;
  structured: boolean;
  /** Block status can be asked for. */
  allocation: boolean;
}

export interface StatusExtent {
  length: number;
  state: number;
}

interface Pending {
  /** Where a read's bytes go, and what offset the first of them has. */
  into?: Uint8Array;
  offset: number;
  extents?: StatusExtent[];
  failure?: UserError;
  done: () => void;
  fail: (error: unknown) => void;
}

/** Larger answers than this to one option come from no server. */
const ANSWERS_MAX = 10_000;

export class NbdClient {
  private readonly pending = new Map<bigint, Pending>();
  private cookie = 0n;
  private lost: UserError | undefined;

  private constructor(
    private readonly connection: Connection,
    readonly facts: Facts,
  ) {
    void this.receive();
  }

  static async start(connection: Connection, name: string): Promise<NbdClient> {
    try {
      return new NbdClient(connection, await agree(connection, name));
    } catch (error) {
      await connection.close();
      if (error instanceof UserError || !codeOf(error)) throw error;
      throw new UserError(`the NBD server hung up: ${reason(error)}`, codeOf(error));
    }
  }

  async read(into: Uint8Array, offset: number): Promise<void> {
    await this.request(Command.read, 0, offset, into.length, { into });
  }

  async write(from: Uint8Array, offset: number): Promise<void> {
    await this.request(Command.write, 0, offset, from.length, {}, from);
  }

  async writeZeroes(offset: number, length: number): Promise<void> {
    await this.request(Command.writeZeroes, 0, offset, length, {});
  }

  async flush(): Promise<void> {
    await this.request(Command.flush, 0, 0, 0, {});
  }

  async blockStatus(offset: number, length: number): Promise<StatusExtent[]> {
    const extents: StatusExtent[] = [];
    await this.request(Command.blockStatus, 0, offset, length, { extents });
    return extents;
  }

  async close(): Promise<void> {
    if (!this.lost)
      await this.connection.write(requestHeader(0, Command.disconnect, 0n, 0, 0)).catch(() => {});
    this.lost ??= new UserError("the connection is closed", "ESHUTDOWN");
    await this.connection.close();
  }

  private request(
    command: number,
    flags: number,
    offset: number,
    length: number,
    answer: Pick<Pending, "into" | "extents">,
    ...data: Uint8Array[]
  ): Promise<void> {
    return new Promise((done, fail) => {
      if (this.lost) return fail(this.lost);
      const cookie = ++this.cookie;
      this.pending.set(cookie, { ...answer, offset, done, fail });
      return void this.connection
        .write(requestHeader(flags, command, cookie, offset, length), ...data)
        .catch((error: unknown) => this.lose(error));
    });
  }

  private async receive(): Promise<void> {
    try {
      const magic = new Uint8Array(4);
      while (await this.connection.read(magic)) {
        const kind = viewOf(magic).getUint32(0);
        if (kind === SIMPLE_REPLY) await this.simpleReply();
        else if (kind === STRUCTURED_REPLY) await this.chunk();
        else throw new UserError("the NBD server's reply makes no sense", "EPROTO");
      }
      this.lose(new UserError("the NBD server hung up", "EIO"));
    } catch (error) {
      this.lose(error);
    }
  }

  private lose(error: unknown): void {
    this.lost ??=
      error instanceof UserError ? error : new UserError(`the NBD server hung up: ${reason(error)}`, "EIO");
    for (const { fail } of this.pending.values()) fail(this.lost);
    this.pending.clear();
    void this.connection.close();
  }

  private take(cookie: bigint): Pending {
    const pending = this.pending.get(cookie);
    if (!pending) throw new UserError("the NBD server replies to what nobody asked", "EPROTO");
    return pending;
  }

  private async simpleReply(): Promise<void> {
    const view = await this.bytes(SIMPLE_SIZE - 4);
    const [error, cookie] = [view.getUint32(0), view.getBigUint64(4)];
    const pending = this.take(cookie);
    if (error) pending.failure = errorOf(error, "");
    else if (pending.into && pending.into.length) await this.connection.read(pending.into);
    this.settle(cookie, pending);
  }

  private async chunk(): Promise<void> {
    const header = await this.bytes(STRUCTURED_SIZE - 4);
    const [flags, type, cookie, length] = [
      header.getUint16(0),
      header.getUint16(2),
      header.getBigUint64(4),
      header.getUint32(12),
    ];
    const pending = this.take(cookie);
    if (type === Chunk.offsetData && pending.into) {
      const at = Number((await this.bytes(8)).getBigUint64(0)) - pending.offset;
      const place = this.placeIn(pending.into, at, length - 8);
      if (place.length) await this.connection.read(place);
    } else {
      if (length > PAYLOAD_MAX) throw new UserError("the NBD server's reply is too long", "EPROTO");
      const data = await this.bytes(length);
      if (type === Chunk.offsetHole && pending.into && length === 12) {
        const at = Number(data.getBigUint64(0)) - pending.offset;
        this.placeIn(pending.into, at, data.getUint32(8)).fill(0);
      } else if (type === Chunk.blockStatus && pending.extents)
        for (let at = 4; at + 8 <= length; at += 8)
          pending.extents.push({ length: data.getUint32(at), state: data.getUint32(at + 4) });
      else if (type >= CHUNK_ERRORS && length >= 6) {
        const words = new Uint8Array(data.buffer, 6, Math.min(data.getUint16(4), length - 6));
        pending.failure ??= errorOf(data.getUint32(0), decode(words));
      } else if (type !== Chunk.none) throw new UserError("the NBD server's reply makes no sense", "EPROTO");
    }
    if (flags & CHUNK_DONE) this.settle(cookie, pending);
  }

  private placeIn(into: Uint8Array, at: number, length: number): Uint8Array {
    if (!(at >= 0 && length >= 0 && at + length <= into.length))
      throw new UserError("the NBD server sends bytes that nobody asked for", "EPROTO");
    return into.subarray(at, at + length);
  }

  private settle(cookie: bigint, { failure, done, fail }: Pending): void {
    this.pending.delete(cookie);
    if (failure) fail(failure);
    else done();
  }

  private bytes(length: number): Promise<DataView> {
    return receive(this.connection, length);
  }
}

function requestHeader(
  flags: number,
  command: number,
  cookie: bigint,
  offset: number,
  length: number,
): Uint8Array {
  return pack([32, REQUEST_MAGIC], [16, flags], [16, command], [64, cookie], [64, offset], [32, length]);
}

async function receive(connection: Connection, length: number): Promise<DataView> {
  const bytes = new Uint8Array(length);
  if (length > 0 && !(await connection.read(bytes))) throw new UserError("the NBD server hung up", "EIO");
  return viewOf(bytes);
}

async function agree(connection: Connection, name: string): Promise<Facts> {
  const greeting = await receive(connection, 18);
  if (greeting.getBigUint64(0) !== GREETING) throw new UserError("this is no NBD server", "EPROTO");
  if (greeting.getBigUint64(8) !== OPTION_MAGIC || !(greeting.getUint16(16) & Handshake.fixedNewstyle))
    throw new UserError("the NBD server is too old: it does not speak fixed newstyle", "ENOTSUP");
  await connection.write(pack([32, Handshake.fixedNewstyle | Handshake.noZeroes]));
  const facts: Facts = {
    size: 0,
    flags: 0,
    minimumBlock: 1,
    maximumPayload: PAYLOAD_MAX,
    structured: false,
    allocation: false,
  };
  const exportName = encode(name);
  facts.structured = (await ask(connection, Option.structuredReply, new Uint8Array(0))).type === Answer.ack;
  if (facts.structured) {
    const query = encode(ALLOCATION);
    const data = [pack([32, exportName.length]), exportName, pack([32, 1], [32, query.length]), query];
    await ask(connection, Option.setMetaContext, join(...data), (type) => {
      if (type === Answer.metaContext) facts.allocation = true;
    });
  }
  const wish = join(pack([32, exportName.length]), exportName, pack([16, 1], [16, Info.blockSize]));
  const { type, words } = await ask(connection, Option.go, wish, (kind, data) => {
    if (kind === Answer.info) readInfo(facts, data);
  });
  if (type === Answer.ack) return checked(facts);
  if (type !== Answer.errorUnsupported)
    throw new UserError(
      `Requested export not available${words ? `\nserver reported: ${words}` : ""}`,
      "EINVAL",
    );
  // Servers before 2016 know only the old way to name an export.
  await connection.write(
    pack([64, OPTION_MAGIC], [32, Option.exportName], [32, exportName.length]),
    exportName,
  );
  const answer = await receive(connection, 10);
  facts.size = Number(answer.getBigUint64(0));
  facts.flags = answer.getUint16(8);
  return checked(facts);
}

function readInfo(facts: Facts, data: DataView): void {
  const kind = data.byteLength >= 2 ? data.getUint16(0) : undefined;
  if (kind === Info.export && data.byteLength === 12) {
    facts.size = Number(data.getBigUint64(2));
    facts.flags = data.getUint16(10);
  } else if (kind === Info.blockSize && data.byteLength === 14) {
    facts.minimumBlock = data.getUint32(2);
    facts.maximumPayload = Math.min(PAYLOAD_MAX, data.getUint32(10));
  }
}

function checked(facts: Facts): Facts {
  const { minimumBlock: block, size, flags } = facts;
  const sound =
    Number.isSafeInteger(size) &&
    (flags & ExportFlag.hasFlags) !== 0 &&
    block > 0 &&
    block <= 65536 &&
    (block & (block - 1)) === 0 &&
    facts.maximumPayload >= block;
  if (!sound) throw new UserError("the NBD server's description of the export makes no sense", "EPROTO");
  return facts;
}

/** Sends an option and goes through the answers to the last: an acknowledgement or a refusal. */
async function ask(
  connection: Connection,
  option: number,
  data: Uint8Array,
  onAnswer: (type: number, data: DataView) => void = () => {},
): Promise<{ type: number; words: string }> {
  await connection.write(pack([64, OPTION_MAGIC], [32, option], [32, data.length]), data);
  for (let count = 0; count < ANSWERS_MAX; count++) {
    const header = await receive(connection, 20);
    const [type, length] = [header.getUint32(12), header.getUint32(16)];
    if (header.getBigUint64(0) !== ANSWER_MAGIC || header.getUint32(8) !== option || length > OPTION_MAX)
      break;
    const body = await receive(connection, length);
    if (type === Answer.ack || type >= 0x80000000)
      return { type, words: decode(new Uint8Array(body.buffer)) };
    onAnswer(type, body);
  }
  throw new UserError("the NBD server's answer makes no sense", "EPROTO");
}
