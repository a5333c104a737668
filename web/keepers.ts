// Where a running machine is kept for later: in its disk, or, having none, in a file of this browser.
import type { Machine } from "../host/library.ts";
import { type Calls, Moved } from "../host/worker/calls.ts";
import { type DiskVerbs, type KeptMachine, SAVED } from "./disk-protocol.ts";

export interface Keeper {
  save(machine: Machine): Promise<void>;
  restore(machine: Machine): Promise<void>;
}

/** Machine and disk at the same moment. */
export const inItsDisk: Keeper = {
  save: (machine) => machine.saveSnapshot(SAVED),
  restore: (machine) => machine.loadSnapshot(SAVED),
};

export function inAFile(disks: Calls<DiskVerbs>, kept: Omit<KeptMachine, "savedAt" | "stored">): Keeper {
  return {
    async save(machine) {
      // Without this, browsers may forget it when space runs short.
      void navigator.storage?.persist();
      const state = await machine.saveState();
      await disks.call("keepMachine", kept, new Moved(state, [state.buffer as ArrayBuffer]));
    },
    async restore(machine) {
      await machine.loadState(await disks.call("machineState", kept.name));
    },
  };
}
