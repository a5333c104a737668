// The QEMU Machine Protocol (QEMU's docs/interop/qmp-spec): one client, JSON both ways. A greeting, the negotiation of
// capabilities, then commands, and events in between.
import { isExpected, reason, UserError } from "../../core/errors.ts";
import type { MachineEvent } from "../../core/machine-events.ts";
import type { MonitorHost } from "../host.ts";
import { type Arguments, checkArguments, isObject, type QmpCommand, QmpError } from "./command.ts";
import { CONTROL } from "./control.ts";
import { INPUT } from "./input.ts";
import { JsonStream, spaced } from "./json-stream.ts";
import { QUERIES, VERSION_REPORT } from "./queries.ts";
import { SNAPSHOTS } from "./snapshots.ts";

const LIST_COMMANDS: QmpCommand = {
  name: "query-commands",
  run: () => ["qmp_capabilities", ...COMMANDS.keys()].map((name) => ({ name })),
};

const COMMANDS: ReadonlyMap<string, QmpCommand> = new Map(
  [...CONTROL, ...INPUT, ...SNAPSHOTS, ...QUERIES, LIST_COMMANDS].map((command) => [command.name, command]),
);

const GREETING = { QMP: { version: VERSION_REPORT, capabilities: [] } };
const MEMBERS: readonly string[] = ["execute", "arguments", "id"];

export class QmpSession {
  private stream = new JsonStream();
  private decoder = new TextDecoder();
  private negotiated = false;
  /** Commands run one after the other. */
  private work: Promise<void> = Promise.resolve();

  constructor(
    private readonly host: MonitorHost,
    private readonly write: (text: string) => void,
    private readonly pretty: boolean,
  ) {
    host.machine.events.on(({ name, cause }: MachineEvent) => this.tell(name, cause));
    host.jobs.on((id, status) => this.tell("JOB_STATUS_CHANGE", { status, id }));
  }

  /** A client is there, perhaps in the place of another. */
  open(): void {
    this.stream = new JsonStream();
    this.decoder = new TextDecoder();
    this.negotiated = false;
    this.send(GREETING);
  }

  input(bytes: Uint8Array): void {
    for (const parsed of this.stream.push(this.decoder.decode(bytes, { stream: true })))
      this.work = this.work.then(() => this.obey(parsed));
  }

  private async obey(parsed: ReturnType<JsonStream["push"]>[number]): Promise<void> {
    let id: unknown;
    try {
      if ("error" in parsed) throw new UserError(parsed.error);
      if (!isObject(parsed.value)) throw new UserError("QMP input must be a JSON object");
      ({ id } = parsed.value);
      this.send({ return: (await this.perform(parsed.value)) ?? {}, id });
    } catch (error) {
      if (!isExpected(error)) throw error;
      const errorClass = error instanceof QmpError ? error.errorClass : "GenericError";
      this.send({ id, error: { class: errorClass, desc: reason(error) } });
    }
  }

  private async perform(request: Arguments): Promise<unknown> {
    const stranger = Object.keys(request).find((member) => !MEMBERS.includes(member));
    if (stranger !== undefined) throw new UserError(`QMP input member '${stranger}' is unexpected`);
    const { execute: name, arguments: given = {} } = request;
    if (name === undefined) throw new UserError("QMP input lacks member 'execute'");
    if (typeof name !== "string") throw new UserError("QMP input member 'execute' must be a string");
    if (!isObject(given)) throw new UserError("QMP input member 'arguments' must be an object");
    if (name === "qmp_capabilities") return this.negotiate();
    if (!this.negotiated)
      throw new QmpError("CommandNotFound", "Expecting capabilities negotiation with 'qmp_capabilities'");
    const command = COMMANDS.get(name);
    if (!command) throw new QmpError("CommandNotFound", `The command ${name} has not been found`);
    checkArguments(command.parameters ?? {}, given);
    return await command.run(this.host, given);
  }

  private negotiate(): void {
    if (this.negotiated)
      throw new QmpError("CommandNotFound", "Capabilities negotiation is already complete, command ignored");
    this.negotiated = true;
  }

  private tell(event: string, data: object | undefined): void {
    if (!this.negotiated) return;
    const ms = Date.now();
    const timestamp = { seconds: Math.floor(ms / 1000), microseconds: (ms % 1000) * 1000 };
    this.send({ timestamp, event, data });
  }

  private send(message: object): void {
    const text = this.pretty ? JSON.stringify(message, undefined, 4) : spaced(message);
    this.write(`${text}\r\n`);
  }
}
