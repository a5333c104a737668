// Bytes: for each of the four serial ports a ring out and a ring in, and a ring out for the debug console.
import { RINGS_AT } from "../machine/layout";
import { ByteRing, RING_HEADER } from "./ring";

export const SERIAL_PORTS: u32 = 4;
export const SERIAL_OUT_CAPACITY: u32 = 0x4000;
export const SERIAL_IN_CAPACITY: u32 = 0x1000;
export const SERIAL_OUT_AT: usize = RINGS_AT;
export const SERIAL_OUT_SIZE: usize = RING_HEADER + <usize>SERIAL_OUT_CAPACITY;
export const SERIAL_IN_AT: usize = SERIAL_OUT_AT + SERIAL_OUT_SIZE * <usize>SERIAL_PORTS;
export const SERIAL_IN_SIZE: usize = RING_HEADER + <usize>SERIAL_IN_CAPACITY;
export const DEBUG_OUT_CAPACITY: u32 = 0x4000;
export const DEBUG_OUT_AT: usize = SERIAL_IN_AT + SERIAL_IN_SIZE * <usize>SERIAL_PORTS;
export const BYTES_END: usize = DEBUG_OUT_AT + RING_HEADER + <usize>DEBUG_OUT_CAPACITY;

/** Text that the guest sends to its debug console. */
export function debugOut(): ByteRing {
  return changetype<ByteRing>(DEBUG_OUT_AT);
}

/** Bytes that serial port `port` (0 = COM1) has sent. */
export function serialOut(port: u32): ByteRing {
  return changetype<ByteRing>(SERIAL_OUT_AT + <usize>port * SERIAL_OUT_SIZE);
}

/** Bytes that wait for serial port `port`. */
export function serialIn(port: u32): ByteRing {
  return changetype<ByteRing>(SERIAL_IN_AT + <usize>port * SERIAL_IN_SIZE);
}
