// Checking images, and setting right what can be.
import { UserError } from "../core/errors.ts";
import type { CheckResult, DiskImage, Repair } from "../image/image.ts";

/**
 * Checks an image, and with `repair` sets right what can be; then it is checked again, and the result says what was
 * fixed and what is left. `onFinding` gets each sentence as it is found, `onRepaired` what the first pass came to.
 */
export async function check(
  image: DiskImage,
  repair: Repair = "none",
  onFinding: (sentence: string) => void = () => {},
  onRepaired: (result: CheckResult) => void = () => {},
): Promise<CheckResult> {
  if (!image.check) throw new UserError(`Format '${image.format}' has no check`, "ENOTSUP");
  const result = await image.check(repair, onFinding);
  const { leaksFixed, corruptionsFixed } = result;
  if (!leaksFixed && !corruptionsFixed) return result;
  onRepaired(result);
  return { ...(await image.check("none", onFinding)), leaksFixed, corruptionsFixed };
}
