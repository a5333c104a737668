// Files of the user's: picked, dropped, and found again on a later visit where the browser lets pages keep their handles
// (File System Access, wicg.github.io/file-system-access): in IndexedDB, by what they are used for.
import { element } from "./elements.ts";

/** What TypeScript's library does not know yet. */
interface AskableHandle extends FileSystemFileHandle {
  requestPermission?(how: { mode: "read" }): Promise<PermissionState>;
}
interface Picker {
  showOpenFilePicker?(how: { multiple: true }): Promise<FileSystemFileHandle[]>;
}
interface HandleItem {
  getAsFileSystemHandle?(): Promise<FileSystemHandle | null>;
}

/** Where a file came from, if the browser says so. */
const handles = new WeakMap<File, FileSystemFileHandle>();

async function fileOf(handle: FileSystemFileHandle): Promise<File> {
  const file = await handle.getFile();
  handles.set(file, handle);
  return file;
}

/** What the user picks; nothing when he thinks better of it. */
export async function pickFiles(): Promise<File[]> {
  const pick = (window as Picker).showOpenFilePicker;
  if (!pick) return pickByInput();
  const picked = await pick({ multiple: true }).catch((error: Error) => {
    if (error.name === "AbortError") return [];
    throw error;
  });
  return Promise.all(picked.map(fileOf));
}

function pickByInput(): Promise<File[]> {
  const input = element<HTMLInputElement>("files");
  input.value = "";
  return new Promise((picked) => {
    const settle = (): void => picked([...(input.files ?? [])]);
    input.onchange = input.oncancel = settle;
    input.click();
  });
}

/** What was dropped. To be called within the event: afterwards its items are gone. */
export function droppedFiles({ items }: DataTransfer): Promise<File[]> {
  const dropped = [...items].map(async (item) => {
    const file = item.getAsFile();
    const handle = await (item as HandleItem).getAsFileSystemHandle?.();
    return handle?.kind === "file" ? fileOf(handle as FileSystemFileHandle) : file;
  });
  return Promise.all(dropped).then((files) => files.filter((file) => file !== null));
}

/** Keeps the way to `file` for later visits; where the browser has none to keep, `recallFile` finds nothing. */
export async function rememberFile(use: string, file: File): Promise<void> {
  const handle = handles.get(file);
  if (handle) await inStore("readwrite", (store) => store.put(handle, use));
}

/** The file again, if the user lets the page have it: undefined where he has to pick it. To be called after a click. */
export async function recallFile(use: string): Promise<File | undefined> {
  const handle = await inStore<AskableHandle | undefined>("readonly", (store) => store.get(use));
  if (!handle) return undefined;
  const answer = (await handle.requestPermission?.({ mode: "read" })) ?? "granted";
  // It may have been moved or deleted.
  return answer === "granted" ? fileOf(handle).catch(() => undefined) : undefined;
}

export async function forgetFile(use: string): Promise<void> {
  await inStore("readwrite", (store) => store.delete(use));
}

const [DATABASE, STORE] = ["wasmqemu", "files"];

async function inStore<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest): Promise<T> {
  const opening = indexedDB.open(DATABASE);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await settled<IDBDatabase>(opening);
  try {
    return await settled<T>(work(database.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    database.close();
  }
}

function settled<T>(request: IDBRequest): Promise<T> {
  return new Promise((done, fail) => {
    request.onsuccess = () => done(request.result as T);
    request.onerror = () => fail(request.error!);
  });
}
