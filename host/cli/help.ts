// What the command says about itself. The flags' lines come from their rows, so help promises what the parser takes.
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

/** With nothing to run: lines that work when pasted. */
export const FIRST_STEPS = `${VERSION_LINE}: a PC and its qcow2 disks, in WebAssembly. Try:

  wasmqemu demo                                   # a small guest boots from a disk made on the spot
  wasmqemu img create -f qcow2 disk.qcow2 10G
  wasmqemu img info disk.qcow2
  wasmqemu -kernel vmlinuz -initrd initrd.gz -append console=ttyS0 -m 512 -hda disk.qcow2 -nographic
  wasmqemu -h                                     # every option
`;
