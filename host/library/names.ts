// Names of images, and what they stand for.
import { type OptionValue } from "../block/options.ts";
import { parseImageName } from "../image/open.ts";

export { localPath, resolveBacking } from "../image/open.ts";

/** What to open once `name` is made with the options `list`: an encrypted image needs its key again. */
export function withKey(
  name: string,
  format: string,
  list: ReadonlyMap<string, string>,
): Readonly<Record<string, OptionValue>> {
  const options = parseImageName(name);
  options.setDefault("driver", format);
  for (const key of ["key-secret", "encrypt.key-secret"])
    if (list.has(key)) options.setDefault(key, list.get(key)!);
  return options.toFlat();
}
