// Whether two images hold the same bytes; where both are known to be zero, nothing is read.
//
// Several pieces are read at once, and judged in the order of the disk, so that the first difference is the one told.
import { loadEngine } from "../core/load.ts";
import { UserError, codeOf, isExpected, reason } from "../core/errors.ts";
import type { Runtime } from "../runtimes/runtime.ts";
import type { BlockExports } from "./qcow2/engine.ts";
import { chainExtent, type DiskImage } from "./image.ts";
import type { Watch } from "./watch.ts";
import { withCodecs } from "./codecs/with-codecs.ts";

const CHUNK = 2 * 2 ** 20;
const SECTOR = 512;
/** Pieces at once. */
const IN_FLIGHT = 4;

/** Where two images part first: by an offset in bytes. */
export interface Difference {
  kind: "content" | "size" | "allocation";
  offset: number;
}

export interface CompareOptions extends Watch {
  /** Sizes and what is allocated must be the same too. */
  strict?: boolean;
  /** One is longer, and the comparison has reached what the other lacks. */
  onSizeMismatch?: () => void;
}

export async function compareImages(
  runtime: Runtime,
  a: DiskImage,
  b: DiskImage,
  options: CompareOptions = {},
): Promise<Difference | undefined> {
  options.signal?.throwIfAborted();
  if (options.strict && a.size !== b.size) return { kind: "size", offset: 0 };
  const core = await loadEngine<BlockExports>(runtime, "block.wasm");
  if (!core.reserve(2 * CHUNK * IN_FLIGHT))
    throw new UserError("Not enough memory to compare images", "ENOMEM");
  const total = Math.max(a.size, b.size);
  const common = Math.min(a.size, b.size);
  const compare = (start: number, end: number): Promise<Difference | undefined> =>
    compareRange(core, a, b, start, end, options.strict ?? false, (done) => {
      options.signal?.throwIfAborted();
      options.onProgress?.(done, total);
    });

  return withCodecs(runtime, [a, b], async () => {
    const different = await compare(0, common);
    if (different || common === total) return different;
    options.onSizeMismatch?.();
    return compare(common, total);
  });
}

async function compareRange(
  core: BlockExports,
  a: DiskImage,
  b: DiskImage,
  start: number,
  end: number,
  strict: boolean,
  onDone: (offset: number) => void,
): Promise<Difference | undefined> {
  const workAt = core.WORK_AT.value as number;
  const view = (at: number, length: number): Uint8Array =>
    new Uint8Array(core.memory.buffer as ArrayBuffer, at, length);

  const judge = async (piece: Piece, leftAt: number): Promise<Difference | undefined> => {
    const { offset, length, left, right, sameAllocation } = piece;
    if (strict && !sameAllocation) return { kind: "allocation", offset };
    const rightAt = leftAt + CHUNK;
    // Both, even if one fails: nothing may go on behind the caller's back.
    const reads = await Promise.allSettled([
      left && readFrom(a, view(leftAt, length), offset),
      right && readFrom(b, view(rightAt, length), offset),
    ]);
    for (const read of reads) if (read.status === "rejected") throw read.reason;
    let same = length;
    if (left && right) same = core.firstDifference(leftAt, rightAt, length);
    else if (left || right) same = zerosAtStart(core, left ? leftAt : rightAt, length);
    return same < length ? { kind: "content", offset: offset + same - (same % SECTOR) } : undefined;
  };

  const verdicts: { end: number; verdict: Promise<Difference | undefined> }[] = [];
  const settleFirst = async (): Promise<Difference | undefined> => {
    const first = verdicts.shift()!;
    const different = await first.verdict;
    if (!different) onDone(first.end);
    return different;
  };
  try {
    let count = 0;
    for await (const piece of walk(a, b, start, end)) {
      if (verdicts.length === IN_FLIGHT) {
        const different = await settleFirst();
        if (different) return different;
      }
      const verdict = judge(piece, workAt + 2 * CHUNK * (count++ % IN_FLIGHT));
      // One that fails is heard of in its turn.
      verdict.catch(() => {});
      verdicts.push({ end: piece.offset + piece.length, verdict });
    }
    while (verdicts.length) {
      const different = await settleFirst();
      if (different) return different;
    }
    return undefined;
  } finally {
    await Promise.allSettled(verdicts.map(({ verdict }) => verdict));
  }
}

interface Piece {
  offset: number;
  length: number;
  /** Which of the two must be read; the other is known to be zero. */
  left: boolean;
  right: boolean;
  sameAllocation: boolean;
}

/** The range in pieces that are alike throughout; those to be read are a chunk at most. */
async function* walk(a: DiskImage, b: DiskImage, start: number, end: number): AsyncGenerator<Piece> {
  let piece: Piece | undefined;
  for (let offset = start; offset < end;) {
    const [left, right] = await Promise.all([look(a, offset, end), look(b, offset, end)]);
    const toRead = !left.zero || !right.zero;
    let length = Math.min(left.length, right.length, toRead ? CHUNK : Infinity);
    const next = {
      offset,
      length,
      left: !left.zero,
      right: !right.zero,
      sameAllocation:
        left.present === right.present && left.zero === right.zero && left.placed === right.placed,
    };
    const alike =
      piece &&
      piece.left === next.left &&
      piece.right === next.right &&
      piece.sameAllocation === next.sameAllocation;
    const room = piece && toRead ? CHUNK - piece.length : Infinity;
    if (piece && alike && room > 0) {
      length = Math.min(length, room);
      piece.length += length;
    } else {
      if (piece) yield piece;
      piece = next;
    }
    offset += length;
  }
  if (piece) yield piece;
}

interface Seen {
  length: number;
  present: boolean;
  zero: boolean;
  /** Lies somewhere in a file as it is; compressed and encrypted clusters do not. */
  placed: boolean;
}

/** An image goes on as zeros where it has ended and the other has not. */
async function look(image: DiskImage, offset: number, end: number): Promise<Seen> {
  if (offset >= image.size) return { length: end - offset, present: false, zero: true, placed: false };
  const extent = await chainExtent(image, offset, Math.min(end, image.size) - offset);
  return { ...extent, placed: extent.offset !== undefined };
}

function zerosAtStart(core: BlockExports, at: number, length: number): number {
  if (core.isZero(at, length)) return length;
  let sector = 0;
  while (core.isZero(at + sector, Math.min(SECTOR, length - sector))) sector += SECTOR;
  return sector;
}

async function readFrom(image: DiskImage, into: Uint8Array, offset: number): Promise<void> {
  try {
    await image.read(into, offset);
  } catch (error) {
    if (!isExpected(error)) throw error;
    throw new UserError(
      `Error while reading offset ${offset} of ${image.name}: ${reason(error)}`,
      codeOf(error),
    );
  }
}
