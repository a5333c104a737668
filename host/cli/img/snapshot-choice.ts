// `-l` of convert and measure: a snapshot by id or name, or by `snapshot.id=` and `snapshot.name=`.
import { codeOf, isExpected, reason, UserError } from "../../core/errors.ts";
import type { DiskImage } from "../../library.ts";
import { type SnapshotChoice, viewSnapshot } from "../../library/snapshots.ts";
import { optionList } from "./getopt.ts";

const KEYS = ["snapshot.id", "snapshot.name"];

function parseChoice(text: string): SnapshotChoice {
  if (!text.startsWith("snapshot.")) return text;
  const keys = optionList([text]);
  for (const key of keys.keys())
    if (!KEYS.includes(key))
      throw new UserError(
        `Invalid parameter '${key}'\nwasmqemu img: Failed in parsing snapshot param '${text}'`,
      );
  return { id: keys.get("snapshot.id"), name: keys.get("snapshot.name") };
}

/** Shows `image` as the snapshot that the user named has it. */
export async function chooseSnapshot(image: DiskImage, text: string): Promise<void> {
  const choice = parseChoice(text);
  try {
    await viewSnapshot(image, choice);
  } catch (error) {
    if (!isExpected(error)) throw error;
    throw new UserError(`Failed to load snapshot: ${reason(error)}`, codeOf(error));
  }
}
