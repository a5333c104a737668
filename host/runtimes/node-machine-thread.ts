// dist/machine-thread.js: host/worker/service.ts on Node.
import { MachineService } from "../worker/service.ts";
import { node } from "./node.ts";
import { serveThread } from "./node-thread.ts";
import { useRuntime } from "./this.ts";

useRuntime(node);
serveThread((send) => {
  const service = new MachineService(send);
  return (message) => service.receive(message);
});
