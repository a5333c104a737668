// What the guest's display adapter shows, read from its registers and memory (assembly/devices/vga.ts, vbe.ts): the
// mode, the text, the picture. Registers are named as in the IBM VGA reference (1992).

/** Where the engine keeps the display; names as it exports them. */
export interface DisplayPlace {
  VGA_AT: number;
  VGA_GENERATION: number;
  VGA_SEQUENCER: number;
  VGA_GRAPHICS: number;
  VGA_ATTRIBUTES: number;
  VGA_CRTC: number;
  VGA_DAC: number;
  VBE_AT: number;
  VRAM_AT: number;
  VRAM_SIZE: number;
}

/** A picture, 4 bytes a pixel: red, green, blue, 255; rows from the top, without gaps. */
export interface Picture {
  width: number;
  height: number;
  rgba: Uint8ClampedArray<ArrayBuffer>;
}

/** How the display adapter draws: sizes in pixels, text in characters as well, depth in bits a pixel. */
export type DisplayMode =
  /** Nothing is shown: the screen is off. */
  | { kind: "off"; width: number; height: number }
  | { kind: "text"; columns: number; rows: number; width: number; height: number }
  | { kind: "graphics"; width: number; height: number; depth: number };

/** The characters on the screen: code (of the guest's font) and attribute (background, foreground) of each cell. */
export interface TextScreen {
  columns: number;
  rows: number;
  /** columns * rows, row by row. */
  codes: Uint8Array;
  attributes: Uint8Array;
  /** Cell under the cursor; undefined: it is hidden. */
  cursor: { column: number; row: number } | undefined;
  /** Bit 7 of an attribute makes the character blink; otherwise it belongs to the background. */
  blinks: boolean;
}

/** Offset of the VBE registers behind their index, and their numbers. */
const VBE_REGISTERS = 4;
const VBE = { width: 1, height: 2, depth: 3, enable: 4, virtualWidth: 6, x: 8, y: 9 } as const;
const VBE_ON = 1 << 0;
const VBE_DAC_8 = 1 << 5;

const [CLOCKING, MAP_SELECT] = [1, 3];
const [SHIFT, MISCELLANEOUS] = [5, 6];
const [MODE_CONTROL, COLOUR_SELECT] = [0x10, 0x14];
const CRTC = {
  displayEnd: 0x01,
  overflow: 0x07,
  scanLines: 0x09,
  cursorStart: 0x0a,
  cursorEnd: 0x0b,
  start: 0x0c,
  cursor: 0x0e,
  verticalEnd: 0x12,
  offset: 0x13,
  mode: 0x17,
} as const;

/** What is shown while the screen is off. */
const OFF = { kind: "off", width: 640, height: 480 } as const;
/** A character's cell in plane 2, whatever its height. */
const GLYPH_BYTES = 32;
const MAX_PIXELS = 1 << 24;

export class Display {
  private readonly view: DataView;
  private readonly vram: Uint8Array;

  /** `memory` is the engine's; it must not grow any more. */
  constructor(
    memory: ArrayBuffer,
    private readonly at: DisplayPlace,
  ) {
    this.view = new DataView(memory);
    this.vram = new Uint8Array(memory, at.VRAM_AT, at.VRAM_SIZE);
  }

  /** Changes whenever registers or memory were written. */
  get generation(): number {
    return this.view.getUint32(this.at.VGA_AT + this.at.VGA_GENERATION, true);
  }

  private register(bank: "SEQUENCER" | "GRAPHICS" | "ATTRIBUTES" | "CRTC" | "DAC", index: number): number {
    return this.view.getUint8(this.at.VGA_AT + this.at[`VGA_${bank}`] + index);
  }

  private crtc(index: number): number {
    return this.register("CRTC", index);
  }

  private vbe(index: number): number {
    return this.view.getUint16(this.at.VBE_AT + VBE_REGISTERS + 2 * index, true);
  }

  /** First dword of video memory shown. */
  private get start(): number {
    return (this.crtc(CRTC.start) << 8) | this.crtc(CRTC.start + 1);
  }

  private get lines(): number {
    const overflow = this.crtc(CRTC.overflow);
    return (this.crtc(CRTC.verticalEnd) | ((overflow & 2) << 7) | ((overflow & 0x40) << 3)) + 1;
  }

  get mode(): DisplayMode {
    if (this.vbe(VBE.enable) & VBE_ON) {
      const [width, height, depth] = [this.vbe(VBE.width), this.vbe(VBE.height), this.vbe(VBE.depth)];
      return width * height === 0 || width * height > MAX_PIXELS
        ? OFF
        : { kind: "graphics", width, height, depth };
    }
    const columns = this.crtc(CRTC.displayEnd) + 1;
    const height = this.lines;
    if (height < 2 || this.register("SEQUENCER", CLOCKING) & 0x20) return OFF;
    const scan = this.crtc(CRTC.scanLines);
    const lineHeight = (scan & 31) + 1;
    if (this.register("GRAPHICS", MISCELLANEOUS) & 1) {
      const is256 = (this.register("GRAPHICS", SHIFT) & 0x40) !== 0;
      const repeats = lineHeight * (scan & 0x80 ? 2 : 1);
      // CGA's modes draw two fields of lines, one after the other (CRTC mode control bit 0).
      const fields = this.crtc(CRTC.mode) & 1 ? 1 : 2;
      return {
        kind: "graphics",
        width: is256 ? columns * 4 : columns * 8,
        height: Math.floor(height / Math.max(1, repeats / (fields === 2 ? 2 : 1))) || 1,
        depth: is256 ? 8 : 4,
      };
    }
    const rows = Math.floor(height / lineHeight);
    return { kind: "text", columns, rows, width: columns * this.cellWidth, height: rows * lineHeight };
  }

  private get cellWidth(): number {
    return this.register("SEQUENCER", CLOCKING) & 1 ? 8 : 9;
  }

  /** The text on the screen; undefined in graphics modes. */
  text(): TextScreen | undefined {
    const { mode } = this;
    if (mode.kind !== "text") return undefined;
    const { columns, rows } = mode;
    const codes = new Uint8Array(columns * rows);
    const attributes = new Uint8Array(columns * rows);
    const stride = this.crtc(CRTC.offset) * 2;
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) {
        // In odd/even addressing a cell's planes lie at every second dword.
        const cell = ((this.start + row * stride + column) * 8) & 0x3_ffff;
        codes[row * columns + column] = this.vram[cell]!;
        attributes[row * columns + column] = this.vram[cell + 1]!;
      }
    const blinks = (this.register("ATTRIBUTES", MODE_CONTROL) & 8) !== 0;
    return { columns, rows, codes, attributes, cursor: this.cursor(columns, rows, stride), blinks };
  }

  private cursor(columns: number, rows: number, stride: number): TextScreen["cursor"] {
    const start = this.crtc(CRTC.cursorStart);
    if (start & 0x20 || (start & 31) > (this.crtc(CRTC.cursorEnd) & 31) || stride === 0) return undefined;
    const offset = ((this.crtc(CRTC.cursor) << 8) | this.crtc(CRTC.cursor + 1)) - this.start;
    const [column, row] = [offset % stride, Math.floor(offset / stride)];
    return offset < 0 || column >= columns || row >= rows ? undefined : { column, row };
  }

  /** What the screen shows now; `last`, the pixels of a picture that nobody needs any more, serves again if it fits. */
  picture(last?: Picture["rgba"]): Picture {
    const { mode } = this;
    const size = mode.width * mode.height * 4;
    const rgba = last?.length === size ? last : new Uint8ClampedArray(size);
    const pixels = new Uint32Array(rgba.buffer);
    if (mode.kind === "off") pixels.fill(BLACK);
    else if (mode.kind === "text") this.drawText(pixels, mode.width);
    else if (this.vbe(VBE.enable) & VBE_ON) this.drawLinear(pixels, mode.width, mode.height, mode.depth);
    else if (mode.depth === 8) this.drawBytes(pixels, mode, this.start * 4, this.crtc(CRTC.offset) * 8);
    else if (this.crtc(CRTC.mode) & 1) this.drawPlanes(pixels, mode, this.start, this.crtc(CRTC.offset) * 2);
    else this.drawCga(pixels, mode);
    return { width: mode.width, height: mode.height, rgba };
  }

  /** The DAC's 256 colours as pixels. */
  private palette(): Uint32Array {
    const wide = (this.vbe(VBE.enable) & (VBE_ON | VBE_DAC_8)) === (VBE_ON | VBE_DAC_8);
    const part = (index: number): number => {
      const value = this.register("DAC", index);
      return wide ? value : (value << 2) | (value >> 4);
    };
    return Uint32Array.from({ length: 256 }, (_, n) => rgb(part(3 * n), part(3 * n + 1), part(3 * n + 2)));
  }

  /** The 16 colours of text and planar modes: attribute registers, then the DAC. */
  private colours(): Uint32Array {
    const dac = this.palette();
    const select = this.register("ATTRIBUTES", COLOUR_SELECT);
    const whole = (this.register("ATTRIBUTES", MODE_CONTROL) & 0x80) !== 0;
    return Uint32Array.from({ length: 16 }, (_, n) => {
      const index = this.register("ATTRIBUTES", n) & 63;
      return dac[whole ? (index & 15) | ((select & 15) << 4) : index | ((select & 12) << 4)]!;
    });
  }

  private drawText(pixels: Uint32Array, width: number): void {
    const screen = this.text()!;
    const colours = this.colours();
    const lineHeight = (this.crtc(CRTC.scanLines) & 31) + 1;
    const { cellWidth } = this;
    const map = this.register("SEQUENCER", MAP_SELECT);
    const fonts = [
      fontAt((map & 3) | ((map >> 2) & 4)),
      fontAt(((map >> 2) & 3) | ((map >> 3) & 4)),
    ] as const;
    const repeatsLine = (this.register("ATTRIBUTES", MODE_CONTROL) & 4) !== 0;
    const { cursor } = screen;
    const cursorCell = cursor ? cursor.row * screen.columns + cursor.column : -1;
    const [cursorFirst, cursorLast] = [this.crtc(CRTC.cursorStart) & 31, this.crtc(CRTC.cursorEnd) & 31];
    for (let cell = 0; cell < screen.codes.length; cell++) {
      const attribute = screen.attributes[cell]!;
      const fore = colours[attribute & 15]!;
      const back = colours[(attribute >> 4) & (screen.blinks ? 7 : 15)]!;
      // With two fonts loaded, attribute bit 3 chooses between them.
      const font = fonts[attribute & 8 ? 1 : 0] + screen.codes[cell]! * GLYPH_BYTES;
      const ninth = repeatsLine && screen.codes[cell]! >= 0xc0 && screen.codes[cell]! <= 0xdf;
      let to = Math.floor(cell / screen.columns) * lineHeight * width + (cell % screen.columns) * cellWidth;
      for (let line = 0; line < lineHeight; line++, to += width) {
        const inCursor = cell === cursorCell && line >= cursorFirst && line <= cursorLast;
        const bits = inCursor ? 0xff : this.vram[((font + line) & 0xffff) * 4 + 2]!;
        for (let x = 0; x < 8; x++) pixels[to + x] = bits & (0x80 >> x) ? fore : back;
        if (cellWidth === 9) pixels[to + 8] = inCursor || (ninth && bits & 1) ? fore : back;
      }
    }
  }

  /** One byte a pixel: mode 13h and its relatives. */
  private drawBytes(
    pixels: Uint32Array,
    mode: { width: number; height: number },
    from: number,
    stride: number,
  ): void {
    const colours = this.palette();
    for (let y = 0, to = 0; y < mode.height; y++)
      for (let x = 0; x < mode.width; x++)
        pixels[to++] = colours[this.vram[(from + y * stride + x) & (this.vram.length - 1)]!]!;
  }

  /** A bit a pixel in each of four planes: 16 colours. */
  private drawPlanes(
    pixels: Uint32Array,
    mode: { width: number; height: number },
    from: number,
    stride: number,
  ): void {
    const colours = this.colours();
    const enabled = this.register("ATTRIBUTES", 0x12);
    for (let y = 0, to = 0; y < mode.height; y++)
      for (let x = 0; x < mode.width; x++) {
        const at = ((from + y * stride + (x >> 3)) * 4) & (this.vram.length - 1);
        const shift = 7 - (x & 7);
        const bit = (plane: number): number => ((this.vram[at + plane]! >> shift) & 1) << plane;
        pixels[to++] = colours[(bit(0) | bit(1) | bit(2) | bit(3)) & enabled]!;
      }
  }

  /** CGA's memory: even lines, then odd lines 8 KiB further; 2 bits a pixel where the shift register is interleaved. */
  private drawCga(pixels: Uint32Array, mode: { width: number; height: number }): void {
    const colours = this.colours();
    const four = (this.register("GRAPHICS", SHIFT) & 0x20) !== 0;
    for (let y = 0, to = 0; y < mode.height; y++)
      for (let x = 0; x < mode.width; x++) {
        const byte = (y & 1) * 0x2000 + (y >> 1) * 80 + (four ? x >> 2 : x >> 3);
        const value = four ? this.vram[(byte & ~1) * 4 + (byte & 1)]! : this.vram[byte * 4]!;
        pixels[to++] =
          colours[four ? (value >> (6 - 2 * (x & 3))) & 3 : ((value >> (7 - (x & 7))) & 1) * 15]!;
      }
  }

  /** A dword a pixel, blue lowest, which is what guests that draw much use: nearly twice as fast as byte by byte. */
  private drawDwords(pixels: Uint32Array, width: number, from: number, stride: number): void {
    const dwords = new Uint32Array(this.vram.buffer, this.vram.byteOffset, this.vram.length / 4);
    const mask = dwords.length - 1;
    for (let to = 0, line = from; to < pixels.length; line += stride)
      for (let x = 0; x < width; x++) {
        const pixel = dwords[(line + x) & mask]!;
        pixels[to++] = BLACK | ((pixel & 0xff) << 16) | (pixel & 0xff00) | ((pixel >>> 16) & 0xff);
      }
  }

  /** VBE's linear modes. */
  private drawLinear(pixels: Uint32Array, width: number, height: number, depth: number): void {
    const [virtualWidth, x0, y0] = [this.vbe(VBE.virtualWidth), this.vbe(VBE.x), this.vbe(VBE.y)];
    if (depth === 4) {
      this.drawPlanes(pixels, { width, height }, (y0 * virtualWidth + x0) >> 3, virtualWidth >> 3);
      return;
    }
    const bytes = (depth + 7) >> 3;
    const stride = virtualWidth * bytes;
    const from = y0 * stride + x0 * bytes;
    if (depth === 8) {
      this.drawBytes(pixels, { width, height }, from, stride);
      return;
    }
    const { vram } = this;
    const mask = vram.length - 1;
    if (depth === 32 && from % 4 === 0) {
      this.drawDwords(pixels, width, from / 4, virtualWidth);
      return;
    }
    for (let y = 0, to = 0; y < height; y++) {
      let at = from + y * stride;
      for (let x = 0; x < width; x++, at += bytes) {
        const low = vram[at & mask]! | (vram[(at + 1) & mask]! << 8);
        if (depth === 15) pixels[to++] = rgb(five(low >> 10), five(low >> 5), five(low));
        else if (depth === 16) pixels[to++] = rgb(five(low >> 11), six(low >> 5), five(low));
        else pixels[to++] = rgb(vram[(at + 2) & mask]!, low >> 8, low & 0xff);
      }
    }
  }
}

const BLACK = 0xff00_0000;

function rgb(red: number, green: number, blue: number): number {
  return (BLACK | (blue << 16) | (green << 8) | red) >>> 0;
}

function five(bits: number): number {
  return ((bits & 31) << 3) | ((bits & 31) >> 2);
}

function six(bits: number): number {
  return ((bits & 63) << 2) | ((bits & 63) >> 4);
}

/** Where a font of the character map select register starts in plane 2. */
function fontAt(map: number): number {
  return (map & 3) * 0x4000 + (map >> 2) * 0x2000;
}
