; The demo guest: what `wasmqemu demo` boots. A kernel by Linux' boot protocol (kernel.org: x86/boot.rst) that goes
; to long mode, shows the machine, keeps a boot counter on the first IDE disk, computes, and powers off.
; Talks to COM1 only; takes no interrupts. NASM's syntax, assembled by guests/asm.
;
;   100000h  this program's 32- and 64-bit part (behind the two setup sectors of the file)
;   200000h  page tables, then the stack
;   300000h  one byte per number for the sieve

KERNEL          equ 0x100000
SETUP_SIZE      equ 0x400
PML4            equ 0x200000
PDPT            equ 0x201000
PAGE_DIRECTORY  equ 0x202000
STACK_TOP       equ 0x208000
SECTOR          equ 0x208000            ; 512 bytes
SIEVE           equ 0x300000
SIEVE_SIZE      equ 1000000

COM1            equ 0x3f8
IDE             equ 0x1f0
PM_TIMER        equ 0x608               ; 24 bits at 3.579545 MHz (ACPI 1.0 §4.7.3.3)
PM1A_CONTROL    equ 0x604
PM_TIMER_HZ     equ 3579545
PM_TIMER_MASK   equ 0xffffff

        org KERNEL - SETUP_SIZE         ; so that the kernel's own labels are its addresses
        bits 16

; --- Setup header -------------------------------------------------------------------------------------------------

        times 0x1f1 - ($ - $$) db 0
        db SETUP_SIZE / 512 - 1         ; setup_sects
        dw 0                            ; root_flags
        dd (end - kernel + 15) / 16     ; syssize
        dw 0, 0, 0                      ; ram_size, vid_mode, root_dev
        dw 0xaa55                       ; boot_flag
        jmp short setup
        db "HdrS"
        dw 0x020a                       ; protocol version
        dd 0                            ; realmode_swtch
        dw 0                            ; start_sys_seg
        dw version - $$ - 0x200         ; kernel_version
        db 0                            ; type_of_loader
        db 1                            ; loadflags: LOADED_HIGH
        dw 0                            ; setup_move_size
        dd KERNEL                       ; code32_start
        dd 0, 0, 0                      ; ramdisk_image, ramdisk_size, bootsect_kludge
        dw 0, 0                         ; heap_end_ptr, ext_loader
        dd 0                            ; cmd_line_ptr
        dd 0x7fffffff                   ; initrd_addr_max
        dd 0x1000                       ; kernel_alignment
        db 0, 12                        ; relocatable_kernel, min_alignment
        dw 0                            ; xloadflags
        dd 255, 0                       ; cmdline_size, hardware_subarch
        dq 0                            ; hardware_subarch_data
        dd 0, 0                         ; payload_offset, payload_length
        dq 0, KERNEL                    ; setup_data, pref_address
        dd end - kernel                 ; init_size

; Real-mode entry, for loaders that start a kernel through its setup code: DS = this image, CS = DS + 20h.
setup:  cli
        mov ax, 0xe801                  ; memory: AX KiB above 1 MiB, BX times 64 KiB above 16 MiB
        int 0x15
        movzx eax, ax
        movzx ebx, bx
        shl ebx, 6
        add eax, ebx
        mov [ALT_MEM_K], eax            ; where the 32-bit entry's boot_params have it
        in al, 0x92                     ; A20
        or al, 2
        and al, 0xfe
        out 0x92, al
        lgdt [gdtr - $$]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        xor esi, esi
        mov si, ds
        shl esi, 4
        jmp dword 0x10:kernel

gdtr:   dw gdt_end - gdt - 1
        dd gdt
version: db "wasmqemu demo", 0
        times SETUP_SIZE - ($ - $$) db 0

; Fields of boot_params ("zero page").
ALT_MEM_K       equ 0x1e0
E820_ENTRIES    equ 0x1e8
E820_TABLE      equ 0x2d0               ; 20 bytes each: address, size, type (1 = RAM)

; --- 32-bit entry: ESI = boot_params, flat segments, paging off --------------------------------------------------

        bits 32
kernel: cli
        cld
        lgdt [cs:gdtr_here]
        mov eax, 0x18
        mov ds, eax
        mov es, eax
        mov ss, eax
        mov esp, STACK_TOP

        ; One page directory of 2 MiB pages maps the first GiB onto itself.
        mov edi, PML4
        xor eax, eax
        mov ecx, 0x3000 / 4
        rep stosd
        mov dword [PML4], PDPT + 3
        mov dword [PDPT], PAGE_DIRECTORY + 3
        mov edi, PAGE_DIRECTORY
        mov eax, 0x83                   ; present, writable, 2 MiB
.map:   mov [edi], eax
        add edi, 8
        add eax, 0x200000
        cmp edi, PAGE_DIRECTORY + 0x1000
        jb .map

        ; SDM 3A §9.8.5: PAE, CR3, EFER.LME, then paging.
        mov eax, cr4
        or eax, 1 << 5
        mov cr4, eax
        mov eax, PML4
        mov cr3, eax
        mov ecx, 0xc0000080
        rdmsr
        or eax, 1 << 8
        wrmsr
        mov eax, cr0
        or eax, 1 << 31
        mov cr0, eax
        jmp 0x20:long_mode

        align 8
gdt:    dq 0, 0
        dq 0x00cf9b000000ffff           ; 10h: 32-bit code
        dq 0x00cf93000000ffff           ; 18h: data
        dq 0x00af9b000000ffff           ; 20h: 64-bit code
gdt_end:
gdtr_here: dw gdt_end - gdt - 1
        dd gdt

; --- Long mode: R15 = boot_params ---------------------------------------------------------------------------------

        bits 64
long_mode:
        mov r15d, esi
        call serial_init
        lea rsi, [rel text_hello]
        call print
        call show_processor
        call show_memory
        call show_disk
        call mandelbrot
        call primes
        call speed
        lea rsi, [rel text_bye]
        call print

        mov dx, PM1A_CONTROL            ; SLP_TYP 0 (S5 on this chipset) and SLP_EN
        mov ax, 0x2000
        out dx, ax
.off:   hlt
        jmp .off

; --- The machine --------------------------------------------------------------------------------------------------

show_processor:
        lea rsi, [rel text_processor]
        call print
        mov eax, 0x80000000
        cpuid
        cmp eax, 0x80000004
        jb .unnamed
        mov r8d, 0x80000002
        mov rdi, SECTOR
.leaf:  mov eax, r8d
        cpuid
        mov [rdi], eax
        mov [rdi + 4], ebx
        mov [rdi + 8], ecx
        mov [rdi + 12], edx
        add rdi, 16
        inc r8d
        cmp r8d, 0x80000004
        jbe .leaf
        mov byte [rdi], 0
        mov rsi, SECTOR
        call print
        jmp new_line
.unnamed:
        lea rsi, [rel text_unnamed]
        jmp print

show_memory:
        lea rsi, [rel text_memory]
        call print
        xor eax, eax                    ; bytes of RAM
        movzx ecx, byte [r15 + E820_ENTRIES]
        lea rbx, [r15 + E820_TABLE]
        jrcxz .no_map
.entry: cmp dword [rbx + 16], 1
        jne .next
        add rax, [rbx + 8]
.next:  add rbx, 20
        loop .entry
        jmp .show
.no_map:
        mov eax, [r15 + ALT_MEM_K]
        shl rax, 10
        add rax, 0x100000
.show:  add rax, 0xfffff                ; in MiB, rounded up: firmware keeps a few KiB
        shr rax, 20
        call print_number
        lea rsi, [rel text_mib]
        jmp print

; --- The disk: PIO on the primary channel (ATA/ATAPI-6 §9) --------------------------------------------------------

show_disk:
        lea rsi, [rel text_disk]
        call print
        mov al, 0xe0                    ; master, LBA
        mov dx, IDE + 6
        out dx, al
        mov al, 0xec                    ; IDENTIFY DEVICE
        call disk_command
        jc .none
        call read_sector
        mov rbx, SECTOR + 27 * 2        ; words 27-46: the model, two characters a word, swapped
        mov ecx, 20
.model: mov ax, [rbx]
        xchg al, ah
        mov [rbx], ax
        add rbx, 2
        loop .model
.trim:  dec rbx                         ; it is padded with spaces
        cmp byte [rbx], ' '
        je .trim
        mov byte [rbx + 1], 0
        mov ebp, [SECTOR + 60 * 2]      ; words 60-61: sectors
        mov rsi, SECTOR + 27 * 2
        call print
        lea rsi, [rel text_comma]
        call print
        mov eax, ebp
        shr rax, 11
        call print_number
        lea rsi, [rel text_mib]
        call print
        jmp count_boot
.none:  lea rsi, [rel text_no_disk]
        jmp print

; The first sector holds our mark and how often the disk was booted. A disk with anything else on it stays as it is.
count_boot:
        mov al, 0x20                    ; READ SECTOR(S)
        call first_sector_command
        jc .failed
        call read_sector
        lea rsi, [rel disk_mark]
        mov rdi, SECTOR
        mov ecx, 16
        repe cmpsb
        je .ours
        mov rdi, SECTOR
        xor eax, eax
        mov ecx, 512 / 8
        repe scasq
        jne .foreign
        lea rsi, [rel disk_mark]
        mov rdi, SECTOR
        mov ecx, 16
        rep movsb
.ours:  inc dword [SECTOR + 16]
        mov al, 0x30                    ; WRITE SECTOR(S)
        call first_sector_command
        jc .failed
        mov dx, IDE
        mov rsi, SECTOR
        mov ecx, 256
        rep outsw
        mov al, 0xe7                    ; FLUSH CACHE
        call disk_command
        jc .failed
        lea rsi, [rel text_boot]
        call print
        mov eax, [SECTOR + 16]
        call print_number
        lea rsi, [rel text_again]
        jmp print
.foreign:
        lea rsi, [rel text_foreign]
        jmp print
.failed:
        lea rsi, [rel text_failed]
        jmp print

; Command AL for one sector at LBA 0.
first_sector_command:
        push rax
        mov dx, IDE + 2
        mov al, 1
        out dx, al
        xor eax, eax
        inc dx
        out dx, al
        inc dx
        out dx, al
        inc dx
        out dx, al
        pop rax

; Command AL; returns when the device is ready for data or done. CF: no device, or an error.
disk_command:
        mov dx, IDE + 7
        out dx, al
        in al, dx
        test al, al
        jz .bad
        cmp al, 0xff
        je .bad
.busy:  in al, dx
        test al, 0x80                   ; BSY
        jnz .busy
        test al, 0x21                   ; DF, ERR
        jnz .bad
        clc
        ret
.bad:   stc
        ret

read_sector:
        mov dx, IDE
        mov rdi, SECTOR
        mov ecx, 256
        rep insw
        ret

; --- Mandelbrot's set, in fixed point with 28 fraction bits -------------------------------------------------------

COLUMNS         equ 78
LINES           equ 24
ROUNDS          equ 120
ONE             equ 1 << 28

mandelbrot:
        mov r14d, LINES                 ; R13 + i R12 = c
        mov r12, -(ONE * 118 / 100)
.line:  mov ebp, COLUMNS
        mov r13, -(ONE * 22 / 10)
.point: xor r8d, r8d                    ; R8 + i R9 = z
        xor r9d, r9d
        xor ebx, ebx
.round: mov rax, r8
        imul rax, r8
        sar rax, 28                     ; re²
        mov rcx, r9
        imul rcx, r9
        sar rcx, 28                     ; im²
        lea rdx, [rax + rcx]
        cmp rdx, 4 * ONE
        ja .out
        imul r9, r8
        sar r9, 27                      ; 2 re im
        add r9, r12
        sub rax, rcx
        lea r8, [rax + r13]
        inc ebx
        cmp ebx, ROUNDS
        jb .round
.out:   xor eax, eax                    ; shade: the number of bits in the rounds
        bsr eax, ebx
        lea rsi, [rel shades]
        mov al, [rsi + rax]
        call put
        add r13, 3 * ONE / COLUMNS
        dec ebp
        jnz .point
        call new_line
        add r12, 236 * ONE / 100 / (LINES - 1)
        dec r14d
        jnz .line
        ret

; --- Primes below a million, and how long it took -----------------------------------------------------------------

primes:
        call timer
        mov r14d, eax
        mov rdi, SIEVE
        mov ecx, SIEVE_SIZE
        mov al, 1
        rep stosb
        mov ebx, 2
.number: mov eax, ebx
        imul eax, ebx
        cmp eax, SIEVE_SIZE
        jae .sieved
        cmp byte [rbx + SIEVE], 0
        je .composite
.strike: mov byte [rax + SIEVE], 0
        add eax, ebx
        cmp eax, SIEVE_SIZE
        jb .strike
.composite:
        inc ebx
        jmp .number
.sieved:
        xor r13d, r13d
        mov rsi, SIEVE + 2
        mov ecx, SIEVE_SIZE - 2
.count: movzx eax, byte [rsi]
        add r13d, eax
        inc rsi
        loop .count
        call timer
        sub eax, r14d
        and eax, PM_TIMER_MASK
        mov r14d, eax
        lea rsi, [rel text_primes]
        call print
        mov eax, r13d
        call print_number
        lea rsi, [rel text_in]
        call print
        imul rax, r14, 1000
        mov ecx, PM_TIMER_HZ
        xor edx, edx
        div rcx
        call print_number
        lea rsi, [rel text_ms]
        jmp print

; --- Instructions a second: eight a round, for a quarter of a second ----------------------------------------------

speed:  lea rsi, [rel text_speed]
        call print
        xor r13d, r13d                  ; instructions
        xor ebp, ebp                    ; ticks
        call timer
        mov r14d, eax
.batch: mov ecx, 100000
        mov eax, 1
        mov edx, 2
.round: mov ebx, eax
        shl eax, 13
        xor eax, ebx
        add edx, eax
        ror edx, 7
        lea eax, [rax + rdx*2]
        dec ecx
        jnz .round
        add r13, 800000
        call timer
        mov ebx, eax
        sub eax, r14d
        and eax, PM_TIMER_MASK
        mov r14d, ebx
        add ebp, eax
        cmp ebp, PM_TIMER_HZ / 4
        jb .batch
        imul rax, r13, PM_TIMER_HZ
        xor edx, edx
        div rbp
        mov ecx, 1000000
        xor edx, edx
        div rcx
        call print_number
        lea rsi, [rel text_mips]
        jmp print

timer:  mov dx, PM_TIMER
        in eax, dx
        and eax, PM_TIMER_MASK
        ret

; --- Serial port (16550) ------------------------------------------------------------------------------------------

serial_init:
        lea rsi, [rel .setup]
.next:  movzx edx, word [rsi]
        test edx, edx
        jz .done
        mov al, [rsi + 2]
        out dx, al
        add rsi, 3
        jmp .next
.done:  ret
.setup: dw COM1 + 1
        db 0                            ; no interrupts
        dw COM1 + 3
        db 0x80                         ; divisor latch
        dw COM1
        db 1                            ; 115200 bits/s
        dw COM1 + 1
        db 0
        dw COM1 + 3
        db 3                            ; 8 bits, no parity, 1 stop bit
        dw COM1 + 2
        db 7                            ; FIFOs on and empty
        dw 0

; Prints the text at RSI, which ends with a zero byte.
print:  lodsb
        test al, al
        jz .done
        call put
        jmp print
.done:  ret

new_line:
        mov al, 13
        call put
        mov al, 10

; Prints the character AL.
put:    push rdx
        push rax
        mov dx, COM1 + 5
.full:  in al, dx
        test al, 0x20                   ; THR empty
        jz .full
        pop rax
        mov dx, COM1
        out dx, al
        pop rdx
        ret

; Prints RAX in decimal.
print_number:
        mov ecx, 10
        xor r8d, r8d
.digit: xor edx, edx
        div rcx
        push rdx
        inc r8d
        test rax, rax
        jnz .digit
.print: pop rax
        add al, '0'
        call put
        dec r8d
        jnz .print
        ret

; --- Texts --------------------------------------------------------------------------------------------------------

disk_mark:      db "wasmqemu demo", 0, 0, 0     ; 16 bytes
shades:         db " .:-=+#"
text_hello:     db 13, 10, "Hello from 64-bit long mode.", 13, 10, 0
text_processor: db "  processor  ", 0
text_unnamed:   db "without a name", 13, 10, 0
text_memory:    db "  memory     ", 0
text_mib:       db " MiB", 13, 10, 0
text_disk:      db "  disk       ", 0
text_comma:     db ", ", 0
text_no_disk:   db "none on the first IDE channel", 13, 10, 0
text_boot:      db "  boot no.   ", 0
text_again:     db " of this disk (it remembers: run the same command again)", 13, 10, 0
text_foreign:   db "             holds data of its own, left as it is", 13, 10, 0
text_failed:    db "             reported an error", 13, 10, 0
text_primes:    db "  primes     ", 0
text_in:        db " below 1,000,000, found in ", 0
text_ms:        db " ms", 13, 10, 0
text_speed:     db "  speed      ", 0
text_mips:      db " million instructions a second", 13, 10, 0
text_bye:       db "Powering off.", 13, 10, 0
end:
