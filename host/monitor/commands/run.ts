// Run, stop, reset, end.
import { UserError } from "../../core/errors.ts";
import type { Command, MonitorHost } from "../host.ts";

export function resumeMachine({ machine }: MonitorHost): void {
  if (machine.state === "shutdown") throw new UserError("Resetting the Virtual Machine is required");
  machine.resume();
}

export const RUN: readonly Command[] = [
  { name: "stop", alias: "s", help: "stop emulation", run: ({ host }) => host.machine.pause() },
  {
    name: "cont",
    alias: "c",
    help: "resume emulation",
    run: ({ host }) => resumeMachine(host),
  },
  { name: "system_reset", help: "reset the system", run: ({ host }) => host.machine.reset() },
  {
    name: "system_powerdown",
    help: "send system power down event",
    run: ({ host }) => host.machine.powerdown(),
  },
  { name: "quit", alias: "q", help: "quit the emulator", run: ({ host }) => host.quit() },
  {
    name: "cpu",
    args: "index",
    help: "set the default CPU",
    words: [1, 1],
    missing: "unexpected end of expression",
    run(session, [index]) {
      const cpu = Number(index);
      if (!(cpu < session.host.machine.inspector.cpus)) return "invalid CPU index";
      session.cpu = cpu;
    },
  },
];
