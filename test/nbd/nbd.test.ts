// img serve and nbd:// names beside QEMU's own server and clients, and our two halves with one another.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { node } from "../../host/runtimes/node.ts";
import { openImage } from "../../host/image/open.ts";
import { missingTools, skipped } from "../support/needs.ts";
import { native, ours, qemuIo, scratchFolder, withoutNative } from "../support/qemu-img.ts";
import { pattern } from "../support/qcow2.ts";

const folder = scratchFolder();
const path = (name: string): string => join(folder, name);
const CLI = resolve(import.meta.dirname, "../../dist/cli.js");
const MIB = 2 ** 20;

const running: ChildProcess[] = [];
afterEach(async () => {
  for (const child of running.splice(0)) await stop(child);
});

async function stop(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  const code = new Promise<number | null>((done) => child.once("exit", done));
  child.kill("SIGTERM");
  return code;
}

/** Starts `img serve` and waits for the addresses that it prints. */
async function serve(...args: string[]): Promise<{ child: ChildProcess; addresses: string[] }> {
  const child = spawn(process.execPath, [CLI, "img", "serve", ...args], { cwd: folder });
  running.push(child);
  const images = args.filter((arg) => /\.(qcow2|raw)$/.test(arg)).length;
  let out = "";
  let err = "";
  child.stderr.on("data", (bytes: Buffer) => (err += bytes.toString()));
  await new Promise<void>((done, fail) => {
    child.stdout.on("data", (bytes: Buffer) => {
      out += bytes.toString();
      if (out.split("\n").length > images) done();
    });
    child.once("exit", (code) => fail(new Error(`img serve ended with ${code}: ${err}`)));
  });
  return { child, addresses: out.trim().split("\n") };
}

function nbdinfo(...args: string[]): string {
  return spawnSync("nbdinfo", args, { encoding: "utf8" }).stdout;
}

describe.skipIf(withoutNative("NBD beside QEMU"))("img serve", () => {
  it("serves a qcow2 image to qemu-img, qemu-io and nbdinfo, flushed when it ends", async () => {
    native(folder, "create", "-q", "-f", "qcow2", "disk.qcow2", "64M");
    qemuIo(folder, "disk.qcow2", "write -P 7 1M 3M");
    const { child, addresses } = await serve("-p", "0", "disk.qcow2");
    const [uri] = addresses as [string];
    expect(uri).toMatch(/^nbd:\/\/127\.0\.0\.1:\d+\/disk\.qcow2$/);
    expect(native(folder, "info", uri).out).toContain("virtual size: 64 MiB (67108864 bytes)");
    expect(JSON.parse(native(folder, "map", "--output=json", uri).out)).toMatchObject([
      { start: 0, length: MIB, zero: true },
      { start: MIB, length: 3 * MIB, zero: false },
      { start: 4 * MIB, length: 60 * MIB, zero: true },
    ]);
    const script = [
      "read -P 7 1M 3M",
      "write -P 9 5000001 77777",
      "read -P 9 5000001 77777",
      "write -f -P 3 20M 1M",
      "discard 2M 64k",
      "read -P 0 2M 64k",
      "write -z 3M 100",
      "read -P 0 3M 100",
      "read -P 7 3145828 1000",
      "flush",
    ];
    const io = spawnSync("qemu-io", ["-f", "raw", ...script.flatMap((one) => ["-c", one]), uri], {
      encoding: "utf8",
    });
    expect(io.stdout + io.stderr).not.toMatch(/failed|error/i);
    writeFileSync(path("in.raw"), Buffer.concat([randomBytes(5 * MIB), Buffer.alloc(59 * MIB)]));
    expect(native(folder, "convert", "-n", "-f", "raw", "-O", "raw", "in.raw", uri)).toMatchObject({
      code: 0,
    });
    expect(native(folder, "compare", "-f", "raw", "-F", "raw", "in.raw", uri)).toMatchObject({ code: 0 });
    expect(await stop(child)).toBe(0);
    expect(native(folder, "check", "disk.qcow2")).toMatchObject({ code: 0 });
    expect(native(folder, "compare", "-f", "raw", "in.raw", "disk.qcow2")).toMatchObject({ code: 0 });
  });

  it("serves several images at a socket, read-only, by the names they are given", async () => {
    native(folder, "create", "-q", "-f", "qcow2", "one.qcow2", "1M");
    writeFileSync(path("two.raw"), pattern(MIB, 1));
    const socket = path("nbd.sock");
    const { child, addresses } = await serve("--socket", socket, "-r", "-x", "first", "one.qcow2", "two.raw");
    expect(addresses).toEqual([`nbd+unix:///first?socket=${socket}`, `nbd+unix:///two.raw?socket=${socket}`]);
    if (missingTools("nbdinfo").length === 0) {
      const list = JSON.parse(nbdinfo("--json", "--list", `nbd+unix://?socket=${socket}`)) as {
        exports: Record<string, unknown>[];
      };
      expect(list.exports).toMatchObject([
        { "export-name": "first", is_read_only: true, can_multi_conn: true, "export-size": MIB },
        { "export-name": "two.raw", contexts: ["base:allocation"], block_size_minimum: 1 },
      ]);
    } else skipped("the list of exports", "nbdinfo (Debian: libnbd-bin) is not installed");
    expect(native(folder, "compare", "-f", "raw", "-F", "raw", "two.raw", addresses[1]!).code).toBe(0);
    const write = spawnSync("qemu-io", ["-f", "raw", "-c", "write 0 512", addresses[0]!], {
      encoding: "utf8",
    });
    expect(write.stderr + write.stdout).toMatch(/Permission denied|read-only/);
    expect(ours(folder, "dd", "if=two.raw", `of=${addresses[0]}`).code).toBe(1);
    expect(await stop(child)).toBe(0);
    expect(existsSync(socket)).toBe(false);
  });

  it("outlives clients that speak nonsense or go in the middle of a request", async () => {
    writeFileSync(path("calm.raw"), pattern(MIB, 2));
    const { addresses } = await serve("-p", "0", "calm.raw");
    const port = Number(/:(\d+)\//.exec(addresses[0]!)![1]);
    const request = Buffer.alloc(28);
    request.writeUInt32BE(0x25609513);
    request.writeUInt16BE(1, 6);
    request.writeUInt32BE(4096, 24);
    const exportName = Buffer.from("00000001" + "49484156454f5054" + "00000001" + "00000000", "hex");
    for (const words of [
      Buffer.from("GET / HTTP/1.1\r\n\r\n".repeat(10)),
      randomBytes(5000),
      Buffer.concat([exportName, request]),
    ])
      await new Promise<void>((done) => {
        const socket = connect(port, "127.0.0.1", () => socket.end(words));
        socket.on("error", () => {});
        socket.on("close", () => done());
        socket.resume();
      });
    expect(native(folder, "compare", "-f", "raw", "-F", "raw", "calm.raw", addresses[0]!)).toMatchObject({
      code: 0,
    });
  });

  it("refuses what it cannot do, in a sentence", () => {
    writeFileSync(path("a.raw"), "");
    for (const [args, words] of [
      [["-p", "99999", "a.raw"], /Invalid port '99999'/],
      [["a.raw", "./a.raw"], /Two exports would be called 'a.raw': name them with -x/],
      [["-p", "1", "--socket", "s", "a.raw"], /--socket is a place in the file system/],
      [["-b", "192.0.2.1", "a.raw"], /Cannot listen on 192.0.2.1:10809: Cannot assign requested address/],
      [["missing.raw"], /No such file or directory/],
    ] as const) {
      const { code, err } = ours(folder, "serve", ...args);
      expect(code).toBe(1);
      expect(err).toMatch(words);
    }
  });
});

const noServer = missingTools("qemu-nbd");
if (noServer.length) skipped("nbd:// names", "qemu-nbd (Debian: qemu-utils) is not installed");

describe.skipIf(noServer.length > 0)("nbd:// names", () => {
  async function qemuNbd(...args: string[]): Promise<string> {
    const socket = path(`native-${running.length}-${Date.now()}.sock`);
    running.push(spawn("qemu-nbd", ["-k", socket, "-t", "-x", "ex", ...args], { cwd: folder }));
    for (let wait = 0; !existsSync(socket) && wait < 100; wait++)
      await new Promise((done) => setTimeout(done, 50));
    return `nbd+unix:///ex?socket=${socket}`;
  }

  it("are images like any other: info, map, convert both ways, compare", async () => {
    native(folder, "create", "-q", "-f", "qcow2", "remote.qcow2", "64M");
    qemuIo(folder, "remote.qcow2", "write -P 7 1M 3M");
    const uri = await qemuNbd("-f", "qcow2", "remote.qcow2");
    for (const args of [["info"], ["map"], ["map", "--output=json"]])
      expect(ours(folder, ...args, uri)).toEqual(native(folder, ...args, uri));
    expect(ours(folder, "convert", "-O", "qcow2", uri, "local.qcow2")).toMatchObject({ code: 0 });
    expect(native(folder, "compare", "-F", "raw", "local.qcow2", uri)).toMatchObject({ code: 0 });
    writeFileSync(
      path("new.raw"),
      Buffer.concat([Buffer.alloc(30 * MIB), randomBytes(2 * MIB + 512), Buffer.alloc(32 * MIB - 512)]),
    );
    expect(ours(folder, "convert", "-n", "-O", "raw", "new.raw", uri)).toMatchObject({ code: 0 });
    expect(native(folder, "compare", "-f", "raw", "-F", "raw", "new.raw", uri)).toMatchObject({ code: 0 });
    expect(ours(folder, "info", uri.replace("/ex?", "/other?")).err).toContain(
      "Requested export not available",
    );
    expect(ours(folder, "info", "nbd://localhost:1")).toEqual(native(folder, "info", "nbd://localhost:1"));
  });

  it("hold an image format, be the server's blocks as large as they may", async () => {
    native(folder, "create", "-q", "-f", "qcow2", "inner.qcow2", "8M");
    // Room for an image of any state: an export cannot grow.
    spawnSync("truncate", ["-s", "16M", path("inner.qcow2")]);
    const uri = await qemuNbd("-f", "raw", "inner.qcow2");
    const image = await openImage(node, uri, { readOnly: false });
    expect(image.format).toBe("qcow2");
    const parts = Array.from({ length: 20 }, (_, n) => ({
      offset: n * 100_001,
      bytes: pattern(30_000 + n, n),
    }));
    await Promise.all(parts.map(({ offset, bytes }) => image.write!(bytes, offset)));
    await image.flush!();
    for (const { offset, bytes } of parts) {
      const back = new Uint8Array(bytes.length);
      await image.read(back, offset);
      expect(Buffer.compare(back, bytes)).toBe(0);
    }
    await image.close();
    await stop(running.pop()!);
    expect(native(folder, "check", "inner.qcow2").code).toBe(0);
  });

  it("fail in a sentence when the server goes", async () => {
    writeFileSync(path("gone.raw"), pattern(MIB, 3));
    const uri = await qemuNbd("-f", "raw", "gone.raw");
    const image = await openImage(node, uri);
    const bytes = new Uint8Array(512);
    await image.read(bytes, 0);
    expect(Buffer.compare(bytes, readFileSync(path("gone.raw")).subarray(0, 512))).toBe(0);
    await stop(running.pop()!);
    await expect(image.read(bytes, 0)).rejects.toThrow(/the NBD server hung up/);
    await image.close();
  });
});
