// QMP commands that act on the machine as a whole and on its drives.
import { UserError } from "../../core/errors.ts";
import { removableDrive, setVncPassword } from "../commands/block.ts";
import { saveScreen } from "../commands/input.ts";
import { resumeMachine } from "../commands/run.ts";
import type { MonitoredDrive, MonitorHost } from "../host.ts";
import { execute, newSession } from "../monitor.ts";
import { type Arguments, type QmpCommand, QmpError } from "./command.ts";

/** Drives go by their name as `device` and, having no other, as `id` too. */
function driveOf(host: MonitorHost, { device, id }: Arguments): MonitoredDrive {
  const name = (device ?? id) as string | undefined;
  if (name === undefined) throw new UserError("Parameter 'device' is missing");
  if (!host.drives().some((drive) => drive.name === name))
    throw new QmpError("DeviceNotFound", `Device '${name}' not found`);
  return removableDrive(host, name);
}

export const CONTROL: readonly QmpCommand[] = [
  { name: "stop", run: ({ machine }) => machine.pause() },
  { name: "cont", run: resumeMachine },
  { name: "system_reset", run: ({ machine }) => machine.reset() },
  { name: "system_powerdown", run: ({ machine }) => machine.powerdown() },
  {
    name: "quit",
    run(host) {
      host.machine.events.emit("SHUTDOWN", { guest: false, reason: "host-qmp-quit" });
      // The answer goes out first.
      setTimeout(() => host.quit());
    },
  },
  {
    name: "eject",
    parameters: { device: "string?", id: "string?", force: "boolean?" },
    run: (host, given) => host.changeMedium(driveOf(host, given), undefined, undefined),
  },
  {
    name: "blockdev-change-medium",
    parameters: { device: "string?", id: "string?", filename: "string", format: "string?" },
    run: (host, given) =>
      host.changeMedium(
        driveOf(host, given),
        given["filename"] as string,
        given["format"] as string | undefined,
      ),
  },
  {
    name: "set_password",
    parameters: { protocol: "string", password: "string" },
    run(host, { protocol, password }) {
      if (protocol !== "vnc")
        throw new UserError(`Parameter 'protocol' does not accept value '${String(protocol)}'`);
      setVncPassword(host, password as string);
    },
  },
  {
    name: "change-vnc-password",
    parameters: { password: "string" },
    run: (host, { password }) => setVncPassword(host, password as string),
  },
  {
    name: "screendump",
    parameters: { filename: "string", format: "string?" },
    async run(host, { filename, format = "ppm" }) {
      if (format !== "ppm" && format !== "png")
        throw new UserError(`Parameter 'format' does not accept value '${String(format)}'`);
      await saveScreen(host, filename as string, format);
    },
  },
  {
    name: "human-monitor-command",
    parameters: { "command-line": "string", "cpu-index": "integer?" },
    async run(host, given) {
      const session = newSession(host);
      session.cpu = (given["cpu-index"] as number | undefined) ?? 0;
      if (!(session.cpu < host.machine.inspector.cpus))
        throw new UserError("Parameter 'cpu-index' expects a CPU number");
      const text = await execute(session, given["command-line"] as string);
      return text && text.replace(/\n?$/, "\n").replaceAll("\n", "\r\n");
    },
  },
];
