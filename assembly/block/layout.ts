// Linear memory of the block engine: one image per instance, every area at its largest, all addresses constants.
//
// Pages that are never touched cost nothing, so the format's limits (a refcount table of 8 MiB, an L1 table of
// 32 MiB) are reserved instead of grown into: memory does not move while the host reads into it.

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/** Largest cluster of the format, and so the largest header, table and compressed cluster. */
export const MAX_CLUSTER: usize = 2 * MIB;

/** Static data of the compiler lies below. */
export const EXCHANGE_AT: usize = 64 * KIB;
export const IMAGE_AT: usize = EXCHANGE_AT + 4 * KIB;
/** `TableSlot`s of the cache, one each 32 bytes. */
export const SLOTS_AT: usize = IMAGE_AT + 4 * KIB;
/** Host offsets of clusters whose reference is dropped once the tables that named them are rewritten. */
export const RELEASES_AT: usize = SLOTS_AT + 16 * KIB;
export const RELEASES_CAPACITY: u32 = 8192;
/** Huffman tables of the codecs. */
export const CODEC_AT: usize = RELEASES_AT + RELEASES_CAPACITY * 8;
/** The first cluster of the file as read: header, extensions, backing name. */
export const HEADER_AT: usize = CODEC_AT + 256 * KIB;
export const REFCOUNT_TABLE_AT: usize = HEADER_AT + MAX_CLUSTER;
export const REFCOUNT_TABLE_MAX: usize = 8 * MIB;
export const L1_AT: usize = REFCOUNT_TABLE_AT + REFCOUNT_TABLE_MAX;
export const L1_MAX: usize = 32 * MIB;
/** Cached L2 tables and refcount blocks. */
export const TABLES_AT: usize = L1_AT + L1_MAX;
export const TABLES_SIZE: usize = 16 * MIB;
/** A compressed cluster as stored (its sector count may promise one cluster and a sector more), and inflated. */
export const PACKED_AT: usize = TABLES_AT + TABLES_SIZE;
export const UNPACKED_AT: usize = PACKED_AT + MAX_CLUSTER + 64 * KIB;
/** AES (crypto/aes.ts): eight bit planes, and a key being expanded. */
export const AES_PLANES_AT: usize = UNPACKED_AT + MAX_CLUSTER + 64 * KIB;
export const AES_WORDS_AT: usize = AES_PLANES_AT + 128;
/** Encryption of sectors (crypto/sectors.ts): its parameters, three expanded keys, vectors and a batch of blocks. */
export const SECTOR_CIPHER_AT: usize = AES_WORDS_AT + 256;
export const SECTOR_SCRATCH_AT: usize = SECTOR_CIPHER_AT + 128;
export const SECTOR_KEYS_AT: usize = SECTOR_SCRATCH_AT + 256;
/** Serpent and Twofish at work, and their keys being expanded. */
export const SERPENT_AT: usize = SECTOR_KEYS_AT + 16 * KIB;
export const TWOFISH_AT: usize = SERPENT_AT + KIB + 128;
/** Hashes: the message schedule of one block, and the states of crypto/hash.ts and crypto/pbkdf2.ts. */
export const HASH_SCHEDULE_AT: usize = TWOFISH_AT + KIB;
export const HASH_AT: usize = HASH_SCHEDULE_AT + 640;
/** The splitter of keys (crypto/stripes.ts): a sum of stripes and a piece of it. */
export const STRIPES_AT: usize = HASH_AT + 2 * KIB;
/** What is encrypted, decrypted or hashed: sectors of a request piece by piece, or a key split into 4000 stripes. */
export const CRYPTO_AT: usize = STRIPES_AT + KIB;
export const CRYPTO_SIZE: usize = 512 * KIB;
/** What the Zstandard writer knows of one cluster (codecs/zstd-*.ts): places, sequences, literals and a block. */
export const ZSTD_AT: usize = CRYPTO_AT + CRYPTO_SIZE + 64 * KIB;
export const ZSTD_SIZE: usize = 3 * MIB;
/** Work area of the command that runs: reference counts of check, buffers of copies. The host grows memory for it. */
export const WORK_AT: usize = ZSTD_AT + ZSTD_SIZE;

const PAGE: usize = 64 * KIB;

/** Makes linear memory reach `end`; false: the host gives no more. */
export function ensureMemory(end: usize): bool {
  const have = <usize>memory.size() * PAGE;
  if (end <= have) return true;
  return memory.grow(<i32>((end - have + PAGE - 1) / PAGE)) >= 0;
}
