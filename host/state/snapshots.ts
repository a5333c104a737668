// Snapshots of a running machine (QEMU's savevm and loadvm): one internal snapshot in every writable disk, all of the
// same moment, and the machine's state in the first. What is said where it cannot be done is QEMU's.
import type { BlockSource } from "../block/source.ts";
import { codeOf, reason, UserError } from "../core/errors.ts";
import {
  applySnapshot,
  createSnapshot,
  deleteSnapshot,
  readSnapshots,
  type Snapshot,
  viewSnapshot,
} from "../image/qcow2/snapshots.ts";
import { dropVmState, VmStateWriter, vmStateStart } from "../image/qcow2/vm-state.ts";
import { Qcow2Image } from "../image/qcow2/image.ts";
import { snapshotTable } from "../image/snapshot-list.ts";
import type { Runtime } from "../runtimes/runtime.ts";
import type { StateSource } from "./format.ts";
import { loadState, type MachineParts, saveState } from "./machine-state.ts";

/** A drive, as far as snapshots care. */
export interface SnapshotDrive {
  name: string;
  /** The guest cannot write it: it needs no snapshot. */
  readOnly: boolean;
  /** What is inserted. */
  image: BlockSource | undefined;
}

/** The drives to act on; by default all that are writable, the state in the first. */
export interface SnapshotScope {
  /** The drive that holds the state. */
  vmState?: string;
  devices?: readonly string[];
}

interface Disk {
  name: string;
  image: Qcow2Image;
}

/** What `Machine` offers for this. */
interface StillMachine {
  whileStill<T>(work: (parts: MachineParts) => Promise<T>): Promise<T>;
}

const NO_PLACE = "no block device can store vmstate for snapshot";

export class Snapshots {
  constructor(
    private readonly machine: StillMachine,
    private readonly drives: () => readonly SnapshotDrive[],
  ) {}

  /** Takes a snapshot; without `replaces`, `tag` must be new. */
  async save(
    tag: string | undefined,
    { replaces = true, ...scope }: SnapshotScope & { replaces?: boolean } = {},
  ): Promise<void> {
    const now = new Date();
    const name = tag ?? `vm-${stamp(now)}`;
    const disks = this.disks(scope);
    const keeper = this.keeper(disks, scope);
    const older = await withTag(disks, name);
    if (older.length > 0 && !replaces)
      throw new UserError(`Snapshot '${name}' already exists in one or more devices`);
    await this.machine.whileStill(async (parts) => {
      const stateSize = await storeState(parts, keeper.image);
      const nanoseconds = BigInt(Math.round(parts.clock.now()));
      const icount = parts.clock.deterministic ? BigInt(parts.engine.instructions) : undefined;
      for (const { image, name: disk } of disks) {
        const moment = { stateSize: image === keeper.image ? stateSize : 0, nanoseconds, icount };
        await blame(`Error while creating snapshot on '${disk}'`, () =>
          createSnapshot(image, name, now, moment),
        );
      }
    });
    // The new one stands behind it in the list.
    for (const { image } of older) await deleteSnapshot(image, name);
  }

  /** Puts machine and disks where they were. */
  async load(tag: string, scope: SnapshotScope = {}): Promise<void> {
    const disks = this.disks(scope);
    const keeper = this.keeper(disks, scope);
    if ((await withTag(disks, tag)).length < disks.length)
      throw new UserError(`Snapshot '${tag}' does not exist in one or more devices`);
    await this.machine.whileStill(async (parts) => {
      const source = await openState(parts.runtime, keeper.image, tag);
      await loadState(parts, source, async () => {
        for (const { image } of disks) await applySnapshot(image, (await find(image, tag))!.id);
      });
    });
  }

  /** Deletes the snapshot from every disk that has it. */
  async delete(tag: string, scope: SnapshotScope = {}): Promise<void> {
    for (const { image } of await withTag(this.disks(scope), tag)) await deleteSnapshot(image, tag);
  }

  /** As the monitor shows them. */
  async describe(): Promise<string> {
    const drives = this.drives().filter(isWritable);
    const disks = drives.flatMap(({ name, image }) => (takesSnapshots(image) ? [{ name, image }] : []));
    if (disks.length === 0) return NO_PLACE;
    const lists = await Promise.all(disks.map(({ image }) => list(image)));
    if (lists.every(({ length }) => length === 0)) return "There is no snapshot available.";
    const everywhere = ({ name }: Snapshot): boolean =>
      disks.length === drives.length && lists.every((one) => one.some((other) => other.name === name));
    const common = lists[0]!.filter(everywhere).map((one) => ({ ...one, id: "--" }));
    const parts = [
      `List of snapshots present on all disks:\n${common.length > 0 ? snapshotTable(common) : "None"}`,
    ];
    lists.forEach((all, n) => {
      const partial = all.filter((one) => !everywhere(one));
      if (partial.length > 0)
        parts.push(
          `List of partial (non-loadable) snapshots on '${disks[n]!.name}':\n${snapshotTable(partial)}`,
        );
    });
    return parts.join("\n\n");
  }

  private disks({ devices }: SnapshotScope): Disk[] {
    const drives = this.drives();
    const unknown = devices?.find((name) => !drives.some((drive) => drive.name === name));
    if (unknown !== undefined) throw new UserError(`No block device node '${unknown}'`);
    const chosen = devices ? drives.filter(({ name }) => devices.includes(name)) : drives.filter(isWritable);
    return chosen.map(({ name, image }) => {
      if (!takesSnapshots(image))
        throw new UserError(`Device '${name}' is writable but does not support snapshots`);
      return { name, image };
    });
  }

  private keeper(disks: readonly Disk[], { vmState }: SnapshotScope): Disk {
    if (vmState === undefined) {
      if (!disks[0]) throw new UserError(NO_PLACE);
      return disks[0];
    }
    if (!this.drives().some(({ name }) => name === vmState))
      throw new UserError(`vmstate block device '${vmState}' does not exist`);
    const disk = disks.find(({ name }) => name === vmState);
    if (!disk) throw new UserError(`vmstate block device '${vmState}' is not among the devices`);
    return disk;
  }
}

function isWritable({ readOnly, image }: SnapshotDrive): boolean {
  return !readOnly && image?.write !== undefined;
}

function takesSnapshots(image: BlockSource | undefined): image is Qcow2Image {
  return image instanceof Qcow2Image && image.write !== undefined && !image.hasExternalData;
}

async function list(image: Qcow2Image): Promise<Snapshot[]> {
  return (await readSnapshots(image)).list;
}

async function find(image: Qcow2Image, tag: string): Promise<Snapshot | undefined> {
  return (await list(image)).find(({ name }) => name === tag);
}

async function withTag(disks: readonly Disk[], tag: string): Promise<Disk[]> {
  const found = await Promise.all(disks.map(({ image }) => find(image, tag)));
  return disks.filter((_, n) => found[n] !== undefined);
}

/** Writes the machine's state behind the disk; returns its size. What fails leaves nothing there. */
async function storeState(parts: MachineParts, image: Qcow2Image): Promise<number> {
  await dropVmState(image);
  const writer = new VmStateWriter(image);
  try {
    return await blame("Error while writing VM state", async () => {
      await saveState(parts, (bytes) => writer.write(bytes));
      return await writer.end();
    });
  } catch (error) {
    await dropVmState(image).catch(() => {});
    throw error;
  }
}

/** The state that a snapshot holds, through a view of the image's file: the image itself stays as it is. */
async function openState(runtime: Runtime, image: Qcow2Image, tag: string): Promise<StateSource> {
  const { id, vmStateSize } = (await find(image, tag))!;
  if (vmStateSize === 0)
    throw new UserError("This is a disk-only snapshot. Revert to it offline using wasmqemu img snapshot -a");
  await image.flush!();
  const view = await Qcow2Image.open(runtime, image.name, image.file, { readOnly: true });
  view.unlocked = image.unlocked;
  await viewSnapshot(view, (all) => all.find((one) => one.id === id));
  const start = vmStateStart(view);
  return { size: vmStateSize, read: (into, offset) => view.readBehind(into, start + offset) };
}

async function blame<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (codeOf(error) === undefined && !(error instanceof UserError)) throw error;
    throw new UserError(`${what}: ${reason(error)}`, codeOf(error));
  }
}

/** Local time as 20261125134616. */
function stamp(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())];
  return [...day, two(date.getHours()), two(date.getMinutes()), two(date.getSeconds())].join("");
}
