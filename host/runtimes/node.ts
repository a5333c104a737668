// Node: files by descriptor, through the callback API, which costs half of what FileHandle's promises do.
import {
  close as fsClose,
  constants,
  existsSync,
  fstat,
  fsync,
  ftruncate,
  open as fsOpen,
  read as fsRead,
  type Stats,
  write as fsWrite,
} from "node:fs";
import { readFile, stat, unlink } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { platform, versions } from "node:process";
import { fileURLToPath } from "node:url";
import { UserError } from "../core/errors.ts";
import { inDeno } from "./deno.ts";
import { lockedRanges } from "./node-kernel-locks.ts";
import { imageLocks } from "./node-locks.ts";
import { startThread } from "./node-thread.ts";
import type { DataRange, OpenMode, Runtime, RuntimeFile, RuntimeThread, ThreadEvents } from "./runtime.ts";

const FLAGS: Readonly<Record<OpenMode, number>> = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT,
};

/** st_blocks counts units of 512 bytes whatever the file system's block (stat(2)). */
const STAT_BLOCK = 512;

/** Deno would ask its user for the right to run a program. */
const canFindHoles = platform === "linux" && !("deno" in versions);

type Settle<T> = (error: NodeJS.ErrnoException | null, value?: T) => void;

function call<T>(start: (settle: Settle<T>) => void): Promise<T> {
  return new Promise((done, fail) => start((error, value) => (error ? fail(error) : done(value as T))));
}

class NodeFile implements RuntimeFile {
  constructor(private readonly descriptor: number) {}

  async size(): Promise<number> {
    return (await this.stat()).size;
  }

  async isFolder(): Promise<boolean> {
    return (await this.stat()).isDirectory();
  }

  async allocated(): Promise<number> {
    return (await this.stat()).blocks * STAT_BLOCK;
  }

  async dataRanges(): Promise<readonly DataRange[] | undefined> {
    const { size, blocks } = await this.stat();
    // Only a file with holes takes less than its length; to ask for them costs a process.
    if (blocks * STAT_BLOCK >= size || !canFindHoles) return undefined;
    return (await import("./node-holes.ts")).dataRanges(this.descriptor);
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    let done = 0;
    while (done < into.length) {
      const count = await this.readOnce(into, done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  async write(from: Uint8Array, position: number): Promise<void> {
    let done = 0;
    while (done < from.length) done += await this.writeOnce(from, done, position + done);
  }

  truncate(size: number): Promise<void> {
    return call((settle) => ftruncate(this.descriptor, size, settle));
  }

  sync(): Promise<void> {
    return call((settle) => fsync(this.descriptor, settle));
  }

  close(): Promise<void> {
    return call((settle) => fsClose(this.descriptor, settle));
  }

  private stat(): Promise<Stats> {
    return call((settle) => fstat(this.descriptor, settle));
  }

  private readOnce(into: Uint8Array, start: number, position: number): Promise<number> {
    return call((settle) => fsRead(this.descriptor, into, start, into.length - start, position, settle));
  }

  private writeOnce(from: Uint8Array, start: number, position: number): Promise<number> {
    return call((settle) => fsWrite(this.descriptor, from, start, from.length - start, position, settle));
  }
}

/** dist/ seen from the bundle, which lies in it, and from the sources, two folders beside it. */
const ASSET_FOLDERS = [".", "../../dist"].map((folder) =>
  join(dirname(fileURLToPath(import.meta.url)), folder),
);

function missing(name: string): UserError {
  return new UserError(`${name} is missing beside the program: install the package again, or run its build`);
}

const asInNode: Runtime = {
  async openFile(path: string, mode: OpenMode): Promise<RuntimeFile> {
    const descriptor = await call<number>((settle) => fsOpen(path, FLAGS[mode], 0o644, settle));
    const file = new NodeFile(descriptor);
    // A folder opens for reading like a file, and fails only when it is read.
    if (!(await file.isFolder())) return file;
    await file.close();
    throw Object.assign(new Error("is a directory"), { code: "EISDIR" });
  },

  async removeFile(path: string): Promise<boolean> {
    const regular = (await stat(path)).isFile();
    if (regular) await unlink(path);
    return regular;
  },

  async identity(path: string): Promise<string | undefined> {
    return stat(path, { bigint: true }).then(
      ({ dev, ino }) => `${dev}:${ino}`,
      () => undefined,
    );
  },

  lockedRanges,

  imageLocks,

  connect: async (address) => (await import("./node-sockets.ts")).connect(address),

  listen: async (address, onConnection) => (await import("./node-sockets.ts")).listen(address, onConnection),

  async readAsset(name: string): Promise<Uint8Array<ArrayBuffer>> {
    for (const folder of ASSET_FOLDERS) {
      const bytes = await readFile(join(folder, name)).catch(() => undefined);
      if (bytes) return bytes as Uint8Array<ArrayBuffer>;
    }
    throw missing(name);
  },

  startThread(script: string, events: ThreadEvents): RuntimeThread {
    const path = ASSET_FOLDERS.map((folder) => join(folder, script)).find((file) => existsSync(file));
    if (!path) throw missing(script);
    return startThread(path, events);
  },

  processors: availableParallelism(),

  now: () => performance.now(),
};

export const node: Runtime = "deno" in versions ? inDeno(asInNode) : asInNode;
