// The regions that live: which function of the table each is, which blocks enter it, which pages its code comes from. A
// write to any of these pages drops it. When there are too many, or too much code, the oldest go: what is hot now is
// soon translated again.
//
// A record keeps its slot of the function table when its region has gone. What the slot holds until it is used again
// is never called.
import { Block, stayOut } from "../cpu/decode/block";
import { jitRelease } from "../host";
import {
  JIT_REGIONS_AT,
  JIT_REGIONS_MAX,
  JIT_REGION_PAGES,
  JIT_REGION_PAGES_AT,
  JIT_REGION_SIZE,
} from "../machine/layout";

/** Bytes of WebAssembly that may live at a time; the runtime keeps some times as much machine code. */
const BYTES_MAX: u32 = 32 << 20;

@final
@unmanaged
export class Region {
  /** Of the function table; 0: the host has not given one yet. */
  slot: u32;
  /** Bytes of its module; 0 for a record that is free. */
  bytes: u32;
  /** The first of the blocks that enter it (Block.nextEntry). */
  entries: u32;
  /** The block at its head, and how many it holds. */
  head: u32;
  nodes: u32;
  /** Times entered, and when that is due to be looked at (jit/translate.ts). */
  runs: u32;
  review: u32;
  /** By age; `newer` links the free ones, too. */
  older: u32;
  newer: u32;
  pages: u32;
  // Behind: room for the places of its pages (jit/region.ts: PAGES_MAX).
}

/** One place in the list of the regions that a physical page is part of. */
@final
@unmanaged
class Place {
  page: u32;
  /** The next place in the list, and its region. */
  next: u32;
}

/** Records that have ever been used, live bytes, and the ends of the lists. */
let records: u32 = 0;
let bytes: u32 = 0;
let free: u32 = 0;
let oldest: u32 = 0;
let newest: u32 = 0;

/** Regions that live. */
let live: u32 = 0;

export function liveRegions(): u32 {
  return live;
}

/** Bytes of their modules. */
export function liveBytes(): u32 {
  return bytes;
}

function recordAt(number: u32): u32 {
  return <u32>JIT_REGIONS_AT + number * <u32>JIT_REGION_SIZE;
}

function region(at: u32): Region {
  return changetype<Region>(<usize>at);
}

/** A record for a region of `size` bytes that `head` heads; older regions go if there is no room. */
export function newRegion(head: Block, size: u32): Region {
  while (oldest && (bytes + size > BYTES_MAX || (!free && records == JIT_REGIONS_MAX)))
    release(region(oldest));
  let at = free;
  if (at) free = region(at).newer;
  else {
    at = recordAt(records);
    records++;
  }
  const made = region(at);
  made.bytes = size;
  made.head = <u32>changetype<usize>(head);
  made.runs = 0;
  made.entries = 0;
  made.pages = 0;
  made.older = newest;
  made.newer = 0;
  if (newest) region(newest).newer = at;
  else oldest = at;
  newest = at;
  bytes += size;
  live++;
  return made;
}

function place(home: Region, number: u32): Place {
  return changetype<Place>(changetype<usize>(home) + offsetof<Region>() + <usize>number * offsetof<Place>());
}

/** The first place in the list of all pages that share it with `page`. */
function pageList(page: u32): usize {
  return JIT_REGION_PAGES_AT + ((<usize>((page >> 12) & (JIT_REGION_PAGES - 1))) << 2);
}

/** A write to physical `page` will drop the region. */
export function watchPage(home: Region, page: u32): void {
  const here = place(home, home.pages++);
  here.page = page;
  here.next = load<u32>(pageList(page));
  store<u32>(pageList(page), <u32>changetype<usize>(here));
}

/** `block` enters the region. */
export function addEntry(home: Region, block: Block): void {
  block.region = <u32>changetype<usize>(home);
  block.nextEntry = home.entries;
  home.entries = <u32>changetype<usize>(block);
}

/** Drops all regions with code from physical `page`. */
export function dropRegionsOf(page: u32): void {
  let at = load<u32>(pageList(page));
  while (at) {
    const here = changetype<Place>(<usize>at);
    if (here.page == page) {
      release(regionOf(at));
      // The list is another now.
      at = load<u32>(pageList(page));
    } else at = here.next;
  }
}

/** The region whose record holds the place at `at`. */
function regionOf(at: u32): Region {
  return region(recordAt((at - <u32>JIT_REGIONS_AT) / <u32>JIT_REGION_SIZE));
}

export function release(gone: Region): void {
  for (let at = gone.entries; at;) {
    const block = changetype<Block>(<usize>at);
    at = block.nextEntry;
    stayOut(block);
  }
  for (let n: u32 = 0; n < gone.pages; n++) unlink(place(gone, n));
  if (gone.older) region(gone.older).newer = gone.newer;
  else oldest = gone.newer;
  if (gone.newer) region(gone.newer).older = gone.older;
  else newest = gone.older;
  bytes -= gone.bytes;
  live--;
  addFree(gone);
}

function addFree(gone: Region): void {
  if (gone.slot) jitRelease(gone.slot);
  gone.bytes = 0;
  gone.newer = free;
  free = <u32>changetype<usize>(gone);
}

function unlink(here: Place): void {
  let link = pageList(here.page);
  while (load<u32>(link) != <u32>changetype<usize>(here))
    link = <usize>load<u32>(link) + offsetof<Place>("next");
  store<u32>(link, here.next);
}

/** Drops all: the blocks go, too. */
export function dropAllRegions(): void {
  for (let at = oldest; at;) {
    const gone = region(at);
    at = gone.newer;
    addFree(gone);
  }
  memory.fill(JIT_REGION_PAGES_AT, 0, 4 * <usize>JIT_REGION_PAGES);
  oldest = 0;
  newest = 0;
  bytes = 0;
  live = 0;
}
