// A folder over HTTP: what `npm run web` and the browser's tests serve the page with. Ranges are answered (RFC 9110
// §14), so that disk images may lie beside the page.
import { createReadStream, type Stats } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";

/** All that the page needs: WebAssembly may be compiled, scripts that make scripts may not. */
export const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
  ".json": "application/json",
};

export interface StaticServerOptions {
  /** Default: one that is free. */
  port?: number;
  /** Sent with every answer. */
  headers?: Readonly<Record<string, string>>;
  /** Answers in place of the folder where it returns true. */
  answer?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

export interface StaticServer {
  /** Ends in a slash. */
  readonly url: string;
  close(): Promise<void>;
}

export async function serveFolder(folder: string, options: StaticServerOptions = {}): Promise<StaticServer> {
  const server = createServer((request, response) => {
    if (options.answer?.(request, response)) return;
    answerFile(folder, request, response, options.headers ?? {}).catch(() => response.destroy());
  });
  await new Promise<void>((listening, fail) => {
    server.once("error", fail);
    server.listen(options.port ?? 0, "127.0.0.1", listening);
  });
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

/** Answers with a file of `folder`. */
export async function answerFile(
  folder: string,
  request: IncomingMessage,
  response: ServerResponse,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  // A path that is normal and absolute cannot leave the folder.
  const path = join(folder, normalize(decodeURIComponent(pathname)).replace(/\/$/, "/index.html"));
  const file = await stat(path).catch(() => undefined);
  if (!file?.isFile()) return void response.writeHead(404).end("There is no such file.\n");
  const common = {
    ...headers,
    "content-type": TYPES[extname(path)] ?? "application/octet-stream",
    "accept-ranges": "bytes",
    "cache-control": "no-cache",
    etag: entityTag(file),
    "last-modified": file.mtime.toUTCString(),
  };
  const asked = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  const first = Number(asked?.[1] ?? 0);
  const last = Math.min(Number(asked?.[2] || Infinity), file.size - 1);
  if (asked && first >= file.size)
    return void response.writeHead(416, { ...common, "content-range": `bytes */${file.size}` }).end();
  const range = asked ? { "content-range": `bytes ${first}-${last}/${file.size}` } : {};
  response.writeHead(asked ? 206 : 200, {
    ...common,
    ...range,
    "content-length": Math.max(0, last + 1 - first),
  });
  if (request.method === "HEAD" || file.size === 0) return void response.end();
  const stream = createReadStream(path, { start: first, end: last });
  stream.on("error", () => response.destroy());
  response.on("close", () => stream.destroy());
  stream.pipe(response);
}

function entityTag({ size, mtimeMs }: Stats): string {
  return `"${size.toString(16)}-${Math.floor(mtimeMs).toString(16)}"`;
}
