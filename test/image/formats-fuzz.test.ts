// Damaged images of every format: content, findings or one sentence; never a trap, a hang, or memory out of proportion.
import { deflateSync } from "node:zlib";
import { expect, it } from "vitest";
import { MemorySource } from "../../host/block/memory.ts";
import { UserError } from "../../host/core/errors.ts";
import type { Settings } from "../../host/image/driver.ts";
import { loadDriver } from "../../host/image/format.ts";
import { chainExtent, type DiskImage } from "../../host/image/image.ts";
import { dmgOf, rawChunk } from "../support/dmg.ts";
import { DISK, openIn, sample } from "../support/formats.ts";
import { pattern, random } from "../support/qcow2.ts";

/** More by hand: FUZZ_ROUNDS=1000. */
const ROUNDS = Number(process.env["FUZZ_ROUNDS"] ?? 40);
const MIB = 2 ** 20;

/** What images of these formats grow to when they are written; a damaged one must not be led further. */
const FILE_MAX = 64 * MIB;

class Bounded extends MemorySource {
  override async write(from: Uint8Array, offset: number): Promise<void> {
    expect(offset + from.length).toBeLessThan(FILE_MAX);
    return super.write(from, offset);
  }

  override async resize(size: number): Promise<void> {
    expect(size).toBeLessThan(FILE_MAX);
    return super.resize(size);
  }
}

/** Two chunks, one of them packed. */
function dmgSample(): Uint8Array {
  const plain = pattern(65_536, 3);
  return dmgOf([{ type: 0x80000005, packed: deflateSync(plain), length: plain.length }, rawChunk]);
}

/** The same with 8192 bytes that bzip2 has packed: half of them lines of text, half zeros. */
function bzip2Sample(): Uint8Array {
  const packed = Buffer.from(
    "QlpoMTFBWSZTWf/g2RkABR/ZgMAUQAB/4CMngCAACDABmgCCKqNkb9VKNM1ACg0aNBkBoFKogBkA09TAdc6LEAy9ID3ANXBla2b4" +
      "fL6Ony+jo08Mx3ZiJiJ3ZidmIhicExMxkmYnZmImI3Zie7MRMRPDE9iYiZiZ0STETMTMRDETMTMRhw4enLl3eXl5eXd5OSNiNERE" +
      "cIsR3ZmdMRHCD2ZnZmZmZ3EY2ZnBEREZEcxERlyRERlB0zM4ZmZnKDOmZwREzORGI0RgiIiMoMxGzMzMzug/iAAfpAYgGEB9bZVV" +
      "XGAYQGIBnAOUA2D+LuSKcKEh/8GyMg==",
    "base64",
  );
  return dmgOf([{ type: 0x80000006, packed, length: 8192 }, rawChunk]);
}

function bochsSample(): Uint8Array {
  const image = Buffer.alloc(512 + 8 + 2 * (512 + 65_536));
  image.write("Bochs Virtual HD Image");
  image.write("Redolog", 0x20);
  image.write("Growing", 0x30);
  for (const [index, word] of [0x20000, 512, 2, 512, 65_536].entries())
    image.writeUInt32LE(word, 0x40 + index * 4);
  image.writeUInt32LE(131_072, 0x58);
  image.writeUInt32LE(0, 512);
  image.writeUInt32LE(1, 516);
  image.fill(0x5a, 520, 540);
  return image;
}

function cloopSample(): Uint8Array {
  const blocks = [5, 6, 7].map((seed) => deflateSync(pattern(32_768, seed)));
  const head = Buffer.alloc(0x88 + 4 * 8);
  head.write("#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0");
  head.writeUInt32BE(32_768, 0x80);
  head.writeUInt32BE(blocks.length, 0x84);
  let at = head.length;
  for (let index = 0; index <= blocks.length; index++) {
    head.writeBigUInt64BE(BigInt(at), 0x88 + index * 8);
    at += blocks[index]?.length ?? 0;
  }
  return Buffer.concat([head, ...blocks]);
}

/** A UserError is an answer as well; anything else is a bug. */
async function attempt(action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    expect(error.message).toMatch(/^\S.*\S$/s);
  }
}

async function everything(image: DiskImage): Promise<void> {
  const bytes = new Uint8Array(65_536);
  const end = Math.min(image.size, 4 * MIB);
  for (let offset = 0; offset < end; offset += 300_000) await attempt(() => image.read(bytes, offset));
  await attempt(async () => {
    for (let at = 0, steps = 0; at < image.size && steps < 5000; steps++)
      at += (await chainExtent(image, at, image.size - at)).length;
  });
  if (image.size < 1000 * MIB) await attempt(async () => image.check?.("none", () => {}));
  if (image.write && image.size >= DISK) {
    await attempt(() => image.write!(pattern(5000, 8), 60_000));
    await attempt(() => image.write!(pattern(65_536, 9), MIB));
    await attempt(() => image.discard!(0, 200_000));
    await attempt(() => image.flush!());
  }
  await attempt(() => image.close());
}

const MADE: readonly [format: string, settings: Settings][] = [
  ["vdi", {}],
  ["vmdk", {}],
  ["vmdk", { subformat: "streamOptimized" }],
  ["vpc", {}],
  ["vhdx", { block_size: MIB }],
  ["qed", { cluster_size: 4096, table_size: 2 }],
  ["qcow", {}],
  ["parallels", { cluster_size: 65_536 }],
];
const GIVEN: readonly [format: string, bytes: () => Uint8Array][] = [
  ["dmg", dmgSample],
  ["dmg", bzip2Sample],
  ["bochs", bochsSample],
  ["cloop", cloopSample],
];

it.each([...MADE, ...GIVEN])("answers on damaged %s images (%j)", async (format, how) => {
  const driver = (await loadDriver(format))!;
  // Not a Buffer, whose slices are the bytes themselves.
  const good = new Uint8Array(typeof how === "function" ? how() : await sample(driver, how));
  // What is not data: the start, where headers are; the end; and any place that is neither zeros nor the samples'.
  const places = [...good.keys()].filter(
    (at) => (at < 2048 || at >= good.length - 2048 || at % 4096 < 64) && good[at] !== 0,
  );
  const next = random(99 + good.length);
  let opened = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = good.slice(0, next(20) === 0 ? next(good.length) : good.length);
    for (let n = 1 + next(4); n > 0; n--) {
      const at = next(4) === 0 ? next(Math.min(2048, bytes.length || 1)) : places[next(places.length)]!;
      if (at < bytes.length) bytes[at] = [0, 255, next(256), bytes[at]! ^ (1 << next(8))][next(4)]!;
    }
    for (const readOnly of driver.create ? [true, false] : [true])
      await attempt(async () => {
        const image = await openIn(driver, new Bounded(bytes.slice()), readOnly);
        opened++;
        await everything(image);
      });
  }
  expect(opened).toBeGreaterThan(0);
});
