// The lights: the disk's while bytes go to and fro, the processor's while it works, and how fast it is.
import type { Machine } from "../host/library.ts";
import { element } from "./elements.ts";

const PERIOD = 200;
const MILLION = 1e6;
/** Instructions a second below which a guest only idles. */
const BUSY = 5 * MILLION;

export function connectLights(machine: Machine, signal: AbortSignal): void {
  const [disk, processor] = [element("disk-light"), element("processor-light")];
  let moved = 0;
  const look = async (): Promise<void> => {
    if (document.hidden) return;
    const { drives, instructionsPerSecond } = await machine.info();
    const now = drives.reduce((sum, { bytesRead, bytesWritten }) => sum + bytesRead + bytesWritten, 0);
    disk.classList.toggle("lit", now !== moved);
    moved = now;
    processor.classList.toggle("lit", instructionsPerSecond > BUSY);
    element("speed").textContent = `${Math.round(instructionsPerSecond / MILLION)} M/s`;
  };
  const timer = setInterval(() => void look().catch(() => {}), PERIOD);
  signal.addEventListener("abort", () => {
    clearInterval(timer);
    disk.classList.remove("lit");
    processor.classList.remove("lit");
    element("speed").textContent = "0 M/s";
  });
}
