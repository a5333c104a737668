// `-uuid`, `-smbios` and `-fw_cfg`: what the user has the guest told.
import { readFile } from "node:fs/promises";
import { reason, UserError } from "../core/errors.ts";
import type { SmbiosString, Told } from "../core/told.ts";
import { parseList } from "./option-list.ts";
import type { PcOptions } from "./pc-options.ts";

/** A file for the guest: words of the command line, or a file's name. */
export type ToldFile = { text: string } | { path: string };

/** SMBIOS' fields by QEMU's names: the offset of each in the structure of its type (DMTF DSP0134 §7). */
const FIELDS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  0: { vendor: 4, version: 5, date: 8 },
  1: { manufacturer: 4, product: 5, version: 6, serial: 7, sku: 0x19, family: 0x1a },
  2: { manufacturer: 4, product: 5, version: 6, serial: 7, asset: 8, location: 10 },
  3: { manufacturer: 4, version: 6, serial: 7, asset: 8, sku: 0x15 },
  4: { manufacturer: 7, version: 16, serial: 32, asset: 33, part: 34 },
  11: { value: 4 },
  17: { manufacturer: 23, serial: 24, asset: 25, part: 26 },
};
/** Of the names in the directory, with the zero behind them. */
const NAME_MAX = 56;

export function setUuid(options: PcOptions, text: string): void {
  options.uuid = uuid(text, "failed to parse UUID string: wrong format");
}

function uuid(text: string, complaint: string): string {
  if (!/^[\da-f]{8}-([\da-f]{4}-){3}[\da-f]{12}$/i.test(text)) throw new UserError(complaint);
  return text.toLowerCase();
}

export function setSmbios(options: PcOptions, text: string): void {
  const [first, ...settings] = parseList(text);
  if (first?.key === "file") throw new UserError("file= is not supported yet: type= is");
  if (first?.key !== "type") throw new UserError("Must specify type= or file=");
  const type = first.value ?? "";
  const fields = FIELDS[type];
  if (!fields) throw new UserError(`Don't know how to build fields for SMBIOS type ${type}`);
  for (const { key, value = "" } of settings) {
    if (type === "1" && key === "uuid") options.uuid ??= uuid(value, "Invalid UUID");
    else if (!Object.hasOwn(fields, key)) throw new UserError(`Invalid parameter '${key}'`);
    else addWord(options.smbios, { type: Number(type), field: fields[key]!, text: value });
  }
}

/** The last word for a field counts, but there are as many OEM strings as one likes. */
function addWord(words: SmbiosString[], word: SmbiosString): void {
  const earlier = words.findIndex(({ type, field }) => type === word.type && field === word.field);
  if (earlier >= 0 && word.type !== 11) words.splice(earlier, 1);
  words.push(word);
}

export function setGuestFile(options: PcOptions, text: string): void {
  const given = new Map(parseList(text, "name").map(({ key, value = "" }) => [key, value]));
  const [name, path, words] = ["name", "file", "string"].map((key) => given.get(key));
  if (given.has("gen_id")) throw new UserError("gen_id= is not supported: give file= or string=");
  if (!name || (path === undefined) === (words === undefined))
    throw new UserError("name, plus exactly one of file, string and gen_id, are needed");
  if (name.length >= NAME_MAX) throw new UserError(`name too long (max. ${NAME_MAX - 1} char)`);
  if (options.guestFiles.has(name)) throw new UserError(`duplicate fw_cfg file name: ${name}`);
  if (!name.startsWith("opt/"))
    options.warnings.push(
      `-fw_cfg ${text}: warning: externally provided fw_cfg item names should be prefixed with "opt/"`,
    );
  options.guestFiles.set(name, path === undefined ? { text: words! } : { path });
}

/** All of it, the files read. */
export async function readTold({ uuid: machine, smbios, guestFiles }: PcOptions): Promise<Told> {
  const files = new Map<string, Uint8Array>();
  for (const [name, file] of guestFiles) files.set(name, await contents(file));
  return { uuid: machine, smbios, files };
}

async function contents(file: ToldFile): Promise<Uint8Array> {
  if ("text" in file) return new TextEncoder().encode(file.text);
  try {
    return await readFile(file.path);
  } catch (error) {
    throw new UserError(`-fw_cfg: can't load ${file.path}: ${reason(error)}`);
  }
}
