// The page: a machine is put together from files, addresses and the disks of this browser, and run.
import { UserError } from "../host/core/errors.ts";
import type { DriveDescription, MachineDescription } from "../host/library.ts";
import { browser } from "../host/runtimes/browser.ts";
import { useRuntime } from "../host/runtimes/this.ts";
import { Calls } from "../host/worker/calls.ts";
import { Machine } from "../host/worker/client.ts";
import type { DiskVerbs, KeptDisk, KeptMachine, Origin, PageVerbs } from "./disk-protocol.ts";
import { ask, element, make, onPress, sizeInWords } from "./elements.ts";
import { droppedFiles, forgetFile, pickFiles, recallFile, rememberFile } from "./files.ts";
import { clearComplaint, complain, say } from "./notices.ts";
import { inAFile, inItsDisk, type Keeper } from "./keepers.ts";
import { type Part, Parts } from "./parts.ts";
import { ROLES } from "./roles.ts";
import { Session } from "./session.ts";
import { applySettings, readSettings, recallSettings, rememberSettings } from "./settings.ts";

useRuntime(browser);

const DEMO_DISK = { name: "demo", size: 16 * 2 ** 20 };
const GIB = 2 ** 30;

const worker = new Worker(new URL("disk-worker.js", import.meta.url), { type: "module" });
const disks = new Calls<DiskVerbs>((message, transfer) => worker.postMessage(message, transfer), {
  progress: (percent) => say(`Putting the disk together: ${percent} %`),
} satisfies PageVerbs);
worker.onmessage = ({ data }: MessageEvent<unknown>): void => disks.receive(data);
worker.onerror = ({ message }): void => complain(message || "The page's worker does not start");

const parts = new Parts(() => {
  element("go-on").hidden = !parts.all.some(({ kept }) => kept?.savedAt !== undefined);
});
const session = new Session(() => {
  say("");
  element("choose").focus();
  makeReady();
  refresh();
});

/** Nobody opens the page to run nothing: all but the machine is made while files are picked. */
function makeReady(): void {
  // Why it cannot be done is told when it matters.
  Machine.prepare().catch(() => {});
  session.prepare().catch(() => {});
}

function refresh(): void {
  showKept().catch(complain);
}

async function showKept(): Promise<void> {
  const [kept, machines] = await Promise.all([disks.call("list"), disks.call("machines")]);
  element("disks").replaceChildren(...kept.map(diskRow));
  element("kept").hidden = kept.length === 0;
  element("machines").replaceChildren(...machines.map(machineRow));
  element("kept-machines").hidden = machines.length === 0;
  parts.know(kept);
}

/** A row of one of the lists: a name, facts about it, and buttons that do something with it. */
function row(
  name: string,
  facts: readonly string[],
  actions: Readonly<Record<string, () => Promise<void>>>,
): HTMLLIElement {
  const buttons = Object.entries(actions).map(([text, run]) => {
    const button = make("button", { type: "button", ariaLabel: `${text} ${name}` }, text);
    button.addEventListener("click", () => void run().catch(complain));
    return button;
  });
  const words = make("span", { className: "facts" }, facts.join(", "));
  return make("li", {}, make("span", { className: "name" }, name), words, ...buttons);
}

function diskRow(disk: KeptDisk): HTMLLIElement {
  const { name, size, stored, base, savedAt } = disk;
  const facts = [
    size > 0 ? `${sizeInWords(size)}, ${sizeInWords(stored)} stored` : "in use by another tab, or damaged",
    ...(base ? [`over ${base.name}`] : []),
    ...(savedAt === undefined ? [] : [`machine saved ${timeInWords(savedAt)}`]),
  ];
  return row(name, facts, {
    Use: () => use(disk),
    Download: () => download(disk),
    Delete: async () => {
      if (!confirm(`Delete the disk '${name}' and all that is on it?`)) return;
      await disks.call("remove", name);
      await forgetFile(name);
      await showKept();
    },
  });
}

function machineRow(machine: KeptMachine): HTMLLIElement {
  const { name, savedAt, stored } = machine;
  return row(name, [`saved ${timeInWords(savedAt)}`, `${sizeInWords(stored)} stored`], {
    "Go on with": () => once(() => goOn(machine)),
    Delete: async () => {
      if (!confirm(`Delete the saved machine '${name}'?`)) return;
      await disks.call("removeMachine", name);
      for (const part of machine.parts) await forgetFile(useOf(machine, part));
      await showKept();
    },
  });
}

function timeInWords(ms: number): string {
  return new Date(ms).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

async function use(disk: KeptDisk): Promise<void> {
  parts.addKept(disk, await originOf(disk));
  recallSettings(disk.name);
  element("start").focus();
}

/** What a kept disk lies over. */
async function originOf({ name, base }: KeptDisk): Promise<Origin | undefined> {
  if (base?.kind !== "file") return base?.name;
  const known = parts.all.find(({ origin }) => origin instanceof File && origin.name === base.name);
  return known?.origin ?? fileAgain(name, base.name, "which that disk lies over");
}

/** A file of an earlier visit; one that the page may not remember has to be picked again. */
async function fileAgain(use: string, name: string, what: string): Promise<File> {
  const recalled = await recallFile(use);
  if (recalled) return recalled;
  say(`Pick the file '${name}', ${what}.`);
  const [file] = await pickFiles();
  say("");
  if (!file) throw new UserError(`The file '${name}' is needed, ${what}: pick it`);
  return file;
}

async function download(disk: KeptDisk): Promise<void> {
  const file = await disks.call("whole", disk.name, await originOf(disk));
  say("");
  const url = URL.createObjectURL(file);
  make("a", { href: url, download: `${disk.name.replace(/\.qcow2$/i, "")}.qcow2` }).click();
  // The browser has opened it by then, and reads it from its place.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

async function newDisk(): Promise<void> {
  if ((await ask("new-disk-dialog")) !== "create") return;
  const name = element<HTMLInputElement>("new-disk-name").value.trim();
  const size = Math.round((element<HTMLInputElement>("new-disk-size").valueAsNumber * GIB) / 512) * 512;
  parts.addKept(await disks.call("create", name, size), undefined);
  await showKept();
}

/** A hard disk as the machine gets it: the one of this browser that lies over its origin. */
async function driveOf({ name, origin, kept }: Part): Promise<DriveDescription> {
  if (origin === undefined) return { source: kept!.path, format: "qcow2" };
  // Without this, browsers may forget disks when space runs short. Whoever says no gets no less.
  void navigator.storage?.persist();
  const disk = await disks.call("over", kept?.name ?? name, origin).catch((error: Error) => {
    throw new UserError(`${name} cannot be used. ${error.message}`);
  });
  if (origin instanceof File) await rememberFile(disk.name, origin);
  return { source: disk.path, format: "qcow2", backing: origin };
}

async function describe(): Promise<MachineDescription> {
  const originOfRole = (role: Part["role"]): Origin | undefined =>
    parts.all.find((part) => part.role === role)?.origin;
  const kernel = originOfRole("kernel");
  if (!kernel && originOfRole("initrd"))
    throw new UserError("An initial RAM disk needs a kernel: add it too");
  const drives: DriveDescription[] = [];
  for (const part of parts.all) if (part.role === "disk") drives.push(await driveOf(part));
  const value = (id: string): string => element<HTMLInputElement | HTMLSelectElement>(id).value;
  return {
    memory: value("memory"),
    cpus: Number(value("cpus")),
    drives,
    cdrom: originOfRole("cdrom"),
    floppy: originOfRole("floppy"),
    bootOrder: value("boot") || bootOrder(),
    ...(kernel ? { kernel, initrd: originOfRole("initrd"), commandLine: value("command-line") } : {}),
  };
}

/** Installers on a CD are what people start with; a CD that cannot be booted is passed over. */
function bootOrder(): string {
  const letters: Readonly<Record<Part["role"], string>> = {
    cdrom: "d",
    disk: "c",
    floppy: "a",
    kernel: "",
    initrd: "",
  };
  const plugged = new Set(parts.all.map(({ role }) => letters[role]));
  return ["d", "c", "a"].filter((letter) => plugged.has(letter)).join("");
}

async function start(saved = false): Promise<void> {
  clearComplaint();
  const description = await describe();
  for (const { name, role } of parts.all) if (role === "disk") rememberSettings(name);
  const isSerial = /console=ttyS/.test(description.commandLine ?? "");
  await session.run(description, isSerial ? "serial" : "screen", await keeperOf(description), saved);
}

async function keeperOf({ drives }: MachineDescription): Promise<Keeper> {
  if (drives!.length > 0) return inItsDisk;
  const used = parts.all.map(({ role, name, origin }) => ({
    role,
    name,
    address: typeof origin === "string" ? origin : undefined,
  }));
  const machine = { name: used[0]!.name, settings: readSettings(), parts: used };
  for (const part of parts.all)
    if (part.origin instanceof File) await rememberFile(useOf(machine, part), part.origin);
  return inAFile(disks, machine);
}

/** What a file of a saved machine is remembered by. */
function useOf({ name }: Pick<KeptMachine, "name">, part: Pick<Part, "role">): string {
  return `${name}/${part.role}`;
}

/** Goes on with a saved machine that has no disk. */
async function goOn(machine: KeptMachine): Promise<void> {
  const again: Part[] = [];
  for (const { role, name, address } of machine.parts) {
    const origin =
      address ?? (await fileAgain(useOf(machine, { role }), name, `the machine's ${ROLES[role]}`));
    again.push({ role, name, origin });
  }
  parts.replace(again);
  applySettings(machine.settings);
  await start(true);
}

/** A small guest from the package, which counts its visits on its disk. */
async function demo(): Promise<void> {
  const kept = (await disks.call("list")).find(({ name }) => name === DEMO_DISK.name);
  const { path } = kept ?? (await disks.call("create", DEMO_DISK.name, DEMO_DISK.size));
  const kernel = new URL("demo.bin", import.meta.url);
  await session.run({ kernel, drives: [{ source: path, format: "qcow2" }] }, "serial", inItsDisk);
}

/** Presses of a button that are still at work: a second one waits for nothing and does nothing. */
let isStarting = false;
async function once(action: () => Promise<void>): Promise<void> {
  if (isStarting) return;
  isStarting = true;
  try {
    await action();
  } catch (error) {
    say("");
    throw error;
  } finally {
    isStarting = false;
  }
}

const addFiles = (files: File[]): Promise<void> => parts.addFiles(files);
onPress("choose", complain, async () => addFiles(await pickFiles()));
onPress("new-disk", complain, newDisk);
onPress("demo", complain, () => once(demo));
onPress("go-on", complain, () => once(() => start(true)));
onPress("add-address", complain, addAddress);
element("setup").addEventListener("submit", (event) => {
  event.preventDefault();
  void once(() => start()).catch(complain);
});
element("address").addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  void addAddress();
});

function addAddress(): void {
  const field = element<HTMLInputElement>("address");
  if (!field.reportValidity() || field.value === "") return;
  parts.addAddress(field.value);
  field.value = "";
}

const drop = element("drop");
for (const type of ["dragenter", "dragover", "dragleave", "drop"] as const)
  document.addEventListener(type, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", type === "dragenter" || type === "dragover");
    if (type !== "drop" || element("setup").hidden) return;
    if (event.dataTransfer) droppedFiles(event.dataTransfer).then(addFiles).catch(complain);
  });

makeReady();
refresh();
