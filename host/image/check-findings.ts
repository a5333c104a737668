// What check finds, as sentences. Codes: assembly/qcow2/check.ts.
const hex = (value: bigint): string => value.toString(16);

export interface FindingKind {
  /** A leak wastes space; everything else is corruption. */
  leak?: boolean;
  /** `repaired`: said as done instead of found. */
  text(first: bigint, second: bigint, third: bigint, repaired: boolean): string;
  /** How much of `-r` repairs it: 1 leaks, 2 all; absent: never. */
  repairedBy?: 1 | 2;
}

export const FINDINGS: Readonly<Record<number, FindingKind>> = {
  1: {
    leak: true,
    repairedBy: 1,
    text: (cluster, stored, references, repaired) =>
      `${repaired ? "Repairing" : "Leaked"} cluster ${cluster} refcount=${stored} reference=${references}`,
  },
  2: {
    repairedBy: 2,
    text: (cluster, stored, references, repaired) =>
      `${repaired ? "Repairing" : "ERROR"} cluster ${cluster} refcount=${stored} reference=${references}`,
  },
  3: {
    repairedBy: 2,
    text: (entry, count, _, repaired) =>
      `${repaired ? "Repairing" : "ERROR"} OFLAG_COPIED data cluster: l2_entry=${hex(entry)} refcount=${count}`,
  },
  4: {
    repairedBy: 2,
    text: (index, entry, count, repaired) =>
      `${repaired ? "Repairing" : "ERROR"} OFLAG_COPIED L2 cluster: l1_index=${index} l1_entry=${hex(entry)} refcount=${count}`,
  },
  5: { text: (entry) => `ERROR found L1 entry with reserved bits set: ${hex(entry)}` },
  6: { text: (offset) => `ERROR l2_offset=${hex(offset)}: Table is not cluster aligned; L1 entry corrupted` },
  7: { text: (entry) => `ERROR found l2 entry with reserved bits set: ${hex(entry)}` },
  8: {
    text: (offset) =>
      `ERROR offset=${hex(offset)}: Data cluster is not properly aligned; L2 entry corrupted.`,
  },
  9: {
    text: (offset) =>
      `ERROR offset=${hex(offset)}: Preallocated cluster is not properly aligned; L2 entry corrupted.`,
  },
  10: {
    text: (offset) =>
      `ERROR: coffset=0x${hex(offset)}: copied flag must never be set for compressed clusters`,
  },
  11: {
    text: (offset, size) =>
      "ERROR: counting reference for region exceeding the end of the file by one cluster or more: " +
      `offset 0x${hex(offset)} size 0x${hex(size)}`,
  },
  12: { repairedBy: 2, text: (index) => `ERROR refcount table entry ${index} has reserved bits set` },
  13: {
    repairedBy: 2,
    text: (index) => `ERROR refcount block ${index} is not cluster aligned; refcount table entry corrupted`,
  },
  14: { repairedBy: 2, text: (index) => `ERROR refcount block ${index} is outside image` },
  15: { text: (index, count) => `ERROR refcount block ${index} refcount=${count}` },
  16: {
    text: (offset) =>
      `ERROR offset=${hex(offset)}: Allocated cluster has corrupted subcluster allocation bitmap`,
  },
  17: { text: () => "ERROR: Unallocated cluster has non-zero subcluster allocation map" },
};
