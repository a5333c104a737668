// Boots a kernel, answers its shell, ends: `node examples/run-linux.mjs vmlinuz initrd.gz`
import { readFile } from "node:fs/promises";
import process from "node:process";
import { Machine } from "wasmqemu";

const [kernel, initrd] = await Promise.all(process.argv.slice(2).map((path) => readFile(path)));
const machine = await Machine.create({
  memory: 512 * 2 ** 20,
  linux: { kernel, initrd, commandLine: "console=ttyS0 quiet" },
});
machine.serial.onData((bytes) => process.stdout.write(bytes));

const shell = machine.serial.waitFor(/# $/);
const ended = machine.run();
await shell;
machine.serial.write("uname -a; poweroff -f\n");
console.log(await ended);
