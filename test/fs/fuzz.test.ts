// Damaged file systems: whatever they hold, a walk through everything ends soon, with files or with one sentence.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { MemorySource } from "../../host/block/memory.ts";
import { isExpected, reason } from "../../host/core/errors.ts";
import { contentOf, walk } from "../../host/fs/path.ts";
import { readVolumes } from "../../host/fs/partitions.ts";
import { openFileSystem } from "../../host/fs/probe.ts";
import { missingTools, skipped } from "../support/needs.ts";
import { pattern, random } from "../support/qcow2.ts";

/** More by hand: FUZZ_ROUNDS=1000. */
const ROUNDS = Number(process.env["FUZZ_ROUNDS"] ?? 120);
/** A sparse file may be long; nobody reads it to its end here. */
const READ_MAX = 2 ** 22;

const folder = mkdtempSync(join(tmpdir(), "wasmqemu-fs-fuzz-"));
afterAll(() => rmSync(folder, { recursive: true }));
process.env["PATH"] += ":/usr/sbin:/sbin";

mkdirSync(join(folder, "tree/one/two/three"), { recursive: true });
for (let n = 0; n < 20; n++)
  writeFileSync(join(folder, `tree/one/a file with a long name ${n}`), pattern(n * 300, n));
writeFileSync(join(folder, "tree/large"), pattern(60_000, 1));
symlinkSync("one/two", join(folder, "tree/link"));

const TREE = "tree/one tree/large".split(" ");
const MAKERS = [
  { name: "ext2", tools: ["mke2fs"], make: ["mke2fs -q -t ext2 -b 1024 -d tree i 512k"] },
  {
    name: "ext4",
    tools: ["mke2fs"],
    make: ["mke2fs -q -t ext4 -O ^has_journal,inline_data -I 256 -b 1024 -d tree i 512k"],
  },
  { name: "journal", tools: ["mke2fs"], make: ["mke2fs -q -t ext4 -b 1024 -J size=1 -d tree i 3M"] },
  {
    name: "FAT",
    tools: ["mkfs.fat", "mcopy"],
    make: ["mkfs.fat -C i 512", `mcopy -s -i i ${TREE.join(" ")} ::`],
  },
  { name: "ISO", tools: ["xorriso"], make: ["xorriso -as mkisofs -quiet -R -J -o i tree"] },
];

/** Looks at everything there is to see. Returns how many nodes were met. */
async function visitAll(bytes: Uint8Array): Promise<number> {
  const disk = new MemorySource(bytes);
  let met = 0;
  const read: { at: number; length: number }[] = [];
  const source = {
    size: disk.size,
    read: (into: Uint8Array, offset: number) => {
      read.push({ at: offset, length: into.length });
      return disk.read(into, offset);
    },
    close: () => disk.close(),
  };
  for (const volume of await readVolumes(source)) {
    if (volume.content === undefined) continue;
    const files = await openFileSystem(volume.source, "it");
    let left = READ_MAX;
    for await (const { node } of walk(files.root, (_, error) => expect(reason(error)).toMatch(/^\S.*\S$/))) {
      met++;
      if (node.kind === "symlink") await node.target().catch(requireExpected);
      if (node.kind !== "file") continue;
      try {
        for await (const { length } of contentOf(files, node)) if ((left -= length) < 0) break;
      } catch (error) {
        requireExpected(error);
      }
    }
  }
  expect(read.every(({ length }) => length <= 2 ** 20 + 65536)).toBe(true);
  return met;
}

function requireExpected(error: unknown): void {
  if (!isExpected(error)) throw error;
}

describe.each(MAKERS)("$name", ({ name, tools, make }) => {
  const missing = missingTools(...tools);
  if (missing.length) skipped(`damaged ${name}`, `${missing.join(" and ")} is not installed`);

  it.skipIf(missing.length > 0)("ends on whatever is damaged", async () => {
    rmSync(join(folder, "i"), { force: true });
    for (const command of make) {
      const [tool, ...args] = command.split(" ");
      const { status, stderr } = spawnSync(tool!, args, { cwd: folder, encoding: "utf8" });
      if (status !== 0) throw new Error(`${command}: ${stderr}`);
    }
    const good = new Uint8Array(readFileSync(join(folder, "i")));
    // Needs its journal replayed, which is empty; damage may fill it.
    if (name === "journal") good[1024 + 0x60]! |= 4;
    expect(await visitAll(good.slice())).toBeGreaterThan(20);
    // Damage counts where something is.
    const used = [...good.keys()].filter((at) => good[at] !== 0);
    const next = random(5);
    let survived = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const bytes = good.slice(0, next(10) === 0 ? next(good.length) : good.length);
      for (let n = 1 + next(12); n > 0; n--) {
        const at = used[next(used.length)]! + next(4);
        const value = [0, 255, next(256), good[at]! ^ (1 << next(8))][next(4)]!;
        if (at < bytes.length) bytes[at] = value;
      }
      try {
        survived += (await visitAll(bytes)) > 0 ? 1 : 0;
      } catch (error) {
        requireExpected(error);
      }
    }
    expect(survived).toBeGreaterThan(ROUNDS / 3);
  });
});
