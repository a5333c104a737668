// Keys, mouse, and what is on the screen.
import { UserError } from "../../core/errors.ts";
import { png, ppm } from "../../display/picture-files.ts";
import { KEYS, keyNamed } from "../../input/keys.ts";
import { setVncPassword } from "./block.ts";
import type { Command, MonitorHost, Session } from "../host.ts";

/** Buttons of `mouse_button` (left, middle, right) as the mouse counts them (left, right, middle). */
function buttonBits(value: number): number {
  return (value & 1) | ((value & 4) >> 1) | ((value & 2) << 1);
}

function number(text: string | undefined): number {
  const value = Number(text);
  if (!Number.isInteger(value)) throw new UserError(`invalid parameter: ${text}`);
  return value;
}

export const INPUT: readonly Command[] = [
  {
    name: "sendkey",
    args: "keys [hold_ms]",
    help: "send keys to the VM (e.g. 'sendkey ctrl-alt-f1', default hold time=100 ms)",
    words: [1, 2],
    complete: () => [...KEYS.keys()],
    run({ host }, [names, hold]) {
      const unknown = names!.split(/-(?!$)/).find((name) => !keyNamed(name));
      if (unknown !== undefined) return `invalid parameter: ${unknown}`;
      // The prompt is back at once: a script's next key follows while this one is held, as from a keyboard.
      void host.machine.keyboard.sendKey(names!, hold === undefined ? undefined : number(hold));
    },
  },
  {
    name: "mouse_move",
    args: "dx dy [dz]",
    help: "send mouse move events",
    words: [2, 3],
    run: ({ host }, [dx, dy, dz]) => host.machine.mouse.move(number(dx), number(dy), number(dz ?? "0")),
  },
  {
    name: "mouse_button",
    args: "state",
    help: "change mouse button state (1=L, 2=M, 4=R)",
    words: [1, 1],
    run: ({ host }, [state]) => host.machine.mouse.buttons(buttonBits(number(state))),
  },
  {
    name: "set_password",
    args: "protocol password",
    help: "set the password of VNC clients (protocol: vnc)",
    words: [2, 2],
    missing: "string expected",
    run({ host }, [protocol, password]) {
      if (protocol !== "vnc") throw new UserError(`Parameter 'protocol' does not accept value '${protocol}'`);
      setVncPassword(host, password!);
    },
  },
  {
    name: "screendump",
    args: "filename [-f format]",
    help: "save screen into PPM image 'filename', or PNG with -f png",
    words: [1, 3],
    missing: "filename expected",
    run: screendump,
  },
];

async function screendump({ host }: Session, words: readonly string[]): Promise<void> {
  const flag = words.indexOf("-f");
  const format = flag < 0 ? "ppm" : (words[flag + 1] ?? "");
  const file = words.find((_, n) => flag < 0 || (n !== flag && n !== flag + 1));
  if (file === undefined) throw new UserError("filename expected");
  if (format !== "ppm" && format !== "png") throw new UserError(`invalid parameter value: ${format}`);
  await saveScreen(host, file, format);
}

export async function saveScreen(host: MonitorHost, file: string, format: "ppm" | "png"): Promise<void> {
  const picture = host.machine.display.picture();
  await host.writeFile(file, format === "png" ? await png(picture) : ppm(picture));
}
