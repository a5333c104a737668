// The power fails after every single write, and of what was not flushed any part may be lost: the image must never
// hold a reference above its count, and what was flushed must be there.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import type { MemorySource } from "../../host/block/memory.ts";
import { amendQcow2 } from "../../host/image/amend.ts";
import {
  applySnapshot,
  createSnapshot,
  deleteSnapshot,
  findSnapshot,
  viewSnapshot,
} from "../../host/image/qcow2/snapshots.ts";
import { Qcow2Image } from "../../host/image/qcow2/image.ts";
import { commitInto, copyFromBacking } from "../../host/image/rebase.ts";
import { node } from "../../host/runtimes/node.ts";
import { PowerSupply, Witness } from "../support/power-cut.ts";
import { scratchFolder, withoutNative } from "../support/qemu-img.ts";
import { blank, check, open, pattern, random } from "../support/qcow2.ts";

const KIB = 1024;
const SIZE = 256 * KIB;

/** Findings that the next check mends and no write can be hurt by. */
const HARMLESS = /^(Leaked cluster|ERROR OFLAG_COPIED)/;
/** The same in a whole report of qemu-img check. */
const HARMLESS_REPORT = /^(Leaked cluster .*|ERROR OFLAG_COPIED .*|)$/;

const folder = scratchFolder();
beforeAll(async () => {
  // qemu-img check opens the file that an overlay names.
  for (const name of ["base", "another"])
    writeFileSync(join(folder, name), (await blank({ size: SIZE })).content);
});
const withNative = !withoutNative("qemu-img check after a power cut");

interface Cut {
  disks: MemorySource[];
  /** Acts that were done. */
  count: number;
}

/**
 * Cuts after every act, in three ways each, and has a look at what is left, once at each state that is left between two
 * flushes. Native qemu-img sees one of them in `every`.
 */
async function cutEverywhere(
  power: PowerSupply,
  look: (cut: Cut) => Promise<void> = async () => {},
  every = 60,
): Promise<void> {
  const next = random(3);
  const ways = [(): boolean => true, (): boolean => false, (): boolean => next(2) === 0];
  const seen = new Set<string>();
  let cuts = 0;
  let flushes = 0;
  for (let count = 0; count <= power.acts.length; count++) {
    if (power.acts[count - 1]?.kind === "flush") flushes++;
    for (const keep of ways) {
      const disks = await power.cutAfter(count, keep);
      const hash = createHash("sha1").update(`${flushes} ${count === power.acts.length}`);
      for (const disk of disks) hash.update(disk.content).update(`${disk.size}`);
      const state = hash.digest("hex");
      if (seen.has(state)) continue;
      seen.add(state);
      for (const disk of disks) {
        const { findings } = await check(disk);
        expect(findings.filter((finding) => !HARMLESS.test(finding))).toEqual([]);
        if (withNative && cuts % every === 0) checkByNative(disk);
      }
      await look({ disks, count });
      cuts++;
    }
  }
}

function checkByNative(disk: MemorySource): void {
  const file = join(folder, "cut.qcow2");
  writeFileSync(file, disk.content);
  const { status, stdout, stderr } = spawnSync("qemu-img", ["check", "-f", "qcow2", file], {
    encoding: "utf8",
  });
  expect([0, 2, 3]).toContain(status);
  expect(stderr.split("\n").filter((line) => !HARMLESS_REPORT.test(line))).toEqual([]);
  if (status !== 0) {
    expect(stdout).not.toMatch(/referenc.*count/);
    expect(spawnSync("qemu-img", ["check", "-q", "-r", "all", "-f", "qcow2", file]).status).toBe(0);
  }
  rmSync(file);
}

async function contentOf(disk: MemorySource, length = SIZE, backing?: MemorySource): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  const image = await open(disk, true);
  if (backing) image.backing = await open(backing, true);
  await image.read(bytes, 0);
  return bytes;
}

const shows =
  (expected: Uint8Array) =>
  async ({ disks }: Cut): Promise<void> => {
    expect(Buffer.compare(await contentOf(disks[0]!, expected.length), expected)).toBe(0);
  };

async function prepared(
  shape: { clusterSize: number; extendedL2?: boolean } = { clusterSize: 512 },
): Promise<Uint8Array> {
  const file = await blank({ size: SIZE, ...shape });
  const image = await open(file);
  await image.write!(pattern(20 * KIB, 1), 0);
  await image.write!(pattern(3 * KIB, 2), 100 * KIB);
  await image.flush!();
  return file.content.slice();
}

async function record(
  content: Uint8Array,
  power = new PowerSupply(),
): Promise<{ power: PowerSupply; image: Qcow2Image; file: MemorySource }> {
  const file = power.file(content);
  return { power, file, image: await Qcow2Image.open(node, "cut.qcow2", file, { readOnly: false }) };
}

describe("qcow2 when the power fails", () => {
  it.each([{ clusterSize: 512 }, { clusterSize: 4096 }, { clusterSize: 16384, extendedL2: true }])(
    "survives writes that allocate clusters, tables and blocks, and keeps what was flushed: %j",
    async (shape) => {
      const content = await prepared(shape);
      const {
        power,
        file: { content: start },
        image,
      } = await record(content);
      const witness = new Witness(power, await contentOf((await power.cutAfter(0, () => true))[0]!));
      expect(start.length).toBe(content.length);
      const write = async (bytes: Uint8Array, offset: number): Promise<void> => {
        witness.wrote(bytes, offset);
        await image.write!(bytes, offset);
      };
      for (let n = 0; n < 9; n++) {
        await write(pattern(9 * KIB, 10 + n), (n * 20 + 3) * KIB);
        // Its cluster inflates to the same bytes, wherever it is cut.
        if (n === 4) {
          const plain = new Uint8Array(shape.clusterSize).fill(7);
          witness.wrote(plain, 11 * 16 * KIB);
          const packed = deflateRawSync(plain, { windowBits: 12 });
          await image.writePacked([{ packed, offset: 11 * 16 * KIB }]);
        }
        if (n % 3 !== 2) continue;
        await image.flush!();
        witness.flushed();
      }
      witness.wrote(new Uint8Array(60 * KIB), 10 * KIB);
      await image.discard!(10 * KIB, 60 * KIB);
      await image.flush!();
      witness.flushed();
      await cutEverywhere(power, async ({ disks, count }) => {
        expect(witness.firstWrong(await contentOf(disks[0]!), count)).toBeUndefined();
      });
    },
  );

  it("keeps flushed content through taking, applying and deleting a snapshot", async () => {
    const first = await record(await prepared());
    const expected = new Uint8Array(SIZE);
    await first.image.read(expected, 0);
    await createSnapshot(first.image, "s", new Date(0));
    await cutEverywhere(first.power, shows(expected));

    // Written to since, so that going back changes what the guest sees: either the one or the other, whole.
    const changed = await record(first.file.content);
    await changed.image.write!(pattern(30 * KIB, 9), 8 * KIB);
    await changed.image.flush!();
    const before = new Uint8Array(SIZE);
    await changed.image.read(before, 0);

    const second = await record(changed.file.content);
    await applySnapshot(second.image, "s");
    await cutEverywhere(second.power, async ({ disks }) => {
      const found = await contentOf(disks[0]!);
      expect([0, 1]).toContain([expected, before].findIndex((state) => Buffer.compare(found, state) === 0));
    });

    const third = await record(changed.file.content);
    await deleteSnapshot(third.image, "s");
    await cutEverywhere(third.power, shows(before));
  });

  it("survives growing, and writes into what was added", async () => {
    const { power, image } = await record(await prepared());
    await image.resize!(20 * SIZE);
    await image.write!(pattern(4 * KIB, 5), 19 * SIZE);
    await image.flush!();
    await cutEverywhere(power);
  });

  it("survives shrinking, which keeps what lies below the new end and cuts the file", async () => {
    const { power, image, file } = await record(await prepared());
    const kept = new Uint8Array(10 * KIB);
    await image.read(kept, 0);
    const before = file.size;
    await image.resize!(10 * KIB);
    expect(file.size).toBeLessThan(before);
    await cutEverywhere(power, shows(kept));
    await image.write!(pattern(KIB, 3), 5 * KIB);
    await image.resize!(SIZE);
    await image.write!(pattern(KIB, 4), 200 * KIB);
    await image.flush!();
    await cutEverywhere(power, async () => {}, 80);
  });

  it("has data in an external file before the tables that name it", async () => {
    const stale = pattern(SIZE, 40);
    const power = new PowerSupply();
    const { image } = await record(
      (await blank({ size: SIZE, clusterSize: 512, dataFile: "data" })).content,
      power,
    );
    image.dataFile = power.file(stale);
    const witness = new Witness(power, new Uint8Array(SIZE));
    const bytes = pattern(60 * KIB, 41);
    witness.wrote(bytes, 8 * KIB);
    await image.write!(bytes, 8 * KIB);
    // Not flushed: closing alone stores the tables.
    await image.close();
    for (let count = 0; count <= power.acts.length; count++) {
      const losesData = await power.cutAfter(count, (file) => file !== image.dataFile);
      const found = new Uint8Array(SIZE);
      const after = await open(losesData[0]!, true);
      after.dataFile = losesData[1];
      await after.read(found, 0);
      expect(witness.firstWrong(found, count)).toBeUndefined();
    }
  });

  async function overlayAndBase(): Promise<{ base: Uint8Array; overlay: Uint8Array; seen: Uint8Array }> {
    const base = await prepared();
    const file = await blank({ size: SIZE, clusterSize: 512, backingFile: "base", backingFormat: "qcow2" });
    const overlay = await open(file);
    overlay.backing = await open((await new PowerSupply().file(base)) as MemorySource, true);
    await overlay.write!(pattern(12 * KIB, 20), 15 * KIB + 512);
    await overlay.write!(pattern(2 * KIB, 21), 200 * KIB);
    await overlay.discard!(4 * KIB, 3 * KIB);
    await overlay.flush!();
    const seen = new Uint8Array(SIZE);
    await overlay.read(seen, 0);
    return { base, overlay: file.content.slice(), seen };
  }

  it("shows the guest the same at every moment of a commit", async () => {
    const { base, overlay, seen } = await overlayAndBase();
    const power = new PowerSupply();
    const upper = await record(overlay, power);
    const lower = await record(base, power);
    upper.image.backing = await open(lower.file, true);
    await commitInto(upper.image, lower.image, 1);
    await upper.image.empty();
    expect(upper.file.size).toBeLessThan(overlay.length);
    await cutEverywhere(power, async ({ disks: [top, below] }) => {
      expect(Buffer.compare(await contentOf(top!, SIZE, below), seen)).toBe(0);
    });
  });

  it.each([1, 64])("keeps every reference counted while the counts become %i bits wide", async (bits) => {
    const { power, image } = await record(await prepared());
    const seen = new Uint8Array(SIZE);
    await image.read(seen, 0);
    await amendQcow2(image, { refcountBits: bits });
    // Written where it was, and, after the discard, elsewhere: with the new counts.
    await image.discard!(0, 20 * KIB);
    await image.write!(seen.subarray(0, 20 * KIB), 0);
    await image.flush!();
    const done = power.acts.length;
    await cutEverywhere(
      power,
      async ({ disks: [disk], count }) => {
        const found = await contentOf(disk!);
        expect(Buffer.compare(found.subarray(20 * KIB), seen.subarray(20 * KIB))).toBe(0);
        if (count === done) expect(Buffer.compare(found, seen)).toBe(0);
      },
      8,
    );
  });

  it("shows the same, snapshots too, at every moment of a downgrade to version 2 over a backing file", async () => {
    const { base, overlay } = await overlayAndBase();
    const below = await open(new PowerSupply().file(base), true);
    const { file, image } = await record(overlay);
    image.backing = below;
    await image.discard!(16 * KIB, 2 * KIB);
    await createSnapshot(image, "s", new Date(0));
    await createSnapshot(image, "t", new Date(0));
    await image.discard!(KIB, 2 * KIB);
    await image.write!(pattern(KIB, 50), 5 * KIB);
    await image.flush!();
    const views = async (disk: MemorySource): Promise<Buffer[]> => {
      const seen: Buffer[] = [];
      for (const name of [undefined, "s", "t"]) {
        const bytes = Buffer.alloc(SIZE);
        const view = await open(disk, true);
        view.backing = below;
        if (name !== undefined) await viewSnapshot(view, (list) => findSnapshot(list, name));
        await view.read(bytes, 0);
        seen.push(bytes);
      }
      return seen;
    };
    const before = await views(file);
    const again = await record(file.content);
    again.image.backing = below;
    await amendQcow2(again.image, { version: 2 });
    expect(again.image.engine.core.version()).toBe(2);
    await cutEverywhere(again.power, async ({ disks: [disk] }) => {
      const now = await views(disk!);
      for (const [n, view] of before.entries()) expect(Buffer.compare(now[n]!, view)).toBe(0);
    });
  });

  it.each(["another", undefined])(
    "shows the guest the same at every moment of a rebase onto %s",
    async (target) => {
      const { base, overlay, seen } = await overlayAndBase();
      const another = await blank({ size: SIZE / 2, clusterSize: 1024 });
      await (await open(another)).write!(pattern(40 * KIB, 30), 0).then(() => undefined);
      const other = await open(another);
      await other.write!(pattern(40 * KIB, 30), 10 * KIB);
      await other.flush!();
      const power = new PowerSupply();
      const { image } = await record(overlay, power);
      image.backing = await open(power.file(base), true);
      await copyFromBacking(node, image, target === undefined ? undefined : other);
      await image.setBacking(target, target && "qcow2");
      await cutEverywhere(power, async ({ disks: [top, old] }) => {
        const named = (await open(top!, true)).backingName;
        expect(["base", target]).toContain(named);
        const backing = named === "base" ? old : named === undefined ? undefined : another;
        expect(Buffer.compare(await contentOf(top!, SIZE, backing), seen)).toBe(0);
      });
    },
  );
});
