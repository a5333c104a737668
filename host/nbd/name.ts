// What names an export of an NBD server: `nbd://host:port/export`, `nbd+unix:///export?socket=path` (doc/uri.md of the
// NetworkBlockDevice project).
import { UserError } from "../core/errors.ts";
import { DEFAULT_PORT } from "./protocol.ts";

/** A URI as options. Also QEMU's older `nbd:host:port:exportname=…` and `nbd:unix:path:exportname=…`. */
export function parseNbdName(name: string): Record<string, unknown> {
  if (!name.includes("://")) return parseOldName(name);
  let uri: URL;
  try {
    uri = new URL(name);
  } catch {
    throw new UserError("Invalid URI", "EINVAL");
  }
  const unix = uri.protocol === "nbd+unix:";
  const path = decodeURIComponent(uri.pathname.replace(/^\//, ""));
  const given = path ? { export: path } : {};
  if (!unix) {
    // The form of URL that is not http's keeps brackets and leaves the rest as it is.
    const host = uri.hostname.replace(/^\[|\]$/g, "");
    return {
      ...given,
      server: { type: "inet", host: host || "localhost", port: uri.port || String(DEFAULT_PORT) },
    };
  }
  const socket = /[?&]socket=([^&]*)/.exec(uri.search)?.[1];
  if (!socket || uri.host) throw new UserError("an nbd+unix URI is nbd+unix:///export?socket=PATH", "EINVAL");
  return { ...given, server: { type: "unix", path: decodeURIComponent(socket) } };
}

function parseOldName(name: string): Record<string, unknown> {
  const [, where, exportName] = /^nbd:(.*?)(?::exportname=(.*))?$/s.exec(name)!;
  const given = exportName ? { export: exportName } : {};
  if (where!.startsWith("unix:"))
    return { ...given, server: { type: "unix", path: where!.slice("unix:".length) } };
  const [, host, port] = /^(.*):(\d+)$/.exec(where!) ?? [];
  if (!host) throw new UserError("an NBD server is named as nbd://host:port/export", "EINVAL");
  return { ...given, server: { type: "inet", host: host.replace(/^\[|\]$/g, ""), port: port! } };
}
