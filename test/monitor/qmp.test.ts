// QMP as programs use it: over a unix socket, beside a guest that waits for `cont`.
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { JsonStream, spaced } from "../../host/monitor/qmp/json-stream.ts";
import { type CliGuest, connectSoon, startCliGuest } from "../support/cli-guest.ts";

type Message = Record<string, unknown>;

let guest: CliGuest;
let socket: Socket;
let lines: string[] = [];
let rest = "";

async function next(): Promise<string> {
  for (let tries = 0; lines.length === 0; tries++) {
    if (tries > 500) throw new Error("no answer");
    await new Promise((go) => setTimeout(go, 10));
  }
  return lines.shift()!;
}

async function ask(request: string): Promise<string> {
  socket.write(request);
  return await next();
}

/** Runs a command; returns the events in front of the answer, and the answer. */
async function perform(execute: string, given?: Message): Promise<{ events: unknown[]; answer: Message }> {
  socket.write(JSON.stringify({ execute, arguments: given }));
  const events: unknown[] = [];
  for (;;) {
    const message = JSON.parse(await next()) as Message;
    if (!("event" in message)) return { events, answer: message };
    events.push(message["event"]);
  }
}

async function open(): Promise<void> {
  socket = await connectSoon(join(guest.folder, "qmp"));
  [lines, rest] = [[], ""];
  socket.on("data", (bytes) => {
    const parts = (rest + bytes.toString()).split("\r\n");
    rest = parts.pop()!;
    lines.push(...parts);
  });
}

beforeAll(async () => {
  guest = startCliGuest((folder) => [
    "-S",
    "-no-shutdown",
    "-name",
    "tester",
    "-qmp",
    `unix:${join(folder, "qmp")},server=on,wait=off`,
  ]);
  await open();
});

afterAll(() => {
  socket?.destroy();
  guest?.kill();
});

describe("QMP", () => {
  it("greets and negotiates", async () => {
    expect(await next()).toMatch(
      /^\{"QMP": \{"version": \{"qemu": \{"micro": 0, "minor": 2, "major": 7\}, "package": "wasmqemu .*"\}, "capabilities": \[\]\}\}$/,
    );
    expect(await ask('{"execute":"query-status"}')).toBe(
      '{"error": {"class": "CommandNotFound", "desc": "Expecting capabilities negotiation with \'qmp_capabilities\'"}}',
    );
    expect(await ask('{"execute":"qmp_capabilities","id":[1]}')).toBe('{"return": {}, "id": [1]}');
    expect(await ask('{"execute":"qmp_capabilities"}')).toContain("already complete");
  });

  it("answers queries", async () => {
    expect(await ask("{'execute':'query-status'}")).toBe(
      '{"return": {"status": "prelaunch", "singlestep": false, "running": false}}',
    );
    expect(await ask('{"execute":"query-name"}{"execute":"query-target"}')).toBe(
      '{"return": {"name": "tester"}}',
    );
    expect(await next()).toBe('{"return": {"arch": "x86_64"}}');
    expect(await ask('{"execute":"query-cpus-fast"}')).toContain('"cpu-index": 0, "target": "x86_64"}]');
    expect(await ask('{"execute":"query-block"}')).toContain('"device": "ide1-cd0"');
  });

  it("refuses what is wrong in QEMU's words", async () => {
    const desc = async (request: string): Promise<unknown> =>
      (JSON.parse(await ask(request)) as { error: { desc: string } }).error.desc;
    expect(await ask('{"execute":"nosuch","id":7}')).toBe(
      '{"id": 7, "error": {"class": "CommandNotFound", "desc": "The command nosuch has not been found"}}',
    );
    expect(await desc('{"execute":5}')).toBe("QMP input member 'execute' must be a string");
    expect(await desc('{"execute":"stop","foo":1}')).toBe("QMP input member 'foo' is unexpected");
    expect(await desc("[]")).toBe("QMP input must be a JSON object");
    expect(await desc('{"execute": foo}')).toBe("JSON parse error, invalid keyword 'foo'");
    expect(await desc('{"execute":"screendump"}')).toBe("Parameter 'filename' is missing");
    expect(await desc('{"execute":"stop","arguments":{"x":1}}')).toBe("Parameter 'x' is unexpected");
    expect(await desc('{"execute":"screendump","arguments":{"filename":"x","format":"jpg"}}')).toBe(
      "Parameter 'format' does not accept value 'jpg'",
    );
    expect(await ask('{"execute":"eject","arguments":{"device":"nosuch"}}')).toContain(
      '"class": "DeviceNotFound", "desc": "Device \'nosuch\' not found"',
    );
    expect(
      await desc(
        '{"execute":"input-send-event","arguments":{"events":[{"type":"abs","data":{"axis":"x","value":1}}]}}',
      ),
    ).toBe("Input handler not found for event type abs");
  });

  it("takes pictures, presses keys, changes media, asks the monitor", async () => {
    const filename = join(guest.folder, "s.png");
    expect((await perform("screendump", { filename, format: "png" })).answer).toEqual({ return: {} });
    expect(readFileSync(filename).subarray(1, 4).toString()).toBe("PNG");
    const key = { type: "qcode", data: "a" };
    expect((await perform("send-key", { keys: [key] })).answer).toEqual({ return: {} });
    const events = [
      { type: "key", data: { down: true, key } },
      { type: "btn", data: { down: true, button: "left" } },
      { type: "rel", data: { axis: "x", value: 3 } },
    ];
    expect((await perform("input-send-event", { events })).answer).toEqual({ return: {} });
    const medium = { device: "ide1-cd0", filename: resolve("dist/machine.wasm"), format: "raw" };
    expect((await perform("blockdev-change-medium", medium)).answer).toEqual({ return: {} });
    expect(await ask('{"execute":"query-block"}')).toContain('machine.wasm", "drv": "raw"');
    expect((await perform("eject", { device: "ide1-cd0" })).answer).toEqual({ return: {} });
    const line = { "command-line": "info status" };
    expect((await perform("human-monitor-command", line)).answer["return"]).toBe(
      "VM status: paused (prelaunch)\r\n",
    );
  });

  it("tells events before the answers that caused them", async () => {
    expect((await perform("cont")).events).toEqual(["RESUME"]);
    expect((await perform("cont")).events).toEqual([]);
    const stopped = await perform("stop");
    expect(["STOP", "SHUTDOWN"]).toContain(stopped.events[0]);
    expect((await perform("system_reset")).events).toContain("RESET");
    expect((await perform("system_powerdown")).events).toContain("POWERDOWN");
  });

  it("negotiates again with the next client, and ends", async () => {
    socket.destroy();
    await open();
    expect(await next()).toMatch(/^\{"QMP"/);
    expect((await perform("qmp_capabilities")).answer).toEqual({ return: {} });
    expect(await perform("quit")).toEqual({ events: ["SHUTDOWN"], answer: { return: {} } });
    expect(await guest.exitCode).toBe(0);
  });
});

describe("JSON in a stream", () => {
  it("comes in any pieces, and goes on behind an error", () => {
    const stream = new JsonStream();
    expect(stream.push('{"a": "}')).toEqual([]);
    expect(stream.push('\\""} [1]\n nonsense \'it"s\'')).toEqual([
      { value: { a: '}"' } },
      { value: [1] },
      { error: "JSON parse error, invalid keyword 'nonsense'" },
      { value: 'it"s' },
    ]);
    expect(stream.push('}{"b":1}')).toEqual([
      { error: "JSON parse error, expecting value" },
      { value: { b: 1 } },
    ]);
  });

  it("is spaced as QEMU's", () => {
    expect(spaced({ a: [1, "x"], b: undefined, c: { d: null } })).toBe('{"a": [1, "x"], "c": {"d": null}}');
  });
});
