// Internal snapshots: the table as records, and the order of steps that keeps every moment's state readable.
//
// Counts rise before a table shares what they count, and fall after the header has let go of it; the header changes
// in one write each time. So a power cut leaves counts too high or COPIED flags to refresh: leaks, nothing worse.
import { UserError } from "../../core/errors.ts";
import { nothing } from "./engine.ts";
import type { Qcow2Image } from "./image.ts";
import { dropVmState } from "./vm-state.ts";

/** Acts of the engine's `referenceTree`. */
const Act = { test: 0, add: 1, drop: 2 } as const;

const HEADER_SIZE_AND_L1 = { at: 24, length: 24 };
const HEADER_SNAPSHOTS = { at: 60, length: 12 };

const FIXED = 40;
/** VM state size, disk size, instruction counter: what we write, and the most that is read. */
const EXTRA = 24;
const EXTRA_MAX = 1024;
const SNAPSHOTS_MAX = 65536;
const L1_ENTRIES_MAX = 2 ** 22;
const TABLE_MAX = 64 * 2 ** 20;
/** Narrow counts can be at their maximum: then a snapshot is refused before anything changes. */
const NARROW_ORDER = 4;

/** A snapshot within an image. */
export interface Snapshot {
  id: string;
  name: string;
  seconds: number;
  nanoseconds: number;
  clockNanoseconds: bigint;
  vmStateSize: number;
  /** Virtual size when it was taken. */
  diskSize: number;
  /** Instructions that had run; undefined: not counted. */
  icount: bigint | undefined;
  l1Offset: number;
  l1Size: number;
  /** Has the extra data that version 3 demands. */
  complete: boolean;
  /** Extra data beyond what we know, kept. */
  extra: Uint8Array;
}

/**
 * Reads the table; `length` is how many bytes of the file it takes. Entries that no program may write make it fail, or
 * with `onSurplus`, which gets a sentence, come out as far as is allowed.
 */
export async function readSnapshots(
  image: Qcow2Image,
  onSurplus?: (sentence: string) => void,
): Promise<{ list: Snapshot[]; length: number }> {
  const { core } = image.engine;
  const list: Snapshot[] = [];
  const start = core.snapshotsOffset();
  let at = start;
  const count = Math.min(core.snapshotCount(), SNAPSHOTS_MAX);
  for (let index = 0; index < count; index++) {
    const fixed = new Uint8Array(FIXED);
    await image.file.read(fixed, at);
    const view = new DataView(fixed.buffer);
    const extraLength = view.getUint32(36);
    if (extraLength > EXTRA_MAX) {
      if (!onSurplus)
        throw new UserError(
          `Too much extra metadata in snapshot table entry ${index}\n` +
            "You can force-remove this extra metadata with wasmqemu img check -r all",
          "EFBIG",
        );
      onSurplus(
        `Discarding too much extra metadata in snapshot table entry ${index} (${extraLength} > ${EXTRA_MAX})`,
      );
      if (at - start + extraLength > TABLE_MAX) {
        onSurplus(`Discarding ${count - index} overhanging snapshots (snapshot table is too big)`);
        break;
      }
    }
    const idLength = view.getUint16(12);
    const nameLength = view.getUint16(14);
    const rest = new Uint8Array(extraLength + idLength + nameLength);
    if (at - start > TABLE_MAX) throw new UserError("Snapshot table too large", "EFBIG");
    await image.file.read(rest, at + FIXED);
    const extra = new DataView(rest.buffer, 0, extraLength);
    const icount = extraLength >= 24 ? extra.getBigUint64(16) : undefined;
    const text = new TextDecoder();
    list.push({
      id: text.decode(rest.subarray(extraLength, extraLength + idLength)),
      name: text.decode(rest.subarray(extraLength + idLength)),
      seconds: view.getUint32(16),
      nanoseconds: view.getUint32(20),
      clockNanoseconds: view.getBigUint64(24),
      vmStateSize: extraLength >= 8 ? Number(extra.getBigUint64(0)) : view.getUint32(32),
      diskSize: extraLength >= 16 ? Number(extra.getBigUint64(8)) : image.size,
      icount: icount === 2n ** 64n - 1n ? undefined : icount,
      l1Offset: Number(view.getBigUint64(0)),
      l1Size: view.getUint32(8),
      complete: extraLength >= 16,
      extra: rest.slice(EXTRA, Math.max(EXTRA, Math.min(extraLength, EXTRA_MAX))),
    });
    at += (FIXED + rest.length + 7) & ~7;
  }
  return { list, length: at - start };
}

function encodeTable(list: readonly Snapshot[]): Uint8Array {
  const encode = new TextEncoder();
  const entries = list.map((snapshot) => {
    const id = encode.encode(snapshot.id);
    const name = encode.encode(snapshot.name);
    const extraLength = EXTRA + snapshot.extra.length;
    const entry = new Uint8Array((FIXED + extraLength + id.length + name.length + 7) & ~7);
    const view = new DataView(entry.buffer);
    view.setBigUint64(0, BigInt(snapshot.l1Offset));
    view.setUint32(8, snapshot.l1Size);
    view.setUint16(12, id.length);
    view.setUint16(14, name.length);
    view.setUint32(16, snapshot.seconds);
    view.setUint32(20, snapshot.nanoseconds);
    view.setBigUint64(24, snapshot.clockNanoseconds);
    view.setUint32(32, snapshot.vmStateSize >>> 0);
    view.setUint32(36, extraLength);
    view.setBigUint64(40, BigInt(snapshot.vmStateSize));
    view.setBigUint64(48, BigInt(snapshot.diskSize));
    view.setBigUint64(56, snapshot.icount ?? 2n ** 64n - 1n);
    entry.set(snapshot.extra, FIXED + EXTRA);
    entry.set(id, FIXED + extraLength);
    entry.set(name, FIXED + extraLength + id.length);
    return entry;
  });
  const table = new Uint8Array(entries.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const entry of entries) {
    table.set(entry, at);
    at += entry.length;
  }
  return table;
}

const clustersOf = (image: Qcow2Image, bytes: number): number => Math.ceil(bytes / image.clusterSize);

/** Everything known to the engine is on the disk. */
async function settle(image: Qcow2Image): Promise<void> {
  await image.engine.flush();
  await image.file.flush!();
}

async function allocate(image: Qcow2Image, bytes: number): Promise<number> {
  const clusters = Math.max(1, clustersOf(image, bytes));
  return image.engine.run(
    (core) => core.allocateRange(clusters),
    (core) => core.extentOffset(),
  );
}

async function reference(
  image: Qcow2Image,
  tree: { l1Offset: number; l1Size: number } | undefined,
  act: number,
): Promise<void> {
  const { core } = image.engine;
  const { l1Offset, l1Size } = tree ?? { l1Offset: 0, l1Size: core.l1Size() };
  await image.engine.run(() => core.referenceTree(tree === undefined, l1Offset, l1Size, act), nothing);
}

/** COPIED wherever the active tree's counts are 1 again. */
async function refreshCopied(image: Qcow2Image): Promise<void> {
  const FOUND = 6;
  for (let again = true; again;) {
    let step = 0;
    await image.engine.run((core) => (step = core.compareCopied(true)), nothing);
    again = step === FOUND;
  }
  await settle(image);
}

async function drop(image: Qcow2Image, offset: number, bytes: number): Promise<void> {
  const clusters = clustersOf(image, bytes);
  if (offset !== 0 && clusters > 0)
    await image.engine.run((core) => core.dropRange(offset, clusters), nothing);
}

/** A new table elsewhere, then the header names it, then the old one is given up. */
async function replaceTable(image: Qcow2Image, list: readonly Snapshot[], oldLength: number): Promise<void> {
  const { core } = image.engine;
  const old = core.snapshotsOffset();
  // A damaged one may claim to reach past the file's end, where nothing is counted.
  const inFile = Math.min(oldLength, Math.max(0, image.file.size - old));
  const table = encodeTable(list);
  const place = list.length ? await allocate(image, table.length) : 0;
  if (list.length) await image.file.write!(table, place);
  await settle(image);
  core.setSnapshots(list.length, place);
  await image.storeFields(HEADER_SNAPSHOTS.at, HEADER_SNAPSHOTS.length);
  await image.file.flush!();
  await drop(image, old, inFile);
}

/** Writes the table anew where entries lack what version 3 demands, or hold more than they may. For those `alone`. */
export async function rewriteSnapshots(image: Qcow2Image): Promise<void> {
  let surplus = image.engine.core.snapshotCount() > SNAPSHOTS_MAX;
  const { list, length } = await readSnapshots(image, () => (surplus = true));
  if (surplus || list.some(({ complete }) => !complete)) await replaceTable(image, list, length);
  await settle(image);
}

function requireSnapshots(image: Qcow2Image): void {
  if (image.hasExternalData) throw new UserError("-95 (Operation not supported)", "ENOTSUP");
}

/** A snapshot's table is only followed where it can be one. */
function requireSound(image: Qcow2Image, snapshot: Snapshot): void {
  const covered = snapshot.l1Size * image.clusterSize * (image.clusterSize / (image.extendedL2 ? 16 : 8));
  const sound =
    snapshot.l1Size <= L1_ENTRIES_MAX &&
    snapshot.l1Offset % image.clusterSize === 0 &&
    snapshot.l1Offset + snapshot.l1Size * 8 <= image.file.size &&
    snapshot.diskSize % 512 === 0 &&
    snapshot.diskSize <= covered;
  if (!sound)
    throw new UserError(
      `Snapshot ${snapshot.id} (${snapshot.name}) is damaged: run check on the image`,
      "EINVAL",
    );
}

/** What a snapshot of a running machine says of it. */
export interface VmMoment {
  /** Of the VM state written behind this disk; 0: another disk has it. */
  stateSize: number;
  /** The machine's clock. */
  nanoseconds: bigint;
  /** Instructions run, where those are counted. */
  icount: bigint | undefined;
}

/** `moment`: of a machine, whose state lies behind the disk (vm-state.ts) and is the snapshot's from now on. */
export async function createSnapshot(
  image: Qcow2Image,
  name: string,
  now: Date,
  moment: VmMoment = { stateSize: 0, nanoseconds: 0n, icount: 0n },
): Promise<void> {
  requireSnapshots(image);
  await image.alone(async () => {
    const { core } = image.engine;
    const { list, length } = await readSnapshots(image);
    await settle(image);
    if (core.refcountOrder() < NARROW_ORDER) await reference(image, undefined, Act.test);
    await reference(image, undefined, Act.add);
    await settle(image);
    const l1Size = core.l1Size();
    const l1Offset = await allocate(image, l1Size * 8);
    await image.file.write!(image.engine.view(core.L1_AT.value as number, l1Size * 8), l1Offset);
    const ids = list.map(({ id }) => Number(id)).filter((id) => Number.isInteger(id));
    const snapshot: Snapshot = {
      id: String(Math.max(0, ...ids) + 1),
      name,
      seconds: Math.floor(now.getTime() / 1000),
      nanoseconds: (now.getTime() % 1000) * 1_000_000,
      clockNanoseconds: moment.nanoseconds,
      vmStateSize: moment.stateSize,
      diskSize: image.size,
      icount: moment.icount,
      l1Offset,
      l1Size,
      complete: true,
      extra: new Uint8Array(0),
    };
    await replaceTable(image, [...list, snapshot], length);
    await dropVmState(image);
    await settle(image);
  });
}

/** Finds by id first, then by name. */
export function findSnapshot(list: readonly Snapshot[], wanted: string): Snapshot | undefined {
  return list.find(({ id }) => id === wanted) ?? list.find(({ name }) => name === wanted);
}

export async function applySnapshot(image: Qcow2Image, wanted: string): Promise<void> {
  await image.alone(async () => {
    const { core } = image.engine;
    const { list } = await readSnapshots(image);
    const snapshot = findSnapshot(list, wanted);
    if (!snapshot) throw new UserError("Failed to load snapshot: No such file or directory", "ENOENT");
    if (image.bitmaps.length) throw new UserError("Device has active dirty bitmaps", "EINVAL");
    requireSound(image, snapshot);
    await settle(image);
    if (core.refcountOrder() < NARROW_ORDER) await reference(image, snapshot, Act.test);
    await reference(image, snapshot, Act.add);
    // The new active L1 table in a place of its own; the old one stays whole until the header has let go of it.
    const l1 = new Uint8Array(snapshot.l1Size * 8);
    await image.file.read(l1, snapshot.l1Offset);
    for (let at = 0; at < l1.length; at += 8) l1[at]! &= 0x7f; // COPIED, the top bit
    const place = await allocate(image, l1.length);
    await image.file.write!(l1, place);
    await settle(image);
    const old = { l1Offset: core.l1Offset(), l1Size: core.l1Size() };
    core.setActive(snapshot.diskSize, place, snapshot.l1Size);
    await image.storeFields(HEADER_SIZE_AND_L1.at, HEADER_SIZE_AND_L1.length);
    await image.file.flush!();
    image.engine.view(core.L1_AT.value as number, l1.length).set(l1);
    await reference(image, old, Act.drop);
    await drop(image, old.l1Offset, old.l1Size * 8);
    await dropVmState(image);
    await refreshCopied(image);
  });
}

/** Shows an image that is open for reading as it was when the snapshot was taken, its size included. */
export async function viewSnapshot(
  image: Qcow2Image,
  wanted: (list: readonly Snapshot[]) => Snapshot | undefined,
): Promise<void> {
  const { core } = image.engine;
  const snapshot = wanted((await readSnapshots(image)).list);
  if (!snapshot) throw new UserError("Can't find snapshot", "ENOENT");
  requireSound(image, snapshot);
  core.setActive(snapshot.diskSize, snapshot.l1Offset, snapshot.l1Size);
  await image.file.read(
    image.engine.view(core.L1_AT.value as number, snapshot.l1Size * 8),
    snapshot.l1Offset,
  );
}

/** Deletes the first snapshot of that name. */
export async function deleteSnapshot(image: Qcow2Image, name: string): Promise<void> {
  await image.alone(async () => {
    const { list, length } = await readSnapshots(image);
    const snapshot = list.find((one) => one.name === name);
    if (!snapshot) throw new UserError("snapshot not found", "ENOENT");
    requireSound(image, snapshot);
    await replaceTable(
      image,
      list.filter((one) => one !== snapshot),
      length,
    );
    await reference(image, snapshot, Act.drop);
    await drop(image, snapshot.l1Offset, snapshot.l1Size * 8);
    await refreshCopied(image);
  });
}
