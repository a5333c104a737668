// Changing, in place, what an image was made with.
import { UserError } from "../core/errors.ts";
import type { Settings } from "../image/driver.ts";
import { loadDriver } from "../image/format.ts";
import type { DiskImage } from "../image/image.ts";
import type { Watch } from "../image/watch.ts";
import { type OpenImageOptions, secretsOf } from "./open.ts";

export interface AmendOptions extends Watch {
  /** What the settings name by id: old and new passphrases. */
  secrets?: OpenImageOptions["secrets"];
  /** Does what cannot be undone: erases a key slot without which nobody reads the image. */
  force?: boolean;
}

/** Changes an image that is open for writing. `settings`: by the names of `qemu-img amend -o`. */
export async function amend(
  image: DiskImage,
  settings: Settings,
  { secrets, force = false, ...watch }: AmendOptions = {},
): Promise<void> {
  const driver = await loadDriver(image.format);
  if (!driver?.amend) throw cannotAmend(image.format);
  await driver.amend(image, settings, { secrets: secretsOf(secrets), force, ...watch });
  await image.flush?.();
}

export function cannotAmend(format: string): UserError {
  return new UserError(`Format driver '${format}' does not support option amendment`, "ENOTSUP");
}
