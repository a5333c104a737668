import { describe, expect, it } from "vitest";
import { type Command, Multiplexer, Timestamps } from "../../host/cli/chardev/mux.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);

function type(...chunks: string[]): { guest: string; commands: Command[] } {
  const mux = new Multiplexer();
  const commands: Command[] = [];
  let guest = "";
  const send = (input: Uint8Array): void => void (guest += text(input));
  for (const chunk of chunks) mux.type(bytes(chunk), send, (command) => commands.push(command));
  return { guest, commands };
}

describe("Ctrl-A keys", () => {
  it("lets everything else through, Ctrl-C too", () => {
    expect(type("ls\r\x03")).toEqual({ guest: "ls\r\x03", commands: [] });
  });

  it("knows its keys, also when they come in two pieces", () => {
    expect(type("a\x01x")).toEqual({ guest: "a", commands: ["quit"] });
    expect(type("a\x01", "hb\x01?")).toEqual({ guest: "ab", commands: ["help", "help"] });
  });

  it("sends one Ctrl-A for two, and swallows keys that it does not know", () => {
    expect(type("\x01\x01x\x01zy")).toEqual({ guest: "\x01xy", commands: [] });
  });
});

describe("timestamps", () => {
  it("stand at the start of each line, counted from the first byte", () => {
    const stamps = new Timestamps();
    expect(text(stamps.stamp(bytes("a\n"), 5))).toBe("a\n");
    stamps.toggle();
    expect(text(stamps.stamp(bytes("b\nc"), 1000))).toBe("[00:00:00.000] b\n[00:00:00.000] c");
    expect(text(stamps.stamp(bytes("d\ne"), 1000 + 3_723_045))).toBe("d\n[01:02:03.045] e");
  });
});
