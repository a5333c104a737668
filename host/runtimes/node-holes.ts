// Where a file holds data, as lseek(2) tells it with SEEK_DATA and SEEK_HOLE, which Node has no call for. Perl, there on
// nearly every Linux, has: it gets the open file as its standard input. Who has no Perl reads holes like data.
import type { DataRange } from "./runtime.ts";

/** A file in more pieces than this is described up to there; the rest counts as data. */
const RANGES_MAX = 100_000;

/** SEEK_DATA is 3 and SEEK_HOLE 4; ENXIO, 6, says that no data follows. Anything else: the file system cannot tell. */
const SCRIPT = `
  my ($data, $hole, $count) = (0, 0, 0);
  while ($count++ < ${RANGES_MAX}) {
    defined($data = sysseek(STDIN, $hole, 3)) or exit($! == 6 ? 0 : 1);
    $hole = sysseek(STDIN, $data, 4) or exit 1;
    print $data + 0, " $hole\\n";
  }`;

export async function dataRanges(descriptor: number): Promise<readonly DataRange[] | undefined> {
  const { spawn } = await import("node:child_process");
  const child = spawn("perl", ["-e", SCRIPT], { stdio: [descriptor, "pipe", "ignore"] });
  let text = "";
  child.stdout!.setEncoding("utf8").on("data", (part: string) => (text += part));
  const told = await new Promise<boolean>((done) => {
    child.on("error", () => done(false));
    child.on("close", (code) => done(code === 0));
  });
  if (!told) return undefined;
  const ranges = text
    .trimEnd()
    .split("\n")
    .map((line) => line.split(" ").map(Number) as [start: number, end: number]);
  if (ranges.length === RANGES_MAX) ranges.at(-1)![1] = Infinity;
  return text === "" ? [] : ranges;
}
