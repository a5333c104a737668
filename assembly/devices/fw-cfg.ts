// QEMU's firmware configuration device (docs/specs/fw_cfg.rst): numbered items that firmware reads byte by byte, or has
// copied to memory. What the items hold is firmware/configuration.ts's business.
//
//   510h  selector (w)     511h  data (b)     514h, 518h  address of a DMA request, high and low half, big-endian
//
//   request:  control u32 | length u32 | address u64, all big-endian
import { inRam, readPhysical, wroteMemory, writePhysical } from "../memory/physical";
import { CONFIGURATION_ITEMS_AT, RAM_AT } from "../machine/layout";

/** Selectors that exist: common items from 0 on, and those of the architecture. */
const COMMON_ITEMS: u32 = 0x80;
const ARCHITECTURE: u32 = 0x8000;
const ARCHITECTURE_ITEMS: u32 = 8;
export const ITEMS: u32 = COMMON_ITEMS + ARCHITECTURE_ITEMS;
/** Selector bit 14 asks for writing, which items do not allow. */
const SELECTOR_MASK: u32 = 0xbfff;

const REQUEST_SIZE: u32 = 16;
const DMA_ERROR: u32 = 1 << 0;
const DMA_READ: u32 = 1 << 1;
const DMA_SKIP: u32 = 1 << 2;
const DMA_SELECT: u32 = 1 << 3;
const DMA_WRITE: u32 = 1 << 4;

/** Below this address memory may be ROM or the display's, so that bytes go one by one. */
const LOW_MEMORY: u32 = 0x10_0000;

@final
@unmanaged
class Item {
  at: u32;
  length: u32;
}

/** The item that `selector` names; one that does not exist is empty. */
function itemOf(selector: u32): Item {
  const key = selector & SELECTOR_MASK;
  let index: u32 = ITEMS;
  if (key < COMMON_ITEMS) index = key;
  else if (key - ARCHITECTURE < ARCHITECTURE_ITEMS) index = COMMON_ITEMS + key - ARCHITECTURE;
  return changetype<Item>(CONFIGURATION_ITEMS_AT + <usize>index * offsetof<Item>());
}

/** Forgets all items. */
export function clearItems(): void {
  memory.fill(CONFIGURATION_ITEMS_AT, 0, <usize>(ITEMS + 1) * offsetof<Item>());
}

/** Item `selector` is the `length` bytes at `at` in linear memory. */
export function setItem(selector: u32, at: usize, length: u32): void {
  const item = itemOf(selector);
  item.at = <u32>at;
  item.length = length;
}

@final
@unmanaged
export class FwCfg {
  private selector: u32;
  private offset: u32;
  private requestHigh: u32;

  reset(): void {
    this.selector = 0;
    this.offset = 0;
    this.requestHigh = 0;
  }

  /** A byte of the data register; behind the end of an item there are zeros. */
  readData(): u32 {
    const item = itemOf(this.selector);
    if (this.offset >= item.length) return 0;
    const value: u32 = load<u8>(<usize>item.at + <usize>this.offset);
    this.offset++;
    return value;
  }

  select(selector: u32): void {
    this.selector = selector & 0xffff;
    this.offset = 0;
  }

  /** The DMA address register reads as "QEMU CFG". */
  readSignature(offset: u32): u32 {
    return offset < 4 ? 0x554d_4551 : 0x4746_4320;
  }

  writeRequest(offset: u32, value: u32): void {
    if (offset == 0) this.requestHigh = bswap<u32>(value);
    else if (offset == 4) {
      if (this.requestHigh == 0) this.carryOut(bswap<u32>(value));
      this.requestHigh = 0;
    }
  }

  /** Does what the request at `request` asks for, and says so there; one that is not in memory asks for nothing. */
  private carryOut(request: u32): void {
    if (!inRam(request, REQUEST_SIZE)) return;
    const control = bswap<u32>(readPhysical<u32>(request));
    const length = bswap<u32>(readPhysical<u32>(request + 4));
    const addressHigh = readPhysical<u32>(request + 8);
    const address = bswap<u32>(readPhysical<u32>(request + 12));
    let result: u32 = 0;
    if (control & DMA_SELECT) this.select(control >> 16);
    if (control & DMA_READ) result = addressHigh == 0 && this.copy(address, length) ? 0 : DMA_ERROR;
    else if (control & DMA_WRITE) result = DMA_ERROR;
    else if (control & DMA_SKIP) this.skip(length);
    writePhysical<u32>(request, bswap<u32>(result));
  }

  private skip(length: u32): void {
    const rest = itemOf(this.selector).length - this.offset;
    this.offset += min(length, rest);
  }

  /** Copies what there is, then zeros. False: the memory is not there. */
  private copy(address: u32, length: u32): bool {
    if (!inRam(address, length)) return false;
    const item = itemOf(this.selector);
    const bytes = min(length, item.length - this.offset);
    const from = <usize>item.at + <usize>this.offset;
    this.offset += bytes;
    let done: u32 = 0;
    for (; done < length && address + done < LOW_MEMORY; done++)
      writePhysical<u8>(address + done, done < bytes ? load<u8>(from + <usize>done) : 0);
    if (done == length) return true;
    const to = RAM_AT + <usize>address;
    if (done < bytes) memory.copy(to + <usize>done, from + <usize>done, bytes - done);
    const zeros = max(done, bytes);
    memory.fill(to + <usize>zeros, 0, length - zeros);
    wroteMemory(address + done, length - done);
    return true;
  }
}
