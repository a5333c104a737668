// What the command says about itself. The flags' lines come from their rows, so help promises what the parser takes.
import { basename, relative } from "node:path";
import process from "node:process";
import { VERSION } from "../version.ts";
import { type Flag, FLAGS } from "./flags.ts";

export const VERSION_LINE = `wasmqemu ${VERSION}`;

const COLUMN = 30;

function line(left: string, right: string): string {
  return left.length < COLUMN ? `${left.padEnd(COLUMN)}${right}` : `${left}\n${" ".repeat(COLUMN)}${right}`;
}

function flagLine({ name, argument, help }: Flag): string {
  return line(`  -${name}${argument ? ` ${argument}` : ""}`, help!);
}

export const HELP = [
  VERSION_LINE,
  "usage: wasmqemu [options] [disk_image]      run an x86-64 PC",
  "       wasmqemu img COMMAND …               create, convert, inspect and check disk images",
  "       wasmqemu demo                        a first run: a small guest from inside the package",
  "",
  "'disk_image' is an image for IDE hard disk 0, as with -hda.",
  "",
  ...FLAGS.filter(({ help }) => help).map(flagLine),
  line("  -version", "print the version"),
  line("  -h, -help", "print this text"),
  "",
].join("\n");

/** With nothing to run: lines that work when pasted, in a shell where this very process was started. */
export function firstSteps(): string {
  const command = invocation();
  return `${VERSION_LINE}: a PC and its qcow2 disks, in WebAssembly. Try:

  ${command} demo
  ${command} img create -f qcow2 disk.qcow2 10G
  ${command} img info disk.qcow2
  ${command} -h

The first one boots a small guest from a disk made on the spot. With a Linux of yours:

  ${command} -kernel vmlinuz -initrd initrd.gz -append console=ttyS0 -m 512 -hda disk.qcow2 -nographic
`;
}

/** How the user called us: by npx, by our own name on the PATH, or by Node and a file. */
function invocation(): string {
  const script = process.argv[1] ?? "";
  if (process.env["npm_command"] === "exec") return "npx wasmqemu";
  return basename(script) === "wasmqemu" ? "wasmqemu" : `node ${relative(process.cwd(), script)}`;
}
