// A new virtual size: the L1 table moves when it has to grow, then the header's fields change in one write.
import { ask, BARRIER, DONE, exchange, fail, FLUSH, STORE } from "../block/exchange";
import * as Failure from "../block/failures";
import { HEADER_AT, L1_AT, L1_MAX } from "../block/layout";
import { storeHeader } from "./header";
import { image } from "./image";
import { allocate, dropReference } from "./refcount";
import { needsFlush } from "./flush";

const START: u32 = 0;
const COUNTED: u32 = 1;
const STORED: u32 = 2;
const SWITCH: u32 = 3;
const SWITCHED: u32 = 4;
const FREE_OLD: u32 = 5;

let phase: u32 = START;
let place: u64 = 0;
let oldPlace: u64 = 0;
let oldClusters: u64 = 0;

export function resetResize(): void {
  phase = START;
  oldClusters = 0;
}

/** Sets the virtual size. What lies beyond a smaller one has been released by `zeroClusters` before. */
export function resize(size: u64): u32 {
  return change(size, image.l1SizeFor(size));
}

/** Makes the L1 table reach `end`, behind the disk: that is where VM state lies (specification, "Snapshots"). */
export function reach(end: u64): u32 {
  const entries = image.l1SizeFor(end);
  if (entries <= <u64>image.l1Size && phase == START) return (exchange.step = DONE);
  return change(image.size, entries);
}

function change(size: u64, entries: u64): u32 {
  exchange.step = DONE;
  if (entries > L1_MAX / 8) fail(Failure.L1_GROWTH);
  else if (entries > <u64>image.l1Size || phase > START) growTable(size, <u32>entries);
  else setSize(size);
  return exchange.step;
}

function setSize(size: u64): void {
  image.size = size;
  storeHeader();
  ask(STORE, 24, HEADER_AT + 24, 24);
  phase = SWITCHED;
}

function growTable(size: u64, entries: u32): void {
  if (phase == START) {
    // 512 of them fit in a cluster of any size without a second thought; exact, since the table is one range.
    place = allocate(image.clustersOf((<u64>entries) << 3), true);
    if (place == 0) return;
    phase = COUNTED;
  }
  if (phase == COUNTED) {
    if (needsFlush()) {
      ask(FLUSH, 0, 0, 0);
      return;
    }
    const have = (<usize>image.l1Size) << 3;
    const want = (<usize>entries) << 3;
    if (want > have) memory.fill(L1_AT + have, 0, want - have);
    ask(STORE, place, L1_AT, <u32>want);
    phase = STORED;
    return;
  }
  if (phase == STORED) {
    ask(BARRIER, 0, 0, 0);
    phase = SWITCH;
    return;
  }
  if (phase == SWITCH) {
    oldPlace = image.l1Offset;
    oldClusters = image.clustersOf((<u64>image.l1Size) << 3);
    image.l1Offset = place;
    image.l1Size = entries;
    setSize(size);
    return;
  }
  if (phase == SWITCHED) {
    phase = FREE_OLD;
    if (oldClusters != 0) {
      ask(BARRIER, 0, 0, 0);
      return;
    }
  }
  while (oldClusters != 0) {
    if (!dropReference((oldPlace >> image.clusterBits) + oldClusters - 1)) return;
    oldClusters--;
  }
  phase = START;
  exchange.step = DONE;
}
