// img serve: images over NBD, for kernels, QEMU and whatever else speaks it, until Ctrl-C.
//
// What is listened on is printed to standard output, one address an export, so that a script with -p 0 finds it.
import { unlink } from "node:fs/promises";
import { basename } from "node:path";
import process from "node:process";
import { codeOf, reason, UserError } from "../../core/errors.ts";
import type { Export } from "../../nbd/handshake.ts";
import { DEFAULT_PORT } from "../../nbd/protocol.ts";
import { serveClient } from "../../nbd/server.ts";
import { node } from "../../runtimes/node.ts";
import type { Address, Connection } from "../../runtimes/runtime.ts";
import { getopt, has, last, type Parsed, UsageError } from "./getopt.ts";
import { openNamed } from "./open.ts";

export async function serve(argv: string[]): Promise<number> {
  const parsed = getopt(argv, "hf:p:b:rx:U", {
    port: "p",
    bind: "b",
    "read-only": "r",
    "export-name": "x",
    socket: "socket:",
    "force-share": "U",
    format: "f",
  });
  const address = parseAddress(parsed);
  const names = exportNames(parsed);
  const exports: Export[] = [];
  try {
    for (const [index, file] of parsed.names.entries()) {
      const readOnly = has(parsed, "r");
      const image = await openNamed(parsed, file, { readOnly });
      exports.push({ name: names[index]!, image, readOnly });
    }
    await listenUntilSignal(address, exports);
  } finally {
    for (const { image } of exports) await image.close();
  }
  return 0;
}

function parseAddress(parsed: Parsed): Address {
  const path = last(parsed, "socket");
  if (path !== undefined) {
    if (has(parsed, "p") || has(parsed, "b"))
      throw new UserError("--socket is a place in the file system: -p and -b do not go with it");
    return { path };
  }
  const text = last(parsed, "p") ?? String(DEFAULT_PORT);
  if (!/^\d+$/.test(text) || Number(text) > 65535) throw new UserError(`Invalid port '${text}'`);
  // Only for this machine, unless asked otherwise: the protocol knows no passwords.
  return { host: last(parsed, "b") ?? "127.0.0.1", port: Number(text) };
}

/** -x by -x for image by image; an image without one is known by its file's name. */
function exportNames(parsed: Parsed): string[] {
  if (parsed.names.length === 0) throw new UsageError("Expecting one image file name or several");
  const given = parsed.options.get("x") ?? [];
  if (given.length > parsed.names.length) throw new UserError("There are more names (-x) than images");
  const names = parsed.names.map((file, index) => given[index] ?? basename(file));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new UserError(`Two exports would be called '${twice}': name them with -x`);
  return names;
}

async function listenUntilSignal(address: Address, exports: readonly Export[]): Promise<void> {
  const clients = new Map<Connection, Promise<void>>();
  const stop = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  const listener = await node.listen!(address, (connection) => {
    const served = serveClient(connection, exports).finally(() => clients.delete(connection));
    clients.set(connection, served);
  }).catch((error: unknown) => {
    const where = "path" in address ? `'${address.path}'` : `${address.host}:${address.port}`;
    throw new UserError(`Cannot listen on ${where}: ${reason(error)}`, codeOf(error));
  });
  for (const { name } of exports) process.stdout.write(`${addressOf(listener.address, name)}\n`);
  await stop;
  const closed = listener.close();
  for (const connection of clients.keys()) await connection.close();
  await Promise.all(clients.values());
  await closed;
  if ("path" in address) await unlink(address.path).catch(() => {});
}

function addressOf(address: Address, name: string): string {
  const path = encodeURIComponent(name);
  if ("path" in address) return `nbd+unix:///${path}?socket=${encodeURI(address.path)}`;
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `nbd://${host}:${address.port}/${path}`;
}
