// bzip2 streams, by the block engine.
import { UserError } from "../core/errors.ts";
import type { BlockExports } from "./engine.ts";

/** What a stream holds, `capacity` bytes at most; undefined: it is damaged, or a block of it would go beyond. */
export function bunzip2(core: BlockExports, packed: Uint8Array, capacity: number): Uint8Array | undefined {
  const room = core.BUNZIP2_ROOM.value as number;
  if (!core.reserve(room + packed.length + capacity))
    throw new UserError("Not enough memory to uncompress", "ENOMEM");
  const roomAt = core.WORK_AT.value as number;
  const from = roomAt + room;
  const to = from + packed.length;
  const memory = new Uint8Array(core.memory.buffer as ArrayBuffer);
  memory.set(packed, from);
  const got = core.unpackBzip2(from, packed.length, to, capacity, roomAt);
  return got < 0 ? undefined : memory.slice(to, to + got);
}
