// Sectors between a drive and memory. INT 13h asks the drive's connector, not its controller: the request goes through
// the block ring (rings/block.ts), and a service that finds it under way leaves and is asked again.
import { ACTIVE, EVENT_RESCHEDULE, HALTED, cpu, signal } from "../../cpu/state";
import { RAM_AT } from "../../machine/layout";
import { vcpu } from "../../machine/vcpus";
import { READ, WRITE, translate } from "../../memory/paging";
import {
  isMemory,
  isWritable,
  memoryPlace,
  readPhysical,
  wroteMemory,
  writePhysical,
} from "../../memory/physical";
import { BLOCK_OK, BLOCK_READ, BLOCK_WRITE, newBlockRequest } from "../../rings/block";
import { BUFFER_AT, BUFFER_SIZE, TRANSFER_AT } from "./layout";

/** Marks firmware's requests in the ring. */
export const FIRMWARE_TAG: u32 = 0xb105;

const IDLE: u32 = 0;
const UNDER_WAY: u32 = 1;
const DONE: u32 = 2;
const FAILED: u32 = 3;

/** What one call asks for, by which it is known again when it asks once more. */
@final
@unmanaged
class Transfer {
  sector: u64;
  drive: u32;
  operation: u32;
  length: u32;
  /** Bytes of it that have been moved. */
  moved: u32;
  /** The request for the next piece: IDLE … FAILED. */
  state: u32;
  /** The vCPU that waits for it. */
  vcpu: u32;
  /** Whether the transfer that ended last has failed. */
  failed: bool;
}

const transfer = changetype<Transfer>(TRANSFER_AT);

/** Power on: nothing is under way. */
export function resetTransfer(): void {
  memory.fill(TRANSFER_AT, 0, offsetof<Transfer>());
}

export function transferFailed(): bool {
  return transfer.failed;
}

/** Halts the vCPU until an interrupt, or until the drive has answered. */
export function waitForEvent(): void {
  cpu.activity = HALTED;
  signal(EVENT_RESCHEDULE);
}

/** The host has carried firmware's request out. */
export function transferCompleted(status: u32): void {
  transfer.state = status == BLOCK_OK ? DONE : FAILED;
  const waiting = vcpu(transfer.vcpu);
  if (waiting.activity == HALTED) waiting.activity = ACTIVE;
}

/**
 * Reads `length` bytes, at most BUFFER_SIZE, from 512-byte `sector` of a drive into the buffer at BUFFER_AT. False: not
 * there yet, ask again. True: see `transferFailed`.
 */
export function readSectors(drive: u32, sector: u64, length: u32): bool {
  if (!recognise(BLOCK_READ, drive, sector, length)) return false;
  if (transfer.state == IDLE) submit(length);
  return arrived();
}

/** The same for any length, into the guest's memory at `linear`. */
export function readIntoGuest(drive: u32, sector: u64, length: u32, linear: u64): bool {
  if (!recognise(BLOCK_READ, drive, sector, length)) return false;
  while (transfer.moved < length) {
    const piece = min(length - transfer.moved, BUFFER_SIZE);
    if (transfer.state == IDLE) submit(piece);
    // The copy may fault; the request is forgotten behind it.
    else if (transfer.state == DONE) copyToGuest(linear + <u64>transfer.moved, piece);
    if (!arrived()) return false;
    if (transfer.failed) return true;
    transfer.moved += piece;
  }
  return finish();
}

export function writeFromGuest(drive: u32, sector: u64, length: u32, linear: u64): bool {
  if (!recognise(BLOCK_WRITE, drive, sector, length)) return false;
  while (transfer.moved < length) {
    const piece = min(length - transfer.moved, BUFFER_SIZE);
    if (transfer.state == IDLE) {
      copyFromGuest(linear + <u64>transfer.moved, piece);
      submit(piece);
    }
    if (!arrived()) return false;
    if (transfer.failed) return true;
    transfer.moved += piece;
  }
  return finish();
}

/** Finds the transfer as it was left, or begins a new one. False: one that nobody asks for any more is under way. */
function recognise(operation: u32, drive: u32, sector: u64, length: u32): bool {
  const known =
    transfer.operation == operation &&
    transfer.drive == drive &&
    transfer.sector == sector &&
    transfer.length == length;
  if (known) return true;
  if (transfer.state == UNDER_WAY) {
    waitForEvent();
    return false;
  }
  transfer.state = IDLE;
  transfer.operation = operation;
  transfer.drive = drive;
  transfer.sector = sector;
  transfer.length = length;
  transfer.moved = 0;
  return true;
}

function submit(length: u32): void {
  const sector = transfer.sector + <u64>(transfer.moved >> 9);
  const request = newBlockRequest(transfer.operation, transfer.drive, sector, FIRMWARE_TAG);
  request.add(<u32>BUFFER_AT, length);
  transfer.state = UNDER_WAY;
  transfer.vcpu = cpu.index;
  request.submit();
}

/** Whether the request has ended; forgets it then. */
function arrived(): bool {
  if (transfer.state == UNDER_WAY) {
    waitForEvent();
    return false;
  }
  transfer.failed = transfer.state == FAILED;
  transfer.state = IDLE;
  if (transfer.failed) transfer.length = 0;
  return true;
}

/** The next call is another one, even should it ask for the same. */
function finish(): bool {
  transfer.failed = false;
  transfer.length = 0;
  return true;
}

/** Copies from the buffer, page by page as they are mapped: to RAM at once, to a chip's memory byte by byte. */
function copyToGuest(linear: u64, length: u32): void {
  let from = BUFFER_AT;
  while (length > 0) {
    const piece = min<u32>(0x1000 - ((<u32>linear) & 0xfff), length);
    const physical = translate(linear & 0xffff_ffff, WRITE, cpu.cpl == 3);
    if (isMemory(physical) && isWritable(physical)) {
      memory.copy(RAM_AT + <usize>physical, from, <usize>piece);
      wroteMemory(physical, piece);
    } else for (let i: u32 = 0; i < piece; i++) writePhysical<u8>(physical + i, load<u8>(from + <usize>i));
    linear += <u64>piece;
    from += <usize>piece;
    length -= piece;
  }
}

function copyFromGuest(linear: u64, length: u32): void {
  let to = BUFFER_AT;
  while (length > 0) {
    const piece = min<u32>(0x1000 - ((<u32>linear) & 0xfff), length);
    const physical = translate(linear & 0xffff_ffff, READ, cpu.cpl == 3);
    const place = memoryPlace(physical);
    if (place) memory.copy(to, place, <usize>piece);
    else for (let i: u32 = 0; i < piece; i++) store<u8>(to + <usize>i, readPhysical<u8>(physical + i));
    linear += <u64>piece;
    to += <usize>piece;
    length -= piece;
  }
}
