// The header of LUKS version 1 ("LUKS On-Disk Format Specification" 1.2.3, §4), big-endian: what encrypts the sectors
// behind it, and eight slots that each hold the key to them under a passphrase of its own.
//
//    0 "LUKS" BA BE    6 version    8 cipher (32)   40 mode (32)   72 hash (32)
//  104 payload offset in sectors  108 key bytes   112 digest of the master key (20), 132 its salt (32), 164 iterations
//  168 UUID (40)   208 slots, 48 bytes each:
//        0 active   4 iterations   8 salt (32)   40 key material offset in sectors   44 stripes
import { UserError } from "../../core/errors.ts";
import {
  algorithmName,
  type CipherSpec,
  isCipher,
  isGenerator,
  isHash,
  isMode,
  masterKeyLength,
  takesKey,
} from "./ciphers.ts";

export const LUKS_HEADER_SIZE = 592;
export const SLOTS = 8;
export const STRIPES = 4000;
export const SALT_LENGTH = 32;
/** The master key's digest is cut to this. */
export const DIGEST_LENGTH = 20;

const SECTOR = 512;
const MAGIC = "LUKS\xba\xbe";
const VERSION = 1;
const ACTIVE = 0x00ac71f3;
const INACTIVE = 0x0000dead;
const NAME_LENGTH = 32;
const SLOTS_AT = 208;
const SLOT_SIZE = 48;
/** Key material begins at multiples of this. */
const ALIGNMENT = 4096;

export interface KeySlot {
  active: boolean;
  iterations: number;
  salt: Uint8Array;
  /** Bytes from the header's start. */
  offset: number;
}

export interface LuksHeader {
  spec: CipherSpec;
  /** Of the key derivations and the splitter. */
  hash: string;
  /** Bytes from the header's start. */
  payloadOffset: number;
  keyBytes: number;
  digest: Uint8Array;
  digestSalt: Uint8Array;
  digestIterations: number;
  uuid: string;
  slots: KeySlot[];
}

function invalid(sentence: string): UserError {
  return new UserError(sentence, "EINVAL");
}

/** A name of at most 31 bytes, zeros behind it. */
function readName(bytes: Uint8Array, at: number, what: string): string {
  const end = bytes.indexOf(0, at);
  if (end < at || end >= at + NAME_LENGTH) throw invalid(`LUKS header ${what} is not NUL terminated`);
  return String.fromCharCode(...bytes.subarray(at, end));
}

/** Reads and checks the header; of a file that ends within it, the rest counts as zeros. */
export function parseLuksHeader(bytes: Uint8Array): LuksHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, LUKS_HEADER_SIZE);
  if (String.fromCharCode(...bytes.subarray(0, 6)) !== MAGIC) throw invalid("Volume is not in LUKS format");
  const version = view.getUint16(6);
  if (version !== VERSION) throw new UserError(`LUKS version ${version} is not supported`, "ENOTSUP");
  const cipher = readName(bytes, 8, "cipher name");
  const mode = readName(bytes, 40, "cipher mode");
  const hash = readName(bytes, 72, "hash spec");
  const payloadOffset = view.getUint32(104) * SECTOR;
  const keyBytes = view.getUint32(108);
  const digestIterations = view.getUint32(164);
  if (payloadOffset < sectorsOf(LUKS_HEADER_SIZE))
    throw invalid("LUKS payload is overlapping with the header");
  if (digestIterations === 0) throw invalid("LUKS key iteration count is zero");
  const slots = Array.from({ length: SLOTS }, (_, index) => readSlot(view, index));
  const spec = parseSpec(cipher, mode, keyBytes);
  if (!isHash(hash)) throw invalid(`Hash algorithm '${hash}' not supported`);
  checkPlaces(slots, keyBytes, payloadOffset);
  const uuid = String.fromCharCode(...bytes.subarray(168, 208)).replace(/\0.*$/s, "");
  return {
    spec,
    hash,
    payloadOffset,
    keyBytes,
    digest: bytes.slice(112, 132),
    digestSalt: bytes.slice(132, 164),
    digestIterations,
    uuid,
    slots,
  };
}

function sectorsOf(bytes: number): number {
  return Math.ceil(bytes / SECTOR) * SECTOR;
}

function readSlot(view: DataView, index: number): KeySlot {
  const at = SLOTS_AT + index * SLOT_SIZE;
  const state = view.getUint32(at);
  const iterations = view.getUint32(at + 4);
  const stripes = view.getUint32(at + 44);
  if (stripes !== STRIPES) throw invalid(`Keyslot ${index} is corrupted (stripes ${stripes} != ${STRIPES})`);
  if (state !== ACTIVE && state !== INACTIVE)
    throw invalid(`Keyslot ${index} state (active/disable) is corrupted`);
  if (state === ACTIVE && iterations === 0) throw invalid(`Keyslot ${index} iteration count is zero`);
  const salt = new Uint8Array(view.buffer, view.byteOffset + at + 8, SALT_LENGTH).slice();
  return { active: state === ACTIVE, iterations, salt, offset: view.getUint32(at + 40) * SECTOR };
}

/** No slot's key material lies over another's, the header or the payload. */
function checkPlaces(slots: readonly KeySlot[], keyBytes: number, payloadOffset: number): void {
  const length = sectorsOf(keyBytes * STRIPES);
  slots.forEach(({ offset }, index) => {
    if (offset < sectorsOf(LUKS_HEADER_SIZE))
      throw invalid(`Keyslot ${index} is overlapping with the LUKS header`);
    if (offset + length > payloadOffset)
      throw invalid(`Keyslot ${index} is overlapping with the encrypted payload`);
    for (let other = index + 1; other < slots.length; other++)
      if (Math.abs(offset - slots[other]!.offset) < length)
        throw invalid(`Keyslots ${index} and ${other} are overlapping in the header`);
  });
}

/** `aes` with `xts-plain64`, `cbc-essiv:sha256` … */
function parseSpec(cipher: string, text: string, keyBytes: number): CipherSpec {
  const [, mode, generator, vectorHash] = /^([^-]*)-([^:]*)(?::(.*))?$/.exec(text) ?? [];
  if (mode === undefined || generator === undefined)
    throw invalid(`Unexpected cipher mode string format '${text}'`);
  if (!isMode(mode)) throw invalid(`Cipher mode '${mode}' not supported`);
  if (vectorHash !== undefined && !isHash(vectorHash))
    throw invalid(`Hash algorithm '${vectorHash}' not supported`);
  const keyLength = mode === "xts" ? Math.floor(keyBytes / 2) : keyBytes;
  if (!isCipher(cipher) || !takesKey(cipher, keyLength))
    throw invalid(`Algorithm '${cipher}' with key size ${keyLength} bytes not supported`);
  if (!isGenerator(generator)) throw invalid(`IV generator '${generator}' not supported`);
  return { cipher, keyLength, mode, generator, vectorHash };
}

export function encodeLuksHeader(header: LuksHeader): Uint8Array {
  const bytes = new Uint8Array(LUKS_HEADER_SIZE);
  const view = new DataView(bytes.buffer);
  const put = (text: string, at: number): void =>
    void bytes.set(
      [...text].map((char) => char.charCodeAt(0)),
      at,
    );
  const { cipher, mode, generator, vectorHash } = header.spec;
  put(MAGIC, 0);
  view.setUint16(6, VERSION);
  put(cipher, 8);
  put(`${mode}-${generator}${vectorHash === undefined ? "" : `:${vectorHash}`}`, 40);
  put(header.hash, 72);
  view.setUint32(104, header.payloadOffset / SECTOR);
  view.setUint32(108, header.keyBytes);
  bytes.set(header.digest, 112);
  bytes.set(header.digestSalt, 132);
  view.setUint32(164, header.digestIterations);
  put(header.uuid, 168);
  header.slots.forEach(({ active, iterations, salt, offset }, index) => {
    const at = SLOTS_AT + index * SLOT_SIZE;
    view.setUint32(at, active ? ACTIVE : INACTIVE);
    view.setUint32(at + 4, iterations);
    bytes.set(salt, at + 8);
    view.setUint32(at + 40, offset / SECTOR);
    view.setUint32(at + 44, STRIPES);
  });
  return bytes;
}

/** Where a new header's parts lie: slot after slot, the payload behind the last. */
export function layLuks(spec: CipherSpec): { slotOffsets: number[]; payloadOffset: number } {
  const room = Math.ceil((masterKeyLength(spec) * STRIPES) / ALIGNMENT) * ALIGNMENT;
  const slotOffsets = Array.from({ length: SLOTS }, (_, index) => ALIGNMENT + index * room);
  return { slotOffsets, payloadOffset: ALIGNMENT + SLOTS * room };
}

/** What `info` says of it, in its order. */
export function luksDetails(header: LuksHeader, insideQcow2 = false): Record<string, unknown> {
  const { spec } = header;
  return {
    "ivgen-alg": spec.generator,
    "hash-alg": header.hash,
    "cipher-alg": algorithmName(spec),
    uuid: header.uuid,
    ...(spec.generator === "essiv" ? { "ivgen-hash-alg": spec.vectorHash } : {}),
    ...(insideQcow2 ? { format: "luks" } : {}),
    "cipher-mode": spec.mode,
    slots: header.slots.map(({ active, iterations, offset }) =>
      active
        ? { active, iters: iterations, "key-offset": offset, stripes: STRIPES }
        : { active, "key-offset": offset },
    ),
    "payload-offset": header.payloadOffset,
    "master-key-iters": header.digestIterations,
  };
}
