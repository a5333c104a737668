// Damaged images: whatever bytes they hold, the answer is content, findings or one sentence; never a trap or a hang.
import { deflateRawSync } from "node:zlib";
import { expect, it } from "vitest";
import { MemorySource } from "../../host/block/memory.ts";
import { UserError } from "../../host/core/errors.ts";
import { checkImage } from "../../host/image/check.ts";
import { applySnapshot, createSnapshot, deleteSnapshot } from "../../host/image/qcow2/snapshots.ts";
import { Qcow2Image } from "../../host/image/qcow2/image.ts";
import { node } from "../../host/runtimes/node.ts";
import { blank, open, pattern, random } from "../support/qcow2.ts";

/** More by hand: FUZZ_ROUNDS=1000. */
const ROUNDS = Number(process.env["FUZZ_ROUNDS"] ?? 60);

async function sample(clusterSize: number, extendedL2: boolean): Promise<Uint8Array> {
  const file = await blank({ size: 2 ** 20, clusterSize, extendedL2 });
  const image = await open(file);
  await image.write!(pattern(40_000 - (40_000 % 512), 1), 0);
  await createSnapshot(image, "one", new Date(0));
  await image.write!(pattern(8192, 2), 4096);
  await image.discard!(16384, 16384);
  const cluster = new Uint8Array(clusterSize).fill(3);
  await image.writePacked([{ packed: deflateRawSync(cluster, { windowBits: 12 }), offset: 2 ** 19 }]);
  await image.flush!();
  return file.content.slice();
}

/** True if it could be done; a UserError is an answer as well, anything else is a bug. */
async function attempt(action: () => Promise<unknown>): Promise<boolean> {
  try {
    await action();
    return true;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    expect(error.message).toMatch(/^\S.*\S$/s);
    return false;
  }
}

const everything = async (image: Qcow2Image): Promise<void> => {
  const bytes = new Uint8Array(4096);
  for (let offset = 0; offset < Math.min(image.size, 2 ** 20); offset += bytes.length)
    await attempt(() => image.read(bytes, offset));
  await attempt(() => checkImage(image));
  if (image.readOnly) return;
  const end = Math.min(image.size, 2 ** 20);
  if (end < 2 ** 18) return;
  await attempt(() => image.write!(pattern(5120, 4), 2048));
  await attempt(() => image.discard!(32768, 65536));
  // Parts of clusters, which are subclusters where there are some.
  await attempt(() => image.discard!(3072, 1536));
  await attempt(() => createSnapshot(image, "two", new Date(0)));
  await attempt(() => applySnapshot(image, "one"));
  await attempt(() => deleteSnapshot(image, "one"));
  await attempt(() => image.flush!());
  await attempt(() => checkImage(image, "all"));
};

it.each([
  [512, false],
  [65536, false],
  [16384, true],
])(
  "answers on damaged images with clusters of %i bytes (extended L2: %s)",
  async (clusterSize, extendedL2) => {
    const next = random(17 + clusterSize);
    const good = await sample(clusterSize, extendedL2);
    // Where a change matters: the header, and the tables, which are what is not data.
    const interesting = [0, 4, 20, 24, 28, 36, 40, 44, 48, 52, 56, 60, 64, 68, 75, 79, 96, 100, 104];
    let opened = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const bytes = good.slice(0, next(20) === 0 ? next(good.length) : good.length);
      for (let n = 1 + next(4); n > 0; n--) {
        const at = next(3) === 0 ? interesting[next(interesting.length)]! : next(bytes.length);
        const value = [0, 255, next(256), bytes[at]! ^ (1 << next(8))][next(4)]!;
        if (at < bytes.length) bytes[at] = value;
      }
      for (const readOnly of [true, false])
        await attempt(async () => {
          const file = new MemorySource(bytes.slice());
          await everything(await Qcow2Image.open(node, "fuzz.qcow2", file, { readOnly, tolerant: readOnly }));
          opened++;
          expect(file.size).toBeLessThan(64 * 2 ** 20);
        });
    }
    expect(opened).toBeGreaterThan(ROUNDS / 4);
  },
);
