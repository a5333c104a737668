// img snapshot: lists, takes, applies and deletes internal snapshots.
import { UserError, codeOf } from "../../core/errors.ts";
import { snapshotList } from "../../image/snapshot-list.ts";
import { applySnapshot, createSnapshot, deleteSnapshot, listSnapshots } from "../../library/snapshots.ts";
import { getopt, has, last, oneName, UsageError } from "./getopt.ts";
import { openNamed } from "./open.ts";

const VERBS = { c: "create", a: "apply", d: "delete" } as const;

export async function snapshot(argv: string[]): Promise<number> {
  const parsed = getopt(argv, "hla:c:d:qU", { "force-share": "U" });
  const acts = (["l", "a", "c", "d"] as const).filter((letter) => has(parsed, letter));
  if (acts.length > 1) throw new UsageError("Cannot mix '-l', '-a', '-c', '-d'");
  const name = oneName(parsed);
  const act = acts[0];
  const image = await openNamed(parsed, name, { readOnly: act === undefined || act === "l" });
  try {
    if (act === undefined) return 0;
    if (act === "l") {
      process.stdout.write(snapshotList(await listSnapshots(image)));
      return 0;
    }
    const wanted = last(parsed, act)!;
    try {
      if (image.format !== "qcow2")
        throw new UserError(
          act === "c" ? "-95 (Operation not supported)" : "Block driver does not support snapshots",
        );
      if (act === "c") await createSnapshot(image, wanted);
      else if (act === "a") await applySnapshot(image, wanted);
      else await deleteSnapshot(image, wanted);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new UserError(`Could not ${VERBS[act]} snapshot '${wanted}': ${error.message}`, codeOf(error));
    }
    return 0;
  } finally {
    await image.close();
  }
}
