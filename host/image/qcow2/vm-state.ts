// VM state in a qcow2 image: kept as guest data is, behind the disk, from the first L1 entry on that describes no guest
// cluster (qcow2 specification, "Snapshots"). A snapshot keeps it; the active tables hold it only while it is written.
import type { Qcow2Image } from "./image.ts";

/** Guest bytes that one L2 table describes. */
function bytesPerTable({ clusterSize, extendedL2 }: Qcow2Image): number {
  return clusterSize * (clusterSize / (extendedL2 ? 16 : 8));
}

/** Guest offset where VM state begins. */
export function vmStateStart(image: Qcow2Image): number {
  return Math.ceil(image.size / bytesPerTable(image)) * bytesPerTable(image);
}

/** Takes whatever lies behind the disk out of the active tables: a snapshot that shares it keeps it. */
export async function dropVmState(image: Qcow2Image): Promise<void> {
  const { core } = image.engine;
  const perTable = bytesPerTable(image);
  for (let index = vmStateStart(image) / perTable; index < core.l1Size(); index++) {
    const entry = image.engine.view((core.L1_AT.value as number) + 8 * index, 8);
    if (entry.every((byte) => byte === 0)) continue;
    const end = (index + 1) * perTable;
    for (let at = index * perTable; at < end;)
      at += await image.engine.run(
        () => core.zeroClusters(at, end - at, true, false),
        () => core.extentLength(),
      );
  }
}

/** Written to the image at a time: whole clusters of any size. */
const CHUNK = 4 * 2 ** 20;

/** Takes VM state piece by piece; the snapshot made next keeps it. */
export class VmStateWriter {
  private readonly chunk = new Uint8Array(CHUNK);
  private filled = 0;
  private written = 0;
  private readonly start: number;

  constructor(private readonly image: Qcow2Image) {
    this.start = vmStateStart(image);
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + CHUNK - this.filled);
      this.chunk.set(part, this.filled);
      this.filled += part.length;
      at += part.length;
      if (this.filled === CHUNK) await this.store(CHUNK);
    }
  }

  /** Returns the size of all. */
  async end(): Promise<number> {
    const size = this.written + this.filled;
    const { clusterSize } = this.image;
    if (this.filled > 0) await this.store(Math.ceil(this.filled / clusterSize) * clusterSize);
    return size;
  }

  private async store(length: number): Promise<void> {
    const { engine } = this.image;
    this.chunk.fill(0, this.filled, length);
    const at = this.start + this.written;
    await engine.run(
      (core) => core.reach(at + length),
      () => {},
    );
    await this.image.writeBehind(this.chunk.subarray(0, length), at);
    this.written += length;
    this.filled = 0;
  }
}
