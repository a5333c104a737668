// What a codec thread is asked: many clusters of one image packed or unpacked, many sectors encrypted or decrypted at a
// time. Pure work on one buffer, which goes to the thread and comes back with the answer in it.
import type { CipherSpec } from "../encryption/ciphers.ts";
import type { BlockExports } from "../qcow2/engine.ts";
import { SectorCipher } from "../encryption/sector-cipher.ts";

export type Compression = "zlib" | "zstd";

/** Whole clusters from the buffer's start on; behind them there is as much room again, for the packed ones in a row. */
export interface PackJob {
  kind: "pack";
  buffer: ArrayBuffer;
  compression: Compression;
  clusterSize: number;
  clusters: number;
}

/** Packed clusters somewhere in the buffer become whole ones, one after the other, from its start on. */
export interface UnpackJob {
  kind: "unpack";
  buffer: ArrayBuffer;
  compression: Compression;
  clusterSize: number;
  /** Where each lies behind the room for the whole ones, and at most how long it is. */
  parts: readonly { at: number; length: number }[];
}

/** Whole sectors at the buffer's start, changed in place. */
export interface CipherJob {
  kind: "encrypt" | "decrypt";
  buffer: ArrayBuffer;
  length: number;
  spec: CipherSpec;
  key: Uint8Array;
  /** The number of the first sector. */
  first: number;
}

export type CodecJob = PackJob | UnpackJob | CipherJob;

export interface CodecAnswer {
  buffer: ArrayBuffer;
  /**
   * Of each cluster. Packed: its length, 0 where all of it is zeros, the cluster's size where packing would not make it
   * smaller and it stays as it is. Unpacked: the cluster's size, or -1 where the packed one is damaged. Of sectors: none.
   */
  lengths: number[];
}

/** Does a job with `core`, whose areas for one packed and one whole cluster it uses. */
export function runJob(core: BlockExports, job: CodecJob): CodecAnswer {
  return job.kind === "pack" || job.kind === "unpack" ? runCodec(core, job) : runCipher(core, job);
}

function runCipher(core: BlockExports, { kind, buffer, length, spec, key, first }: CipherJob): CodecAnswer {
  const sectors = new Uint8Array(buffer, 0, length);
  new SectorCipher(core, spec, key)[kind](sectors, first);
  return { buffer, lengths: [] };
}

function runCodec(core: BlockExports, job: PackJob | UnpackJob): CodecAnswer {
  const { buffer, clusterSize: size } = job;
  const packedAt = core.PACKED_AT.value as number;
  const wholeAt = core.UNPACKED_AT.value as number;
  const memory = new Uint8Array(core.memory.buffer as ArrayBuffer);
  const bytes = new Uint8Array(buffer);

  let rowEnd = job.kind === "pack" ? job.clusters * size : 0;
  const pack = (n: number): number => {
    memory.set(bytes.subarray(n * size, (n + 1) * size), wholeAt);
    if (core.isZero(wholeAt, size)) return 0;
    const packer = job.compression === "zstd" ? core.packZstd : core.packDeflate;
    const length = packer(wholeAt, size, packedAt, size - 1);
    bytes.set(memory.subarray(packedAt, packedAt + length), rowEnd);
    rowEnd += length;
    return length || size;
  };
  const unpack = ({ at, length }: { at: number; length: number }, n: number): number => {
    memory.set(bytes.subarray(at, at + length), packedAt);
    const unpacker = job.compression === "zstd" ? core.unpackZstd : core.unpackDeflate;
    if (unpacker(packedAt, length, wholeAt, size) !== size) return -1;
    bytes.set(memory.subarray(wholeAt, wholeAt + size), n * size);
    return size;
  };
  const lengths =
    job.kind === "pack" ? Array.from({ length: job.clusters }, (_, n) => pack(n)) : job.parts.map(unpack);
  return { buffer, lengths };
}
