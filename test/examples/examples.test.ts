// The programs in examples/, each run as its first lines say.
import { execFile, execFileSync, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { assemble } from "../../guests/asm/assemble.ts";
import { serveFolder } from "../../tools/static-server.ts";
import { guestFiles, obstacle } from "../machine/debian-guest.ts";
import { chromiumObstacle, startChromium } from "../support/chromium.ts";
import { skipped } from "../support/needs.ts";
import { scratchFolder } from "../support/qemu-img.ts";
import { runtimesHere } from "../support/runtimes.ts";
import { freePort } from "../support/free-port.ts";

const SECONDS = 1000;
const LONG = 600 * SECONDS;
const { kernel, initrd } = guestFiles;
const run = promisify(execFile);
const folder = scratchFolder();

const noGuest = obstacle();
if (noGuest) skipped("examples with Debian's kernel", noGuest);
const noBrowser = chromiumObstacle();
if (noBrowser) skipped("the example of a page", noBrowser);
const deno = runtimesHere("the example of a server").find(({ name }) => name === "deno");

describe.skipIf(noGuest)("the example", () => {
  it(
    "fresh-vm.test gives each test a machine as new",
    async () => {
      const env = { ...process.env, KERNEL: kernel, INITRD: initrd };
      const test = ["--test", "--test-reporter=tap", "examples/fresh-vm.test.mjs"];
      const { stdout } = await run(process.execPath, test, { env });
      expect(stdout).toMatch(/^# pass 3$/m);
      expect(stdout).toMatch(/^# fail 0$/m);
    },
    LONG,
  );

  it(
    "fill-disk makes a disk with a file system and files",
    async () => {
      const [tar, disk] = [join(folder, "files.tar"), join(folder, "disk.qcow2")];
      writeFileSync(join(folder, "note.txt"), "written by the host\n");
      execFileSync("tar", ["-C", folder, "-cf", tar, "note.txt"]);
      const { stdout } = await run(process.execPath, ["examples/fill-disk.mjs", kernel, initrd, tar, disk]);
      expect(stdout).toMatch(/ clusters, 0 errors\n$/);
      const cat = ["dist/cli.js", "img", "cat", `${disk}:/note.txt`];
      expect(execFileSync(process.execPath, cat, { encoding: "utf8" })).toBe("written by the host\n");
    },
    LONG,
  );

  it(
    "resume-many goes on from one boot in many machines",
    async () => {
      const commands = ["uname -m", "echo $((6 * 7))", "ls /mnt | wc -l"];
      const args = ["examples/resume-many.mjs", kernel, initrd, ...commands];
      const { stdout } = await run(process.execPath, args);
      expect(stdout).toMatch(/^booted; .*\nuname -m: x86_64\necho .*: 42\nls .*: 0\n$/);
    },
    LONG,
  );

  it.runIf(deno)(
    "server answers each request from a machine of its own",
    async () => {
      // Deno finds a package by the node_modules of the program's folder.
      const place = join(folder, "server");
      mkdirSync(join(place, "node_modules"), { recursive: true });
      symlinkSync(resolve("."), join(place, "node_modules/wasmqemu"));
      writeFileSync(join(place, "package.json"), '{ "dependencies": { "wasmqemu": "*" } }');
      copyFileSync("examples/server.ts", join(place, "server.ts"));
      const port = await freePort();
      const allowed = ["run", "--allow-net", "--allow-read", "--no-prompt"];
      const server = spawn(deno!.command, [...allowed, "server.ts", kernel, initrd, String(port)], {
        cwd: place,
        stdio: ["ignore", "inherit", "inherit"],
      });
      let ended = false;
      server.on("exit", () => (ended = true));
      try {
        const ask = async (command: string): Promise<string> => {
          for (;;) {
            const request = fetch(`http://localhost:${port}`, { method: "POST", body: command });
            const answer = await request.catch(() => undefined);
            if (answer) return answer.text();
            if (ended) throw new Error("the server has ended");
            await setTimeout(500);
          }
        };
        expect(await ask("echo hello > /greeting; cat /greeting")).toBe("hello\n");
        expect(await ask("cat /greeting")).toContain("No such file");
      } finally {
        server.kill();
      }
    },
    LONG,
  );
});

describe.skipIf(noBrowser)("the example", () => {
  it(
    "page boots a picked image and takes keys",
    async () => {
      const server = await serveFolder(".");
      const chromium = await startChromium();
      try {
        const page = await chromium.newPage();
        await page.goto(`${server.url}examples/page.html`);
        await page.setInputFiles("#disk", {
          name: "disk.img",
          mimeType: "application/octet-stream",
          buffer: Buffer.from(stoppingGuest),
        });
        await page.waitForFunction('document.getElementById("state").value === "It runs."');
        await page.waitForFunction('document.getElementById("screen").width === 720');
        await page.press("#screen", "q");
        await page.waitForFunction('document.getElementById("state").value === "It has ended: power-off."');
      } finally {
        await chromium.close();
        await server.close();
      }
    },
    120 * SECONDS,
  );
});

/** A boot sector that waits for a key and powers off. */
const stoppingGuest = assemble(`
        org 0x7c00
        mov ah, 0
        int 0x16
        mov dx, 0x604                   ; PM1a control: S5
        mov ax, 0x2000
        out dx, ax
        hlt
        times 510 - ($ - $$) db 0
        dw 0xaa55
        times 65536 - 512 db 0
`).bytes;
