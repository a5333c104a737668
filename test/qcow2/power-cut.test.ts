// The power fails after every single write, and of what was not flushed any part may be lost: the image must never
// hold a reference above its count, and what was flushed must be there.
import { describe, expect, it } from "vitest";
import { applySnapshot, createSnapshot, deleteSnapshot } from "../../host/image/qcow2-snapshots.ts";
import { Qcow2Image } from "../../host/image/qcow2.ts";
import { node } from "../../host/runtimes/node.ts";
import { RecordingSource } from "../support/power-cut.ts";
import { blank, check, open, pattern, random } from "../support/qcow2.ts";

const KIB = 1024;
const SIZE = 256 * KIB;

/** Findings that the next check mends and no write can be hurt by. */
const HARMLESS = /^(Leaked cluster|ERROR OFLAG_COPIED)/;

async function cutEverywhere(file: RecordingSource, expected?: Uint8Array): Promise<void> {
  const next = random(3);
  const ways = [(): boolean => true, (): boolean => false, ...Array(3).fill((): boolean => next(2) === 0)];
  for (let count = 0; count <= file.acts.length; count++)
    for (const keep of ways) {
      const disk = await file.cutAfter(count, keep);
      const { findings } = await check(disk);
      expect(findings.filter((finding) => !HARMLESS.test(finding))).toEqual([]);
      if (!expected) continue;
      const bytes = new Uint8Array(expected.length);
      await (await open(disk, true)).read(bytes, 0);
      expect(Buffer.compare(bytes, expected)).toBe(0);
    }
}

async function prepared(): Promise<Uint8Array> {
  const file = await blank({ size: SIZE, clusterSize: 512 });
  const image = await open(file);
  await image.write!(pattern(20 * KIB, 1), 0);
  await image.write!(pattern(3 * KIB, 2), 100 * KIB);
  await image.flush!();
  return file.content.slice();
}

async function record(content: Uint8Array): Promise<{ file: RecordingSource; image: Qcow2Image }> {
  const file = new RecordingSource(content);
  return { file, image: await Qcow2Image.open(node, "cut.qcow2", file, { readOnly: false }) };
}

describe("qcow2 when the power fails", () => {
  it("survives writes that allocate clusters, tables, blocks and a longer refcount table", async () => {
    const { file, image } = await record(await prepared());
    for (let n = 0; n < 12; n++) {
      await image.write!(pattern(9 * KIB, 10 + n), (n * 20 + 3) * KIB);
      if (n % 3 === 2) await image.flush!();
    }
    await image.discard!(10 * KIB, 60 * KIB);
    await image.flush!();
    await cutEverywhere(file);
  });

  it("keeps flushed content through taking, applying and deleting a snapshot", async () => {
    const content = await prepared();
    const first = await record(content);
    const expected = new Uint8Array(SIZE);
    await first.image.read(expected, 0);
    await createSnapshot(first.image, "s", new Date(0));
    await cutEverywhere(first.file, expected);

    const second = await record(first.file.content);
    await applySnapshot(second.image, "s");
    await cutEverywhere(second.file, expected);

    const third = await record(second.file.content);
    await deleteSnapshot(third.image, "s");
    await cutEverywhere(third.file, expected);
  });

  it("survives growing", async () => {
    const { file, image } = await record(await prepared());
    await image.resize!(20 * SIZE);
    await image.write!(pattern(4 * KIB, 5), 19 * SIZE);
    await image.flush!();
    await cutEverywhere(file);
  });
});
