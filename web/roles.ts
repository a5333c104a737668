// What a file is to a PC, told by its first bytes.

export type Role = "disk" | "cdrom" | "floppy" | "kernel" | "initrd";

export const ROLES: Readonly<Record<Role, string>> = {
  disk: "hard disk",
  cdrom: "CD",
  floppy: "floppy",
  kernel: "Linux kernel",
  initrd: "initial RAM disk",
};

/** Beginning and place of the marks: Linux' boot protocol, ECMA-119 §8.1.2, gzip, xz, zstd, cpio. */
const LINUX = [0x202, [0x48, 0x64, 0x72, 0x53]] as const;
const ISO_9660 = [0x8001, [0x43, 0x44, 0x30, 0x30, 0x31]] as const;
const PACKED = [
  [0, [0x1f, 0x8b]],
  [0, [0xfd, 0x37, 0x7a, 0x58]],
  [0, [0x28, 0xb5, 0x2f, 0xfd]],
  [0, [0x30, 0x37, 0x30, 0x37, 0x30, 0x31]],
] as const;
/** The largest floppies hold 2.88 MB. */
const FLOPPY_MAX = 2880 * 1024;
const SECTOR = 512;

export async function roleOf(file: File): Promise<Role> {
  const head = new Uint8Array(await file.slice(0, 0x8010).arrayBuffer());
  const has = ([at, bytes]: readonly [number, readonly number[]]): boolean =>
    bytes.every((byte, n) => head[at + n] === byte);
  if (has(LINUX)) return "kernel";
  if (has(ISO_9660)) return "cdrom";
  if (PACKED.some(has)) return "initrd";
  return file.size <= FLOPPY_MAX && file.size % SECTOR === 0 && /\.(img|ima|flp|vfd)$/i.test(file.name)
    ? "floppy"
    : "disk";
}

/** An address tells less: its name has to do. */
export function roleOfAddress(address: string): Role {
  const { pathname } = new URL(address);
  if (/\.iso$/i.test(pathname)) return "cdrom";
  if (/(vmlinuz|bzimage)[^/]*$/i.test(pathname)) return "kernel";
  return /init(rd|ramfs)[^/]*$/i.test(pathname) ? "initrd" : "disk";
}
