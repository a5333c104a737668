// img cp: files and trees out of an image, with modes, times, symbolic links and holes.
//
// An image may come from anyone. Nothing is written through a symbolic link: what stands in the way is looked at
// itself, a link there is refused, and files are made new. Set-id bits are not carried over, nor are device files.
import { constants } from "node:fs";
import * as fs from "node:fs/promises";
import { basename, join } from "node:path";
import { codeOf, isExpected, reason, UserError } from "../../core/errors.ts";
import type { FileNode, FileSystem } from "../../fs/file-system.ts";
import { contentOf, findNode, walk } from "../../fs/path.ts";
import { getopt, has, type Parsed, UsageError } from "./getopt.ts";
import { chooseFileSystem, parseImagePath, printable, warn, withImage } from "./image-path.ts";
import { interruptible } from "./interrupt.ts";

/** Permissions and the sticky bit. */
const MODE_KEPT = 0o1777;

export async function cp(argv: string[]): Promise<number> {
  const parsed = getopt(argv, "hf:raRU", { recursive: "r", "force-share": "U", format: "f" });
  const sources = [...parsed.names];
  const target = sources.pop();
  if (target === undefined || sources.length === 0) throw new UsageError("Expecting IMAGE:/path… TARGET");
  if (parseImagePath(target).path !== undefined)
    throw new UserError(`'${target}' is inside an image: files are only copied out of images yet`, "EROFS");
  const into = await fs.stat(target).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (sources.length > 1 && !into) throw new UserError(`'${target}' is not a directory`, "ENOTDIR");
  let clean = true;
  await interruptible(async (signal) => {
    for (const word of sources) clean = (await copyOut(parsed, word, target, into, signal)) && clean;
  });
  return clean ? 0 : 1;
}

async function copyOut(
  parsed: Parsed,
  word: string,
  target: string,
  into: boolean,
  signal: AbortSignal,
): Promise<boolean> {
  const place = parseImagePath(word);
  const { path } = place;
  if (path === undefined) throw new UsageError(`'${word}' names no file: expecting IMAGE:/path`);
  return withImage(parsed, place.image, async (image) => {
    const files = await chooseFileSystem(image, place);
    if (files.note) warn(`'${place.image}': ${files.note}`);
    const recursive = ["r", "R", "a"].some((flag) => has(parsed, flag));
    let top: FileNode;
    try {
      top = await findNode(files, path, { follow: !recursive || path.endsWith("/") });
    } catch (error) {
      throw codeOf(error) ? new UserError(`${word}: ${reason(error)}`, codeOf(error)) : error;
    }
    if (top.kind === "directory" && !recursive)
      throw new UserError(`${word}: it is a directory: copy it with -r`, "EISDIR");
    // `disk.img:/` copies what the root holds; any other directory is copied with its own name.
    const name = basename(path);
    const copy = new Copy(files, into && name !== "" ? join(target, name) : target, signal);
    await copy.tree(top, word);
    return copy.clean;
  });
}

class Copy {
  clean = true;
  /** By their path in the tree: what lies below any other is left alone. */
  private readonly entered = new Set<string>();
  /** Directories whose mode and time are set when everything is in them, the innermost first. */
  private readonly directories: { path: string; node: FileNode }[] = [];

  constructor(
    private readonly files: FileSystem,
    private readonly target: string,
    private readonly signal: AbortSignal,
  ) {}

  async tree(top: FileNode, word: string): Promise<void> {
    const fail = (path: string, error: unknown): void => {
      this.clean = false;
      warn(`${printable(path ? `${word.replace(/\/$/, "")}/${path}` : word)}: ${reason(error)}`);
    };
    for await (const { path, node } of walk(top, fail)) {
      this.signal.throwIfAborted();
      if (path !== "" && !this.entered.has(parentOf(path))) continue;
      try {
        await this.one(path, node);
      } catch (error) {
        if (!isExpected(error) || this.signal.aborted || codeOf(error) === "ENOSPC") throw error;
        fail(path, error);
      }
    }
    for (const { path, node } of this.directories.reverse()) {
      await fs.chmod(path, node.mode & MODE_KEPT);
      if (node.modified) await fs.utimes(path, new Date(), new Date(node.modified));
    }
  }

  private async one(path: string, node: FileNode): Promise<void> {
    const names = path.split("/");
    if (path !== "" && names.some((name) => basename(name) !== name))
      throw new UserError("a name that this system would take for a path is not written", "EINVAL");
    const place = path === "" ? this.target : join(this.target, ...names);
    const standing = await fs.lstat(place).catch(() => undefined);
    if (standing?.isSymbolicLink() && path !== "")
      throw new UserError(`'${place}' is a symbolic link, which is not followed`, "ELOOP");
    if (node.kind === "directory") {
      if (!standing) await fs.mkdir(place, 0o700);
      else if (!(await fs.stat(place)).isDirectory())
        throw new UserError(`'${place}' is not a directory`, "ENOTDIR");
      this.entered.add(path);
      this.directories.push({ path: place, node });
      return;
    }
    if (standing && !standing.isFile()) throw new UserError(`'${place}' is there and not a file`, "EEXIST");
    if (node.kind === "symlink") {
      if (standing) await fs.unlink(place);
      await fs.symlink(await node.target(), place);
      if (node.modified) await fs.lutimes(place, new Date(), new Date(node.modified));
    } else if (node.kind === "file") {
      if (standing) await fs.unlink(place);
      await this.file(place, node);
    } else warn(`${printable(place)}: not made, because it is a ${node.kind}`);
  }

  /** A file that could not be completed is removed again. */
  private async file(place: string, node: FileNode): Promise<void> {
    const { O_CREAT, O_EXCL, O_WRONLY } = constants;
    const file = await fs.open(place, O_WRONLY | O_CREAT | O_EXCL, 0o600);
    try {
      let offset = 0;
      for await (const { length, bytes } of contentOf(this.files, node)) {
        this.signal.throwIfAborted();
        if (bytes) await writeAll(file, bytes, offset);
        offset += length;
      }
      await file.truncate(offset);
      await file.chmod(node.mode & MODE_KEPT);
      if (node.modified) await file.utimes(new Date(), new Date(node.modified));
    } catch (error) {
      await fs.unlink(place);
      throw error;
    } finally {
      await file.close();
    }
  }
}

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));

async function writeAll(file: fs.FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length;)
    done += (await file.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
}
