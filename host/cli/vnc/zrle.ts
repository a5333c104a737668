// ZRLE (RFC 6143 §7.7.6): tiles of 64 by 64 pixels as one colour, as indices into a palette or as they are, all of it
// deflated (RFC 1950). Its stream goes on over a connection's rectangles: what it begins with comes once.
import { constants, deflateRawSync } from "node:zlib";
import type { Picture } from "../../display/vga.ts";
import { pixelsOf, type PixelWriter, type Rectangle } from "./pixels.ts";

const TILE = 64;
/** Colours that are told apart by indices of up to 4 bits. */
const PALETTE_MAX = 16;
/** Subencodings: raw, one colour; 2 to 16 is the size of a palette. */
const [TILE_RAW, TILE_SOLID] = [0, 1];
/** CMF and FLG: deflate with a window of 32 KiB. */
const ZLIB_HEADER = Uint8Array.of(0x78, 0x01);
/** Screens change often: speed counts more than the last byte. */
const LEVEL = 1;

export class ZrleEncoder {
  private begun = false;

  /** Length in 4 bytes, then the piece of the stream. */
  encode(picture: Picture, rectangle: Rectangle, writer: PixelWriter): Uint8Array {
    // A flushed piece ends on a byte and needs nothing of those before it, so that pieces can be made one by one.
    const deflated = deflateRawSync(tiles(picture, rectangle, writer), {
      level: LEVEL,
      finishFlush: constants.Z_SYNC_FLUSH,
    });
    const header = this.begun ? new Uint8Array() : ZLIB_HEADER;
    this.begun = true;
    const bytes = new Uint8Array(4 + header.length + deflated.length);
    new DataView(bytes.buffer).setUint32(0, bytes.length - 4);
    bytes.set(header, 4);
    bytes.set(deflated, 4 + header.length);
    return bytes;
  }
}

function tiles(picture: Picture, rectangle: Rectangle, writer: PixelWriter): Uint8Array {
  const count = Math.ceil(rectangle.width / TILE) * Math.ceil(rectangle.height / TILE);
  const out = new TileWriter(count + rectangle.width * rectangle.height * writer.compactBytes, writer);
  for (let y = 0; y < rectangle.height; y += TILE)
    for (let x = 0; x < rectangle.width; x += TILE)
      out.tile(picture, {
        x: rectangle.x + x,
        y: rectangle.y + y,
        width: Math.min(TILE, rectangle.width - x),
        height: Math.min(TILE, rectangle.height - y),
      });
  return out.bytes;
}

class TileWriter {
  private readonly buffer: Uint8Array;
  private at = 0;

  constructor(
    most: number,
    private readonly writer: PixelWriter,
  ) {
    this.buffer = new Uint8Array(most);
  }

  get bytes(): Uint8Array {
    return this.buffer.subarray(0, this.at);
  }

  tile(picture: Picture, tile: Rectangle): void {
    const palette = paletteOf(picture, tile);
    if (palette?.size === 1) {
      this.buffer[this.at++] = TILE_SOLID;
      for (const pixel of palette.keys()) this.pixel(pixel);
    } else if (
      palette &&
      this.packedSize(palette.size, tile) < tile.width * tile.height * this.writer.compactBytes
    ) {
      this.buffer[this.at++] = palette.size;
      for (const pixel of palette.keys()) this.pixel(pixel);
      this.indices(picture, tile, palette);
    } else {
      this.buffer[this.at++] = TILE_RAW;
      for (const pixel of pixelsIn(picture, tile)) this.pixel(pixel);
    }
  }

  private pixel(pixel: number): void {
    this.writer.putCompact(this.buffer, this.at, pixel);
    this.at += this.writer.compactBytes;
  }

  private packedSize(colours: number, { width, height }: Rectangle): number {
    return colours * this.writer.compactBytes + Math.ceil((width * bitsFor(colours)) / 8) * height;
  }

  /** Each row from a byte of its own on, the leftmost pixel in the highest bits. */
  private indices(picture: Picture, tile: Rectangle, palette: ReadonlyMap<number, number>): void {
    const bits = bitsFor(palette.size);
    const pixels = pixelsOf(picture);
    for (let y = tile.y; y < tile.y + tile.height; y++) {
      const row = y * picture.width + tile.x;
      for (let x = 0, room = 0; x < tile.width; x++) {
        if (room === 0) {
          this.buffer[this.at++] = 0;
          room = 8;
        }
        room -= bits;
        this.buffer[this.at - 1]! |= palette.get(pixels[row + x]!)! << room;
      }
    }
  }
}

function bitsFor(colours: number): number {
  return colours <= 2 ? 1 : colours <= 4 ? 2 : 4;
}

function* pixelsIn(picture: Picture, { x, y, width, height }: Rectangle): Generator<number> {
  const pixels = pixelsOf(picture);
  for (let row = y; row < y + height; row++)
    for (let at = row * picture.width + x, end = at + width; at < end; at++) yield pixels[at]!;
}

/** Colours and their numbers; undefined: there are too many. */
function paletteOf(picture: Picture, tile: Rectangle): Map<number, number> | undefined {
  const palette = new Map<number, number>();
  for (const pixel of pixelsIn(picture, tile)) {
    if (palette.has(pixel)) continue;
    if (palette.size === PALETTE_MAX) return undefined;
    palette.set(pixel, palette.size);
  }
  return palette;
}
