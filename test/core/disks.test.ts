import { expect, it } from "vitest";
import { MemorySource } from "../../host/block/memory.ts";
import { DiskService } from "../../host/core/disks.ts";
import type { BlockRequest } from "../../host/core/rings.ts";

function service(disk: MemorySource): {
  start(request: Partial<BlockRequest>): void;
  ended: [number, boolean][];
  disks: DiskService;
} {
  const ended: [number, boolean][] = [];
  const disks = new DiskService({
    media: [disk],
    complete: (slot, succeeded) => ended.push([slot, succeeded]),
    report: () => {},
  });
  const start = (request: Partial<BlockRequest>): void =>
    disks.start({ slot: 0, operation: "read", drive: 0, offset: 0, length: 0, segments: [], ...request });
  return { start, ended, disks };
}

it("gathers a write from scattered memory and scatters a read", async () => {
  const disk = new MemorySource(new Uint8Array(64));
  const { start, ended, disks } = service(disk);
  const from = [Uint8Array.of(1, 2), Uint8Array.of(3), Uint8Array.of(4, 5, 6)];
  start({ slot: 3, operation: "write", offset: 10, length: 6, segments: from });
  await disks.settle();
  expect([...disk.content.subarray(9, 17)]).toEqual([0, 1, 2, 3, 4, 5, 6, 0]);
  const into = [new Uint8Array(1), new Uint8Array(4)];
  start({ slot: 4, offset: 11, length: 5, segments: into });
  await disks.settle();
  expect(into).toEqual([Uint8Array.of(2), Uint8Array.of(3, 4, 5, 6)]);
  expect(ended).toEqual([
    [3, true],
    [4, true],
  ]);
});

it("fails a request to a drive that is not there", async () => {
  const { start, ended, disks } = service(new MemorySource(new Uint8Array(64)));
  start({ slot: 7, drive: 2, length: 1, segments: [new Uint8Array(1)] });
  await disks.settle();
  expect(ended).toEqual([[7, false]]);
});
