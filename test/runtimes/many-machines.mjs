// Makes a hundred machines, one after the other, lets each run and closes it; prints the process' resident memory in
// MiB after twenty, and at the end: `node many-machines.mjs DIST`.
import process from "node:process";
import { pathToFileURL } from "node:url";

const [dist] = process.argv.slice(2);
const { Machine } = await import(pathToFileURL(`${dist}/index.js`).href);
const resident = () => Math.round(process.memoryUsage.rss() / 2 ** 20);

for (let count = 1; count <= 100; count++) {
  const machine = await Machine.create({ memory: "64M", kernel: `${dist}/demo.bin` });
  machine.start();
  await machine.waitFor(/Hello/);
  await machine.close();
  if (count === 20 || count === 100) console.log(resident());
}
