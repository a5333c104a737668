// What follows the header's fields in its cluster: extensions, then the backing file's name. The fields are the
// engine's; this is text and lists, which are the host's.
import { UserError } from "../../core/errors.ts";

/** Extension types (qcow2 specification, "Header extensions"). */
const END = 0;
const BACKING_FORMAT = 0xe2792aca;
const FEATURE_NAMES = 0x6803f857;
const BITMAPS = 0x23852875;
const ENCRYPTION = 0x0537be77;
const DATA_FILE = 0x44415441;

/** Bytes that one feature's record takes: kind, bit, name. */
const FEATURE_RECORD = 48;
/** In clusters this small the names would leave no room: native leaves them out, and so do we. */
const SMALL_CLUSTER = 4096;

const FEATURES: readonly (readonly [kind: number, bit: number, name: string])[] = [
  [0, 0, "dirty bit"],
  [0, 1, "corrupt bit"],
  [0, 2, "external data file"],
  [0, 3, "compression type"],
  [0, 4, "extended L2 entries"],
  [1, 0, "lazy refcounts"],
  [2, 0, "bitmaps"],
  [2, 1, "raw external data"],
];

export interface BitmapDirectory {
  count: number;
  size: number;
  offset: number;
}

export interface Extensions {
  backingFormat?: string;
  dataFile?: string;
  bitmaps?: BitmapDirectory;
  /** Where the LUKS header is. */
  encryption?: { offset: number; length: number };
  /** The file's own names for feature bits: [kind * 64 + bit] = name. */
  featureNames: Map<number, string>;
  /** Kept byte for byte: programs newer than us know what they say. */
  unknown: { type: number; data: Uint8Array }[];
}

const text = new TextDecoder();

/** Reads the extensions between `start` and `end` of the header's cluster. */
export function parseExtensions(cluster: Uint8Array, start: number, end: number): Extensions {
  const view = new DataView(cluster.buffer, cluster.byteOffset, cluster.byteLength);
  const found: Extensions = { featureNames: new Map(), unknown: [] };
  for (let at = start; at + 8 <= end;) {
    const type = view.getUint32(at);
    const length = view.getUint32(at + 4);
    at += 8;
    if (type === END) break;
    if (length > end - at) throw new UserError("Header extension too large", "EINVAL");
    const data = cluster.slice(at, at + length);
    const fields = new DataView(data.buffer);
    if (type === BACKING_FORMAT) found.backingFormat = text.decode(data);
    else if (type === DATA_FILE) found.dataFile = text.decode(data);
    else if (type === FEATURE_NAMES) readFeatureNames(data, found.featureNames);
    else if (type === BITMAPS && length >= 24)
      found.bitmaps = {
        count: fields.getUint32(0),
        size: Number(fields.getBigUint64(8)),
        offset: Number(fields.getBigUint64(16)),
      };
    else if (type === ENCRYPTION && length >= 16)
      found.encryption = { offset: Number(fields.getBigUint64(0)), length: Number(fields.getBigUint64(8)) };
    else found.unknown.push({ type, data });
    at += (length + 7) & ~7;
  }
  return found;
}

function readFeatureNames(data: Uint8Array, names: Map<number, string>): void {
  for (let at = 0; at + FEATURE_RECORD <= data.length; at += FEATURE_RECORD) {
    const name = text.decode(data.subarray(at + 2, at + FEATURE_RECORD));
    names.set(data[at]! * 64 + data[at + 1]!, name.replace(/\0.*$/s, ""));
  }
}

function featureTable(): Uint8Array {
  const table = new Uint8Array(FEATURES.length * FEATURE_RECORD);
  FEATURES.forEach(([kind, bit, name], index) => {
    table.set([kind, bit], index * FEATURE_RECORD);
    table.set(new TextEncoder().encode(name), index * FEATURE_RECORD + 2);
  });
  return table;
}

/** Lays out extensions and backing name from `start` on. Returns where the name lies, 0 without one, and the end. */
export function layExtensions(
  cluster: Uint8Array,
  start: number,
  extensions: Extensions,
  backingName: string | undefined,
  version: number,
): { nameAt: number; nameLength: number; end: number } {
  const encode = new TextEncoder();
  const list: [number, Uint8Array][] = [];
  if (extensions.backingFormat) list.push([BACKING_FORMAT, encode.encode(extensions.backingFormat)]);
  if (extensions.dataFile) list.push([DATA_FILE, encode.encode(extensions.dataFile)]);
  if (extensions.encryption) {
    const { offset, length } = extensions.encryption;
    list.push([ENCRYPTION, numbers(16, [8, 0, offset], [8, 8, length])]);
  }
  if (version >= 3 && cluster.length > SMALL_CLUSTER) list.push([FEATURE_NAMES, featureTable()]);
  if (extensions.bitmaps) {
    const { count, size, offset } = extensions.bitmaps;
    list.push([BITMAPS, numbers(24, [4, 0, count], [8, 8, size], [8, 16, offset])]);
  }
  for (const { type, data } of extensions.unknown) list.push([type, data]);
  list.push([END, new Uint8Array(0)]);

  const name = encode.encode(backingName ?? "");
  const need = list.reduce((sum, [, data]) => sum + 8 + ((data.length + 7) & ~7), start) + name.length;
  if (need > cluster.length) throw new UserError("No space left in the file header", "ENOSPC");

  cluster.fill(0, start);
  const view = new DataView(cluster.buffer, cluster.byteOffset, cluster.byteLength);
  let at = start;
  for (const [type, data] of list) {
    view.setUint32(at, type);
    view.setUint32(at + 4, data.length);
    cluster.set(data, at + 8);
    at += 8 + ((data.length + 7) & ~7);
  }
  cluster.set(name, at);
  return { nameAt: name.length ? at : 0, nameLength: name.length, end: at + name.length };
}

function numbers(size: number, ...fields: [width: number, at: number, value: number][]): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  for (const [width, at, value] of fields)
    if (width === 8) view.setBigUint64(at, BigInt(value));
    else view.setUint32(at, value);
  return bytes;
}
