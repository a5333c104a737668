// Tests that get a machine as new, each of them, for the price of one boot:
//   KERNEL=vmlinuz INITRD=initrd.gz node --test examples/fresh-vm.test.mjs
import assert from "node:assert/strict";
import { env } from "node:process";
import { after, before, beforeEach, test } from "node:test";
import { Machine } from "wasmqemu";

const PROMPT = /# $/;
let machine;
let booted;

/** Types a command; gives back what it prints. */
async function sh(command) {
  await machine.type(`${command}\n`);
  const text = await machine.waitFor(PROMPT, { timeout: 60_000 });
  return text.split("\r\n").slice(1, -1).join("\n");
}

before(async () => {
  const { KERNEL: kernel, INITRD: initrd } = env;
  machine = await Machine.create({ kernel, initrd, commandLine: "console=ttyS0 quiet" });
  machine.start();
  await machine.waitFor(PROMPT, { timeout: 300_000 });
  booted = await machine.saveState();
});
beforeEach(() => machine.loadState(booted));
after(() => machine.close());

test("a machine computes", async () => assert.equal(await sh("echo $((6 * 7))"), "42"));

test("a file that one test writes …", async () => {
  await sh("echo hello > /greeting");
  assert.equal(await sh("cat /greeting"), "hello");
});

test("… is not there for the next", async () => assert.match(await sh("cat /greeting"), /No such file/));
