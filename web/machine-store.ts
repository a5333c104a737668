// Within the page's disk worker: machines without a disk that were saved, each a folder of the origin private file system
// with its state and a note of what it was made of.
import { UserError } from "../host/core/errors.ts";
import { browser } from "../host/runtimes/browser.ts";
import { findOpfsFile, opfsFolder } from "../host/runtimes/opfs.ts";
import { Moved } from "../host/worker/calls.ts";
import type { KeptMachine, MachineVerbs } from "./disk-protocol.ts";

const FOLDER = "machines";
const [STATE, NOTE] = ["state", "machine.json"];

const pathOf = (name: string, file: string): string => `${FOLDER}/${name}/${file}`;

async function put(path: string, bytes: Uint8Array): Promise<void> {
  const file = await browser.openFile(path, "create");
  try {
    await file.truncate(0);
    await file.write(bytes, 0);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function describe(name: string): Promise<KeptMachine> {
  const note = await (await findOpfsFile(pathOf(name, NOTE))).getFile();
  return JSON.parse(await note.text()) as KeptMachine;
}

export const machineStore = {
  async machines() {
    const folder = await opfsFolder(FOLDER);
    const names: string[] = [];
    for await (const name of folder.keys()) names.push(name);
    const found = await Promise.all(names.map((name) => describe(name).catch(() => undefined)));
    return found.filter((machine) => machine !== undefined).toSorted((a, b) => b.savedAt - a.savedAt);
  },

  async keepMachine(machine, state) {
    const { name } = machine;
    const kept: KeptMachine = { ...machine, savedAt: Date.now(), stored: state.length };
    await put(pathOf(name, STATE), state);
    // Last: a machine whose state is not whole is none.
    await put(pathOf(name, NOTE), new TextEncoder().encode(JSON.stringify(kept)));
  },

  async machineState(name) {
    const handle = await findOpfsFile(pathOf(name, STATE)).catch(() => {
      throw new UserError("This machine has not been saved yet");
    });
    const file = await handle.getFile();
    const bytes = await file.arrayBuffer();
    return new Moved(new Uint8Array(bytes), [bytes]);
  },

  async removeMachine(name) {
    await (await opfsFolder(FOLDER)).removeEntry(name, { recursive: true });
  },
} satisfies MachineVerbs;
