; One of every operand form that the assembler knows: assembled by NASM too, and compared byte for byte.
bits 16
org 0x7c00
start: cli
 xor ax, ax
 mov ds, ax
 mov sp, start
 lgdt [gdtr]
 mov eax, cr0
 or al, 1
 mov cr0, eax
 jmp dword 8:pm
 mov ax,[bx+si+3]
 mov [0x1234], ax
 mov eax,[fs:ebx+4]
 add word [bp], 5
 add ax, 0xffff
 add ax, 0x1234
 push 5
 push dword 5
 push word 0x1234
 push ds
 pop fs
 jz near start
 jz start
 loop start
 call start
 call 0x1000:0x2000
 int 0x10
 xchg ax, bx
 xchg bx, ax
 xchg [bx], cl
 xchg cl, [bx]
 xchg ecx, edx
 rep movsb
 rep movsd
 repne scasw
 in al, 0x60
 out dx, eax
 shl ax, 1
 shl ax, 5
 shl byte [bx], cl
 imul ax, bx, 3
 imul ax, bx, 300
 inc ax
 inc cl
 dec dword [bx]
 retf 4
 jmp far [bx]
 les bx, [si]
 mov ax, ds
 mov eax, ds
 mov [bx], ds
 mov ds, [bx]
 mov es, ax
 test al, 3
 test [bx], al
 lea eax, [ebx*2+5]
 lea eax, [ebx*4+5]
 lea eax, [ebx+ecx*8+0x1234]
 lea ax, [bp+di]
 movzx eax, byte [bx]
 enter 5, 2
 iret
 iretd
 pushf
 pushfd
 pusha
 popad
 mov ah, 'A'
 mov cx, end-start
bits 32
pm: mov ax, 0x10
 mov ds, ax
 mov ds, eax
 mov eax, [start]
 mov [start], al
 mov ebx, start
 mov byte [ebx+4], 5
 add eax, 5
 add ebx, 0x12345
 add eax, 0x12345
 sub dword [esp+4], 200
 mov ax, ds
 mov cr3, eax
 push 0x12345
 push ax
 push dword [ebx]
 pop dword [ebx]
 call dword [ebx]
 jmp eax
 jmp 8:lm
 bt eax, 3
 bt [ebx], eax
 bts dword [ebx], 31
 setz al
 setnz [ebx]
 cmovc eax, [ebx]
 shld eax, ebx, 3
 shrd [eax], ebx, cl
 bswap ecx
 cmpxchg [ebx], ecx
 cmpxchg8b [ebx]
 lock xadd [ebx], eax
 str ax
 ltr ax
 jecxz pm
 mov eax, [bp+2]
 movsx eax, word [ebx]
 mov eax, -1
 times 200 nop
 jz pm
 jnz lm
 lar eax, [ebx]
bits 64
lm: mov rax, 5
 mov rax, -5
 mov rax, 0x123456789abcdef
 mov rax, 0xffffffff
 mov rax, 0x80000000
 mov rax, lm
 mov eax, lm
 mov rax, [rel lm]
 mov [rel lm], r9b
 mov dword [rel lm], 0x1234
 mov rax, [lm]
 add rax, -1
 add r8, r15
 mov sil, 3
 mov r12, [r13]
 mov r12, [r12]
 mov r12, [r12+r13*8+0x100]
 mov r12, [rsp]
 mov r12, [rsp+rbp]
 lea rax, [rbp+rsp]
 lea rax, [rax*8]
 lea rax, [rax*9]
 mov eax, [ebx]
 push rax
 push r9
 push 5
 push 0x12345
 push qword [rbx]
 pop r15
 push ax
 call qword [rax]
 call r10
 jmp lm
 jmp near lm
 jmp end
 movzx r9d, al
 movzx rax, word [rbx]
 movsxd rax, ecx
 movsx rax, cl
 iretq
 syscall
 o64 sysret
 swapgs
 cqo
 cdqe
 stosq
 rep movsq
 lodsb
 imul rax, rbx, 1000
 imul r9, [rbx]
 mul r9
 idiv qword [rbx]
 shr rax, 32
 sar r9, cl
 rol dword [rbx], 1
 mov cr4, rax
 mov r9, cr8
 mov rax, dr7
 inc rax
 inc byte [rbx]
 inc qword [rbx]
 test r9, r9
 test eax, 0x12345678
 test byte [rbx], 1
 cmp rax, 0x7fffffff
 cmp qword [rbx], -1
 and rsp, -16
 popcnt rax, rbx
 tzcnt eax, ecx
 bsf rax, [rbx]
 crc32 eax, bl
 crc32 rax, rbx
 crc32 eax, word [rbx]
 cmpxchg16b [rbx]
 rdtscp
 rdrand rax
 rdfsbase r9
 invlpg [rax]
 lgdt [rax]
 mov [gs:0x10], rax
 mov rax, [fs:rbx+8]
 xchg rax, r9
 xchg r9, rax
 xchg rbx, rcx
 nop
 pause
 bswap r9
 movbe rax,[rbx]
 adcx rax, rbx
 jrcxz lm2
lm2: loop lm2
 retfq
 ret 8
 mov ax, [rbx+1]
 in eax, dx
 out 0x80, al
 leave
 mov rbx, 'abcdefgh'
 sub rsp, 8
 setg r9b
 cmovne r9, [r9+8]
 bt qword [rax], 5
 mov byte [rax+rbx], 'x'
 lea rdi, [rel msg]
 mov r10d, [rdi+rsi*4-4]
 fninit
 align 16
gdtr: dw end-gdtr-1
 dd gdtr
msg: db "hello, world", 13, 10, 0
 dw 1, 2, 'ab'
 dd 3
 dq lm, -1, 1 << 40
 times 510-300 db 0x55
.x: dw .x - msg
n equ 5*3
 db n, (n+1)*2, ~n & 0xff
end:
