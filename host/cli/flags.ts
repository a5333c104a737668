// The command line of the PC: one row per flag. Parser, help text and "did you mean" all read these rows.
import { UserError } from "../core/errors.ts";
import { cdDrive, floppyDrive, parseBlockdev, parseDrive, plainDrive } from "./drives.ts";
import { parseInteger, parseList, parseSize, parseSwitch } from "./option-list.ts";
import { parseChardev, parseNamedChardev } from "./chardev/spec.ts";
import { DEBUG_CONSOLE_PORT, setDevice } from "./devices.ts";
import { withoutFeatures } from "../cpu-features.ts";
import { logHelp, parseLogItems, parseLogRanges } from "./log.ts";
import { setGuestFile, setSmbios, setUuid } from "./told.ts";
import { parseVnc } from "./vnc/spec.ts";
import type { PcOptions } from "./pc-options.ts";

export interface Flag {
  /** Without its dash. */
  name: string;
  /** How the help writes its argument; undefined: it takes none. */
  argument?: string;
  /** What the help says; undefined: accepted for QEMU's sake, not advertised. */
  help?: string;
  /** What is printed, instead of running anything, for this argument. */
  print?(argument: string): string | undefined;
  /** Puts into `options` what the flag asks for; `typed` is the flag as the user wrote it. */
  apply(options: PcOptions, argument: string, typed: string): void;
}

const MIB = 2 ** 20;
/** One wasm memory of 4 GiB holds the engine and guest RAM; a PC's device memory starts at 3 GiB. */
const MEMORY_LIMIT = 3072 * MIB;
const NO_EFFECT = (): void => {};

/** Rows for the four `-hda` … `-hdd`. */
function hardDisk(letter: string, index: number): Flag {
  return {
    name: `hd${letter}`,
    argument: "FILE",
    help: ["first", "second", "third", "fourth"][index] + " IDE disk",
    apply: (options, file, typed) => void options.drives.push(plainDrive(`${typed} ${file}`, file, index)),
  };
}

/** Rows for `-fda` and `-fdb`. */
function floppyDisk(letter: string, index: number): Flag {
  return {
    name: `fd${letter}`,
    argument: "FILE",
    help: `floppy disk in drive ${letter.toUpperCase()}`,
    apply: (options, file, typed) => void options.drives.push(floppyDrive(`${typed} ${file}`, file, index)),
  };
}

/** assembly/machine/layout.ts: VCPUS_MAX. */
const CPUS_MAX = 8;
/** assembly/rings/bytes.ts: SERIAL_PORTS. */
const SERIAL_PORTS = 4;

export const FLAGS: readonly Flag[] = [
  {
    name: "m",
    argument: "[size=]MEGS",
    help: "guest memory, with suffix M or G; default 128M",
    apply: setMemory,
  },
  {
    name: "smp",
    argument: "[cpus=]N",
    help: `number of CPUs, 1 to ${CPUS_MAX}, taking turns on one thread`,
    apply: setCpus,
  },
  {
    name: "cpu",
    argument: "MODEL[,+f][,-f]",
    help: "max (default: all that works) or qemu64; features are added and taken away by name",
    apply: setCpu,
  },
  {
    name: "machine",
    argument: "[type=]pc[,hpet=off]",
    help: "the machine: pc (i440FX and PIIX3)",
    apply: setMachine,
  },
  { name: "M", argument: "[type=]pc", apply: setMachine },
  {
    name: "accel",
    argument: "tcg",
    apply: (options, text) => setAccelerators(options, parseList(text)[0]!.key),
  },
  { name: "enable-kvm", apply: (options) => setAccelerators(options, "kvm") },
  {
    name: "rtc",
    argument: "base=WHEN",
    help: "guest's clock at power on: utc, localtime or a date",
    apply: setRtc,
  },
  {
    name: "icount",
    argument: "shift=N",
    help: "each instruction takes 2^N ns: the same run every time",
    apply: setInstructionClock,
  },
  {
    name: "name",
    argument: "NAME",
    help: "the guest's name, for the monitor",
    apply: (options, text) => void (options.name = text.replace(/,.*|^guest=/g, "")),
  },
  {
    name: "uuid",
    argument: "UUID",
    help: "the machine's UUID, as SMBIOS and the monitor tell it",
    apply: setUuid,
  },
  {
    name: "smbios",
    argument: "type=N,FIELD=TEXT[,…]",
    help: "words in the machine's description: type 1 manufacturer=, product=, serial= …; 11 value=",
    apply: setSmbios,
  },
  {
    name: "fw_cfg",
    argument: "[name=]NAME,file=FILE|string=TEXT",
    help: "a file for the guest, by the firmware configuration device",
    apply: setGuestFile,
  },

  hardDisk("a", 0),
  hardDisk("b", 1),
  hardDisk("c", 2),
  hardDisk("d", 3),
  floppyDisk("a", 0),
  floppyDisk("b", 1),
  {
    name: "cdrom",
    argument: "FILE",
    help: "CD or DVD image in the CD-ROM drive",
    apply: (options, file, typed) => void options.drives.push(cdDrive(`${typed} ${file}`, file)),
  },
  {
    name: "drive",
    argument: "file=FILE[,format=F][,media=cdrom][,index=N][,snapshot=on]",
    help: "a drive, in full",
    apply: (options, text) => void options.drives.push(parseDrive(text)),
  },
  {
    name: "blockdev",
    argument: "driver=D,node-name=ID,…",
    help: "an image by its options or as JSON, for -device drive=ID",
    apply: (options, text) => void options.drives.push(parseBlockdev(text, options.drives)),
  },
  {
    name: "object",
    argument: "secret,id=ID,…",
    help: "a passphrase (data= or file=) that a drive names by key-secret or encrypt.key-secret",
    apply: (options, text) => void options.objects.push(text),
  },
  {
    name: "snapshot",
    help: "forget all disk changes at the end",
    apply: (options) => void (options.snapshot = true),
  },

  {
    name: "boot",
    argument: "[order=]cad[,once=d][,menu=on][,strict=on][,reboot-timeout=MS]",
    help: "devices to boot from: a floppy, c disk, d CD",
    apply: setBoot,
  },
  {
    name: "bios",
    argument: "FILE",
    help: "firmware in place of our own, such as SeaBIOS or OVMF",
    apply: (options, file) => void (options.bios = file),
  },
  {
    name: "L",
    argument: "DIR",
    help: "where to look for firmware files",
    apply: (options, folder) => void options.firmwareFolders.push(folder),
  },
  {
    name: "kernel",
    argument: "FILE",
    help: "kernel to start: Linux (bzImage), Multiboot, or ELF with a PVH entry",
    apply: (o, file) => void (o.kernel = file),
  },
  {
    name: "initrd",
    argument: "FILE",
    help: "its initial RAM disk; for Multiboot its modules: FILE WORDS,FILE WORDS",
    apply: (o, file) => void (o.initrd = file),
  },
  {
    name: "append",
    argument: "WORDS",
    help: "its command line",
    apply: (o, words) => void (o.append = words),
  },

  {
    name: "device",
    argument: "DRIVER[,PROPERTY=VALUE,…]",
    help: "ide-hd, ide-cd, virtio-blk-pci or floppy (drive=ID, bus=, unit=, bootindex=) for a drive with if=none; isa-debug-exit (iobase=, iosize=): ends the machine with a code; isa-debugcon (iobase=, chardev=), virtio-rng-pci",
    apply: setDevice,
  },
  {
    name: "debugcon",
    argument: "DEV",
    help: "where text that the guest writes to port E9h goes",
    apply: (options, text) =>
      void (options.debugConsole = {
        port: DEBUG_CONSOLE_PORT,
        target: parseChardev(text, options.chardevs),
      }),
  },

  {
    name: "nographic",
    help: "no screen: the serial port is this terminal, Ctrl-A h for its keys",
    apply: (options) => void (options.nographic = true),
  },
  {
    name: "serial",
    argument: "DEV",
    help: "where the serial port leads (again: the second, up to four): stdio, mon:stdio, file:F, unix:PATH, tcp:HOST:PORT, telnet:…, null",
    apply: setSerial,
  },
  {
    name: "monitor",
    argument: "DEV",
    help: "where the monitor's prompt is: as for -serial",
    apply: setMonitor,
  },
  {
    name: "qmp",
    argument: "DEV",
    help: "where programs speak QMP (JSON): as for -serial; -qmp-pretty indents it",
    apply: (options, text) => addControl(options, text, false),
  },
  { name: "qmp-pretty", argument: "DEV", apply: (options, text) => addControl(options, text, true) },
  {
    name: "mon",
    argument: "chardev=ID[,mode=control]",
    help: "a monitor, or with mode=control QMP, on a -chardev",
    apply: setMon,
  },
  {
    name: "gdb",
    argument: "DEV",
    help: "where gdb connects, such as tcp::1234; -s is that",
    apply: setGdb,
  },
  { name: "s", help: "gdb connects to port 1234", apply: (options) => setGdb(options, "tcp::1234") },
  {
    name: "S",
    help: "wait for the monitor's cont before the guest starts",
    apply: (options) => void (options.startsPaused = true),
  },
  {
    name: "loadvm",
    argument: "TAG",
    help: "start from a snapshot that the monitor's savevm has made",
    apply: (options, tag) => void (options.snapshotToLoad = tag),
  },
  {
    name: "chardev",
    argument: "KIND,id=ID[,…]",
    help: "names a character device for -serial or -monitor chardev:ID",
    apply: (options, text) => void options.chardevs.set(...parseNamedChardev(text)),
  },
  { name: "echr", argument: "N", help: "another key than Ctrl-A, by its number", apply: setEscapeKey },
  {
    name: "display",
    argument: "curses|none",
    help: "the screen in this terminal (default where there is one), or none",
    apply: setDisplay,
  },
  {
    name: "vnc",
    argument: "HOST:N[,password=on][,to=N][,websocket=on]",
    help: "the screen for VNC clients on port 5900+N, or unix:PATH; for browsers on 5700+N",
    apply: setVnc,
  },
  {
    name: "no-reboot",
    help: "end when the guest resets",
    apply: (options) => void (options.noReboot = true),
  },
  {
    name: "no-shutdown",
    help: "stay when the guest powers off",
    apply: (options) => void (options.noShutdown = true),
  },

  {
    name: "pidfile",
    argument: "FILE",
    help: "write the number of this process to FILE, while it runs",
    apply: (options, file) => void (options.pidFile = file),
  },
  {
    name: "jit-stats",
    help: "at the end, what the translator did: regions, exits, what it leaves to the interpreter",
    apply: (options) => void (options.jitStats = true),
  },

  {
    name: "d",
    argument: "ITEM[,…]",
    help: "log what the guest does; -d help lists the items",
    print: (text) => (text === "help" ? logHelp() : undefined),
    apply(options, text) {
      for (const item of parseLogItems(text)) options.log.items.add(item);
    },
  },
  {
    name: "D",
    argument: "FILE",
    help: "the log goes to FILE instead of standard error",
    apply: (options, file) => void (options.log.file = file),
  },
  {
    name: "dfilter",
    argument: "RANGE[,…]",
    help: "log in_asm, op, exec and cpu only where START..END or START+SIZE says",
    apply: (options, text) => void (options.log.ranges = parseLogRanges(text)),
  },
  {
    // The log takes instructions one by one anyway.
    name: "singlestep",
    apply: NO_EFFECT,
  },

  // What these ask for is so already.
  {
    name: "nodefaults",
    apply: (options) => void (options.noDefaults = options.quietConsole = true),
  },
  {
    name: "no-hpet",
    help: "no high precision event timer",
    apply: (options) => void (options.hpet = false),
  },
  { name: "no-fd-bootchk", apply: NO_EFFECT },
  { name: "vga", argument: "none", apply: onlyNone },
  { name: "nic", argument: "none", apply: onlyNone },
  { name: "net", argument: "none", apply: onlyNone },
  { name: "parallel", argument: "none", apply: onlyNone },
];

/** QEMU's flags that are understood but not built: they get a sentence of their own. */
export const NOT_YET: ReadonlySet<string> = new Set(
  `acpitable action add-fd append-fw audio audiodev chroot compat daemonize debugcon fsdev full-screen global hvf incoming k mem-path mem-prealloc msg mtdblock netdev no-acpi numa only-migratable option-rom overcommit pflash plugin preconfig prom-env readconfig run-with runas sandbox sd seed set spice trace usb usbdevice virtfs watchdog-action win2k-hack`.split(
    /\s+/,
  ),
);

function setMemory(options: PcOptions, text: string): void {
  for (const { key, value } of parseList(text, "size")) {
    if (key !== "size") throw new UserError(`Invalid parameter '${key}'`);
    options.memory = parseSize(key, value ?? "", MIB) || options.memory;
  }
  if (options.memory > MEMORY_LIMIT)
    throw new UserError(`guest memory is limited to ${MEMORY_LIMIT / MIB} MiB: ask for less`);
}

const TOPOLOGY: readonly string[] = ["sockets", "dies", "cores", "threads"];

/** The guest sees CPUs of one socket, a thread each: the topology only multiplies. */
function setCpus(options: PcOptions, text: string): void {
  const counts = new Map<string, number>();
  for (const { key, value } of parseList(text, "cpus")) {
    if (key !== "cpus" && key !== "maxcpus" && !TOPOLOGY.includes(key))
      throw new UserError(`Parameter 'smp.${key}' is unexpected`);
    counts.set(key, parseInteger(`smp.${key}`, value ?? ""));
  }
  const product = TOPOLOGY.reduce((all, key) => all * (counts.get(key) ?? 1), 1);
  const cpus = counts.get("cpus") ?? product;
  if (cpus < 1)
    throw new UserError("Invalid CPU topology: CPU topology parameters must be greater than zero");
  if (cpus > CPUS_MAX)
    throw new UserError(`Invalid SMP CPUs ${cpus}. The max CPUs supported by machine 'pc' is ${CPUS_MAX}`);
  options.cpus = cpus;
}

/** `MODEL[,+feature][,-feature][,feature=on|off]` */
function setCpu(options: PcOptions, text: string): void {
  const [model, ...rest] = text.split(",");
  const changes = rest.map((word): [string, boolean] => {
    if (/^[-+]/.test(word)) return [word.slice(1), word.startsWith("+")];
    const [name, value] = word.split("=");
    return [name!, parseSwitch(name!, value)];
  });
  options.withoutFeatures = withoutFeatures(model!, changes);
}

function setMachine(options: PcOptions, text: string): void {
  for (const { key, value } of parseList(text, "type")) {
    if (key === "type") {
      if (value !== "pc" && !/^pc-i440fx-\d+\.\d+$/.test(value ?? ""))
        throw new UserError(`unsupported machine type '${value}': only pc is built so far`);
    } else if (key === "hpet") {
      options.hpet = parseSwitch(key, value);
    } else if (key === "accel") {
      setAccelerators(options, value ?? "");
    } else {
      throw new UserError(`Property 'pc-machine.${key}' not found`);
    }
  }
}

/** `tcg`, or a list to try in order such as `kvm:tcg`. */
function setAccelerators(options: PcOptions, names: string): void {
  for (const name of names.split(":")) {
    if (name === "tcg") return;
    if (!["kvm", "xen", "hax", "hvf", "whpx", "nvmm"].includes(name))
      throw new UserError(`invalid accelerator ${name}`);
    const warning = `warning: ${name} is not used: the guest runs in WebAssembly`;
    if (!options.warnings.includes(warning)) options.warnings.push(warning);
  }
}

function setRtc(options: PcOptions, text: string): void {
  for (const { key, value } of parseList(text)) {
    if (key === "base") options.rtcBase = rtcBase(value ?? "");
    else if (!(key === "clock" && value === "host") && !(key === "driftfix" && value === "none"))
      throw new UserError(`-rtc ${key}=${value} is not supported yet: only base= is`);
  }
}

function rtcBase(text: string): number | undefined {
  if (text === "utc") return undefined;
  if (text === "localtime") return Date.now() - new Date().getTimezoneOffset() * 60_000;
  const date = /^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d)?$/.test(text)
    ? Date.parse(text.slice(0, 10) + (text.slice(10) || "T00:00:00") + "Z")
    : NaN;
  if (Number.isNaN(date))
    throw new UserError("invalid datetime format\nvalid formats: '2006-06-17T16:01:21' or '2006-06-17'");
  return date;
}

function setInstructionClock(options: PcOptions, text: string): void {
  for (const { key, value } of parseList(text, "shift")) {
    if (key === "shift") {
      if (!/^(\d|10)$/.test(value ?? "")) throw new UserError("icount: Invalid shift value, use 0 to 10");
      options.icountShift = Number(value);
    } else if (!((key === "align" || key === "sleep") && !parseSwitch(key, value))) {
      throw new UserError(`-icount ${key}=${value} is not supported yet`);
    }
  }
}

/** The letters of QEMU's `-boot`; what is no PC's boot device is refused. */
function bootDevices(text: string): string {
  const letters = [...text];
  for (const letter of letters) {
    if (!/[a-p]/.test(letter)) throw new UserError(`Invalid boot device '${letter}'`);
    if (letters.filter((other) => other === letter).length > 1)
      throw new UserError(`Boot device '${letter}' was given twice`);
    if (!/[abcdn]/.test(letter)) throw new UserError(`Invalid boot device for PC: '${letter}'`);
  }
  if (letters.length > 3) throw new UserError("Too many boot devices for PC");
  return text;
}

/** -1: never. */
function retryWait(text: string): number | undefined {
  if (text === "-1") return undefined;
  const wait = parseInteger("reboot-timeout", text);
  if (wait > 0xffff)
    throw new UserError("reboot timeout is invalid, it should be a value between -1 and 65535");
  return wait;
}

function setBoot(options: PcOptions, text: string): void {
  for (const { key, value } of parseList(text, "order")) {
    if (key === "order") options.boot.order = bootDevices(value ?? "");
    else if (key === "once") options.boot.once = bootDevices(value ?? "");
    else if (key === "menu") options.boot.menu = parseSwitch(key, value);
    else if (key === "splash-time") options.boot.menuWait = parseInteger(key, value ?? "");
    else if (key === "strict") options.boot.strict = parseSwitch(key, value);
    else if (key === "reboot-timeout") options.boot.retryWait = retryWait(value ?? "");
    else if (key !== "splash") throw new UserError(`Invalid parameter '${key}'`);
    else throw new UserError("-boot splash= is not supported: firmware shows no picture");
  }
}

function setSerial(options: PcOptions, text: string): void {
  const target = parseChardev(text, options.chardevs);
  if (options.serial === undefined) options.serial = target;
  else if (options.moreSerials.push(target) >= SERIAL_PORTS)
    throw new UserError(`a PC has ${SERIAL_PORTS} serial ports: give -serial ${SERIAL_PORTS} times at most`);
}

function setMonitor(options: PcOptions, text: string): void {
  options.monitor = parseChardev(text, options.chardevs);
}

function addControl(options: PcOptions, text: string, pretty: boolean): void {
  options.controls.push({ target: parseChardev(text, options.chardevs), pretty });
}

/** A debugger's socket is a server that does not wait, whatever else is asked for. */
function setGdb(options: PcOptions, text: string): void {
  const spec = text === "none" ? undefined : parseChardev(text, options.chardevs);
  if (spec && spec.kind !== "socket") throw new UserError("only tcp:, unix: and none are supported yet");
  options.gdb = spec && { ...spec, server: true, wait: false };
}

function setMon(options: PcOptions, text: string): void {
  const given = new Map(parseList(text, "chardev").map(({ key, value }) => [key, value]));
  const id = given.get("chardev");
  const mode = given.get("mode") ?? "readline";
  if (id === undefined) throw new UserError("Parameter 'chardev' is missing");
  if (mode === "control")
    addControl(options, `chardev:${id}`, given.has("pretty") && parseSwitch("pretty", given.get("pretty")));
  else if (mode === "readline") setMonitor(options, `chardev:${id}`);
  else throw new UserError(`Parameter 'mode' does not accept value '${mode}'`);
}

function setEscapeKey(options: PcOptions, text: string): void {
  const code = Number(/^0[0-7]+$/.test(text) ? `0o${text.slice(1)}` : text);
  if (!Number.isInteger(code) || code < 0 || code > 255)
    throw new UserError("it must be a character's number");
  options.escapeKey = code;
}

/** With a VNC server the terminal shows no screen, as QEMU opens no window then. */
function setVnc(options: PcOptions, text: string): void {
  if (options.vnc) throw new UserError("this version has one VNC server: give -vnc once");
  options.vnc = parseVnc(text);
  options.quietConsole = true;
}

function setDisplay(options: PcOptions, text: string): void {
  if (text !== "none" && text !== "curses")
    throw new UserError("there is no such display yet: use -display curses, -display none or -nographic");
  options.display = text;
  options.quietConsole = text === "none";
}

function onlyNone(_: PcOptions, text: string): void {
  if (text !== "none" && text !== "null") throw new UserError("not supported yet: only none is");
}
