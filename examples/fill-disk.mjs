// Makes a disk with a file system and files in it, which takes a Linux, but no root and no kernel of the host:
//   node examples/fill-disk.mjs vmlinuz initrd.gz files.tar disk.qcow2
import { argv } from "node:process";
import { check, createImage, Machine, openImage } from "wasmqemu";

const [kernel, initrd, files, disk] = argv.slice(2);
await createImage(disk, { size: 64 * 2 ** 20 });

const machine = await Machine.create({
  kernel,
  initrd,
  commandLine: "console=ttyS0 quiet",
  // The archive is the second disk as it is: tar reads from there.
  drives: [disk, { source: files, format: "raw", snapshot: true }],
});
machine.start();
await machine.waitFor(/# $/, { timeout: 300_000 });
for (const command of [
  "mke2fs -q /dev/sda",
  "mount -t ext4 /dev/sda /mnt",
  "tar -x -f /dev/sdb -C /mnt",
  "umount /mnt",
]) {
  await machine.type(`${command} && echo all right\n`);
  const text = await machine.waitFor(/# $/, { timeout: 60_000 });
  if (!/^all right/m.test(text)) throw new Error(`${command} failed: ${text}`);
}
await machine.type("poweroff -f\n");
await machine.run();
await machine.close();

const image = await openImage(disk);
const { corruptions, allocatedClusters } = await check(image);
console.log(`${disk}: ${allocatedClusters} clusters, ${corruptions} errors`);
await image.close();
