// A new image file. A file that could not be finished is removed again.
import { FileSource } from "../block/file.ts";
import { UserError, codeOf, reason } from "../core/errors.ts";
import type { Runtime } from "../runtimes/runtime.ts";
import type { Settings } from "./driver.ts";
import { loadDriver } from "./format.ts";
import { localPath, resolveBacking } from "./open.ts";
import { createQcow2, type Qcow2CreateOptions } from "./qcow2-create.ts";

const SECTOR = 512;

export async function createImage(
  runtime: Runtime,
  name: string,
  format: string,
  options: Qcow2CreateOptions,
  /** Options of formats other than raw and qcow2. */
  settings: Settings = {},
): Promise<void> {
  const path = localPath(name);
  let file: FileSource;
  try {
    // Nothing refers to the file until it is complete, so order of writes does not matter before the last flush.
    file = await FileSource.open(runtime, path, "create", { unsafe: true });
  } catch (error) {
    throw new UserError(`Could not create '${path}': ${reason(error)}`, codeOf(error));
  }
  const made = [path];
  const size = Math.ceil(options.size / SECTOR) * SECTOR;
  const createNamed = async (other: string): Promise<FileSource> => {
    const otherPath = resolveBacking(path, other);
    const further = await FileSource.open(runtime, otherPath, "create", { unsafe: true });
    made.push(otherPath);
    return further;
  };
  try {
    const driver = await loadDriver(format);
    if (format === "raw") await file.resize(size);
    else if (driver?.create) {
      const { backingFile, backingFormat } = options;
      await driver.create({ runtime, name, file, size, settings, backingFile, backingFormat, createNamed });
    } else await createQcow2(runtime, file, options);
    await file.close();
  } catch (error) {
    await file.close();
    for (const one of made) await runtime.removeFile(one);
    throw error;
  }
}
