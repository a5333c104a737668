// A guest of one boot sector, for tests of whole machines: each sector of the disk is made from the one before, by the
// BIOS, a timer's interrupt apart, and COM1 gets a line that depends on all of them. At the end it says "!".
import { assemble } from "../../guests/asm/assemble.ts";

/** Lines that it says before the "!". */
export const TICKS = 20;

export const TICKER = assemble(`
        bits 16
        org 0x7c00
start:  xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 0x7c00
        mov cx, 1
next:   push cx
        mov ax, 0x0201
        mov bx, 0x8000
        mov dx, 0x80
        int 0x13
        mov si, 0x8000
        mov cx, 256
sum:    lodsw
        add bx, ax
        rol bx, 1
        loop sum
        add [0x8000], bx
        push bx
        mov ah, 0x0e
        mov al, '.'
        int 0x10
        pop bx
        mov di, 4
digit:  rol bx, 4
        mov al, bl
        and al, 15
        add al, 'A'
        mov dx, 0x3f8
        out dx, al
        dec di
        jnz digit
        mov al, 10
        out dx, al
        pop cx
        inc cx
        push cx
        mov ax, 0x0301
        mov bx, 0x8000
        mov dx, 0x80
        int 0x13
        sti
        hlt
        pop cx
        cmp cx, ${TICKS + 1}
        jb next
        mov al, '!'
        mov dx, 0x3f8
        out dx, al
stop:   cli
        hlt
        jmp stop
        times 510 - ($ - $$) db 0
        dw 0xaa55
`).bytes;
