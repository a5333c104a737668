// SHA-1 (FIPS 180-4 §6.1).
import { HASH_SCHEDULE_AT as W } from "../block/layout";

export function startSha1(state: usize): void {
  store<u32>(state, 0x67452301);
  store<u32>(state, 0xefcdab89, 4);
  store<u32>(state, 0x98badcfe, 8);
  store<u32>(state, 0x10325476, 12);
  store<u32>(state, 0xc3d2e1f0, 16);
}

function word(t: u32): u32 {
  return load<u32>(W + ((<usize>t) << 2));
}

export function compressSha1(state: usize, block: usize): void {
  for (let t: usize = 0; t < 64; t += 4) store<u32>(W + t, bswap(load<u32>(block + t)));
  for (let t: u32 = 16; t < 80; t++)
    store<u32>(W + ((<usize>t) << 2), rotl(word(t - 3) ^ word(t - 8) ^ word(t - 14) ^ word(t - 16), 1));

  let a = load<u32>(state);
  let b = load<u32>(state, 4);
  let c = load<u32>(state, 8);
  let d = load<u32>(state, 12);
  let e = load<u32>(state, 16);
  for (let t: u32 = 0; t < 80; t++) {
    // f and K change every 20 rounds (§4.1.1, §4.2.1).
    let f: u32;
    let k: u32;
    if (t < 20) {
      f = (b & c) ^ (~b & d);
      k = 0x5a827999;
    } else if (t < 40) {
      f = b ^ c ^ d;
      k = 0x6ed9eba1;
    } else if (t < 60) {
      f = (b & c) ^ (b & d) ^ (c & d);
      k = 0x8f1bbcdc;
    } else {
      f = b ^ c ^ d;
      k = 0xca62c1d6;
    }
    const next = rotl(a, 5) + f + e + k + word(t);
    e = d;
    d = c;
    c = rotl(b, 30);
    b = a;
    a = next;
  }
  store<u32>(state, load<u32>(state) + a);
  store<u32>(state, load<u32>(state, 4) + b, 4);
  store<u32>(state, load<u32>(state, 8) + c, 8);
  store<u32>(state, load<u32>(state, 12) + d, 12);
  store<u32>(state, load<u32>(state, 16) + e, 16);
}
