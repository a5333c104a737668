// What we ask of a runtime. Node is in node.ts; Deno and browsers are equal siblings with the same shape.
import type { PageCanvas } from "../global-types.ts";

/** From its first byte to the one behind its last. */
export type DataRange = readonly [start: number, end: number];

/** A file open for positional access. Every method may have several calls in flight. */
export interface RuntimeFile {
  /** Length in bytes now. */
  size(): Promise<number>;
  /** Bytes that the file takes on its disk; undefined where the runtime cannot tell. */
  allocated(): Promise<number | undefined>;
  /** Where it holds data, in order; between these it reads as zeros. Undefined: the runtime cannot tell, all may be data. */
  dataRanges?(): Promise<readonly DataRange[] | undefined>;
  /** Fills `into` from `position` on; returns how many bytes there were, fewer only at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Writes all of `from`; the file grows where needed. */
  write(from: Uint8Array, position: number): Promise<void>;
  truncate(size: number): Promise<void>;
  /** Returns once everything written before the call is on stable storage. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export type OpenMode =
  /** Must exist; writes fail. */
  | "read"
  /** Must exist. */
  | "write"
  /** Made if absent; what it holds stays, until whoever opened it knows that he may. */
  | "create";

/** A stream of bytes both ways: a socket. */
export interface Connection {
  /** Fills all of `into`. False: the stream ended before it; ending within it is an error. */
  read(into: Uint8Array): Promise<boolean>;
  /** Sends the parts behind one another, nothing in between. They must not change until the other side has them. */
  write(...parts: readonly Uint8Array[]): Promise<void>;
  close(): Promise<void>;
}

/** Where a socket is: port 0 lets the system choose. */
export type Address = { host: string; port: number } | { path: string };

export interface Listener {
  /** Where it is, the port chosen. */
  readonly address: Address;
  /** No more connections; those that are there stay. */
  close(): Promise<void>;
}

/** What can move from one thread to another. */
export type Movable = ArrayBuffer | PageCanvas;

/** A thread that runs one of our scripts. */
export interface RuntimeThread {
  /** `transfer`: what moves instead of being copied. */
  send(message: unknown, transfer: Movable[]): void;
  /** Whether the process must stay for it, as it does unless told; absent where pages live as long as they like. */
  keepAlive?(on: boolean): void;
  stop(): Promise<void>;
}

export interface ThreadEvents {
  onMessage(message: unknown): void;
  /** The thread is gone, or what it ran has failed. */
  onError(error: Error): void;
}

/** Locks that programs of ours hold on the images they write, by the file's `identity`. */
export interface ImageLocks {
  /** Takes the lock until the answer is called or the process ends, however it does; undefined: somebody has it. */
  take(identity: string): Promise<(() => Promise<void>) | undefined>;
  isTaken(identity: string): Promise<boolean>;
}

export interface Runtime {
  openFile(path: string, mode: OpenMode): Promise<RuntimeFile>;
  /** False: it is no regular file (a device, a pipe), and stays. */
  removeFile(path: string): Promise<boolean>;
  /** Something by which two names of one file can be told to be the same; undefined: no such file. */
  identity(path: string): Promise<string | undefined>;
  /** First and last bytes of the ranges that processes hold locked; absent where the runtime cannot tell. */
  lockedRanges?(path: string): Promise<readonly (readonly [first: number, last: number])[]>;
  /** Absent where the runtime has nothing to make a lock of. */
  readonly imageLocks?: ImageLocks | undefined;
  /** Absent where there are no sockets. */
  connect?(address: Address): Promise<Connection>;
  listen?(address: Address, onConnection: (connection: Connection) => void): Promise<Listener>;
  /** Where files may lie that can be made again, and bytes that they may still take; absent: nowhere. */
  readonly cache?: { readonly folder: string; room(): Promise<number> };
  /** A file of ours from dist/, such as "block.wasm". */
  readAsset(name: string): Promise<Uint8Array<ArrayBuffer>>;
  /** An engine from dist/, compiled, where the runtime has a better way than its bytes. */
  readEngine?(name: string): Promise<WebAssembly.Module>;
  /** Starts a script of ours from dist/ in a thread of its own; absent where the runtime has no threads. */
  startThread?(script: string, events: ThreadEvents): RuntimeThread;
  /** There, in its place: the machine's script on the thread of its caller. */
  readonly sameThread?: (events: ThreadEvents) => RuntimeThread;
  /** Threads that this machine runs at once. */
  readonly processors: number;
  /** Milliseconds that never go back. */
  now(): number;
}
