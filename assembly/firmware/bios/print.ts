// Words of the BIOS itself, by its own teletype.
import { writeTeletype } from "./video-text";

const NORMAL: u32 = 0x07;

export function printText(text: string): void {
  for (let i = 0; i < text.length; i++) writeTeletype(text.charCodeAt(i), NORMAL);
}

export function printLine(text: string): void {
  printText(text);
  printText("\r\n");
}

export function printNumber(value: u32): void {
  if (value >= 10) printNumber(value / 10);
  writeTeletype(0x30 + (value % 10), NORMAL);
}

export function printHex(value: u32, digits: u32): void {
  for (let shift = (digits - 1) << 2; <i32>shift >= 0; shift -= 4) {
    const digit = (value >> shift) & 15;
    writeTeletype(digit < 10 ? 0x30 + digit : 0x57 + digit, NORMAL);
  }
}
