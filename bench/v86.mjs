// The WebAssembly peer, in a process of its own: `node bench/v86.mjs KERNEL INITRD WORDS` prints the guest's serial
// line until it says BENCH-DONE. v86 runs 32-bit guests only, and needs SeaBIOS (Debian's package seabios).
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import process from "node:process";
import { V86 } from "v86";

const MIB = 2 ** 20;
const BIOS = process.env.V86_BIOS ?? "/usr/share/seabios";
const [kernel, initrd, cmdline] = process.argv.slice(2);
const library = dirname(createRequire(import.meta.url).resolve("v86/package.json"));

function file(path) {
  const bytes = readFileSync(path);
  return { buffer: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) };
}

const machine = new V86({
  wasm_path: join(library, "build/v86.wasm"),
  memory_size: 512 * MIB,
  vga_memory_size: 8 * MIB,
  bios: file(join(BIOS, "bios.bin")),
  vga_bios: file(join(BIOS, "vgabios-stdvga.bin")),
  bzimage: file(kernel),
  initrd: file(initrd),
  cmdline,
  autostart: true,
  disable_speaker: true,
  acpi: true,
});

let line = "";
machine.add_listener("serial0-output-byte", (byte) => {
  const character = String.fromCharCode(byte);
  process.stdout.write(character);
  line = character === "\n" ? "" : line + character;
  if (line === "BENCH-DONE") process.exit(0);
});
