// BIOS services, asked by boot sectors: our firmware gives the answers, and SeaBIOS, where it is installed, the same.
import { existsSync, readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { assemble } from "../../guests/asm/assemble.ts";
import { MemorySource } from "../../host/block/memory.ts";
import type { DriveOptions } from "../../host/core/drives.ts";
import type { FirmwareImage } from "../../host/core/firmware.ts";
import { LocalMachine, type MachineOptions } from "../../host/machine.ts";
import { node } from "../../host/runtimes/node.ts";
import { useRuntime } from "../../host/runtimes/this.ts";
import { skipped } from "../support/needs.ts";

const MIB = 2 ** 20;
const SEABIOS = "/usr/share/seabios";
const DISK = 16 * MIB;

/** A boot sector: `program` tells what it finds by `put_byte` (AL), `put_word` (AX), `put_dword` (EAX), in hexadecimal. */
const sector = (program: string): Uint8Array =>
  assemble(`
        org 0x7c00
start:  xor cx, cx
        mov ds, cx
        mov es, cx
        jmp main
put_dword:  push eax
        shr eax, 16
        call put_word
        pop eax
put_word:   push ax
        mov al, ah
        call put_byte
        pop ax
put_byte:   push ax
        shr al, 4
        call nibble
        pop ax
nibble: pusha
        and al, 15
        add al, 0x30
        cmp al, 0x3a
        jb .out
        add al, 0x27
.out:   mov dx, 0x3f8
        out dx, al
        popa
        ret
space:  pusha
        mov al, 0x20
        mov dx, 0x3f8
        out dx, al
        popa
        ret
carry:  setc al                         ; "00" or "01"
        jmp put_byte
main:
${program}
        mov dx, 0x501
        mov al, 0
        out dx, al
        times 510 - ($ - $$) db 0
        dw 0xaa55
`).bytes;

beforeAll(() => useRuntime(node));

async function answers(
  program: string,
  firmware?: FirmwareImage,
  more: Partial<MachineOptions> = {},
): Promise<string> {
  const content = new Uint8Array(DISK);
  content.set(sector(program));
  content.fill(0x5a, 512, 1024);
  const machine = await LocalMachine.create({
    memory: 64 * MIB,
    disks: [new MemorySource(content)],
    debugExit: { port: 0x501, ports: 1 },
    firmware,
    ...more,
  });
  let text = "";
  machine.serial.onData((bytes) => (text += new TextDecoder().decode(bytes)));
  expect(await machine.run()).toEqual({ reason: "debug-exit", code: 1 });
  return text;
}

const firmwares: [string, () => FirmwareImage | undefined][] = [["our BIOS", (): undefined => undefined]];
if (existsSync(`${SEABIOS}/bios-256k.bin`))
  firmwares.push([
    "SeaBIOS",
    (): FirmwareImage => ({
      bios: readFileSync(`${SEABIOS}/bios-256k.bin`),
      videoRom: readFileSync(`${SEABIOS}/vgabios-stdvga.bin`),
    }),
  ]);
else skipped("BIOS services under SeaBIOS", "the package seabios is not installed");

describe.each(firmwares)("%s", (_, firmware) => {
  it.each([
    [
      "starts a boot sector with the drive in DL and interrupts on",
      "mov al, dl\n call put_byte\n pushf\n pop ax\n and ax, 0x200\n call put_word",
      "800200",
    ],
    [
      "INT 13h reads by geometry",
      "mov ax, 0x0201\n mov bx, 0x8000\n mov cx, 2\n mov dx, 0x80\n int 0x13\n call carry\n mov ax, [0x8000]\n call put_word",
      "005a5a",
    ],
    [
      "INT 13h refuses sector 0 and drives that are not there",
      `mov ax, 0x0201
       mov bx, 0x8000
       mov cx, 0
       mov dx, 0x80
       int 0x13
       call carry
       mov al, ah
       call put_byte
       call space
       mov ax, 0x0201
       mov cx, 1
       mov dx, 0x87
       int 0x13
       call carry`,
      "0101 01",
    ],
    [
      "INT 13h AH=08h, 15h: geometry less the last cylinder",
      `mov ah, 8
       mov dx, 0x80
       int 0x13
       mov ax, cx
       call put_word
       mov ax, dx
       call put_word
       call space
       mov ah, 0x15
       mov dx, 0x80
       int 0x13
       mov al, ah
       call put_byte
       mov ax, dx
       call put_word`,
      "1e3f0f01 037a10",
    ],
    [
      "INT 13h AH=41h, 42h, 48h: extended access",
      `mov ah, 0x41
       mov bx, 0x55aa
       mov dl, 0x80
       int 0x13
       mov ax, bx
       call put_word
       mov ax, cx
       call put_word
       call space
       mov si, packet
       mov ah, 0x42
       mov dl, 0x80
       int 0x13
       call carry
       mov ax, [0x9000]
       call put_word
       call space
       mov si, 0x9000
       mov word [si], 0x1a
       mov ah, 0x48
       mov dl, 0x80
       int 0x13
       mov eax, [si + 16]
       call put_dword
       mov ax, [si + 24]
       call put_word
       jmp over
packet: db 16, 0
       dw 1, 0x9000, 0
       dq 1
over:`,
      "aa550007 005a5a 000080000200",
    ],
    [
      "INT 12h, 15h AH=88h, E801h, E820h: memory",
      `int 0x12
       call put_word
       mov ah, 0x88
       int 0x15
       call put_word
       mov ax, 0xe801
       int 0x15
       call put_word
       mov ax, bx
       call put_word
       call space
       xor ebx, ebx
       mov cx, 3
       mov bp, sp
next:  push cx
       mov eax, 0xe820
       mov edx, 0x534d4150
       mov ecx, 20
       mov di, 0x9000
       int 0x15
       pop cx
       mov eax, [0x9000]
       call put_dword
       mov al, [0x9010]
       call put_byte
       loop next`,
      "027ffb803c0002fe 00000000010009fc0002000f000002",
    ],
    [
      "INT 15h AH=24h, 87h: A20, and memory beyond 1 MiB",
      `mov ax, 0x2402
       int 0x15
       call put_byte
       mov dword [0x9000], 0x12345678
       mov cx, 2
       mov si, gdt
       mov ah, 0x87
       int 0x15
       mov al, ah
       call put_byte
       mov byte [gdt + 0x14], 0x20
       mov byte [gdt + 0x12], 0
       mov byte [gdt + 0x13], 0
       mov word [gdt + 0x1a], 0xa000
       mov byte [gdt + 0x1c], 0
       mov cx, 2
       mov ah, 0x87
       int 0x15
       mov eax, [0xa000]
       call put_dword
       jmp over
gdt:   dq 0, 0
       dq 0x000093009000ffff
       dq 0x000093200000ffff
       dq 0, 0
over:`,
      "010012345678",
    ],
    [
      "INT 16h: what is put into the buffer comes out",
      `mov ah, 5
       mov cx, 0x1e61
       int 0x16
       call put_byte
       mov ah, 1
       int 0x16
       setz al
       call put_byte
       mov ah, 0
       int 0x16
       call put_word
       mov ah, 1
       int 0x16
       setz al
       call put_byte`,
      "00001e6101",
    ],
    [
      "INT 10h: mode, cursor, a character and its attribute",
      `mov ah, 0x0f
       int 0x10
       call put_word
       mov ax, 3
       int 0x10
       mov ah, 2
       mov bh, 0
       mov dx, 0x0305
       int 0x10
       mov ax, 0x0941
       mov bx, 0x1e
       mov cx, 1
       int 0x10
       mov ah, 8
       int 0x10
       call put_word
       mov ax, 0xb800
       mov es, ax
       mov ax, [es:(3 * 80 + 5) * 2]
       call put_word
       mov ax, 0x0e42
       int 0x10
       mov ah, 3
       int 0x10
       mov ax, dx
       call put_word
       mov ax, cx
       call put_word`,
      "50031e411e4103060607",
    ],
    [
      "INT 10h AH=06h scrolls",
      `mov ax, 3
       int 0x10
       mov ah, 2
       mov bh, 0
       mov dx, 0x1800
       int 0x10
       mov ax, 0x0e58
       int 0x10
       mov ax, 0x0e0a
       int 0x10
       mov ax, 0xb800
       mov es, ax
       mov ax, [es:23 * 160]
       call put_word
       mov ax, [es:24 * 160]
       call put_word`,
      "07580720",
    ],
    [
      "INT 10h AH=4Fh: a VESA mode with its linear frame buffer",
      `mov dword [0x9000], 0x32454256
       mov di, 0x9000
       mov ax, 0x4f00
       int 0x10
       call put_word
       mov ax, [0x9004]
       call put_word
       mov ax, [0x9012]
       call put_word
       call space
       mov ax, 0x4f01
       mov cx, 0x144
       int 0x10
       mov ax, [0x9010]
       call put_word
       mov al, [0x9019]
       call put_byte
       mov eax, [0x9028]
       call put_dword
       call space
       mov ax, 0x4f02
       mov bx, 0x4144
       int 0x10
       call put_word
       mov ax, 0x4f03
       int 0x10
       mov ax, bx
       call put_word`,
      "004f03000100 100020fd000000 004f4144",
    ],
    [
      "INT 1Ah: ticks go on, PCI functions are found",
      `mov ah, 0
       int 0x1a
       mov si, dx
wait:  mov ah, 0
       int 0x1a
       cmp dx, si
       je wait
       mov ax, 0xb101
       xor edi, edi
       int 0x1a
       mov eax, edx
       call put_dword
       mov ax, bx
       call put_word
       mov ax, 0xb102
       mov cx, 0x7010
       mov dx, 0x8086
       xor si, si
       int 0x1a
       mov ax, bx
       call put_word
       mov ax, 0xb109
       mov di, 0
       int 0x1a
       mov ax, cx
       call put_word`,
      "20494350021000098086",
    ],
    [
      "INT 11h, 14h: equipment, the line's state",
      "int 0x11\n and ax, 0x37\n call put_word\n mov ah, 3\n mov dx, 0\n int 0x14\n and ah, 0x60\n mov al, ah\n call put_byte",
      "002660",
    ],
  ])("%s", async (_name, program, expected) => {
    expect(await answers(program, firmware())).toBe(expected);
  });

  it.each([
    [0, "e0"],
    [2, "00"],
  ])("boots a CD of El Torito's media type %i", async (media, drive) => {
    const cd = { bus: "ide", index: 2, media: "cdrom", source: new MemorySource(elTorito(media)) } as const;
    const more = { disks: [], drives: [cd], boot: { order: "d" } };
    expect(await answers("mov al, dl\n call put_byte", firmware(), more)).toBe(drive);
  });
});

describe.each(firmwares)("%s and boot indices", (_, firmware) => {
  const drive = (index: number, mark: number, bootIndex?: number): DriveOptions => {
    const content = new Uint8Array(DISK);
    content.set(sector(`mov al, ${mark}\n call put_byte\n mov al, dl\n call put_byte`));
    return { bus: "ide", index, media: "disk", source: new MemorySource(content), bootIndex };
  };

  it("boots the second disk, as drive 80h, before a CD", async () => {
    const cd = { bus: "ide", index: 2, media: "cdrom", source: new MemorySource(elTorito(0)) } as const;
    const drives = [drive(0, 0x11), drive(1, 0x22, 3), { ...cd, bootIndex: 7 }];
    expect(await answers("", firmware(), { disks: [], drives, boot: { order: "d" } })).toBe("2280");
  });

  it("with strict tries nothing else, and retries after reboot-timeout", async () => {
    const cd: DriveOptions = { bus: "ide", index: 2, media: "cdrom", bootIndex: 0 };
    const machine = await LocalMachine.create({
      memory: 64 * MIB,
      drives: [drive(0, 0x11), cd],
      boot: { strict: true, retryWait: 100 },
      debugExit: { port: 0x501, ports: 1 },
      endOnReset: true,
      firmware: firmware(),
    });
    expect(await machine.run()).toEqual({ reason: "reset" });
  });
});

it("APM tells its version and switches off", async () => {
  const off = "mov ax, 0x5307\n mov bx, 1\n mov cx, 3\n int 0x15\n";
  const content = new Uint8Array(DISK);
  content.set(sector(`mov ax, 0x5300\n xor bx, bx\n int 0x15\n call put_word\n ${off}`));
  const machine = await LocalMachine.create({ memory: 64 * MIB, disks: [new MemorySource(content)] });
  let text = "";
  machine.serial.onData((bytes) => (text += new TextDecoder().decode(bytes)));
  expect(await machine.run()).toEqual({ reason: "power-off" });
  expect(text).toBe("0102");
});

/** A CD whose boot image is the sector that `answers` runs, after the specification's §2. */
function elTorito(media: number): Uint8Array {
  const content = new Uint8Array(2048 * 800);
  const view = new DataView(content.buffer);
  content.set(new TextEncoder().encode("\0CD001\x01EL TORITO SPECIFICATION"), 17 * 2048);
  view.setUint32(17 * 2048 + 0x47, 18, true);
  const catalogue = 18 * 2048;
  view.setUint8(catalogue, 1);
  view.setUint16(catalogue + 28, 0x55aa, true); // the words add up to 0
  view.setUint16(catalogue + 30, 0xaa55, true);
  view.setUint8(catalogue + 32, 0x88);
  view.setUint8(catalogue + 33, media);
  view.setUint16(catalogue + 38, 1, true);
  view.setUint32(catalogue + 40, 20, true);
  content.set(sector("mov al, dl\n call put_byte"), 20 * 2048);
  return content;
}
