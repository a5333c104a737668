// What a user says of encryption: passphrases by the id of their secret, and how a new LUKS header is to be.
import { UserError } from "../../core/errors.ts";
import { type CipherSpec, isGenerator, isHash, isMode, parseAlgorithm } from "./ciphers.ts";
import type { CreateOption, Secrets, Settings } from "../driver.ts";
import type { LuksOptions } from "./luks-keys.ts";

/** QEMU's: AES-256-XTS. */
const DEFAULTS = {
  "cipher-alg": "aes-256",
  "cipher-mode": "xts",
  "ivgen-alg": "plain64",
  "hash-alg": "sha256",
} as const;
/** Milliseconds that opening a key slot may take. */
export const DEFAULT_ITER_TIME = 2000;
const ESSIV_HASH = "sha256";

/** In the order in which they are said when an image is made. */
export const LUKS_OPTIONS: readonly CreateOption[] = [
  { name: "key-secret", type: "str", help: "ID of the secret that provides the keyslot passphrase" },
  { name: "cipher-alg", type: "str", help: "Name of encryption cipher algorithm" },
  { name: "cipher-mode", type: "str", help: "Name of encryption cipher mode" },
  { name: "ivgen-alg", type: "str", help: "Name of IV generator algorithm" },
  { name: "ivgen-hash-alg", type: "str", help: "Name of IV generator hash algorithm" },
  { name: "hash-alg", type: "str", help: "Name of encryption hash algorithm" },
  { name: "iter-time", type: "num", help: "Time to spend in PBKDF in milliseconds" },
];

/** The passphrase that the option `parameter` names by `id`; `otherwise` if it names none. */
export function passphraseOf(
  secrets: Secrets,
  id: string | undefined,
  parameter: string,
  otherwise?: Uint8Array,
): Uint8Array {
  if (id !== undefined) return secretOf(secrets, id);
  if (otherwise) return otherwise;
  throw new UserError(`Parameter '${parameter}' is required for cipher`, "EINVAL");
}

export function secretOf(secrets: Secrets, id: string): Uint8Array {
  const secret = secrets.get(id);
  if (!secret) throw new UserError(`No secret with id '${id}'`, "EINVAL");
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(secret);
  } catch {
    throw new UserError(`Data from secret ${id} is not valid UTF-8`, "EINVAL");
  }
  return secret;
}

/** How the header is to be; the keys in `settings` have `prefix` before them. */
export function luksOptions(settings: Settings, prefix = ""): LuksOptions {
  const choice = (name: keyof typeof DEFAULTS | "ivgen-hash-alg", accepts: (value: string) => boolean) => {
    const value = settings[prefix + name];
    if (value === undefined) return undefined;
    if (!accepts(String(value)))
      throw new UserError(`Parameter '${name}' does not accept value '${value}'`, "EINVAL");
    return String(value);
  };
  const algorithm = choice("cipher-alg", isAlgorithm) ?? DEFAULTS["cipher-alg"];
  const mode = choice("cipher-mode", isMode) ?? DEFAULTS["cipher-mode"];
  const generator = choice("ivgen-alg", isGenerator) ?? DEFAULTS["ivgen-alg"];
  const vectorHash = choice("ivgen-hash-alg", isHash) ?? (generator === "essiv" ? ESSIV_HASH : undefined);
  const hash = choice("hash-alg", isHash) ?? DEFAULTS["hash-alg"];
  const parsed = parseAlgorithm(algorithm);
  if (!parsed) throw new UserError(`Algorithm '${algorithm}' not supported`, "ENOTSUP");
  const spec: CipherSpec = { ...parsed, mode, generator, vectorHash };
  return { spec, hash, iterTime: Number(settings[`${prefix}iter-time`] ?? DEFAULT_ITER_TIME) };
}

/** Also those that QEMU names and does not have itself. */
function isAlgorithm(name: string): boolean {
  return name === "des" || name === "3des" || parseAlgorithm(name) !== undefined;
}
