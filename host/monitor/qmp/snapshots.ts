// QMP's snapshots of the whole machine, which are jobs, and the commands about jobs.
import type { SnapshotScope } from "../../state/snapshots.ts";
import type { Arguments, QmpCommand } from "./command.ts";

function scopeOf(given: Arguments): SnapshotScope {
  const vmState = given["vmstate"] as string | undefined;
  return { devices: given["devices"] as string[], ...(vmState === undefined ? {} : { vmState }) };
}

const COMMON = { "job-id": "string", tag: "string", devices: "array" } as const;

export const SNAPSHOTS: readonly QmpCommand[] = [
  {
    name: "snapshot-save",
    parameters: { ...COMMON, vmstate: "string" },
    run: ({ jobs, snapshots }, given) =>
      jobs.start(given["job-id"] as string, "snapshot-save", () =>
        snapshots.save(given["tag"] as string, { ...scopeOf(given), replaces: false }),
      ),
  },
  {
    name: "snapshot-load",
    parameters: { ...COMMON, vmstate: "string" },
    run: ({ jobs, snapshots }, given) =>
      jobs.start(given["job-id"] as string, "snapshot-load", () =>
        snapshots.load(given["tag"] as string, scopeOf(given)),
      ),
  },
  {
    name: "snapshot-delete",
    parameters: COMMON,
    run: ({ jobs, snapshots }, given) =>
      jobs.start(given["job-id"] as string, "snapshot-delete", () =>
        snapshots.delete(given["tag"] as string, scopeOf(given)),
      ),
  },
  { name: "query-jobs", run: ({ jobs }) => jobs.list() },
  {
    name: "job-dismiss",
    parameters: { id: "string" },
    run: ({ jobs }, { id }) => jobs.dismiss(id as string),
  },
];
