// wasmqemu in a page of Chromium, as a process like the other emulators: `chromium.ts KERNEL INITRD WORDS` prints the
// guest's serial line until it says BENCH-DONE. Starting the browser is not the emulator's: the clock begins at
// EMULATOR-START.
import { readFileSync } from "node:fs";
import process from "node:process";
import { startChromium } from "../test/support/chromium.ts";
import { POLICY, serveFolder } from "../tools/static-server.ts";

const [kernel, initrd, words] = process.argv.slice(2);
const files = new Map<string, string | Uint8Array>([
  ["/", "<!doctype html><title>bench</title>"],
  ["/kernel", readFileSync(kernel!)],
  ["/initrd", readFileSync(initrd!)],
]);
const server = await serveFolder("dist", {
  headers: { "content-security-policy": POLICY },
  answer: (request, response) => {
    const file = files.get(request.url!);
    if (file === undefined) return false;
    response.setHeader("content-security-policy", POLICY);
    response.setHeader("content-type", request.url === "/" ? "text/html" : "application/octet-stream");
    response.end(file);
    return true;
  },
});
const browser = await startChromium();
const page = await browser.newPage();
await page.exposeFunction("print", (text: string) => process.stdout.write(text));
await page.goto(server.url);
process.stdout.write("EMULATOR-START\n");
await page.evaluate(async (commandLine) => {
  const { print } = globalThis as unknown as { print(text: string): Promise<void> };
  const { Machine } = (await import(`${location.origin}/browser.js`)) as typeof import("../host/library.ts");
  const fetched = async (name: string): Promise<Uint8Array> =>
    new Uint8Array(await (await fetch(name)).arrayBuffer());
  const machine = await Machine.create({
    memory: "512M",
    kernel: await fetched("kernel"),
    initrd: await fetched("initrd"),
    commandLine,
  });
  const decoder = new TextDecoder();
  machine.serial.onData((bytes) => void print(decoder.decode(bytes, { stream: true })));
  machine.start();
  await machine.waitFor(/BENCH-DONE/);
}, words!);
await browser.close();
await server.close();
