// Where two logs of `-d cpu` part: ours and QEMU's (`-accel tcg -singlestep -d cpu,nochain`), instruction by instruction.
// `node scripts/compare-traces.mjs OURS THEIRS [--from=ADDRESS] [--flags=MASK]`: from the first instruction at ADDRESS
// (hex) on; MASK (hex) leaves out the flags that the guest's instructions make undefined. Exit code 1: they differ.
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import process from "node:process";

/** CF PF AF ZF SF TF IF DF OF: what both report alike where it is defined. */
const FLAGS = 0xfd5;
/** Instructions shown before the first difference. */
const SHOWN = 4;

function option(name, otherwise) {
  const prefix = `--${name}=`;
  return process.argv.find((word) => word.startsWith(prefix))?.slice(prefix.length) ?? otherwise;
}

const flags = parseInt(option("flags", FLAGS.toString(16)), 16);
const from = option("from");

/** The processor before each instruction, field by field: general registers, segments, tables, control registers. */
async function* states(file) {
  let state = new Map();
  for await (const line of createInterface({ input: createReadStream(file) })) {
    if (/^[ER]AX=/.test(line)) state = new Map();
    const segment = /^([CDEFGS]S|LDT|TR) *=([0-9a-f]+ [0-9a-f]+)/.exec(line);
    if (segment) state.set(segment[1], segment[2]);
    else for (const [, name, value] of line.matchAll(/\b([A-Z0-9]+) *=([0-9a-f]+)/g)) state.set(name, value);
    if (!line.startsWith("EFER=")) continue;
    const flagsName = state.has("RFL") ? "RFL" : "EFL";
    state.set(flagsName, (parseInt(state.get(flagsName) ?? "0", 16) & flags).toString(16));
    for (const name of ["CCS", "CCD", "DR6", "DR7", "A20", "SMM", "HLT", "II"]) state.delete(name);
    yield state;
  }
}

function address(state) {
  const rip = BigInt(`0x${state.get("RIP") ?? state.get("EIP") ?? 0}`);
  const base = BigInt(`0x${state.get("CS").split(" ")[1]}`);
  return rip + base;
}

async function start(iterator) {
  for (;;) {
    const { value, done } = await iterator.next();
    if (done || from === undefined || address(value) === BigInt(`0x${from}`)) return value;
  }
}

function show(state) {
  const names = [...state.keys()].filter((name) => /^[ER]|^R\d/.test(name) && name !== "EFER");
  return names.map((name) => `${name}=${state.get(name)}`).join(" ");
}

const [ours, theirs] = process.argv
  .slice(2)
  .filter((word) => !word.startsWith("--"))
  .map((file) => states(file)[Symbol.asyncIterator]());
const before = [];
let [a, b] = [await start(ours), await start(theirs)];
let count = 0;
for (; a && b; count++) {
  const parted = [...a.keys()].filter((name) => b.has(name) && a.get(name) !== b.get(name));
  if (parted.length > 0) {
    for (const state of before) console.log(`  ${show(state)}`);
    console.log(`they part before instruction ${count}, at 0x${address(a).toString(16)}:`);
    for (const name of parted) console.log(`  ${name}: ours ${a.get(name)}, theirs ${b.get(name)}`);
    process.exit(1);
  }
  before.push(a);
  if (before.length > SHOWN) before.shift();
  a = (await ours.next()).value;
  b = (await theirs.next()).value;
}
console.log(`${count} instructions alike`);
process.exit(count > 0 ? 0 : 1);
