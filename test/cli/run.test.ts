// The command as a process, with the demo guest: endings, disks, the terminal.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GuestConsole } from "../support/console.ts";
import { missingTools, skipped } from "../support/needs.ts";

const CLI = resolve("dist/cli.js");
const DEMO = resolve("dist/demo.bin");
const folder = mkdtempSync(join(tmpdir(), "wasmqemu-run-"));
const at = (name: string): string => join(folder, name);
const sha256 = (file: string): string => createHash("sha256").update(readFileSync(file)).digest("hex");

interface Result {
  status: number | null;
  stdout: string;
  stderr: string;
}

function wasmqemu(...args: string[]): Result {
  return spawnSync(process.execPath, [CLI, ...args], { cwd: folder, encoding: "utf8", timeout: 60_000 });
}

/** The demo guest on `disk`, its serial line on standard output. */
function boot(disk: readonly string[], ...more: string[]): Result {
  return wasmqemu("-kernel", DEMO, ...disk, ...more, "-nographic");
}

/** Makes a kernel of a few bytes of 32-bit code, behind the demo's setup header. */
function makeKernel(name: string, code: readonly number[]): void {
  const image = Buffer.from(readFileSync(DEMO));
  const setupSectors = image[0x1f1]!;
  image.set(code, (setupSectors + 1) * 512);
  writeFileSync(at(name), image);
}

beforeAll(() => {
  makeKernel("spin.bin", [0xeb, 0xfe]); // jmp $
  makeKernel("ready.bin", [0xb0, 0x72, 0x66, 0xba, 0xf8, 0x03, 0xee, 0xeb, 0xfe]); // mov al, 'r'; mov dx, 3F8h; out dx, al; jmp $
  makeKernel("exit.bin", [0xb0, 0x10, 0xe6, 0xf4, 0xeb, 0xfe]); // mov al, 10h; out F4h, al; jmp $
  makeKernel("reset.bin", [0xb0, 0x06, 0x66, 0xba, 0xf9, 0x0c, 0xee, 0xeb, 0xfe]); // mov al, 6; mov dx, CF9h; out dx, al
  expect(wasmqemu("img", "create", "-q", "-f", "qcow2", "disk.qcow2", "16M").status).toBe(0);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("the demo", () => {
  it("makes a disk, boots from it, powers off; the next run finds the first one's writes", () => {
    const first = wasmqemu("demo");
    expect(first).toMatchObject({ status: 0, stderr: expect.stringContaining("made wasmqemu-demo.qcow2") });
    expect(first.stdout).toContain("boot no.   1 of this disk");
    expect(wasmqemu("demo").stdout).toContain("boot no.   2 of this disk");
    expect(wasmqemu("img", "check", "wasmqemu-demo.qcow2").status).toBe(0);
  });
});

describe("disks", () => {
  it("-snapshot and snapshot=on leave the image as it was", () => {
    boot(["-hda", "disk.qcow2"]);
    const before = sha256(at("disk.qcow2"));
    expect(boot(["-hda", "disk.qcow2"], "-snapshot").stdout).toContain("boot no.   2 of");
    expect(boot(["-drive", "file=disk.qcow2,snapshot=on"]).stdout).toContain("boot no.   2 of");
    expect(sha256(at("disk.qcow2"))).toBe(before);
  });

  it("opens a -blockdev for a -device; -snapshot does not touch it", () => {
    const node = ["-blockdev", "driver=qcow2,node-name=d,file.driver=file,file.filename=node.qcow2"];
    expect(wasmqemu("img", "create", "-q", "-f", "qcow2", "node.qcow2", "16M").status).toBe(0);
    boot([...node, "-device", "ide-hd,drive=d", "-snapshot"]);
    expect(boot([...node, "-device", "ide-hd,drive=d"]).stdout).toContain("boot no.   2 of");
    const drive = ["-drive", "if=none,id=d,file=node.qcow2"];
    expect(boot([...drive, "-device", "ide-hd,drive=d"]).stdout).toContain("boot no.   3 of");
  });

  it("opens encrypted images by their secrets, and -snapshot leaves them as they were", () => {
    writeFileSync(at("pass"), "hunter2");
    const secret = ["-object", "secret,id=s,file=pass"];
    const options = "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10";
    const make = [
      "img",
      "create",
      "-q",
      "--object",
      secret[1]!,
      "-f",
      "qcow2",
      "-o",
      options,
      "secret.qcow2",
      "16M",
    ];
    expect(wasmqemu(...make).status).toBe(0);
    const drive = ["-drive", "file=secret.qcow2,format=qcow2,encrypt.key-secret=s"];
    expect(boot([...secret, ...drive]).stdout).toContain("boot no.   1 of");
    const node = "driver=qcow2,node-name=d,encrypt.key-secret=s,file.driver=file,file.filename=secret.qcow2";
    expect(boot([...secret, "-blockdev", node, "-device", "ide-hd,drive=d"]).stdout).toContain(
      "boot no.   2 of",
    );
    expect(boot([...secret, ...drive], "-snapshot").stdout).toContain("boot no.   3 of");
    expect(boot([...secret, ...drive], "-snapshot").stdout).toContain("boot no.   3 of");
    expect(boot(["-hda", "secret.qcow2"])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("Parameter 'encrypt.key-secret' is required for cipher"),
    });
  });

  it("keeps its changes in an overlay, not in the base", () => {
    wasmqemu("img", "create", "-q", "-f", "qcow2", "-b", "disk.qcow2", "-F", "qcow2", "overlay.qcow2");
    const before = sha256(at("disk.qcow2"));
    expect(boot(["overlay.qcow2"]).stdout).toContain("boot no.   2 of");
    expect(boot(["-hda", "overlay.qcow2"]).stdout).toContain("boot no.   3 of");
    expect(sha256(at("disk.qcow2"))).toBe(before);
  });

  it("warns of a guess, and not where the name or the flag says raw", () => {
    writeFileSync(at("plain"), "");
    truncateSync(at("plain"), 1 << 20);
    expect(boot(["-hda", "plain"]).stderr).toMatch(/^wasmqemu: -hda plain: guessed to be raw; .*\n$/);
    expect(boot(["-drive", "file=plain,format=raw"])).toMatchObject({ status: 0, stderr: "" });
  });
});

describe("what cannot be run", () => {
  it.each([
    [["-kernel", "nosuch"], "could not open kernel file 'nosuch': No such file or directory"],
    [["-kernel", CLI], "invalid kernel header"],
    [["-kernel", "disk.qcow2"], "invalid kernel header"],
    [["-kernel", DEMO, "-initrd", "nosuch"], "could not load initrd 'nosuch': No such file or directory"],
    [["-kernel", DEMO, "-hda", "nosuch"], "-hda nosuch: Could not open 'nosuch': No such file or directory"],
    [
      ["-kernel", DEMO, "-hda", "."],
      "-hda .: Could not open '.': 'file' driver requires '.' to be a regular file",
    ],
    [
      ["-kernel", DEMO, "-drive", "file=disk.qcow2,format=bogus"],
      "-drive file=disk.qcow2,format=bogus: Could not open 'disk.qcow2': Unknown driver 'bogus'",
    ],
    [["-kernel", DEMO, "-hda", "disk.qcow2", "-m", "1"], /^kernel and initrd do not fit into guest memory/],
    [["-kernel", DEMO, "-serial", "file:nodir/x"], /Could not open 'nodir\/x': No such file or directory$/],
    [["-bios", "nosuch"], "could not load PC BIOS 'nosuch': No such file or directory"],
  ])("%j: one sentence, exit code 1, nothing written", (args, sentence) => {
    const before = sha256(at("disk.qcow2"));
    const { status, stdout, stderr } = wasmqemu(...args, "-display", "none");
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr.startsWith("wasmqemu: ")).toBe(true);
    expect(stderr.slice("wasmqemu: ".length).trimEnd()).toEqual(
      typeof sentence === "string" ? sentence : expect.stringMatching(sentence),
    );
    expect(sha256(at("disk.qcow2"))).toBe(before);
  });
});

describe("the serial line", () => {
  it("goes to a file, or nowhere", () => {
    expect(wasmqemu("-kernel", DEMO, "-display", "none", "-serial", "file:out.txt")).toMatchObject({
      status: 0,
      stdout: "",
    });
    expect(readFileSync(at("out.txt"), "utf8")).toContain("Hello from 64-bit long mode.");
    expect(wasmqemu("-kernel", DEMO, "-display", "none")).toMatchObject({ status: 0, stdout: "" });
  });

  it("works when standard input is closed and when the reader of standard output goes away", () => {
    const shell = (line: string): Result =>
      spawnSync("bash", ["-c", line], { cwd: folder, encoding: "utf8" });
    expect(shell(`${process.execPath} ${CLI} -kernel ${DEMO} -nographic <&-`)).toMatchObject({ status: 0 });
    const cut = shell(
      `${process.execPath} ${CLI} -kernel ${DEMO} -nographic | head -c 5; echo "\${PIPESTATUS[0]}"`,
    );
    expect(cut).toMatchObject({ stdout: expect.stringMatching(/0\n$/), stderr: "" });
  });
});

describe("-jit-stats", () => {
  it("tells how much ran translated, and which instructions were left to the interpreter", () => {
    // mov esi, 4000000; again: cpuid; dec esi; jnz again; out F4h, al; jmp $
    makeKernel("loop.bin", [0xbe, 0, 0x09, 0x3d, 0, 0x0f, 0xa2, 0x4e, 0x75, 0xfb, 0xe6, 0xf4, 0xeb, 0xfe]);
    const device = ["-device", "isa-debug-exit,iobase=0xf4,iosize=1"];
    const { stderr } = wasmqemu("-kernel", "loop.bin", "-display", "none", "-jit-stats", ...device);
    expect(Number(/(\d+\.\d) % of them in regions/.exec(stderr)?.[1])).toBeGreaterThan(95);
    expect(stderr).toMatch(/^ +(100|9\d)\.\d %  CPUID$/m);
  });
});

describe("the same run every time", () => {
  it("-icount makes two runs print the same, their measurements too", () => {
    const run = (): string => boot(["-hda", "disk.qcow2"], "-snapshot", "-icount", "shift=4").stdout;
    expect(run()).toBe(run());
  });
});

describe("endings", () => {
  /** A machine whose guest runs by now, and goes on for ever. */
  async function running(): Promise<GuestConsole> {
    const machine = new GuestConsole(process.execPath, [CLI, "-kernel", at("ready.bin"), "-nographic"]);
    await machine.find(/r/);
    return machine;
  }

  it("Ctrl-A x ends with 0", async () => {
    const machine = await running();
    machine.type("\x01x");
    expect(await machine.exitCode).toBe(0);
    expect(machine.words).toBe("wasmqemu: terminated\n");
  });

  it.each([
    ["SIGTERM", 15],
    ["SIGINT", 2],
    ["SIGHUP", 1],
  ] as const)("%s ends with 0 and says so", async (signal, number) => {
    const machine = await running();
    machine.kill(signal);
    expect(await machine.exitCode).toBe(0);
    expect(machine.words).toBe(`wasmqemu: terminating on signal ${number}\n`);
  });

  it("isa-debug-exit ends with twice the guest's value and one", () => {
    const device = "isa-debug-exit,iobase=0xf4,iosize=0x04";
    expect(wasmqemu("-kernel", "exit.bin", "-display", "none", "-device", device).status).toBe(0x21);
  });

  it("each -serial is the next port", () => {
    // Writes '2', '3', '4' to COM2, COM3 and COM4 (2F8h, 3E8h, 2E8h); ends with a byte from COM2 through 501h.
    const code = "baf802b032eebae803b033eebae802b034eebafd02eca80174fbbaf802ecba0105ee";
    const disk = Buffer.alloc(512 * 64);
    disk.write(code, "hex");
    disk.writeUInt16LE(0xaa55, 510);
    writeFileSync(at("ports.img"), disk);
    const ports = ["null", "stdio", "file:com3", "file:com4"].flatMap((target) => ["-serial", target]);
    const { status, stdout } = spawnSync(
      process.execPath,
      [CLI, "-drive", "file=ports.img,format=raw", "-display", "none", "-device", "isa-debug-exit", ...ports],
      { cwd: folder, encoding: "utf8", timeout: 30_000, input: "\x05" },
    );
    expect({ status, stdout }).toEqual({ status: 2 * 5 + 1, stdout: "2" });
    expect([readFileSync(at("com3"), "utf8"), readFileSync(at("com4"), "utf8")]).toEqual(["3", "4"]);
  });

  it("-no-reboot ends when the guest resets", () => {
    expect(wasmqemu("-kernel", "reset.bin", "-display", "none", "-no-reboot")).toMatchObject({
      status: 0,
      stderr: "",
    });
  });

  it("-no-shutdown stays after the guest's power off", async () => {
    const machine = new GuestConsole(process.execPath, [CLI, "-kernel", DEMO, "-nographic", "-no-shutdown"]);
    await machine.find(/Powering off/);
    let ended = false;
    void machine.exitCode.then(() => (ended = true));
    await new Promise((done) => setTimeout(done, 500));
    expect(ended).toBe(false);
    machine.type("\x01x");
    expect(await machine.exitCode).toBe(0);
  });
});

const noScript = missingTools("script", "stty");
if (noScript.length > 0) skipped("the terminal's restoration", `${noScript.join(", ")} is not installed`);

describe.skipIf(noScript.length > 0)("on a terminal", () => {
  /** Runs a shell line on a terminal of its own; returns what appeared there. */
  function onTerminal(line: string, type: readonly [after: RegExp, keys: string][] = []): Promise<string> {
    const child = spawn("script", ["-qec", line, "/dev/null"], { cwd: folder });
    let output = "";
    const pending = [...type];
    child.stdout.on("data", (bytes: Buffer) => {
      output += bytes.toString("latin1");
      if (pending.length > 0 && pending[0]![0].test(output)) child.stdin.write(pending.shift()![1]);
    });
    return new Promise((done) => child.on("close", () => done(output)));
  }

  const node = `${process.execPath} ${CLI}`;
  const modes = (output: string): string[] => output.match(/^[0-9a-f]+(:[0-9a-f]+)+/gm) ?? [];

  it.each([
    ["the guest powers off", `${node} -kernel ${DEMO} -nographic`, []],
    ["Ctrl-A x", `${node} -kernel spin.bin -nographic`, [[/Ctrl-A x quits/, "\x01x"]]],
    [
      "SIGTERM",
      `(sleep 1; kill -TERM $(cat pid)) & sh -c 'echo $$ > pid; exec ${node} -kernel spin.bin -nographic'`,
      [],
    ],
    [
      "Ctrl-C under -serial stdio",
      `(sleep 1; echo ready) & ${node} -kernel spin.bin -serial stdio`,
      [[/ready/, "\x03"]],
    ],
  ] as [string, string, [RegExp, string][]][])("is as before after %s", async (_, line, keys) => {
    const output = await onTerminal(`stty -g; ${line}; stty -g`, keys);
    const [before, after] = modes(output);
    expect(before).toBeDefined();
    expect(after).toBe(before);
  });

  it("Ctrl-A h lists the keys, and Ctrl-C is the guest's", async () => {
    const output = await onTerminal(`${node} -kernel spin.bin -nographic; echo code $?`, [
      [/Ctrl-A x quits/, "\x03\x01h"],
      [/sends C-a/, "\x01x"],
    ]);
    expect(output).toContain("C-a x    exit emulator");
    expect(output).toMatch(/code 0/);
  });
});
