// PBKDF2 with HMAC (RFC 8018 §5.2, RFC 2104): a passphrase made expensive to guess.
import {
  BLOCK_MAX,
  blockLength,
  compress,
  DIGEST_MAX,
  digestLength,
  finish,
  hash,
  padBlock,
  PBKDF2_AT,
  start,
  STATE_MAX,
  storeDigest,
} from "./hash";

/** States after the key's block, once with ipad and once with opad: every HMAC under the key begins with them. */
const INNER_AT: usize = PBKDF2_AT;
const OUTER_AT: usize = INNER_AT + STATE_MAX;
const STATE_AT: usize = OUTER_AT + STATE_MAX;
/** A key or a digest, with the padding that makes it a block. */
const BLOCK_AT: usize = STATE_AT + STATE_MAX;
/** Sum of the iterations' digests: one block of the result. */
const SUM_AT: usize = BLOCK_AT + BLOCK_MAX;

function startHmac(algorithm: u32, key: usize, length: u32): void {
  const size = blockLength(algorithm);
  memory.fill(BLOCK_AT, 0, BLOCK_MAX);
  if (length > size) hash(algorithm, key, length, BLOCK_AT);
  else memory.copy(BLOCK_AT, key, length);
  for (let i: usize = 0; i < size; i++) store<u8>(BLOCK_AT + i, load<u8>(BLOCK_AT + i) ^ 0x36);
  start(algorithm, INNER_AT);
  compress(algorithm, INNER_AT, BLOCK_AT);
  for (let i: usize = 0; i < size; i++) store<u8>(BLOCK_AT + i, load<u8>(BLOCK_AT + i) ^ 0x36 ^ 0x5c);
  start(algorithm, OUTER_AT);
  compress(algorithm, OUTER_AT, BLOCK_AT);
}

/** Puts the digest of STATE_AT into BLOCK_AT and folds it, as the whole message, into a copy of the state `under`. */
function foldDigest(algorithm: u32, under: usize): void {
  storeDigest(algorithm, STATE_AT, BLOCK_AT);
  memory.copy(STATE_AT, under, STATE_MAX);
  compress(algorithm, STATE_AT, BLOCK_AT);
}

/**
 * Derives `length` bytes at `to`. Behind the salt there must be room for 4 bytes more; `to` may be where the
 * passphrase is, which is not needed once the first states are made.
 */
export function pbkdf2(
  algorithm: u32,
  passphrase: usize,
  passphraseLength: u32,
  salt: usize,
  saltLength: u32,
  iterations: u32,
  to: usize,
  length: u32,
): void {
  const size = blockLength(algorithm);
  const digest = digestLength(algorithm);
  startHmac(algorithm, passphrase, passphraseLength);
  let index: u32 = 0;
  for (let done: u32 = 0; done < length; done += digest) {
    // The first message is the salt and the number of the block of the result.
    store<u32>(salt + saltLength, bswap(++index));
    memory.copy(STATE_AT, INNER_AT, STATE_MAX);
    finish(algorithm, STATE_AT, salt, saltLength + 4, size + saltLength + 4);
    // From here on every message is one digest: the padding behind it stays as it is.
    store<u8>(BLOCK_AT + digest, 0x80);
    padBlock(algorithm, BLOCK_AT, digest + 1, size + digest);
    foldDigest(algorithm, OUTER_AT);
    memory.fill(SUM_AT, 0, DIGEST_MAX);
    addToSum();
    for (let i: u32 = 1; i < iterations; i++) {
      foldDigest(algorithm, INNER_AT);
      foldDigest(algorithm, OUTER_AT);
      addToSum();
    }
    storeDigest(algorithm, SUM_AT, BLOCK_AT);
    memory.copy(to + done, BLOCK_AT, min(digest, length - done));
  }
}

/** Exclusive or does not care for the order of bytes, so whole states are added. */
function addToSum(): void {
  for (let i: usize = 0; i < STATE_MAX; i += 16)
    v128.store(SUM_AT + i, v128.xor(v128.load(SUM_AT + i), v128.load(STATE_AT + i)));
}
