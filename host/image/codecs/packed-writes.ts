// Writing compressed clusters many at a time: what comes to lie together in the file is written at once.
import type { BlockSource } from "../../block/source.ts";
import { type Engine, nothing } from "../qcow2/engine.ts";

/** One whole cluster, compressed. */
export interface PackedCluster {
  /** A raw deflate stream, or as the image's type of compression says. Shorter than a cluster. */
  packed: Uint8Array;
  /** Where in the disk the cluster begins. */
  offset: number;
  /** What `packed` holds, for formats that say more of it. */
  plain: Uint8Array;
}

/** What qcow2 needs of one. */
export type PackedBytes = Pick<PackedCluster, "packed" | "offset">;

/** Gives each a place in a qcow2 file and writes it; nothing refers to a place before it holds what it should. */
export async function writePackedClusters(
  engine: Engine,
  file: BlockSource,
  clusters: readonly PackedBytes[],
): Promise<void> {
  const places: number[] = [];
  for (const { packed } of clusters) {
    const place = engine.run(
      (core) => core.planPacked(packed.length),
      (core) => core.extentOffset(),
    );
    // Not to await what is known keeps those of others from coming in between.
    places.push(place instanceof Promise ? await place : place);
  }
  await Promise.all(rows(clusters, places).map(({ bytes, place }) => file.write!(bytes, place)));
  for (const [n, { packed, offset }] of clusters.entries()) {
    const done = engine.run((core) => core.commitPacked(offset, places[n]!, packed.length), nothing);
    if (done) await done;
  }
}

/** Neighbours in memory that will be neighbours in the file. */
function rows(
  clusters: readonly PackedBytes[],
  places: readonly number[],
): { bytes: Uint8Array; place: number }[] {
  const result: { bytes: Uint8Array; place: number }[] = [];
  for (const [n, { packed }] of clusters.entries()) {
    const row = result.at(-1);
    if (row && isBehind(row.bytes, packed) && places[n] === row.place + row.bytes.length)
      row.bytes = new Uint8Array(row.bytes.buffer, row.bytes.byteOffset, row.bytes.length + packed.length);
    else result.push({ bytes: packed, place: places[n]! });
  }
  return result;
}

function isBehind(before: Uint8Array, bytes: Uint8Array): boolean {
  return before.buffer === bytes.buffer && before.byteOffset + before.length === bytes.byteOffset;
}
