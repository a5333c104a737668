// The library as programs use it: one suite for Node, Deno, Bun and browsers. It knows none of them; whoever runs it
// hands it the library, and a place for files.
import { assemble } from "../../guests/asm/assemble.ts";
import type * as Library from "../../host/library.ts";

export interface Surroundings {
  library: typeof Library;
  /** In front of every file's name. */
  folder: string;
  /** dist/demo.bin. */
  demo: Library.ByteSource;
  /** Debian's kernel and an initrd with a shell; absent: the tests that boot it are left out. */
  debian?: { kernel: string; initrd: string } | undefined;
}

export interface Outcome {
  name: string;
  /** Undefined: it passed. */
  failure: string | undefined;
  ms: number;
}

type Test = (around: Surroundings) => Promise<void>;

const MIB = 2 ** 20;

function expectThat(holds: boolean, what: string): void {
  if (!holds) throw new Error(`it does not hold that ${what}`);
}

function expectEqual(found: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${a} should be ${b}`);
}

/** The message that `work` fails with. */
async function refusal(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "it succeeded",
    (error: Error) => `${error.name}: ${error.message}`,
  );
}

/**
 * A boot sector that sends back what it gets, from the serial port or the keyboard, to serial port and screen; Enter tells
 * how many characters there were, q powers off.
 */
const echoGuest = assemble(`
        org 0x7c00
        xor ax, ax
        mov ds, ax
        mov ss, ax
        mov sp, 0x7c00
        mov al, 0x21                    ; to the debug console, where there is one
        out 0xe9, al
        mov si, hello
        call print
next:   mov dx, 0x3fd                   ; line status: is there a byte?
        in al, dx
        test al, 1
        jnz serial
        mov ah, 1                       ; is there a key?
        int 0x16
        jz next
        mov ah, 0
        int 0x16
        jmp got
serial: mov dx, 0x3f8
        in al, dx
got:    cmp al, 0x71
        je off
        cmp al, 13
        je line
        inc byte [count]
        call put
        jmp next
line:   mov si, told
        call print
        mov al, [count]
        add al, 0x30
        call put
        mov si, prompt
        call print
        jmp next
off:    mov dx, 0x604                   ; PM1a control: S5
        mov ax, 0x2000
        out dx, ax
print:  lodsb
        or al, al
        jz .end
        call put
        jmp print
.end:   ret
put:    pusha
        mov dx, 0x3f8
        out dx, al
        mov bx, 7
        mov ah, 0x0e
        int 0x10
        popa
        ret
hello:  db "echo guest", 13, 10, "> ", 0
told:   db 13, 10, "characters: ", 0
prompt: db 13, 10, "> ", 0
count:  db 0
        times 510 - ($ - $$) db 0
        dw 0xaa55
        times 65536 - 512 db 0
`).bytes;

/** A machine that runs the echo guest, which has said hello. */
async function echo(
  { library }: Surroundings,
  more: Library.MachineDescription = {},
): Promise<Library.Machine> {
  const drives = [{ source: echoGuest, format: "raw" }];
  const machine = await library.Machine.create({ memory: "16M", drives, ...more });
  machine.start();
  await machine.waitFor(/echo guest\r\n> /, { timeout: 60_000 });
  return machine;
}

async function demoWith(
  { library, demo }: Surroundings,
  drive: Library.DriveDescription | Library.ByteSource,
): Promise<string> {
  const machine = await library.Machine.create({
    memory: "64M",
    kernel: demo,
    drives: [drive],
    countsTranslated: true,
  });
  try {
    const seen = machine.waitFor(/boot no\. +(\d+) of/, { timeout: 60_000 });
    expectEqual(await machine.run(), { reason: "power-off" });
    const { state, translatedShare } = await machine.info();
    expectEqual(state, "shutdown");
    expectThat(
      translatedShare! > 0.5 && translatedShare! <= 1,
      `most of it ran translated: ${translatedShare}`,
    );
    return /boot no\. +(\d+)/.exec(await seen)![1]!;
  } finally {
    await machine.close();
  }
}

const TESTS: Readonly<Record<string, Test>> = {
  "images are made, written, overlaid, converted, checked and compared": async ({ library, folder }) => {
    const { check, compare, convert, createImage, info, openImage } = library;
    const [base, top, copy] = ["base.qcow2", "top.qcow2", "copy.qcow2"].map((name) => folder + name);
    const bytes = Uint8Array.from({ length: 3 * MIB }, (_, n) => (n * 7) ^ (n >> 9));
    await createImage(base!, { size: 32 * MIB });
    const image = await openImage(base!, { readOnly: false });
    await image.write!(bytes, 5 * MIB + 512);
    await image.close();
    await createImage(top!, { size: 32 * MIB, backingFile: "base.qcow2", backingFormat: "qcow2" });
    expectEqual(
      await refusal(openImage(top!)),
      `UserError: '${top}' names 'base.qcow2': pass { followNames: true } to let it be opened`,
    );
    await convert(top!, copy!, { compress: true, followNames: true });
    const [a, b] = [await openImage(top!, { followNames: true }), await openImage(copy!)];
    expectEqual(await compare(a, b), undefined);
    const read = new Uint8Array(bytes.length);
    await b.read(read, 5 * MIB + 512);
    expectThat(
      read.every((byte, n) => byte === bytes[n]),
      "the copy holds what was written",
    );
    const { corruptions, leaks } = await check(b);
    expectEqual([corruptions, leaks, (await info(top!)).backingFile], [0, 0, "base.qcow2"]);
    await a.close();
    await b.close();
    expectThat(
      /^UserError: Could not open '.*none': No such file or directory$/.test(
        await refusal(openImage(`${folder}none`)),
      ),
      "a missing file is named once",
    );
  },

  "a disk keeps what the guest writes, an overlay keeps it apart, a snapshot forgets it": async (around) => {
    const { library, folder } = around;
    const [disk, overlay] = [`${folder}disk.qcow2`, `${folder}overlay.qcow2`];
    await library.createImage(disk, { size: 16 * MIB });
    expectEqual(await demoWith(around, disk), "1");
    expectEqual(await demoWith(around, disk), "2");
    expectEqual(await demoWith(around, { source: disk, overlay }), "3");
    expectEqual(await demoWith(around, { source: disk, overlay }), "4");
    expectEqual(await demoWith(around, { source: disk, snapshot: true }), "3");
    expectEqual(await demoWith(around, disk), "3");
  },

  "a program's own object is a disk": async (around) => {
    const bytes = new Uint8Array(MIB);
    let flushes = 0;
    const source: Library.BlockSource = {
      size: bytes.length,
      read: async (into, offset) => into.set(bytes.subarray(offset, offset + into.length)),
      write: async (from, offset) => bytes.set(from, offset),
      flush: async () => void flushes++,
      close: () => Promise.reject(new Error("it is not the machine's to close")),
    };
    expectEqual(await demoWith(around, source), "1");
    expectEqual(await demoWith(around, source), "2");
    expectThat(flushes > 0, "the guest's flushes come through");
    expectEqual(await demoWith(around, new Blob([bytes])), "3");
    expectEqual(await demoWith(around, bytes), "3");
  },

  "a guest is typed at, over the serial port and with keys": async (around) => {
    const machine = await echo(around);
    try {
      await machine.type("abc\n");
      expectThat((await machine.waitFor(/characters: (.)\r\n> /)).includes("abc"), "it echoes");
      await machine.type("De\n", { on: "screen" });
      const words = await machine.waitFor(/De\ncharacters: 5\n>/, { on: "screen", timeout: 20_000 });
      expectThat(words.includes("abc\ncharacters: 3\n"), "the screen has both lines");
      await machine.keyboard.down("shift");
      await machine.sendKey("x");
      await machine.keyboard.up("shift");
      await machine.waitFor(/X/, { timeout: 20_000 });
      const png = await machine.screen.png();
      expectEqual([...png.subarray(0, 4)], [0x89, 0x50, 0x4e, 0x47]);
      expectEqual(
        await refusal(machine.keyboard.down("anykey")),
        "UserError: there is no key named 'anykey'",
      );
      expectEqual(await refusal(machine.keyboard.type("ß")), "UserError: the keyboard has no key for 'ß'");
      const end = machine.run();
      await machine.type("q");
      expectEqual(await end, { reason: "power-off" });
    } finally {
      await machine.close();
    }
  },

  "serial ports are streams, the screen is a sequence of frames": async (around) => {
    const machine = await echo(around);
    const reader = machine.serial.readable.getReader();
    const writer = machine.serial.writable.getWriter();
    await writer.write(new TextEncoder().encode("stream"));
    let text = "";
    while (!text.endsWith("stream")) text += new TextDecoder().decode((await reader.read()).value);
    let frames = 0;
    for await (const { width, height, rgba, mode } of machine.screen.frames()) {
      expectEqual([mode.kind, rgba.length], ["text", width * height * 4]);
      if (++frames === 3) break;
      await machine.type("z");
    }
    const { state, memory, instructions } = await machine.info();
    expectThat(state === "running" && memory === 16 * MIB && instructions > 0, "it says what it does");
    await machine.close();
    while (!(await reader.read()).done) continue;
  },

  "a machine is paused, resumed, reset and stopped": async (around) => {
    let debugged = "";
    const onData = (bytes: Uint8Array): void => void (debugged += new TextDecoder().decode(bytes));
    const machine = await echo(around, { debugConsole: { port: 0xe9, onData } });
    const events: string[] = [];
    machine.events.on(({ name }) => events.push(name));
    await machine.pause();
    const before = (await machine.info()).instructions;
    await machine.pause();
    expectEqual((await machine.info()).state, "paused");
    expectEqual((await machine.info()).instructions, before);
    await machine.resume();
    await machine.reset();
    await machine.waitFor(/echo guest/, { timeout: 60_000 });
    const end = machine.run();
    await machine.stop();
    expectEqual(await end, { reason: "stopped" });
    machine.start();
    await machine.type("q");
    expectEqual(await machine.run(), { reason: "power-off" });
    await machine.close();
    expectEqual(events, ["STOP", "RESUME", "RESET", "SHUTDOWN"]);
    expectEqual(debugged, "!!");
    expectEqual(await refusal(machine.info()), "UserError: the machine is closed");
  },

  "a state is saved once and gone on with many times, in other machines": async (around) => {
    const machine = await echo(around);
    await machine.type("abc");
    await machine.waitFor(/abc/);
    const state = await machine.saveState();
    await machine.type("d\n");
    await machine.waitFor(/characters: 4/);
    await machine.loadState(state);
    await machine.type("\n");
    await machine.waitFor(/characters: 3/);
    await machine.close();
    const drives = [{ source: echoGuest, format: "raw" }];
    for (const more of ["", "xy"]) {
      const other = await around.library.Machine.create({ memory: "16M", drives });
      await other.loadState(state);
      other.start();
      await other.type(`${more}\n`);
      await other.waitFor(new RegExp(`characters: ${3 + more.length}`), { timeout: 20_000 });
      await other.close();
    }
    const larger = await around.library.Machine.create({ memory: "32M", drives });
    const half = state.slice(0, state.length / 2);
    const refusals = [await refusal(larger.loadState(state)), await refusal(larger.loadState(half))];
    for (const sentence of refusals)
      expectThat(sentence.startsWith("UserError: The machine state "), `'${sentence}' says what is wrong`);
    await larger.close();
  },

  "machines side by side do not disturb each other, one of them in a thread that was ready": async (
    around,
  ) => {
    await around.library.Machine.prepare();
    await around.library.Machine.prepare();
    const machines = await Promise.all([echo(around), echo(around), echo(around)]);
    await Promise.all(machines.map((machine, n) => machine.type(`${"x".repeat(n + 1)}\n`)));
    const told = await Promise.all(machines.map((machine) => machine.waitFor(/characters: (\d)/)));
    expectEqual(
      told.map((text) => text.at(-1)),
      ["1", "2", "3"],
    );
    await machines[0]!.close();
    await machines[1]!.type("y\n");
    expectEqual((await machines[1]!.waitFor(/characters: \d/)).at(-1), "3");
    await Promise.all(machines.map((machine) => machine.close()));
  },

  "waits end in time, and say what there was": async (around) => {
    const machine = await echo(around);
    await machine.type("ab");
    await machine.waitFor(/a/);
    expectEqual(
      await refusal(machine.waitFor(/never/, { timeout: 300 })),
      'UserError: 300 ms are over, and /never/ has not come; the last words: "b"',
    );
    const reason = new Error("enough");
    expectEqual(
      await refusal(machine.waitFor(/never/, { signal: AbortSignal.abort(reason) })),
      "Error: enough",
    );
    const wait = refusal(machine.waitFor(/never/));
    await machine.type("q");
    expectEqual(
      await wait,
      'UserError: the machine has ended (power-off), and /never/ has not come; the last words: "b"',
    );
    await machine.close();
    const { Machine } = around.library;
    const aborter = new AbortController();
    const other = await echo(around, { signal: aborter.signal });
    aborter.abort();
    expectEqual(await other.run(), { reason: "stopped" });
    for (const [description, words] of [
      [{ memory: "lots" }, `memory: 'lots' is no size: say 512 * 2 ** 20, or "512M"`],
      [{ commandLine: "quiet" }, "initrd and commandLine go with a kernel: name it too"],
      [{ kernel: new Uint8Array(8192) }, "invalid kernel header"],
      [{ drives: [{ index: 1 }] }, "the disk at place 1 of ide has no source"],
    ] as const)
      expectEqual(await refusal(Machine.create(description)), `UserError: ${words}`);
  },

  "Debian's kernel boots, takes a disk, is typed at and powers off": async ({ library, debian, folder }) => {
    if (!debian) return;
    await library.createImage(`${folder}data.qcow2`, { size: 64 * MIB });
    const machine = await library.Machine.create({
      ...debian,
      memory: "256M",
      drives: [`${folder}data.qcow2`],
      commandLine: "console=ttyS0 quiet",
    });
    machine.start();
    await machine.waitFor(/guest# $/m, { timeout: 300_000 });
    await machine.type("echo marker-$((6*7)) > /dev/sda; sync; head -c 9 /dev/sda\n");
    await machine.waitFor(/marker-42/, { timeout: 60_000 });
    const state = await machine.saveState();
    await machine.type("echo forgotten > /note; cat /note\n");
    await machine.waitFor(/^forgotten/m);
    await machine.loadState(state);
    await machine.type("cat /note\n");
    await machine.waitFor(/can't open '\/note'/, { timeout: 60_000 });
    const end = machine.run();
    await machine.type("poweroff -f\n");
    expectEqual(await end, { reason: "power-off" });
    await machine.close();
    const disk = await library.openImage(`${folder}data.qcow2`);
    const head = new Uint8Array(9);
    await disk.read(head, 0);
    await disk.close();
    expectEqual(new TextDecoder().decode(head), "marker-42");
  },
};

/** Runs all tests, or those whose name contains `only`. */
export async function runSuite(around: Surroundings, only = ""): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const [name, test] of Object.entries(TESTS)) {
    if (!name.includes(only)) continue;
    const began = performance.now();
    const failure = await test(around).then(
      () => undefined,
      (error: Error) => error.stack ?? error.message,
    );
    outcomes.push({ name, failure, ms: Math.round(performance.now() - began) });
  }
  return outcomes;
}
