// Deno: Node's calls, which it has too, but for what it asks permission for. To import what lies beside a module needs
// none, to read it does; so a program needs no permissions beyond those for the files that it names itself.
import { fileURLToPath } from "node:url";
import { sameThread } from "../worker/same-thread.ts";
import type { Runtime } from "./runtime.ts";

type Permission = { name: "read"; path: string } | { name: "net" };

interface Deno {
  permissions: { querySync(wanted: Permission): { state: string } };
}

function may(permission: Permission): boolean {
  const { permissions } = (globalThis as unknown as { Deno: Deno }).Deno;
  return permissions.querySync(permission).state === "granted";
}

const assets = (): Promise<typeof import("./deno-assets.js")> => import("./deno-assets.js");

/** `node` as it is in Deno. */
export function inDeno(node: Runtime): Runtime {
  const { startThread, imageLocks, ...rest } = node;
  const folder = fileURLToPath(new URL(".", import.meta.url));
  return {
    ...rest,
    readEngine: async (name) => (await assets()).engines[name]!(),
    readAsset: async (name) => (await assets()).bytes[name]!,
    // A thread's script is read like a file; a lock is a socket.
    ...(startThread && may({ name: "read", path: folder }) ? { startThread } : { sameThread }),
    imageLocks: may({ name: "net" }) ? imageLocks : undefined,
  };
}
