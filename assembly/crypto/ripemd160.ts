// RIPEMD-160 (Dobbertin, Bosselaers, Preneel: "RIPEMD-160, a strengthened version of RIPEMD", 1996): two lines of
// five times sixteen steps over the same block, joined at the end. Words are little-endian.

/** Which word of the block a step takes, and how far it rotates: left line, then right line. */
// prettier-ignore
const WORD_LEFT = memory.data<u8>([
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
  7, 4, 13, 1, 10, 6, 15, 3, 12, 0, 9, 5, 2, 14, 11, 8,
  3, 10, 14, 4, 9, 15, 8, 1, 2, 7, 0, 6, 13, 11, 5, 12,
  1, 9, 11, 10, 0, 8, 12, 4, 13, 3, 7, 15, 14, 5, 6, 2,
  4, 0, 5, 9, 7, 12, 2, 10, 14, 1, 3, 8, 11, 6, 15, 13,
]);
// prettier-ignore
const WORD_RIGHT = memory.data<u8>([
  5, 14, 7, 0, 9, 2, 11, 4, 13, 6, 15, 8, 1, 10, 3, 12,
  6, 11, 3, 7, 0, 13, 5, 10, 14, 15, 8, 12, 4, 9, 1, 2,
  15, 5, 1, 3, 7, 14, 6, 9, 11, 8, 12, 2, 10, 0, 4, 13,
  8, 6, 4, 1, 3, 11, 15, 0, 5, 12, 2, 13, 9, 7, 10, 14,
  12, 15, 10, 4, 1, 5, 8, 7, 6, 2, 13, 14, 0, 3, 9, 11,
]);
// prettier-ignore
const ROTATE_LEFT = memory.data<u8>([
  11, 14, 15, 12, 5, 8, 7, 9, 11, 13, 14, 15, 6, 7, 9, 8,
  7, 6, 8, 13, 11, 9, 7, 15, 7, 12, 15, 9, 11, 7, 13, 12,
  11, 13, 6, 7, 14, 9, 13, 15, 14, 8, 13, 6, 5, 12, 7, 5,
  11, 12, 14, 15, 14, 15, 9, 8, 9, 14, 5, 6, 8, 6, 5, 12,
  9, 15, 5, 11, 6, 8, 13, 12, 5, 12, 13, 14, 11, 8, 5, 6,
]);
// prettier-ignore
const ROTATE_RIGHT = memory.data<u8>([
  8, 9, 9, 11, 13, 15, 15, 5, 7, 7, 8, 11, 14, 14, 12, 6,
  9, 13, 15, 7, 12, 8, 9, 11, 7, 7, 12, 7, 6, 15, 13, 11,
  9, 7, 15, 11, 8, 6, 6, 14, 12, 13, 5, 14, 13, 13, 7, 5,
  15, 5, 8, 11, 14, 14, 6, 14, 6, 9, 12, 9, 12, 5, 15, 8,
  8, 5, 12, 9, 12, 5, 14, 6, 8, 13, 6, 5, 15, 13, 11, 11,
]);
const CONSTANT_LEFT = memory.data<u32>([0, 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xa953fd4e]);
const CONSTANT_RIGHT = memory.data<u32>([0x50a28be6, 0x5c4dd124, 0x6d703ef3, 0x7a6d76e9, 0]);

export function startRipemd160(state: usize): void {
  store<u32>(state, 0x67452301);
  store<u32>(state, 0xefcdab89, 4);
  store<u32>(state, 0x98badcfe, 8);
  store<u32>(state, 0x10325476, 12);
  store<u32>(state, 0xc3d2e1f0, 16);
}

/** The function of round 0-4; the right line goes through them backwards. */
function mix(round: u32, x: u32, y: u32, z: u32): u32 {
  switch (round) {
    case 0:
      return x ^ y ^ z;
    case 1:
      return (x & y) | (~x & z);
    case 2:
      return (x | ~y) ^ z;
    case 3:
      return (x & z) | (y & ~z);
    default:
      return x ^ (y | ~z);
  }
}

// What a line leaves behind.
let a: u32 = 0;
let b: u32 = 0;
let c: u32 = 0;
let d: u32 = 0;
let e: u32 = 0;

function runLine(state: usize, block: usize, right: bool): void {
  const words = right ? WORD_RIGHT : WORD_LEFT;
  const rotations = right ? ROTATE_RIGHT : ROTATE_LEFT;
  const constants = right ? CONSTANT_RIGHT : CONSTANT_LEFT;
  a = load<u32>(state);
  b = load<u32>(state, 4);
  c = load<u32>(state, 8);
  d = load<u32>(state, 12);
  e = load<u32>(state, 16);
  for (let step: u32 = 0; step < 80; step++) {
    const round = step >> 4;
    const value =
      a +
      mix(right ? 4 - round : round, b, c, d) +
      load<u32>(block + ((<usize>load<u8>(words + step)) << 2)) +
      load<u32>(constants + ((<usize>round) << 2));
    a = e;
    e = d;
    d = rotl(c, 10);
    c = b;
    b = rotl(value, load<u8>(rotations + step)) + a;
  }
}

export function compressRipemd160(state: usize, block: usize): void {
  runLine(state, block, false);
  const leftA = a;
  const leftB = b;
  const leftC = c;
  const leftD = d;
  const leftE = e;
  runLine(state, block, true);
  const first = load<u32>(state, 4) + leftC + d;
  store<u32>(state, load<u32>(state, 8) + leftD + e, 4);
  store<u32>(state, load<u32>(state, 12) + leftE + a, 8);
  store<u32>(state, load<u32>(state, 16) + leftA + b, 12);
  store<u32>(state, load<u32>(state) + leftB + c, 16);
  store<u32>(state, first);
}
