// Pictures as files: PPM (netpbm's P6) and PNG (ISO/IEC 15948).
import { crc32 } from "../crc32.ts";
import type { Picture } from "./vga.ts";

export function ppm({ width, height, rgba }: Picture): Uint8Array {
  const header = new TextEncoder().encode(`P6\n${width} ${height}\n255\n`);
  const file = new Uint8Array(header.length + width * height * 3);
  file.set(header);
  for (let from = 0, to = header.length; from < rgba.length; from += 4, to += 3)
    file.set(rgba.subarray(from, from + 3), to);
  return file;
}

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const TRUECOLOUR = 2;
const FILTER_NONE = 0;

export async function png({ width, height, rgba }: Picture): Promise<Uint8Array> {
  const rows = new Uint8Array(height * (1 + width * 3));
  for (let y = 0, from = 0, to = 0; y < height; y++) {
    rows[to++] = FILTER_NONE;
    for (let x = 0; x < width; x++, from += 4, to += 3) rows.set(rgba.subarray(from, from + 3), to);
  }
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, 8);
  header.setUint8(9, TRUECOLOUR);
  const chunks = [
    SIGNATURE,
    chunk("IHDR", new Uint8Array(header.buffer)),
    chunk("IDAT", await deflate(rows)),
    chunk("IEND", new Uint8Array()),
  ];
  return concatenate(chunks);
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

/** Compressed by the runtime's own zlib: a picture is nothing that our codecs exist for. */
async function deflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
