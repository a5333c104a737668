// The engine's reasons as sentences, in qemu-img's words where it has them. Codes: assembly/block/failures.ts.

/** As printf's %#x: no 0x before a zero. */
const hex = (value: bigint): string => (value === 0n ? "0" : `0x${value.toString(16)}`);
const entry = (table: bigint, index: bigint): string => `(L2 offset: ${hex(table)}, L2 index: ${hex(index)})`;

/** What the overlap guard protects, by its number in assembly/qcow2/overlap.ts. */
const METADATA = [
  "qcow2_header",
  "active L1 table",
  "active L2 table",
  "refcount table",
  "refcount block",
  "snapshot table",
];

function corrupt(what: string): string {
  return `qcow2: Image is corrupt: ${what}`;
}

const SENTENCES: Readonly<Record<number, (first: bigint, second: bigint, third: bigint) => string>> = {
  1: () => "Image is not in qcow2 format",
  2: (version) => `Unsupported qcow2 version ${version}`,
  3: () => "qcow2 header too short",
  4: (bits) => `Unsupported cluster size: 2^${bits}`,
  5: () => "qcow2 header exceeds cluster size",
  6: () => "Invalid backing file offset",
  7: () => "Backing file name too long",
  8: () => "Image is too big",
  9: (method) => `Unsupported encryption method ${method}`,
  10: () => "Active L1 table too large",
  11: () => "L1 table is too small",
  12: () => "Active L1 table offset invalid",
  13: () => "Reference count table offset invalid",
  14: () => "Reference count table too large",
  15: () => "Image does not contain a reference count table",
  16: () => "Snapshot table too large",
  17: () => "Snapshot table offset invalid",
  18: (bits) => `Unsupported qcow2 feature(s): Unknown incompatible feature: ${bits.toString(16)}`,
  19: () => "Reference count entry width too large; may not exceed 64 bits",
  20: () => "Header extension too large",
  21: (type) => `qcow2: unknown compression type: ${type}`,
  22: () => "qcow2: Compression type incompatible feature bit must be set",
  23: () => "qcow2: Compression type incompatible feature bit must not be set",
  24: (size) => `Unsupported subcluster size: ${size}`,
  25: (offset, index) => corrupt(`L2 table offset ${hex(offset)} unaligned (L1 index: ${hex(index)})`),
  26: (offset, table, index) =>
    corrupt(`Cluster allocation offset ${hex(offset)} unaligned ${entry(table, index)}`),
  27: (_, table, index) => corrupt(`Zero cluster entry found in pre-v3 image ${entry(table, index)}`),
  28: (offset, guest, index) =>
    corrupt(
      `External data file host cluster offset ${hex(offset)} does not match guest cluster offset: ` +
        `${hex(guest)}, L2 index: ${hex(index)})`,
    ),
  29: (_, table, index) => corrupt(`Invalid cluster entry found  ${entry(table, index)}`),
  30: (offset, index) => corrupt(`Refblock offset ${hex(offset)} unaligned (reftable index: ${hex(index)})`),
  31: (offset) => `The reference count of the cluster at ${hex(offset)} is at its maximum`,
  32: (offset) => corrupt(`the cluster at ${hex(offset)} is in use but its reference count is 0`),
  33: () => "File too large",
  34: (what) =>
    `qcow2: Marking image as corrupt: Preventing invalid write on metadata (overlaps with ${METADATA[Number(what)]})`,
  35: (offset) => `Compressed data at ${hex(offset)} is damaged`,
  36: (offset) => `Compressed data at ${hex(offset)} is damaged`,
  37: () => "Not enough memory",
  39: (offset) => corrupt(`a table names the cluster at ${hex(offset)}, which lies past the end of the file`),
  38: () => "No space left in the file header",
  40: () => "Failed to grow the L1 table: File too large",
};

export function sentence(reason: number, first: bigint, second: bigint, third: bigint): string {
  return SENTENCES[reason]!(first, second, third);
}
