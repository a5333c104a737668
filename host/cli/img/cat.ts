// img cat: files out of an image, one after another, to standard output.
import process from "node:process";
import { codeOf, reason, UserError } from "../../core/errors.ts";
import { contentOf, findNode } from "../../fs/path.ts";
import { getopt, UsageError } from "./getopt.ts";
import { chooseFileSystem, parseImagePath, warn, withImage } from "./image-path.ts";

const ZEROS = new Uint8Array(65536);

export async function cat(argv: string[]): Promise<number> {
  const parsed = getopt(argv, "hf:U", { "force-share": "U", format: "f" });
  if (parsed.names.length === 0) throw new UsageError("Expecting IMAGE:/path");
  for (const word of parsed.names) {
    const place = parseImagePath(word);
    const { path } = place;
    if (path === undefined) throw new UsageError(`'${word}' names no file: expecting IMAGE:/path`);
    await withImage(parsed, place.image, async (image) => {
      const files = await chooseFileSystem(image, place);
      if (files.note) warn(`'${place.image}': ${files.note}`);
      try {
        const node = await findNode(files, path, { follow: true });
        if (node.kind !== "file") throw new UserError(`it is a ${node.kind}`, "EINVAL");
        for await (const { length, bytes } of contentOf(files, node)) {
          if (bytes) await print(bytes);
          else
            for (let left = length; left > 0; left -= ZEROS.length)
              await print(ZEROS.subarray(0, Math.min(left, ZEROS.length)));
        }
      } catch (error) {
        throw codeOf(error) ? new UserError(`${word}: ${reason(error)}`, codeOf(error)) : error;
      }
    });
  }
  return 0;
}

function print(bytes: Uint8Array): Promise<void> {
  return new Promise((done, fail) => process.stdout.write(bytes, (error) => (error ? fail(error) : done())));
}
