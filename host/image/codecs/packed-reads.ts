// Reading compressed clusters many at a time: what lies together in the file is read at once and unpacked by the pool.
import type { BlockSource } from "../../block/source.ts";
import { UserError } from "../../core/errors.ts";
import type { Compression } from "./codec-jobs.ts";
import type { CodecPool } from "./codec-pool.ts";

/** One compressed cluster, and the part of it that is wanted. */
export interface PackedRead {
  /** In the file, and at most this long. */
  offset: number;
  packedLength: number;
  /** Where in the cluster `into` begins. */
  within: number;
  into: Uint8Array;
}

export function damagedCluster(offset: number): UserError {
  return new UserError(
    `Cannot read the cluster at 0x${offset.toString(16)}: its compressed data is damaged`,
    "EIO",
  );
}

/** Starts the reads; `clusterSize` and `compression` are the image's. */
export function readPackedClusters(
  pool: CodecPool,
  file: BlockSource,
  reads: readonly PackedRead[],
  clusterSize: number,
  compression: Compression,
): Promise<void>[] {
  return runs(reads).map(async (run) => {
    const start = run[0]!.offset;
    const end = Math.max(...run.map(({ offset, packedLength }) => offset + packedLength));
    const room = run.length * clusterSize;
    const buffer = pool.takeBuffer(room + end - start);
    await file.read(new Uint8Array(buffer, room, end - start), start);
    const parts = run.map(({ offset, packedLength }) => ({
      at: room + offset - start,
      length: packedLength,
    }));
    const answer = await pool.run({ kind: "unpack", buffer, compression, clusterSize, parts });
    for (const [n, { offset, within, into }] of run.entries()) {
      if (answer.lengths[n] !== clusterSize) throw damagedCluster(offset);
      into.set(new Uint8Array(answer.buffer, n * clusterSize + within, into.length));
    }
    pool.giveBuffer(answer.buffer);
  });
}

/** Neighbours in the list that are neighbours in the file as well, as those of an image made in one go are. */
function runs(reads: readonly PackedRead[]): PackedRead[][] {
  const result: PackedRead[][] = [];
  let end = -1;
  for (const read of reads) {
    const run = result.at(-1);
    // Lengths are counted in whole sectors: the next cluster may begin within this one's last.
    if (run && read.offset >= run[0]!.offset && read.offset <= end) run.push(read);
    else result.push([read]);
    end = read.offset + read.packedLength;
  }
  return result;
}
