// One client of the screen: the Remote Framebuffer protocol (RFC 6143), versions 3.3, 3.7 and 3.8.
import { createCipheriv, randomBytes, timingSafeEqual } from "node:crypto";
import type { Picture } from "../../display/vga.ts";
import { BUTTON } from "../../input/input.ts";
import type { Key } from "../../input/keys.ts";
import type { LocalMachine } from "../../machine.ts";
import type { Connection } from "../../runtimes/runtime.ts";
import { newEncoders, RAW } from "./encodings.ts";
import { keyOfKeysym } from "./keysyms.ts";
import {
  BGR233,
  changes,
  copyRectangle,
  fitted,
  formatBytes,
  type PixelFormat,
  PixelWriter,
  readFormat,
  type Rectangle,
  TRUE_COLOUR,
} from "./pixels.ts";

export interface SessionOptions {
  machine: Pick<LocalMachine, "display" | "keyboard" | "mouse">;
  /** What the client's window is called. */
  title: string;
  /** Who does not know it is refused; null: everybody is, until a password is set. */
  password?: string | null | undefined;
  /** The client wants the screen for itself. */
  onExclusive(): void;
}

const [SECURITY_NONE, SECURITY_VNC] = [1, 2];
/** Pseudo encodings (§7.8, and the community's rfbproto): the client can follow what they stand for. */
const [DESKTOP_SIZE, POINTER_CHANGE, EXTENDED_KEY] = [-223, -257, -258];
/** Middle of what a client sends for movements once the pointer is relative. */
const RELATIVE_ZERO = 0x7fff;
/** The screen is looked at this often, in ms. */
const REFRESH = 40;
/** Longer texts of a client's clipboard are an attack. */
const CUT_TEXT_MAX = 1 << 20;

export class VncSession {
  private format: PixelFormat = TRUE_COLOUR;
  private writer = new PixelWriter(TRUE_COLOUR);
  private readonly encoders = newEncoders();
  private encoding = RAW;
  private supported: ReadonlySet<number> = new Set();
  /** Pseudo encodings that the client has yet to hear about. */
  private announcements: number[] = [];
  /** What the client shows. */
  private shown: Picture;
  private wanted: (Rectangle & { incremental: boolean }) | undefined;
  private generation = -1;
  private pointer: { x: number; y: number } | undefined;
  private readonly held = new Map<number, Key>();
  private timer: ReturnType<typeof setInterval> | undefined;
  private sending = false;

  constructor(
    private readonly connection: Connection,
    private readonly options: SessionOptions,
  ) {
    this.shown = options.machine.display.picture();
  }

  /** Serves the client until it leaves. */
  async serve(): Promise<void> {
    if (!(await this.handshake())) return;
    this.timer = setInterval(() => void this.refresh().catch(() => this.close()), REFRESH);
    try {
      while (await this.message());
    } finally {
      clearInterval(this.timer);
      for (const key of this.held.values()) this.options.machine.keyboard.event(key, false);
    }
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.connection.close();
  }

  private async take(length: number): Promise<DataView> {
    const bytes = new Uint8Array(length);
    if (length > 0 && !(await this.connection.read(bytes))) throw new Gone();
    return new DataView(bytes.buffer);
  }

  private async handshake(): Promise<boolean> {
    const { connection, options } = this;
    await connection.write(ascii("RFB 003.008\n"));
    const version = /^RFB 003\.(\d\d\d)\n$/.exec(text(await this.take(12)))?.[1];
    const minor = Number(version);
    if (version === undefined || ![3, 7, 8].includes(minor)) {
      await connection.write(u32(0), reasonOf("unsupported version"));
      return false;
    }
    const security = options.password === undefined ? SECURITY_NONE : SECURITY_VNC;
    if (minor === 3) {
      await connection.write(u32(security));
    } else {
      await connection.write(Uint8Array.of(1, security));
      if ((await this.take(1)).getUint8(0) !== security) return await this.refuse(minor);
    }
    if (security === SECURITY_VNC && !(await this.knowsPassword())) return await this.refuse(minor);
    // Before 3.8 nobody waits for the result of no security (§7.1.3).
    if (security === SECURITY_VNC || minor === 8) await connection.write(u32(0));
    if ((await this.take(1)).getUint8(0) === 0) options.onExclusive();
    const { width, height } = this.shown;
    const title = ascii(options.title);
    await connection.write(u16(width), u16(height), formatBytes(this.format), u32(title.length), title);
    return true;
  }

  private async knowsPassword(): Promise<boolean> {
    const challenge = randomBytes(16);
    await this.connection.write(Uint8Array.from(challenge));
    const response = new Uint8Array((await this.take(16)).buffer);
    const { password } = this.options;
    return typeof password === "string" && timingSafeEqual(encrypted(challenge, password), response);
  }

  private async refuse(minor: number): Promise<false> {
    await this.connection.write(u32(1), minor === 8 ? reasonOf("Authentication failed") : new Uint8Array());
    return false;
  }

  /** Reads one message of the client and does what it says; false: it has gone, or makes no sense. */
  private async message(): Promise<boolean> {
    const type = new Uint8Array(1);
    if (!(await this.connection.read(type))) return false;
    switch (type[0]) {
      case 0:
        return await this.setFormat(readFormat(new DataView((await this.take(19)).buffer, 3)));
      case 2: {
        const count = (await this.take(3)).getUint16(1);
        const list = await this.take(4 * count);
        this.setEncodings(Array.from({ length: count }, (_, n) => list.getInt32(4 * n)));
        return true;
      }
      case 3:
        this.request(await this.take(9));
        return true;
      case 4: {
        const view = await this.take(7);
        this.key(keyOfKeysym(view.getUint32(3)), view.getUint8(0) !== 0);
        return true;
      }
      case 5:
        this.point(await this.take(5));
        return true;
      case 6: {
        const length = (await this.take(7)).getUint32(3);
        if (length > CUT_TEXT_MAX) return false;
        await this.take(length);
        return true;
      }
      case 255:
        return await this.extendedKey();
    }
    return false;
  }

  private async setFormat(format: ReturnType<typeof readFormat>): Promise<boolean> {
    if (!format) return false;
    this.format = format === "map" ? BGR233 : format;
    this.writer = new PixelWriter(this.format);
    if (format === "map") await this.connection.write(colourMap());
    return true;
  }

  private setEncodings(encodings: readonly number[]): void {
    this.supported = new Set(encodings);
    this.encoding = encodings.find((encoding) => this.encoders.has(encoding)) ?? RAW;
    this.announcements = [EXTENDED_KEY, POINTER_CHANGE].filter((encoding) => this.supported.has(encoding));
  }

  private request(view: DataView): void {
    const incremental = view.getUint8(0) !== 0 && this.wanted?.incremental !== false;
    const [x, y, width, height] = [1, 3, 5, 7].map((at) => view.getUint16(at)) as [
      number,
      number,
      number,
      number,
    ];
    this.wanted = { x, y, width, height, incremental };
    // Another region than before may be out of date without anything having changed since.
    if (width < this.shown.width || height < this.shown.height) this.generation = -1;
    // A whole picture is not waited for.
    if (!incremental) void this.refresh().catch(() => this.close());
  }

  private key(key: Key | undefined, down: boolean): void {
    if (!key) return;
    const id = (key.framing << 8) | key.code;
    if (down) this.held.set(id, key);
    else this.held.delete(id);
    this.options.machine.keyboard.event(key, down);
  }

  /** QEMU's own message: a key by its scan code of set 1, bit 7 standing for E0 in front. */
  private async extendedKey(): Promise<boolean> {
    if ((await this.take(1)).getUint8(0) !== 0) return false;
    const view = await this.take(10);
    const code = view.getUint32(6);
    this.key({ code: code & 0x7f, framing: code & 0x80 ? 1 : 0 }, view.getUint16(0) !== 0);
    return true;
  }

  private point(view: DataView): void {
    const { mouse } = this.options.machine;
    const [buttons, x, y] = [view.getUint8(0), view.getUint16(1), view.getUint16(3)];
    // With POINTER_CHANGE the client sends movements, otherwise places.
    const from = this.supported.has(POINTER_CHANGE)
      ? { x: RELATIVE_ZERO, y: RELATIVE_ZERO }
      : (this.pointer ?? { x, y });
    this.pointer = { x, y };
    const wheel = buttons & 8 ? -1 : buttons & 16 ? 1 : 0;
    if (x !== from.x || y !== from.y || wheel !== 0) mouse.move(x - from.x, y - from.y, wheel);
    mouse.buttons(
      (buttons & 1 ? BUTTON.left : 0) | (buttons & 2 ? BUTTON.middle : 0) | (buttons & 4 ? BUTTON.right : 0),
    );
  }

  /** Sends what has changed, if the client has asked and has taken what was sent before. */
  private async refresh(): Promise<void> {
    const { wanted } = this;
    if (!wanted || this.sending) return;
    const { display } = this.options.machine;
    if (wanted.incremental && this.announcements.length === 0 && display.generation === this.generation)
      return;
    this.generation = display.generation;
    const parts = this.update(display.picture(), wanted);
    if (parts.length === 0) return;
    this.wanted = undefined;
    this.sending = true;
    try {
      await this.connection.write(Uint8Array.of(0, 0), u16(parts.length), ...parts.flat());
    } finally {
      this.sending = false;
    }
  }

  /** The rectangles of an update, each a header and its bytes. */
  private update(picture: Picture, wanted: NonNullable<VncSession["wanted"]>): Uint8Array[][] {
    const parts = this.announcements.map((encoding) => [header(wholeOf(this.shown), encoding)]);
    this.announcements = [];
    let within = clipped(wanted, this.shown);
    let { incremental } = wanted;
    if (picture.width !== this.shown.width || picture.height !== this.shown.height) {
      if (this.supported.has(DESKTOP_SIZE)) {
        within = wholeOf(picture);
        incremental = false;
        parts.push([header(within, DESKTOP_SIZE)]);
        this.shown = { ...picture, rgba: picture.rgba.slice() };
      } else {
        picture = fitted(picture, this.shown.width, this.shown.height);
      }
    }
    const rectangles = incremental ? changes(this.shown, picture, within) : [within];
    const encode = this.encoders.get(this.encoding)!;
    for (const rectangle of rectangles) {
      if (rectangle.width <= 0 || rectangle.height <= 0) continue;
      parts.push([header(rectangle, this.encoding), encode(picture, rectangle, this.writer)]);
      copyRectangle(picture, this.shown, rectangle);
    }
    return parts;
  }
}

/** The client has left in the middle of a message. */
export class Gone extends Error {}

function wholeOf({ width, height }: Picture): Rectangle {
  return { x: 0, y: 0, width, height };
}

function clipped({ x, y, width, height }: Rectangle, to: Picture): Rectangle {
  return { x, y, width: Math.min(width, to.width - x), height: Math.min(height, to.height - y) };
}

function header({ x, y, width, height }: Rectangle, encoding: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(12));
  [x, y, width, height].forEach((value, n) => view.setUint16(2 * n, value));
  view.setInt32(8, encoding);
  return new Uint8Array(view.buffer);
}

/** SetColourMapEntries for BGR233: 256 colours of 16 bits a part. */
function colourMap(): Uint8Array {
  const view = new DataView(new ArrayBuffer(6 + 256 * 6));
  view.setUint8(0, 1);
  view.setUint16(4, 256);
  for (let n = 0; n < 256; n++)
    BGR233.max.forEach((max, part) => {
      const value = (n >> BGR233.shift[part]!) & max;
      view.setUint16(6 + 6 * n + 2 * part, Math.round((value * 0xffff) / max));
    });
  return new Uint8Array(view.buffer);
}

/** VNC authentication (§7.2.2): DES under the password's first 8 characters, the bits of each byte mirrored. */
export function encrypted(challenge: Uint8Array, password: string): Uint8Array {
  const key = new Uint8Array(8);
  key.set(Uint8Array.from(Buffer.from(password, "latin1").subarray(0, 8), mirrored));
  // Triple DES with one key three times is DES; OpenSSL keeps plain DES in its legacy provider.
  const cipher = createCipheriv("des-ede3", Buffer.concat([key, key, key]), null).setAutoPadding(false);
  return Uint8Array.from(Buffer.concat([cipher.update(challenge), cipher.final()]));
}

function mirrored(byte: number): number {
  let result = 0;
  for (let bit = 0; bit < 8; bit++) result |= ((byte >> bit) & 1) << (7 - bit);
  return result;
}

function ascii(words: string): Uint8Array {
  return new TextEncoder().encode(words);
}

function text(view: DataView): string {
  return new TextDecoder("latin1").decode(view);
}

function u16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value);
}

function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >> 16, value >> 8, value);
}

function reasonOf(words: string): Uint8Array {
  const bytes = ascii(words);
  return Uint8Array.from([...u32(bytes.length), ...bytes]);
}
