// Virtio entropy device (virtio 1.1 §5.4): every buffer comes back full of randomness.
import { entropy } from "../../host";
import { virtioFunction } from "../../machine/board";
import { RAM_AT } from "../../machine/layout";
import { wroteMemory } from "../../memory/physical";
import { VirtioDevice } from "./transport";

export function serveRng(device: VirtioDevice): void {
  const queue = device.queue;
  while (queue.hasChain) {
    const head = queue.begin();
    if (head < 0) {
      device.needsReset();
      return;
    }
    let written: u32 = 0;
    do {
      if (!queue.deviceWrites) continue;
      entropy(RAM_AT + <usize>queue.address, queue.length);
      wroteMemory(queue.address, queue.length);
      written += queue.length;
    } while (queue.next());
    device.finish(virtioFunction(device), head, written);
  }
}
