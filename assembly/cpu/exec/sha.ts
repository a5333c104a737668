// SHA extensions (SDM 2B SHA1RNDS4 …, FIPS 180-4). Words stand in the registers with the first in the highest dword
// for SHA-1, as in the manual: dword 3 is W0 or A.

function dword(x: v128, index: u32): u32 {
  if (index == 0) return i32x4.extract_lane(x, 0);
  if (index == 1) return i32x4.extract_lane(x, 1);
  return index == 2 ? i32x4.extract_lane(x, 2) : i32x4.extract_lane(x, 3);
}

/** Four rounds: `a` holds A B C D, `b` the words to add (E in the first); the immediate chooses function and constant. */
export function sha1Rounds(a: v128, b: v128, immediate: u32): v128 {
  let A = dword(a, 3);
  let B = dword(a, 2);
  let C = dword(a, 1);
  let D = dword(a, 0);
  let E: u32 = 0;
  for (let round: u32 = 0; round < 4; round++) {
    const next = sha1Function(immediate & 3, B, C, D) + rotl<u32>(A, 5) + dword(b, 3 - round) + E;
    E = D;
    D = C;
    C = rotl<u32>(B, 30);
    B = A;
    A = next;
  }
  return i32x4(D, C, B, A);
}

/** FIPS 180-4 §4.1.1 with the constant of §4.2.1. */
function sha1Function(kind: u32, B: u32, C: u32, D: u32): u32 {
  if (kind == 0) return ((B & C) ^ (~B & D)) + 0x5a82_7999;
  if (kind == 1) return (B ^ C ^ D) + 0x6ed9_eba1;
  if (kind == 2) return ((B & C) ^ (B & D) ^ (C & D)) + 0x8f1b_bcdc;
  return (B ^ C ^ D) + 0xca62_c1d6;
}

/** E of the next four rounds, from A before the last four, added to the first word. */
export function sha1NextE(a: v128, b: v128): v128 {
  return i32x4.replace_lane(b, 3, dword(b, 3) + rotl<u32>(dword(a, 3), 30));
}

export function sha1Message1(a: v128, b: v128): v128 {
  return v128.xor(a, v128.shuffle<i32>(a, b, 6, 7, 0, 1));
}

export function sha1Message2(a: v128, b: v128): v128 {
  const w16 = rotl<u32>(dword(a, 3) ^ dword(b, 2), 1);
  const w17 = rotl<u32>(dword(a, 2) ^ dword(b, 1), 1);
  const w18 = rotl<u32>(dword(a, 1) ^ dword(b, 0), 1);
  const w19 = rotl<u32>(dword(a, 0) ^ w16, 1);
  return i32x4(w19, w18, w17, w16);
}

/** FIPS 180-4 §4.1.2: σ0 and σ1 of the message schedule, Σ0 and Σ1 of the rounds. */
function schedule0(x: u32): u32 {
  return rotr<u32>(x, 7) ^ rotr<u32>(x, 18) ^ (x >> 3);
}

function schedule1(x: u32): u32 {
  return rotr<u32>(x, 17) ^ rotr<u32>(x, 19) ^ (x >> 10);
}

function round0(x: u32): u32 {
  return rotr<u32>(x, 2) ^ rotr<u32>(x, 13) ^ rotr<u32>(x, 22);
}

function round1(x: u32): u32 {
  return rotr<u32>(x, 6) ^ rotr<u32>(x, 11) ^ rotr<u32>(x, 25);
}

export function sha256Message1(a: v128, b: v128): v128 {
  return i32x4(
    dword(a, 0) + schedule0(dword(a, 1)),
    dword(a, 1) + schedule0(dword(a, 2)),
    dword(a, 2) + schedule0(dword(a, 3)),
    dword(a, 3) + schedule0(dword(b, 0)),
  );
}

export function sha256Message2(a: v128, b: v128): v128 {
  const w16 = dword(a, 0) + schedule1(dword(b, 2));
  const w17 = dword(a, 1) + schedule1(dword(b, 3));
  return i32x4(w16, w17, dword(a, 2) + schedule1(w16), dword(a, 3) + schedule1(w17));
}

/** SHA256RNDS2: two rounds; `a` holds C D G H, `b` holds A B E F, `words` the two words plus constants. */
export function sha256Rounds(a: v128, b: v128, words: v128): v128 {
  let A = dword(b, 3);
  let B = dword(b, 2);
  let C = dword(a, 3);
  let D = dword(a, 2);
  let E = dword(b, 1);
  let F = dword(b, 0);
  let G = dword(a, 1);
  let H = dword(a, 0);
  for (let round: u32 = 0; round < 2; round++) {
    const first = ((E & F) ^ (~E & G)) + round1(E) + dword(words, round) + H;
    const second = ((A & B) ^ (A & C) ^ (B & C)) + round0(A);
    H = G;
    G = F;
    F = E;
    E = first + D;
    D = C;
    C = B;
    B = A;
    A = first + second;
  }
  return i32x4(F, E, B, A);
}
