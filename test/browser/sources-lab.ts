// Runs in a browser's worker (sources.test.ts): files of each kind, and the image tool over them.
import { BlobSource } from "../../host/block/blob.ts";
import { openHttp } from "../../host/block/http.ts";
import { BlockOptions } from "../../host/block/options.ts";
import { FileSource } from "../../host/block/file.ts";
import type { OpenMode } from "../../host/runtimes/runtime.ts";
import { check, compare, convert, createImage, info, openImage } from "../../host/library.ts";
import { breathe } from "../../host/core/scheduler.ts";
import { reason } from "../../host/core/errors.ts";
import { browser } from "../../host/runtimes/browser.ts";
import { findOpfsFile } from "../../host/runtimes/opfs.ts";
import { useRuntime } from "../../host/runtimes/this.ts";
import {
  expectBytes,
  expectThat,
  readsAsAny,
  tellingBytes,
  writesAsAny,
} from "../support/block-source-suite.ts";

useRuntime(browser);

const MIB = 2 ** 20;
const open = (path: string, mode: OpenMode): Promise<FileSource> => FileSource.open(browser, path, mode);

export async function opfs(): Promise<void> {
  const content = tellingBytes(300_001);
  const file = await open("folder/file.bin", "create");
  await file.write(content, 0);
  const left = await writesAsAny(file, content);
  await file.close();
  const again = await open("./folder//file.bin", "read");
  await readsAsAny(again, left);
  await again.close();
  expectThat(
    (await browser.identity("folder/file.bin")) === (await browser.identity("/folder/file.bin")),
    "a name is a name",
  );
  await browser.removeFile("folder/file.bin");
  expectThat((await browser.identity("folder/file.bin")) === undefined, "a removed file is gone");
}

export async function picked(): Promise<void> {
  const content = tellingBytes(300_001);
  await readsAsAny(new BlobSource(new File([content], "picked.img")), content);
}

export async function remote(url: string): Promise<void> {
  const content = new Uint8Array(await (await fetch(url)).arrayBuffer());
  const source = await openHttp("http", {
    runtime: browser,
    options: BlockOptions.of({ url }),
    mode: "read",
  });
  await readsAsAny(source, content);
  await source.close();
}

/** Each in the words of a user. */
export async function refusals(): Promise<string[]> {
  const attempts = [
    () => openImage("missing.qcow2"),
    () => openImage("a/../b.qcow2"),
    () => openImage("https:///"),
    () => openImage(`${location.origin}/no-ranges`),
    () => openImage("nbd://localhost/"),
  ];
  const sentences: string[] = [];
  for (const attempt of attempts)
    sentences.push(
      await attempt().then(
        () => "opened",
        (error: Error) => error.message,
      ),
    );
  return sentences;
}

/** A disk, a compressed copy, an overlay over a picked file; what lies in OPFS afterwards is for qemu-img to judge. */
export async function imageTool(): Promise<void> {
  const written = tellingBytes(3 * MIB);
  await createImage("disk.qcow2", { size: 64 * MIB });
  const disk = await openImage("disk.qcow2", { readOnly: false });
  await disk.write!(written, 5 * MIB + 512);
  await disk.flush!();
  await disk.close();

  await convert("disk.qcow2", "packed.qcow2", { compress: true });
  const [plain, packed] = [await openImage("disk.qcow2"), await openImage("packed.qcow2")];
  expectThat((await compare(plain, packed)) === undefined, "the copy holds the same");
  const { corruptions, leaks, compressedClusters } = await check(packed);
  expectThat(corruptions + leaks === 0 && compressedClusters > 40, "the copy is sound and compressed");
  await packed.close();

  await plain.close();
  const base = await (await findOpfsFile("packed.qcow2")).getFile();
  const { size } = await info(base);
  await createImage("overlay.qcow2", { size, backingFile: "packed.qcow2", backingFormat: "qcow2" });
  const overlay = await openImage("overlay.qcow2", { readOnly: false, backing: await openImage(base) });
  await overlay.write!(tellingBytes(512, 1), 5 * MIB + 1024);
  const merged = written.slice();
  merged.set(tellingBytes(512, 1), 512);
  await expectBytes(overlay, 5 * MIB + 512, merged);
  await overlay.close();
}

/** Sends a file of OPFS to the server. */
export async function upload(name: string): Promise<void> {
  const file = await (await findOpfsFile(name)).getFile();
  await fetch(`upload/${name}`, { method: "PUT", body: file });
}

const held = new Map<string, FileSource>();

export async function hold(name: string, mode: OpenMode): Promise<void> {
  held.set(name, await open(name, mode));
}

export async function letGo(name: string): Promise<void> {
  await held.get(name)!.close();
}

/** Writes to a disk until there is no more space: what was flushed before must still be there. */
export async function fillUp(): Promise<string> {
  await createImage("full.qcow2", { size: 1024 * MIB });
  const disk = await openImage("full.qcow2", { readOnly: false });
  const first = tellingBytes(MIB, 3);
  await disk.write!(first, 0);
  await disk.flush!();
  let failure: unknown = "it all fitted";
  const noise = new Uint8Array(4 * MIB).fill(0x5a);
  for (let at = 8 * MIB; at < disk.size; at += noise.length)
    try {
      await disk.write!(noise, at);
      await disk.flush!();
    } catch (error) {
      failure = error;
      break;
    }
  await disk.close().catch(() => {});
  const again = await openImage("full.qcow2");
  await expectBytes(again, 0, first);
  const { corruptions } = await check(again);
  expectThat(corruptions === 0, "the image is sound");
  await again.close();
  return reason(failure);
}

let writes = 0;
export const written = (): number => writes;

/** Scattered writes, some of them flushed, until the tab is closed. */
export async function writeForever(name: string): Promise<void> {
  await createImage(name, { size: 256 * MIB });
  const disk = await openImage(name, { readOnly: false });
  for (;;) {
    const at = Math.floor(Math.random() * 4095) * 65536 + 512 * (writes % 100);
    await disk.write!(tellingBytes(40_000, writes), at);
    if (++writes % 7 === 0) await disk.flush!();
    // All of this is done at once, between two messages: those that ask how far it is need their turn.
    if (writes % 5 === 0) await breathe();
  }
}

/** What check says of an image: corruptions. */
export async function corruptions(name: string): Promise<number> {
  const image = await openImage(name);
  const result = await check(image);
  await image.close();
  return result.corruptions;
}
