; The BIOS: what the processor itself must find in ROM. Every service is a stub that traps into the engine
; (assembly/firmware/bios): it pushes its number and writes to FIRMWARE_PORT. The engine reads and sets the caller's
; registers, and the flags in the interrupt's frame; carry set after the OUT means "not yet: ask again", so that a key
; or a disk is waited for with interrupts on. NASM's syntax, assembled by guests/asm into dist/bios.bin.
;
; Software jumps to some addresses of IBM's ROM without asking for their vector: those stand where they stood.

FIRMWARE_PORT   equ 0xe8                ; assembly/machine/wiring.ts
POST            equ 0                   ; a service's number is its interrupt's, but for this one
BOOT_STACK      equ 0x6f04

BDA             equ 0x40                ; fields of the BIOS data area, by offset in segment 40h
EBDA_SEGMENT    equ 0x0e
FLOPPY_DONE     equ 0x3e
TICKS           equ 0x6c
MIDNIGHT        equ 0x70
DISK_DONE       equ 0x8e
TICKS_A_DAY     equ 0x1800b0
EBDA_MOUSE_CALL equ 0x22                ; far pointer to the caller's mouse handler

        bits 16
        org 0

; The start of the segment holds what the engine builds: ACPI's root pointer, SMBIOS, $PIR. Code begins behind it.
        times 0x8000 - ($ - $$) db 0

; --- Fonts: 256 glyphs each (assembly/firmware/bios/layout.ts: FONT_*) ------------------------------------------------

        times 0xb000 - ($ - $$) db 0    ; 8x16, 8x14, 8x8: put in by scripts/build.mjs
        times 0xe000 - ($ - $$) db 0

; --- A service: the number on the stack, above it the interrupt's frame -----------------------------------------------

serve:  sti
.ask:   out FIRMWARE_PORT, al
        jc .ask
        add sp, 2
        iret

; The same for what must not be interrupted.
serve_quietly:
        out FIRMWARE_PORT, al
        add sp, 2
        iret

; --- Power on and boot ------------------------------------------------------------------------------------------------

        times 0xe05b - ($ - $$) db 0
reset:  cli
        cld
        mov eax, cr0
        and eax, 0x9fffffff             ; caches on: CD and NW clear, as systems expect to find them
        mov cr0, eax
        xor ax, ax
        mov ss, ax
        mov sp, BOOT_STACK
        push word POST
        out FIRMWARE_PORT, al
        jmp bootstrap

; INT 18h and 19h never return: the engine writes the boot sector's address into a frame that we make.
bootstrap:
        push word 0x19
        jmp boot
int18:  push word 0x18
boot:   pop bx
        cld
        xor ax, ax
        mov ss, ax
        mov sp, BOOT_STACK
        mov ds, ax
        mov es, ax
        push word 0x202                 ; interrupts on
        push ax
        push ax
        push bx
        jmp serve

; --- Hardware interrupts ----------------------------------------------------------------------------------------------

; IRQ 12: the engine takes the mouse's byte; carry clear with a whole packet: status AX, movement BX, CX.
int74:  pushad
        push ds
        push word 0x74
        out FIRMWARE_PORT, al
        pop dx
        jc .done
        push BDA
        pop ds
        mov ds, [EBDA_SEGMENT]
        push ax
        push bx
        push cx
        push word 0
        call far [EBDA_MOUSE_CALL]
        add sp, 8
.done:  pop ds
        popad
eoi_secondary:
        push ax
        mov al, 0x20
        out 0xa0, al
        out 0x20, al
        pop ax
        iret

eoi_primary:
        push ax
        mov al, 0x20
        out 0x20, al
        pop ax
        iret

; IRQ 8: the clock's alarm and its periodic interrupt.
int70:  push ax
        mov al, 0x0c                    ; register C says why, reading it lets the next one come
        out 0x70, al
        in al, 0x71
        test al, 0x20
        jz .done
        sti
        int 0x4a
.done:  pop ax
        jmp eoi_secondary

; IRQ 9 is where IRQ 2 was.
int71:  push ax
        mov al, 0x20
        out 0xa0, al
        pop ax
        int 0x0a
        iret

; IRQ 13: an x87 exception, as an NMI on the PC.
int75:  push ax
        xor al, al
        out 0xf0, al
        mov al, 0x20
        out 0xa0, al
        out 0x20, al
        pop ax
        int 2
        iret

; IRQ 14 and 15: a disk has finished.
int76:  push ds
        push BDA
        pop ds
        mov byte [DISK_DONE], 0xff
        pop ds
        jmp eoi_secondary

; --- Fixed places -----------------------------------------------------------------------------------------------------

        times 0xe2c3 - ($ - $$) db 0
int02:  iret

        times 0xe3fe - ($ - $$) db 0
int13:  push word 0x13
        jmp serve

        times 0xe6f2 - ($ - $$) db 0
int19:  jmp bootstrap

; INT 15h C0h: model FC, submodel 00, revision 1; second 8259, RTC, INT 15h 4Fh, extended BIOS data area; INT 16h 09h.
configuration:
        dw 8
        db 0xfc, 0x00, 0x01, 0x74, 0x40, 0x00, 0x00, 0x00

        times 0xe739 - ($ - $$) db 0
int14:  push word 0x14
        jmp serve

        times 0xe82e - ($ - $$) db 0
int16:  push word 0x16
        jmp serve

; IRQ 1. INT 15h 4Fh may change or swallow the code; the engine then says in AL what the key calls for.
        times 0xe987 - ($ - $$) db 0
int09:  push ax
        in al, 0x60
        mov ah, 0x4f
        stc
        int 0x15
        jnc .done
        push word 0x09
        out FIRMWARE_PORT, al
        add sp, 2
        cmp al, 0x1b
        jne .print
        sti
        int 0x1b                        ; Ctrl-Break
        jmp .done
.print: cmp al, 0x05
        jne .done
        sti
        int 0x05                        ; Print Screen
.done:  cli
        pop ax
        jmp eoi_primary

        times 0xec59 - ($ - $$) db 0
int40:  push word 0x40
        jmp serve

; IRQ 6: the floppy controller.
        times 0xef57 - ($ - $$) db 0
int0e:  push ds
        push BDA
        pop ds
        or byte [FLOPPY_DONE], 0x80
        pop ds
        jmp eoi_primary

; Floppy parameters (INT 1Eh): step rate, DMA, motor off, 512 bytes a sector, sectors, gaps, filler, settle, start.
        times 0xefc7 - ($ - $$) db 0
floppy_parameters:
        db 0xaf, 0x02, 0x25, 0x02, 0x12, 0x1b, 0xff, 0x6c, 0xf6, 0x0f, 0x08

        times 0xefd2 - ($ - $$) db 0
int17:  push word 0x17
        jmp serve

        times 0xf065 - ($ - $$) db 0
int10:  push word 0x10
        jmp serve_quietly

        times 0xf841 - ($ - $$) db 0
int12:  push word 0x12
        jmp serve

        times 0xf84d - ($ - $$) db 0
int11:  push word 0x11
        jmp serve

        times 0xf859 - ($ - $$) db 0
int15:  push word 0x15
        jmp serve

; The first half of the 8x8 font, which CGA's graphics modes are promised here: put in by scripts/build.mjs.
        times 0xfa6e - ($ - $$) db 0

        times 0xfe6e - ($ - $$) db 0
int1a:  push word 0x1a
        jmp serve

; IRQ 0: 18.2 times a second.
        times 0xfea5 - ($ - $$) db 0
int08:  push ds
        push BDA
        pop ds
        push eax
        mov eax, [TICKS]
        inc eax
        cmp eax, TICKS_A_DAY
        jb .same_day
        xor eax, eax
        inc byte [MIDNIGHT]
.same_day:
        mov [TICKS], eax
        pop eax
        pop ds
        int 0x1c
        jmp eoi_primary

; What the vectors of interrupts 08h-1Fh and 70h-77h are set to.
        times 0xfef3 - ($ - $$) db 0
        dw int08, int09, eoi_primary, eoi_primary, eoi_primary, eoi_primary, int0e, eoi_primary
        dw int10, int11, int12, int13, int14, int15, int16, int17
        dw int18, int19, int1a, dummy, dummy, 0, floppy_parameters, 0
        dw int70, int71, eoi_secondary, eoi_secondary, int74, int75, int76, int76

        times 0xff53 - ($ - $$) db 0
dummy:  iret
int05:  iret

        times 0xfff0 - ($ - $$) db 0
        jmp 0xf000:reset
        db "06/23/99", 0, 0xfc, 0
