// The topics of `info`.
import { UserError } from "../../core/errors.ts";
import { VERSION } from "../../version.ts";
import type { Command, Session } from "../host.ts";
import { describePci } from "../pci.ts";
import { describeRegisters } from "../../debug/registers.ts";
import { blockInfo } from "./block.ts";

function registers({ host, cpu }: Session, words: readonly string[]): string {
  const { inspector } = host.machine;
  const [word] = words;
  if (word === "-a")
    return Array.from({ length: inspector.cpus }, (_, n) =>
      describeRegisters(n, inspector.registers(n)),
    ).join("\n");
  if (word?.startsWith("-")) throw new UserError(`unsupported option ${word}`);
  const index = word === undefined ? cpu : Number(word);
  if (!(index < inspector.cpus)) return `CPU#${word} not available`;
  return describeRegisters(index, inspector.registers(index));
}

function status({ host }: Session): string {
  const { state } = host.machine;
  return `VM status: ${state === "running" || state === "paused" ? state : `paused (${state})`}`;
}

function jit({ host }: Session): string {
  const { regions, compileMs, live, liveBytes } = host.machine.jitStats();
  return [
    `regions        ${live}, of ${regions} translated so far`,
    `code size      ${liveBytes} bytes of WebAssembly`,
    `compile time   ${compileMs.toFixed(0)} ms`,
  ].join("\n");
}

export const INFO: readonly Command[] = [
  {
    name: "block",
    args: "[device]",
    help: "show info of one block device or all block devices",
    words: [0, 2],
    run: blockInfo,
  },
  {
    name: "chardev",
    help: "show the character devices",
    run: ({ host }) =>
      host
        .chardevs()
        .map(([name, label]) => `${name}: filename=${label}`)
        .join("\n"),
  },
  {
    name: "cpus",
    help: "show infos for each CPU",
    run: ({ host, cpu }) =>
      Array.from(
        { length: host.machine.inspector.cpus },
        (_, n) => `${n === cpu ? "*" : " "} CPU #${n}: thread_id=1`,
      ).join("\n"),
  },
  {
    name: "history",
    help: "show the command line history",
    run: ({ history }) => history.map((line, n) => `${n}: '${line}'`).join("\n"),
  },
  { name: "jit", help: "show dynamic compiler info", run: jit },
  { name: "kvm", help: "show KVM information", run: () => "kvm support: disabled" },
  { name: "mice", help: "show which guest mouse is receiving events", run: () => "* Mouse #0: PS/2 Mouse" },
  { name: "name", help: "show the current VM name", run: ({ host }) => host.guestName ?? "" },
  { name: "pci", help: "show PCI info", run: ({ host }) => describePci(host.machine.inspector) },
  {
    name: "registers",
    args: "[-a|vcpu]",
    help: "show the cpu registers (-a: show register info for all cpus; vcpu: specific vCPU to query)",
    words: [0, 1],
    run: registers,
  },
  {
    name: "snapshots",
    help: "show the currently saved VM snapshots",
    run: ({ host }) => host.snapshots.describe(),
  },
  { name: "status", help: "show the current VM status (running|paused)", run: status },
  { name: "uuid", help: "show the current VM UUID", run: ({ host }) => host.uuid },
  {
    name: "vnc",
    help: "show the vnc server status",
    run({ host: { vnc } }) {
      if (!vnc) return "Server: disabled";
      return `default:\n  Server: ${vnc.place}\n    Auth: ${vnc.auth}\n  Clients: ${vnc.clients}`;
    },
  },
  { name: "version", help: "show the version of wasmqemu", run: () => VERSION },
];
