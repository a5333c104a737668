// Vectors taken from a real processor in 64-bit user mode. A small kernel of ours surrounds each case: it loads
// x87 and SSE state with FXRSTOR, enters user mode with IRETQ, and whatever exception ends the instruction finds
// a gate that saves with FXSAVE and halts. So nothing but registers and RAM is touched from outside.
//
//   linear 1:1  kernel (first 2 MiB)     10000000h, 20000000h, 30000000h: two pages each of data, code, stack
import { assemble } from "../../guests/asm/assemble.ts";
import { Core } from "../support/core.ts";
import { requiredFeature, type Features } from "./native-features.ts";
import { type Form, type Outcome, type Runner, fromHex, skip, verdict } from "./vector-file.ts";

export interface NativeCase {
  bytes: string;
  /** RAX RCX RDX RBX RSP RBP RSI RDI R8 … R15. */
  r: string[];
  flags: number;
  mxcsr?: number;
  xmm?: string;
  ymm?: string;
  fcw?: number;
  fsw?: number;
  ftw?: number;
  st?: string;
  mem?: [string, string];
  stack?: string;
  out: {
    signal: number;
    rip: string;
    flags: number;
    undefined: number;
    r: Record<string, string>;
    mxcsr?: number;
    xmm?: Record<string, string>;
    ymm?: Record<string, string>;
    fcw?: number;
    fsw?: number;
    ftw?: number;
    st?: string;
    writes: [string, number][];
  };
}

const REGISTERS = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split(" ");
const DATA = 0x1000_0000;
const CODE = 0x2000_0000;
const STACK = 0x3000_0000;
/** Their physical place, two pages each. */
const FRAMES = new Map([
  [DATA, 0x20_0000],
  [CODE, 0x20_2000],
  [STACK, 0x20_4000],
]);
const REGION_SIZE = 0x2000;
const ENTRY = CODE + 0x100;
const INT3 = 0xcc;

// The kernel's memory.
const FX_IN = 0x8000;
const FX_OUT = 0x8200;
const FEATURES = 0x8400;
const FRAME = 0x8f00; // what IRETQ pops
const TSS = 0x9000;
const STACK_TOP = 0xa000;
const IDT = 0xb000;
const TABLES = 0x10000;
const VECTORS = 32;
const HANDLER_SIZE = 16;
const USER_CODE = 0x28 | 3;
const USER_DATA = 0x30 | 3;

const KERNEL = `
        bits 16
        org 0x1000
        cli
        lgdt [gdtr]
        mov eax, 0x620                  ; CR4: PAE, OSFXSR, OSXMMEXCPT
        mov cr4, eax
        mov eax, ${TABLES}
        mov cr3, eax
        mov ecx, 0xc0000080
        mov eax, 0x100                  ; EFER.LME
        xor edx, edx
        wrmsr
        mov eax, 0x80010023             ; PG, WP, NE, MP, PE
        mov cr0, eax
        jmp 0x08:long_mode
        bits 64
long_mode:
        mov ax, 0x10
        mov ss, ax
        mov ds, ax
        mov es, ax
        mov esp, ${STACK_TOP}
        lidt [rel idtr]
        mov ax, 0x18
        ltr ax
        mov edi, ${FEATURES}
        mov eax, 1
        call leaf
        mov eax, 7
        call leaf
        mov eax, 0x80000001
        call leaf
        bt dword [${FEATURES} + 4], 26  ; XSAVE: x87, SSE and AVX state on
        jnc .no_xsave
        mov rax, cr4
        bts rax, 18
        mov cr4, rax
        xor ecx, ecx
        xor edx, edx
        mov eax, 7
        db 0x0f, 0x01, 0xd1             ; xsetbv
.no_xsave:
        fninit
        mov edi, ${FX_IN}
        db 0x0f, 0xae, 0x07             ; fxsave [rdi]
        hlt
ready:
leaf:   xor ecx, ecx
        cpuid
        mov [rdi], ebx
        mov [rdi + 4], ecx
        mov [rdi + 8], edx
        add rdi, 12
        ret
        align 16
enter:  db 0x0f, 0xae, 0x0c, 0x25       ; fxrstor [FX_IN]
        dd ${FX_IN}
        iretq
        align 8
gdt:    dq 0
        dq 0x00af9b000000ffff           ; 08h: kernel code
        dq 0x00cf93000000ffff           ; 10h: kernel data
        dq 0x0000890000000067 + (${TSS} << 16), 0 ; 18h: task state
        dq 0x00affb000000ffff           ; 28h: user code
        dq 0x00cff3000000ffff           ; 30h: user data
gdt_end:
gdtr:   dw gdt_end - gdt - 1
        dd gdt
idtr:   dw ${VECTORS} * 16 - 1
        dq ${IDT}
        align 16
handlers:
        times ${VECTORS} db 0x0f, 0xae, 0x04, 0x25, ${FX_OUT & 0xff}, ${FX_OUT >> 8}, 0, 0, 0xf4, 0, 0, 0, 0, 0, 0, 0
`;

/** Vectors whose gate finds an error code on the stack. */
const WITH_ERROR = new Set([8, 10, 11, 12, 13, 14, 17]);
/** The signal by which Linux tells of an exception. */
const SIGNALS = new Map([
  [0, 8],
  [3, 0],
  [6, 4],
  [12, 7],
  [13, 11],
  [14, 11],
  [16, 8],
  [19, 8],
]);
const RF = 1 << 16;
/** More than any case runs. */
const BUDGET = 1_000_000;

export class NativeRunner implements Runner<NativeCase> {
  private readonly core: Core;
  private readonly kernel = assemble(KERNEL);
  private readonly booted: Uint8Array;
  private readonly freshFx: Uint8Array;
  private readonly features: Features;

  /** `warm`: see Core. */
  constructor(warm = 0) {
    const core = new Core(4 << 20, warm);
    this.core = core;
    core.ram.set(this.kernel.bytes, 0x1000);
    this.writeTables();
    core.setRealSegment("cs", 0);
    core.set("rip", 0x1000);
    core.settle();
    if (!core.run(1000) || Number(core.get("rip")) !== this.label("ready"))
      throw new Error(`the test kernel does not reach its HLT: ${this.where()}`);
    this.booted = core.save();
    this.freshFx = core.ram.slice(FX_IN, FX_IN + 512);
    const dword = (at: number): number => core.ramView.getUint32(FEATURES + at, true);
    this.features = { leaf1: [dword(4), dword(8)], leaf7: [dword(12), dword(16)], extended: dword(28) };
  }

  private where(): string {
    const { core } = this;
    return `rip ${core.get("rip").toString(16)}, cr2 ${core.get("cr2").toString(16)}`;
  }

  private writeTables(): void {
    const { ramView } = this.core;
    const entry = (table: number, index: number, value: number): void => {
      ramView.setBigUint64(table + index * 8, BigInt(value), true);
    };
    const [pdpt, directory] = [TABLES + 0x1000, TABLES + 0x2000];
    entry(TABLES, 0, pdpt | 7);
    entry(pdpt, 0, directory | 7);
    entry(directory, 0, 0x83); // the kernel's 2 MiB: supervisor only
    let table = TABLES + 0x3000;
    for (const [linear, physical] of FRAMES) {
      entry(directory, linear >>> 21, table | 7);
      for (let page = 0; page < REGION_SIZE; page += 0x1000) entry(table, page >> 12, (physical + page) | 7);
      table += 0x1000;
    }
    ramView.setBigUint64(TSS + 4, BigInt(STACK_TOP), true);
    const handlers = this.label("handlers");
    for (let vector = 0; vector < VECTORS; vector++) {
      const handler = handlers + vector * HANDLER_SIZE;
      const rights = vector === 3 ? 0xee : 0x8e; // INT3 is allowed from user mode
      const gate = BigInt((rights << 8) | (handler & 0xffff_0000)) & 0xffff_ffffn;
      ramView.setBigUint64(
        IDT + vector * 16,
        (gate << 32n) | BigInt((0x08 << 16) | (handler & 0xffff)),
        true,
      );
    }
  }

  private label(name: string): number {
    return this.kernel.labels.get(name)!;
  }

  run(form: Form, testCase: NativeCase): Outcome {
    const missing = requiredFeature(form, this.features);
    if (missing) return skip(`CPUID does not report ${missing}`);
    this.load(testCase);
    if (!this.core.run(BUDGET)) return verdict([`no exception ended it: ${this.where()}`]);
    return verdict(this.compare(testCase));
  }

  private load(testCase: NativeCase): void {
    const { core } = this;
    core.restore(this.booted);
    this.region(DATA).fill(0);
    this.region(CODE).fill(INT3);
    this.region(STACK).fill(0);
    this.region(CODE).set(fromHex(testCase.bytes), ENTRY - CODE);
    if (testCase.mem) this.write(parseInt(testCase.mem[0], 16), fromHex(testCase.mem[1]));
    if (testCase.stack) this.write(STACK, fromHex(testCase.stack));
    this.loadFx(testCase);
    REGISTERS.forEach((name, n) => core.set(name, BigInt(`0x${testCase.r[n]}`)));
    const frame = [ENTRY, USER_CODE, testCase.flags, BigInt(`0x${testCase.r[4]}`), USER_DATA];
    frame.forEach((value, n) => core.ramView.setBigUint64(FRAME + n * 8, BigInt(value), true));
    core.set("rsp", FRAME);
    core.set("rip", this.label("enter"));
    core.set("activity", 0);
    core.settle();
  }

  private loadFx(testCase: NativeCase): void {
    const { core } = this;
    core.ram.set(this.freshFx, FX_IN);
    const { ramView } = core;
    if (testCase.fcw !== undefined) {
      ramView.setUint16(FX_IN, testCase.fcw, true);
      ramView.setUint16(FX_IN + 2, testCase.fsw!, true);
      ramView.setUint8(FX_IN + 4, testCase.ftw!);
      const st = fromHex(testCase.st!);
      for (let i = 0; i < 8; i++) core.ram.set(st.subarray(i * 10, i * 10 + 10), FX_IN + 32 + i * 16);
    }
    if (testCase.mxcsr !== undefined) ramView.setUint32(FX_IN + 24, testCase.mxcsr, true);
    if (testCase.xmm) core.ram.set(fromHex(testCase.xmm), FX_IN + 160);
    if (!testCase.ymm) return;
    // The upper halves have no place in the image of FXRSTOR.
    const ymm = fromHex(testCase.ymm);
    for (let i = 0; i < 16; i++) {
      core.ram.set(ymm.subarray(i * 32, i * 32 + 16), FX_IN + 160 + i * 16);
      core.vectors.set(ymm.subarray(i * 32 + 16, i * 32 + 32), i * 32 + 16);
    }
  }

  private region(linear: number): Uint8Array {
    const at = FRAMES.get(linear)!;
    return this.core.ram.subarray(at, at + REGION_SIZE);
  }

  /** Writes what lies in the data or stack region; a list may go past its end. */
  private write(linear: number, bytes: Uint8Array): void {
    const start = linear & ~0xfffffff;
    const region = FRAMES.has(start) ? this.region(start) : undefined;
    region?.set(bytes.subarray(0, Math.max(0, REGION_SIZE - (linear - start))), linear - start);
  }

  private compare(testCase: NativeCase): string[] {
    const { core } = this;
    const { out } = testCase;
    const differences: string[] = [];
    const check = (what: string, got: string | number | bigint, want: string | number | bigint): void => {
      if (got !== want) differences.push(`${what} is ${show(got)}, not ${show(want)}`);
    };
    const vector = Math.floor((Number(core.get("rip")) - this.label("handlers")) / HANDLER_SIZE);
    const frame = Number(core.get("rsp")) + (WITH_ERROR.has(vector) ? 8 : 0);
    const saved = (n: number): bigint => core.ramView.getBigUint64(frame + n * 8, true);
    check(`signal of exception ${vector}`, SIGNALS.get(vector) ?? -1, out.signal);
    check("rip", saved(0) - (vector === 3 ? 1n : 0n), BigInt(`0x${out.rip}`));
    const defined = ~(out.undefined | RF);
    check("flags", Number(saved(2)) & defined, out.flags & defined);
    REGISTERS.forEach((name, n) => {
      const got = name === "rsp" ? saved(3) : core.get(name);
      check(name, got, BigInt(`0x${out.r[n] ?? testCase.r[n]}`));
    });
    this.compareFx(testCase, check);
    this.compareMemory(testCase, check);
    return differences;
  }

  private compareFx(
    testCase: NativeCase,
    check: (what: string, got: string | number, want: string | number) => void,
  ): void {
    const { core } = this;
    const { out } = testCase;
    const fx = core.ramView;
    const hex = (at: number, length: number): string =>
      Buffer.from(core.ram.subarray(at, at + length)).toString("hex");
    if (out.fcw !== undefined) {
      check("fcw", fx.getUint16(FX_OUT, true), out.fcw);
      check("fsw", fx.getUint16(FX_OUT + 2, true), out.fsw!);
      check("ftw", fx.getUint8(FX_OUT + 4), out.ftw!);
      for (let i = 0; i < 8; i++)
        check(`st${i}`, hex(FX_OUT + 32 + i * 16, 10), out.st!.slice(i * 20, i * 20 + 20));
    }
    if (out.mxcsr !== undefined) check("mxcsr", fx.getUint32(FX_OUT + 24, true), out.mxcsr);
    if (testCase.xmm)
      for (let i = 0; i < 16; i++)
        check(
          `xmm${i}`,
          hex(FX_OUT + 160 + i * 16, 16),
          out.xmm?.[i] ?? testCase.xmm.slice(i * 32, i * 32 + 32),
        );
    if (!testCase.ymm) return;
    for (let i = 0; i < 16; i++) {
      const upper = Buffer.from(core.vectors.subarray(i * 32 + 16, i * 32 + 32)).toString("hex");
      check(
        `ymm${i}`,
        hex(FX_OUT + 160 + i * 16, 16) + upper,
        out.ymm?.[i] ?? testCase.ymm.slice(i * 64, i * 64 + 64),
      );
    }
  }

  /** Listed memory and what was written must match; what the vectors do not tell must not change. */
  private compareMemory(
    testCase: NativeCase,
    check: (what: string, got: number, want: number) => void,
  ): void {
    const writes = new Map(testCase.out.writes.map(([at, byte]) => [parseInt(at, 16), byte]));
    const before = new Map([DATA, STACK].map((region) => [region, new Uint8Array(REGION_SIZE)]));
    const list = (linear: number, bytes: Uint8Array): void => {
      const start = linear & ~0xfffffff;
      before.get(start)?.set(bytes.subarray(0, Math.max(0, REGION_SIZE - (linear - start))), linear - start);
    };
    if (testCase.mem) list(parseInt(testCase.mem[0], 16), fromHex(testCase.mem[1]));
    if (testCase.stack) list(STACK, fromHex(testCase.stack));
    for (const [at, byte] of writes) list(at, Uint8Array.of(byte));
    for (const [start, want] of before) {
      const got = this.region(start);
      if (Buffer.compare(got, want) === 0) continue;
      for (let i = 0; i < REGION_SIZE; i++) check(`[${(start + i).toString(16)}]`, got[i], want[i]);
    }
  }
}

function show(value: string | number | bigint): string {
  return typeof value === "string" ? value : `${value.toString(16)}h`;
}
