// --object: named things that other options refer to. There is one class: secret.
import { UserError } from "../../core/errors.ts";
import type { Secrets } from "../../image/driver.ts";
import { optionList } from "./getopt.ts";

export async function parseObjects(texts: readonly string[]): Promise<Secrets> {
  const secrets = new Map<string, Uint8Array>();
  for (const text of texts) {
    const [kind, ...rest] = text.split(",");
    const kindName = kind!.replace(/^qom-type=/, "");
    if (kindName !== "secret")
      throw new UserError(`Parameter 'qom-type' does not accept value '${kindName}'`, "EINVAL");
    const list = rest.length ? optionList([rest.join(",")]) : new Map<string, string>();
    const id = list.get("id");
    if (id === undefined) throw new UserError("Parameter 'id' is missing", "EINVAL");
    secrets.set(id, await readSecret(list));
  }
  return secrets;
}

async function readSecret(_list: ReadonlyMap<string, string>): Promise<Uint8Array> {
  throw new UserError("--object secret is not supported yet", "ENOTSUP");
}
