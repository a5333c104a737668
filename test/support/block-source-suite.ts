// What every BlockSource keeps to, whatever is behind it and whatever runtime runs this. Throws, in words, where one
// does not.
import type { BlockSource } from "../../host/block/source.ts";

/** Bytes by which any offset can be told. */
export function tellingBytes(length: number, seed = 0): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, n) => ((n + seed) * 31 + ((n + seed) >> 8) * 7) & 0xff);
}

export function expectThat(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`it does not hold that ${what}`);
}

export async function expectBytes(source: BlockSource, offset: number, wanted: Uint8Array): Promise<void> {
  const bytes = new Uint8Array(wanted.length).fill(0xee);
  await source.read(bytes, offset);
  const at = bytes.findIndex((byte, n) => byte !== wanted[n]);
  expectThat(at < 0, `byte ${offset + at} is ${wanted[at]}: it reads as ${bytes[at]}`);
}

/** `content`: all of it, at least 256 KiB. */
export async function readsAsAny(source: BlockSource, content: Uint8Array): Promise<void> {
  expectThat(source.size === content.length, `its size is ${content.length}: it says ${source.size}`);
  const ranges = [
    [0, 1],
    [0, content.length],
    [511, 2],
    [65_535, 65_538],
    [content.length - 1, 1],
  ] as const;
  // Side by side: calls may overlap in time.
  await Promise.all(ranges.map(([at, length]) => expectBytes(source, at, content.subarray(at, at + length))));
  const tail = new Uint8Array(1000);
  tail.set(content.subarray(-400));
  await expectBytes(source, content.length - 400, tail);
  await expectBytes(source, content.length + 4096, new Uint8Array(100));
  await source.read(new Uint8Array(0), 7);
}

/** `readsAsAny`, then writing, of a source that can grow; leaves other content, which it returns. */
export async function writesAsAny(source: BlockSource, content: Uint8Array): Promise<Uint8Array> {
  await readsAsAny(source, content);
  const grown = new Uint8Array(content.length + 200_000);
  grown.set(content);
  const pieces = [
    [100, 3],
    [131_000, 70_000],
    [content.length + 100_000, 100_000],
  ] as const;
  await Promise.all(
    pieces.map(([at, length]) => {
      const bytes = tellingBytes(length, 77 + at);
      grown.set(bytes, at);
      return source.write!(bytes, at);
    }),
  );
  await source.flush!();
  await readsAsAny(source, grown);
  await source.resize!(5000);
  await source.resize!(300_000);
  const cut = new Uint8Array(300_000);
  cut.set(grown.subarray(0, 5000));
  await readsAsAny(source, cut);
  return cut;
}
