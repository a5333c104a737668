// Packings that only foreign images have, by the block engine.
import { UserError } from "../../core/errors.ts";
import type { BlockExports } from "../qcow2/engine.ts";

/** What a stream holds, `capacity` bytes at most; undefined: it is damaged, or it holds more. */
type Unpack = (core: BlockExports, packed: Uint8Array, capacity: number) => Uint8Array | undefined;

/** `unpack` gets `room` bytes to work in. */
function unpacker(
  roomOf: (core: BlockExports) => number,
  unpack: (
    core: BlockExports,
    from: number,
    length: number,
    to: number,
    capacity: number,
    room: number,
  ) => number,
): Unpack {
  return (core, packed, capacity) => {
    const room = roomOf(core);
    if (!core.reserve(room + packed.length + capacity))
      throw new UserError("Not enough memory to uncompress", "ENOMEM");
    const roomAt = core.WORK_AT.value as number;
    const from = roomAt + room;
    const to = from + packed.length;
    const memory = new Uint8Array(core.memory.buffer as ArrayBuffer);
    memory.set(packed, from);
    const got = unpack(core, from, packed.length, to, capacity, roomAt);
    return got < 0 ? undefined : memory.slice(to, to + got);
  };
}

export const bunzip2: Unpack = unpacker(
  (core) => core.BUNZIP2_ROOM.value as number,
  (core, ...place) => core.unpackBzip2(...place),
);

export const unxz: Unpack = unpacker(
  (core) => core.LZMA2_ROOM.value as number,
  (core, ...place) => core.unpackXz(...place),
);

export const unadc: Unpack = unpacker(
  () => 0,
  (core, from, length, to, capacity) => core.unpackAdc(from, length, to, capacity),
);
