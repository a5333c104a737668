// A new image file. A file that could not be finished is removed again.
import { FileSource } from "../block/file.ts";
import { UserError, codeOf, reason } from "../core/errors.ts";
import type { Runtime } from "../runtimes/runtime.ts";
import { localPath } from "./open.ts";
import { createQcow2, type Qcow2CreateOptions } from "./qcow2-create.ts";

const SECTOR = 512;

export async function createImage(
  runtime: Runtime,
  name: string,
  format: "raw" | "qcow2",
  options: Qcow2CreateOptions,
): Promise<void> {
  const path = localPath(name);
  let file: FileSource;
  try {
    // Nothing refers to the file until it is complete, so order of writes does not matter before the last flush.
    file = await FileSource.open(runtime, path, "create", { unsafe: true });
  } catch (error) {
    throw new UserError(`Could not create '${path}': ${reason(error)}`, codeOf(error));
  }
  try {
    if (format === "raw") await file.resize(Math.ceil(options.size / SECTOR) * SECTOR);
    else await createQcow2(runtime, file, options);
    await file.close();
  } catch (error) {
    await file.close();
    await runtime.removeFile(path);
    throw error;
  }
}
