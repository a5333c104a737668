// The functions on the PCI bus, read from their configuration space (PCI 2.3 §6.1) as the guest sees it: `info pci` and
// QMP's query-pci.
import type { Inspector } from "../core/inspector.ts";

const [ADDRESS, DATA] = [0xcf8, 0xcfc];
const ENABLE = 0x8000_0000;
const [DEVICES, FUNCTIONS] = [32, 8];

/** Offsets in configuration space. */
const [ID, COMMAND, CLASS, BARS, SUBSYSTEM, ROM, INTERRUPT] = [0x00, 0x04, 0x08, 0x10, 0x2c, 0x30, 0x3c];
const [DECODES_PORTS, DECODES_MEMORY] = [1, 2];
const [ROM_ENABLED, ROM_BAR] = [1, 6];

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

interface Region {
  bar: number;
  isPort: boolean;
  /** 64 bits of address. */
  isWide: boolean;
  prefetchable: boolean;
  size: number;
  /** Undefined: it answers nowhere. */
  base: number | undefined;
}

interface PciFunction {
  slot: number;
  number: number;
  vendor: number;
  device: number;
  kind: number;
  subsystemVendor: number;
  subsystem: number;
  irq: number;
  pin: number;
  regions: Region[];
}

interface ConfigurationSpace {
  read(offset: number): number;
  write(offset: number, value: number): void;
}

function readPci(inspector: Inspector): PciFunction[] {
  const kept = inspector.readPort(ADDRESS, 4);
  const found: PciFunction[] = [];
  for (let slot = 0; slot < DEVICES; slot++)
    for (let number = 0; number < FUNCTIONS; number++) {
      const select = (offset: number): void =>
        inspector.writePort(ADDRESS, 4, (ENABLE | (slot << 11) | (number << 8) | offset) >>> 0);
      const space: ConfigurationSpace = {
        read(offset) {
          select(offset);
          return inspector.readPort(DATA, 4);
        },
        write(offset, value) {
          select(offset);
          inspector.writePort(DATA, 4, value >>> 0);
        },
      };
      if ((space.read(ID) & 0xffff) !== 0xffff) found.push(readFunction(slot, number, space));
    }
  inspector.writePort(ADDRESS, 4, kept);
  return found;
}

function readFunction(slot: number, number: number, space: ConfigurationSpace): PciFunction {
  const [id, subsystem, interrupt] = [space.read(ID), space.read(SUBSYSTEM), space.read(INTERRUPT)];
  return {
    slot,
    number,
    vendor: id & 0xffff,
    device: id >>> 16,
    kind: space.read(CLASS) >>> 16,
    subsystemVendor: subsystem & 0xffff,
    subsystem: subsystem >>> 16,
    irq: interrupt & 0xff,
    pin: (interrupt >>> 8) & 0xff,
    regions: readRegions(space),
  };
}

function readRegions(space: ConfigurationSpace): Region[] {
  const regions: Region[] = [];
  for (let bar = 0; bar <= ROM_BAR; bar++) {
    const region = readRegion(bar, space);
    if (!region) continue;
    regions.push(region);
    // The next register is the upper half of its address, which nothing here has.
    if (region.isWide) bar++;
  }
  return regions;
}

/** A base address register tells its size to whoever writes ones into it (PCI 2.3 §6.2.5.1). The guest stands still. */
function readRegion(bar: number, space: ConfigurationSpace): Region | undefined {
  const at = bar === ROM_BAR ? ROM : BARS + 4 * bar;
  const command = space.read(COMMAND);
  const value = space.read(at);
  space.write(COMMAND, command & 0xffff & ~(DECODES_PORTS | DECODES_MEMORY));
  space.write(at, bar === ROM_BAR ? ~ROM_ENABLED : ~0);
  const writable = space.read(at);
  space.write(at, value);
  space.write(COMMAND, command & 0xffff);
  if (writable === 0) return undefined;
  const isPort = bar !== ROM_BAR && (value & 1) !== 0;
  const flags = bar === ROM_BAR ? 0x7ff : isPort ? 3 : 15;
  const base = (value & ~flags) >>> 0;
  const size = isPort ? (~(writable & ~flags) & 0xffff) + 1 : (~(writable & ~flags) >>> 0) + 1;
  const decodes =
    (command & (isPort ? DECODES_PORTS : DECODES_MEMORY)) !== 0 &&
    (bar !== ROM_BAR || (value & ROM_ENABLED) !== 0);
  const isMemory = bar !== ROM_BAR && !isPort;
  return {
    bar,
    isPort,
    isWide: isMemory && (value & 6) === 4,
    prefetchable: isMemory && (value & 8) !== 0,
    size,
    base: decodes && base !== 0 ? base : undefined,
  };
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");
const nameOf = (kind: number): string => CLASSES[kind] ?? `Class ${hex(kind, 4)}`;

export function describePci(inspector: Inspector): string {
  return readPci(inspector).flatMap(describeFunction).join("\n");
}

function describeFunction(one: PciFunction): string[] {
  const { slot, number, kind, vendor, device, subsystemVendor, subsystem, irq, pin, regions } = one;
  const lines = [
    `  Bus  0, device ${String(slot).padStart(3)}, function ${number}:`,
    `    ${nameOf(kind)}: PCI device ${hex(vendor, 4)}:${hex(device, 4)}`,
  ];
  if (subsystem) lines.push(`      PCI subsystem ${hex(subsystemVendor, 4)}:${hex(subsystem, 4)}`);
  if (pin) lines.push(`      IRQ ${irq}, pin ${String.fromCharCode(0x40 + pin)}`);
  for (const { bar, isPort, isWide, prefetchable, size, base } of regions) {
    const kindOfBar = isPort ? "I/O" : `${isWide ? 64 : 32} bit ${prefetchable ? "prefetchable " : ""}memory`;
    const digits = isPort ? 4 : 8;
    // An address that is none is all ones, and the end counts on from there.
    const from = base === undefined ? "f".repeat(16) : hex(base, digits);
    const to = hex(base === undefined ? size - 2 : base + size - 1, digits);
    lines.push(`      BAR${bar}: ${kindOfBar} at 0x${from} [0x${to}].`);
  }
  lines.push('      id ""');
  return lines;
}

/** As query-pci answers. */
export function queryPci(inspector: Inspector): object[] {
  const devices = readPci(inspector).map((one) => ({
    irq_pin: one.pin,
    bus: 0,
    qdev_id: "",
    irq: one.pin ? one.irq : undefined,
    slot: one.slot,
    class_info: { class: one.kind, desc: nameOf(one.kind) },
    id: {
      device: one.device,
      "subsystem-vendor": one.subsystemVendor,
      vendor: one.vendor,
      subsystem: one.subsystem,
    },
    function: one.number,
    regions: one.regions.map(({ bar, isPort, isWide, prefetchable, size, base }) => ({
      ...(isPort ? {} : { prefetch: prefetchable, mem_type_64: isWide }),
      bar,
      size,
      address: base ?? -1,
      type: isPort ? "io" : "memory",
    })),
  }));
  return [{ bus: 0, devices }];
}
