// Boots once, and goes on from there in one machine for each command, side by side:
//   node examples/resume-many.mjs vmlinuz initrd.gz "uname -m" "cat /proc/uptime" "grep MemTotal /proc/meminfo"
import { argv } from "node:process";
import { Machine } from "wasmqemu";

const [kernel, initrd, ...commands] = argv.slice(2);
const description = { memory: "128M", kernel, initrd, commandLine: "console=ttyS0 quiet" };

const first = await Machine.create(description);
first.start();
await first.waitFor(/# $/, { timeout: 300_000 });
const booted = await first.saveState();
await first.close();
console.log(`booted; the state takes ${(booted.length / 2 ** 20).toFixed(1)} MiB`);

async function runOne(command) {
  const machine = await Machine.create(description);
  try {
    await machine.loadState(booted);
    machine.start();
    await machine.type(`${command}\n`);
    const text = await machine.waitFor(/# $/, { timeout: 60_000 });
    return text.split("\r\n").slice(1, -1).join("\n");
  } finally {
    await machine.close();
  }
}

const answers = await Promise.all(commands.map(runOne));
for (const [n, command] of commands.entries()) console.log(`${command}: ${answers[n]}`);
