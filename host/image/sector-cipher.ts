// Sectors that a file holds encrypted: the engine's cipher under one key, and reads and writes through it of any
// alignment.
import type { BlockSource } from "../block/source.ts";
import { UserError } from "../core/errors.ts";
import { type CipherSpec, digestLength, requireCipher, requireHash } from "./ciphers.ts";
import type { BlockExports } from "./engine.ts";

const SECTOR = 512;

/** The one cipher of an engine's instance. */
export class SectorCipher {
  constructor(
    private readonly core: BlockExports,
    spec: CipherSpec,
    key: Uint8Array,
  ) {
    const { mode, generator } = requireCipher(spec);
    if (spec.mode === "xts" && key.length % 2)
      throw new UserError("XTS cipher key length should be a multiple of 2", "EINVAL");
    const at = this.at;
    let vectorKeyLength = 0;
    this.view(key.length).set(key);
    if (spec.generator === "essiv") {
      vectorKeyLength = digestLength(spec.vectorHash!);
      core.hash(requireHash(spec.vectorHash!), at, key.length, at + key.length);
    }
    core.setCipher(mode, generator, at, key.length, vectorKeyLength);
    this.view(key.length + vectorKeyLength).fill(0);
  }

  private get at(): number {
    return this.core.CRYPTO_AT.value as number;
  }

  private view(length: number): Uint8Array {
    return new Uint8Array(this.core.memory.buffer, this.at, length);
  }

  /** Decrypts whole sectors in place; `first` is the number of the first one. */
  decrypt(bytes: Uint8Array, first: number): void {
    this.eachPart(bytes, bytes, (count, sector) => this.core.decryptSectors(this.at, count, first + sector));
  }

  /** Whole sectors, encrypted. */
  encrypt(bytes: Uint8Array, first: number): Uint8Array {
    const result = new Uint8Array(bytes.length);
    this.eachPart(bytes, result, (count, sector) => this.core.encryptSectors(this.at, count, first + sector));
    return result;
  }

  private eachPart(from: Uint8Array, into: Uint8Array, work: (sectors: number, first: number) => void): void {
    const room = this.core.CRYPTO_SIZE.value as number;
    for (let done = 0; done < from.length; done += room) {
      const part = this.view(Math.min(room, from.length - done));
      part.set(from.subarray(done, done + part.length));
      work(part.length / SECTOR, done / SECTOR);
      into.set(part, done);
    }
  }

  /** Reads the bytes at `place` of `file`, which count as those at `number` of the numbered sectors. */
  async read(file: BlockSource, into: Uint8Array, place: number, number: number): Promise<void> {
    const head = place % SECTOR;
    const whole = head === 0 && into.length % SECTOR === 0 ? into : sectorsAround(head, into.length);
    await file.read(whole, place - head);
    this.decrypt(whole, (number - head) / SECTOR);
    if (whole !== into) into.set(whole.subarray(head, head + into.length));
  }

  /** Writes as `read` reads. The sectors that it covers in part must not be written meanwhile. */
  async write(file: BlockSource, from: Uint8Array, place: number, number: number): Promise<void> {
    const head = place % SECTOR;
    let whole = from;
    if (head !== 0 || from.length % SECTOR !== 0) {
      whole = sectorsAround(head, from.length);
      await this.read(file, whole, place - head, number - head);
      whole.set(from, head);
    }
    await file.write!(this.encrypt(whole, (number - head) / SECTOR), place - head);
  }
}

function sectorsAround(head: number, length: number): Uint8Array {
  return new Uint8Array(Math.ceil((head + length) / SECTOR) * SECTOR);
}
