// In Chromium: where a browser's disks lie (OPFS, a picked file, a server), and the image tool over them.
import { execFileSync } from "node:child_process";
import { createWriteStream } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { POLICY, serveFolder } from "../../tools/static-server.ts";
import { chromiumObstacle, startStoringChromium, WorkerLab } from "../support/chromium.ts";
import { missingTools, skipped } from "../support/needs.ts";
import { scratchFolder } from "../support/qemu-img.ts";

const why = chromiumObstacle();
if (why) skipped("a browser's disks", why);

const folder = scratchFolder();

/** Takes files that the browser sends, and has one file without ranges. */
function answer(request: IncomingMessage, response: ServerResponse): boolean {
  if (request.method === "PUT") {
    request.pipe(createWriteStream(join(folder, basename(request.url!)))).on("close", () => response.end());
    return true;
  }
  if (request.url !== "/no-ranges") return false;
  response.end("all of it, whatever was asked for");
  return true;
}

describe.skipIf(why)("a browser's disks", () => {
  let lab: WorkerLab;
  beforeAll(async () => {
    lab = await WorkerLab.open("test/browser/sources-lab.ts", { answer });
  });
  afterAll(() => lab?.close());

  it("are BlockSources like any other: OPFS, a picked file, a server", async () => {
    const tab = await lab.tab(await lab.profile());
    await tab.run("opfs");
    await tab.run("picked");
    await tab.run("remote", `${lab.server.url}machine.wasm`);
  });

  it("come from other sites that let the page in, and from the cache the next time", async () => {
    const asked: (string | undefined)[] = [];
    const elsewhere = await serveFolder("dist", {
      // No more than that: such a server hides the range and its ETag from the page.
      headers: { "access-control-allow-origin": "*" },
      answer: ({ headers }) => {
        asked.push(headers.range);
        return false;
      },
    });
    const open = await WorkerLab.open("test/browser/sources-lab.ts", {
      headers: { "content-security-policy": `${POLICY}; connect-src *` },
    });
    const profile = await open.profile();
    const tab = await open.tab(profile);
    await tab.run("remote", `${elsewhere.url}machine.wasm`);
    const first = asked.splice(0).filter((range) => range).length;
    await tab.close();
    await (await open.tab(profile)).run("remote", `${elsewhere.url}machine.wasm`);
    // The beginning, for the server's word that the resource is what it was.
    expect(asked.filter((range) => range)).toHaveLength(1);
    expect(first).toBeGreaterThan(1);
    await open.close();
    await elsewhere.close();
  });

  it("are refused in words", async () => {
    const tab = await lab.tab(await lab.profile());
    expect(await tab.run("refusals")).toEqual([
      "Could not open 'missing.qcow2': No such file or directory",
      "Could not open 'a/../b.qcow2': 'a/../b.qcow2' is no name of a file",
      "Could not open 'https:///': 'https:///' is no URL",
      `Could not open '${lab.server.url}no-ranges': Server does not support 'range' (byte ranges).`,
      "Could not open 'nbd://localhost/': There are no sockets here: NBD cannot be reached",
    ]);
  });

  it("are made, copied, overlaid and checked by the image tool, and qemu-img finds them sound", async () => {
    const tab = await lab.tab(await lab.profile());
    await tab.run("imageTool");
    if (missingTools("qemu-img").length > 0) return;
    for (const name of ["disk.qcow2", "packed.qcow2", "overlay.qcow2"]) {
      await tab.run("upload", name);
      expect(execFileSync("qemu-img", ["check", join(folder, name)], { encoding: "utf8" })).toContain(
        "No errors",
      );
    }
    execFileSync("qemu-img", ["compare", join(folder, "disk.qcow2"), join(folder, "packed.qcow2")]);
  });

  it("belong to one tab at a time, and to the next once it is closed", async () => {
    const profile = await lab.profile();
    const [first, second] = [await lab.tab(profile), await lab.tab(profile)];
    await first.run("hold", "disk.img", "create");
    await expect(second.run("hold", "disk.img", "read")).rejects.toThrow(
      "'disk.img' is in use: by another tab",
    );
    await expect(second.run("hold", "disk.img", "write")).rejects.toThrow(
      "'disk.img' is in use: by another tab",
    );
    await first.close();
    await second.run("hold", "disk.img", "read");
    const third = await lab.tab(profile);
    await third.run("hold", "disk.img", "read");
    await expect(third.run("hold", "disk.img", "write")).rejects.toThrow("is in use");
  });

  it("are sound after their tab was closed in the middle of writing", async () => {
    const profile = await lab.profile();
    for (const enough of [20, 150]) {
      const tab = await lab.tab(profile);
      void tab.run("writeForever", `${enough}.qcow2`).catch(() => {});
      while ((await tab.run<number>("written")) < enough);
      await tab.close();
      const next = await lab.tab(profile);
      expect(await next.run("corruptions", `${enough}.qcow2`)).toBe(0);
    }
  });

  it.each(["in memory", "on its disk"])(
    "fail cleanly when the browser gives no more space %s",
    async (place) => {
      const stored =
        place === "on its disk" ? await startStoringChromium(join(folder, "profile")) : undefined;
      const profile = stored ?? (await lab.profile());
      const tab = await lab.tab(profile);
      const session = await profile.newCDPSession(tab.page);
      await session.send("Storage.overrideQuotaForOrigin", {
        origin: lab.server.url,
        quotaSize: 40 * 2 ** 20,
      });
      expect(await tab.run("fillUp")).toBe("No space left on device");
      await profile.close();
    },
  );
});
