// ELF files of x86, as far as a boot loader needs them (System V ABI, "Object Files"; gABI chapter 5).
import { UserError } from "./errors.ts";

export interface ElfSegment {
  offset: number;
  fileSize: number;
  virtual: number;
  physical: number;
  memorySize: number;
}

export interface Elf {
  bits: 32 | 64;
  /** Entry point as the header has it: a virtual address. */
  entry: number;
  /** PT_LOAD. */
  segments: ElfSegment[];
  /** PT_NOTE, as places in the file. */
  notes: { owner: string; kind: number; description: Uint8Array }[];
}

const MAGIC = 0x464c457f;
const LITTLE_ENDIAN = 1;
const MACHINE_386 = 3;
const MACHINE_X86_64 = 62;
const LOAD = 1;
const NOTE = 4;
const NOTE_HEADER = 12;

/** A word of the file's class: 32 bits, or 64 that must lie where a file and a PC's memory can. */
function wordReader(view: DataView, bits: 32 | 64): (at: number) => number {
  return bits === 32
    ? (at): number => view.getUint32(at, true)
    : (at): number => Number(view.getBigUint64(at, true));
}

/** Undefined: no ELF file of an x86 processor. */
export function readElf(file: Uint8Array): Elf | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  if (file.length < 64 || view.getUint32(0, true) !== MAGIC || file[5] !== LITTLE_ENDIAN) return undefined;
  const machine = view.getUint16(18, true);
  if (machine !== MACHINE_386 && machine !== MACHINE_X86_64) return undefined;
  const bits = file[4] === 2 ? 64 : 32;
  const word = wordReader(view, bits);
  const [entryAt, tableAt, sizeAt] = bits === 64 ? [24, 32, 54] : [24, 28, 42];
  const [size, count] = [view.getUint16(sizeAt, true), view.getUint16(sizeAt + 2, true)];
  const elf: Elf = { bits, entry: word(entryAt), segments: [], notes: [] };
  for (let n = 0; n < count; n++) {
    const at = word(tableAt) + n * size;
    if (at + (bits === 64 ? 56 : 32) > file.length)
      throw new UserError("the kernel's ELF program headers lie beyond its end");
    const segment =
      bits === 64 ? readSegment(word, at + 8, 8, at + 32) : readSegment(word, at + 4, 4, at + 16);
    if (segment.offset + segment.fileSize > file.length)
      throw new UserError("the kernel's file is cut short: it ends within an ELF segment");
    const kind = view.getUint32(at, true);
    if (kind === LOAD) elf.segments.push(segment);
    else if (kind === NOTE) elf.notes.push(...readNotes(file, segment));
  }
  return elf;
}

/** Offset, virtual and physical address from `at` on, the sizes from `sizesAt` on. */
function readSegment(word: (at: number) => number, at: number, step: number, sizesAt: number): ElfSegment {
  return {
    offset: word(at),
    virtual: word(at + step),
    physical: word(at + 2 * step),
    fileSize: word(sizesAt),
    memorySize: word(sizesAt + step),
  };
}

function readNotes(file: Uint8Array, { offset, fileSize }: ElfSegment): Elf["notes"] {
  const notes = [];
  const view = new DataView(file.buffer, file.byteOffset + offset, fileSize);
  const round = (length: number): number => (length + 3) & ~3;
  for (let at = 0; at + NOTE_HEADER <= fileSize;) {
    const [ownerSize, size] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    const owner = offset + at + NOTE_HEADER;
    const description = owner + round(ownerSize);
    if (description + size > offset + fileSize) break;
    notes.push({
      owner: new TextDecoder().decode(file.subarray(owner, owner + Math.max(ownerSize - 1, 0))),
      kind: view.getUint32(at + 8, true),
      description: file.subarray(description, description + size),
    });
    at = description + round(size) - offset;
  }
  return notes;
}
