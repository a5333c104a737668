// A new image file. Files that could not be finished are removed again.
import { FileSource } from "../block/file.ts";
import { UserError, codeOf, reason } from "../core/errors.ts";
import type { Runtime } from "../runtimes/runtime.ts";
import type { Secrets, Settings } from "./driver.ts";
import { loadDriver } from "./format.ts";
import type { DiskImage } from "./image.ts";
import { localPath, openImage, resolveBacking } from "./open.ts";

const SECTOR = 512;

/** `settings`: options of the format by name, `size` in bytes, `backing_file` and `backing_fmt` among them. */
export async function createImage(
  runtime: Runtime,
  name: string,
  format: string,
  settings: Settings,
  secrets: Secrets = new Map(),
): Promise<void> {
  const driver = await loadDriver(format);
  if (!driver?.create)
    throw new UserError(`Format driver '${format}' does not support image creation`, "ENOTSUP");
  const path = localPath(name);
  const size = Math.ceil(Number(settings.size ?? 0) / SECTOR) * SECTOR;
  driver.checkOptions?.(size, settings);
  const text = (key: string): string | undefined =>
    settings[key] === undefined ? undefined : String(settings[key]);
  const made: { path: string; file: FileSource }[] = [];
  const make = async (other: string): Promise<FileSource> => {
    try {
      // Nothing refers to a file until it is complete, so order of writes does not matter before the last flush.
      const file = await FileSource.open(runtime, other, "create", { unsafe: true });
      made.push({ path: other, file });
      return file;
    } catch (error) {
      if (codeOf(error) === "EAGAIN") throw error;
      throw new UserError(`Could not create '${other}': ${reason(error)}`, codeOf(error));
    }
  };
  const openBacking = (): Promise<DiskImage> =>
    openImage(runtime, resolveBacking(path, text("backing_file")!), { format: text("backing_fmt"), secrets });
  try {
    await driver.create({
      runtime,
      name,
      file: await make(path),
      size,
      settings,
      secrets,
      backingFile: text("backing_file"),
      backingFormat: text("backing_fmt"),
      openBacking,
      createNamed: (other) => make(resolveBacking(path, other)),
    });
    for (const { file } of made) await file.close();
  } catch (error) {
    for (const { file, path: place } of made) {
      await file.close();
      await runtime.removeFile(place);
    }
    throw error;
  }
}
