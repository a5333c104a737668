// A new image file. Files that could not be finished are removed again.
import { FileSource } from "../block/file.ts";
import { UserError, codeOf, reason } from "../core/errors.ts";
import type { Runtime } from "../runtimes/runtime.ts";
import type { NewFile, Secrets, Settings } from "./driver.ts";
import { loadDriver } from "./format.ts";
import type { DiskImage } from "./image.ts";
import { localPath, openImage, resolveBacking } from "./open.ts";
import { checkFilePreallocation } from "./formats/raw.ts";

const SECTOR = 512;

export interface Making {
  secrets?: Secrets;
  signal?: AbortSignal | undefined;
  /** What the image is to lie in, empty; then `name` is only what messages call it, and the file is its owner's. */
  file?: NewFile | undefined;
}

/**
 * `settings`: options of the format by name, `size` in bytes, `backing_file` and `backing_fmt` among them. Returns the
 * files that were made.
 */
export async function createImage(
  runtime: Runtime,
  name: string,
  format: string,
  settings: Settings,
  { secrets = new Map(), signal, file: given }: Making = {},
): Promise<string[]> {
  const driver = await loadDriver(format);
  if (!driver?.create)
    throw new UserError(`Format driver '${format}' does not support image creation`, "ENOTSUP");
  const path = given ? "" : localPath(name);
  const size = Math.ceil(Number(settings.size ?? 0) / SECTOR) * SECTOR;
  driver.checkOptions?.(size, settings);
  if (!driver.options?.some(({ name }) => name === "preallocation")) checkFilePreallocation(settings);
  const text = (key: string): string | undefined =>
    settings[key] === undefined ? undefined : String(settings[key]);
  const made: { path: string; file: FileSource }[] = [];
  const make = async (other: string): Promise<NewFile> => {
    try {
      // Nothing refers to a file until it is complete, so order of writes does not matter before the last flush.
      const file = await FileSource.open(runtime, other, "create", { unsafe: true, signal });
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
      file: given ?? (await make(path)),
      size,
      settings,
      secrets,
      backingFile: text("backing_file"),
      backingFormat: text("backing_fmt"),
      openBacking,
      createNamed: (other) => {
        if (!given) return make(resolveBacking(path, other));
        throw new UserError(`'${other}' would have to lie beside '${name}', which is no file`, "EINVAL");
      },
    });
    for (const { file } of made) await file.close();
    return made.map((one) => one.path);
  } catch (error) {
    for (const { file, path: place } of made) {
      await file.close();
      await runtime.removeFile(place);
    }
    throw error;
  }
}
