// Who writes which image, among the programs of ours on this machine. Node cannot lock a file. What the kernel gives one
// process only, takes back however that process ends, and shows to all users, is the name of an abstract socket
// (unix(7)): whoever writes an image listens at a name made of the image's identity, and nobody ever connects.
// Not seen: programs in another network namespace, and systems that have no such names.
import { readFile } from "node:fs/promises";
import { platform, versions } from "node:process";
import type { ImageLocks } from "./runtime.ts";

/** The longest name that every runtime can give. */
const COMMON_LENGTH = 106;

function socketName(identity: string): string {
  return `wasmqemu-image-${identity}`.padEnd(COMMON_LENGTH, ".");
}

/** Filled up to the longest name there is, so that no version of Node fills it up in its own way; Bun refuses that one. */
const filling = versions.bun === undefined ? "." : "";

const socketLocks: ImageLocks = {
  async take(identity) {
    // Where runtimes name it differently, only looking finds the other's.
    if (await socketLocks.isTaken(identity)) return undefined;
    const { createServer } = await import("node:net");
    const server = createServer((stranger) => stranger.destroy());
    return new Promise((done, fail) => {
      server.on("error", (error: NodeJS.ErrnoException) =>
        error.code === "EADDRINUSE" ? done(undefined) : fail(error),
      );
      server.listen({ path: `\0${socketName(identity)}${filling}`, exclusive: true }, () => {
        // A lock is no reason to stay alive.
        server.unref();
        done(() => new Promise((released) => void server.close(() => released())));
      });
    });
  },

  /** By the kernel's list: to connect would disturb whoever listens. */
  async isTaken(identity) {
    const sockets = await readFile("/proc/net/unix", "utf8").catch(() => "");
    return sockets.includes(`@${socketName(identity)}`);
  },
};

export const imageLocks: ImageLocks | undefined = platform === "linux" ? socketLocks : undefined;
