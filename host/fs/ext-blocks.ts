// Where a file of ext2/3/4 has its blocks: a tree of extents, or the older tree of block numbers.
//
// Both are walked in the order of the file. An extent must begin at or behind the block that was reached, and an index
// must lead to something: so a damaged tree, even one that leads into itself, ends.
import type { Run } from "./file-system.ts";
import type { Geometry } from "./ext.ts";
import type { Reader } from "./reader.ts";

/** The inode's room for it: 15 block numbers, or an extent header and four entries. */
export const BLOCK_MAP_SIZE = 60;

const EXTENT_MAGIC = 0xf30a;
const EXTENT_HEADER = 12;
const EXTENT_ENTRY = 12;
const DEPTH_MAX = 5;
/** Longer ones are allocated but not written yet: they read as zeros, and are so much shorter. */
const WRITTEN_MAX = 32768;

const DIRECT = 12;

/** A stretch of blocks from `block` of the file on; `host` undefined: a hole. */
interface Stretch {
  block: number;
  count: number;
  host: number | undefined;
}

export async function* blockRuns(
  reader: Reader,
  geometry: Geometry,
  map: DataView,
  size: number,
  extents: boolean,
  what: string,
): AsyncGenerator<Run, void> {
  const { blockSize, blocks } = geometry;
  const walk: Walk = { reader, geometry, what, end: Math.ceil(size / blockSize), reached: 0 };
  const stretches = extents ? extentTree(walk, map, DEPTH_MAX) : blockTree(walk, map);
  // Neighbours become one run, and what no stretch covers is a hole.
  let held: Run | undefined;
  let offset = 0;
  const add = function* (length: number, at: number | undefined): Generator<Run, void> {
    const part = Math.min(length, size - offset);
    if (part <= 0) return;
    offset += part;
    const follows = held && at === (held.at === undefined ? undefined : held.at + held.length);
    if (held && follows) held.length += part;
    else {
      if (held) yield held;
      held = at === undefined ? { length: part } : { length: part, at };
    }
  };
  for await (const { block, count, host } of stretches) {
    if (host !== undefined && host + count > blocks)
      throw reader.damaged(`${what} has blocks outside of the file system`);
    if (block * blockSize > offset) yield* add(block * blockSize - offset, undefined);
    yield* add(count * blockSize, host === undefined ? undefined : host * blockSize);
  }
  yield* add(size - offset, undefined);
  if (held) yield held;
}

interface Walk {
  reader: Reader;
  geometry: Geometry;
  what: string;
  /** Blocks that the file's size needs; trees may know more. */
  end: number;
  /** Blocks of the file that are behind us. */
  reached: number;
}

/**
 *   header: magic u16 | entries u16 | room u16 | depth u16 | generation u32
 *   leaf:   block u32 | count u16 | host, upper 16 | host, lower 32
 *   index:  block u32 | node, lower 32 | node, upper 16
 */
async function* extentTree(walk: Walk, node: DataView, depthLimit: number): AsyncGenerator<Stretch, void> {
  const { reader, geometry, what } = walk;
  const entries = node.getUint16(2, true);
  const depth = node.getUint16(6, true);
  if (node.getUint16(0, true) !== EXTENT_MAGIC) throw reader.damaged(`${what} has no extent tree`);
  if (depth > depthLimit || EXTENT_HEADER + entries * EXTENT_ENTRY > node.byteLength)
    throw reader.damaged(`${what} has an extent tree out of bounds`);
  for (let index = 0; index < entries; index++) {
    const at = EXTENT_HEADER + index * EXTENT_ENTRY;
    const block = node.getUint32(at, true);
    // What is allocated past the end of the file is no part of it.
    if (block >= walk.end) {
      walk.reached = walk.end;
      return;
    }
    if (depth > 0) {
      const child = node.getUint16(at + 8, true) * 2 ** 32 + node.getUint32(at + 4, true);
      const before = walk.reached;
      const { blockSize } = geometry;
      yield* extentTree(walk, await reader.view(child * blockSize, blockSize, what), depth - 1);
      if (walk.reached === before) throw reader.damaged(`${what} has an extent tree that leads nowhere`);
      continue;
    }
    const stored = node.getUint16(at + 4, true);
    const written = stored <= WRITTEN_MAX;
    const count = written ? stored : stored - WRITTEN_MAX;
    if (count === 0 || block < walk.reached) throw reader.damaged(`${what} has extents out of order`);
    const host = node.getUint16(at + 6, true) * 2 ** 32 + node.getUint32(at + 8, true);
    walk.reached = block + count;
    yield { block, count, host: written ? host : undefined };
  }
}

/** Twelve block numbers, then one block of them, one of blocks of them, and one of blocks of those; 0 is a hole. */
async function* blockTree(walk: Walk, map: DataView): AsyncGenerator<Stretch, void> {
  for (let index = 0; index < DIRECT; index++) yield* subtree(walk, map.getUint32(index * 4, true), 0);
  for (const level of [1, 2, 3]) yield* subtree(walk, map.getUint32((DIRECT + level - 1) * 4, true), level);
}

async function* subtree(walk: Walk, pointer: number, level: number): AsyncGenerator<Stretch, void> {
  const perBlock = walk.geometry.blockSize / 4;
  const count = perBlock ** level;
  if (walk.reached >= walk.end) return;
  if (pointer === 0 || level === 0) {
    yield { block: walk.reached, count, host: pointer === 0 ? undefined : pointer };
    walk.reached += count;
    return;
  }
  const { blockSize } = walk.geometry;
  const table = await walk.reader.view(pointer * blockSize, blockSize, walk.what);
  for (let index = 0; index < perBlock; index++)
    yield* subtree(walk, table.getUint32(index * 4, true), level - 1);
}
