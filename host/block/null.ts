// The protocol `null-co`: bytes that go nowhere and come back as zeros, for measuring what lies above it.
import { parseSize, sizeFault } from "../image/size.ts";
import { NULL_NAME, type ProtocolRequest } from "./protocols.ts";
import type { ImageFile } from "./source.ts";

/** As in QEMU: 1 GiB where nobody says. */
const DEFAULT_SIZE = 2 ** 30;

export async function openNull({ options, mode }: ProtocolRequest): Promise<ImageFile> {
  const text = options.take("size");
  const size = text === undefined ? DEFAULT_SIZE : parseSize(text);
  if (size === undefined || size === Infinity) throw sizeFault("size");
  // Off leaves buffers as they were; zeros are as good as anything.
  options.takeSwitch("read-zeroes");
  options.take("latency-ns");
  const nothing = async (): Promise<void> => {};
  const source: ImageFile = {
    ...(text === undefined ? { fileName: NULL_NAME } : {}),
    size,
    read: async (into) => void into.fill(0),
    close: nothing,
    allocated: async () => 0,
  };
  return mode === "read" ? source : { ...source, write: nothing, discard: nothing, flush: nothing };
}
