// The text that describes a VMware disk: its identity, its parent, and the extents that make it up.
import { UserError } from "../../core/errors.ts";

/** parentCID of a disk without a parent. */
export const NO_PARENT = 0xffffffff;

export interface ExtentLine {
  sectors: number;
  type: string;
  file: string;
  /** In sectors, of the extent's first byte in its file. */
  offset: number;
}

export interface Descriptor {
  cid: number;
  parentCid: number;
  createType: string;
  /** The backing file, where there is one. */
  parent: string | undefined;
  extents: ExtentLine[];
}

const EXTENT_TYPES = ["FLAT", "SPARSE", "VMFS", "VMFSSPARSE"];

/** No disk has that many; a damaged text may. */
const EXTENTS_MAX = 4096;

export function parseDescriptor(text: string): Descriptor {
  const value = (key: string): string | undefined =>
    new RegExp(`^${key}[ \\t]*=[ \\t]*"?([^"\\n]*?)"?[ \\t\\r]*$`, "m").exec(text)?.[1];
  const cid = (key: string, otherwise: number): number => {
    const digits = value(key);
    return digits !== undefined && /^[0-9a-f]{1,8}$/i.test(digits) ? parseInt(digits, 16) : otherwise;
  };
  const parentCid = cid("parentCID", NO_PARENT);
  return {
    cid: cid("CID", 0),
    parentCid,
    createType: value("createType") ?? "",
    parent: parentCid === NO_PARENT ? undefined : value("parentFileNameHint"),
    extents: parseExtents(text),
  };
}

function parseExtents(text: string): ExtentLine[] {
  const extents: ExtentLine[] = [];
  for (const line of text.split("\n")) {
    const access = /^(RW|RDONLY|NOACCESS)\s/.exec(line)?.[1];
    if (access === undefined) continue;
    const match = /^\w+ (\d+) (\w+) "([^"\n\r]{1,511})"(?: (\d+))?/.exec(line);
    if (!match) throw new UserError(`Invalid extent line: ${line.slice(0, 200).trim()}`, "EINVAL");
    const [, sectors, type, file, offset] = match;
    if (access !== "RW") throw new UserError(`Unsupported extent access '${access}'`, "ENOTSUP");
    if (!EXTENT_TYPES.includes(type!)) throw new UserError(`Unsupported extent type '${type}'`, "ENOTSUP");
    if (!Number.isSafeInteger(Number(sectors) * 512) || !Number.isSafeInteger(Number(offset ?? 0) * 512))
      throw new UserError(`Invalid extent line: ${line.slice(0, 200).trim()}`, "EINVAL");
    if (extents.length === EXTENTS_MAX)
      throw new UserError(`more than ${EXTENTS_MAX} extents in one disk`, "EFBIG");
    extents.push({ sectors: Number(sectors), type: type!, file: file!, offset: Number(offset ?? 0) });
  }
  return extents;
}

/** The text with another CID. */
export function withCid(text: string, cid: number): string {
  return text.replace(/^CID=[^\n]*/m, `CID=${cid.toString(16).padStart(8, "0")}`);
}

export interface DescriptorFacts extends Descriptor {
  size: number;
  adapter: string;
  hardwareVersion: string;
  toolsVersion: string;
}

export function layDescriptor(facts: DescriptorFacts): string {
  const { cid, parentCid, createType, parent, extents, size, adapter } = facts;
  const heads = adapter === "ide" ? 16 : 255;
  const cylinders = Math.floor(size / (heads * 63 * 512));
  const lines = extents.map(
    ({ sectors, type, file, offset }) =>
      `RW ${sectors} ${type} "${file}"${type === "FLAT" ? ` ${offset}` : ""}`,
  );
  return `# Disk DescriptorFile
version=1
CID=${cid.toString(16)}
parentCID=${parentCid.toString(16)}
createType="${createType}"
${parent === undefined ? "" : `parentFileNameHint="${parent}"\n`}
# Extent description
${lines.join("\n")}

# The Disk Data Base
#DDB

ddb.virtualHWVersion = "${facts.hardwareVersion}"
ddb.geometry.cylinders = "${cylinders}"
ddb.geometry.heads = "${heads}"
ddb.geometry.sectors = "63"
ddb.adapterType = "${adapter}"
ddb.toolsVersion = "${facts.toolsVersion}"
`;
}
