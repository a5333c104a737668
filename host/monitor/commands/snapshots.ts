// Snapshots of the whole machine, kept in its disks.
import type { Command } from "../host.ts";

export const SNAPSHOTS: readonly Command[] = [
  {
    name: "savevm",
    args: "tag",
    help: "save a VM snapshot. If no tag is provided, a new snapshot is created",
    words: [0, 1],
    run: ({ host }, [tag]) => host.snapshots.save(tag),
  },
  {
    name: "loadvm",
    args: "tag",
    help: "restore a VM snapshot from its tag",
    words: [1, 1],
    run: ({ host }, [tag]) => host.snapshots.load(tag!),
  },
  {
    name: "delvm",
    args: "tag",
    help: "delete a VM snapshot from its tag",
    words: [1, 1],
    run: ({ host }, [tag]) => host.snapshots.delete(tag!),
  },
];
