// Block ciphers by number: what the modes of sectors ask of each. All of them have blocks of 16 bytes and keys of 16, 24
// or 32; a batch is eight blocks, for those that do better with several at once.
import { BATCH_BYTES, BLOCK, decryptBatch, encryptBatch, expandKey, KeySchedule } from "./aes";
import { decryptSerpent, encryptSerpent, expandSerpent } from "./serpent";
import { decryptTwofish, encryptTwofish, expandTwofish, TWOFISH_SCHEDULE } from "./twofish";

/** As the host numbers them; AES is 0. */
const SERPENT: u32 = 1;
const TWOFISH: u32 = 2;

/** The largest of the expanded keys: Serpent and AES make do with half of it. */
export const SCHEDULE_MAX: usize = TWOFISH_SCHEDULE;

export function expand(cipher: u32, key: usize, length: u32, schedule: usize): void {
  if (cipher == SERPENT) expandSerpent(key, length, schedule);
  else if (cipher == TWOFISH) expandTwofish(key, length, schedule);
  else expandKey(key, length, changetype<KeySchedule>(schedule));
}

/** Encrypts a batch in place. */
export function encrypt(cipher: u32, at: usize, schedule: usize): void {
  if (cipher == SERPENT)
    for (let i: usize = 0; i < BATCH_BYTES; i += 4 * BLOCK) encryptSerpent(at + i, schedule);
  else if (cipher == TWOFISH)
    for (let i: usize = 0; i < BATCH_BYTES; i += BLOCK) encryptTwofish(at + i, schedule);
  else encryptBatch(at, changetype<KeySchedule>(schedule));
}

/** Decrypts a batch in place. */
export function decrypt(cipher: u32, at: usize, schedule: usize): void {
  if (cipher == SERPENT)
    for (let i: usize = 0; i < BATCH_BYTES; i += 4 * BLOCK) decryptSerpent(at + i, schedule);
  else if (cipher == TWOFISH)
    for (let i: usize = 0; i < BATCH_BYTES; i += BLOCK) decryptTwofish(at + i, schedule);
  else decryptBatch(at, changetype<KeySchedule>(schedule));
}
