// Virtio block device (virtio 1.1 §5.2). A request is a chain: a header, the data, a status byte. The data's buffers
// become the segments of one request to the host (rings/block.ts), which fills or empties them in place.
//
//   header:  type u32 | reserved u32 | sector u64
import { virtioFunction } from "../../machine/board";
import { RAM_AT } from "../../machine/layout";
import { wroteMemory } from "../../memory/physical";
import {
  BLOCK_DISCARD,
  BLOCK_FLUSH,
  BLOCK_OK,
  BLOCK_READ,
  BLOCK_WRITE,
  BLOCK_ZERO,
  BlockRequest,
  hasSpareSlot,
  newBlockRequest,
} from "../../rings/block";
import { defaultCylinders, DEFAULT_HEADS, DEFAULT_SECTORS } from "../ata-identify";
import { drive } from "../drives";
import { VirtQueue } from "./queue";
import { VirtioDevice } from "./transport";

const FEATURE_SEGMENTS: u64 = 1 << 2;
const FEATURE_GEOMETRY: u64 = 1 << 4;
const FEATURE_READ_ONLY: u64 = 1 << 5;
const FEATURE_BLOCK_SIZE: u64 = 1 << 6;
const FEATURE_FLUSH: u64 = 1 << 9;
const FEATURE_DISCARD: u64 = 1 << 13;
const FEATURE_WRITE_ZEROES: u64 = 1 << 14;
const FEATURES: u64 =
  FEATURE_SEGMENTS |
  FEATURE_GEOMETRY |
  FEATURE_BLOCK_SIZE |
  FEATURE_FLUSH |
  FEATURE_DISCARD |
  FEATURE_WRITE_ZEROES;

const READ: u32 = 0;
const WRITE: u32 = 1;
const FLUSH: u32 = 4;
const GET_ID: u32 = 8;
const DISCARD: u32 = 11;
const WRITE_ZEROES: u32 = 13;

const OK: u32 = 0;
const IO_ERROR: u32 = 1;
const UNSUPPORTED: u32 = 2;

const SECTOR: u32 = 512;
const HEADER_SIZE: u32 = 16;
const RANGE_SIZE: u32 = 16;
const ID_SIZE: u32 = 20;
/** Header and status take two of a chain's descriptors. */
const SEGMENTS_MAX: u32 = 254;
/** A range's bytes must fit into a request's length. */
const RANGE_SECTORS_MAX: u32 = 0x3f_ffff;

export const BLK_CONFIG_SIZE: u32 = 60;

export function blkFeatures(connector: u32): u64 {
  return drive(connector).readOnly ? FEATURES | FEATURE_READ_ONLY : FEATURES;
}

/** Byte `offset` of the configuration (§5.2.4). */
export function blkConfig(connector: u32, offset: u32): u32 {
  const sectors = drive(connector).sectors;
  if (offset < 8) return (<u32>(sectors >> ((<u64>offset) << 3))) & 0xff;
  const word = offset & ~3;
  return (configWord(word, sectors) >> ((offset & 3) << 3)) & 0xff;
}

function configWord(offset: u32, sectors: u64): u32 {
  switch (offset) {
    case 12:
      return SEGMENTS_MAX;
    case 16:
      return defaultCylinders(sectors) | (DEFAULT_HEADS << 16) | (DEFAULT_SECTORS << 24);
    case 20:
      return SECTOR;
    case 32:
      return 1 | (1 << 16); // write-back; one queue
    case 36: // discard and write zeroes: sectors at most, one range, alignment
    case 48:
      return RANGE_SECTORS_MAX;
    case 40:
    case 44:
    case 52:
      return 1;
    case 56:
      return 1; // zeroes may give space back
    default:
      return 0;
  }
}

/** Takes chains while there are slots for requests to the host; a completion takes the next ones. */
export function serveBlk(device: VirtioDevice): void {
  while (device.queue.hasChain && hasSpareSlot()) {
    const head = device.queue.begin();
    if (head < 0 || !start(device, <u32>head)) {
      device.needsReset();
      return;
    }
  }
}

/** False: the chain is no request. */
function start(device: VirtioDevice, head: u32): bool {
  const queue = device.queue;
  if (queue.deviceWrites || queue.length < HEADER_SIZE) return false;
  const header = RAM_AT + <usize>queue.address;
  const type = load<u32>(header);
  const sector = load<u64>(header, 8);
  const connector = device.connector;
  switch (type) {
    case READ:
      return transfer(device, head, newBlockRequest(BLOCK_READ, connector, sector, head));
    case WRITE:
      return transfer(device, head, newBlockRequest(BLOCK_WRITE, connector, sector, head));
    case FLUSH:
      return withoutData(device, head, newBlockRequest(BLOCK_FLUSH, connector, 0, head));
    case DISCARD:
      return range(device, head, BLOCK_DISCARD);
    case WRITE_ZEROES:
      return range(device, head, BLOCK_ZERO);
    case GET_ID:
      return identify(device, head);
    default:
      if (!toStatus(queue)) return false;
      answer(device, head, queue.address, UNSUPPORTED, 0);
      return true;
  }
}

/** Goes to the last descriptor of the chain, which holds the status byte. */
function toStatus(queue: VirtQueue): bool {
  while (queue.next()) {}
  return queue.deviceWrites && queue.length >= 1;
}

function answer(device: VirtioDevice, head: u32, statusAt: u32, status: u32, written: u32): void {
  store<u8>(RAM_AT + <usize>statusAt, <u8>status);
  wroteMemory(statusAt, 1);
  device.finish(virtioFunction(device), head, written + 1);
}

/** The buffers between header and status are the request's; the last writable byte is the status. */
function transfer(device: VirtioDevice, head: u32, request: BlockRequest): bool {
  const queue = device.queue;
  const reads = request.operation == BLOCK_READ;
  let statusAt: u32 = 0;
  let last: u32 = 0;
  let bytes: u32 = 0;
  // A descriptor is added once the next one shows that it is not the last.
  let heldAt: u32 = 0;
  let held: u32 = 0;
  let fits = true;
  while (queue.next()) {
    if (held != 0 && !request.add(<u32>RAM_AT + heldAt, held)) fits = false;
    bytes += held;
    heldAt = queue.address;
    held = queue.length;
    last = queue.deviceWrites ? queue.length : 0;
    if (last == 0 && reads) fits = false;
  }
  if (last == 0) {
    request.cancel();
    return false;
  }
  // What the last buffer holds before its status byte is data.
  if (last > 1) {
    if (!request.add(<u32>RAM_AT + heldAt, last - 1)) fits = false;
    bytes += last - 1;
  }
  statusAt = heldAt + last - 1;
  const facts = drive(device.connector);
  const sectors = <u64>(bytes / SECTOR);
  const valid =
    fits &&
    bytes % SECTOR == 0 &&
    request.sector <= facts.sectors &&
    sectors <= facts.sectors - request.sector &&
    (reads || facts.readOnly == 0);
  if (!valid || bytes == 0) {
    request.cancel();
    answer(device, head, statusAt, valid ? OK : IO_ERROR, 0);
    return true;
  }
  device.setNote(head, statusAt);
  request.submit();
  return true;
}

function withoutData(device: VirtioDevice, head: u32, request: BlockRequest): bool {
  if (!toStatus(device.queue)) {
    request.cancel();
    return false;
  }
  device.setNote(head, device.queue.address + device.queue.length - 1);
  request.submit();
  return true;
}

/** DISCARD and WRITE ZEROES: one range of sector u64, count u32, flags u32. */
function range(device: VirtioDevice, head: u32, operation: u32): bool {
  const queue = device.queue;
  if (!queue.next() || queue.deviceWrites || queue.length < RANGE_SIZE) return false;
  const at = RAM_AT + <usize>queue.address;
  const single = queue.length == RANGE_SIZE;
  const sector = load<u64>(at);
  const count = load<u32>(at, 8);
  if (!toStatus(queue)) return false;
  const statusAt = queue.address + queue.length - 1;
  const facts = drive(device.connector);
  const valid =
    single && count <= RANGE_SECTORS_MAX && sector <= facts.sectors && <u64>count <= facts.sectors - sector;
  if (!valid || facts.readOnly || count == 0) {
    answer(device, head, statusAt, valid && !facts.readOnly ? OK : IO_ERROR, 0);
    return true;
  }
  const request = newBlockRequest(operation, device.connector, sector, head);
  request.length = count * SECTOR;
  device.setNote(head, statusAt);
  request.submit();
  return true;
}

/** The serial number, which this disk has not: zeros. */
function identify(device: VirtioDevice, head: u32): bool {
  const queue = device.queue;
  if (!queue.next() || !queue.deviceWrites) return false;
  const bytes = min(queue.length, ID_SIZE);
  memory.fill(RAM_AT + <usize>queue.address, 0, bytes);
  wroteMemory(queue.address, bytes);
  if (!toStatus(queue)) return false;
  answer(device, head, queue.address + queue.length - 1, OK, bytes);
  return true;
}

/** The host is done with a request. */
export function blkCompleted(device: VirtioDevice, request: BlockRequest, status: u32): void {
  const reads = request.operation == BLOCK_READ;
  if (reads)
    for (let i: u32 = 0; i < request.segments; i++)
      wroteMemory(request.segmentAddress(i) - <u32>RAM_AT, request.segmentLength(i));
  const written = reads && status == BLOCK_OK ? request.length : 0;
  const head = request.tag;
  answer(device, head, device.note(head), status == BLOCK_OK ? OK : IO_ERROR, written);
}
