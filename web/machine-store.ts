// Within the page's disk worker: machines without a disk that were saved, each a folder of the origin private file system
// with its state and a note of what it was made of.
import { UserError } from "../host/core/errors.ts";
import { findOpfsFile, opfsFolder, writeOpfsFile } from "../host/runtimes/opfs.ts";
import { Moved } from "../host/worker/calls.ts";
import type { KeptMachine, MachineVerbs } from "./disk-protocol.ts";

const FOLDER = "machines";
const NOTE = "machine.json";

const pathOf = (name: string, file: string): string => `${FOLDER}/${name}/${file}`;
/** Each state is a file of its own: the last one stays until the next is whole, whatever the room. */
const stateOf = ({ savedAt }: Pick<KeptMachine, "savedAt">): string => `state-${savedAt}`;

async function namesIn(folder: FileSystemDirectoryHandle): Promise<string[]> {
  const names: string[] = [];
  for await (const name of folder.keys()) names.push(name);
  return names;
}

/** Deletes what lies in a machine's folder besides its note and one state. */
async function tidy(name: string, state: string | undefined): Promise<void> {
  const folder = await (await opfsFolder(FOLDER)).getDirectoryHandle(name);
  for (const file of await namesIn(folder))
    if (file !== NOTE && file !== state) await folder.removeEntry(file);
}

async function describe(name: string): Promise<KeptMachine | undefined> {
  const note = await findOpfsFile(pathOf(name, NOTE)).catch(() => undefined);
  return note && (JSON.parse(await (await note.getFile()).text()) as KeptMachine);
}

export const machineStore = {
  async machines() {
    const names = await namesIn(await opfsFolder(FOLDER));
    const found = await Promise.all(names.map(describe));
    return found.filter((machine) => machine !== undefined).toSorted((a, b) => b.savedAt - a.savedAt);
  },

  async keepMachine(machine, state) {
    const { name } = machine;
    const last = await describe(name);
    const kept: KeptMachine = { ...machine, savedAt: Date.now(), stored: state.length };
    try {
      await writeOpfsFile(pathOf(name, stateOf(kept)), state);
      await writeOpfsFile(pathOf(name, NOTE), new TextEncoder().encode(JSON.stringify(kept)));
    } catch (error) {
      await tidy(name, last && stateOf(last));
      throw error;
    }
    await tidy(name, stateOf(kept));
  },

  async machineState(name) {
    const kept = await describe(name);
    if (!kept) throw new UserError("This machine has not been saved yet");
    const file = await (await findOpfsFile(pathOf(name, stateOf(kept)))).getFile();
    const bytes = await file.arrayBuffer();
    return new Moved(new Uint8Array(bytes), [bytes]);
  },

  async removeMachine(name) {
    await (await opfsFolder(FOLDER)).removeEntry(name, { recursive: true });
  },
} satisfies MachineVerbs;
