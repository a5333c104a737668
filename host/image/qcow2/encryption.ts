// Encryption of qcow2 images (qcow2 specification, "Data encryption"): guest clusters are encrypted, tables are not.
//
// `luks` keeps a LUKS1 header in clusters of its own, named by a header extension; a sector's number is its place in
// the file. The older `aes` has no header: the passphrase is the key, so a wrong one is not noticed, and a sector's
// number is its place on the disk.
import { UserError } from "../../core/errors.ts";
import type { Runtime } from "../../runtimes/runtime.ts";
import type { BlockSource } from "../../block/source.ts";
import type { CipherSpec } from "../encryption/ciphers.ts";
import type { AmendContext, CreateOption, OpenContext, Secrets, Settings } from "../driver.ts";
import { LUKS_OPTIONS, luksOptions, passphraseOf } from "../encryption/encryption.ts";
import type { BlockExports, Engine } from "./engine.ts";
import { amendKeySlots, KEY_SLOT_OPTIONS } from "../encryption/key-slots.ts";
import { layLuks } from "../encryption/luks-header.ts";
import { type LuksOptions, type LuksStore, LuksVolume } from "../encryption/luks-keys.ts";
import type { Extensions } from "./header.ts";
import type { Qcow2Image } from "./image.ts";
import { SectorCipher } from "../encryption/sector-cipher.ts";

/** Of a new image. */
export type Qcow2Encryption =
  { format: "aes" } | { format: "luks"; passphrase: Uint8Array; options: LuksOptions };

export interface Unlocked {
  cipher: SectorCipher;
  /** Sectors are numbered by their place in the file, not on the disk. */
  countsHost: boolean;
  /** Of LUKS. */
  masterKey?: Uint8Array;
}

const PREFIX = "encrypt.";
/** The name of `encrypt.format=aes` before there were two. */
const OLD_SWITCH = "encryption";
const FORMAT = `${PREFIX}format`;
const KEY_SECRET = `${PREFIX}key-secret`;

const prefixed = (option: CreateOption): CreateOption => ({ ...option, name: PREFIX + option.name });

const SWITCH_OPTION: CreateOption = {
  name: OLD_SWITCH,
  type: "bool",
  help: "Encrypt the image with format 'aes'. (Deprecated in favor of encrypt.format=aes)",
};

/** Options of `create`, in the order in which they are said when an image is made. */
export const ENCRYPTION_OPTIONS: readonly CreateOption[] = [
  SWITCH_OPTION,
  { name: FORMAT, type: "str", help: "Encrypt the image, format choices: 'aes', 'luks'" },
  { name: KEY_SECRET, type: "str", help: "ID of secret providing qcow AES key or LUKS passphrase" },
  ...LUKS_OPTIONS.map(prefixed).filter(({ name }) => name !== KEY_SECRET),
];

/** Of `create` for qcow, version 1, which knows `aes` alone. */
export const OLD_ENCRYPTION_OPTIONS: readonly CreateOption[] = [
  SWITCH_OPTION,
  { name: FORMAT, type: "str", help: "Encrypt the image, format choices: 'aes'" },
  { name: KEY_SECRET, type: "str", help: "ID of the secret that provides the AES encryption key" },
];

/** And of `amend`. */
export const ENCRYPTION_AMEND_OPTIONS: readonly CreateOption[] = KEY_SLOT_OPTIONS.map(prefixed);

/** How a new image is to be encrypted; undefined: not at all. */
export function qcow2Encryption(settings: Settings, secrets: Secrets): Qcow2Encryption | undefined {
  const old = settings[OLD_SWITCH] === true;
  if (old && settings[FORMAT] !== undefined)
    throw new UserError(`'${FORMAT}' and its alias '${OLD_SWITCH}' can't be used at the same time`, "EINVAL");
  const format = old ? "aes" : settings[FORMAT];
  const others = Object.keys(settings).filter((key) => key.startsWith(PREFIX) && key !== FORMAT);
  if (format === undefined) {
    if (others.length) throw new UserError(`Parameter '${FORMAT}' is missing`, "EINVAL");
    return undefined;
  }
  const secret = settings[KEY_SECRET] as string | undefined;
  if (format === "aes") {
    const unexpected = others.find((key) => key !== KEY_SECRET);
    if (unexpected) throw new UserError(`Parameter '${unexpected}' is unexpected`, "EINVAL");
    passphraseOf(secrets, secret, KEY_SECRET);
    return { format };
  }
  if (format !== "luks")
    throw new UserError(`Parameter 'format' does not accept value '${format}'`, "EINVAL");
  const options = luksOptions(settings, PREFIX);
  return { format, options, passphrase: passphraseOf(secrets, secret, KEY_SECRET) };
}

/** Changes key slots if the settings of `amend` ask for it. */
export async function amendEncryption(
  image: Qcow2Image,
  settings: Settings,
  how: Pick<AmendContext, "secrets" | "force">,
): Promise<void> {
  if (!Object.keys(settings).some((key) => key.startsWith(PREFIX))) return;
  const { luks, unlocked, encryption } = image;
  if (!encryption) throw new UserError("Can't amend encryption options - encryption not present", "ENOTSUP");
  if (!luks || !unlocked?.masterKey)
    throw new UserError("Only LUKS encryption options can be amended for qcow2 with 'amend'", "ENOTSUP");
  await amendKeySlots(luks, unlocked.masterKey, settings, how, PREFIX);
}

export const CRYPT_METHODS = { aes: 1, luks: 2 } as const;

const AES_KEY_LENGTH = 16;
const AES_SPEC: CipherSpec = {
  cipher: "aes",
  keyLength: AES_KEY_LENGTH,
  mode: "cbc",
  generator: "plain64",
  vectorHash: undefined,
};

/** The cipher of `aes`, here and in qcow's version 1: sectors are numbered by their place on the disk. */
export function oldCipher(core: BlockExports, passphrase: Uint8Array): SectorCipher {
  const key = new Uint8Array(AES_KEY_LENGTH);
  key.set(passphrase.subarray(0, AES_KEY_LENGTH));
  return new SectorCipher(core, AES_SPEC, key);
}

function storeAt(file: BlockSource, start: number): LuksStore {
  return {
    read: (into, offset) => file.read(into, start + offset),
    write: (from, offset) => file.write!(from, start + offset),
    flush: () => file.flush!(),
  };
}

/** Reads the LUKS header if there is one and, unless only looked at from outside, unlocks the image. */
export async function openEncryption(context: OpenContext, image: Qcow2Image): Promise<void> {
  const format = context.options.take(FORMAT);
  const secret = context.options.take(KEY_SECRET);
  const { encryption } = image;
  if (format !== undefined && format !== encryption)
    throw new UserError(
      encryption
        ? `Header reported '${encryption}' encryption format but options specify '${format}'`
        : `No encryption in image header, but options specified format '${format}'`,
      "EINVAL",
    );
  if (!encryption) return;
  if (encryption === "luks") image.luks = await openHeader(context.runtime, image);
  if (!context.unlock) return;
  const passphrase = passphraseOf(context.secrets, secret, KEY_SECRET, context.passphrase);
  const { core } = image.engine;
  if (image.luks) {
    const masterKey = await image.luks.unlock(passphrase);
    const cipher = new SectorCipher(core, image.luks.header.spec, masterKey);
    image.unlocked = { cipher, countsHost: true, masterKey };
  } else {
    image.unlocked = { cipher: oldCipher(core, passphrase), countsHost: false };
  }
}

async function openHeader(runtime: Runtime, image: Qcow2Image): Promise<LuksVolume> {
  const { offset, length } = image.extensions.encryption!;
  if (offset % image.clusterSize)
    throw new UserError(
      `Encryption header offset '${offset}' is not a multiple of cluster size '${image.clusterSize}'`,
      "EINVAL",
    );
  const volume = await LuksVolume.open(runtime, storeAt(image.file, offset));
  if (volume.header.payloadOffset > Math.ceil(length / image.clusterSize) * image.clusterSize)
    throw new UserError("The LUKS header reaches past the clusters that are kept for it", "EINVAL");
  return volume;
}

/** Gives a new image, otherwise complete, its LUKS header. */
export async function createHeader(
  runtime: Runtime,
  engine: Engine,
  file: BlockSource,
  { passphrase, options }: { passphrase: Uint8Array; options: LuksOptions },
): Promise<NonNullable<Extensions["encryption"]>> {
  const { payloadOffset: length } = layLuks(options.spec);
  const clusterSize = 2 ** engine.core.clusterBits();
  const clusters = Math.ceil(length / clusterSize);
  const offset = await engine.run(
    (core) => core.allocateRange(clusters),
    (core) => core.extentOffset(),
  );
  await engine.flush();
  await LuksVolume.create(runtime, storeAt(file, offset), passphrase, options);
  // What is not written yet must not be cut off: the header's clusters are in use to their end.
  const end = offset + clusters * clusterSize;
  if (file.size < end) await file.resize!(end);
  return { offset, length };
}
