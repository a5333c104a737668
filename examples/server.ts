// A shell behind HTTP, in Deno: every request has a machine of its own, which goes on from where one has booted.
//   deno run --allow-net --allow-read examples/server.ts vmlinuz initrd.gz 8000
//   curl -d "uname -a" http://localhost:8000
import { Machine } from "wasmqemu";

const [kernel, initrd, port] = Deno.args;
const description = { memory: "128M", kernel, initrd, commandLine: "console=ttyS0 quiet" };

const first = await Machine.create(description);
first.start();
await first.waitFor(/# $/);
const booted = await first.saveState();
await first.close();

Deno.serve({ port: Number(port) }, async (request) => {
  const machine = await Machine.create(description);
  try {
    await machine.loadState(booted);
    machine.start();
    await machine.type(`${(await request.text()).trim()}\n`);
    const text = await machine.waitFor(/# $/, { timeout: 30_000, signal: request.signal });
    // Between the echo of the command and the next prompt.
    return new Response(text.split("\r\n").slice(1, -1).join("\n") + "\n");
  } catch (error) {
    return new Response(`${(error as Error).message}\n`, { status: 504 });
  } finally {
    await machine.close();
  }
});
