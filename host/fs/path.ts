// Finding a file by its path, and reading it whole. Symbolic links lead from place to place inside the file system only:
// an absolute one begins at its root, and `..` of the root is the root.
import { isExpected, UserError } from "../core/errors.ts";
import type { Entry, FileNode, FileSystem } from "./file-system.ts";

/** As many as Linux follows. */
const LINKS_MAX = 40;

export interface FindOptions {
  /** False: a symbolic link at the end of the path is the answer itself. */
  follow: boolean;
}

export async function findNode(files: FileSystem, path: string, { follow }: FindOptions): Promise<FileNode> {
  /** The directories passed, the root first: what `..` goes back through. */
  const trail: FileNode[] = [files.root];
  const left = path.split("/").reverse();
  let links = 0;
  const fail = (code: string): never => {
    throw Object.assign(new Error(path), { code });
  };
  let node = files.root;
  while (left.length) {
    const name = left.pop()!;
    if (name === "" || name === ".") continue;
    if (node.kind !== "directory") fail("ENOTDIR");
    if (name === "..") {
      if (trail.length > 1) trail.pop();
      node = trail.at(-1)!;
      continue;
    }
    const entry = await lookUp(files, node, name);
    if (!entry) return fail("ENOENT");
    const found = await entry.node();
    if (found.kind === "symlink" && (follow || left.some((part) => part !== ""))) {
      if (++links > LINKS_MAX) fail("ELOOP");
      const target = await found.target();
      if (target.startsWith("/")) trail.length = 1;
      node = trail.at(-1)!;
      left.push(...target.split("/").reverse());
      continue;
    }
    node = found;
    if (node.kind === "directory") trail.push(node);
  }
  return node;
}

async function lookUp(files: FileSystem, directory: FileNode, name: string): Promise<Entry | undefined> {
  const fold = (text: string): string => (files.caseless ? text.toLowerCase() : text);
  const wanted = fold(name);
  for await (const entry of directory.entries()) if (fold(entry.name) === wanted) return entry;
  return undefined;
}

const CHUNK = 2 ** 20;

/** A file's content in pieces of at most a mebibyte; without `bytes`: a hole of that length. */
export async function* contentOf(
  files: FileSystem,
  node: FileNode,
): AsyncGenerator<{ length: number; bytes?: Uint8Array }, void> {
  for await (const { length, at, bytes } of node.runs()) {
    if (bytes || at === undefined) {
      yield bytes ? { length, bytes } : { length };
      continue;
    }
    for (let done = 0; done < length; done += CHUNK) {
      const part = new Uint8Array(Math.min(CHUNK, length - done));
      await files.source.read(part, at + done);
      yield { length: part.length, bytes: part };
    }
  }
}

export interface Visit {
  /** From where the walk began, with slashes; empty: the beginning itself. */
  path: string;
  node: FileNode;
}

/** A directory and all below it, each before what it holds. Damaged parts go to `onError` and the walk goes on. */
export async function* walk(
  top: FileNode,
  onError: (path: string, error: unknown) => void,
): AsyncGenerator<Visit, void> {
  const seen = new Set<number>();
  const report = (path: string, error: unknown): void => {
    if (!isExpected(error)) throw error;
    onError(path, error);
  };
  const below = async function* (path: string, node: FileNode): AsyncGenerator<Visit, void> {
    yield { path, node };
    if (node.kind !== "directory") return;
    // No directory has two places: this one is damaged, and may contain itself.
    if (seen.has(node.id))
      return onError(path, new UserError("it is the same directory as one before", "ELOOP"));
    seen.add(node.id);
    try {
      for await (const entry of node.entries()) {
        const inner = path === "" ? entry.name : `${path}/${entry.name}`;
        let child: FileNode;
        try {
          child = await entry.node();
        } catch (error) {
          report(inner, error);
          continue;
        }
        yield* below(inner, child);
      }
    } catch (error) {
      report(path, error);
    }
  };
  yield* below("", top);
}
