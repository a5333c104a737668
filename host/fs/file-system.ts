// What a file system inside an image looks like, whatever its kind: nodes that list, read and point by themselves.
//
// Nothing in it is trusted. Readers bound every count by the size of the device, names never hold a slash, and walks
// enter no directory twice.
import type { BlockSource } from "../block/source.ts";

export type NodeKind =
  "file" | "directory" | "symlink" | "character device" | "block device" | "fifo" | "socket";

/** A stretch of a file's content, in order: bytes on the device, bytes held in the inode, or a hole that reads as zeros. */
export interface Run {
  length: number;
  /** Where on the device. */
  at?: number;
  bytes?: Uint8Array;
}

export interface FileNode {
  readonly kind: NodeKind;
  /** Tells the nodes of one file system apart. */
  readonly id: number;
  /** In bytes. */
  readonly size: number;
  /** Permissions, with the set-id and sticky bits. */
  readonly mode: number;
  readonly links: number;
  readonly uid: number;
  readonly gid: number;
  /** Milliseconds since 1970, UTC; 0: nobody wrote it down. */
  readonly modified: number;
  /** Major and minor number of a device. */
  readonly device?: readonly [major: number, minor: number];
  /** What a directory holds, without `.` and `..`. */
  entries(): AsyncGenerator<Entry, void>;
  /** A file's content; its lengths add up to `size`. */
  runs(): AsyncGenerator<Run, void>;
  /** Where a symbolic link points. */
  target(): Promise<string>;
}

export interface Entry {
  name: string;
  node(): Promise<FileNode>;
}

export interface FileSystem {
  /** As blkid calls it: ext4, vfat, iso9660. */
  readonly type: string;
  readonly label: string;
  /** Names that differ only in case are one. */
  readonly caseless: boolean;
  readonly root: FileNode;
  /** What `Run.at` counts in. */
  readonly source: BlockSource;
  /** What a reader should know about the state it is in. */
  readonly note?: string;
}

/** mode_t's top four bits (inode(7)), which ext and Rock Ridge both use. */
const KINDS: Readonly<Record<number, NodeKind>> = {
  0x1: "fifo",
  0x2: "character device",
  0x4: "directory",
  0x6: "block device",
  0x8: "file",
  0xa: "symlink",
  0xc: "socket",
};

export function kindOfMode(mode: number): NodeKind | undefined {
  return KINDS[(mode >> 12) & 0xf];
}

/** A symbolic link that is longer is damaged: Linux's PATH_MAX. */
export const TARGET_MAX = 4096;

/** False for names that no directory may hold. */
export function isName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name);
}
