// What the user has the guest told of itself (-uuid, -smbios) and for itself (-fw_cfg): records that the host writes
// before power on (host/core/told.ts), one behind the other up to a key of 0.
//
//   key u32 | length u32 | bytes, padded to 8
//
// A key is TOLD_FILE, TOLD_UUID, or that of a string in an SMBIOS structure: its type << 8 | the field's offset.
import { TOLD_AT } from "../machine/layout";

/** A file of the firmware configuration device: TOLD_NAME bytes of name, then what is in it. */
export const TOLD_FILE: u32 = 0x1_0000;
/** The machine's UUID: 16 bytes in the order in which it is written (RFC 4122). */
export const TOLD_UUID: u32 = 0x2_0000;
export const TOLD_NAME: u32 = 56;

@final
@unmanaged
export class Told {
  key: u32;
  length: u32;

  get bytes(): usize {
    return changetype<usize>(this) + offsetof<Told>();
  }

  get next(): Told {
    return changetype<Told>((this.bytes + <usize>this.length + 7) & ~7);
  }
}

const FIRST = changetype<Told>(TOLD_AT);

/** The first record from `record` on whose key, without the bits of `any`, is `key`; its key is 0 if there is none. */
function seek(record: Told, key: u32, any: u32): Told {
  while (record.key != 0 && (record.key & ~any) != key) record = record.next;
  return record;
}

/** The first record with `key`; its own key is 0 if there is none. */
export function told(key: u32): Told {
  return seek(FIRST, key, 0);
}

/** The next one behind `record` with its key. */
export function toldAfter(record: Told): Told {
  return seek(record.next, record.key, 0);
}

/** Whether there are words for an SMBIOS structure of this type. */
export function isTold(type: u32): bool {
  return seek(FIRST, type << 8, 0xff).key != 0;
}
