// Saving and restoring a machine: the engine's memory is the state (assembly/machine/layout.ts), all of it but what is
// static or derived. So nothing can be forgotten, and a state means something to the engine alone that made it.
//
// A state is checked whole, and against the machine, before the first byte of the machine changes.
import { UserError } from "../core/errors.ts";
import { engineFingerprint } from "../core/load.ts";
import { connectorName, type Media } from "../core/drives.ts";
import type { MachineEngine } from "../core/machine-engine.ts";
import type { VirtualClock } from "../core/virtual-clock.ts";
import { CodecPool } from "../image/codecs/codec-pool.ts";
import type { Runtime } from "../runtimes/runtime.ts";
import { VERSION } from "../version.ts";
import {
  encodeHeader,
  encodePieces,
  PIECE,
  PIECES_MAX,
  type StateHeader,
  StateReader,
  type StateSink,
  type StateSource,
  type StoredPiece,
} from "./format.ts";

const COMPRESSION = "zstd";
const ENGINE = "machine.wasm";
const SECTOR = 512;

export interface MachineParts {
  runtime: Runtime;
  engine: MachineEngine;
  clock: VirtualClock;
  media: Readonly<Media>;
  /** Told when the machine is at another moment. */
  onLoaded(): void;
}

/** Writes the state of a machine that stands still, with no disk request under way. */
export async function saveState(parts: MachineParts, sink: StateSink): Promise<void> {
  const { engine, runtime } = parts;
  await sink(encodeHeader(await describe(parts)));
  const codecs = new CodecPool(runtime);
  try {
    const packed: Promise<Uint8Array>[] = [];
    for (const addresses of batches(engine)) {
      packed.push(pack(engine, codecs, addresses));
      if (packed.length > 2 * codecs.width) await sink(await packed.shift()!);
    }
    for (const record of packed) await sink(await record);
    await sink(encodePieces([]));
  } finally {
    await codecs.stop();
  }
}

/**
 * Puts a state in the place of the machine's own, which stands still; `prepare` is called once the state is known to be
 * whole and to fit.
 */
export async function loadState(
  parts: MachineParts,
  source: StateSource,
  prepare: () => Promise<void> = async () => {},
): Promise<void> {
  const { engine, clock } = parts;
  const header = await check(parts, source);
  await prepare();
  requireSameDisks(parts, header);
  const inserted = engine.drives();
  await restore(parts, source);
  // As with QEMU, whose RTC follows the host's clock: the guest sees what time it is now, not what it was.
  engine.adoptState(clock.deterministic ? 0 : Date.now() - header.wall, header.instructions);
  clock.setTime(header.time);
  // Another medium than then: the guest is told as when somebody changes it.
  header.drives.forEach(({ sectors, readOnly }, connector) => {
    const now = inserted[connector]!;
    if (now.sectors !== sectors || now.readOnly !== readOnly)
      engine.changeMedium(connector, now.sectors, now.readOnly);
  });
  parts.onLoaded();
}

/** Reads a state through; returns its header. It is whole, and of this engine and a machine like this one. */
async function check({ runtime, engine }: MachineParts, source: StateSource): Promise<StateHeader> {
  const reader = new StateReader(source);
  const header = await reader.header();
  if (header.engine !== (await engineFingerprint(runtime, ENGINE)))
    throw refusal(
      `was made by another build of wasmqemu, version ${header.version}: only that one can go on with it`,
    );
  requireSame("guest memory", mebibytes(header.memory), mebibytes(engine.ram.length));
  requireSame("processors", header.cpus, engine.cpus);
  engine.drives().forEach(({ kind }, connector) => {
    if (kind !== header.drives[connector]?.kind)
      throw refusal(`is of a machine with another drive, or none, as ${connectorName(engine, connector)}`);
  });
  while ((await reader.pieces()).length > 0);
  return header;
}

/** A disk cannot have changed its size under a running guest. */
function requireSameDisks({ engine, media }: MachineParts, { drives }: StateHeader): void {
  const { DRIVE_DISK } = engine.constants;
  drives.forEach(({ kind, sectors }, connector) => {
    if (kind === DRIVE_DISK && Math.floor((media[connector]?.size ?? 0) / SECTOR) !== sectors)
      throw refusal(`is of a machine whose ${connectorName(engine, connector)} has another size`);
  });
}

async function restore({ engine, runtime }: MachineParts, source: StateSource): Promise<void> {
  const reader = new StateReader(source);
  await reader.header();
  const codecs = new CodecPool(runtime);
  try {
    const left = new Set(piecesOf(engine));
    const unpacked: Promise<void>[] = [];
    for (let pieces = await reader.pieces(); pieces.length > 0; pieces = await reader.pieces()) {
      for (const { address } of pieces) if (!left.delete(address)) throw damagedPiece(address);
      const work = unpack(engine, codecs, pieces);
      // Awaited below; until then a failure is not "unhandled".
      work.catch(() => {});
      unpacked.push(work);
      if (unpacked.length > 2 * codecs.width) await unpacked.shift();
    }
    await Promise.all(unpacked);
    for (const address of left) engine.clearMemory(address, lengthAt(engine, address));
  } finally {
    await codecs.stop();
  }
}

async function describe({ runtime, engine, clock }: MachineParts): Promise<StateHeader> {
  return {
    version: VERSION,
    engine: await engineFingerprint(runtime, ENGINE),
    memory: engine.ram.length,
    cpus: engine.cpus,
    time: clock.now(),
    wall: Date.now(),
    instructions: engine.instructions,
    drives: engine.drives(),
  };
}

function refusal(why: string): UserError {
  return new UserError(`The machine state ${why}`, "EINVAL");
}

function damagedPiece(address: number): UserError {
  return refusal(`is damaged in the piece of address 0x${address.toString(16)}`);
}

function requireSame(what: string, saved: string | number, ours: string | number): void {
  if (saved !== ours) throw refusal(`is of a machine with ${what}: ${saved}; this one has ${ours}`);
}

const mebibytes = (bytes: number): string => `${bytes / 2 ** 20} MiB`;

/** Addresses of all pieces of the state. */
function* piecesOf(engine: MachineEngine): Generator<number> {
  for (const [from, to] of engine.stateRanges) for (let at = from; at < to; at += PIECE) yield at;
}

function lengthAt(engine: MachineEngine, address: number): number {
  const [, end] = engine.stateRanges.find(([from, to]) => address >= from && address < to)!;
  return Math.min(PIECE, end - address);
}

/** Addresses of the pieces that are not zero, as many together as a record holds. */
function* batches(engine: MachineEngine): Generator<number[]> {
  let batch: number[] = [];
  for (const address of piecesOf(engine)) {
    if (engine.isZero(address, lengthAt(engine, address))) continue;
    batch.push(address);
    if (batch.length < PIECES_MAX) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

async function pack(
  engine: MachineEngine,
  codecs: CodecPool,
  addresses: readonly number[],
): Promise<Uint8Array> {
  const clusters = addresses.length;
  const bytes = new Uint8Array(2 * clusters * PIECE);
  addresses.forEach((address, n) => bytes.set(engine.bytes(address, lengthAt(engine, address)), n * PIECE));
  const job = {
    kind: "pack",
    buffer: bytes.buffer,
    compression: COMPRESSION,
    clusterSize: PIECE,
    clusters,
  } as const;
  const { buffer, lengths } = await codecs.run(job);
  let packedAt = clusters * PIECE;
  return encodePieces(
    addresses.map((address, n) => {
      const length = lengths[n]!;
      if (length === PIECE) return { address, bytes: new Uint8Array(buffer, n * PIECE, length) };
      packedAt += length;
      return { address, bytes: new Uint8Array(buffer, packedAt - length, length) };
    }),
  );
}

async function unpack(
  engine: MachineEngine,
  codecs: CodecPool,
  pieces: readonly StoredPiece[],
): Promise<void> {
  const put = (address: number, bytes: Uint8Array): void => {
    const place = engine.bytes(address, lengthAt(engine, address));
    place.set(bytes.subarray(0, place.length));
  };
  for (const { address, bytes } of pieces) if (bytes.length === PIECE) put(address, bytes);
  const packed = pieces.filter(({ bytes }) => bytes.length < PIECE);
  if (packed.length === 0) return;
  const room = packed.length * PIECE;
  const all = new Uint8Array(packed.reduce((sum, { bytes }) => sum + bytes.length, room));
  let end = room;
  const parts = packed.map(({ bytes }) => {
    all.set(bytes, end);
    end += bytes.length;
    return { at: end - bytes.length, length: bytes.length };
  });
  const job = {
    kind: "unpack",
    buffer: all.buffer,
    compression: COMPRESSION,
    clusterSize: PIECE,
    parts,
  } as const;
  const { buffer, lengths } = await codecs.run(job);
  packed.forEach(({ address }, n) => {
    if (lengths[n] !== PIECE) throw damagedPiece(address);
    put(address, new Uint8Array(buffer, n * PIECE, PIECE));
  });
}
