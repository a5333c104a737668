// An image that a command makes is whole or gone.
import { codeOf, isExpected, reason, UserError } from "../../core/errors.ts";
import type { DiskImage } from "../../image/image.ts";
import { node } from "../../runtimes/node.ts";

/**
 * Fills and closes an image that was made, as `files`, for this. One that cannot be completed is removed, and the error
 * says so.
 */
export async function completeOrRemove(
  target: DiskImage,
  files: readonly string[],
  fill: () => Promise<void>,
): Promise<void> {
  const { name } = target;
  try {
    await fill();
    await target.close();
  } catch (error) {
    await target.close().catch(() => {});
    if (!isExpected(error)) throw error;
    let removed = true;
    for (const file of files) removed = (await node.removeFile(file)) && removed;
    const state = removed ? `the incomplete '${name}' is removed` : `'${name}' is incomplete`;
    throw new UserError(`${reason(error)}; ${state}`, codeOf(error));
  }
}
