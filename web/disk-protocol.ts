// What the page asks of its disk worker, which alone can open files of the origin private file system.
import type { Moved } from "../host/worker/calls.ts";
import type { Role } from "./roles.ts";
import type { Settings } from "./settings.ts";

/** What a disk of this browser lies over: a file of the user's, or an address. */
export interface Base {
  kind: "file" | "address";
  /** The file's name, or the address. */
  name: string;
  size: number;
  /** By which a changed base is known: the file's time, the server's validators. */
  state: string;
}

export interface KeptDisk {
  name: string;
  /** Path of its qcow2 image in the origin private file system. */
  path: string;
  /** Of the disk as the guest sees it, 0 if that cannot be told now; and of what is stored of it. */
  size: number;
  stored: number;
  base: Base | undefined;
  /** When a running machine was kept in it, in ms since 1970. */
  savedAt: number | undefined;
}

/** The snapshot that a running machine is kept in. */
export const SAVED = "page";

export type Origin = File | string;

/** A machine without a disk that was saved. */
export interface KeptMachine {
  name: string;
  /** In ms since 1970. */
  savedAt: number;
  /** Bytes of its state. */
  stored: number;
  settings: Settings;
  /** What was plugged in; `address`: where it is, if it is no file. */
  parts: { role: Role; name: string; address: string | undefined }[];
}

/** Served by the worker. */
export interface MachineVerbs {
  machines(): Promise<KeptMachine[]>;
  /** Replaces the one of that name. */
  keepMachine(machine: Omit<KeptMachine, "savedAt" | "stored">, state: Uint8Array): Promise<void>;
  machineState(name: string): Promise<Moved<Uint8Array>>;
  removeMachine(name: string): Promise<void>;
}

/** Served by the worker. */
export interface DiskVerbs extends MachineVerbs {
  list(): Promise<KeptDisk[]>;
  create(name: string, size: number): Promise<KeptDisk>;
  /** The disk of that name over `origin`, as the last visit left it or made now; refuses it over anything else. */
  over(name: string, origin: Origin): Promise<KeptDisk>;
  remove(name: string): Promise<void>;
  /** The disk as a qcow2 file that needs no other; `origin`: its base, if that is a file. */
  whole(name: string, origin: Origin | undefined): Promise<File>;
}

/** Served by the page. */
export interface PageVerbs {
  progress(percent: number): void;
}
