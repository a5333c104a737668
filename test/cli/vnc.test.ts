// The screen as VNC clients see it: the protocol by hand, the picture beside the monitor's screendump.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { constants, inflateSync } from "node:zlib";
import { createWebSocketStream, WebSocket } from "ws";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keyOfKeysym } from "../../host/cli/vnc/keysyms.ts";
import { encrypted } from "../../host/cli/vnc/session.ts";
import { parseVnc } from "../../host/cli/vnc/spec.ts";
import { keyNamed } from "../../host/input/keys.ts";
import { type CliGuest, connectSoon, startCliGuest } from "../support/cli-guest.ts";
import { freePort } from "../support/free-port.ts";

interface Place {
  x: number;
  y: number;
  width: number;
  height: number;
}
type Fill = (x: number, y: number, width: number, height: number, colour: Buffer) => void;

/** Reads exactly what it is asked for. */
class Client {
  private bytes = Buffer.alloc(0);
  private over = false;
  private deflated = Buffer.alloc(0);
  private inflated = 0;

  constructor(private readonly socket: Duplex) {
    socket.on("data", (more: Buffer) => (this.bytes = Buffer.concat([this.bytes, more])));
    socket.on("close", () => (this.over = true));
  }

  async take(length: number): Promise<Buffer> {
    for (let tries = 0; this.bytes.length < length; tries++) {
      if (this.over || tries > 500) throw new Error(`${this.bytes.length} of ${length} bytes came`);
      await new Promise((next) => setTimeout(next, 10));
    }
    const taken = this.bytes.subarray(0, length);
    this.bytes = this.bytes.subarray(length);
    return taken;
  }

  /** Reads a rectangle in ZRLE, of pixels that are sent as blue, green, red. */
  async zrle({ x, y, width, height }: Place, fill: Fill): Promise<void> {
    const length = (await this.take(4)).readUInt32BE();
    this.deflated = Buffer.concat([this.deflated, await this.take(length)]);
    const whole = inflateSync(this.deflated, { finishFlush: constants.Z_SYNC_FLUSH });
    let at = this.inflated;
    this.inflated = whole.length;
    const colour = (): Buffer => whole.subarray(at, (at += 3));
    for (let ty = y; ty < y + height; ty += 64)
      for (let tx = x; tx < x + width; tx += 64) {
        const [tw, th] = [Math.min(64, x + width - tx), Math.min(64, y + height - ty)];
        const kind = whole[at++]!;
        expect(kind).toBeLessThanOrEqual(16);
        const palette = Array.from({ length: kind }, colour);
        if (kind === 1) fill(tx, ty, tw, th, palette[0]!);
        const bits = kind === 0 ? 0 : kind === 2 ? 1 : kind <= 4 ? 2 : 4;
        for (let row = 0; row < th && kind !== 1; row++) {
          for (let column = 0; column < tw; column++) {
            const shift = 8 - bits - ((column * bits) % 8);
            const index = (whole[at + Math.floor((column * bits) / 8)]! >> shift) & ((1 << bits) - 1);
            fill(tx + column, ty + row, 1, 1, kind === 0 ? colour() : palette[index]!);
          }
          at += Math.ceil((tw * bits) / 8);
        }
      }
    expect(at).toBe(whole.length);
  }

  send(...bytes: number[]): void {
    this.socket.write(Uint8Array.from(bytes));
  }

  text(words: string): void {
    this.socket.write(words);
  }

  close(): void {
    this.socket.destroy();
  }
}

const u16 = (value: number): number[] => [value >> 8, value & 0xff];
const u32 = (value: number): number[] => [...u16(value >>> 16), ...u16(value & 0xffff)];

let guest: CliGuest;
let monitor: Client;

async function open(name = "vnc"): Promise<Client> {
  return new Client(await connectSoon(join(guest.folder, name)));
}

/** Through the handshake of 3.8 with no security; returns the screen's size. */
async function greet(client: Client): Promise<{ width: number; height: number; title: string }> {
  expect((await client.take(12)).toString()).toBe("RFB 003.008\n");
  client.text("RFB 003.008\n");
  expect([...(await client.take(2))]).toEqual([1, 1]);
  client.send(1);
  expect((await client.take(4)).readUInt32BE()).toBe(0);
  client.send(1);
  const init = await client.take(24);
  expect([...init.subarray(4, 17)]).toEqual([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0]);
  const title = (await client.take(init.readUInt32BE(20))).toString();
  return { width: init.readUInt16BE(0), height: init.readUInt16BE(2), title };
}

/** Reads an update into `pixels` (RGB); returns the encodings of its rectangles. */
async function update(client: Client, pixels: Buffer, stride: number): Promise<number[]> {
  const head = await client.take(4);
  expect(head[0]).toBe(0);
  const encodings: number[] = [];
  const fill = (x: number, y: number, width: number, height: number, colour: Buffer): void => {
    for (let row = y; row < y + height; row++)
      for (let column = x; column < x + width; column++)
        pixels.set([colour[2]!, colour[1]!, colour[0]!], 3 * (row * stride + column));
  };
  const raw = async (x: number, y: number, width: number, height: number): Promise<void> => {
    const bytes = await client.take(4 * width * height);
    for (let n = 0; n < width * height; n++)
      fill(x + (n % width), y + Math.floor(n / width), 1, 1, bytes.subarray(4 * n, 4 * n + 4));
  };
  for (let count = head.readUInt16BE(2); count > 0; count--) {
    const rectangle = await client.take(12);
    const [x, y, width, height] = [0, 2, 4, 6].map((at) => rectangle.readUInt16BE(at)) as [
      number,
      number,
      number,
      number,
    ];
    const encoding = rectangle.readInt32BE(8);
    encodings.push(encoding);
    if (encoding === 0) await raw(x, y, width, height);
    if (encoding === 16) await client.zrle({ x, y, width, height }, fill);
    if (encoding !== 5) continue;
    let [background, foreground] = [Buffer.alloc(4), Buffer.alloc(4)];
    for (let ty = y; ty < y + height; ty += 16)
      for (let tx = x; tx < x + width; tx += 16) {
        const [tw, th] = [Math.min(16, x + width - tx), Math.min(16, y + height - ty)];
        const kind = (await client.take(1))[0]!;
        if (kind & 1) {
          await raw(tx, ty, tw, th);
          continue;
        }
        if (kind & 2) background = Buffer.from(await client.take(4));
        if (kind & 4) foreground = Buffer.from(await client.take(4));
        fill(tx, ty, tw, th, background);
        for (let left = kind & 8 ? (await client.take(1))[0]! : 0; left > 0; left--) {
          const [place, size] = (await client.take(2)) as unknown as [number, number];
          fill(tx + (place >> 4), ty + (place & 15), (size >> 4) + 1, (size & 15) + 1, foreground);
        }
      }
  }
  return encodings;
}

async function ask(line: string): Promise<string> {
  monitor.text(`${line}\n`);
  let answer = "";
  while (!answer.endsWith("\n(qemu) ")) answer += (await monitor.take(1)).toString();
  return answer;
}

async function screendump(): Promise<Buffer> {
  const file = join(guest.folder, "s.ppm");
  await ask(`screendump ${file}`);
  return readFileSync(file).subarray("P6\n720 400\n255\n".length);
}

beforeAll(async () => {
  guest = startCliGuest((folder) => [
    "-no-shutdown",
    "-name",
    "tester",
    "-vnc",
    `unix:${join(folder, "vnc")}`,
    "-monitor",
    `unix:${join(folder, "monitor")},server=on,wait=off`,
  ]);
  monitor = await open("monitor");
  while (!(await monitor.take(1)).includes(")"));
  for (let tries = 0; !(await ask("info status")).includes("shutdown"); tries++)
    expect(tries).toBeLessThan(400);
});

afterAll(() => {
  monitor?.close();
  guest?.kill();
});

describe("a VNC client", () => {
  it.each([
    ["raw", 0],
    ["hextile", 5],
    ["ZRLE", 16],
  ])("sees in %s what screendump shows, then what changes", async (_, encoding) => {
    const client = await open();
    const { width, height, title } = await greet(client);
    expect([width, height, title]).toEqual([720, 400, "wasmqemu (tester)"]);
    client.send(2, 0, ...u16(3), ...u32(encoding), ...u32(-223), ...u32(-258));
    client.send(3, 0, ...u16(0), ...u16(0), ...u16(width), ...u16(height));
    const pixels = Buffer.alloc(3 * width * height, 0x55);
    expect(await update(client, pixels, width)).toEqual([-258, encoding]);
    expect(pixels.equals(await screendump())).toBe(true);
    // A character of the text screen: only its tiles come.
    client.send(3, 1, ...u16(0), ...u16(0), ...u16(width), ...u16(height));
    await ask("o /b 0x3d4 0x0a");
    await ask(`o /b 0x3d5 ${encoding === 5 ? "0x0d" : "0x20"}`);
    const encodings = await update(client, pixels, width);
    expect(encodings.length).toBeLessThan(5);
    expect(pixels.equals(await screendump())).toBe(true);
    client.close();
  });

  it("gets its pixel format, and is turned away with a version that is none", async () => {
    const client = await open();
    const { width } = await greet(client);
    // RGB565, big-endian.
    client.send(0, 0, 0, 0, 16, 16, 1, 1, ...u16(31), ...u16(63), ...u16(31), 11, 5, 0, 0, 0, 0);
    client.send(3, 0, ...u16(0), ...u16(0), ...u16(16), ...u16(2));
    await client.take(4 + 12);
    const pixels = await client.take(2 * 32);
    const shown = await screendump();
    const [red, green, blue] = [shown[3 * width]!, shown[3 * width + 1]!, shown[3 * width + 2]!];
    const part = (value: number, max: number): number => Math.round((value * max) / 255);
    expect(pixels.readUInt16BE(2 * 16)).toBe((part(red, 31) << 11) | (part(green, 63) << 5) | part(blue, 31));
    client.close();
    const old = await open();
    await old.take(12);
    old.text("RFB 009.009\n");
    expect((await old.take(4)).readUInt32BE()).toBe(0);
    old.close();
  });

  it("is counted by the monitor", async () => {
    expect(await ask("info vnc")).toContain(`Server: ${join(guest.folder, "vnc")}\r\n    Auth: none`);
    expect(await ask("set_password vnc x")).toContain("Could not set password");
  });
});

describe("a browser's client", () => {
  it("comes by WebSocket and gets in with the password", async () => {
    const [display, port] = [await freePort(), await freePort()];
    const web = startCliGuest((folder) => [
      "-no-shutdown",
      "-vnc",
      `127.0.0.1:${display - 5900},password=on,websocket=${port}`,
      "-monitor",
      `unix:${join(folder, "monitor")},server=on,wait=off`,
    ]);
    try {
      const hmp = new Client(await connectSoon(join(web.folder, "monitor")));
      hmp.text("change vnc password geheim\n");
      // The first prompt greets, the second comes when the password is set.
      for (let prompts = 0; prompts < 2;) if ((await hmp.take(1)).includes(")")) prompts++;
      (await connectSoon({ host: "127.0.0.1", port })).destroy();
      const client = new Client(createWebSocketStream(new WebSocket(`ws://127.0.0.1:${port}`, ["binary"])));
      expect((await client.take(12)).toString()).toBe("RFB 003.008\n");
      client.text("RFB 003.008\n");
      expect([...(await client.take(2))]).toEqual([1, 2]);
      client.send(2);
      client.send(...encrypted(await client.take(16), "geheim"));
      expect((await client.take(4)).readUInt32BE()).toBe(0);
      client.send(1);
      expect((await client.take(24)).readUInt16BE()).toBe(720);
      client.close();
      hmp.close();
    } finally {
      web.kill();
    }
  });
});

describe("what VNC is made of", () => {
  it("encrypts challenges by DES under the mirrored password", () => {
    // FIPS 81's example: DES, key 0123456789abcdef, "Now is the time for " in ECB.
    const mirror = (byte: number): number =>
      parseInt(byte.toString(2).padStart(8, "0").split("").reverse().join(""), 2);
    const password = Buffer.from("0123456789abcdef", "hex").map(mirror);
    const answer = encrypted(Buffer.from("Now is the time "), Buffer.from(password).toString("latin1"));
    expect(Buffer.from(answer).toString("hex")).toBe("3fa40e8a984d48156a271787ab8883f9");
  });

  it("knows keys by keysym", () => {
    for (const [keysym, name] of [
      [0x41, "a"],
      [0x21, "1"],
      [0xff0d, "ret"],
      [0xffc9, "f12"],
      [0xffe4, "ctrl_r"],
      [0xffea, "alt_r"],
      [0xffff, "delete"],
    ] as const)
      expect(keyOfKeysym(keysym)).toEqual(keyNamed(name));
    expect(keyOfKeysym(0xfffe)).toBeUndefined();
  });

  it("reads -vnc", () => {
    expect(parseVnc(":3,password=on,to=9")).toEqual({
      address: { host: "", port: 5903 },
      password: true,
      lastPort: 5909,
    });
    expect(parseVnc(":3,websocket=on")).toMatchObject({ webSocketPort: 5703 });
    expect(parseVnc(":3,websocket=8080")).toMatchObject({ webSocketPort: 8080 });
    expect(() => parseVnc("unix:x,websocket=on")).toThrow("websocket= needs HOST:DISPLAY");
    expect(parseVnc("none")).toBeUndefined();
    expect(() => parseVnc("host")).toThrow("give HOST:DISPLAY");
    expect(() => parseVnc(":1,tls-creds=x")).toThrow("tls-creds is not supported yet");
  });
});
