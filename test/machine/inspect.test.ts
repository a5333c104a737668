// The machine seen from outside: registers, memory, screen text, keys, pause. The guest is the demo, which needs no tools.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { character } from "../../host/display/characters.ts";
import { png, ppm } from "../../host/display/picture-files.ts";
import { keyNamed, keysFor } from "../../host/input/keys.ts";
import { type Ending, LocalMachine } from "../../host/machine.ts";
import { node } from "../../host/runtimes/node.ts";
import { useRuntime } from "../../host/runtimes/this.ts";

const MIB = 2 ** 20;

describe("a paused machine", () => {
  let machine: LocalMachine;
  let run: Promise<Ending>;

  beforeAll(async () => {
    useRuntime(node);
    machine = await LocalMachine.create({
      memory: 32 * MIB,
      linux: { kernel: readFileSync("dist/demo.bin") },
    });
    run = machine.run();
    await new Promise((resolve) => setTimeout(resolve, 100));
    machine.pause();
  });

  afterAll(async () => {
    machine.stop();
    expect(await run).toEqual({ reason: "stopped" });
  });

  it("says so, and its registers stand still", async () => {
    expect(machine.state).toBe("paused");
    const before = machine.inspector.registers(0).values;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(machine.inspector.registers(0).values).toEqual(before);
    expect(before.get("cr0")! & 1n).toBe(1n);
  });

  it("lets its memory be read and written, across pages", () => {
    const { inspector } = machine;
    const data = Uint8Array.from({ length: 10_000 }, (_, n) => n * 7);
    inspector.writePhysical(0x50_0ff0, data);
    expect(inspector.readPhysical(0x50_0ff0, data.length)).toEqual(data);
    expect(inspector.readLinear(0, 0x50_0ff0n, 100)).toEqual(data.subarray(0, 100));
  });

  it("shows 80 x 25 characters", () => {
    machine.inspector.writePhysical(0x50_0000, Uint8Array.of(1));
    const screen = machine.display.text()!;
    expect([screen.columns, screen.rows, screen.codes.length]).toEqual([80, 25, 2000]);
    const picture = machine.display.picture();
    expect([picture.width, picture.height]).toEqual([720, 400]);
  });

  it("keeps registers that are set", () => {
    const { inspector } = machine;
    inspector.setRegisters(0, new Map([["r15", 0x1234_5678_9abc_def0n]]));
    expect(inspector.registers(0).values.get("r15")).toBe(0x1234_5678_9abc_def0n);
  });
});

describe("pictures as files", () => {
  const picture = { width: 2, height: 1, rgba: Uint8ClampedArray.of(1, 2, 3, 255, 4, 5, 6, 255) };

  it("PPM", () => {
    const file = ppm(picture);
    expect(new TextDecoder().decode(file.subarray(0, 11))).toBe("P6\n2 1\n255\n");
    expect([...file.subarray(11)]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("PNG: signature, chunks with their CRC, rows that inflate", async () => {
    const file = Buffer.from(await png(picture));
    expect(file.subarray(0, 8).toString("latin1")).toBe("\x89PNG\r\n\x1a\n");
    expect(file.readUInt32BE(29)).toBe(0x7b40e8dd); // of a 2 x 1 truecolour header, by another program
    const { inflateSync } = await import("node:zlib");
    const length = file.readUInt32BE(33);
    expect([...inflateSync(file.subarray(41, 41 + length))]).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });
});

describe("keys", () => {
  it("have QEMU's names and set 1's codes", () => {
    const codes = ["a", "ret", "f12", "delete", "alt_r", "kp_enter", "pause", "0x1e"].map(keyNamed);
    expect(codes).toEqual([
      { code: 0x1e, framing: 0 },
      { code: 0x1c, framing: 0 },
      { code: 0x58, framing: 0 },
      { code: 0x53, framing: 1 },
      { code: 0x38, framing: 1 },
      { code: 0x1c, framing: 1 },
      { code: 0x45, framing: 2 },
      { code: 0x1e, framing: 0 },
    ]);
    expect(keyNamed("nosuch")).toBeUndefined();
  });

  it("type every printable character of ASCII", () => {
    for (let code = 0x20; code < 0x7f; code++)
      expect(keysFor(String.fromCharCode(code)), String.fromCharCode(code)).toBeDefined();
    expect([keysFor("A"), keysFor("%"), keysFor("é")]).toEqual([["shift", "a"], ["shift", "5"], undefined]);
  });

  it("the font's characters are code page 437's", () => {
    expect([0x41, 0xb3, 0xe1, 0xff, 0, 1].map(character)).toEqual(["A", "│", "ß", "\u00a0", " ", "☺"]);
  });
});
