// Guests of a few bytes, each a floppy that boots: for tests and benchmarks of screen, keyboard and serial port.
import { assemble } from "../../guests/asm/assemble.ts";

const FLOPPY = 1440 * 1024;

function floppy(code: string): Uint8Array<ArrayBuffer> {
  const image = new Uint8Array(FLOPPY);
  image.set(assemble(`org 0x7c00\n${code}\ntimes 510 - ($ - $$) db 0\ndw 0xaa55`).bytes);
  return image;
}

/** Echoes keys to the screen and to the serial port. */
export const echoFloppy = floppy(`
next:   xor ax, ax
        int 0x16
        push ax
        mov ah, 0x0e
        int 0x10
        pop ax
        mov dx, 0x3f8
        out dx, al
        jmp next
`);

/** Answers each key with the next letter, on the serial port. */
export const countingFloppy = floppy(`
        mov bl, 0x40
next:   xor ax, ax
        int 0x16
        inc bl
        mov al, bl
        mov dx, 0x3f8
        out dx, al
        jmp next
`);

/** Fills the text screen with ever other characters and prints them to the serial port, as fast as it can. */
export const busyFloppy = floppy(`
        mov ax, 0xb800
        mov es, ax
        mov dx, 0x3f8
again:  inc bx
        xor di, di
        mov cx, 80 * 25
cell:   mov ax, bx
        add ax, di
        and al, 0x3f
        add al, 0x20
        stosw
        out dx, al
        loop cell
        jmp again
`);

/** Fills a picture of 1024 × 768 at 32 bits with one colour after the other, as fast as it can. */
export const paintingFloppy = floppy(`
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ax, 0x4f01
        mov cx, 0x144
        mov di, mode
        int 0x10
        mov ax, 0x4f02
        mov bx, 0x4144
        int 0x10
        cli
        lgdt [table]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp 8:flat
        bits 32
flat:   mov ax, 16
        mov ds, ax
        mov es, ax
        xor eax, eax
again:  add eax, 0x010307
        mov edi, [mode + 0x28]          ; PhysBasePtr
        mov ecx, 1024 * 768
        rep stosd
        jmp again
table:  dw 23
        dd gdt
gdt:    dq 0
        dq 0x00cf9b000000ffff
        dq 0x00cf93000000ffff
mode    equ 0x7e00
`);
