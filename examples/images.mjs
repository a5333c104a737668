// A disk image from nothing to a compressed copy: `node examples/images.mjs FOLDER`
import process from "node:process";
import {
  addBitmap,
  check,
  compare,
  convert,
  createImage,
  createSnapshot,
  info,
  listSnapshots,
  map,
  openImage,
} from "wasmqemu";

const folder = process.argv[2] ?? ".";
const [disk, copy] = [`${folder}/disk.qcow2`, `${folder}/copy.qcow2`];

await createImage(disk, { size: 10 * 2 ** 30, clusterSize: 65536 });
const image = await openImage(disk, { readOnly: false });
await image.write(new TextEncoder().encode("hello\n".repeat(10_000)), 2 ** 20);
await createSnapshot(image, "before");
await addBitmap(image, "since");
await image.discard(2 ** 20, 4096);
await image.flush();
console.log((await listSnapshots(image)).map(({ id, name }) => `${id} ${name}`));
for await (const { start, length, zero } of map(image)) if (!zero) console.log({ start, length });
console.log((await check(image)).corruptions, "corruptions");
await image.close();

await convert(disk, copy, { compress: true, signal: AbortSignal.timeout(60_000) });
const [a, b] = [await openImage(disk), await openImage(copy)];
console.log((await compare(a, b)) ?? "the copy is the same");
await Promise.all([a.close(), b.close()]);
console.log((await info(copy)).format);
