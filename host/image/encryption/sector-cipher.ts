// Sectors that a file holds encrypted: the engine's cipher under one key, and reads and writes through it of any
// alignment.
import type { BlockSource } from "../../block/source.ts";
import { UserError } from "../../core/errors.ts";
import { type CipherSpec, digestLength, requireCipher, hashNumber } from "./ciphers.ts";
import type { CodecPool } from "../codecs/codec-pool.ts";
import type { BlockExports } from "../qcow2/engine.ts";

const SECTOR = 512;
/** Less than this is done before a thread has it. */
const WORTH_A_THREAD = 128 * 1024;

/** The one cipher of an engine's instance. */
export class SectorCipher {
  constructor(
    private readonly core: BlockExports,
    private readonly spec: CipherSpec,
    private readonly key: Uint8Array,
  ) {
    const { algorithm, mode, generator } = requireCipher(spec);
    if (spec.mode === "xts" && key.length % 2)
      throw new UserError("XTS cipher key length should be a multiple of 2", "EINVAL");
    const at = this.at;
    let vectorKeyLength = 0;
    this.view(key.length).set(key);
    if (spec.generator === "essiv") {
      vectorKeyLength = digestLength(spec.vectorHash!);
      core.hash(hashNumber(spec.vectorHash!), at, key.length, at + key.length);
    }
    core.setCipher(algorithm, mode, generator, at, key.length, vectorKeyLength);
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
    this.eachPart(bytes, (count, sector) => this.core.decryptSectors(this.at, count, first + sector));
  }

  /** Encrypts whole sectors in place. */
  encrypt(bytes: Uint8Array, first: number): void {
    this.eachPart(bytes, (count, sector) => this.core.encryptSectors(this.at, count, first + sector));
  }

  private eachPart(bytes: Uint8Array, work: (sectors: number, first: number) => void): void {
    const room = this.core.CRYPTO_SIZE.value as number;
    for (let done = 0; done < bytes.length; done += room) {
      const part = this.view(Math.min(room, bytes.length - done));
      part.set(bytes.subarray(done, done + part.length));
      work(part.length / SECTOR, done / SECTOR);
      bytes.set(part, done);
    }
  }

  /**
   * Reads the bytes at `place` of `file`, which count as those at `number` of the numbered sectors. Large reads are
   * decrypted by the pool, if there is one.
   */
  async read(
    file: BlockSource,
    into: Uint8Array,
    place: number,
    number: number,
    pool?: CodecPool,
  ): Promise<void> {
    const head = place % SECTOR;
    const isWhole = head === 0 && into.length % SECTOR === 0;
    if (pool && isWhole && into.length >= WORTH_A_THREAD) {
      const { length } = into;
      const buffer = pool.takeBuffer(length);
      await file.read(new Uint8Array(buffer, 0, length), place);
      const done = await pool.run({ kind: "decrypt", buffer, length, ...this.keyed(number) });
      into.set(new Uint8Array(done.buffer, 0, length));
      pool.giveBuffer(done.buffer);
      return;
    }
    const whole = isWhole ? into : sectorsAround(head, into.length);
    await file.read(whole, place - head);
    this.decrypt(whole, (number - head) / SECTOR);
    if (whole !== into) into.set(whole.subarray(head, head + into.length));
  }

  private keyed(number: number): { spec: CipherSpec; key: Uint8Array; first: number } {
    return { spec: this.spec, key: this.key, first: number / SECTOR };
  }

  /** Writes as `read` reads. The sectors that it covers in part must not be written meanwhile. */
  async write(
    file: BlockSource,
    from: Uint8Array,
    place: number,
    number: number,
    pool?: CodecPool,
  ): Promise<void> {
    const head = place % SECTOR;
    const { length } = from;
    if (pool && head === 0 && length % SECTOR === 0 && length >= WORTH_A_THREAD) {
      const buffer = pool.takeBuffer(length);
      new Uint8Array(buffer).set(from);
      const done = await pool.run({ kind: "encrypt", buffer, length, ...this.keyed(number) });
      await file.write!(new Uint8Array(done.buffer, 0, length), place);
      pool.giveBuffer(done.buffer);
      return;
    }
    const whole = sectorsAround(head, length);
    if (whole.length !== length) await this.read(file, whole, place - head, number - head);
    whole.set(from, head);
    this.encrypt(whole, (number - head) / SECTOR);
    await file.write!(whole, place - head);
  }
}

function sectorsAround(head: number, length: number): Uint8Array {
  return new Uint8Array(Math.ceil((head + length) / SECTOR) * SECTOR);
}
