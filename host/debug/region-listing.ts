// A translated region in words: its WebAssembly, with the guest's instructions above what became of each, for `-d op`.
import { BinaryReader, DefaultNameResolver, WasmDisassembler } from "wasmparser";
import * as localNumbers from "../../assembly/jit/locals.ts";
import { type Code, disassemble } from "./disassembler.ts";
import { hex } from "./registers.ts";

/** From `place` in the module on the code is that of one instruction, or where there are no bytes of a block's begin. */
export interface RegionPiece {
  place: number;
  code: Code;
}

export interface Region {
  module: Uint8Array;
  /** In the order of their places. */
  pieces: readonly RegionPiece[];
}

/** The functions of a region's module (assembly/jit/module.ts). */
const FUNCTIONS = ["core", "x87", "spill", "setRecord", "run"];
const RUN = FUNCTIONS.indexOf("run");

const GENERAL = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split(" ");
const XMM = Array.from({ length: 16 }, (_, n) => `xmm${n}`);
const UPPER = Array.from({ length: 16 }, (_, n) => `upper${n}`);

/** Local variables by number, named as assembly/jit/locals.ts names them; the guest's registers as the guest does. */
const LOCALS: ReadonlyMap<number, string> = (() => {
  const { VECTOR, UPPER: upper, ...rest } = localNumbers as unknown as Record<string, unknown>;
  const named = Object.entries(rest).filter(
    (entry): entry is [string, number] =>
      typeof entry[1] === "number" && !/_LOCALS$|^PARAMETER$/.test(entry[0]),
  );
  const runs: [first: unknown, names: string[]][] = [
    [0, GENERAL],
    [VECTOR, XMM],
    [upper, UPPER],
  ];
  return new Map([
    // Where two share a local, the name that comes first.
    ...named.reverse().map(([name, number]) => [number, name.toLowerCase()] as const),
    ...runs.flatMap(([first, names]) => names.map((name, n) => [Number(first) + n, name] as const)),
  ]);
})();

class RegionNames extends DefaultNameResolver {
  override getFunctionName(index: number): string {
    return `$${FUNCTIONS[index]}`;
  }

  override getVariableName(func: number, index: number, isRef: boolean): string {
    const name = func === RUN ? LOCALS.get(index) : undefined;
    return name ? `$${name}` : super.getVariableName(func, index, isRef);
  }
}

/** The region's own function, line by line; what only serves it is left out. */
export function listRegion({ module, pieces }: Region): string[] {
  const reader = new BinaryReader();
  reader.setData(module.buffer as ArrayBuffer, module.byteOffset, module.length);
  const disassembler = new WasmDisassembler();
  disassembler.addOffsets = true;
  disassembler.nameResolver = new RegionNames();
  disassembler.disassembleChunk(reader);
  const { lines, offsets } = disassembler.getResult();
  const listed: string[] = [];
  let piece = 0;
  for (
    let n = lines.findIndex((line) => line.startsWith(`  (func $${FUNCTIONS[RUN]} `));
    n < lines.length - 1;
    n++
  ) {
    for (; piece < pieces.length && pieces[piece]!.place <= offsets![n]!; piece++)
      listed.push(...title(pieces[piece]!.code));
    listed.push(lines[n]!);
  }
  return listed;
}

function title(code: Code): string[] {
  if (code.bytes.length) return disassemble(code);
  return ["", `---- 0x${hex(code.address, code.bits === 64 ? 16 : 8)}`];
}
