// Pixels as a client wants them (RFC 6143 §7.4), and pictures as sequences of rectangles.
import type { Picture } from "../../display/vga.ts";

export interface PixelFormat {
  bytes: 1 | 2 | 4;
  bigEndian: boolean;
  max: readonly [red: number, green: number, blue: number];
  shift: readonly [red: number, green: number, blue: number];
}

export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** What a client gets that asks for nothing else. */
export const TRUE_COLOUR: PixelFormat = {
  bytes: 4,
  bigEndian: false,
  max: [255, 255, 255],
  shift: [16, 8, 0],
};

/** What a client that wants a colour map gets: 3 bits of red, 3 of green, 2 of blue, from the lowest on. */
export const BGR233: PixelFormat = { bytes: 1, bigEndian: false, max: [7, 7, 3], shift: [0, 3, 6] };

/** PIXEL_FORMAT, 16 bytes. */
export function formatBytes({ bytes, bigEndian, max, shift }: PixelFormat): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  view.setUint8(0, bytes * 8);
  view.setUint8(1, 24);
  view.setUint8(2, bigEndian ? 1 : 0);
  view.setUint8(3, 1);
  max.forEach((value, n) => view.setUint16(4 + 2 * n, value));
  shift.forEach((value, n) => view.setUint8(10 + n, value));
  return new Uint8Array(view.buffer);
}

/** The format in a SetPixelFormat message; "map": it wants a colour map; undefined: there is no such format. */
export function readFormat(view: DataView): PixelFormat | "map" | undefined {
  const bits = view.getUint8(0);
  if (bits !== 8 && bits !== 16 && bits !== 32) return undefined;
  if (view.getUint8(3) === 0) return bits === 8 ? "map" : undefined;
  const max = [0, 1, 2].map((n) => view.getUint16(4 + 2 * n)) as [number, number, number];
  const shift = [0, 1, 2].map((n) => view.getUint8(10 + n)) as [number, number, number];
  if (shift.some((value) => value >= bits)) return undefined;
  return { bytes: (bits / 8) as 1 | 2 | 4, bigEndian: view.getUint8(2) !== 0, max, shift };
}

/** Writes pixels of a picture, 0xffbbggrr each, in a client's format. */
export class PixelWriter {
  /** Bytes of a CPIXEL (§7.7.5): a pixel of 32 bits whose colours fit into 3 of its bytes goes without the fourth. */
  readonly compactBytes: number;
  private readonly parts: readonly Uint32Array[];
  private readonly scratch = new DataView(new ArrayBuffer(4));
  /** Of a pixel's bytes as sent, the first that belongs to its CPIXEL. */
  private readonly compactFrom: number;

  constructor(private readonly format: PixelFormat) {
    const tops = format.max.map((max, n) => format.shift[n]! + 32 - Math.clz32(max));
    const isLow = format.bytes === 4 && Math.max(...tops) <= 24;
    const isHigh = format.bytes === 4 && Math.min(...format.shift) >= 8;
    this.compactBytes = isLow || isHigh ? 3 : format.bytes;
    this.compactFrom = (isLow && format.bigEndian) || (!isLow && isHigh && !format.bigEndian) ? 1 : 0;
    this.parts = format.max.map((max, n) =>
      Uint32Array.from({ length: 256 }, (_, value) => Math.round((value * max) / 255) << format.shift[n]!),
    );
  }

  get bytes(): number {
    return this.format.bytes;
  }

  /** Writes the CPIXEL of `pixel`. */
  putCompact(bytes: Uint8Array, at: number, pixel: number): void {
    this.put(this.scratch, 0, pixel);
    for (let n = 0; n < this.compactBytes; n++) bytes[at + n] = this.scratch.getUint8(this.compactFrom + n);
  }

  put(view: DataView, at: number, pixel: number): void {
    const [red, green, blue] = this.parts as [Uint32Array, Uint32Array, Uint32Array];
    const value = red[pixel & 0xff]! | green[(pixel >> 8) & 0xff]! | blue[(pixel >> 16) & 0xff]!;
    const little = !this.format.bigEndian;
    switch (this.format.bytes) {
      case 1:
        view.setUint8(at, value);
        break;
      case 2:
        view.setUint16(at, value, little);
        break;
      case 4:
        view.setUint32(at, value >>> 0, little);
    }
  }
}

/** Sides of the squares that are compared, and of hextile's. */
export const TILE = 16;

export function pixelsOf({ rgba }: Picture): Uint32Array {
  return new Uint32Array(rgba.buffer);
}

/** Where `now` differs from `before`, which has its size: runs of tiles, row by row. */
export function changes(before: Picture, now: Picture, within: Rectangle): Rectangle[] {
  const [old, fresh] = [pixelsOf(before), pixelsOf(now)];
  const found: Rectangle[] = [];
  for (let y = within.y; y < within.y + within.height; y += TILE) {
    const height = Math.min(TILE, within.y + within.height - y);
    let run: Rectangle | undefined;
    for (let x = within.x; x < within.x + within.width; x += TILE) {
      const width = Math.min(TILE, within.x + within.width - x);
      if (!differs(old, fresh, now.width, { x, y, width, height })) {
        run = undefined;
      } else if (run) {
        run.width += width;
      } else {
        run = { x, y, width, height };
        found.push(run);
      }
    }
  }
  return found;
}

function differs(old: Uint32Array, fresh: Uint32Array, stride: number, tile: Rectangle): boolean {
  for (let y = tile.y; y < tile.y + tile.height; y++)
    for (let at = y * stride + tile.x, end = at + tile.width; at < end; at++)
      if (old[at] !== fresh[at]) return true;
  return false;
}

/** Copies a rectangle between two pictures of one size. */
export function copyRectangle(from: Picture, to: Picture, { x, y, width, height }: Rectangle): void {
  const [source, target] = [pixelsOf(from), pixelsOf(to)];
  for (let row = y; row < y + height; row++) {
    const at = row * from.width + x;
    target.set(source.subarray(at, at + width), at);
  }
}

/** `picture` cut, or with black around it, to another size: for clients that cannot follow. */
export function fitted(picture: Picture, width: number, height: number): Picture {
  if (picture.width === width && picture.height === height) return picture;
  const whole: Picture = { width, height, rgba: new Uint8ClampedArray(width * height * 4) };
  const [source, target] = [pixelsOf(picture), pixelsOf(whole)];
  target.fill(0xff00_0000);
  const columns = Math.min(width, picture.width);
  for (let y = 0; y < Math.min(height, picture.height); y++)
    target.set(source.subarray(y * picture.width, y * picture.width + columns), y * width);
  return whole;
}
