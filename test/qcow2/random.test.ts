// Random requests, several under way at once, against an array that does the same: content, check and reopening.
import { describe, expect, it } from "vitest";
import { applySnapshot, createSnapshot, deleteSnapshot } from "../../host/image/qcow2/snapshots.ts";
import type { Qcow2Image } from "../../host/image/qcow2/image.ts";
import { blank, check, open, pattern, random } from "../support/qcow2.ts";

const MIB = 2 ** 20;

async function content(image: Qcow2Image): Promise<Uint8Array> {
  const bytes = new Uint8Array(image.size);
  await image.read(bytes, 0);
  return bytes;
}

const SHAPES = [
  { clusterSize: 512, refcountBits: 16 },
  { clusterSize: 512, refcountBits: 64 },
  { clusterSize: 4096, refcountBits: 8 },
  { clusterSize: 65536, refcountBits: 16 },
  { clusterSize: 16384, refcountBits: 16, extendedL2: true },
  { clusterSize: 2 * MIB, refcountBits: 4 },
  { clusterSize: 4096, refcountBits: 16, version: 2 as const },
];

describe.each(SHAPES)("qcow2 %j", (shape) => {
  it.each([false, true])("reads back what overlapping requests wrote; over another: %s", async (backed) => {
    const next = random(7);
    const size = 3 * MIB + 512;
    const file = await blank({ size, ...shape });
    const model = backed ? pattern(size, 99) : new Uint8Array(size);
    const base = await blank({ size });
    const below = await open(base);
    await below.write!(model, 0);
    const openAgain = async (): Promise<Qcow2Image> => {
      const image = await open(file);
      if (backed) image.backing = below;
      return image;
    };
    let image = await openAgain();
    for (let round = 0; round < 20; round++) {
      const jobs: Promise<void>[] = [];
      const claimed: [number, number][] = [];
      for (let n = 0; n < 8; n++) {
        const offset = next(size / 512) * 512;
        const length = Math.min((1 + next(round % 4 === 0 ? 2000 : 40)) * 512, size - offset);
        // Which of two overlapping writes wins is open, so in one round they are kept apart; clusters still overlap.
        if (claimed.some(([from, to]) => from < offset + length && to > offset)) continue;
        claimed.push([offset, offset + length]);
        if (next(5) === 0) {
          model.fill(0, offset, offset + length);
          jobs.push(image.discard!(offset, length));
        } else {
          const bytes = pattern(length, round * 8 + n);
          model.set(bytes, offset);
          jobs.push(image.write!(bytes, offset));
        }
      }
      await Promise.all(jobs);
      if (round % 5 === 4) await image.flush!();
    }
    expect(Buffer.compare(await content(image), model)).toBe(0);
    await image.flush!();
    expect(await check(file)).toMatchObject({ corruptions: 0, leaks: 0, findings: [] });
    image = await openAgain();
    expect(Buffer.compare(await content(image), model)).toBe(0);
  });

  it("keeps snapshots apart from what is written later", async () => {
    const next = random(11);
    const size = MIB;
    const file = await blank({ size, ...shape });
    const image = await open(file);
    const model = new Uint8Array(size);
    const scribble = async (seed: number): Promise<void> => {
      for (let n = 0; n < 10; n++) {
        const offset = next(size / 512 - 64) * 512;
        const bytes = pattern((1 + next(64)) * 512, seed + n);
        model.set(bytes, offset);
        await image.write!(bytes, offset);
      }
    };
    await scribble(1);
    const first = model.slice();
    await createSnapshot(image, "first", new Date(0));
    await scribble(100);
    const second = model.slice();
    await createSnapshot(image, "second", new Date(0));
    await scribble(200);
    await image.flush!();
    expect(await check(file)).toMatchObject({ corruptions: 0, leaks: 0, findings: [] });

    await applySnapshot(image, "first");
    expect(Buffer.compare(await content(image), first)).toBe(0);
    await applySnapshot(image, "second");
    expect(Buffer.compare(await content(image), second)).toBe(0);
    await deleteSnapshot(image, "first");
    await deleteSnapshot(image, "second");
    expect(Buffer.compare(await content(image), second)).toBe(0);
    expect(await check(file)).toMatchObject({ corruptions: 0, leaks: 0, findings: [] });
  });
});

describe("subclusters", () => {
  const CLUSTER = 64 * 1024;
  const PART = CLUSTER / 32;

  it("are zeroed by their bits, and free their cluster with the last of them", async () => {
    const file = await blank({ size: MIB, extendedL2: true });
    const image = await open(file);
    await image.write!(pattern(CLUSTER, 1), 0);
    await image.discard!(PART + 512, 3 * PART);
    const data = await image.extent(0, CLUSTER);
    expect(data).toMatchObject({ length: 2 * PART, zero: false });
    expect(await image.extent(2 * PART, CLUSTER)).toEqual({
      length: 2 * PART,
      present: true,
      zero: true,
      offset: data.offset! + 2 * PART,
    });
    const bytes = new Uint8Array(CLUSTER);
    await image.read(bytes, 0);
    const model = pattern(CLUSTER, 1).fill(0, PART + 512, 4 * PART + 512);
    expect(Buffer.compare(bytes, model)).toBe(0);
    await image.discard!(0, 5 * PART);
    await image.discard!(5 * PART, 26 * PART);
    await image.discard!(31 * PART + 512, PART - 512);
    expect(await image.extent(31 * PART, PART)).toMatchObject({ zero: false });
    await image.discard!(31 * PART, PART);
    await image.flush!();
    expect(await check(file)).toMatchObject({ corruptions: 0, leaks: 0, findings: [], allocatedClusters: 0 });
  });
});

it.each([false, true])(
  "shows nothing of what was behind the end of a disk that grows again; subclusters: %s",
  async (extendedL2) => {
    const size = 2 ** 17;
    const file = await blank({ size, extendedL2 });
    const image = await open(file);
    const bytes = new Uint8Array(size);
    await image.write!(pattern(size, 1), 0);
    await image.resize!(4096);
    await image.resize!(size);
    await image.read(bytes, 0);
    expect(Buffer.compare(bytes, pattern(size, 1).fill(0, 4096))).toBe(0);
    // Other programs change the size alone.
    await image.write!(pattern(size, 2), 0);
    await image.flush!();
    new DataView(file.content.buffer).setBigUint64(24, 70_144n);
    const again = await open(file);
    await again.resize!(size);
    await again.read(bytes, 0);
    expect(Buffer.compare(bytes, pattern(size, 2).fill(0, 70_144))).toBe(0);
  },
);
