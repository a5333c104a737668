import { describe, expect, it } from "vitest";
import { plugDrives } from "../../host/cli/devices.ts";
import { type PlacedDrive, placeDrives, withDefaultDrives } from "../../host/cli/drives.ts";
import { FLAGS } from "../../host/cli/flags.ts";
import { HELP } from "../../host/cli/help.ts";
import { parseArguments } from "../../host/cli/parse.ts";
import type { PcOptions } from "../../host/cli/pc-options.ts";

const MIB = 2 ** 20;

function options(...argv: string[]): PcOptions {
  const invocation = parseArguments(argv);
  if (invocation.kind !== "run") throw new Error(`printed ${invocation.text}`);
  return invocation.options;
}

function complaint(...argv: string[]): string {
  try {
    parseArguments(argv);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error(`${argv.join(" ")} was accepted`);
}

describe("the PC's command line", () => {
  it("reads a QEMU user's line", () => {
    const line = "-kernel vmlinuz -initrd initrd.gz -append console=ttyS0 -m 512 -hda disk.qcow2 -nographic";
    expect(options(...line.split(" "))).toMatchObject({
      kernel: "vmlinuz",
      initrd: "initrd.gz",
      append: "console=ttyS0",
      memory: 512 * MIB,
      drives: [{ file: "disk.qcow2", index: 0, snapshot: false }],
      nographic: true,
      warnings: [],
    });
  });

  it("reads what the guest is to be told", () => {
    const uuid = "00112233-4455-6677-8899-AABBCCDDEEFF";
    const words = ["type=1,serial=a,,b,serial=c", "type=11,value=x", "type=11,value=y"];
    const told = options(
      ..."-fw_cfg opt/x,string=a=b -fw_cfg name=opt/y,file=f -uuid".split(" "),
      uuid,
      ...words.flatMap((word) => ["-smbios", word]),
    );
    expect(told).toMatchObject({ uuid: uuid.toLowerCase(), warnings: [] });
    expect([...told.guestFiles]).toEqual([
      ["opt/x", { text: "a=b" }],
      ["opt/y", { path: "f" }],
    ]);
    expect(told.smbios.map(({ text }) => text)).toEqual(["c", "x", "y"]);
    expect(complaint("-uuid", "1")).toMatch(/^-uuid 1: failed to parse UUID string: wrong format/);
    expect(complaint("-smbios", "type=9,x=y")).toMatch(/Don't know how to build fields for SMBIOS type 9$/);
    expect(complaint("-smbios", "type=1,x=y")).toMatch(/Invalid parameter 'x'$/);
    expect(complaint("-fw_cfg", "opt/x")).toMatch(/name, plus exactly one of file, string/);
    expect(complaint("-fw_cfg", "opt/x,string=", "-fw_cfg", "opt/x,string=")).toMatch(
      /duplicate fw_cfg file/,
    );
  });

  it("reads how to boot, and whether the board has an event timer", () => {
    expect(options("-boot", "order=dc,strict=on,reboot-timeout=5000").boot).toEqual({
      order: "dc",
      strict: true,
      retryWait: 5000,
    });
    expect(options("-boot", "reboot-timeout=-1").boot.retryWait).toBeUndefined();
    expect(complaint("-boot", "reboot-timeout=65536")).toContain("between -1 and 65535");
    expect([options("-no-hpet").hpet, options("-machine", "pc,hpet=off").hpet]).toEqual([false, false]);
    expect(options("-M", "hpet=on").hpet).toBe(true);
  });

  it("keeps the boot index of a device", () => {
    const { drives, driveDevices } = options(
      ..."-drive if=none,id=a,file=a -device virtio-blk-pci,drive=a,bootindex=4".split(" "),
    );
    expect(placeDrives(plugDrives(drives, driveDevices))).toMatchObject([{ bus: "virtio", bootIndex: 4 }]);
  });

  it.each([
    [[], 1],
    [["-smp", "2"], 2],
    [["-smp", "cpus=3,maxcpus=8"], 3],
    [["-smp", "sockets=2,cores=2,threads=2"], 8],
    [["-smp", "2,sockets=1,cores=2"], 2],
  ])("%j asks for %d CPUs", (argv, cpus) => {
    expect(options(...argv).cpus).toBe(cpus);
  });

  it.each([
    [[], 128],
    [["-m", "64"], 64],
    [["-m", "1G"], 1024],
    [["-m", "1.5G"], 1536],
    [["-m", "size=256M"], 256],
    [["--m", "0"], 128],
    [["-m", "64", "-m", "96"], 96],
  ])("%j asks for %d MiB", (argv, megabytes) => {
    expect(options(...argv).memory).toBe(megabytes * MIB);
  });

  it.each([
    [["-m", "abc"], /^-m abc: Parameter 'size' expects a non-negative number below 2\^64\n/],
    [["-m", "0.5"], /^-m 0\.5: Parameter 'size' expects/],
    [["-m", "64MB"], /^-m 64MB: Parameter 'size' expects/],
    [["-m", "64,foo=1"], /^-m 64,foo=1: Invalid parameter 'foo'$/],
    [["-m", "4G"], /^-m 4G: guest memory is limited to 3072 MiB/],
    [["-m"], /^-m: requires an argument$/],
    [["-smp", "9"], /^-smp 9: Invalid SMP CPUs 9\. The max CPUs supported by machine 'pc' is 8$/],
    [["-smp", "sockets=3,cores=4"], /Invalid SMP CPUs 12/],
    [["-smp", "0"], /must be greater than zero$/],
    [["-smp", "abc"], /^-smp abc: Parameter 'smp.cpus' expects integer$/],
    [["-smp", "foo=2"], /'smp.foo' is unexpected$/],
    [["-cpu", "host"], /CPU model 'host' requires KVM or HVF/],
    [["-cpu", "nosuch"], /^-cpu nosuch: unable to find CPU model 'nosuch'/],
    [["-machine", "q35"], /^-machine q35: unsupported machine type 'q35'/],
    [["-accel", "foo"], /^-accel foo: invalid accelerator foo$/],
    [["-nografic"], /^-nografic: invalid option; did you mean -nographic\?$/],
    [["-xyzzy"], /^-xyzzy: invalid option \(wasmqemu -h/],
    [["-version", "-nosuch"], /^-nosuch: invalid option/],
    [["-pflash", "x"], /^-pflash: not supported yet/],
    [["-initrd", "x"], /^-initrd only allowed with -kernel option$/],
    [["-append", "x"], /^-append only allowed with -kernel option$/],
    [["-hda", ""], /^-hda : Device needs media, but drive is empty$/],
    [["-drive", "if=ide"], /: Device needs media, but drive is empty$/],
    [["-drive", "foo"], /^-drive foo: Must specify either driver or file$/],
    [["-drive", "file=a,if=bogus"], /: unsupported bus type 'bogus'$/],
    [["-drive", "file=a,if=scsi"], /: if=scsi is not supported yet/],
    [["-drive", "file=a,id=1x"], /: Parameter 'id' expects an identifier\n/],
    [["-drive", "file=a,media=bogus"], /: 'bogus' invalid media$/],
    [["-drive", "file=a,cache=bogus"], /: invalid cache option$/],
    [["-drive", "file=a,readonly=maybe"], /: Parameter 'read-only' expects 'on' or 'off'$/],
    [["-drive", "file=a,readonly=on"], /: Block node is read-only$/],
    [["-drive", "file=a,unit=2"], /: unit 2 too big \(max is 1\)$/],
    [["-drive", "file=a,bus=1,index=1"], /: index cannot be used with bus and unit$/],
    [["-drive", "file=a,nosuchopt=1"], /does not support the option 'nosuchopt'/],
    [["-serial", "bogus"], /^-serial bogus: 'bogus' is not a valid char driver/],
    [["-serial", "udp::1"], /^-serial udp::1: not supported yet/],
    [["-icount", "foo"], /^-icount foo: icount: Invalid shift value/],
    [["-rtc", "base=yesterday"], /: invalid datetime format\n/],
  ])("%j is refused in one sentence", (argv, sentence) => {
    expect(complaint(...argv)).toMatch(sentence);
  });

  it("undoubles commas in -drive and leaves them alone in -hda", () => {
    expect(options("-drive", "file=a,,b.img,format=raw").drives[0]).toMatchObject({
      file: "a,b.img",
      format: "raw",
    });
    expect(options("-hda", "a,,b.img").drives[0]).toMatchObject({ file: "a,,b.img" });
  });

  it("takes a bare word as the first disk", () => {
    expect(options("disk.img").drives).toMatchObject([{ file: "disk.img", index: 0 }]);
  });

  it("warns once about an accelerator", () => {
    expect(options("-enable-kvm", "-machine", "pc,accel=kvm:tcg").warnings).toEqual([
      "warning: kvm is not used: the guest runs in WebAssembly",
    ]);
  });

  it("prints -version and -h where they stand, before a later flag is acted on", () => {
    expect(parseArguments(["-version", "-m", "abc"])).toMatchObject({ kind: "print" });
    expect(parseArguments(["--help"])).toEqual({ kind: "print", text: HELP });
  });

  it("helps with every flag that it advertises, and with nothing else", () => {
    for (const { name, help } of FLAGS)
      expect(new RegExp(`^  -${name}\\b`, "m").test(HELP)).toBe(Boolean(help));
  });
});

describe("places of drives", () => {
  const places = (...argv: string[]): Record<string, string | undefined> =>
    Object.fromEntries(
      withDefaultDrives(placeDrives(options(...argv).drives)).map(({ bus, index, media, file }) => [
        `${bus}${index}`,
        `${media} ${file ?? "(empty)"}`,
      ]),
    );
  const EMPTY_CD = { ide2: "cdrom (empty)" };
  const EMPTY_FLOPPY = { floppy0: "disk (empty)" };

  it("fills the first free place", () => {
    expect(places("-hdb", "b", "-drive", "file=x", "-drive", "file=y")).toEqual({
      ide0: "disk x",
      ide1: "disk b",
      ide2: "disk y",
      ...EMPTY_FLOPPY,
    });
  });

  it("reads bus and unit", () => {
    const drives = places("-drive", "file=x,bus=1,unit=1");
    expect(drives).toEqual({ ide3: "disk x", ...EMPTY_CD, ...EMPTY_FLOPPY });
  });

  it("keeps a place for CD and floppy", () => {
    expect(places("-cdrom", "x.iso")).toEqual({ ide2: "cdrom x.iso", ...EMPTY_FLOPPY });
    expect(places("-drive", "media=cdrom", "-drive", "if=floppy,file=f,index=1")).toEqual({
      ide0: "cdrom (empty)",
      floppy1: "disk f",
      ...EMPTY_CD,
    });
  });

  it("refuses a taken place and one that is not there", () => {
    expect(() => places("-hda", "a", "b")).toThrow("b: drive with bus=0, unit=0 (index=0) exists");
    expect(() => places("-hdc", "a", "-cdrom", "b")).toThrow(
      "-cdrom b: drive with bus=1, unit=0 (index=2) exists",
    );
    expect(() => places("-drive", "file=a,index=9")).toThrow("does not support if=ide,bus=4,unit=1");
  });
});

describe("-device and -blockdev", () => {
  const placed = (line: string): PlacedDrive[] => {
    const { drives, driveDevices } = options(...line.split(" "));
    return placeDrives(plugDrives(drives, driveDevices));
  };

  it("puts drives on their buses, whichever comes first on the line", () => {
    const line =
      "-device ide-cd,drive=c,bus=ide.1,unit=1 -device virtio-blk-pci,drive=v -device floppy,drive=f,unit=1 " +
      "-device ide-hd,drive=h,bus=ide.1 -drive if=none,id=c,file=c -drive if=none,id=v,file=v " +
      "-drive if=none,id=f,file=f -drive if=none,id=h,file=h -drive if=none,id=unused,file=u";
    expect(placed(line)).toMatchObject([
      { bus: "ide", index: 3, media: "cdrom", file: "c", readOnly: true },
      { bus: "virtio", index: 0, media: "disk", file: "v" },
      { bus: "floppy", index: 1, file: "f" },
      { bus: "ide", index: 2, media: "disk", file: "h", readOnly: false },
    ]);
  });

  it("opens nodes by their options, a node's name standing for its options", () => {
    const [drive] = placed(
      '-blockdev driver=file,node-name=f,filename=a.qcow2 -blockdev {"driver":"qcow2","node-name":"q","file":"f"} ' +
        "-device ide-hd,drive=q",
    );
    expect(JSON.parse(drive!.file!.slice("json:".length))).toEqual({
      driver: "qcow2",
      file: { driver: "file", filename: "a.qcow2" },
    });
  });

  it.each([
    ["-device ide-hd", "No drive specified"],
    ["-device virtio-blk-pci", "drive property not set"],
    ["-device ide-hd,drive=x", "Property 'ide-hd.drive' can't find value 'x'"],
    ["-drive id=x,file=x -device ide-hd,drive=x", "did you need 'if=none'"],
    [
      "-drive if=none,id=x,file=x -device ide-hd,drive=x -device ide-hd,drive=x",
      "already in use by another device",
    ],
    ["-drive if=none,id=x,file=x,readonly=on -device ide-hd,drive=x", "Block node is read-only"],
    ["-drive if=none,id=x,file=x -device ide-hd,drive=x,bus=ide.2", "Bus 'ide.2' not found"],
    ["-drive if=none,id=x,file=x -device ide-hd,drive=x,unit=2", "Can't create ide unit 2"],
    ["-blockdev driver=qcow2,file=nosuch,node-name=q", "Cannot find device='nosuch' nor node-name='nosuch'"],
    ["-blockdev driver=qcow2,file.filename=a", "'node-name' must be specified for the root node"],
  ])("refuses %s", (line, sentence) => {
    expect(() => placed(line)).toThrow(sentence);
  });
});

it("-serial again is the next port, up to four", () => {
  const line = ["-serial", "none", "-serial", "stdio", "-serial", "null", "-serial", "null"];
  expect(options(...line)).toMatchObject({
    serial: { kind: "none" },
    moreSerials: [{ kind: "stdio" }, { kind: "null" }, { kind: "null" }],
  });
  expect(complaint(...line, "-serial", "null")).toMatch("a PC has 4 serial ports");
});
