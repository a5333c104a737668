// What the machine's thread reads from and writes to: what it opens itself, and what the caller lends it (lent-sources.ts).
import { BlobSource } from "../block/blob.ts";
import { MemorySource } from "../block/memory.ts";
import { OverlaySource } from "../block/overlay.ts";
import { findProtocol, parseFileName, protocolOf } from "../block/protocols.ts";
import type { BlockSource } from "../block/source.ts";
import { reason, UserError } from "../core/errors.ts";
import type { DiskImage } from "../image/image.ts";
import { createImage } from "../library/create.ts";
import { type OpenImage, openImage, type OpenImageOptions } from "../library/open.ts";
import { thisRuntime } from "../runtimes/this.ts";
import type { Calls } from "./calls.ts";
import { withoutUndefined, type PlannedDrive, type PlannedSource } from "./description.ts";
import { LentSource, type LentSources } from "./lent-sources.ts";

/** The bytes of a source, as they are. */
async function openBytes(source: PlannedSource, caller: Calls<LentSources>): Promise<BlockSource> {
  switch (source.kind) {
    case "name": {
      const options = parseFileName(source.name);
      const protocol = findProtocol(options.take("driver")!)!;
      return protocol.open({ runtime: thisRuntime(), options, mode: "read" });
    }
    case "blob":
      return new BlobSource(source.blob);
    case "bytes":
      return new MemorySource(source.bytes);
    case "caller":
      return new LentSource(caller, source.number, source.size, source.verbs);
  }
}

/** All of a source; `what` names it in messages. */
export async function readWhole(
  what: string,
  source: PlannedSource,
  caller: Calls<LentSources>,
): Promise<Uint8Array> {
  if (source.kind === "bytes") return source.bytes;
  try {
    const file = await openBytes(source, caller);
    try {
      const bytes = new Uint8Array(file.size);
      await file.read(bytes, 0);
      return bytes;
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new UserError(`${what}: ${reason(error)}`);
  }
}

async function openPlanned(
  source: PlannedSource,
  caller: Calls<LentSources>,
  options?: OpenImageOptions,
): Promise<OpenImage> {
  return openImage(source.kind === "name" ? source.name : await openBytes(source, caller), options);
}

/** The disk in a drive, its image format understood. */
export async function openMedium(
  drive: Omit<PlannedDrive, "bus" | "index">,
  source: PlannedSource,
  caller: Calls<LentSources>,
): Promise<BlockSource> {
  const fixed = drive.media === "cdrom" || drive.readOnly === true;
  if (fixed) return openDisk(drive, source, true, caller);
  if (drive.overlay !== undefined) return openOverlay(drive.overlay, drive, source, caller);
  if (drive.snapshot || isFixed(source))
    return new OverlaySource(await openDisk(drive, source, true, caller));
  return openDisk(drive, source, false, caller);
}

type HowToOpen = Pick<PlannedDrive, "format" | "followNames" | "passphrase" | "backing">;

async function openDisk(
  { format, followNames, passphrase, backing }: HowToOpen,
  source: PlannedSource,
  readOnly: boolean,
  caller: Calls<LentSources>,
): Promise<BlockSource> {
  // An object of the caller's is a disk as it is, unless he says otherwise: he may have opened an image himself.
  if (source.kind === "caller" && format === undefined) return openBytes(source, caller);
  const below = backing && (await openPlanned(backing, caller));
  const how = withoutUndefined({ format, followNames, passphrase, readOnly, backing: below });
  return openPlanned(source, caller, how);
}

async function openOverlay(
  overlay: string,
  drive: HowToOpen,
  source: PlannedSource,
  caller: Calls<LentSources>,
): Promise<BlockSource> {
  const base = await openDisk(drive, source, true, caller);
  try {
    const backing = "format" in base ? (base as DiskImage) : await openImage(base, { format: "raw" });
    const { size, format: backingFormat } = backing;
    if ((await thisRuntime().identity(overlay)) === undefined)
      await createImage(overlay, { size, backingFile: nameFrom(overlay, source), backingFormat });
    return await openImage(overlay, { format: "qcow2", readOnly: false, backing });
  } catch (error) {
    await base.close();
    throw error;
  }
}

/** How an overlay names what it lies over: relative to its own folder, as qcow2 has it. */
function nameFrom(overlay: string, source: PlannedSource): string {
  if (source.kind === "blob") return (source.blob as Partial<File>).name ?? "(a blob)";
  if (source.kind !== "name") return "(a program's own source)";
  const { name } = source;
  if (name.startsWith("/") || protocolOf(name) !== undefined) return name;
  const folders = overlay.split("/").length - 1;
  // From an absolute overlay there is no way back to a relative name.
  return overlay.startsWith("/") ? name : "../".repeat(folders) + name;
}

/** Nothing is written back to these. */
function isFixed(source: PlannedSource): boolean {
  return source.kind === "blob" || (source.kind === "name" && /^https?:/.test(source.name));
}
