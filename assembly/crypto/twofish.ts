// Twofish (Schneier, Kelsey, Whiting, Wagner, Hall, Ferguson: "Twofish: A 128-Bit Block Cipher", 1998). A key makes the
// S-boxes; they are kept together with the MDS matrix as four tables of words, one for each byte of a word.
import { TWOFISH_AT } from "../block/layout";

const ROUNDS: u32 = 16;
/** 40 words of round keys, then the tables. */
const TABLES: usize = 4 * 40;
const TABLE: usize = 4 * 256;
export const TWOFISH_SCHEDULE: usize = TABLES + 4 * TABLE;

/** The permutations q0 and q1 in the making (§4.3.5): four tables of nibbles each. */
// prettier-ignore
const NIBBLES = memory.data<u8>([
  8, 1, 7, 13, 6, 15, 3, 2, 0, 11, 5, 9, 14, 12, 10, 4,
  14, 12, 11, 8, 1, 2, 3, 5, 15, 4, 10, 6, 7, 0, 9, 13,
  11, 10, 5, 14, 6, 13, 9, 0, 12, 8, 15, 3, 2, 4, 7, 1,
  13, 7, 15, 4, 1, 2, 6, 14, 9, 11, 3, 0, 8, 5, 12, 10,
  2, 8, 11, 13, 15, 7, 6, 14, 3, 1, 9, 4, 0, 10, 12, 5,
  1, 14, 2, 11, 4, 12, 3, 7, 6, 13, 10, 5, 15, 9, 0, 8,
  4, 12, 7, 5, 1, 6, 9, 10, 0, 14, 13, 8, 2, 11, 3, 15,
  11, 9, 5, 1, 12, 3, 13, 14, 6, 4, 7, 15, 2, 0, 8, 10,
]);
/** Columns of the MDS matrix (§4.3.2), one after another, and the polynomial of its field. */
// prettier-ignore
const MDS = memory.data<u8>([
  0x01, 0x5b, 0xef, 0xef,
  0xef, 0xef, 0x5b, 0x01,
  0x5b, 0xef, 0x01, 0xef,
  0x5b, 0x01, 0xef, 0x5b,
]);
const MDS_FIELD: u32 = 0x169;
/** Rows of the RS matrix (§4.3), and the polynomial of its field. */
// prettier-ignore
const RS = memory.data<u8>([
  0x01, 0xa4, 0x55, 0x87, 0x5a, 0x58, 0xdb, 0x9e,
  0xa4, 0x56, 0x82, 0xf3, 0x1e, 0xc6, 0x68, 0xe5,
  0x02, 0xa1, 0xfc, 0xc1, 0x47, 0xae, 0x3d, 0x19,
  0xa4, 0x55, 0x87, 0x5a, 0x58, 0xdb, 0x9e, 0x03,
]);
const RS_FIELD: u32 = 0x14d;
/** Which of q0 and q1 each byte of a word goes through in `h` (§4.3.2): first with four key words, last without one. */
// prettier-ignore
const ORDER = memory.data<u8>([
  1, 0, 0, 1,
  1, 1, 0, 0,
  0, 1, 0, 1,
  0, 0, 1, 1,
  1, 0, 1, 0,
]);

/** q0, then q1. */
const Q: usize = TWOFISH_AT;
/** Up to four words of key for `h`: even ones, odd ones, those of the S-boxes. */
const EVEN: usize = Q + 512;
const ODD: usize = EVEN + 16;
const BOX: usize = ODD + 16;
export const TWOFISH_ROOM: usize = 512 + 3 * 16;

/** Expands a key of 16, 24 or 32 bytes (§4.3). */
export function expandTwofish(key: usize, length: u32, schedule: usize): void {
  makePermutations();
  const words = length >> 3;
  for (let i: u32 = 0; i < words; i++) {
    const pair = key + ((<usize>i) << 3);
    const at = (<usize>i) << 2;
    store<u32>(EVEN + at, load<u32>(pair));
    store<u32>(ODD + at, load<u32>(pair, 4));
    store<u32>(BOX + ((<usize>(words - 1 - i)) << 2), reedSolomon(pair));
  }
  for (let i: u32 = 0; i < 40; i += 2) {
    const a = h(i, EVEN, words);
    const b = rotl(h(i + 1, ODD, words), 8);
    const at = schedule + ((<usize>i) << 2);
    store<u32>(at, a + b);
    store<u32>(at, rotl(a + 2 * b, 9), 4);
  }
  for (let byte: u32 = 0; byte < 4; byte++)
    for (let value: u32 = 0; value < 256; value++)
      store<u32>(
        schedule + TABLES + <usize>byte * TABLE + ((<usize>value) << 2),
        column(byte, permute(value, byte, BOX, words)),
      );
}

function makePermutations(): void {
  for (let which: u32 = 0; which < 2; which++)
    for (let value: u32 = 0; value < 256; value++) {
      const tables = NIBBLES + (which << 6);
      let a = value >> 4;
      let b = value & 15;
      for (let step: u32 = 0; step < 2; step++) {
        const mixed = a ^ b;
        const turned = a ^ ((b >> 1) | ((b & 1) << 3)) ^ ((a & 1) << 3);
        a = load<u8>(tables + (step << 5) + mixed);
        b = load<u8>(tables + (step << 5) + 16 + turned);
      }
      store<u8>(Q + (which << 8) + value, <u8>((b << 4) | a));
    }
}

/** A product in GF(2^8). */
function times(a: u32, b: u32, field: u32): u32 {
  let product: u32 = 0;
  for (let x = a; b != 0; b >>= 1) {
    if ((b & 1) != 0) product ^= x;
    x <<= 1;
    if (x > 0xff) x ^= field;
  }
  return product;
}

/** Four bytes for the S-boxes from eight of the key. */
function reedSolomon(pair: usize): u32 {
  let word: u32 = 0;
  for (let row: u32 = 0; row < 4; row++) {
    let sum: u32 = 0;
    for (let i: u32 = 0; i < 8; i++)
      sum ^= times(load<u8>(RS + (row << 3) + i), load<u8>(pair + i), RS_FIELD);
    word |= sum << (row << 3);
  }
  return word;
}

/** A byte times its column of the MDS matrix. */
function column(byte: u32, value: u32): u32 {
  let word: u32 = 0;
  for (let row: u32 = 0; row < 4; row++)
    word |= times(load<u8>(MDS + (byte << 2) + row), value, MDS_FIELD) << (row << 3);
  return word;
}

/** What `h` makes of byte number `byte` of a word before the MDS matrix. */
function permute(value: u32, byte: u32, keys: usize, words: u32): u32 {
  let result = value;
  for (let left = words; left > 0; left--) {
    result = load<u8>(Q + ((<u32>load<u8>(ORDER + ((4 - left) << 2) + byte)) << 8) + result);
    result ^= load<u8>(keys + ((left - 1) << 2) + byte);
  }
  return load<u8>(Q + ((<u32>load<u8>(ORDER + 16 + byte)) << 8) + result);
}

/** `h` of a word whose bytes are all `value`. */
function h(value: u32, keys: usize, words: u32): u32 {
  let word: u32 = 0;
  for (let byte: u32 = 0; byte < 4; byte++) word ^= column(byte, permute(value, byte, keys, words));
  return word;
}

function g(schedule: usize, word: u32): u32 {
  const tables = schedule + TABLES;
  return (
    load<u32>(tables + ((<usize>(word & 0xff)) << 2)) ^
    load<u32>(tables + TABLE + ((<usize>((word >> 8) & 0xff)) << 2)) ^
    load<u32>(tables + 2 * TABLE + ((<usize>((word >> 16) & 0xff)) << 2)) ^
    load<u32>(tables + 3 * TABLE + ((<usize>(word >> 24)) << 2))
  );
}

function roundKey(schedule: usize, index: u32): u32 {
  return load<u32>(schedule + ((<usize>index) << 2));
}

/** Encrypts one block in place. */
export function encryptTwofish(at: usize, schedule: usize): void {
  let a = load<u32>(at) ^ roundKey(schedule, 0);
  let b = load<u32>(at, 4) ^ roundKey(schedule, 1);
  let c = load<u32>(at, 8) ^ roundKey(schedule, 2);
  let d = load<u32>(at, 12) ^ roundKey(schedule, 3);
  for (let round: u32 = 0; round < ROUNDS; round++) {
    const p = g(schedule, a);
    const q = g(schedule, rotl(b, 8));
    const left = rotr(c ^ (p + q + roundKey(schedule, 2 * round + 8)), 1);
    const right = rotl(d, 1) ^ (p + 2 * q + roundKey(schedule, 2 * round + 9));
    c = a;
    d = b;
    a = left;
    b = right;
  }
  // The last round does not swap.
  store<u32>(at, c ^ roundKey(schedule, 4));
  store<u32>(at, d ^ roundKey(schedule, 5), 4);
  store<u32>(at, a ^ roundKey(schedule, 6), 8);
  store<u32>(at, b ^ roundKey(schedule, 7), 12);
}

/** Decrypts one block in place. */
export function decryptTwofish(at: usize, schedule: usize): void {
  let c = load<u32>(at) ^ roundKey(schedule, 4);
  let d = load<u32>(at, 4) ^ roundKey(schedule, 5);
  let a = load<u32>(at, 8) ^ roundKey(schedule, 6);
  let b = load<u32>(at, 12) ^ roundKey(schedule, 7);
  for (let round = ROUNDS; round > 0; round--) {
    const p = g(schedule, c);
    const q = g(schedule, rotl(d, 8));
    const left = rotl(a, 1) ^ (p + q + roundKey(schedule, 2 * round + 6));
    const right = rotr(b ^ (p + 2 * q + roundKey(schedule, 2 * round + 7)), 1);
    a = c;
    b = d;
    c = left;
    d = right;
  }
  store<u32>(at, a ^ roundKey(schedule, 0));
  store<u32>(at, b ^ roundKey(schedule, 1), 4);
  store<u32>(at, c ^ roundKey(schedule, 2), 8);
  store<u32>(at, d ^ roundKey(schedule, 3), 12);
}
