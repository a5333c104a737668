// The instruction table of the assembler: one row per encoding, in the words of the manual (SDM 2, appendix A).
//
//   mnemonic  operands  encoding
//
// Operands  E register or memory, G register in ModRM.reg, R register in ModRM.rm, M memory, Z register in the
//           opcode, S segment, C control, D debug register, O address without ModRM, I immediate, J jump target;
//           then the size: b w d q, v (16, 32 or 64 bits), y (32 or 64), z (v, at most 32).
//           Is: a byte that is sign-extended; Iu: fits 32 bits unsigned; Il: fits 32 bits signed.
// Encoding  hex bytes; `+r` adds a register; /r and /0 … /7: ModRM; ib iw id iq iz: immediate; jb jz: displacement;
//           far: offset and selector; moffs: address.
//           o16 o32 o64: operand size; f64: 64 bits by default in 64-bit code; any: the size needs no prefix;
//           legacy: not in 64-bit code.
//
// Of the rows that fit, the first is taken; where several encodings exist the order is NASM's choice.

const CONDITIONS = "o no b/c/nae ae/nb/nc e/z ne/nz be/na a/nbe s ns p/pe np/po l/nge ge/nl le/ng g/nle";

const ARITHMETIC = "add or adc sbb and sub xor cmp"; // opcodes 00-3F, group 1
const SHIFTS = "rol ror rcl rcr shl shr - sar"; // group 2
const BIT_TESTS = "bt bts btr btc"; // group 8, /4 … /7

const ROWS = `
mov    AL,Ob  A0 moffs legacy
mov    rAX,Ov A1 moffs legacy
mov    Ob,AL  A2 moffs legacy
mov    Ov,rAX A3 moffs legacy
mov    Eb,Gb  88 /r
mov    Ev,Gv  89 /r
mov    Gb,Eb  8A /r
mov    Gv,Ev  8B /r
mov    Rv,Sw  8C /r
mov    M,Sw   8C /r any
mov    Sw,Ev  8E /r any
mov    Sw,M   8E /r any
mov    Zb,Ib  B0+r ib
mov    Zq,Iu  B8+r id o32
mov    Rq,Il  C7 /0 id
mov    Zq,Iq  B8+r iq
mov    Zv,Iz  B8+r iz
mov    Eb,Ib  C6 /0 ib
mov    Ev,Iz  C7 /0 iz
mov    Ry,Cy  0F 20 /r any
mov    Cy,Ry  0F 22 /r any
mov    Ry,Dy  0F 21 /r any
mov    Dy,Ry  0F 23 /r any
movzx  Gv,Eb  0F B6 /r
movzx  Gv,Ew  0F B7 /r
movsx  Gv,Eb  0F BE /r
movsx  Gv,Ew  0F BF /r
movsxd Gq,Ed  63 /r
lea    Gv,M   8D /r
xchg   rAX,Zv 90+r
xchg   Zv,rAX 90+r
xchg   Gb,Eb  86 /r
xchg   Gv,Ev  87 /r
xchg   Eb,Gb  86 /r
xchg   Ev,Gv  87 /r
movbe  Gv,M   0F 38 F0 /r
movbe  M,Gv   0F 38 F1 /r
movnti M,Gy   0F C3 /r

push   Zv     50+r f64
push   Ev     FF /6 f64
push   Is     6A ib f64
push   Iz     68 iz f64
push   ES     06 legacy any
push   CS     0E legacy any
push   SS     16 legacy any
push   DS     1E legacy any
push   FS     0F A0 any
push   GS     0F A8 any
pop    Zv     58+r f64
pop    Ev     8F /0 f64
pop    ES     07 legacy any
pop    SS     17 legacy any
pop    DS     1F legacy any
pop    FS     0F A1 any
pop    GS     0F A9 any
pusha  -      60 legacy any
pushaw -      60 legacy o16
pushad -      60 legacy o32
popa   -      61 legacy any
popaw  -      61 legacy o16
popad  -      61 legacy o32
pushf  -      9C any
pushfw -      9C o16
pushfd -      9C legacy o32
pushfq -      9C any
popf   -      9D any
popfw  -      9D o16
popfd  -      9D legacy o32
popfq  -      9D any
enter  Iw,Ib  C8 iw ib any
leave  -      C9 any
lahf   -      9F
sahf   -      9E

inc    Zw     40+r legacy
inc    Zd     40+r legacy
inc    Eb     FE /0
inc    Ev     FF /0
dec    Zw     48+r legacy
dec    Zd     48+r legacy
dec    Eb     FE /1
dec    Ev     FF /1
test   Eb,Gb  84 /r
test   Ev,Gv  85 /r
test   Gb,Eb  84 /r
test   Gv,Ev  85 /r
test   AL,Ib  A8 ib
test   rAX,Iz A9 iz
test   Eb,Ib  F6 /0 ib
test   Ev,Iz  F7 /0 iz
not    Eb     F6 /2
not    Ev     F7 /2
neg    Eb     F6 /3
neg    Ev     F7 /3
mul    Eb     F6 /4
mul    Ev     F7 /4
imul   Eb     F6 /5
imul   Ev     F7 /5
imul   Gv,Ev  0F AF /r
imul   Gv,Ev,Is 6B /r ib
imul   Gv,Ev,Iz 69 /r iz
div    Eb     F6 /6
div    Ev     F7 /6
idiv   Eb     F6 /7
idiv   Ev     F7 /7
shld   Ev,Gv,Ib 0F A4 /r ib
shld   Ev,Gv,CL 0F A5 /r
shrd   Ev,Gv,Ib 0F AC /r ib
shrd   Ev,Gv,CL 0F AD /r
bswap  Zy     0F C8+r
bsf    Gv,Ev  0F BC /r
bsr    Gv,Ev  0F BD /r
tzcnt  Gv,Ev  F3 0F BC /r
lzcnt  Gv,Ev  F3 0F BD /r
popcnt Gv,Ev  F3 0F B8 /r
adcx   Gy,Ey  66 0F 38 F6 /r
adox   Gy,Ey  F3 0F 38 F6 /r
crc32  Gd,Eb  F2 0F 38 F0 /r
crc32  Gd,Ew  F2 0F 38 F1 /r o16
crc32  Gd,Ed  F2 0F 38 F1 /r
crc32  Gq,Eq  F2 0F 38 F1 /r
cmpxchg Eb,Gb 0F B0 /r
cmpxchg Ev,Gv 0F B1 /r
cmpxchg8b  M  0F C7 /1
cmpxchg16b M  0F C7 /1 o64
xadd   Eb,Gb  0F C0 /r
xadd   Ev,Gv  0F C1 /r
cbw    -      98 o16
cwde   -      98 o32
cdqe   -      98 o64
cwd    -      99 o16
cdq    -      99 o32
cqo    -      99 o64
daa    -      27 legacy
das    -      2F legacy
aaa    -      37 legacy
aas    -      3F legacy
aam    -      D4 0A legacy
aam    Ib     D4 ib legacy
aad    -      D5 0A legacy
aad    Ib     D5 ib legacy
clc    -      F8
stc    -      F9
cmc    -      F5
cld    -      FC
std    -      FD
cli    -      FA
sti    -      FB

jmp    Jb     EB jb
jmp    Jz     E9 jz
jmp    Ev     FF /4 f64
jmp    Ap     EA far legacy
jmp    Mp     FF /5
call   Jz     E8 jz
call   Ev     FF /2 f64
call   Ap     9A far legacy
call   Mp     FF /3
loopne Jb     E0 jb
loope  Jb     E1 jb
loop   Jb     E2 jb
jcxz   Jb     E3 jb a16
jecxz  Jb     E3 jb a32
jrcxz  Jb     E3 jb
ret    -      C3
ret    Iw     C2 iw
retf   -      CB
retf   Iw     CA iw
retfq  -      CB o64
int3   -      CC
int    Ib     CD ib
into   -      CE legacy
iret   -      CF
iretw  -      CF o16
iretd  -      CF o32
iretq  -      CF o64
bound  Gv,M   62 /r legacy

in     AL,Ib  E4 ib
in     eAX,Ib E5 ib
in     AL,DX  EC
in     eAX,DX ED
out    Ib,AL  E6 ib
out    Ib,eAX E7 ib
out    DX,AL  EE
out    DX,eAX EF
xlatb  -      D7

lds    Gv,M   C5 /r legacy
les    Gv,M   C4 /r legacy
lss    Gv,M   0F B2 /r
lfs    Gv,M   0F B4 /r
lgs    Gv,M   0F B5 /r
arpl   Ew,Gw  63 /r legacy any
lar    Gv,Ev  0F 02 /r
lsl    Gv,Ev  0F 03 /r
sldt   Rv     0F 00 /0
sldt   M      0F 00 /0 any
str    Rv     0F 00 /1
str    M      0F 00 /1 any
lldt   Ew     0F 00 /2 any
ltr    Ew     0F 00 /3 any
verr   Ew     0F 00 /4 any
verw   Ew     0F 00 /5 any
sgdt   M      0F 01 /0
sidt   M      0F 01 /1
lgdt   M      0F 01 /2
lidt   M      0F 01 /3
smsw   Rv     0F 01 /4
smsw   M      0F 01 /4 any
lmsw   Ew     0F 01 /6 any
invlpg M      0F 01 /7
clts   -      0F 06
hlt    -      F4
nop    -      90
nop    Ev     0F 1F /0
pause  -      F3 90
ud2    -      0F 0B
cpuid  -      0F A2
rdtsc  -      0F 31
rdtscp -      0F 01 F9
rdmsr  -      0F 32
wrmsr  -      0F 30
rdpmc  -      0F 33
rdrand Rv     0F C7 /6
syscall  -    0F 05
sysret   -    0F 07
sysenter -    0F 34
sysexit  -    0F 35
swapgs -      0F 01 F8
rdfsbase Ry   F3 0F AE /0
rdgsbase Ry   F3 0F AE /1
wrfsbase Ry   F3 0F AE /2
wrgsbase Ry   F3 0F AE /3
invd   -      0F 08
wbinvd -      0F 09
lfence -      0F AE E8
mfence -      0F AE F0
sfence -      0F AE F8
wait   -      9B
fninit -      DB E3
`;

/** One encoding of a mnemonic. */
export interface Encoding {
  readonly operands: readonly string[];
  readonly tokens: readonly string[];
}

/** Encodings by mnemonic, in order of preference. */
export const INSTRUCTIONS: ReadonlyMap<string, readonly Encoding[]> = buildTable();

function buildTable(): Map<string, Encoding[]> {
  const table = new Map<string, Encoding[]>();
  const row = (line: string): void => {
    const [mnemonic, operands, ...tokens] = line.trim().split(/\s+/);
    const encoding = { operands: operands === "-" ? [] : operands.split(","), tokens };
    table.set(mnemonic, [...(table.get(mnemonic) ?? []), encoding]);
  };
  const hex = (byte: number): string => byte.toString(16).padStart(2, "0").toUpperCase();

  ROWS.split("\n").filter(Boolean).forEach(row);
  ARITHMETIC.split(" ").forEach((name, n) => {
    row(`${name} Eb,Gb ${hex(n * 8)} /r`);
    row(`${name} Ev,Gv ${hex(n * 8 + 1)} /r`);
    row(`${name} Gb,Eb ${hex(n * 8 + 2)} /r`);
    row(`${name} Gv,Ev ${hex(n * 8 + 3)} /r`);
    row(`${name} AL,Ib ${hex(n * 8 + 4)} ib`);
    row(`${name} Ev,Is 83 /${n} ib`);
    row(`${name} rAX,Iz ${hex(n * 8 + 5)} iz`);
    row(`${name} Eb,Ib 80 /${n} ib`);
    row(`${name} Ev,Iz 81 /${n} iz`);
  });
  SHIFTS.split(" ").forEach((name, n) => {
    if (name === "-") return;
    for (const [count, byByte, bySize] of ["1 D0 D1", "CL D2 D3", "Ib C0 C1"].map((s) => s.split(" "))) {
      const immediate = count === "Ib" ? " ib" : "";
      row(`${name} Eb,${count} ${byByte} /${n}${immediate}`);
      row(`${name} Ev,${count} ${bySize} /${n}${immediate}`);
    }
  });
  BIT_TESTS.split(" ").forEach((name, n) => {
    row(`${name} Ev,Gv 0F ${hex(0xa3 + n * 8)} /r`);
    row(`${name} Ev,Ib 0F BA /${n + 4} ib`);
  });
  CONDITIONS.split(" ").forEach((names, n) => {
    for (const name of names.split("/")) {
      row(`j${name} Jb ${hex(0x70 + n)} jb`);
      row(`j${name} Jz 0F ${hex(0x80 + n)} jz`);
      row(`set${name} Eb 0F ${hex(0x90 + n)} /0`);
      row(`cmov${name} Gv,Ev 0F ${hex(0x40 + n)} /r`);
    }
  });
  "mov:A4 cmp:A6 stos:AA lods:AC scas:AE ins:6C outs:6E".split(" ").forEach((pair) => {
    const [name, opcode] = pair.split(":");
    const string = name === "mov" || name === "cmp" ? `${name}s` : name;
    const sized = hex(parseInt(opcode, 16) + 1);
    row(`${string}b - ${opcode}`);
    row(`${string}w - ${sized} o16`);
    row(`${string}d - ${sized} o32`);
    if (parseInt(opcode, 16) > 0xa0) row(`${string}q - ${sized} o64`);
  });
  for (const [alias, name] of ["sal shl", "loopz loope", "loopnz loopne"].map((s) => s.split(" ")))
    table.set(alias, table.get(name)!);
  return table;
}
