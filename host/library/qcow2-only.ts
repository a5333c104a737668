// What only qcow2 has takes images of that format.
import { UserError } from "../core/errors.ts";
import type { DiskImage } from "../image/image.ts";
import { Qcow2Image } from "../image/qcow2/image.ts";

export function requireQcow2(image: DiskImage, what: string): Qcow2Image {
  if (image instanceof Qcow2Image) return image;
  throw new UserError(`Format '${image.format}' has no ${what}`, "ENOTSUP");
}
