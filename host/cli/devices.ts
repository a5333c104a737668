// `-device`: what is plugged into the machine by name.
import { UserError } from "../core/errors.ts";
import { type ChardevSpec, parseChardev } from "./chardev/spec.ts";
import { BUSES, type Drive, emptyDrive, identifier, requireMedium } from "./drives.ts";
import type { DriveBus } from "../core/drives.ts";
import { parseInteger, parseList, type Setting } from "./option-list.ts";
import type { PcOptions } from "./pc-options.ts";

/** QEMU's own port for it; SeaBIOS writes to 402h. */
export const DEBUG_CONSOLE_PORT = 0xe9;

/** A drive's front end: `-device ide-hd,drive=ID` and its kin. */
export interface DriveDevice {
  model: string;
  bus: DriveBus;
  media: "disk" | "cdrom";
  /** `id=` of the `-drive` or `node-name=` of the `-blockdev`; undefined: an empty drive. */
  drive?: string;
  /** Place on the bus; undefined: the first free one, from `from` on. */
  index?: number;
  from?: number;
  bootIndex?: number;
  id?: string;
  /** The words that asked for it. */
  option: string;
}

const VIRTIO_BLOCK = { bus: "virtio", media: "disk", noDrive: "drive property not set" } as const;

/** Models of drives; `noDrive`: what is said to one that must have a drive. */
const DRIVE_MODELS: Readonly<Record<string, Pick<DriveDevice, "bus" | "media"> & { noDrive?: string }>> = {
  "ide-hd": { bus: "ide", media: "disk", noDrive: "No drive specified" },
  "ide-cd": { bus: "ide", media: "cdrom" },
  "virtio-blk-pci": VIRTIO_BLOCK,
  "virtio-blk": VIRTIO_BLOCK,
  floppy: { bus: "floppy", media: "disk" },
};

const DEVICES: readonly string[] = [
  "ide-hd",
  "ide-cd",
  "virtio-blk-pci",
  "floppy",
  "isa-debug-exit",
  "isa-debugcon",
  "virtio-rng-pci",
];

export function setDevice(options: PcOptions, text: string): void {
  const [driver, ...settings] = parseList(text, "driver");
  if (driver?.key !== "driver" || driver.value === undefined)
    throw new UserError("Parameter 'driver' is missing");
  switch (driver.value) {
    case "isa-debug-exit":
      setDebugExit(options, settings);
      break;
    case "isa-debugcon":
      setDebugConsole(options, settings);
      break;
    case "virtio-rng-pci":
      if (settings.some(({ key }) => key !== "id"))
        throw new UserError("virtio-rng-pci takes no property but id= yet");
      options.entropy = true;
      break;
    default:
      if (!Object.hasOwn(DRIVE_MODELS, driver.value))
        throw new UserError(`not supported yet: the devices are ${DEVICES.join(", ")}`);
      options.driveDevices.push(driveDevice(driver.value, settings, `-device ${text}`));
  }
}

function driveDevice(model: string, settings: readonly Setting[], option: string): DriveDevice {
  const { noDrive, ...kind } = DRIVE_MODELS[model]!;
  const device: DriveDevice = { model, ...kind, option };
  let bus = 0;
  let unit: number | undefined;
  for (const { key, value = "" } of settings) {
    switch (key) {
      case "drive":
        device.drive = value;
        break;
      case "bus":
        bus = busNumber(device.bus, value);
        break;
      case "unit":
        if (device.bus === "virtio") throw new UserError(`Property '${model}.unit' not found`);
        unit = parseInteger(key, value);
        break;
      case "bootindex":
        device.bootIndex = parseInteger(key, value);
        break;
      case "id":
        device.id = identifier(value);
        break;
      default:
        throw new UserError(
          `${model} does not support the property '${key}' yet: drive=, bus=, unit=, bootindex= and id= are`,
        );
    }
  }
  if (noDrive && device.drive === undefined) throw new UserError(noDrive);
  const { unitsPerBus } = BUSES[device.bus];
  const first = device.bus === "ide" ? bus * unitsPerBus : 0;
  if (unit === undefined) return { ...device, from: first };
  if (unit >= unitsPerBus)
    throw new UserError(`Can't create ${device.bus} unit ${unit}, bus supports only ${unitsPerBus} units`);
  return { ...device, index: first + unit };
}

/** Buses by QEMU's names: two IDE channels, one PCI bus, one floppy controller. */
const BUS_NAMES: Readonly<Record<DriveBus, readonly string[]>> = {
  ide: ["ide.0", "ide.1"],
  virtio: ["pci.0"],
  floppy: ["floppy-bus.0"],
};

function busNumber(bus: DriveBus, name: string): number {
  const number = BUS_NAMES[bus].indexOf(name);
  if (number < 0) throw new UserError(`Bus '${name}' not found: use ${BUS_NAMES[bus].join(" or ")}`);
  return number;
}

/** The drives with those on "none" in the devices that name them; a drive that no device names is left out. */
export function plugDrives(drives: readonly Drive[], devices: readonly DriveDevice[]): Drive[] {
  const used = new Set<string>();
  const plugged = devices.map((device): Drive => {
    const { bus, media, index, from, id, bootIndex, option } = device;
    const backend = device.drive === undefined ? emptyDrive(option) : backendOf(device, drives, used);
    const readOnly = backend.readOnly || media === "cdrom";
    const drive: Drive = { ...backend, bus, media, readOnly, id: id ?? backend.id, option };
    requireMedium(drive);
    return { ...drive, index, from, bootIndex };
  });
  return [...drives.filter(({ bus }) => bus !== "none"), ...plugged];
}

function backendOf(
  { model, drive: id, option }: DriveDevice,
  drives: readonly Drive[],
  used: Set<string>,
): Drive {
  const backend = drives.find((drive) => drive.id === id);
  if (!backend) throw new UserError(`${option}: Property '${model}.drive' can't find value '${id}'`);
  if (backend.bus !== "none")
    throw new UserError(
      `${option}: Drive '${id}' is already in use because it has been automatically connected to another device ` +
        "(did you need 'if=none' in the drive options?)",
    );
  if (used.has(id!)) throw new UserError(`${option}: Drive '${id}' is already in use by another device`);
  used.add(id!);
  return backend;
}

function setDebugConsole(options: PcOptions, settings: readonly Setting[]): void {
  let port = DEBUG_CONSOLE_PORT;
  let target: ChardevSpec | undefined;
  for (const { key, value } of settings) {
    if (key === "iobase") port = parseInteger(key, value ?? "");
    else if (key === "chardev") target = parseChardev(`chardev:${value}`, options.chardevs);
    else throw new UserError(`Property 'isa-debugcon.${key}' not found`);
  }
  if (!target) throw new UserError("Can't create debugcon device, empty char device");
  options.debugConsole = { port, target };
}

function setDebugExit(options: PcOptions, settings: readonly Setting[]): void {
  const ports = { port: 0x501, ports: 2 };
  for (const { key, value } of settings) {
    if (key === "iobase") ports.port = parseInteger(key, value ?? "");
    else if (key === "iosize") ports.ports = parseInteger(key, value ?? "");
    else throw new UserError(`Property 'isa-debug-exit.${key}' not found`);
  }
  if (ports.port + ports.ports > 0x10000) throw new UserError("the ports end beyond FFFFh");
  options.debugExit = ports;
}
