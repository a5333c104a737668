; A kernel that tells on the serial port what its boot loader told it: Multiboot (Multiboot Specification 0.6.96, by
; the header's addresses) or PVH (Xen's start_info.h). kernel.test.ts puts ELF headers in front for the latter.
KERNEL          equ 0x100000
COM1            equ 0x3f8
EXIT            equ 0x501

        bits 32
        org KERNEL
header: dd 0x1badb002                   ; magic, flags (memory information, addresses), checksum
        dd 0x00010003
        dd 0 - 0x1badb002 - 0x00010003
        dd header, KERNEL, 0, bss_end, start

start:  mov esp, stack
        mov esi, ebx
        call put_dword                  ; EAX
        mov eax, cr0
        call put_dword
        xor eax, eax
        mov ax, cs
        call put_dword
        mov ax, ds
        call put_dword
        pushfd
        pop eax
        and eax, 0x200
        call put_dword
        call newline
        cmp dword [esi], 0x336ec578
        je pvh

        mov ecx, 4                      ; flags, lower and upper memory, boot device
        call put_dwords
        call newline
        mov ebx, [esi]                  ; command line
        call put_text
        call newline
        mov ecx, [esi + 4]              ; modules
        mov edi, [esi + 8]
.module:
        test ecx, ecx
        jz .map
        mov eax, [edi]
        and eax, 0xfff                  ; on a page
        call put_dword
        mov eax, [edi + 4]
        sub eax, [edi]
        call put_dword
        mov ebx, [edi + 8]
        call put_text
        mov al, 0x20
        call put_byte
        mov ebx, [edi]                  ; the module's own first bytes: text, ended by zero
        call put_text
        call newline
        add edi, 16
        dec ecx
        jmp .module
.map:   mov edi, [esi + 32]             ; the map and its length, in bytes
        mov ebp, [esi + 28]
        add ebp, edi
.range: cmp edi, ebp
        jae done
        mov ebx, [edi]                  ; the size of this entry, less itself
        push esi
        mov esi, edi
        mov ecx, 6
        call put_dwords
        call newline
        pop esi
        lea edi, [edi + ebx + 4]
        jmp .range

pvh:    mov ecx, 4                      ; magic, version, flags, modules
        call put_dwords
        call newline
        mov edi, [esi]                  ; the list of modules
        mov ebx, [esi + 8]              ; command line
        call put_text
        call newline
        mov eax, [esi + 16]             ; RSDP: "RSD "
        mov eax, [eax]
        call put_dword
        cmp dword [esi - 4], 0
        je .map
        mov eax, [edi]
        and eax, 0xfff
        call put_dword
        mov eax, [edi + 8]
        call put_dword
        mov ebx, [edi]
        call put_text
.map:   call newline
        mov ebp, [esi + 32]             ; the map's entries
        mov esi, [esi + 24]
.range: mov ecx, 6
        call put_dwords
        call newline
        dec ebp
        jnz .range

done:   mov dx, EXIT
        xor eax, eax
        out dx, al
        hlt

put_dwords:                             ; ECX of them, at ESI
        mov eax, [esi]
        add esi, 4
        call put_dword
        loop put_dwords
        ret
put_dword:
        pushad
        mov ecx, 8
.digit: rol eax, 4
        push eax
        and al, 15
        add al, 0x30
        cmp al, 0x3a
        jb .out
        add al, 0x27
.out:   call put_byte
        pop eax
        loop .digit
        mov al, 0x20
        call put_byte
        popad
        ret
put_text:                               ; at EBX
        pushad
.next:  mov al, [ebx]
        test al, al
        jz .end
        call put_byte
        inc ebx
        jmp .next
.end:   popad
        ret
newline:
        mov al, 10
put_byte:
        push edx
        mov dx, COM1
        out dx, al
        pop edx
        ret

        align 16
file_end:
bss_end equ file_end + 0x1000
stack   equ bss_end
