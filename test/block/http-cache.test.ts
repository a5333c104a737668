// What was fetched of a server is there the next time, as long as the server has the same.
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { forgetHttp } from "../../host/block/http-cache.ts";
import { HttpResource } from "../../host/block/http-request.ts";
import { HttpSource } from "../../host/block/http.ts";
import { node } from "../../host/runtimes/node.ts";
import { serveFolder, type StaticServer } from "../../tools/static-server.ts";
import { scratchFolder } from "../support/qemu-img.ts";

const MIB = 2 ** 20;
const served = scratchFolder();
const cacheFolder = scratchFolder();
/** Bytes that the cache may take. */
let room = Infinity;
const runtime = { ...node, cache: { folder: cacheFolder, room: async () => room } };
const disk = join(served, "disk.raw");
const content = randomBytes(2 * MIB + 100);

let server: StaticServer;
/** Ranges that were asked for. */
let asked: (string | undefined)[] = [];

beforeAll(async () => {
  writeFileSync(disk, content);
  server = await serveFolder(served, {
    answer: (request) => {
      asked.push(request.headers.range);
      return false;
    },
  });
});
afterAll(() => server.close());
beforeEach(() => void (asked = []));

const cacheFile = (): string => join(cacheFolder, readdirSync(cacheFolder)[0]!);

/** Opens the disk, reads what is asked, closes it; how many requests that took. */
async function visit(offset: number, length: number): Promise<number> {
  const url = `${server.url}disk.raw`;
  const resource = new HttpResource(url, { timeout: 5000, retries: 0, pause: 1, headers: {} });
  const source = await HttpSource.open(resource, url, 0, runtime);
  const bytes = Buffer.alloc(length);
  await source.read(bytes, offset);
  await source.close();
  expect(bytes.equals(readFileSync(disk).subarray(offset, offset + length))).toBe(true);
  return asked.splice(0).length;
}

it("asks the server once for each piece, and once a visit whether it still has the same", async () => {
  expect(await visit(MIB, MIB + 100)).toBe(3);
  expect(await visit(MIB, MIB + 100)).toBe(1);
  expect(await visit(MIB - 1, 2)).toBe(2);
  expect(await visit(MIB - 1, 2)).toBe(1);
});

it("fetches again what was damaged", async () => {
  const kept = readFileSync(cacheFile());
  kept[kept.length - 40_000]! ^= 1;
  writeFileSync(cacheFile(), kept.subarray(0, -7));
  expect(await visit(MIB, MIB + 100)).toBeGreaterThan(1);
  expect(await visit(MIB, MIB + 100)).toBe(1);
});

it("starts over when the server has another file", async () => {
  writeFileSync(disk, randomBytes(content.length));
  utimesSync(disk, 1, 1);
  expect(await visit(MIB, MIB + 100)).toBe(3);
  expect(await visit(MIB, MIB + 100)).toBe(1);
  expect(readdirSync(cacheFolder)).toHaveLength(1);
});

it("takes no more room than there is, and is given up when asked", async () => {
  await forgetHttp(runtime, `${server.url}disk.raw`);
  expect(readdirSync(cacheFolder)).toHaveLength(0);
  room = 10 * 33_000;
  expect(await visit(MIB, MIB)).toBe(2);
  expect(readFileSync(cacheFile()).length).toBeLessThan(room + 4096);
  expect(await visit(MIB, 300_000)).toBe(1);
  expect(await visit(MIB + 400_000, 1000)).toBe(2);
  room = Infinity;
});

it("does without where somebody else has it open", async () => {
  const resource = new HttpResource(`${server.url}disk.raw`, {
    timeout: 5000,
    retries: 0,
    pause: 1,
    headers: {},
  });
  const first = await HttpSource.open(resource, "disk", 0, runtime);
  expect(await visit(MIB, 100)).toBe(3);
  await first.close();
});
