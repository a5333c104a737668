// What the user has the guest told: its UUID, words in SMBIOS, files of the firmware configuration device. Written as
// the records that assembly/firmware/told.ts reads, before power on.
import { UserError } from "./errors.ts";
import type { MachineEngine } from "./machine-engine.ts";

/** A string of an SMBIOS structure (DMTF DSP0134 §7): the structure's type, the offset of the field that names it. */
export interface SmbiosString {
  type: number;
  field: number;
  text: string;
}

export interface Told {
  /** As 32 hexadecimal digits, dashes between them as one likes. */
  uuid?: string | undefined;
  smbios?: readonly SmbiosString[];
  /** Files by name, as QEMU's `-fw_cfg`. */
  files?: ReadonlyMap<string, Uint8Array>;
}

/** Where the records go. */
export interface ToldRoom {
  constants: Pick<MachineEngine["constants"], `TOLD_${string}` & keyof MachineEngine["constants"]>;
  bytes(at: number, length: number): Uint8Array;
}

/** As many as the directory has room for beside our own (assembly/firmware/configuration.ts). */
const FILES_MAX = 80;
/** So much of SMBIOS_SIZE there. */
const SMBIOS_MAX = 0x6000;
const HEADER = 8;

/** Writes the records; complains where there is no room for them. */
export function tellGuest(engine: ToldRoom, { uuid, smbios = [], files = new Map() }: Told): void {
  const { TOLD_AT, TOLD_SIZE, TOLD_FILE, TOLD_NAME, TOLD_UUID } = engine.constants;
  const records: [key: number, bytes: Uint8Array][] = [];
  if (uuid !== undefined) records.push([TOLD_UUID, uuidBytes(uuid)]);
  for (const { type, field, text } of smbios)
    records.push([(type << 8) | field, new TextEncoder().encode(text)]);
  if (records.reduce((sum, [, bytes]) => sum + bytes.length + 1, 0) > SMBIOS_MAX)
    throw new UserError(`SMBIOS has room for ${SMBIOS_MAX} bytes of words: give less by -smbios`);
  if (files.size > FILES_MAX) throw new UserError(`there is room for ${FILES_MAX} files of -fw_cfg`);
  for (const [name, bytes] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const named = new Uint8Array(TOLD_NAME + bytes.length);
    named.set(new TextEncoder().encode(name).subarray(0, TOLD_NAME - 1));
    named.set(bytes, TOLD_NAME);
    records.push([TOLD_FILE, named]);
  }
  const room = engine.bytes(TOLD_AT, TOLD_SIZE);
  const view = new DataView(room.buffer, room.byteOffset, room.length);
  let at = 0;
  for (const [key, bytes] of records) {
    if (at + HEADER + bytes.length > room.length - 2 * HEADER)
      throw new UserError(`-fw_cfg has room for ${TOLD_SIZE / 1024} KiB in all: give smaller files`);
    view.setUint32(at, key, true);
    view.setUint32(at + 4, bytes.length, true);
    room.set(bytes, at + HEADER);
    at = (at + HEADER + bytes.length + 7) & ~7;
  }
}

/** In the order in which it is written. */
function uuidBytes(uuid: string): Uint8Array {
  return Uint8Array.from(uuid.match(/[\da-f]{2}/gi) ?? [], (digits) => parseInt(digits, 16));
}
