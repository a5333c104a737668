// The frame buffer is memory to the processor, so that writes pass the display by: it learns of every one all the same.
import { beforeAll, expect, it } from "vitest";
import { assemble } from "../../guests/asm/assemble.ts";
import { MemorySource } from "../../host/block/memory.ts";
import { LocalMachine } from "../../host/machine.ts";
import { node } from "../../host/runtimes/node.ts";
import { useRuntime } from "../../host/runtimes/this.ts";

const FRAME_BUFFER = 0xfd000000;
const DISK = 1 << 20;
const POLLS = 40;

/** 1024 × 768 at 32 bits; then counts in the first pixel and far down in the picture, for ever. */
const SECTOR = assemble(`
        org 0x7c00
        xor ax, ax
        mov ds, ax
        mov ax, 0x4f02
        mov bx, 0x4144
        int 0x10
        cli
        lgdt [table]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        mov bx, 8
        mov es, bx                      ; 4 GiB, also in real mode from here on
        and al, 0xfe
        mov cr0, eax
        xor bx, bx
        mov es, bx
        mov edi, ${FRAME_BUFFER}
        xor eax, eax
count:  inc eax
        mov [es:edi], eax
        mov [es:edi + 4 * 1024 * 700], eax
        jmp count
table:  dw 15
        dd gdt
gdt:    dq 0
        dq 0x00cf93000000ffff
        times 510 - ($ - $$) db 0
        dw 0xaa55
`).bytes;

beforeAll(() => useRuntime(node));

it("a picture that has changed has another generation", async () => {
  const content = new Uint8Array(DISK);
  content.set(SECTOR);
  const machine = await LocalMachine.create({ memory: 32 << 20, disks: [new MemorySource(content)] });
  const running = machine.run();
  const { display } = machine;
  const seen: { generation: number; pixels: string }[] = [];
  while (seen.length < POLLS) {
    await new Promise((next) => setTimeout(next, 5));
    if (display.mode.kind !== "graphics") continue;
    const { rgba } = display.picture();
    const pixel = (at: number): string => rgba.subarray(at, at + 3).join();
    seen.push({ generation: display.generation, pixels: `${pixel(0)} ${pixel(4 * 1024 * 700)}` });
  }
  machine.stop();
  await running;
  const changed = seen.filter(({ pixels }, n) => n > 0 && pixels !== seen[n - 1]!.pixels);
  expect(changed.length).toBeGreaterThan(POLLS / 4);
  for (let n = 1; n < seen.length; n++)
    if (seen[n]!.pixels !== seen[n - 1]!.pixels)
      expect(seen[n]!.generation).not.toBe(seen[n - 1]!.generation);
});
