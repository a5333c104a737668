// Image formats by name and by their first bytes. Raw is what is left when no other format knows the bytes.
import { UserError } from "../core/errors.ts";
import type { Driver } from "./driver.ts";

/** How much of a file is looked at to tell its format. */
export const PROBE_SIZE = 2048;

interface Format {
  name: string;
  /** Its driver, loaded when such an image is met; absent: this version knows the format by name only. */
  load?: () => Promise<Driver>;
  probe(head: Uint8Array, name: string): boolean;
}

const word = (head: Uint8Array, at: number): number =>
  head.length >= at + 4 ? new DataView(head.buffer, head.byteOffset).getUint32(at) : 0;
const starts = (head: Uint8Array, text: string): boolean =>
  head.length >= text.length && [...text].every((char, index) => head[index] === char.charCodeAt(0));

const QCOW = 0x514649fb;

export const FORMATS: readonly Format[] = [
  {
    name: "qcow2",
    load: async () => (await import("./qcow2/driver.ts")).qcow2,
    probe: (head) => word(head, 0) === QCOW && word(head, 4) >= 2,
  },
  {
    name: "qcow",
    load: async () => (await import("./formats/qcow.ts")).qcow,
    probe: (head) => word(head, 0) === QCOW && word(head, 4) === 1,
  },
  {
    name: "qed",
    load: async () => (await import("./formats/qed.ts")).qed,
    probe: (head) => starts(head, "QED\0"),
  },
  {
    name: "luks",
    load: async () => (await import("./formats/luks.ts")).luks,
    probe: (head) => starts(head, "LUKS\xba\xbe\0\x01"),
  },
  {
    name: "vdi",
    load: async () => (await import("./formats/vdi.ts")).vdi,
    probe: (head) => word(head, 0x40) === 0x7f10dabe,
  },
  {
    name: "vmdk",
    load: async () => (await import("./formats/vmdk.ts")).vmdk,
    probe: (head) => starts(head, "KDMV") || starts(head, "COWD") || isVmdkText(head),
  },
  {
    name: "vpc",
    load: async () => (await import("./formats/vpc.ts")).vpc,
    probe: (head) => starts(head, "conectix"),
  },
  {
    name: "vhdx",
    load: async () => (await import("./formats/vhdx.ts")).vhdx,
    probe: (head) => starts(head, "vhdxfile"),
  },
  {
    name: "parallels",
    load: async () => (await import("./formats/parallels.ts")).parallels,
    probe: (head) =>
      (starts(head, "WithoutFreeSpace") || starts(head, "WithouFreSpacExt")) && word(head, 16) === 0x02000000,
  },
  {
    name: "bochs",
    load: async () => (await import("./formats/bochs.ts")).bochs,
    probe: (head) => starts(head, "Bochs Virtual HD Image\0"),
  },
  {
    name: "dmg",
    load: async () => (await import("./formats/dmg.ts")).dmg,
    probe: (_head, name) => name.endsWith(".dmg"),
  },
  {
    name: "cloop",
    load: async () => (await import("./formats/cloop.ts")).cloop,
    probe: (head) => starts(head, "#!/bin/sh\n#V2.0 Format\nmodprobe cloop "),
  },
  { name: "raw", load: async () => (await import("./formats/raw.ts")).raw, probe: () => true },
];

/** Comment and blank lines, then `version=1`, 2 or 3. */
function isVmdkText(head: Uint8Array): boolean {
  return /^(?:#[^\n]*\n|[ \t\r]*\n)+version=[123]\s/.test(new TextDecoder("latin1").decode(head));
}

/** By its first bytes; `name`, where there is one, tells what bytes at the end would. */
export function probeFormat(head: Uint8Array, name = ""): string {
  return FORMATS.find(({ probe }) => probe(head, name))!.name;
}

/** The driver of a format; undefined: there is none. */
export async function loadDriver(name: string): Promise<Driver | undefined> {
  return FORMATS.find((one) => one.name === name)?.load?.();
}

/** Refuses names that no format has, and formats that this version knows but cannot open. */
export function requireFormat(name: string): void {
  const format = FORMATS.find((one) => one.name === name);
  if (!format) throw new UserError(`Unknown driver '${name}'`, "ENOENT");
  if (!format.load) throw new UserError(`Image format '${name}' is not supported yet`, "ENOTSUP");
}
