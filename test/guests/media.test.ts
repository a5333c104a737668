// Real media on our PC, by the library. GUEST_MEDIA names the folder that test/guests/media's scripts filled; each case
// whose files are there runs, those that take long only with GUEST_LONG=1. GUEST_BIOS and GUEST_VIDEO_BIOS put SeaBIOS
// and its video BIOS in the place of ours.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "vitest";
import { Machine } from "../../host/index.ts";
import { skipped } from "../support/needs.ts";
import { Guest, MEDIA_CASES, type MediaCase, placesIn } from "./media-cases.ts";

/** What a case may take beyond its seconds on a quiet machine. */
const PATIENCE = 8;
/** Seconds from which a case is long. */
const LONG = 25;

const folder = process.env["GUEST_MEDIA"];
const bios = process.env["GUEST_BIOS"];
const videoBios = process.env["GUEST_VIDEO_BIOS"];
const runsLong = process.env["GUEST_LONG"] === "1";
if (!folder)
  skipped("real media", "GUEST_MEDIA names no folder (test/guests/media/build-small-media.sh fills one)");

function obstacle({ files, seconds }: MediaCase): string | undefined {
  const missing = files.filter((name) => !folder || !existsSync(join(folder, name)));
  if (missing.length > 0) return `${missing.join(" and ")} is not there`;
  return seconds >= LONG && !runsLong ? `it takes ${seconds} s: GUEST_LONG=1 runs it` : undefined;
}

describe.skipIf(!folder)("real media", () => {
  for (const media of MEDIA_CASES) {
    const why = obstacle(media);
    if (why && folder) skipped(media.name, why);
    const timeout = media.seconds * PATIENCE * 1000;
    it.skipIf(why !== undefined)(
      media.name,
      async () => {
        const scratch = mkdtempSync(join(tmpdir(), "wasmqemu-media-"));
        try {
          const description = await media.describe(placesIn(folder!, scratch));
          await using machine = await Machine.create({ bios, videoBios, ...description });
          machine.start();
          await media.play(new Guest(machine, timeout));
        } finally {
          rmSync(scratch, { recursive: true });
        }
      },
      timeout,
    );
  }
});
