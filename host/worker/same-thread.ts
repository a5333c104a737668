// Where the runtime gives no threads, a machine runs in its caller's, a few milliseconds at a time.
import type { Movable, RuntimeThread, ThreadEvents } from "../runtimes/runtime.ts";
import type { MachineService } from "./service.ts";

type Post = (message: unknown, transfer: Movable[]) => void;

/** Messages are copied as between threads, and come in a turn of their own. */
function carrier(deliver: (message: unknown) => void): Post {
  return (message, transfer) => {
    const copy: unknown = structuredClone(message, { transfer });
    queueMicrotask(() => deliver(copy));
  };
}

export function sameThread({ onMessage, onError }: ThreadEvents): RuntimeThread {
  const loading: Promise<MachineService> = import("./service.ts").then(
    ({ MachineService: Service }) => new Service(carrier(onMessage)),
  );
  loading.catch(onError);
  return {
    send: carrier((message) => void loading.then((service) => service.receive(message))),
    stop: async () => {},
  };
}
