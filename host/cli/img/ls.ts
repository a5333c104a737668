// img ls: what is in an image. Without a path its partitions, with one the files there.
import process from "node:process";
import { codeOf, reason, UserError } from "../../core/errors.ts";
import type { FileNode } from "../../fs/file-system.ts";
import { readVolumes } from "../../fs/partitions.ts";
import { findNode, walk } from "../../fs/path.ts";
import { getopt, has, type Parsed, UsageError, wantsJson } from "./getopt.ts";
import {
  chooseFileSystem,
  type ImagePath,
  parseImagePath,
  printable,
  warn,
  withImage,
} from "./image-path.ts";
import { toJson } from "./json.ts";
import { humanSize } from "../../image/size.ts";

interface Listed {
  /** Under the path that was asked for. */
  name: string;
  node: FileNode;
  target?: string;
}

export async function ls(argv: string[]): Promise<number> {
  const parsed = getopt(argv, "haf:lRdU", { output: "output:", "force-share": "U", format: "f" });
  if (parsed.names.length === 0) throw new UsageError("Expecting an image, or IMAGE:/path");
  let failed = false;
  for (const word of parsed.names) {
    const place = parseImagePath(word);
    if (!wantsJson(parsed) && parsed.names.length > 1) process.stdout.write(`${printable(word)}:\n`);
    const work = place.path === undefined ? listVolumes : listFiles;
    failed = !(await work(parsed, place, word)) || failed;
  }
  return failed ? 1 : 0;
}

async function listVolumes(parsed: Parsed, place: ImagePath): Promise<boolean> {
  const volumes = await withImage(parsed, place.image, async (image) =>
    Promise.all(
      (await readVolumes(image)).map(async ({ partition, content }) => ({
        ...partition,
        content,
      })),
    ),
  );
  if (wantsJson(parsed)) {
    const facts = volumes.map(({ number, start, size, type, name, content }) => ({
      ...(number ? { partition: number } : {}),
      start,
      size,
      type,
      ...(name ? { name } : {}),
      ...(content ? { content } : {}),
    }));
    process.stdout.write(`${toJson(facts)}\n`);
    return true;
  }
  if (volumes.length === 0)
    throw new UserError(`'${place.image}' holds neither a partition table nor a file system that is known`);
  const rows = volumes.map(({ number, start, size, type, name, content }) => [
    number ? String(number) : "-",
    humanSize(start),
    humanSize(size),
    content ?? "-",
    name ? `${type} (${printable(name)})` : type,
  ]);
  const table = [["Partition", "Start", "Size", "Content", "Type"], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  for (const row of table)
    process.stdout.write(
      `${row
        .map((cell, column) => cell.padEnd(widths[column]! + 2))
        .join("")
        .trimEnd()}\n`,
    );
  return true;
}

async function listFiles(parsed: Parsed, place: ImagePath, word: string): Promise<boolean> {
  let clean = true;
  const onError = (path: string, error: unknown): void => {
    clean = false;
    warn(`${printable(`${word}${path && !word.endsWith("/") ? "/" : ""}${path}`)}: ${reason(error)}`);
  };
  const listed = await withImage(parsed, place.image, async (image) => {
    const files = await chooseFileSystem(image, place);
    if (files.note) warn(`'${place.image}': ${files.note}`);
    try {
      // As ls does: a link that is named is followed only if nothing about itself is asked for.
      const follow =
        place.path!.endsWith("/") || !(has(parsed, "l") || has(parsed, "d") || wantsJson(parsed));
      const top = await findNode(files, place.path!, { follow });
      return await collect(parsed, place.path!, top, onError);
    } catch (error) {
      throw codeOf(error) ? new UserError(`${word}: ${reason(error)}`, codeOf(error)) : error;
    }
  });
  if (wantsJson(parsed)) process.stdout.write(`${toJson(listed.map(facts))}\n`);
  else print(listed, has(parsed, "l"));
  return clean;
}

async function collect(
  parsed: Parsed,
  path: string,
  top: FileNode,
  onError: (path: string, error: unknown) => void,
): Promise<Listed[]> {
  const listed: Listed[] = [];
  const add = async (name: string, node: FileNode): Promise<void> => {
    const target = node.kind === "symlink" ? await node.target() : undefined;
    listed.push({ name, node, ...(target === undefined ? {} : { target }) });
  };
  if (has(parsed, "d") || top.kind !== "directory") await add(path, top);
  else if (has(parsed, "R")) {
    for await (const { path: inner, node } of walk(top, onError)) if (inner !== "") await add(inner, node);
  } else
    for await (const entry of top.entries()) {
      try {
        await add(entry.name, await entry.node());
      } catch (error) {
        if (!codeOf(error)) throw error;
        onError(entry.name, error);
      }
    }
  return listed.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function facts({ name, node, target }: Listed): object {
  return {
    name,
    type: node.kind,
    mode: node.mode.toString(8).padStart(4, "0"),
    links: node.links,
    uid: node.uid,
    gid: node.gid,
    size: node.size,
    modified: new Date(node.modified).toISOString(),
    ...(node.device ? { device: node.device } : {}),
    ...(target === undefined ? {} : { target }),
  };
}

/** As `ls -nl --time-style=long-iso` prints it: the image's users are not this machine's. */
function print(listed: readonly Listed[], long: boolean): void {
  if (!long) {
    process.stdout.write(listed.map(({ name }) => `${printable(name)}\n`).join(""));
    return;
  }
  const rows = listed.map(({ node }) => [
    modeText(node),
    String(node.links),
    String(node.uid),
    String(node.gid),
    node.device ? node.device.join(", ") : String(node.size),
    localMinute(node.modified),
  ]);
  const widths = [0, 1, 2, 3, 4, 5].map((column) => Math.max(0, ...rows.map((row) => row[column]!.length)));
  for (const [index, { name, target }] of listed.entries()) {
    const cells = rows[index]!.map((cell, column) => cell.padStart(widths[column]!));
    const arrow = target === undefined ? "" : ` -> ${printable(target)}`;
    process.stdout.write(`${cells.join(" ")} ${printable(name)}${arrow}\n`);
  }
}

const LETTERS: Readonly<Record<FileNode["kind"], string>> = {
  file: "-",
  directory: "d",
  symlink: "l",
  "character device": "c",
  "block device": "b",
  fifo: "p",
  socket: "s",
};

function modeText({ kind, mode }: FileNode): string {
  const triple = (bits: number, special: boolean, letter: string): string => {
    const last = special ? (bits & 1 ? letter : letter.toUpperCase()) : bits & 1 ? "x" : "-";
    return `${bits & 4 ? "r" : "-"}${bits & 2 ? "w" : "-"}${last}`;
  };
  return (
    LETTERS[kind] +
    triple(mode >> 6, (mode & 0o4000) !== 0, "s") +
    triple(mode >> 3, (mode & 0o2000) !== 0, "s") +
    triple(mode, (mode & 0o1000) !== 0, "t")
  );
}

function localMinute(time: number): string {
  const date = new Date(time);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${String(date.getFullYear()).padStart(4, "0")}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}
