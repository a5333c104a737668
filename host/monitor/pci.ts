// `info pci`: the functions on the bus, read from their configuration space (PCI 2.3 §6.1) as the guest sees it.
import type { Inspector } from "../core/inspector.ts";

const [ADDRESS, DATA] = [0xcf8, 0xcfc];
const ENABLE = 0x8000_0000;
const [DEVICES, FUNCTIONS] = [32, 8];

/** Class and subclass in words. */
const CLASSES: Readonly<Record<number, string>> = {
  0x0100: "SCSI controller",
  0x0101: "IDE controller",
  0x0180: "SCSI controller",
  0x0200: "Ethernet controller",
  0x0300: "VGA controller",
  0x0600: "Host bridge",
  0x0601: "ISA bridge",
  0x0680: "Bridge",
};

export function describePci(inspector: Inspector): string {
  const kept = inspector.readPort(ADDRESS, 4);
  const lines: string[] = [];
  for (let device = 0; device < DEVICES; device++)
    for (let number = 0; number < FUNCTIONS; number++) {
      const read = (offset: number): number => {
        inspector.writePort(ADDRESS, 4, (ENABLE | (device << 11) | (number << 8) | offset) >>> 0);
        return inspector.readPort(DATA, 4);
      };
      if ((read(0) & 0xffff) !== 0xffff) lines.push(...describeFunction(device, number, read));
    }
  inspector.writePort(ADDRESS, 4, kept);
  return lines.join("\n");
}

function describeFunction(device: number, number: number, read: (offset: number) => number): string[] {
  const hex = (value: number, digits: number): string => (value >>> 0).toString(16).padStart(digits, "0");
  const id = read(0);
  const kind = read(8) >>> 16;
  const subsystem = read(0x2c);
  const pin = (read(0x3c) >> 8) & 0xff;
  const lines = [
    `  Bus  0, device ${String(device).padStart(3)}, function ${number}:`,
    `    ${CLASSES[kind] ?? `Class ${hex(kind, 4)}`}: PCI device ${hex(id & 0xffff, 4)}:${hex(id >>> 16, 4)}`,
  ];
  if (subsystem) lines.push(`      PCI subsystem ${hex(subsystem & 0xffff, 4)}:${hex(subsystem >>> 16, 4)}`);
  if (pin) lines.push(`      IRQ ${read(0x3c) & 0xff}, pin ${String.fromCharCode(0x40 + pin)}`);
  for (let bar = 0; bar < 6; bar++) {
    const value = read(0x10 + 4 * bar) >>> 0;
    if (value === 0) continue;
    const isPort = (value & 1) !== 0;
    const base = isPort ? (value & ~3) >>> 0 : (value & ~15) >>> 0;
    const kindOfBar = isPort ? "I/O" : `32 bit ${value & 8 ? "prefetchable " : ""}memory`;
    if (base) lines.push(`      BAR${bar}: ${kindOfBar} at 0x${hex(base, isPort ? 4 : 8)}.`);
  }
  lines.push('      id ""');
  return lines;
}
