// What the user sets beside what he plugs in. A saved machine needs what it was made with.
import { element } from "./elements.ts";

const FIELDS = ["memory", "cpus", "command-line"] as const;
export type Settings = Record<(typeof FIELDS)[number], string>;

const field = (id: string): HTMLInputElement => element<HTMLInputElement>(id);

export function readSettings(): Settings {
  return Object.fromEntries(FIELDS.map((id) => [id, field(id).value])) as Settings;
}

export function applySettings(settings: Partial<Settings>): void {
  for (const id of FIELDS) field(id).value = settings[id] ?? field(id).value;
}

const keyOf = (disk: string): string => `wasmqemu:${disk}`;

/** Keeps the settings as those that a disk was used with last. */
export function rememberSettings(disk: string): void {
  localStorage.setItem(keyOf(disk), JSON.stringify(readSettings()));
}

export function recallSettings(disk: string): void {
  applySettings(JSON.parse(localStorage.getItem(keyOf(disk)) ?? "{}") as Partial<Settings>);
}
