// The page's disk worker: disks that stay in this browser, each a folder of the origin private file system with its
// qcow2 image and, where that is an overlay, a note of what it lies over.
import { BlobSource } from "../host/block/blob.ts";
import { forgetHttp } from "../host/block/http-cache.ts";
import { openHttp } from "../host/block/http.ts";
import { BlockOptions } from "../host/block/options.ts";
import { protocolOf } from "../host/block/protocols.ts";
import { UserError } from "../host/core/errors.ts";
import { compileEngine } from "../host/core/load.ts";
import { copyImage } from "../host/image/convert.ts";
import { createImage } from "../host/library/create.ts";
import { info } from "../host/library/info.ts";
import { openImage } from "../host/library/open.ts";
import { listSnapshots } from "../host/library/snapshots.ts";
import { openImage as open } from "../host/image/open.ts";
import { browser } from "../host/runtimes/browser.ts";
import { findOpfsFile, opfsFolder, writeOpfsFile } from "../host/runtimes/opfs.ts";
import { useRuntime } from "../host/runtimes/this.ts";
import { Calls } from "../host/worker/calls.ts";
import {
  type Base,
  type DiskVerbs,
  type KeptDisk,
  type Origin,
  type PageVerbs,
  SAVED,
} from "./disk-protocol.ts";
import { machineStore } from "./machine-store.ts";

const FOLDER = "disks";
const IMAGE = "disk.qcow2";
const NOTE = "base.json";
/** A download is made here. */
const WHOLE = "whole.qcow2";

useRuntime(browser);

const pathOf = (name: string, file: string): string => `${FOLDER}/${name}/${file}`;

async function textOf(path: string): Promise<string> {
  return (await (await findOpfsFile(path)).getFile()).text();
}

async function exists(name: string): Promise<boolean> {
  return (await browser.identity(pathOf(name, IMAGE))) !== undefined;
}

async function baseOf(name: string): Promise<Base | undefined> {
  return textOf(pathOf(name, NOTE)).then(
    (text) => JSON.parse(text) as Base,
    () => undefined,
  );
}

/** Read through the page's view of the file, so that a disk in use can be told of as well. */
async function describe(name: string): Promise<KeptDisk> {
  const path = pathOf(name, IMAGE);
  const file = await (await findOpfsFile(path)).getFile();
  const image = await open(browser, name, { format: "qcow2", file: new BlobSource(file), chain: false });
  const saved = (await listSnapshots(image)).find((snapshot) => snapshot.name === SAVED);
  const savedAt = saved && saved.seconds * 1000;
  return { name, path, size: image.size, stored: file.size, base: await baseOf(name), savedAt };
}

/** In use by another tab while it is written, or damaged: it can still be deleted. */
async function unreadable(name: string): Promise<KeptDisk> {
  return {
    name,
    path: pathOf(name, IMAGE),
    size: 0,
    stored: 0,
    base: await baseOf(name),
    savedAt: undefined,
  };
}

async function look(origin: Origin): Promise<Base> {
  if (origin instanceof File)
    return { kind: "file", name: origin.name, size: origin.size, state: String(origin.lastModified) };
  const source = await openHttp(protocolOf(origin) ?? "https", {
    runtime: browser,
    options: BlockOptions.of({ url: origin }),
    mode: "read",
  });
  const { size, etag, modified } = source.state;
  await source.close();
  return { kind: "address", name: origin, size, state: etag ?? modified ?? "" };
}

const page = new Calls<PageVerbs>((message, transfer) => self.postMessage(message, { transfer }), {
  ...machineStore,

  async list() {
    const folder = await opfsFolder(FOLDER);
    const names: string[] = [];
    for await (const name of folder.keys()) names.push(name);
    const disks = await Promise.all(names.map((name) => describe(name).catch(() => unreadable(name))));
    return disks.toSorted((a, b) => a.name.localeCompare(b.name));
  },

  async create(name, size) {
    if (await exists(name)) throw new UserError(`There is a disk named '${name}' already`);
    await createImage(pathOf(name, IMAGE), { size });
    return describe(name);
  },

  async over(name, origin) {
    const base = await look(origin);
    const known = (await exists(name)) ? await describe(name) : undefined;
    if (known) {
      requireSame(known, base);
      return known;
    }
    const { size, format } = await info(origin);
    await createImage(pathOf(name, IMAGE), { size, backingFile: base.name, backingFormat: format });
    await writeOpfsFile(pathOf(name, NOTE), new TextEncoder().encode(JSON.stringify(base)));
    return describe(name);
  },

  async remove(name) {
    // Opening for writing refuses, in words, a disk that a machine uses.
    await (await browser.openFile(pathOf(name, IMAGE), "write")).close();
    const base = await baseOf(name);
    await (await opfsFolder(FOLDER)).removeEntry(name, { recursive: true });
    if (base?.kind === "address") await forgetHttp(browser, base.name);
  },

  async whole(name, origin) {
    const { path, base, size } = await describe(name);
    if (!base) return (await findOpfsFile(path)).getFile();
    const below = base.kind === "address" ? base.name : origin;
    if (below === undefined)
      throw new UserError(`'${name}' lies over the file '${base.name}': open that first`);
    requireSame({ name, base }, await look(below));
    const disk = await openImage(path, { format: "qcow2", backing: await openImage(below) });
    try {
      const target = pathOf(name, WHOLE);
      await createImage(target, { size });
      const copy = await openImage(target, { format: "qcow2", readOnly: false });
      await copyImage(browser, disk, copy, {
        sparse: 4096,
        targetIsZero: true,
        onProgress: (done, total) => page.tell("progress", Math.floor((done * 100) / Math.max(1, total))),
      });
      await copy.close();
      return (await findOpfsFile(target)).getFile();
    } finally {
      await disk.close();
    }
  },
} satisfies DiskVerbs);
self.onmessage = ({ data }: MessageEvent<unknown>): void => page.receive(data);
// Most of what is asked takes it. Why it cannot be had is told then.
compileEngine(browser, "block.wasm").catch(() => {});

/** What a disk has written fits only what it was written over. */
function requireSame({ name, base }: Pick<KeptDisk, "name" | "base">, found: Base): void {
  if (base?.kind !== found.kind || base.name !== found.name)
    throw new UserError(
      `This browser's disk '${name}' lies over ${base ? `'${base.name}'` : "nothing"}, not over '${found.name}'. ` +
        "Use it from the list below, or delete it",
    );
  if (base.size !== found.size || base.state !== found.state)
    throw new UserError(
      `'${found.name}' has changed since this browser's disk '${name}' was made over it, and they no longer fit. ` +
        `Delete the disk to start anew`,
    );
}
