// Standard input and output as a character device: the terminal in raw mode where it is one.
import type { Chardev } from "./chardev.ts";
import { Terminal } from "./terminal.ts";

/** `signalKeys`: Ctrl-C and its kind act on this process, as under `-serial stdio`. */
export function stdioDevice(signalKeys: boolean): Chardev {
  let listener: (bytes: Uint8Array) => boolean = () => true;
  const terminal = new Terminal({ signalKeys, onInput: (bytes) => listener(bytes) });
  return {
    label: "stdio",
    write: (bytes) => terminal.write(bytes),
    onData: (next) => (listener = next),
    onOpen: (opened) => opened(),
    resume: () => terminal.resume(),
    close: terminal.close,
  };
}
