// What each of the media (test/guests/media/*.sh) must do on our PC: how the machine is described, what is done to it and
// what it says. A test runs those whose files are there (media.test.ts).
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { createImage, type Machine, type MachineDescription } from "../../host/index.ts";

export interface MediaCase {
  name: string;
  /** Of the media folder. */
  files: readonly string[];
  /** Seconds that it takes on a quiet machine; long ones run only when they are asked for. */
  seconds: number;
  describe(places: Places): MachineDescription | Promise<MachineDescription>;
  play(guest: Guest): Promise<void>;
}

export interface Places {
  /** Path of a medium. */
  medium(name: string): string;
  /** Path of a copy of it, which may be written to. */
  copy(name: string): string;
  /** An empty qcow2 disk of 10 GiB. */
  emptyDisk(): Promise<string>;
}

export function placesIn(media: string, scratch: string): Places {
  const medium = (name: string): string => join(media, name);
  return {
    medium,
    copy(name) {
      copyFileSync(medium(name), join(scratch, name));
      return join(scratch, name);
    },
    async emptyDisk() {
      const path = join(scratch, "empty.qcow2");
      await createImage(path, { format: "qcow2", size: 10 * 2 ** 30 });
      return path;
    },
  };
}

/** A machine at work, and the words that tell of it. */
export class Guest {
  constructor(
    readonly machine: Machine,
    private readonly timeout: number,
  ) {}

  /** Waits for words on the first serial port. */
  async hears(...patterns: readonly RegExp[]): Promise<void> {
    for (const pattern of patterns) await this.machine.waitFor(pattern, { timeout: this.timeout });
  }

  /** Waits for words on the screen. */
  async shows(...patterns: readonly RegExp[]): Promise<void> {
    for (const pattern of patterns)
      await this.machine.waitFor(pattern, { on: "screen", timeout: this.timeout });
  }

  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.machine.sendKey(key);
  }

  /** Types on the keyboard. */
  async types(text: string): Promise<void> {
    await this.machine.type(text, { on: "screen" });
  }

  /** Sends to the first serial port. */
  async sends(text: string): Promise<void> {
    await this.machine.type(text);
  }

  /** Waits for a picture of this size in which something is lit. */
  async draws(width: number, height: number): Promise<void> {
    const signal = AbortSignal.timeout(this.timeout);
    for await (const frame of this.machine.screen.frames({ signal }))
      if (frame.width === width && frame.height === height && isLit(frame.rgba)) return;
    throw new Error(`no picture of ${width} by ${height} came`);
  }

  /** Logs in on the first serial port. */
  async logsIn(): Promise<void> {
    await this.hears(/login: /);
    await this.sends("root\n");
    await this.hears(/Password: /);
    await this.sends("root\n");
    await this.hears(/# /);
  }

  async powersOff(): Promise<void> {
    const ending = await this.machine.run();
    if (ending.reason !== "power-off") throw new Error(`the machine ended with ${ending.reason}`);
  }
}

function isLit(rgba: Uint8ClampedArray): boolean {
  return new Uint32Array(rgba.buffer, rgba.byteOffset, rgba.length / 4).some((pixel) => pixel << 8 !== 0);
}

const CONSOLES = "console=tty0 console=ttyS0,115200n8";

/** A small Linux that starts by `kernel`. */
function smallLinux(
  bits: 32 | 64,
  more: MachineDescription = {},
  commandLine = CONSOLES,
): MediaCase["describe"] {
  return ({ medium }) => ({
    memory: "256M",
    kernel: medium(`linux${bits}`),
    initrd: medium(`initrd${bits}.gz`),
    commandLine,
    ...more,
  });
}

/** The second entry of a boot loader's menu, chosen by keyboard: a 32-bit kernel. */
const secondEntry: MediaCase["play"] = async (guest) => {
  await guest.hears(/test menu/);
  await guest.shows(/Linux 32-bit/);
  await guest.press("down", "ret");
  await guest.hears(/Linux version/, /MINI-LINUX-OK i686/);
  await guest.shows(/MINI-LINUX-OK/);
};

export const MEDIA_CASES: readonly MediaCase[] = [
  {
    name: "a floppy's own boot sector",
    files: ["floppy.img"],
    seconds: 2,
    describe: ({ copy }) => ({ memory: "32M", floppy: copy("floppy.img"), bootOrder: "a" }),
    async play(guest) {
      await guest.hears(/second stage complete/, /write and read back ok/, /BOOTSECT-FLOPPY-OK/);
      await guest.shows(/BOOTSECT-FLOPPY-OK/);
      await guest.press("a");
      await guest.hears(/KEY 1E61/);
      await guest.press("f1");
      await guest.hears(/KEY 3B00/);
    },
  },
  {
    name: "the same floppy by El Torito",
    files: ["floppy-el-torito.iso"],
    seconds: 2,
    describe: ({ medium }) => ({ memory: "32M", cdrom: medium("floppy-el-torito.iso") }),
    play: (guest) => guest.hears(/read-only/, /BOOTSECT-FLOPPY-OK/),
  },
  {
    name: "El Torito without emulation",
    files: ["noemul.iso"],
    seconds: 2,
    describe: ({ medium }) => ({ memory: "32M", cdrom: medium("noemul.iso") }),
    play: (guest) => guest.hears(/El Torito media 00/, /volume NOEMUL/, /BOOTSECT-CDROM-OK/),
  },
  {
    name: "a disk's own boot record",
    files: ["disk-mbr.img"],
    seconds: 2,
    describe: ({ copy }) => ({ memory: "32M", drives: [{ source: copy("disk-mbr.img"), format: "raw" }] }),
    play: (guest) => guest.hears(/CHS and LBA agree/, /write and read back ok/, /BOOTSECT-DISK-OK/),
  },
  {
    name: "Linux, 64 bits, to a shell",
    files: ["linux64", "initrd64.gz"],
    seconds: 10,
    describe: smallLinux(64),
    async play(guest) {
      await guest.hears(/Linux version/, /MINI-LINUX-OK x86_64/);
      await guest.shows(/MINI-LINUX-OK/);
      await guest.hears(/# /);
      await guest.sends("echo a-$((6*7))\n");
      await guest.hears(/a-42/);
    },
  },
  {
    name: "Linux, 32 bits",
    files: ["linux32", "initrd32.gz"],
    seconds: 10,
    describe: smallLinux(32),
    play: (guest) => guest.hears(/Linux version/, /MINI-LINUX-OK i686/),
  },
  {
    name: "Linux on four CPUs, to power off",
    files: ["linux64", "initrd64.gz"],
    seconds: 14,
    describe: smallLinux(64, { cpus: 4 }, `${CONSOLES} mini.end=poweroff`),
    async play(guest) {
      await guest.hears(/4 cpu/, /MINI-LINUX-OK x86_64/);
      await guest.powersOff();
    },
  },
  {
    name: "ISOLINUX",
    files: ["isolinux-menu.iso"],
    seconds: 12,
    describe: ({ medium }) => ({ memory: "256M", cdrom: medium("isolinux-menu.iso") }),
    play: secondEntry,
  },
  {
    name: "EXTLINUX",
    files: ["extlinux.img"],
    seconds: 15,
    describe: ({ medium }) => ({
      memory: "256M",
      drives: [{ source: medium("extlinux.img"), snapshot: true }],
    }),
    play: secondEntry,
  },
  {
    name: "SYSLINUX",
    files: ["syslinux.img"],
    seconds: 15,
    describe: ({ medium }) => ({
      memory: "256M",
      drives: [{ source: medium("syslinux.img"), snapshot: true }],
    }),
    play: secondEntry,
  },
  {
    name: "GRUB from a CD, 32-bit entry",
    files: ["grub.iso"],
    seconds: 15,
    describe: ({ medium }) => ({ memory: "256M", cdrom: medium("grub.iso") }),
    async play(guest) {
      await guest.hears(/GRUB-ISO-OK/);
      await guest.shows(/GNU GRUB/);
      await guest.press("down", "ret");
      await guest.hears(/Linux version/, /MINI-LINUX-OK i686/);
    },
  },
  {
    name: "GRUB's facts of the machine",
    files: ["grub.iso"],
    seconds: 3,
    describe: ({ medium }) => ({ memory: "256M", cdrom: medium("grub.iso") }),
    async play(guest) {
      await guest.hears(/GRUB-ISO-OK/, /Machine facts/);
      await guest.press("end", "ret");
      await guest.shows(/base_addr = 0x0, length = [^]*8086:7000[^]*long mode/);
    },
  },
  {
    name: "GRUB in graphics",
    files: ["grub.iso"],
    seconds: 3,
    describe: ({ medium }) => ({ memory: "256M", cdrom: medium("grub.iso") }),
    async play(guest) {
      await guest.hears(/GRUB-ISO-OK/, /Machine facts/);
      await guest.press("end", "up", "ret");
      await guest.draws(800, 600);
    },
  },
  {
    name: "GRUB's rescue CD",
    files: ["grub-rescue.iso"],
    seconds: 6,
    describe: ({ medium }) => ({ memory: "64M", cdrom: medium("grub-rescue.iso") }),
    async play(guest) {
      await guest.shows(/GNU GRUB {2}version/);
      await guest.press("c");
      await guest.shows(/grub>/);
      await guest.types("echo grub-$cmdpath\n");
      await guest.shows(/grub-\(/);
    },
  },
  {
    name: "GRUB's rescue floppy",
    files: ["grub-rescue-floppy.img"],
    seconds: 3,
    describe: ({ copy }) => ({ memory: "64M", floppy: copy("grub-rescue-floppy.img"), bootOrder: "a" }),
    async play(guest) {
      await guest.shows(/GNU GRUB {2}version/);
      await guest.press("c");
      await guest.shows(/grub>/);
    },
  },
  {
    name: "iPXE without a network",
    files: ["ipxe.iso"],
    seconds: 6,
    describe: ({ medium }) => ({ memory: "64M", cdrom: medium("ipxe.iso") }),
    play: (guest) => guest.shows(/Open Source Network Boot Firmware/, /No more network devices/),
  },
  {
    name: "memtest86+, from a menu on the serial line",
    files: ["memtest-menu.iso"],
    seconds: 8,
    describe: ({ medium }) => ({ memory: "32M", cdrom: medium("memtest-menu.iso") }),
    async play(guest) {
      await guest.hears(/Memory test menu/);
      await guest.sends("\n");
      await guest.hears(/Memtest86/);
      await guest.shows(/Testing:/);
    },
  },
  {
    name: "memtest86+, 32 bits, to its last test",
    files: ["memtest32.iso"],
    seconds: 30,
    describe: ({ medium }) => ({ memory: "8M", cdrom: medium("memtest32.iso") }),
    play: (guest) => guest.shows(/Memtest86\+ v6/, /Test #10/, /Errors: 0/),
  },
  {
    name: "memtest86+, 64 bits, a whole pass",
    files: ["memtest64.iso"],
    seconds: 180,
    describe: ({ medium }) => ({ memory: "8M", cdrom: medium("memtest64.iso") }),
    play: (guest) => guest.shows(/Memtest86\+ v6/, /Pass: +1 +Errors: 0/),
  },
  {
    name: "Debian's installer to its second question, as text",
    files: ["di-linux", "di-initrd.gz"],
    seconds: 90,
    describe: ({ medium }) => ({
      memory: "1G",
      kernel: medium("di-linux"),
      initrd: medium("di-initrd.gz"),
      commandLine: "console=ttyS0,115200n8 DEBIAN_FRONTEND=text TERM=dumb",
    }),
    async play(guest) {
      await guest.hears(/Select a language/, /Prompt: /);
      await guest.sends("\n");
      await guest.hears(/Select your location/);
    },
  },
  {
    name: "Debian from its disk: two CPUs, systemd, both consoles, power off",
    files: ["debian.qcow2"],
    seconds: 100,
    describe: ({ copy }) => ({ memory: "512M", cpus: 2, drives: [copy("debian.qcow2")] }),
    async play(guest) {
      await guest.hears(/GNU GRUB/, /Linux version/);
      await guest.logsIn();
      await guest.sends("systemctl is-system-running --wait; nproc; echo rc-$((6*7))\n");
      await guest.hears(/running/, /rc-42/);
      await guest.types("root\n");
      await guest.shows(/Password:/);
      await guest.types("root\n");
      await guest.shows(/root@guest:~#/);
      await guest.sends("poweroff\n");
      await guest.powersOff();
    },
  },
  {
    name: "an installer CD onto an empty disk, and the system from that disk",
    files: ["installer.iso"],
    seconds: 200,
    describe: async ({ medium, emptyDisk }) => ({
      memory: "512M",
      cpus: 2,
      drives: [await emptyDisk()],
      cdrom: medium("installer.iso"),
      bootOrder: "cd",
    }),
    async play(guest) {
      await guest.hears(/Guest installer/, /INSTALL: filesystem made/, /INSTALL: system unpacked/);
      await guest.hears(/INSTALL: boot loader grub installed/, /INSTALL: complete, reboot/, /GNU GRUB/);
      await guest.logsIn();
      await guest.sends("findmnt -no OPTIONS /; systemctl is-system-running --wait\n");
      await guest.hears(/errors=remount-ro/, /running/);
      await guest.sends("poweroff\n");
      await guest.powersOff();
    },
  },
];
