// --object: named things that other options refer to. There is one class: secret.
import { reason, UserError } from "../core/errors.ts";
import type { Secrets } from "../image/driver.ts";
import { node } from "../runtimes/node.ts";
import { parseList } from "./option-list.ts";

const PROPERTIES = ["data", "file", "format", "keyid", "iv"];
const KEY_LENGTH = 32;
const BLOCK = 16;

export async function parseObjects(texts: readonly string[]): Promise<Secrets> {
  const secrets = new Map<string, Uint8Array>();
  for (const text of texts) {
    const settings = parseSettings(text);
    const kind = settings.get("qom-type");
    if (kind === undefined) throw missing("qom-type");
    if (kind !== "secret")
      throw new UserError(`Parameter 'qom-type' does not accept value '${kind}'`, "EINVAL");
    const id = settings.get("id");
    if (id === undefined) throw missing("id");
    if (!/^[a-z][\w.-]*$/i.test(id))
      throw new UserError(
        "Parameter 'id' expects an identifier\n" +
          "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.",
        "EINVAL",
      );
    const unknown = [...settings.keys()].find((key) => !["qom-type", "id", ...PROPERTIES].includes(key));
    if (unknown !== undefined) throw new UserError(`Parameter '${unknown}' is unexpected`, "EINVAL");
    if (secrets.has(id))
      throw new UserError(`attempt to add duplicate property '${id}' to object (type 'container')`, "EEXIST");
    secrets.set(id, await readSecret(settings, secrets));
  }
  return secrets;
}

function missing(key: string): UserError {
  return new UserError(`Parameter '${key}' is missing`, "EINVAL");
}

/** `secret,id=…,…`, or the same as a JSON object. */
function parseSettings(text: string): Map<string, string> {
  const settings = new Map<string, string>();
  if (text.startsWith("{")) {
    let record: unknown;
    try {
      record = JSON.parse(text);
    } catch {
      throw new UserError("JSON parse error, invalid syntax", "EINVAL");
    }
    for (const [key, value] of Object.entries(record as object)) settings.set(key, String(value));
    return settings;
  }
  for (const { key, value } of parseList(text, "qom-type")) {
    if (value === undefined) throw new UserError(`Expected '=' after parameter '${key}'`, "EINVAL");
    settings.set(key, value);
  }
  return settings;
}

/** The bytes of a secret: given or from a file, as they are or in base64, in the clear or under another secret. */
async function readSecret(settings: ReadonlyMap<string, string>, others: Secrets): Promise<Uint8Array> {
  const [data, file] = [settings.get("data"), settings.get("file")];
  if (data !== undefined && file !== undefined)
    throw new UserError("'file' and 'data' are mutually exclusive", "EINVAL");
  if (data === undefined && file === undefined)
    throw new UserError("Either 'file' or 'data' must be provided", "EINVAL");
  const format = settings.get("format") ?? "raw";
  if (format !== "raw" && format !== "base64")
    throw new UserError(`Parameter 'format' does not accept value '${format}'`, "EINVAL");
  const given = data === undefined ? await readWhole(file!) : new TextEncoder().encode(data);
  const keyId = settings.get("keyid");
  const key = keyId === undefined ? undefined : wrappingKey(others, keyId);
  const vector = settings.get("iv");
  if (key && vector === undefined) throw new UserError("IV is required to decrypt secret", "EINVAL");
  const bytes = format === "base64" ? fromBase64(new TextDecoder("latin1").decode(given)) : given;
  return key ? unwrap(bytes, key, fromBase64(vector!)) : bytes;
}

async function readWhole(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const file = await node.openFile(path, "read");
    try {
      const bytes = new Uint8Array(await file.size());
      return bytes.subarray(0, await file.read(bytes, 0));
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new UserError(`Unable to read ${path}: Failed to open file “${path}”: ${reason(error)}`, "EINVAL");
  }
}

/** As GLib decodes: whole groups of four characters, what is left over is not there. */
function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  if (!/^[a-z\d+/=\s]*$/i.test(text))
    throw new UserError("Base64 data contains invalid characters", "EINVAL");
  const characters = text.replace(/\s/g, "");
  return new Uint8Array(
    Buffer.from(characters.slice(0, characters.length - (characters.length % 4)), "base64"),
  );
}

function wrappingKey(secrets: Secrets, id: string): Uint8Array {
  const key = secrets.get(id);
  if (!key) throw new UserError(`No secret with id '${id}'`, "EINVAL");
  if (key.length !== KEY_LENGTH) throw new UserError("Key should be 32 bytes in length", "EINVAL");
  return key;
}

/** AES-256-CBC with PKCS #7 padding. */
async function unwrap(
  bytes: Uint8Array<ArrayBuffer>,
  key: Uint8Array,
  vector: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array> {
  if (vector.length !== BLOCK)
    throw new UserError(`IV should be 16 bytes in length not ${vector.length}`, "EINVAL");
  if (bytes.length % BLOCK)
    throw new UserError(`Length ${bytes.length} must be a multiple of block size ${BLOCK}`, "EINVAL");
  const { subtle } = globalThis.crypto;
  const imported = await subtle.importKey("raw", key.slice(), "AES-CBC", false, ["decrypt"]);
  try {
    return new Uint8Array(await subtle.decrypt({ name: "AES-CBC", iv: vector }, imported, bytes));
  } catch {
    throw new UserError("Incorrect number of padding bytes found on decrypted data", "EINVAL");
  }
}
