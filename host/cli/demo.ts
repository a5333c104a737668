// `wasmqemu demo [DISK]`: a small guest of ours (guests/demo) with a qcow2 disk made on the spot. It keeps a counter on
// the disk, so the second run shows that the first one's writes have lasted.
import { access } from "node:fs/promises";
import { UserError } from "../core/errors.ts";
import { createImage } from "../image/create.ts";
import { node } from "../runtimes/node.ts";
import { plainDrive } from "./drives.ts";
import { defaultOptions } from "./pc-options.ts";
import { runMachine, say } from "./run.ts";

const DISK = "wasmqemu-demo.qcow2";
const DISK_SIZE = 16 * 2 ** 20;

export async function demo(argv: readonly string[]): Promise<number> {
  const [disk = DISK, ...rest] = argv;
  if (rest.length > 0 || disk.startsWith("-")) throw new UserError("usage: wasmqemu demo [DISK]");
  if (await exists(disk)) {
    say(`the disk is ${disk}, as the last run left it`);
  } else {
    await createImage(node, disk, "qcow2", { size: DISK_SIZE });
    say(`made ${disk}: ${DISK_SIZE / 2 ** 20} MiB, qcow2`);
  }
  const options = { ...defaultOptions(), drives: [plainDrive(disk, disk, 0)], nographic: true };
  return runMachine(options, { kernel: await node.readAsset("demo.bin") });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
