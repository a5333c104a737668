// A file that is a LUKS1 volume: the header with its key slots, then the disk, sector by sector encrypted.
import { type ImageFile, isWritable } from "../../block/source.ts";
import { UserError } from "../../core/errors.ts";
import { type CreateContext, type Driver, type OpenContext, SIZE_OPTION } from "../driver.ts";
import { LUKS_OPTIONS, luksOptions, passphraseOf } from "../encryption/encryption.ts";
import type { DiskImage, Extent } from "../image.ts";
import { amendKeySlots, KEY_SLOT_OPTIONS } from "../encryption/key-slots.ts";
import { luksDetails } from "../encryption/luks-header.ts";
import { type LuksStore, LuksVolume, startCryptoEngine } from "../encryption/luks-keys.ts";
import { RangeLock } from "../ranges.ts";
import type { CodecPool } from "../codecs/codec-pool.ts";
import { SectorCipher } from "../encryption/sector-cipher.ts";

const SECTOR = 512;
const KEY_SECRET = "key-secret";

function storeIn(file: ImageFile | CreateContext["file"]): LuksStore {
  return {
    read: (into, offset) => file.read(into, offset),
    write: (from, offset) => file.write!(from, offset),
    flush: () => file.flush!(),
  };
}

async function openLuks(context: OpenContext): Promise<LuksImage> {
  const { runtime, name, file, options, secrets, readOnly } = context;
  const secret = options.take(KEY_SECRET);
  const volume = await LuksVolume.open(runtime, storeIn(file));
  let cipher: SectorCipher | undefined;
  let masterKey: Uint8Array | undefined;
  if (context.unlock) {
    masterKey = await volume.unlock(passphraseOf(secrets, secret, KEY_SECRET, context.passphrase));
    cipher = new SectorCipher(await startCryptoEngine(runtime), volume.header.spec, masterKey);
  }
  if (file.size + SECTOR <= volume.header.payloadOffset)
    throw new UserError("Could not refresh total sector count: Input/output error", "EIO");
  return new LuksImage(name, file, volume, cipher, masterKey, readOnly);
}

async function createLuks({ runtime, file, size, settings, secrets }: CreateContext): Promise<void> {
  const id = settings[KEY_SECRET] as string | undefined;
  const passphrase = passphraseOf(secrets, id, KEY_SECRET);
  const volume = await LuksVolume.create(runtime, storeIn(file), passphrase, luksOptions(settings));
  await file.resize(volume.header.payloadOffset + size);
}

export const luks: Driver = {
  open: openLuks,
  create: createLuks,
  options: [SIZE_OPTION, ...LUKS_OPTIONS],
  amendOptions: KEY_SLOT_OPTIONS,
  amend: (image, settings, how) => {
    const { volume, masterKey } = image as LuksImage;
    return amendKeySlots(volume, masterKey!, settings, how);
  },
};

export class LuksImage implements DiskImage {
  readonly format = "luks";
  readonly dirty = false;
  readonly encrypted = true;
  /** Unwritten sectors, decrypted, are noise. */
  readonly blankIsZero = false;
  readonly dataName: string;
  readonly write?: (from: Uint8Array, offset: number) => Promise<void>;
  readonly flush?: () => Promise<void>;
  readonly resize?: (size: number) => Promise<void>;
  readonly discard?: (offset: number, length: number) => Promise<void>;
  /** Encrypts and decrypts for whoever reads or writes much. */
  codecs: CodecPool | undefined;
  private readonly ranges = new RangeLock();

  constructor(
    readonly name: string,
    private readonly file: ImageFile,
    readonly volume: LuksVolume,
    /** Undefined, for info: the key was not asked for. */
    private readonly cipher: SectorCipher | undefined,
    readonly masterKey: Uint8Array | undefined,
    readOnly: boolean,
  ) {
    this.dataName = file.fileName ?? name;
    if (readOnly || !isWritable(file)) return;
    this.write = (from, offset) => this.writeSectors(from, offset);
    this.flush = () => file.flush();
    if (file.resize) this.resize = (size) => file.resize!(this.payload + size);
    this.discard = async (offset, length) => {
      // Nothing encrypted reads as zeros but encrypted zeros.
      const zeros = new Uint8Array(Math.min(length, 2 ** 20));
      for (let at = 0; at < length; at += zeros.length)
        await this.writeSectors(zeros.subarray(0, Math.min(zeros.length, length - at)), offset + at);
    };
  }

  private requireKey(): SectorCipher {
    if (!this.cipher) throw new UserError("The image is open without its key", "EACCES");
    return this.cipher;
  }

  private get payload(): number {
    return this.volume.header.payloadOffset;
  }

  get size(): number {
    return Math.max(0, Math.ceil(this.file.size / SECTOR) * SECTOR - this.payload);
  }

  async read(into: Uint8Array, offset: number): Promise<void> {
    return this.requireKey().read(this.file, into, this.payload + offset, offset, this.codecs);
  }

  private async writeSectors(from: Uint8Array, offset: number): Promise<void> {
    const release = await this.ranges.acquire(
      offset - (offset % SECTOR),
      Math.ceil((offset + from.length) / SECTOR) * SECTOR,
      true,
    );
    try {
      await this.requireKey().write(this.file, from, this.payload + offset, offset, this.codecs);
    } finally {
      release();
    }
  }

  async extent(_offset: number, length: number): Promise<Extent> {
    return { length, present: true, zero: false };
  }

  allocated(): Promise<number | undefined> {
    return this.file.allocated();
  }

  details(): Record<string, unknown> {
    return luksDetails(this.volume.header);
  }

  close(): Promise<void> {
    return this.file.close();
  }
}
