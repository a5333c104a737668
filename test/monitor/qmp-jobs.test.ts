// Snapshots by QMP: jobs, their events in QEMU's order, and what is said when they fail.
import { beforeAll, expect, it } from "vitest";
import { LocalMachine } from "../../host/machine.ts";
import type { MonitorHost } from "../../host/monitor/host.ts";
import { Jobs } from "../../host/monitor/qmp/jobs.ts";
import { QmpSession } from "../../host/monitor/qmp/session.ts";
import { node } from "../../host/runtimes/node.ts";
import { useRuntime } from "../../host/runtimes/this.ts";
import { Snapshots } from "../../host/state/snapshots.ts";
import { blank, open } from "../support/qcow2.ts";
import { TICKER } from "../support/ticker.ts";

const MIB = 2 ** 20;

beforeAll(() => useRuntime(node));

interface Message {
  event?: string;
  data?: { status?: string };
  return?: unknown;
  error?: { desc: string };
}

/** A client and its server, on the ticker with a disk named d0. */
async function client(): Promise<{
  machine: LocalMachine;
  ask(name: string, given?: object): Promise<string[]>;
}> {
  const image = await open(await blank({ size: MIB }));
  await image.write!(TICKER, 0);
  const machine = await LocalMachine.create({ memory: 16 * MIB, disks: [image] });
  const snapshots = new Snapshots(machine, () => [{ name: "d0", readOnly: false, image }]);
  const heard: Message[] = [];
  const host = { machine, snapshots, jobs: new Jobs() } as unknown as MonitorHost;
  const session = new QmpSession(host, (text) => heard.push(JSON.parse(text) as Message), false);
  session.open();
  const concluded = (): boolean => heard.some(({ data }) => data?.status === "concluded");
  /** Sends a command; with a job-id, waits for the job's end. What was heard, in a few words. */
  const ask = async (execute: string, given: Record<string, unknown> = {}): Promise<string[]> => {
    heard.length = 0;
    session.input(Buffer.from(JSON.stringify({ execute, arguments: given })));
    const answered = (): boolean => heard.some((message) => "return" in message || "error" in message);
    while (!answered() || (given["job-id"] !== undefined && !heard.some((m) => m.error) && !concluded()))
      await new Promise((resolve) => setTimeout(resolve, 5));
    return heard.map(({ event, data, error, return: value }) =>
      event ? (data?.status ?? event) : (error?.desc ?? JSON.stringify(value)),
    );
  };
  await ask("qmp_capabilities");
  return { machine, ask };
}

it("saves, loads and deletes, with QEMU's events", async () => {
  const { machine, ask } = await client();
  const run = machine.run();
  const all = { tag: "t", vmstate: "d0", devices: ["d0"] };
  const good = ["created", "running", "STOP", "RESUME", "waiting", "pending", "concluded"];
  const events = (heard: string[]): string[] => heard.filter((word) => word !== "{}");
  expect(events(await ask("snapshot-save", { "job-id": "1", ...all }))).toEqual(good);
  expect(events(await ask("snapshot-load", { "job-id": "2", ...all }))).toEqual(good);
  expect(await ask("query-jobs")).toEqual([
    '[{"current-progress":1,"status":"concluded","total-progress":1,"type":"snapshot-load","id":"2"},' +
      '{"current-progress":1,"status":"concluded","total-progress":1,"type":"snapshot-save","id":"1"}]',
  ]);
  expect(await ask("snapshot-save", { "job-id": "1", ...all })).toEqual(["Job ID '1' already in use"]);
  expect(await ask("job-dismiss", { id: "1" })).toEqual(["null", "{}"]);
  expect(await ask("job-dismiss", { id: "1" })).toEqual(["Job not found"]);
  const failure = ["created", "running", "aborting", "concluded"];
  const failures: [string, object, string][] = [
    ["snapshot-save", all, "Snapshot 't' already exists in one or more devices"],
    ["snapshot-load", { ...all, tag: "u" }, "Snapshot 'u' does not exist in one or more devices"],
    ["snapshot-save", { ...all, vmstate: "d1" }, "vmstate block device 'd1' does not exist"],
    ["snapshot-delete", { tag: "t", devices: ["d1"] }, "No block device node 'd1'"],
  ];
  for (const [n, [command, given, sentence]] of failures.entries()) {
    expect(events(await ask(command, { "job-id": `f${n}`, ...given }))).toEqual(failure);
    expect((await ask("query-jobs"))[0]).toContain(`"id":"f${n}","error":"${sentence}"`);
  }
  const { tag, devices } = all;
  expect(events(await ask("snapshot-delete", { "job-id": "3", tag, devices }))).toEqual(
    good.filter((word) => !/[A-Z]/.test(word)),
  );
  expect(await ask("human-monitor-command", { "command-line": "info snapshots" })).toEqual([
    JSON.stringify("There is no snapshot available.\r\n"),
  ]);
  machine.stop();
  await run;
});
