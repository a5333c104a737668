// qcow2 images in memory for tests, and what a guest should find in them.
import { MemorySource } from "../../host/block/memory.ts";
import { checkImage } from "../../host/image/check.ts";
import type { CheckResult } from "../../host/image/image.ts";
import { createQcow2, QCOW2_DEFAULTS, type Qcow2CreateOptions } from "../../host/image/qcow2/create.ts";
import { Qcow2Image } from "../../host/image/qcow2/image.ts";
import { node } from "../../host/runtimes/node.ts";

export type Source = MemorySource;

export async function blank(options: Partial<Qcow2CreateOptions> & { size: number }): Promise<MemorySource> {
  const file = new MemorySource();
  await createQcow2(node, file, { ...QCOW2_DEFAULTS, ...options });
  return file;
}

export function open(file: MemorySource, readOnly = false): Promise<Qcow2Image> {
  return Qcow2Image.open(node, "memory.qcow2", file, { readOnly });
}

export async function check(file: MemorySource): Promise<CheckResult & { findings: string[] }> {
  const findings: string[] = [];
  const image = await Qcow2Image.open(node, "memory.qcow2", file, { readOnly: true, tolerant: true });
  const result = await checkImage(image, "none", (sentence) => findings.push(sentence));
  return { ...result, findings };
}

/** Numbers that are the same on every run (xorshift32). */
export function random(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** `length` bytes that tell where they were written and in which round. */
export function pattern(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (seed * 31 + i * 7 + (i >> 8)) | 1;
  return bytes;
}
