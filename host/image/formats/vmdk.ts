// VMware disks: a descriptor, in a file of its own or inside the one extent, and the extents that follow one another.
import { UserError } from "../../core/errors.ts";
import { type CreateContext, type Driver, type ImageFile, type OpenContext, SIZE_OPTION } from "../driver.ts";
import type { Settings } from "../driver.ts";
import type { PackedCluster } from "../codecs/packed-writes.ts";
import { type CheckResult, type DiskImage, type Extent, type Repair, nothingFound } from "../image.ts";
import {
  type Descriptor,
  type DescriptorFacts,
  type ExtentLine,
  layDescriptor,
  NO_PARENT,
  parseDescriptor,
  withCid,
} from "./vmdk-descriptor.ts";
import { createSparse, DESCRIPTOR_SECTORS, Flag, readSparseHeader, SparseExtent } from "./vmdk-sparse.ts";

const SECTOR = 512;
/** What a descriptor is read of; real ones have one line for each 2 GiB. */
const DESCRIPTOR_MAX = 2 ** 20;
const PIECE = 2 ** 31;

const TEXT_TYPES = ["monolithicFlat", "twoGbMaxExtentFlat", "twoGbMaxExtentSparse", "vmfs", "vmfsSparse"];

/** Part of the disk that lies in one file. */
interface Part {
  /** On the disk, in bytes. */
  start: number;
  size: number;
  name: string;
  /** As the descriptor has it; empty where the extent has its descriptor inside. */
  type: string;
  /** Where the part begins in a flat file. */
  offset: number;
  file: ImageFile;
  sparse: SparseExtent | undefined;
}

/** Where the text lies, to write another CID into it. */
interface TextPlace {
  file: ImageFile;
  offset: number;
  /** Bytes to fill up with zeros; undefined: the file is the text. */
  room: number | undefined;
  text: string;
}

class VmdkImage implements DiskImage {
  readonly format = "vmdk";
  readonly dirty = false;
  readonly size: number;
  readonly clusterSize: number | undefined;
  readonly wholeClusters: boolean;
  readonly write?: (from: Uint8Array, offset: number) => Promise<void>;
  readonly writePacked?: (clusters: readonly PackedCluster[]) => Promise<void>;
  readonly discard?: (offset: number, length: number) => Promise<void>;
  readonly flush?: () => Promise<void>;
  private parent: DiskImage | undefined;
  /** A disk that has been written is another one: it gets a new CID. */
  private renewed: Promise<void> | undefined;

  constructor(
    readonly name: string,
    private readonly parts: readonly Part[],
    private readonly descriptor: Descriptor,
    private readonly place: TextPlace,
    readOnly: boolean,
  ) {
    const last = parts.at(-1)!;
    const [first] = parts;
    this.size = last.start + last.size;
    this.clusterSize = first!.sparse?.clusterSize;
    this.wholeClusters = first!.sparse?.compressed ?? false;
    if (descriptor.parent !== undefined)
      for (const { sparse, start } of parts)
        if (sparse) sparse.below = (into, offset) => this.readParent(into, start + offset);
    if (readOnly) return;
    this.write = (from, offset) => this.writeGuest(from, offset);
    this.discard = (offset, length) => this.zeroGuest(offset, length);
    this.flush = async () => {
      for (const { sparse, file } of this.parts) await (sparse ? sparse.flush!() : file.flush!());
    };
    if (this.wholeClusters && parts.length === 1)
      this.writePacked = async (clusters) => {
        await this.renew();
        for (const { packed, offset, plain } of clusters)
          await first!.sparse!.writeGrain(offset, plain.subarray(0, this.size - offset), packed);
      };
    // -c is taken for every sparse disk, as qemu-img takes it; only stream-optimized ones have a place for it.
    else if (first!.sparse)
      this.writePacked = async (clusters) => {
        for (const { offset, plain } of clusters)
          await this.writeGuest(plain.subarray(0, this.size - offset), offset);
      };
  }

  get dataName(): string {
    return this.name;
  }

  get backingName(): string | undefined {
    return this.descriptor.parent;
  }

  get backingFormat(): string | undefined {
    return this.descriptor.parent === undefined ? undefined : "vmdk";
  }

  get backing(): DiskImage | undefined {
    return this.parent;
  }

  /** The parent must be as it was when this disk was made of it: what shows through is meaningless otherwise. */
  set backing(parent: DiskImage | undefined) {
    if (parent instanceof VmdkImage && parent.descriptor.cid !== this.descriptor.parentCid)
      throw new UserError(
        `'${parent.name}' has been written since '${this.name}' was made from it: its CID is not the one that is noted`,
        "EINVAL",
      );
    this.parent = parent;
  }

  async read(into: Uint8Array, offset: number): Promise<void> {
    const inside = Math.max(0, Math.min(into.length, this.size - offset));
    into.fill(0, inside);
    await this.eachPart(offset, inside, (part, at, from, length) => {
      const bytes = into.subarray(from, from + length);
      return part.sparse ? part.sparse.read(bytes, at) : part.file.read(bytes, part.offset + at);
    });
  }

  async extent(offset: number, length: number): Promise<Extent> {
    const part = this.partAt(offset);
    const at = offset - part.start;
    const most = Math.min(length, part.size - at);
    const file = part.name;
    if (!part.sparse) return { length: most, present: true, zero: false, offset: part.offset + at, file };
    return { ...(await part.sparse.extent(at, most)), file };
  }

  async allocated(): Promise<number | undefined> {
    const files = new Set([this.place.file, ...this.parts.map(({ file }) => file)]);
    let sum = 0;
    for (const file of files) sum += (await file.allocated()) ?? 0;
    return sum;
  }

  details(): Record<string, unknown> {
    const { cid, parentCid, createType } = this.descriptor;
    const extents = this.parts.map(({ size, name, type, sparse }) => ({
      ...(sparse?.compressed ? { compressed: true } : {}),
      "virtual-size": size,
      filename: name,
      ...(sparse ? { "cluster-size": sparse.clusterSize } : {}),
      format: type,
    }));
    return { cid, "parent-cid": parentCid, "create-type": createType, extents };
  }

  async check(repair: Repair, onFinding: (sentence: string) => void): Promise<CheckResult> {
    if (repair !== "none") throw new UserError("This image format does not support checks", "ENOTSUP");
    for (const { sparse, start } of this.parts) {
      const sector = await sparse?.firstOutside();
      if (sector === undefined) continue;
      onFinding(`ERROR: cluster offset for sector ${start / SECTOR + sector} points after EOF`);
      throw new UserError("Invalid argument", "EINVAL");
    }
    return nothingFound();
  }

  async close(): Promise<void> {
    for (const { sparse, file } of this.parts) await (sparse ?? file).close();
    if (this.parts.every(({ file }) => file !== this.place.file)) await this.place.file.close();
    await this.parent?.close();
  }

  private async readParent(into: Uint8Array, offset: number): Promise<void> {
    if (this.parent) await this.parent.read(into, offset);
    else into.fill(0);
  }

  private partAt(offset: number): Part {
    return this.parts.findLast(({ start }) => start <= offset)!;
  }

  private async eachPart(
    offset: number,
    length: number,
    action: (part: Part, at: number, from: number, length: number) => Promise<void>,
  ): Promise<void> {
    for (let done = 0; done < length;) {
      const part = this.partAt(offset + done);
      const at = offset + done - part.start;
      const piece = Math.min(length - done, part.size - at);
      await action(part, at, done, piece);
      done += piece;
    }
  }

  private async writeGuest(from: Uint8Array, offset: number): Promise<void> {
    if (offset + from.length > this.size)
      throw new UserError(`A write at ${offset} goes past the end of the disk`, "EIO");
    await this.renew();
    await this.eachPart(offset, from.length, async ({ sparse, file, offset: flatAt }, at, start, length) => {
      const bytes = from.subarray(start, start + length);
      if (!sparse) return file.write!(bytes, flatAt + at);
      if (!sparse.compressed) return sparse.write!(bytes, at);
      const grain = sparse.clusterSize!;
      for (let done = 0; done < length; done += grain)
        await sparse.writeGrain(at + done, bytes.subarray(done, done + grain));
    });
  }

  private async zeroGuest(offset: number, length: number): Promise<void> {
    await this.renew();
    const inside = Math.min(length, this.size - offset);
    await this.eachPart(offset, inside, async ({ sparse, file, offset: flatAt }, at, _from, piece) => {
      if (sparse) return sparse.discard!(at, piece);
      const zeros = new Uint8Array(Math.min(piece, 2 ** 20));
      for (let done = 0; done < piece; done += zeros.length)
        await file.write!(zeros.subarray(0, Math.min(zeros.length, piece - done)), flatAt + at + done);
    });
  }

  private renew(): Promise<void> {
    return (this.renewed ??= (async () => {
      const { file, offset, room } = this.place;
      this.descriptor.cid = randomCid();
      const text = new TextEncoder().encode(withCid(this.place.text, this.descriptor.cid));
      const bytes = new Uint8Array(Math.max(room ?? 0, text.length));
      bytes.set(text);
      await file.write!(bytes, offset);
    })());
  }
}

function randomCid(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}

const decoder = new TextDecoder();

async function readText(file: ImageFile, offset: number, length: number): Promise<string> {
  const bytes = new Uint8Array(Math.max(0, Math.min(length, DESCRIPTOR_MAX, file.size - offset)));
  await file.read(bytes, offset);
  const end = bytes.indexOf(0);
  return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
}

async function open(context: OpenContext): Promise<VmdkImage> {
  const { file, name, readOnly, runtime } = context;
  const header = await readSparseHeader(file);
  if (!header) return openText(context);
  const offset = header.descriptorAt * SECTOR;
  const room = Math.min(header.descriptorSize * SECTOR, DESCRIPTOR_MAX);
  const text = header.descriptorAt ? await readText(file, offset, room) : "";
  if (header.descriptorAt && !/^CID=/m.test(text))
    throw new UserError(`Could not open '${name}': Invalid argument`, "EINVAL");
  const sparse = new SparseExtent(name, file, readOnly, header, runtime);
  const part = { start: 0, size: sparse.size, name, type: "", offset: 0, file, sparse };
  return new VmdkImage(name, [part], parseDescriptor(text), { file, offset, room, text }, readOnly);
}

async function openText(context: OpenContext): Promise<VmdkImage> {
  const { file, name, readOnly } = context;
  const text = await readText(file, 0, file.size);
  if (!/^\s*#\s*Disk DescriptorFile/.test(text) && !/^createType/m.test(text))
    throw new UserError(`Could not open '${name}': Invalid argument`, "EINVAL");
  const descriptor = parseDescriptor(text);
  if (!TEXT_TYPES.includes(descriptor.createType))
    throw new UserError(`Unsupported image type '${descriptor.createType}'`, "ENOTSUP");
  if (descriptor.extents.length === 0) throw new UserError("The VMDK descriptor names no extents", "EINVAL");
  const parts: Part[] = [];
  try {
    let start = 0;
    for (const line of descriptor.extents) {
      parts.push(await openPart(context, line, start));
      start += line.sectors * SECTOR;
    }
    return new VmdkImage(name, parts, descriptor, { file, offset: 0, room: undefined, text }, readOnly);
  } catch (error) {
    for (const part of parts) await part.file.close();
    throw error;
  }
}

async function openPart(context: OpenContext, line: ExtentLine, start: number): Promise<Part> {
  const { type, sectors, offset } = line;
  // A raw device is none of a disk file's business.
  if (/^\/dev\/|^[^/]*:/.test(line.file))
    throw new UserError(`The VMDK descriptor names '${line.file}', which is no file beside it`, "EACCES");
  // Info reads what an image is, and no guest byte; for anything else its names must be allowed.
  if (!context.chain && context.unlock)
    throw new UserError(`'${context.name}' names '${line.file}', which may not be opened`, "EPERM");
  const file = await context.openNamed(line.file);
  const part = {
    start,
    size: sectors * SECTOR,
    name: file.fileName ?? line.file,
    type,
    offset: offset * SECTOR,
    file,
  };
  if (type === "FLAT" || type === "VMFS") return { ...part, sparse: undefined };
  try {
    const header = await readSparseHeader(file);
    if (!header) throw new UserError(`'${line.file}' is no sparse VMDK extent`, "EINVAL");
    // As long as the descriptor says, whatever the extent's own header says.
    const bounded = { ...header, capacity: sectors };
    return {
      ...part,
      sparse: new SparseExtent(part.name, file, context.readOnly, bounded, context.runtime),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

const SUBFORMATS = [
  "monolithicSparse",
  "monolithicFlat",
  "twoGbMaxExtentSparse",
  "twoGbMaxExtentFlat",
  "streamOptimized",
];
const ADAPTERS = ["ide", "buslogic", "lsilogic", "legacyESX"];

interface Shape {
  subformat: string;
  flat: boolean;
  split: boolean;
  zeroedGrains: boolean;
  adapter: string;
  hardwareVersion: string;
  toolsVersion: string;
}

function shapeOf(settings: Settings): Shape {
  const text = (key: string, otherwise: string): string => String(settings[key] ?? otherwise);
  const subformat = text("subformat", "monolithicSparse");
  const adapter = text("adapter_type", "ide");
  const compat6 = settings["compat6"] === true;
  const version = text("hwversion", "undefined");
  const invalid = (value: string): UserError => new UserError(`invalid parameter value: ${value}`, "EINVAL");
  if (!SUBFORMATS.includes(subformat)) throw invalid(subformat);
  if (!ADAPTERS.includes(adapter)) throw invalid(adapter);
  if (compat6 && version !== "undefined")
    throw new UserError("compat6 cannot be enabled with hwversion set", "EINVAL");
  const flat = subformat.endsWith("Flat");
  const zeroedGrains = settings["zeroed_grain"] === true;
  if (flat && zeroedGrains) throw new UserError("Flat image can't enable zeroed grain", "ENOTSUP");
  return {
    subformat,
    flat,
    split: subformat.startsWith("twoGb"),
    zeroedGrains,
    // ESX's own is what others call lsilogic.
    adapter: adapter === "legacyESX" ? "lsilogic" : adapter,
    hardwareVersion: compat6 ? "6" : version === "undefined" ? "4" : version,
    toolsVersion: text("toolsversion", "2147483647"),
  };
}

/** The parent's CID, by which this disk knows it again. */
async function parentCid({ backingFile, openBacking }: CreateContext): Promise<number> {
  if (backingFile === undefined) return NO_PARENT;
  const parent = await openBacking();
  try {
    if (!(parent instanceof VmdkImage)) throw new UserError("backing_file must be a vmdk image", "EINVAL");
    return parent.details()["cid"] as number;
  } finally {
    await parent.close();
  }
}

async function create(context: CreateContext): Promise<void> {
  const { name, file, size, settings, backingFile } = context;
  const shape = shapeOf(settings);
  if (shape.flat && backingFile !== undefined)
    throw new UserError("Flat image can't have backing file", "ENOTSUP");
  const base = name.slice(name.lastIndexOf("/") + 1);
  const stem = base.replace(/\.[^.]*$/, "");
  const suffix = base.slice(stem.length);
  const alone = !shape.flat && !shape.split;
  const pieces = shape.split ? Math.max(1, Math.ceil(size / PIECE)) : 1;
  const extents: ExtentLine[] = Array.from({ length: pieces }, (_, index) => {
    const sectors = (shape.split ? Math.min(PIECE, size - index * PIECE) : size) / SECTOR;
    const number = String(index + 1).padStart(3, "0");
    const mark = shape.split ? `${shape.flat ? "f" : "s"}${number}` : "flat";
    const own = alone ? base : `${stem}-${mark}${suffix}`;
    return { sectors, type: shape.flat ? "FLAT" : "SPARSE", file: own, offset: 0 };
  });
  const facts: DescriptorFacts = {
    ...shape,
    cid: randomCid(),
    parentCid: await parentCid(context),
    createType: shape.subformat,
    parent: backingFile,
    extents,
    size,
  };
  const descriptor = layDescriptor(facts);
  const stream = shape.subformat === "streamOptimized";
  const sparse = {
    version: stream ? 3 : shape.zeroedGrains ? 2 : 1,
    flags:
      Flag.newlineTest |
      Flag.secondDirectory |
      (stream ? Flag.compressed | Flag.markers : 0) |
      (shape.zeroedGrains ? Flag.zeroedGrains : 0),
  };
  const bytes = new TextEncoder().encode(descriptor);
  if (alone) {
    if (bytes.length > DESCRIPTOR_SECTORS * SECTOR)
      throw new UserError(
        "The VMDK descriptor has no room for a name as long as the backing file's",
        "EFBIG",
      );
    return createSparse(file, { ...sparse, size }, descriptor);
  }
  for (const { file: own, sectors } of extents) {
    const part = await context.createNamed(own);
    if (shape.flat) await part.resize(sectors * SECTOR);
    else await createSparse(part, { ...sparse, size: sectors * SECTOR }, "");
  }
  await file.write(bytes, 0);
}

export const vmdk: Driver = {
  open,
  create,
  checkOptions: (_size, settings) => void shapeOf(settings),
  options: [
    SIZE_OPTION,
    {
      name: "adapter_type",
      type: "str",
      help: "Virtual adapter type, can be one of ide (default), lsilogic, buslogic or legacyESX",
    },
    { name: "backing_file", type: "str", help: "File name of a base image" },
    { name: "backing_fmt", type: "str", help: "Must be 'vmdk' if present" },
    { name: "compat6", type: "bool", help: "VMDK version 6 image", otherwise: "off" },
    { name: "hwversion", type: "str", help: "VMDK hardware version", otherwise: "undefined" },
    { name: "toolsversion", type: "str", help: "VMware guest tools version" },
    {
      name: "subformat",
      type: "str",
      help: "VMDK flat extent format, can be one of {monolithicSparse (default) | monolithicFlat | twoGbMaxExtentSparse | twoGbMaxExtentFlat | streamOptimized} ",
    },
    {
      name: "zeroed_grain",
      type: "bool",
      help: "Enable efficient zero writes using the zeroed-grain GTE feature",
    },
  ],
};
