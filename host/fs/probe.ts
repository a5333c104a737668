// Which file system is in a volume, by the bytes that only it has, and opening the ones that can be read.
import type { BlockSource } from "../block/source.ts";
import { UserError } from "../core/errors.ts";
import { ExtFileSystem, extType } from "./ext.ts";
import { FatFileSystem, isFat } from "./fat.ts";
import type { FileSystem } from "./file-system.ts";
import { IsoFileSystem, isIso } from "./iso9660.ts";

/** Btrfs has its mark farthest in. */
const HEAD = 65536 + 1024;

interface Mark {
  type: string;
  at: number;
  text: string;
}

/** What is known by name only; the first that fits. */
const MARKS: readonly Mark[] = [
  { type: "crypto_LUKS", at: 0, text: "LUKS\xba\xbe" },
  { type: "LVM2_member", at: 512, text: "LABELONE" },
  { type: "LVM2_member", at: 0, text: "LABELONE" },
  { type: "xfs", at: 0, text: "XFSB" },
  { type: "ntfs", at: 3, text: "NTFS    " },
  { type: "exfat", at: 3, text: "EXFAT   " },
  { type: "squashfs", at: 0, text: "hsqs" },
  { type: "btrfs", at: 65536 + 64, text: "_BHRfS_M" },
  { type: "f2fs", at: 1024, text: "\x10\x20\xf5\xf2" },
  { type: "swap", at: 4096 - 10, text: "SWAPSPACE2" },
];

/** blkid's word for it; undefined: nothing that we know. */
export async function probeContent(source: BlockSource): Promise<string | undefined> {
  const head = new Uint8Array(Math.min(HEAD, source.size));
  await source.read(head, 0);
  const has = ({ at, text }: Mark): boolean =>
    at + text.length <= head.length && [...text].every((char, i) => head[at + i] === char.charCodeAt(0));
  const mark = MARKS.find(has);
  if (mark) return mark.type;
  if (isIso(head)) return "iso9660";
  return extType(head) ?? (isFat(head, source.size) ? "vfat" : undefined);
}

const CANNOT: Readonly<Record<string, string>> = {
  LVM2_member: "is a physical volume of LVM, which is not read yet",
  crypto_LUKS: "is encrypted (LUKS), which is not read here yet",
  swap: "is swap space and holds no files",
};

/** `where` names the volume in sentences. */
export async function openFileSystem(source: BlockSource, where: string): Promise<FileSystem> {
  const type = await probeContent(source);
  if (type === undefined) throw new UserError(`${where} holds no file system that can be read`, "EINVAL");
  if (type === "iso9660") return IsoFileSystem.open(source);
  if (type === "vfat") return FatFileSystem.open(source);
  if (type.startsWith("ext")) return ExtFileSystem.open(source, type);
  throw new UserError(
    `${where} ${CANNOT[type] ?? `holds a file system of type ${type}, which is not read yet`}`,
    "ENOTSUP",
  );
}
