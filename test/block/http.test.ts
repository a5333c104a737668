// HTTP sources beside a server that loses connections, changes its files, and knows no ranges.
import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { HttpSource } from "../../host/block/http.ts";
import { HttpResource } from "../../host/block/http-request.ts";
import { openImage } from "../../host/image/open.ts";
import { node } from "../../host/runtimes/node.ts";

const MIB = 2 ** 20;
const content = randomBytes(5 * MIB + 100);

type Answer = (request: IncomingMessage, response: ServerResponse, first: number, last: number) => void;

let server: Server;
let url: string;
/** Ranges that were asked for, and what the server does about the next of them. */
let asked: [first: number, last: number][] = [];
let answers: Answer[] = [];

const inRange: Answer = (_request, response, first, last) => {
  const body = content.subarray(first, last + 1);
  response.writeHead(206, {
    "content-range": `bytes ${first}-${first + body.length - 1}/${content.length}`,
    etag: '"one"',
  });
  response.end(body);
};

const status =
  (code: number): Answer =>
  (_request, response) =>
    response.writeHead(code).end();

/** Part of what was asked for, then nothing more. */
const cutShort: Answer = (_request, response, first, last) => {
  response.writeHead(206, {
    "content-range": `bytes ${first}-${last}/${content.length}`,
    "content-length": last - first + 1,
    etag: '"one"',
  });
  response.write(content.subarray(first, first + 1000), () => response.destroy());
};

beforeAll(async () => {
  server = createServer((request, response) => {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
    asked.push([Number(first), Number(last)]);
    (answers.shift() ?? inRange)(request, response, Number(first), Number(last));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/disk.raw`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  asked = [];
  answers = [];
});

function open(ahead = 0): Promise<HttpSource> {
  const resource = new HttpResource(url, { timeout: 500, retries: 2, pause: 1, headers: {} });
  return HttpSource.open(resource, url, ahead);
}

/** `toEqual` looks at buffers byte by byte, which takes seconds. */
function expectSame(bytes: Buffer, first: number, last: number): void {
  expect(bytes.equals(content.subarray(first, last))).toBe(true);
}

async function read(source: HttpSource, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length, 1);
  await source.read(bytes, offset);
  return bytes;
}

it("reads any range, neighbours with one request, and none of them twice", async () => {
  const source = await open();
  expect(source.size).toBe(content.length);
  expectSame(await read(source, 3 * MIB - 10, MIB + 20), 3 * MIB - 10, 4 * MIB + 10);
  expect(asked).toHaveLength(3);
  await read(source, 3 * MIB, MIB);
  expect(asked).toHaveLength(3);
  const tail = await read(source, content.length - 100, 200);
  expect(tail.subarray(0, 100)).toEqual(content.subarray(content.length - 100));
  expect(tail.subarray(100)).toEqual(Buffer.alloc(100));
});

it("fetches ahead where reading goes on, and not where it jumps", async () => {
  const source = await open(256 * 1024);
  for (let offset = 0; offset < content.length; offset += 4096) await read(source, offset, 4096);
  expect(asked.length).toBeLessThan(12);
  asked = [];
  const jumping = await open(256 * 1024);
  for (const offset of [3 * MIB, MIB, 4 * MIB]) await read(jumping, offset, 4096);
  expect(asked.map(([first]) => first)).toEqual([0, 3 * MIB, MIB, 4 * MIB]);
});

it("keeps no more than its cache", async () => {
  const source = await open();
  for (let round = 0; round < 3; round++) await read(source, 0, content.length);
  const { pieces } = source as unknown as { pieces: Map<number, unknown> };
  expect(pieces.size).toBeLessThanOrEqual(1024);
  expect(asked.length).toBeLessThan(10);
});

it("goes on where a connection was lost, and asks again a server that was busy", async () => {
  answers = [status(503), inRange, cutShort, cutShort, status(500)];
  const source = await open();
  expectSame(await read(source, MIB, MIB), MIB, 2 * MIB);
  expect(asked.map(([first]) => first)).toEqual([0, 0, MIB, MIB + 1000, MIB + 2000, MIB + 2000]);
});

it("says in a sentence what cannot be", async () => {
  answers = [status(404)];
  await expect(open()).rejects.toThrow("The requested URL returned error: 404");
  answers = [(_request, response) => void response.writeHead(200).end(content)];
  await expect(open()).rejects.toThrow("Server does not support 'range' (byte ranges).");
  answers = [status(503), status(503), status(503)];
  await expect(open()).rejects.toThrow(`'${url}' cannot be read: the server answered 503`);
  answers = [() => {}, () => {}, () => {}];
  await expect(open()).rejects.toThrow(`'${url}' cannot be read: the server does not answer`);
  const nobody = new HttpResource("http://127.0.0.1:9/", { timeout: 500, retries: 0, pause: 1, headers: {} });
  await expect(HttpSource.open(nobody, "nobody", 0)).rejects.toThrow(/cannot be read: (bad port|connect E)/);
});

it("refuses a resource that changes while it is read", async () => {
  const changed =
    (headers: Record<string, string>): Answer =>
    (_request, response, first, last) =>
      void response
        .writeHead(206, {
          "content-range": `bytes ${first}-${last}/${content.length}`,
          etag: '"one"',
          ...headers,
        })
        .end(content.subarray(first, last + 1));
  const changes: Record<string, string>[] = [
    { etag: '"two"' },
    { "content-range": "bytes 1048576-1048577/77" },
    { "last-modified": "now" },
  ];
  for (const headers of changes) {
    const source = await open();
    answers = [changed(headers)];
    await expect(read(source, MIB, 1000)).rejects.toThrow(`'${url}' has changed while it was being read`);
    // The failure is not kept.
    expect(await read(source, MIB, 1000)).toEqual(content.subarray(MIB, MIB + 1000));
  }
});

it("is an image's file by its name", async () => {
  const image = await openImage(node, url);
  expect(image).toMatchObject({ format: "raw", size: Math.ceil(content.length / 512) * 512 });
  const bytes = Buffer.alloc(MIB);
  await image.read(bytes, 4 * MIB);
  expectSame(bytes, 4 * MIB, 5 * MIB);
  await image.close();
  await expect(openImage(node, url, { readOnly: false })).rejects.toThrow("does not support writes");
});
