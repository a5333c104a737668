// Rectangles of pixels on the wire: raw (RFC 6143 §7.7.1) and hextile (§7.7.4); ZRLE has a file of its own.
import type { Picture } from "../../display/vga.ts";
import { pixelsOf, type PixelWriter, type Rectangle, TILE } from "./pixels.ts";
import { ZrleEncoder } from "./zrle.ts";

export const RAW = 0;
export const HEXTILE = 5;
export const ZRLE = 16;

export type Encoder = (picture: Picture, rectangle: Rectangle, writer: PixelWriter) => Uint8Array;

/** What one client can be sent. */
export function newEncoders(): ReadonlyMap<number, Encoder> {
  const zrle = new ZrleEncoder();
  return new Map<number, Encoder>([
    [ZRLE, (picture, rectangle, writer) => zrle.encode(picture, rectangle, writer)],
    [HEXTILE, hextile],
    [RAW, raw],
  ]);
}

export function raw(picture: Picture, rectangle: Rectangle, writer: PixelWriter): Uint8Array {
  const bytes = new Uint8Array(rectangle.width * rectangle.height * writer.bytes);
  putPixels(new DataView(bytes.buffer), 0, picture, rectangle, writer);
  return bytes;
}

function putPixels(
  view: DataView,
  start: number,
  picture: Picture,
  { x, y, width, height }: Rectangle,
  writer: PixelWriter,
): number {
  const pixels = pixelsOf(picture);
  let at = start;
  for (let row = y; row < y + height; row++)
    for (let from = row * picture.width + x, end = from + width; from < end; from++, at += writer.bytes)
      writer.put(view, at, pixels[from]!);
  return at;
}

/** Hextile's subencoding bits. */
const [TILE_RAW, BACKGROUND, FOREGROUND, SUBRECTANGLES] = [1, 2, 4, 8];

export function hextile(picture: Picture, rectangle: Rectangle, writer: PixelWriter): Uint8Array {
  const tiles = Math.ceil(rectangle.width / TILE) * Math.ceil(rectangle.height / TILE);
  const bytes = new Uint8Array(tiles + rectangle.width * rectangle.height * writer.bytes);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (let y = 0; y < rectangle.height; y += TILE)
    for (let x = 0; x < rectangle.width; x += TILE) {
      const tile = {
        x: rectangle.x + x,
        y: rectangle.y + y,
        width: Math.min(TILE, rectangle.width - x),
        height: Math.min(TILE, rectangle.height - y),
      };
      at = putTile(view, at, picture, tile, writer);
    }
  return bytes.subarray(0, at);
}

/** One colour, or two as runs on a background, or raw where that is shorter or there are more. */
function putTile(
  view: DataView,
  start: number,
  picture: Picture,
  tile: Rectangle,
  writer: PixelWriter,
): number {
  const rawSize = tile.width * tile.height * writer.bytes;
  const colours = coloursOf(picture, tile);
  if (colours) {
    const [background, foreground] = colours;
    if (foreground === undefined) {
      view.setUint8(start, BACKGROUND);
      writer.put(view, start + 1, background);
      return start + 1 + writer.bytes;
    }
    const runs = runsOf(picture, tile, foreground);
    if (2 * writer.bytes + 1 + runs.length < rawSize && runs.length <= 2 * 255) {
      view.setUint8(start, BACKGROUND | FOREGROUND | SUBRECTANGLES);
      writer.put(view, start + 1, background);
      writer.put(view, start + 1 + writer.bytes, foreground);
      let at = start + 1 + 2 * writer.bytes;
      view.setUint8(at++, runs.length / 2);
      for (const byte of runs) view.setUint8(at++, byte);
      return at;
    }
  }
  view.setUint8(start, TILE_RAW);
  return putPixels(view, start + 1, picture, tile, writer);
}

/** The tile's colours, the first pixel's in front; undefined: more than two. */
function coloursOf(picture: Picture, tile: Rectangle): [background: number, foreground?: number] | undefined {
  const pixels = pixelsOf(picture);
  const background = pixels[tile.y * picture.width + tile.x]!;
  let foreground: number | undefined;
  for (let y = tile.y; y < tile.y + tile.height; y++)
    for (let at = y * picture.width + tile.x, end = at + tile.width; at < end; at++) {
      const pixel = pixels[at]!;
      if (pixel === background || pixel === foreground) continue;
      if (foreground !== undefined) return undefined;
      foreground = pixel;
    }
  return foreground === undefined ? [background] : [background, foreground];
}

/** Rows of `foreground`, two bytes each: x and y, width and height less one, four bits each. */
function runsOf(picture: Picture, tile: Rectangle, foreground: number): number[] {
  const pixels = pixelsOf(picture);
  const runs: number[] = [];
  for (let y = 0; y < tile.height; y++) {
    const row = (tile.y + y) * picture.width + tile.x;
    for (let x = 0; x < tile.width; x++) {
      if (pixels[row + x] !== foreground) continue;
      const first = x;
      while (x + 1 < tile.width && pixels[row + x + 1] === foreground) x++;
      runs.push((first << 4) | y, (x - first) << 4);
    }
  }
  return runs;
}
