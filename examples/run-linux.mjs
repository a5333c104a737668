// Boots a kernel, answers its shell, ends: `node examples/run-linux.mjs vmlinuz initrd.gz`
import process from "node:process";
import { Machine } from "wasmqemu";

const [kernel, initrd] = process.argv.slice(2);
const commandLine = "console=ttyS0 quiet";
const machine = await Machine.create({ memory: "512M", kernel, initrd, commandLine });
machine.serial.onData((bytes) => process.stdout.write(bytes));

machine.start();
await machine.waitFor(/# $/);
await machine.type("uname -a; poweroff -f\n");
console.log(await machine.run());
await machine.close();
