// `-l` of convert and measure: a snapshot by id or name, or by `snapshot.id=` and `snapshot.name=`.
import { UserError, codeOf, isExpected, reason } from "../../core/errors.ts";
import type { DiskImage } from "../../image/image.ts";
import { Qcow2Image } from "../../image/qcow2.ts";
import { findSnapshot, type Snapshot, viewSnapshot } from "../../image/qcow2-snapshots.ts";
import { optionList } from "./getopt.ts";

type Choice = (list: readonly Snapshot[]) => Snapshot | undefined;

const KEYS = ["snapshot.id", "snapshot.name"];

function parseChoice(text: string): Choice {
  if (!text.startsWith("snapshot.")) return (list) => findSnapshot(list, text);
  const keys = optionList([text]);
  for (const key of keys.keys())
    if (!KEYS.includes(key))
      throw new UserError(
        `Invalid parameter '${key}'\nwasmqemu img: Failed in parsing snapshot param '${text}'`,
      );
  const id = keys.get("snapshot.id");
  const name = keys.get("snapshot.name");
  return (list) =>
    list.find((one) => (id === undefined || one.id === id) && (name === undefined || one.name === name));
}

/** Shows `image` as the snapshot that the user named has it. */
export async function chooseSnapshot(image: DiskImage, text: string): Promise<void> {
  const choice = parseChoice(text);
  try {
    if (!(image instanceof Qcow2Image))
      throw new UserError(
        `Block format '${image.format}' used by device '' does not support temporarily loading internal snapshots`,
        "ENOTSUP",
      );
    await viewSnapshot(image, choice);
  } catch (error) {
    if (!isExpected(error)) throw error;
    throw new UserError(`Failed to load snapshot: ${reason(error)}`, codeOf(error));
  }
}
