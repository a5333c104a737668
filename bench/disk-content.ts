// A disk with a file system's kind of content, for machines that have no image at hand.
import { closeSync, ftruncateSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";

const MIB = 2 ** 20;

/** Programs and texts of this machine, one eighth of the disk left empty, up to `size` bytes. */
export function makeDisk(path: string, size: number): void {
  const file = openSync(path, "w");
  ftruncateSync(file, size);
  const names = ["/usr/bin", "/usr/lib/x86_64-linux-gnu", "/usr/share/doc"]
    .flatMap((at) =>
      readdirSync(at, { withFileTypes: true }).map((entry) => (entry.isFile() ? join(at, entry.name) : "")),
    )
    .filter(Boolean);
  let at = 0;
  for (let round = 0; at < size && names.length; round++) {
    const bytes = readFileSync(names[round % names.length]!);
    writeSync(file, bytes, 0, Math.min(bytes.length, size - at), at);
    at += Math.ceil(bytes.length / 4096) * 4096;
    if (round % 64 === 63) at += 8 * MIB;
  }
  closeSync(file);
}
