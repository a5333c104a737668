// Serpent (Anderson, Biham, Knudsen: "Serpent: A Proposal for the Advanced Encryption Standard", 1998), bit-sliced as its
// authors meant it: bit k of the four words is one input of an S-box, so that an S-box is logic on whole words. Four
// blocks go side by side, one in each lane.
//
// An S-box is evaluated as polynomials over GF(2), made from its table when a key is expanded: slower than circuits found
// by search, but nothing here depends on looking things up by the data.
import { SERPENT_AT } from "../block/layout";

const WORD: usize = 16;
const ROUNDS: u32 = 32;
const BOXES: u32 = 8;
/** 33 round keys of four words, each word in all lanes. */
export const SERPENT_SCHEDULE: usize = 33 * 4 * WORD;

/** The paper's appendix A.5: what S0 to S7 make of 0 to 15. */
// prettier-ignore
const S_BOXES = memory.data<u8>([
  3, 8, 15, 1, 10, 6, 5, 11, 14, 13, 4, 2, 7, 0, 9, 12,
  15, 12, 2, 7, 9, 0, 5, 10, 1, 11, 14, 8, 6, 13, 3, 4,
  8, 6, 7, 9, 3, 12, 10, 15, 13, 1, 14, 4, 0, 11, 5, 2,
  0, 15, 11, 8, 12, 9, 6, 3, 13, 1, 2, 4, 10, 7, 5, 14,
  1, 15, 8, 3, 12, 0, 11, 6, 2, 5, 4, 10, 9, 14, 7, 13,
  15, 5, 2, 11, 4, 10, 9, 12, 0, 3, 14, 8, 13, 6, 7, 1,
  7, 2, 12, 5, 8, 4, 6, 11, 14, 9, 1, 15, 13, 3, 10, 0,
  1, 13, 15, 0, 14, 8, 2, 11, 7, 4, 12, 10, 9, 3, 5, 6,
]);

/** The four words being worked on. */
const X: usize = SERPENT_AT;
/** Products of them: number k multiplies the words whose bits are set in k. */
const PRODUCTS: usize = X + 4 * WORD;
/** Polynomials of S0-S7 and then of their inverses: four of 16 bits each, bit k for product k. */
const POLYNOMIALS: usize = PRODUCTS + 16 * WORD;
/** The key as it is expanded: eight words, and 132 more. */
const PREKEY: usize = POLYNOMIALS + 2 * BOXES * 8;
export const SERPENT_ROOM: usize = 4 * WORD + 16 * WORD + 2 * BOXES * 8 + 4 * 140;

/** Golden ratio, in the key's recurrence. */
const PHI: u32 = 0x9e3779b9;

/** Expands a key of 16, 24 or 32 bytes (§3 of the paper). */
export function expandSerpent(key: usize, length: u32, schedule: usize): void {
  makePolynomials();
  memory.fill(PREKEY, 0, 32);
  memory.copy(PREKEY, key, length);
  if (length < 32) store<u8>(PREKEY + length, 1);
  for (let i: u32 = 0; i < 132; i++) {
    const at = PREKEY + ((<usize>i) << 2);
    const mixed = load<u32>(at) ^ load<u32>(at, 12) ^ load<u32>(at, 20) ^ load<u32>(at, 28) ^ PHI ^ i;
    store<u32>(at, rotl(mixed, 11), 32);
  }
  for (let i: u32 = 0; i <= ROUNDS; i++) {
    for (let n: usize = 0; n < 4; n++)
      v128.store(X + n * WORD, i32x4.splat(load<i32>(PREKEY + 32 + ((<usize>i) << 4) + (n << 2))));
    substitute((BOXES + 3 - (i % BOXES)) % BOXES);
    memory.copy(schedule + <usize>i * 4 * WORD, X, 4 * WORD);
  }
}

/** Each output bit of an S-box as a sum of products of input bits: the Moebius transform of its truth table. */
function makePolynomials(): void {
  for (let box: u32 = 0; box < 2 * BOXES; box++)
    for (let bit: u32 = 0; bit < 4; bit++) {
      let sum: u32 = 0;
      for (let input: u32 = 0; input < 16; input++) sum |= ((output(box, input) >> bit) & 1) << input;
      sum ^= (sum & 0x5555) << 1;
      sum ^= (sum & 0x3333) << 2;
      sum ^= (sum & 0x0f0f) << 4;
      sum ^= (sum & 0x00ff) << 8;
      store<u16>(POLYNOMIALS + ((<usize>box) << 3) + ((<usize>bit) << 1), <u16>sum);
    }
}

function output(box: u32, input: u32): u32 {
  if (box < BOXES) return load<u8>(S_BOXES + (box << 4) + input);
  const table = S_BOXES + ((box - BOXES) << 4);
  let inverse: u32 = 0;
  while (load<u8>(table + inverse) != input) inverse++;
  return inverse;
}

function substitute(box: u32): void {
  for (let product: usize = 1; product < 16; product++) {
    const word = v128.load(X + <usize>ctz(product) * WORD);
    const others = product & (product - 1);
    v128.store(
      PRODUCTS + product * WORD,
      others == 0 ? word : v128.and(word, v128.load(PRODUCTS + others * WORD)),
    );
  }
  for (let bit: usize = 0; bit < 4; bit++) {
    const polynomial = load<u16>(POLYNOMIALS + ((<usize>box) << 3) + (bit << 1));
    let sum = i32x4.splat(-(<i32>(polynomial & 1)));
    for (let product: usize = 1; product < 16; product++)
      if (((polynomial >> (<u16>product)) & 1) != 0)
        sum = v128.xor(sum, v128.load(PRODUCTS + product * WORD));
    v128.store(X + bit * WORD, sum);
  }
}

function x(n: usize): v128 {
  return v128.load(X + n * WORD);
}

function setX(n: usize, value: v128): void {
  v128.store(X + n * WORD, value);
}

function rotate(n: usize, left: i32): void {
  setX(n, v128.or(i32x4.shl(x(n), left), i32x4.shr_u(x(n), 32 - left)));
}

/** Word `n` and two others, the last of them shifted left. */
function mix(n: usize, a: usize, b: usize, shift: i32): void {
  setX(n, v128.xor(x(n), v128.xor(x(a), i32x4.shl(x(b), shift))));
}

function addKey(schedule: usize, round: u32): void {
  for (let n: usize = 0; n < 4; n++)
    setX(n, v128.xor(x(n), v128.load(schedule + (((<usize>round) << 2) + n) * WORD)));
}

/** The linear transformation. */
function spread(): void {
  rotate(0, 13);
  rotate(2, 3);
  mix(1, 0, 2, 0);
  mix(3, 2, 0, 3);
  rotate(1, 1);
  rotate(3, 7);
  mix(0, 1, 3, 0);
  mix(2, 3, 1, 7);
  rotate(0, 5);
  rotate(2, 22);
}

/** Its inverse: the same steps backwards. */
function gather(): void {
  rotate(2, 10);
  rotate(0, 27);
  mix(2, 3, 1, 7);
  mix(0, 1, 3, 0);
  rotate(3, 25);
  rotate(1, 31);
  mix(3, 2, 0, 3);
  mix(1, 0, 2, 0);
  rotate(2, 29);
  rotate(0, 19);
}

/** Four blocks of four words, word by word of all of them; the same again leads back. */
function transpose(from: usize, to: usize): void {
  for (let block: usize = 0; block < 4; block++)
    for (let word: usize = 0; word < 4; word++)
      store<u32>(to + word * WORD + (block << 2), load<u32>(from + block * WORD + (word << 2)));
}

/** Encrypts four blocks in place. */
export function encryptSerpent(at: usize, schedule: usize): void {
  transpose(at, X);
  for (let round: u32 = 0; round < ROUNDS; round++) {
    addKey(schedule, round);
    substitute(round % BOXES);
    if (round < ROUNDS - 1) spread();
  }
  addKey(schedule, ROUNDS);
  transpose(X, at);
}

/** Decrypts four blocks in place. */
export function decryptSerpent(at: usize, schedule: usize): void {
  transpose(at, X);
  addKey(schedule, ROUNDS);
  for (let round = ROUNDS; round > 0; round--) {
    if (round < ROUNDS) gather();
    substitute(BOXES + ((round - 1) % BOXES));
    addKey(schedule, round - 1);
  }
  transpose(X, at);
}
