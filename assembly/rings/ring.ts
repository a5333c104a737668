// What crosses between guest and host crosses in rings: one producer, one consumer, each side writes only its own
// index, so neither ever waits for the other and no call carries bytes. The indices run on past the capacity
// (a power of two) and wrap at 2³²: full and empty differ, and the fill is a subtraction.
//
//   +0  read      written by the consumer
//   +4  written   written by the producer
//   +8  bytes     `capacity` of them

@final
@unmanaged
export class ByteRing {
  private taken: u32;
  private written: u32;

  private at(index: u32, capacity: u32): usize {
    return changetype<usize>(this) + RING_HEADER + <usize>(index & (capacity - 1));
  }

  /** Bytes that wait for the consumer. The host writes this side of some rings: more than fits counts as full. */
  fill(capacity: u32): u32 {
    return min(this.written - this.taken, capacity);
  }

  /** Puts one byte in; the caller has made sure of the room. */
  put(byte: u32, capacity: u32): void {
    store<u8>(this.at(this.written, capacity), <u8>byte);
    this.written++;
  }

  /** The byte that `take` would take. */
  peek(capacity: u32): u32 {
    return load<u8>(this.at(this.taken, capacity));
  }

  /** Takes one byte out; the caller has made sure that one is there. */
  take(capacity: u32): u32 {
    return load<u8>(this.at(this.taken++, capacity));
  }
}

export const RING_HEADER: usize = 8;
