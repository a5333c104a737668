// How engine and host talk. The engine decides, the host does.
//
// Every verb of the engine returns a Step. LOAD, STORE, BARRIER and FLUSH ask the host for one act, after which it
// calls the same verb with the same arguments again; DONE, FOUND and FAIL answer. So a verb is a function that is
// run from its start each time and finds, further each time, what it needs in memory: no callbacks, no promises,
// and one engine serves synchronous files, ranges over HTTP and tests without a disk alike. The shape not chosen,
// a record of all steps in advance, would need every table in memory before the first answer.
//
// Offsets cross as f64: exact for every multiple of 512 below 2^62, which is more than a guest disk may have, and
// for every byte below 2^53, which is more than a file may have.
import { EXCHANGE_AT } from "./layout";

/** The verb is complete; its answer is in the extent. */
export const DONE: u32 = 0;
/** Read `transfer` from the file into memory (zeros past its end), then call again. */
export const LOAD: u32 = 1;
/** Write `transfer` from memory to the file, then call again. */
export const STORE: u32 = 2;
/** Everything stored so far must be durable before the next STORE; then call again. */
export const BARRIER: u32 = 3;
/** The cache holds nothing but unwritten tables: run `flushTables` to its end, then call again. */
export const FLUSH: u32 = 4;
/** The verb cannot be done: `failure` says why. */
export const FAIL: u32 = 5;
/** One finding of check or one part of a listing; call again for the next. */
export const FOUND: u32 = 6;

@final
@unmanaged
export class Exchange {
  step: u32;
  /** A `Failure` or a `Finding`, and the numbers that its sentence names. */
  reason: u32;
  first: u64;
  second: u64;
  third: u64;
  transferOffset: u64;
  transferAddress: u32;
  transferLength: u32;
  extentKind: u32;
  extentOffset: u64;
  extentLength: u64;
}

export const exchange = changetype<Exchange>(EXCHANGE_AT);

/** Asks for one act of the host. Returns 0, which address-returning functions hand up as "not yet". */
export function ask(step: u32, offset: u64, address: usize, length: u32): usize {
  exchange.step = step;
  exchange.transferOffset = offset;
  exchange.transferAddress = <u32>address;
  exchange.transferLength = length;
  return 0;
}

/** Gives up: `reason` is a code of failures.ts. Returns 0, like `ask`. */
export function fail(reason: u32, first: u64 = 0, second: u64 = 0, third: u64 = 0): usize {
  exchange.step = FAIL;
  exchange.reason = reason;
  exchange.first = first;
  exchange.second = second;
  exchange.third = third;
  return 0;
}

/** Reports `reason` with its numbers and comes back. */
export function found(reason: u32, first: u64, second: u64 = 0, third: u64 = 0): u32 {
  exchange.reason = reason;
  exchange.first = first;
  exchange.second = second;
  exchange.third = third;
  return FOUND;
}
