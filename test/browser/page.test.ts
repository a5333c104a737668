// The page as people use it, in Chromium: what it shows is left as pictures in a folder of its own.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answerFile, POLICY, serveFolder, type StaticServer } from "../../tools/static-server.ts";
import { guestFiles, obstacle } from "../machine/debian-guest.ts";
import { busyFloppy, countingFloppy, echoFloppy } from "../support/boot-sectors.ts";
import { chromiumObstacle, longestTask, startChromium, startStoringChromium } from "../support/chromium.ts";
import { skipped } from "../support/needs.ts";
import { ours, scratchFolder } from "../support/qemu-img.ts";

const PICTURES = join(tmpdir(), "wasmqemu-page");
const SECONDS = 1000;
const BOOT = 300 * SECONDS;
/** The File's time: the page tells by it that a file is the same. */
const MADE_AT = Date.UTC(2026, 0, 1);

const why = chromiumObstacle();
if (why) skipped("the page", why);
const noGuest = why ?? obstacle("mke2fs", "qemu-img");
if (noGuest) skipped("the page with Debian's kernel", noGuest);

/**
 * Nobody is there to use the picker that gives handles: it gives a file of the page's own file system that a test has put
 * there, and otherwise the page is as in browsers that have no such picker.
 */
const PICKER = `
  let name;
  try { name = sessionStorage.getItem("picked"); } catch {}
  globalThis.showOpenFilePicker =
    name && (async () => [await (await navigator.storage.getDirectory()).getFileHandle(name)]);
`;

describe.skipIf(why)("the page", () => {
  const folder = scratchFolder();
  const disk = join(folder, "work.qcow2");
  let server: StaticServer;
  let profile: BrowserContext;
  let page: Page;

  beforeAll(async () => {
    mkdirSync(PICTURES, { recursive: true });
    server = await serveFolder(resolve("dist/web"), {
      headers: { "content-security-policy": POLICY },
      answer: (request, response) => {
        if (request.url === "/work.qcow2") response.end(readFileSync(disk));
        else if (request.url === "/remote.img") void answerFile(folder, request, response, {});
        else return false;
        return true;
      },
    });
    profile = await startStoringChromium(join(folder, "profile"));
    await profile.addInitScript(PICKER);
    page = await open();
  });
  afterAll(async () => {
    await profile?.close();
    await server?.close();
  });

  async function open(): Promise<Page> {
    const tab = await profile.newPage();
    await tab.setViewportSize({ width: 1280, height: 800 });
    await tab.goto(server.url);
    return tab;
  }

  const picture = (name: string): Promise<Buffer> => page.screenshot({ path: join(PICTURES, `${name}.png`) });

  /** Waits until what the serial console shows matches; returns it. */
  async function serial(pattern: RegExp, timeout = 60 * SECONDS): Promise<string> {
    const rows = page.locator(".xterm-rows");
    await rows.filter({ hasText: pattern }).waitFor({ timeout });
    return (await rows.textContent())!;
  }

  /** Lets go of a file above the page, as people do. */
  async function drop(tab: Page): Promise<void> {
    // In words, for this side of the test knows no documents.
    const data = await tab.evaluateHandle(`(async () => {
      const bytes = await (await fetch("work.qcow2")).arrayBuffer();
      const carried = new DataTransfer();
      carried.items.add(new File([bytes], "work.qcow2", { lastModified: ${MADE_AT} }));
      return carried;
    })()`);
    await tab.dispatchEvent("#drop", "drop", { dataTransfer: data });
    await tab.getByText("work.qcow2").first().waitFor();
  }

  async function choose(tab: Page, ...files: string[]): Promise<void> {
    const [chooser] = await Promise.all([tab.waitForEvent("filechooser"), tab.click("#choose")]);
    await chooser.setFiles(files);
    await tab.getByRole("button", { name: `Unplug ${basename(files.at(-1)!)}` }).waitFor();
  }

  /** Pixels of the machine's screen that are not black. */
  const litPixels = (): Promise<number> =>
    page.evaluate<number>(`(() => {
      const screen = document.getElementById("screen");
      const copy = new OffscreenCanvas(screen.width, screen.height).getContext("2d");
      copy.drawImage(screen, 0, 0);
      const { data } = copy.getImageData(0, 0, screen.width, screen.height);
      return new Uint32Array(data.buffer).filter((pixel) => pixel !== 0xff000000).length;
    })()`);

  const chooseGuest = (tab: Page): Promise<void> => choose(tab, guestFiles.kernel, guestFiles.initrd);

  const status = (sentence: string): Promise<void> =>
    page
      .locator("#status")
      .getByText(sentence)
      .waitFor({ timeout: 60 * SECONDS });

  it("runs the demo at once, and its disk remembers the visit", async () => {
    await picture("1-open");
    await page.click("#demo");
    expect(await serial(/Powering off/)).toMatch(/boot no\.\s+1 of this disk/);
    await status("The machine has switched itself off.");
    await picture("2-demo");
    await page.reload();
    await page.getByText("Disks in this browser").waitFor();
    await page.click("#demo");
    expect(await serial(/Powering off/)).toMatch(/boot no\.\s+2 of this disk/);
    await page.getByRole("button", { name: "Back" }).click();
  });

  it("says in a sentence what is wrong", async () => {
    await page.fill("#address", `${server.url}missing.qcow2`);
    await page.press("#address", "Enter");
    await page.click("#start");
    await page
      .getByRole("alert")
      .getByText("missing.qcow2 cannot be used. The requested URL returned error: 404")
      .waitFor();
    await picture("3-complaint");
    await page.getByRole("button", { name: "Dismiss" }).click();
    await page.getByRole("button", { name: "Unplug missing.qcow2" }).click();
  });

  it(
    "boots a floppy; keys pressed on its screen reach it, and Ctrl and Alt lead out of it",
    async () => {
      writeFileSync(join(folder, "echo.img"), echoFloppy);
      await choose(page, join(folder, "echo.img"));
      await page.click("#start");
      await page.locator("#screen:focus").waitFor();
      await page.keyboard.press("Shift+H");
      await page.keyboard.type("ello, 64");
      await page.keyboard.press("Shift+Digit1");
      // Keys wait in the BIOS until the guest asks; what it echoes on the screen, it sends to the serial port too.
      await page.locator("#serial-tab .news").waitFor();
      await expect.poll(litPixels).toBeGreaterThan(400);
      await picture("4-floppy");
      await page.keyboard.press("Control+Alt");
      await page.locator("#screen-tab:focus").waitFor();
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("Tab");
      await serial(/Hello, 64!/);
      await page.click("#pause");
      await status("Paused.");
      await page.click("#pause");
      await page.click("#off");
      await page.getByRole("button", { name: "Unplug echo.img" }).click();
    },
    BOOT,
  );

  it(
    "saves a machine without a disk, finds its file again after a reload, and takes keys from a touched screen",
    async () => {
      await page.evaluate(`(async () => {
        const root = await navigator.storage.getDirectory();
        const file = await (await root.getFileHandle("counting.img", { create: true })).createWritable();
        await file.write(new Uint8Array([${countingFloppy.subarray(0, 512)}]));
        await file.truncate(${countingFloppy.length});
        await file.close();
        sessionStorage.setItem("picked", "counting.img");
      })()`);
      await page.reload();
      await page.click("#choose");
      await page.click("#start");
      await page.locator("#screen:focus").waitFor();
      await page.keyboard.press("x");
      await page.locator("#serial-tab .news").waitFor();
      await page.click("#save");
      await status("Saved in this browser");
      // A state for which there is no room leaves the last one as it was.
      const session = await profile.newCDPSession(page);
      await session.send("Storage.overrideQuotaForOrigin", { origin: server.url, quotaSize: 1 });
      await page.click("#screen-tab");
      await page.keyboard.press("x");
      await page.click("#save");
      await page.getByRole("alert").getByText("No space left on device").waitFor();
      await session.send("Storage.overrideQuotaForOrigin", { origin: server.url });
      await page.click("#off");
      await page.evaluate('sessionStorage.setItem("picked", "")');
      await page.reload();
      await page.getByRole("button", { name: "Go on with counting.img" }).click();
      await page.click("#touch-keys");
      await page.locator("#touch-field:focus").waitFor();
      await page.keyboard.type("hi");
      await page.getByRole("button", { name: "f10", exact: true }).click();
      await page.click("#serial-tab");
      await serial(/^BCD/);
      await picture("5-touch");
      await page.click("#off");
      page.once("dialog", (dialog) => void dialog.accept());
      await page.getByRole("button", { name: "Delete counting.img" }).click();
      await page.locator("#kept-machines").waitFor({ state: "hidden" });
    },
    BOOT,
  );

  it(
    "boots a disk by its address, keeps what it fetched, and refuses another disk in its place",
    async () => {
      const remote = join(folder, "remote.img");
      writeFileSync(remote, echoFloppy);
      for (const visit of [1, 2, 3]) {
        if (visit === 3) utimesSync(remote, 1, 1);
        await page.reload();
        await page.fill("#address", `${server.url}remote.img`);
        await page.click("#add-address");
        await page.click("#start");
        if (visit === 3) break;
        await page.locator("#screen:focus").waitFor();
        // The pointer is the guest's from a click on, until Ctrl and Alt.
        await page.click("#screen");
        await page.waitForFunction("document.pointerLockElement?.id === 'screen'");
        await page.keyboard.press("Control+Alt");
        await page.waitForFunction("document.pointerLockElement === null");
        await page.locator("#screen").focus();
        await page.keyboard.type(`visit ${visit}`);
        await page.locator("#serial-tab .news").waitFor();
        await page.click("#off");
      }
      await page
        .getByRole("alert")
        .getByText(/remote.img' has changed since this browser's disk 'remote.img' was made over it/)
        .waitFor();
      await picture("5-other");
      await page.getByRole("button", { name: "Unplug remote.img" }).click();
    },
    BOOT,
  );

  describe.skipIf(noGuest)("with Debian's kernel and a dropped disk", () => {
    beforeAll(() => {
      const raw = join(folder, "work.raw");
      execFileSync("mke2fs", ["-q", "-t", "ext4", raw, "64M"]);
      execFileSync("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", raw, disk]);
      rmSync(raw);
      // Picked or dropped, it is the same file to the page.
      utimesSync(disk, MADE_AT / 1000, MADE_AT / 1000);
    });

    it(
      "boots, and what is typed changes the disk of this browser",
      async () => {
        await chooseGuest(page);
        await drop(page);
        await picture("6-parts");
        await page.click("#start");
        await serial(/guest#/, BOOT);
        await picture("7-shell");
        await page.keyboard.type("mount -t ext4 /dev/sda /mnt && echo mounted-$((6*7))\n");
        await serial(/mounted-42/);
        await page.keyboard.type("echo kept by the page > /mnt/note.txt; umount /mnt; word=remembered\n");
        await page.keyboard.type("echo settled-$((6*7))\n");
        await serial(/settled-42/);
        await page.click("#save");
        await status("Saved in this browser");
        await page.click("#serial-tab");
        await page.keyboard.type("word=lost; echo $word-$((6*7))\n");
        await serial(/lost-42/);
        await page.click("#restore");
        await page.click("#serial-tab");
        await page.keyboard.type("echo $word-$((6*8))\n");
        await serial(/remembered-48/);
        await page.keyboard.type("poweroff -f\n");
        await status("The machine has switched itself off.");
      },
      2 * BOOT,
    );

    it(
      "finds the change after a reload, going on where it was saved, while another tab is refused",
      async () => {
        await page.reload();
        const [chooser] = await Promise.all([
          page.waitForEvent("filechooser"),
          page.getByRole("button", { name: "Use work.qcow2" }).click(),
        ]);
        await chooser.setFiles(disk);
        await picture("8-saved");
        await page.getByRole("button", { name: "Go on where it was saved" }).click();
        await page.locator("#off").waitFor();
        const second = await open();
        await drop(second);
        await second.click("#start");
        await second.getByRole("alert").getByText("is in use: by another tab").waitFor();
        await second.close();
        await page.click("#serial-tab");
        await page.keyboard.type("mount -o ro /dev/sda /mnt; cat /mnt/note.txt; echo $word-$((6*9))\n");
        expect(await serial(/remembered-54/)).toContain("kept by the page");
        await page.click("#off");
      },
      BOOT,
    );

    it("gives the disk as one qcow2 file, the change in it", async () => {
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("button", { name: "Download work.qcow2" }).click(),
      ]);
      const file = join(folder, "downloaded.qcow2");
      await download.saveAs(file);
      expect(download.suggestedFilename()).toBe("work.qcow2");
      expect(execFileSync("qemu-img", ["check", file], { encoding: "utf8" })).toContain("No errors");
      expect(ours(folder, "cat", "downloaded.qcow2:/note.txt").out).toBe("kept by the page\n");
    });
  });
});

describe.skipIf(why)("the page over a connection that is not safe", () => {
  it("says that there are no disks, and runs what needs none", async () => {
    const server = await serveFolder(resolve("dist/web"), { headers: { "content-security-policy": POLICY } });
    const browser = await startChromium("--host-resolver-rules=MAP somewhere.test 127.0.0.1");
    const page = await browser.newPage();
    await page.goto(server.url.replace("localhost", "somewhere.test"));
    const alert = page.getByRole("alert").getByText("This browser keeps no disks for this page");
    await alert.waitFor();
    await page.click("#demo");
    await alert.waitFor();
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.click("#choose")]);
    const [name, mimeType] = ["echo.img", "application/octet-stream"];
    await chooser.setFiles({ name, mimeType, buffer: Buffer.from(echoFloppy) });
    await page.click("#start");
    await page.locator("#screen:focus").waitFor();
    await page.keyboard.press("x");
    await page.locator("#serial-tab .news").waitFor();
    await page.click("#save");
    await alert.waitFor();
    await browser.close();
    await server.close();
  });
});

describe.skipIf(why)("the page's own thread", () => {
  const folder = scratchFolder();

  it("is never busy for more than 50 ms while a guest draws and prints as fast as it can", async () => {
    const server = await serveFolder(resolve("dist/web"), { headers: { "content-security-policy": POLICY } });
    const browser = await startChromium();
    const page = await browser.newPage();
    await page.addInitScript(PICKER);
    await page.goto(server.url);
    writeFileSync(join(folder, "busy.img"), busyFloppy);
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.click("#choose")]);
    await chooser.setFiles(join(folder, "busy.img"));
    await page.click("#start");
    await page.locator("#serial-tab .news").waitFor();
    for (const tab of ["#screen-tab", "#serial-tab"]) {
      await page.click(tab);
      await browser.startTracing(page, { categories: ["toplevel"] });
      await page.locator("#processor-light.lit").waitFor();
      await new Promise((over) => setTimeout(over, 3 * SECONDS));
      expect(longestTask(await browser.stopTracing(), "tdur")).toBeLessThan(50);
    }
    await browser.close();
    await server.close();
  });
});
