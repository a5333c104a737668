// Encryption of sectors as disks are encrypted: 512 bytes each under one key, told apart by a vector made from the
// sector's number. Modes and vector generators are those of dm-crypt, which LUKS names ("xts-plain64", "cbc-essiv").
import { SECTOR_CIPHER_AT, SECTOR_KEYS_AT, SECTOR_SCRATCH_AT } from "../block/layout";
import { BATCH, BATCH_BYTES, BLOCK } from "./aes";
import { decrypt, encrypt, expand, SCHEDULE_MAX } from "./block-ciphers";

const SECTOR: usize = 512;

/** Modes, as the host numbers them. */
const XTS: u32 = 0;
const CBC: u32 = 1;
const ECB: u32 = 2;
const CTR: u32 = 3;

/** Vector generators, as the host numbers them; 1 is plain64, the whole number. */
const PLAIN: u32 = 0;
const ESSIV: u32 = 2;

@final
@unmanaged
class SectorCipher {
  algorithm: u32;
  mode: u32;
  generator: u32;
}

const cipher = changetype<SectorCipher>(SECTOR_CIPHER_AT);
const DATA_KEY: usize = SECTOR_KEYS_AT;
/** XTS encrypts the vectors under a key of their own. */
const TWEAK_KEY: usize = DATA_KEY + SCHEDULE_MAX;
/** ESSIV's: a hash of the data key. */
const VECTOR_KEY: usize = TWEAK_KEY + SCHEDULE_MAX;

/** Vectors of eight sectors; the tweaks or the ciphertext of eight blocks. */
const VECTORS_AT: usize = SECTOR_SCRATCH_AT;
const BATCH_AT: usize = VECTORS_AT + BATCH_BYTES;

/**
 * Sets block cipher, mode, vector generator and key; `vectorKeyLength` bytes of ESSIV's key lie behind those of the data
 * key.
 */
export function setCipher(
  algorithm: u32,
  mode: u32,
  generator: u32,
  key: usize,
  length: u32,
  vectorKeyLength: u32,
): void {
  cipher.algorithm = algorithm;
  cipher.mode = mode;
  cipher.generator = generator;
  // XTS takes two keys of equal length (IEEE 1619 §5.1).
  const half = mode == XTS ? length >> 1 : length;
  expand(algorithm, key, half, DATA_KEY);
  if (mode == XTS) expand(algorithm, key + half, half, TWEAK_KEY);
  if (generator == ESSIV) expand(algorithm, key + length, vectorKeyLength, VECTOR_KEY);
}

export function encryptSectors(at: usize, count: u32, first: u64): void {
  crypt(at, count, first, false);
}

export function decryptSectors(at: usize, count: u32, first: u64): void {
  crypt(at, count, first, true);
}

function crypt(at: usize, count: u32, first: u64, back: bool): void {
  for (let done: u32 = 0; done < count; done += <u32>BATCH) {
    const sectors = min(count - done, <u32>BATCH);
    const group = at + <usize>done * SECTOR;
    if (cipher.mode != ECB) makeVectors(first + done);
    if (cipher.mode == CBC && !back) {
      encryptChains(group, sectors);
      continue;
    }
    for (let i: u32 = 0; i < sectors; i++) {
      const sector = group + <usize>i * SECTOR;
      const vector = v128.load(VECTORS_AT + <usize>i * BLOCK);
      if (cipher.mode == XTS) cryptTweaked(sector, vector, back);
      else if (cipher.mode == CBC) decryptChain(sector, vector);
      else if (cipher.mode == CTR) addKeyStream(sector, vector);
      else cryptBlocks(sector, back);
    }
  }
}

/** The vectors of eight sectors from number `first` on. */
function makeVectors(first: u64): void {
  for (let i: u64 = 0; i < BATCH; i++) {
    const number = cipher.generator == PLAIN ? (first + i) & 0xffff_ffff : first + i;
    v128.store(VECTORS_AT + <usize>i * BLOCK, i64x2(number, 0));
  }
  if (cipher.generator == ESSIV) encrypt(cipher.algorithm, VECTORS_AT, VECTOR_KEY);
  if (cipher.mode == XTS) encrypt(cipher.algorithm, VECTORS_AT, TWEAK_KEY);
}

/** XTS (IEEE 1619 §5.3): each block between two additions of its tweak, the vector times x^block. */
function cryptTweaked(sector: usize, vector: v128, back: bool): void {
  let tweak = vector;
  for (let at = sector; at < sector + SECTOR; at += BATCH_BYTES) {
    for (let i: usize = 0; i < BATCH_BYTES; i += BLOCK) {
      v128.store(BATCH_AT + i, tweak);
      v128.store(at + i, v128.xor(v128.load(at + i), tweak));
      tweak = timesX(tweak);
    }
    cryptBatch(at, back);
    for (let i: usize = 0; i < BATCH_BYTES; i += BLOCK)
      v128.store(at + i, v128.xor(v128.load(at + i), v128.load(BATCH_AT + i)));
  }
}

/** Times x in GF(2^128), little-endian, modulo x^128 + x^7 + x^2 + x + 1 (IEEE 1619 §5.2). */
function timesX(tweak: v128): v128 {
  // The sign of either half: the low one's goes on into the high half, the high one's comes back as 87h.
  const carries = v128.shuffle<i64>(i64x2.shr_s(tweak, 63), i64x2.shr_s(tweak, 63), 1, 0);
  return v128.xor(i64x2.shl(tweak, 1), v128.and(carries, i64x2(0x87, 1)));
}

/** CBC chains the blocks of a sector one by one, so eight sectors go side by side. */
function encryptChains(group: usize, sectors: u32): void {
  for (let block: usize = 0; block < SECTOR; block += BLOCK) {
    for (let i: usize = 0; i < sectors; i++) {
      const at = VECTORS_AT + i * BLOCK;
      v128.store(at, v128.xor(v128.load(at), v128.load(group + i * SECTOR + block)));
    }
    cryptBatch(VECTORS_AT, false);
    for (let i: usize = 0; i < sectors; i++)
      v128.store(group + i * SECTOR + block, v128.load(VECTORS_AT + i * BLOCK));
  }
}

function decryptChain(sector: usize, vector: v128): void {
  let previous = vector;
  for (let at = sector; at < sector + SECTOR; at += BATCH_BYTES) {
    memory.copy(BATCH_AT, at, BATCH_BYTES);
    cryptBatch(at, true);
    for (let i: usize = 0; i < BATCH_BYTES; i += BLOCK) {
      v128.store(at + i, v128.xor(v128.load(at + i), previous));
      previous = v128.load(BATCH_AT + i);
    }
  }
}

/** CTR: the vector counts the blocks, as one big-endian number (NIST SP 800-38A §6.5). */
function addKeyStream(sector: usize, vector: v128): void {
  let high = bswap(i64x2.extract_lane(vector, 0));
  let low = bswap(i64x2.extract_lane(vector, 1));
  for (let at = sector; at < sector + SECTOR; at += BATCH_BYTES) {
    for (let i: usize = 0; i < BATCH_BYTES; i += BLOCK) {
      v128.store(BATCH_AT + i, i64x2(bswap(high), bswap(low)));
      low++;
      if (low == 0) high++;
    }
    cryptBatch(BATCH_AT, false);
    for (let i: usize = 0; i < BATCH_BYTES; i += BLOCK)
      v128.store(at + i, v128.xor(v128.load(at + i), v128.load(BATCH_AT + i)));
  }
}

function cryptBlocks(sector: usize, back: bool): void {
  for (let at = sector; at < sector + SECTOR; at += BATCH_BYTES) cryptBatch(at, back);
}

function cryptBatch(at: usize, back: bool): void {
  if (back) decrypt(cipher.algorithm, at, DATA_KEY);
  else encrypt(cipher.algorithm, at, DATA_KEY);
}
