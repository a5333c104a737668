// Files of a browser: those of the origin private file system, through synchronous access handles, which only workers
// have (File System Standard, whatwg.org/fs). A handle is exclusive, so it is the image's lock as well.
import { UserError } from "../core/errors.ts";
import type { OpenMode, RuntimeFile } from "./runtime.ts";

/** Names of DOMException (Web IDL §2.8.1) as the system's codes. */
const CODES: Readonly<Record<string, string>> = {
  NotFoundError: "ENOENT",
  TypeMismatchError: "EISDIR",
  QuotaExceededError: "ENOSPC",
  NotAllowedError: "EACCES",
  SecurityError: "EACCES",
  InvalidModificationError: "ENOTEMPTY",
};

/** A page that is left keeps its handles for a moment: whoever comes after it waits so long, in ms. */
const PATIENCE = 1500;
const PAUSE = 50;

function failed(error: unknown): Error {
  if (error instanceof UserError) return error;
  const { name, message } = error as Error;
  return Object.assign(new Error(message, { cause: error }), { code: CODES[name] ?? "EIO" });
}

async function doing<T>(work: () => Promise<T> | T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw failed(error);
  }
}

/** The steps of a path below the root, whatever way it is written. */
function stepsOf(path: string): string[] {
  const steps = path.split("/").filter((step) => step !== "" && step !== ".");
  if (steps.length === 0 || steps.includes(".."))
    throw new UserError(`'${path}' is no name of a file`, "EINVAL");
  return steps;
}

async function root(): Promise<FileSystemDirectoryHandle> {
  // Absent in old browsers, and for pages whose way here was not safe (Secure Contexts §3.1).
  const storage = navigator.storage as StorageManager | undefined;
  if (!storage?.getDirectory)
    throw new UserError(
      "This browser keeps no disks for this page: it would for one that comes over https or from localhost",
      "ENOTSUP",
    );
  return storage.getDirectory();
}

async function folderOf(steps: readonly string[], create: boolean): Promise<FileSystemDirectoryHandle> {
  let folder = await root();
  for (const step of steps.slice(0, -1)) folder = await folder.getDirectoryHandle(step, { create });
  return folder;
}

/** The file as the page itself can see it: to show its size, or to hand it to the user. */
export async function findOpfsFile(path: string, create = false): Promise<FileSystemFileHandle> {
  const steps = stepsOf(path);
  return doing(async () => (await folderOf(steps, create)).getFileHandle(steps.at(-1)!, { create }));
}

/** A folder below the root, made if there is none. */
export async function opfsFolder(name: string): Promise<FileSystemDirectoryHandle> {
  return doing(async () => (await root()).getDirectoryHandle(name, { create: true }));
}

type OpenHandle = (options?: { mode: "read-only" | "readwrite" }) => Promise<FileSystemSyncAccessHandle>;

export async function openOpfsFile(path: string, mode: OpenMode): Promise<RuntimeFile> {
  const file = await findOpfsFile(path, mode === "create");
  const open = (file as { createSyncAccessHandle?: OpenHandle }).createSyncAccessHandle?.bind(file);
  if (!open)
    throw new UserError("This browser opens disks only within a worker (createSyncAccessHandle)", "ENOTSUP");
  // Browsers without modes open for writing, and one reader then keeps the next away.
  const how = { mode: mode === "read" ? "read-only" : "readwrite" } as const;
  for (const end = performance.now() + PATIENCE; ;) {
    try {
      return new OpfsFile(await open(how));
    } catch (error) {
      if ((error as Error).name !== "NoModificationAllowedError") throw failed(error);
      if (performance.now() > end)
        throw new UserError(`'${path}' is in use: by another tab, or by a machine in this one`, "EAGAIN");
      await new Promise((resume) => setTimeout(resume, PAUSE));
    }
  }
}

/** Makes a file hold these bytes and no others. */
export async function writeOpfsFile(path: string, bytes: Uint8Array): Promise<void> {
  const file = await openOpfsFile(path, "create");
  try {
    await file.truncate(bytes.length);
    await file.write(bytes, 0);
    await file.sync();
  } finally {
    await file.close();
  }
}

export async function removeOpfsFile(path: string): Promise<boolean> {
  const steps = stepsOf(path);
  await doing(async () => (await folderOf(steps, false)).removeEntry(steps.at(-1)!));
  return true;
}

export async function opfsIdentity(path: string): Promise<string | undefined> {
  return findOpfsFile(path).then(
    () => `opfs:/${stepsOf(path).join("/")}`,
    () => undefined,
  );
}

class OpfsFile implements RuntimeFile {
  constructor(private readonly handle: FileSystemSyncAccessHandle) {}

  async size(): Promise<number> {
    return this.handle.getSize();
  }

  /** Quotas count holes as well. */
  async allocated(): Promise<number> {
    return this.handle.getSize();
  }

  read(into: Uint8Array<ArrayBuffer>, position: number): Promise<number> {
    return doing(() => this.handle.read(into, { at: position }));
  }

  write(from: Uint8Array<ArrayBuffer>, position: number): Promise<void> {
    return doing(() => {
      for (let done = 0; done < from.length;) {
        const count = this.handle.write(from.subarray(done), { at: position + done });
        // Chromium's private windows give the failure as a count, past the end of what there was (-8 as a u32).
        if (count === 0 || count > from.length - done)
          throw new DOMException("the browser gives no more space", "QuotaExceededError");
        done += count;
      }
    });
  }

  truncate(size: number): Promise<void> {
    return doing(() => this.handle.truncate(size));
  }

  sync(): Promise<void> {
    return doing(() => this.handle.flush());
  }

  async close(): Promise<void> {
    this.handle.close();
  }
}
