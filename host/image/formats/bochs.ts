// Growing disks of Bochs, read only: a catalogue of extents, each a bitmap of its sectors and the sectors.
//
//   0 "Bochs Virtual HD Image", 0x20 "Redolog", 0x30 "Growing", 0x40 version, header size, 0x48 catalogue entries,
//   bytes of a bitmap, bytes of an extent; u64 disk size at 0x54, in version 2 at 0x58
import { UserError } from "../../core/errors.ts";
import { ClusterImage, type Run } from "./cluster-image.ts";
import type { Driver, OpenContext } from "../driver.ts";
import { Tables } from "./tables.ts";

const SECTOR = 512;
const HEADER_SIZE = 512;
const ENTRY = 4;
const UNUSED = 0xffffffff;
const VERSION_1 = 0x10000;
const VERSION_2 = 0x20000;
const ENTRIES_MAX = 0x100000;

interface Shape {
  catalogAt: number;
  dataAt: number;
  bitmapSectors: number;
  extentSectors: number;
  size: number;
}

class BochsImage extends ClusterImage {
  readonly format = "bochs";
  override readonly dirty = undefined;
  private readonly catalog: Tables;

  constructor(
    context: OpenContext,
    private readonly shape: Shape,
  ) {
    super(context.name, context.file, true, shape.size, SECTOR);
    this.catalog = new Tables(context.file, async () => {});
  }

  override get clusterSize(): undefined {
    return undefined;
  }

  protected get tables(): readonly Tables[] {
    return [];
  }

  protected async find(index: number, limit: number): Promise<Run> {
    const { catalogAt, dataAt, bitmapSectors, extentSectors } = this.shape;
    const number = Math.floor(index / extentSectors);
    const within = index % extentSectors;
    const most = Math.min(limit, extentSectors - within);
    const entry = await this.catalog.entries(catalogAt + number * ENTRY, 1, ENTRY);
    const extent = entry.view.getUint32(entry.at, true);
    if (extent === UNUSED) return { kind: "zero", clusters: most, offset: 0 };
    const extentAt = dataAt + extent * (bitmapSectors + extentSectors) * SECTOR;
    const { view, at, count } = await this.catalog.entries(extentAt + (within >> 3), (most + 7) >> 3, 1);
    const isSet = (sector: number): boolean =>
      ((view.getUint8(at + (sector >> 3) - (within >> 3)) >> (sector & 7)) & 1) === 1;
    const first = isSet(within);
    const end = Math.min(within + most, ((within >> 3) + count) * 8);
    let sector = within + 1;
    while (sector < end && isSet(sector) === first) sector++;
    const offset = extentAt + (bitmapSectors + within) * SECTOR;
    return { kind: first ? "data" : "zero", clusters: sector - within, offset };
  }

  protected async assign(): Promise<void> {}
}

async function open(context: OpenContext): Promise<BochsImage> {
  if (!context.readOnly) throw new UserError("Image is read-only", "EACCES");
  const bytes = new Uint8Array(HEADER_SIZE);
  await context.file.read(bytes, 0);
  const view = new DataView(bytes.buffer);
  const u32 = (at: number): number => view.getUint32(at, true);
  const text = (at: number, words: string): boolean =>
    [...words, "\0"].every((char, index) => bytes[at + index] === char.charCodeAt(0));
  const version = u32(0x40);
  const isBochs = text(0, "Bochs Virtual HD Image") && text(0x20, "Redolog") && text(0x30, "Growing");
  if (!isBochs || (version !== VERSION_1 && version !== VERSION_2))
    throw new UserError("Image not in Bochs format", "EINVAL");
  const size = Number(view.getBigUint64(version === VERSION_1 ? 0x54 : 0x58, true));
  const [catalogAt, entries, bitmapSize, extentSize] = [u32(0x44), u32(0x48), u32(0x4c), u32(0x50)];
  if (catalogAt % ENTRY) throw new UserError("The Bochs image's catalogue is not aligned", "EINVAL");
  if (entries > ENTRIES_MAX) throw new UserError("Catalog size is too large", "EFBIG");
  if (extentSize < SECTOR) throw new UserError(`Extent size must be at least ${SECTOR}`, "EINVAL");
  if ((extentSize & (extentSize - 1)) !== 0)
    throw new UserError(`Extent size ${extentSize} is not a power of two`, "EINVAL");
  if (extentSize > 0x800000) throw new UserError(`Extent size ${extentSize} is too large`, "EINVAL");
  if (bitmapSize * 8 * SECTOR < extentSize)
    throw new UserError("The Bochs image's bitmaps are too short for its extents", "EINVAL");
  if (size > entries * extentSize)
    throw new UserError("Catalog size is too small for this disk size", "EINVAL");
  return new BochsImage(context, {
    catalogAt,
    dataAt: catalogAt + entries * ENTRY,
    bitmapSectors: Math.ceil(bitmapSize / SECTOR),
    extentSectors: extentSize / SECTOR,
    size: Math.floor(size / SECTOR) * SECTOR,
  });
}

export const bochs: Driver = { open };
