// The key slots of a LUKS1 header: making them, opening one with a passphrase, adding and erasing.
//
// A slot's key material is the master key, split into 4000 stripes (assembly/crypto/stripes.ts) and encrypted like
// sectors under a key that PBKDF2 makes of the passphrase. Whether what comes out is the master key tells its digest.
import { UserError } from "../../core/errors.ts";
import { loadEngine } from "../../core/load.ts";
import type { Runtime } from "../../runtimes/runtime.ts";
import { type CipherSpec, masterKeyLength, requireCipher, hashNumber } from "./ciphers.ts";
import type { BlockExports } from "../qcow2/engine.ts";
import { deriveKey, iterationsFor } from "./key-derivation.ts";
import {
  DIGEST_LENGTH,
  encodeLuksHeader,
  layLuks,
  LUKS_HEADER_SIZE,
  type LuksHeader,
  parseLuksHeader,
  SALT_LENGTH,
  STRIPES,
} from "./luks-header.ts";
import { SectorCipher } from "./sector-cipher.ts";

const SECTOR = 512;
/** crypto.getRandomValues gives no more at once. */
const RANDOM_MAX = 65536;
/** The digest of the master key may take an eighth of what a slot takes. */
const DIGEST_SHARE = 8;

/** Where header and key material lie; offsets count from the header's start. */
export interface LuksStore {
  read(into: Uint8Array, offset: number): Promise<void>;
  write(from: Uint8Array, offset: number): Promise<void>;
  flush(): Promise<void>;
}

export interface LuksOptions {
  spec: CipherSpec;
  hash: string;
  /** Milliseconds that opening a slot may take. */
  iterTime: number;
}

function random(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += RANDOM_MAX)
    crypto.getRandomValues(bytes.subarray(at, Math.min(length, at + RANDOM_MAX)));
  return bytes;
}

/** Version 4, random (RFC 9562 §5.4). */
function randomUuid(): string {
  const bytes = random(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** An engine for keys alone: that of an image has the payload's key set. */
export async function startCryptoEngine(runtime: Runtime): Promise<BlockExports> {
  const core = await loadEngine<BlockExports>(runtime, "block.wasm");
  if (!core.reserve(0)) throw new UserError("Not enough memory to open an encrypted image", "ENOMEM");
  return core;
}

export class LuksVolume {
  private constructor(
    private readonly runtime: Runtime,
    private readonly core: BlockExports,
    private readonly store: LuksStore,
    readonly header: LuksHeader,
  ) {}

  static async open(runtime: Runtime, store: LuksStore): Promise<LuksVolume> {
    const core = await startCryptoEngine(runtime);
    const bytes = new Uint8Array(LUKS_HEADER_SIZE);
    await store.read(bytes, 0);
    return new LuksVolume(runtime, core, store, parseLuksHeader(bytes));
  }

  /** Writes a new header with a random master key, and that under `passphrase` into the first slot. */
  static async create(
    runtime: Runtime,
    store: LuksStore,
    passphrase: Uint8Array,
    { spec, hash, iterTime }: LuksOptions,
  ): Promise<LuksVolume> {
    requireCipher(spec);
    const core = await startCryptoEngine(runtime);
    const { slotOffsets, payloadOffset } = layLuks(spec);
    const keyBytes = masterKeyLength(spec);
    const masterKey = random(keyBytes);
    const digestSalt = random(SALT_LENGTH);
    const digestIterations = await iterationsFor(runtime, core, hash, DIGEST_LENGTH, iterTime / DIGEST_SHARE);
    const header: LuksHeader = {
      spec,
      hash,
      payloadOffset,
      keyBytes,
      digest: new Uint8Array(0),
      digestSalt,
      digestIterations,
      uuid: randomUuid(),
      slots: slotOffsets.map((offset) => ({
        active: false,
        iterations: 0,
        salt: new Uint8Array(SALT_LENGTH),
        offset,
      })),
    };
    const volume = new LuksVolume(runtime, core, store, header);
    header.digest = await volume.digestOf(masterKey);
    await volume.fillSlot(0, masterKey, passphrase, iterTime);
    return volume;
  }

  /** The master key, by whichever slot the passphrase opens. */
  async unlock(passphrase: Uint8Array): Promise<Uint8Array> {
    for (let index = 0; index < this.header.slots.length; index++) {
      const key = await this.openSlot(index, passphrase);
      if (key) return key;
    }
    throw new UserError("Invalid password, cannot unlock any keyslot", "EPERM");
  }

  /** The master key out of one slot; undefined: it is another passphrase's, or nobody's. */
  async openSlot(index: number, passphrase: Uint8Array): Promise<Uint8Array | undefined> {
    const { active, offset, salt, iterations } = this.header.slots[index]!;
    if (!active) return undefined;
    const { hash, keyBytes, spec } = this.header;
    const slotKey = await deriveKey(this.core, passphrase, { hash, salt, iterations, length: keyBytes });
    const material = this.newMaterial();
    await this.store.read(material.subarray(0, keyBytes * STRIPES), offset);
    new SectorCipher(this.core, spec, slotKey).decrypt(material, 0);
    const key = this.inEngine(material, (at) => {
      this.core.mergeKey(hashNumber(hash), at, keyBytes, STRIPES);
      return keyBytes;
    });
    const digest = await this.digestOf(key);
    return digest.every((byte, at) => byte === this.header.digest[at]) ? key : undefined;
  }

  /** Puts the master key under `passphrase` into a slot: its material first, then what names it. */
  async fillSlot(
    index: number,
    masterKey: Uint8Array,
    passphrase: Uint8Array,
    iterTime: number,
  ): Promise<void> {
    const { hash, keyBytes, spec, slots } = this.header;
    const { offset } = slots[index]!;
    const salt = random(SALT_LENGTH);
    const iterations = await iterationsFor(this.runtime, this.core, hash, keyBytes, iterTime);
    const slotKey = await deriveKey(this.core, passphrase, { hash, salt, iterations, length: keyBytes });
    const length = keyBytes * STRIPES;
    const material = this.newMaterial();
    material.set(random(length - keyBytes));
    const keyAt = (this.core.CRYPTO_AT.value as number) + material.length;
    new Uint8Array(this.core.memory.buffer, keyAt, keyBytes).set(masterKey);
    const split = this.inEngine(material, (at) => {
      this.core.splitKey(hashNumber(hash), keyAt, keyBytes, at, STRIPES);
      return material.length;
    });
    new Uint8Array(this.core.memory.buffer, keyAt, keyBytes).fill(0);
    new SectorCipher(this.core, spec, slotKey).encrypt(split, 0);
    await this.store.write(split.subarray(0, length), offset);
    await this.store.flush();
    slots[index] = { active: true, iterations, salt, offset };
    await this.writeHeader();
  }

  /** Overwrites a slot's material, so that no passphrase opens it again, then says so in the header. */
  async eraseSlot(index: number): Promise<void> {
    const { keyBytes, slots } = this.header;
    const { offset } = slots[index]!;
    await this.store.write(random(keyBytes * STRIPES), offset);
    await this.store.flush();
    slots[index] = { active: false, iterations: 0, salt: new Uint8Array(SALT_LENGTH), offset };
    await this.writeHeader();
  }

  private async writeHeader(): Promise<void> {
    await this.store.write(encodeLuksHeader(this.header), 0);
    await this.store.flush();
  }

  /** Room for a slot's stripes in whole sectors, which is how they are encrypted. */
  private newMaterial(): Uint8Array {
    return new Uint8Array(Math.ceil((this.header.keyBytes * STRIPES) / SECTOR) * SECTOR);
  }

  /** Runs `work` with `bytes` in the engine's memory; gives as many of them back as it answers, and wipes them there. */
  private inEngine(bytes: Uint8Array, work: (at: number) => number): Uint8Array {
    const at = this.core.CRYPTO_AT.value as number;
    const memory = new Uint8Array(this.core.memory.buffer, at, bytes.length);
    memory.set(bytes);
    const result = memory.slice(0, work(at));
    memory.fill(0);
    return result;
  }

  private digestOf(masterKey: Uint8Array): Promise<Uint8Array> {
    const { hash, digestSalt: salt, digestIterations: iterations } = this.header;
    return deriveKey(this.core, masterKey, { hash, salt, iterations, length: DIGEST_LENGTH });
  }
}
