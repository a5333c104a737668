// A machine's state as bytes: records, each with its checksum, so that a state is known to be whole before any of it is
// used. Numbers are little-endian.
//
//   record   checksum u32 (XXH32 of all that follows) | payload length u32 | payload
//   first    MAGIC | a StateHeader as JSON
//   then     count u32 | address u32, one for each piece | stored length u32, likewise | the pieces as stored
//   last     count 0
//
// A piece is PIECE bytes of the engine's memory (the last of a range may be shorter), stored as it is where its stored
// length is PIECE, else packed with Zstandard. Pieces of zeros are left out.
import { UserError } from "../core/errors.ts";
import { xxh32 } from "../xxh32.ts";

export const PIECE = 65536;
/** Most pieces in a record. */
export const PIECES_MAX = 32;

const MAGIC = "wasmqemu state 1\n";
const FRAME = 8;
const RECORD_MAX = FRAME + 4 + PIECES_MAX * (8 + PIECE);

/** What hangs on a connector (assembly/devices/drives.ts). */
export interface DriveRecord {
  kind: number;
  sectors: number;
  readOnly: boolean;
}

export interface StateHeader {
  /** Of the program that saved it. */
  version: string;
  /** Of machine.wasm: a state is the engine's memory, and means something to that engine alone. */
  engine: string;
  memory: number;
  cpus: number;
  /** Virtual time in ns, and the host's clock in ms since 1970 at that moment. */
  time: number;
  wall: number;
  /** Instructions run since power on. */
  instructions: number;
  drives: DriveRecord[];
}

/** Where a state goes, piece by piece. */
export type StateSink = (bytes: Uint8Array) => Promise<void>;

/** Where a state comes from. */
export interface StateSource {
  readonly size: number;
  read(into: Uint8Array, offset: number): Promise<void>;
}

/** A piece as it is stored. */
export interface StoredPiece {
  address: number;
  bytes: Uint8Array;
}

function frame(length: number, fill: (payload: Uint8Array) => void): Uint8Array {
  const record = new Uint8Array(FRAME + length);
  fill(record.subarray(FRAME));
  const view = new DataView(record.buffer);
  view.setUint32(4, length, true);
  view.setUint32(0, xxh32(record.subarray(4)), true);
  return record;
}

export function encodeHeader(header: StateHeader): Uint8Array {
  const text = new TextEncoder().encode(MAGIC + JSON.stringify(header));
  return frame(text.length, (payload) => payload.set(text));
}

/** No pieces: the last record. */
export function encodePieces(pieces: readonly StoredPiece[]): Uint8Array {
  const table = 4 + 8 * pieces.length;
  const length = pieces.reduce((sum, { bytes }) => sum + bytes.length, table);
  return frame(length, (payload) => {
    const view = new DataView(payload.buffer, payload.byteOffset);
    view.setUint32(0, pieces.length, true);
    let at = table;
    pieces.forEach(({ address, bytes }, n) => {
      view.setUint32(4 + 4 * n, address, true);
      view.setUint32(4 + 4 * (pieces.length + n), bytes.length, true);
      payload.set(bytes, at);
      at += bytes.length;
    });
  });
}

function damaged(offset: number): UserError {
  return new UserError(`The machine state is damaged at offset ${offset}`, "EINVAL");
}

/** Reads so much at a time. */
const WINDOW = 8 * 2 ** 20;

/** Goes through a state record by record. */
export class StateReader {
  private at = 0;
  private window = new Uint8Array(0);
  private windowAt = 0;

  constructor(private readonly source: StateSource) {}

  async header(): Promise<StateHeader> {
    const start = await this.take(0, Math.min(FRAME + MAGIC.length, this.source.size));
    if (new TextDecoder().decode(start.subarray(FRAME)) !== MAGIC)
      throw new UserError("This is no machine state of this version of wasmqemu", "EINVAL");
    const text = new TextDecoder().decode(await this.record());
    return JSON.parse(text.slice(MAGIC.length)) as StateHeader;
  }

  /** The next record's pieces; none: the state is complete. */
  async pieces(): Promise<StoredPiece[]> {
    const start = this.at;
    const payload = await this.record();
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
    const count = payload.length >= 4 ? view.getUint32(0, true) : PIECES_MAX + 1;
    let from = 4 + 8 * count;
    if (count > PIECES_MAX || from > payload.length) throw damaged(start);
    return Array.from({ length: count }, (_, n) => {
      const length = view.getUint32(4 + 4 * (count + n), true);
      if (length > PIECE || from + length > payload.length) throw damaged(start);
      from += length;
      return { address: view.getUint32(4 + 4 * n, true), bytes: payload.subarray(from - length, from) };
    });
  }

  private async record(): Promise<Uint8Array> {
    const start = this.at;
    const head = await this.take(start, FRAME);
    const view = new DataView(head.buffer, head.byteOffset, FRAME);
    const checksum = view.getUint32(0, true);
    const length = view.getUint32(4, true);
    if (FRAME + length > RECORD_MAX) throw damaged(start);
    const record = await this.take(start, FRAME + length);
    if (xxh32(record.subarray(4)) !== checksum) throw damaged(start);
    this.at = start + record.length;
    return record.subarray(FRAME);
  }

  private async take(offset: number, length: number): Promise<Uint8Array> {
    if (offset + length > this.source.size)
      throw new UserError(`The machine state is cut off at offset ${this.source.size}`, "EINVAL");
    if (offset + length > this.windowAt + this.window.length) {
      // A new one each time: what was handed out stays as it is.
      this.window = new Uint8Array(Math.min(WINDOW, this.source.size - offset));
      this.windowAt = offset;
      await this.source.read(this.window, offset);
    }
    return this.window.subarray(offset - this.windowAt, offset - this.windowAt + length);
  }
}
