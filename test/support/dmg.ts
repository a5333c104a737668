// Disk images of macOS for tests: chunks as they are packed, a property list that names them, a trailer.
import { pattern } from "./qcow2.ts";

const SECTOR = 512;
const CHUNKS_AT = 0xcc;
const CHUNK = 40;

export interface DmgChunk {
  type: number;
  packed: Uint8Array;
  /** Bytes on the disk. */
  length: number;
}

export function dmgOf(chunks: readonly DmgChunk[]): Buffer {
  const table = Buffer.alloc(CHUNKS_AT + (chunks.length + 1) * CHUNK);
  table.write("mish");
  table.writeUInt32BE(chunks.length + 1, 0xc8);
  let sector = 0;
  let offset = 0;
  const end = { type: 0xffffffff, packed: new Uint8Array(0), length: 0 };
  for (const [index, { type, packed, length }] of [...chunks, end].entries()) {
    const at = CHUNKS_AT + index * CHUNK;
    table.writeUInt32BE(type, at);
    for (const [n, word] of [sector, length / SECTOR, offset, packed.length].entries())
      table.writeBigUInt64BE(BigInt(word), at + 8 + n * 8);
    sector += length / SECTOR;
    offset += packed.length;
  }
  const list = Buffer.from(
    `<dict><key>blkx</key><array><dict><key>Data</key><data>${table.toString("base64")}</data></dict></array></dict>`,
  );
  const trailer = Buffer.alloc(512);
  trailer.write("koly");
  trailer.writeBigUInt64BE(BigInt(offset), 0xd8);
  trailer.writeBigUInt64BE(BigInt(list.length), 0xe0);
  return Buffer.concat([...chunks.map(({ packed }) => packed), list, trailer]);
}

/** A chunk that lies there as it is. */
export const rawChunk: DmgChunk = { type: 1, packed: pattern(4096, 4), length: 4096 };
