import { describe, expect, it } from "vitest";
import { TelnetReader } from "../../host/cli/chardev/socket.ts";
import { type ChardevSpec, parseChardev, parseNamedChardev } from "../../host/cli/chardev/spec.ts";
import { targets } from "../../host/cli/connections.ts";
import { defaultOptions, type PcOptions } from "../../host/cli/pc-options.ts";

const socket = (more: object): object => ({
  kind: "socket",
  server: false,
  wait: true,
  telnet: false,
  ...more,
});

describe("where a device leads, in words", () => {
  it.each([
    ["none", { kind: "none" }],
    ["null", { kind: "null" }],
    ["stdio", { kind: "stdio", multiplexed: false }],
    ["mon:stdio", { kind: "stdio", multiplexed: true }],
    ["file:a,b.txt", { kind: "file", path: "a,b.txt", append: false }],
    ["unix:/tmp/m,server=on,wait=off", socket({ address: { path: "/tmp/m" }, server: true, wait: false })],
    [
      "tcp::4444,server,nowait",
      socket({ address: { host: "127.0.0.1", port: 4444 }, server: true, wait: false }),
    ],
    ["tcp:[::1]:80", socket({ address: { host: "::1", port: 80 } })],
    [
      "telnet:localhost:23,server",
      socket({ address: { host: "localhost", port: 23 }, server: true, telnet: true }),
    ],
  ])("%s", (text, spec) => expect(parseChardev(text)).toEqual(spec));

  it.each([
    ["bogus", "'bogus' is not a valid char driver"],
    ["pty", "not supported yet"],
    ["tcp:nowhere", "is no address"],
    ["unix:", "needs a path"],
    ["tcp::1,foo=on", "Invalid parameter 'foo'"],
    ["chardev:x", "chardev 'x' not found"],
  ])("%s is refused", (text, words) => expect(() => parseChardev(text)).toThrow(words));

  it("-chardev names one, chardev:ID means it", () => {
    const named = new Map([parseNamedChardev("socket,id=m,path=/tmp/m,server=on,wait=off")]);
    expect(parseChardev("chardev:m", named)).toEqual(
      socket({ address: { path: "/tmp/m" }, server: true, wait: false }),
    );
    expect(() => parseNamedChardev("file,path=x")).toThrow("Parameter 'id' is missing");
  });
});

describe("serial port and monitor", () => {
  const stdio: ChardevSpec = { kind: "stdio", multiplexed: false };
  const shared: ChardevSpec = { kind: "stdio", multiplexed: true };
  const nowhere: ChardevSpec = { kind: "null" };
  const cases: [string, Partial<PcOptions>, ChardevSpec, ChardevSpec][] = [
    ["share the terminal by default", {}, shared, shared],
    ["share it under -nographic", { nographic: true }, shared, shared],
    ["are nowhere under -display none", { quietConsole: true }, nowhere, nowhere],
    ["-serial stdio leaves the monitor out", { serial: stdio }, stdio, nowhere],
    ["-serial mon:stdio brings it along", { serial: shared }, shared, shared],
    ["-monitor stdio leaves the serial port out", { monitor: stdio, quietConsole: true }, nowhere, stdio],
    [
      "-nographic -serial null gives the monitor the terminal",
      { nographic: true, serial: nowhere },
      nowhere,
      stdio,
    ],
  ];
  it.each(cases)("%s", (_, options, serial, monitor) => {
    expect(targets({ ...defaultOptions(), ...options }, false)).toEqual({ serial, monitor, screen: false });
  });
});

describe("the screen", () => {
  const wanted = (options: Partial<PcOptions>, isTerminal = true): boolean =>
    targets({ ...defaultOptions(), ...options }, isTerminal).screen;

  it("is on the terminal, unless something else is or was not wanted", () => {
    const serial: ChardevSpec = { kind: "stdio", multiplexed: true };
    expect(wanted({})).toBe(true);
    expect([wanted({}, false), wanted({ nographic: true }), wanted({ quietConsole: true })]).toEqual([
      false,
      false,
      false,
    ]);
    expect([wanted({ serial }), wanted({ monitor: serial })]).toEqual([false, false]);
    expect(wanted({ serial: { kind: "null" } })).toBe(true);
  });

  it("needs one when asked for", () => {
    expect(() => wanted({ display: "curses" }, false)).toThrow("We need a terminal output");
  });
});

describe("telnet", () => {
  it("takes commands out, also in pieces, and halves doubled FFh", () => {
    const reader = new TelnetReader();
    expect([...reader.read(Uint8Array.of(0x61, 0xff, 0xfd))]).toEqual([0x61]);
    expect([
      ...reader.read(Uint8Array.of(0x01, 0x62, 0xff, 0xff, 0xff, 0xfa, 0x1f, 0, 80, 0xff, 0xf0, 0x63)),
    ]).toEqual([0x62, 0xff, 0x63]);
  });
});
