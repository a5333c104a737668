// Several front ends on one terminal, by the keys behind Ctrl-A: side by side, as under `-nographic`, or each with the
// whole terminal to itself, as in QEMU's curses display.
import process from "node:process";
import { reason } from "../core/errors.ts";
import type { Chardev } from "./chardev/chardev.ts";
import { type Command, keysHelp, Multiplexer, Timestamps } from "./chardev/mux.ts";
import type { ConnectionActions, FrontEnd } from "./connections.ts";
import type { PcOptions } from "./pc-options.ts";

const encoder = new TextEncoder();
/** What a console that is not shown keeps of its output. */
const BACKLOG = 1 << 16;
const CLEAR = "\x1b[0m\x1b[2J\x1b[H";

/** The commands that are the same however the terminal is shared. */
function common(
  device: Chardev,
  stamps: Timestamps,
  { quit, say, monitorHost }: ConnectionActions,
  escape: number | undefined,
): Partial<Record<Command, () => void>> {
  return {
    quit() {
      device.write(encoder.encode("\r\n"));
      say("terminated");
      quit();
    },
    help: () =>
      device.write(
        encoder.encode(
          keysHelp(escape)
            .map((line) => `\n\r${line}`)
            .join("") + "\n\r",
        ),
      ),
    timestamps: () => stamps.toggle(),
    commit: () =>
      void monitorHost()
        .commit()
        .catch((error: unknown) => say(reason(error))),
    break: () => monitorHost().machine.sendBreak(),
  };
}

/** All front ends print, one gets the keys, Ctrl-A c goes round. */
export function share(
  device: Chardev,
  ends: readonly FrontEnd[],
  actions: ConnectionActions,
  { escapeKey }: PcOptions,
): void {
  const keys = new Multiplexer(escapeKey);
  const stamps = new Timestamps();
  let focus = 0;
  const commands = common(device, stamps, actions, escapeKey);
  commands.monitor = (): void => {
    focus = (focus + 1) % ends.length;
    if (ends[focus]!.focused) ends[focus]!.focused!();
    else device.write(encoder.encode("\r\n"));
  };
  for (const end of ends) {
    end.attach((bytes) => device.write(stamps.stamp(bytes, performance.now())));
    end.onRoom?.(() => device.resume());
  }
  device.onData((bytes) => {
    let room = true;
    keys.type(
      bytes,
      (input) => (room = ends[focus]!.input(input)),
      (command) => commands[command]?.(),
    );
    return room;
  });
  if (process.stdin.isTTY && process.stderr.isTTY) actions.say("Ctrl-A x quits, Ctrl-A h lists the keys");
}

/** Each front end is a console of its own; Alt and a digit or Ctrl-A c shows another. Returns the terminal as one device. */
export function shareByConsole(
  device: Chardev,
  consoles: readonly FrontEnd[],
  actions: ConnectionActions,
  { escapeKey }: PcOptions,
): Chardev {
  const keys = new Multiplexer(escapeKey);
  const stamps = new Timestamps();
  const kept = consoles.map((): Uint8Array[] => []);
  let focus = 0;

  function turnTo(next: number): void {
    if (next === focus || !consoles[next]) return;
    consoles[focus]!.leave?.();
    focus = next;
    if (!consoles[next].leave) {
      device.write(encoder.encode(CLEAR));
      for (const bytes of kept[next]!) device.write(bytes);
    }
    consoles[next].focused?.();
  }

  const commands = common(device, stamps, actions, escapeKey);
  commands.monitor = (): void => turnTo((focus + 1) % consoles.length);
  const { quit } = commands;
  commands.quit = (): void => {
    consoles[focus]!.leave?.();
    quit!();
  };
  consoles.forEach((end, number) => {
    end.attach((bytes) => {
      const isScreen = end.leave !== undefined;
      const stamped = isScreen ? bytes : stamps.stamp(bytes, performance.now());
      if (!isScreen) keep(kept[number]!, stamped);
      if (number === focus) device.write(stamped);
    });
    end.onRoom?.(() => device.resume());
    end.onConsole?.((number) => turnTo(number - 1));
  });
  device.onData((bytes) => {
    let room = true;
    keys.type(
      bytes,
      (input) => {
        const number = consoles[focus]!.leave ? undefined : consoleKey(input);
        if (number === undefined) room = consoles[focus]!.input(input);
        else turnTo(number - 1);
      },
      (command) => commands[command]?.(),
    );
    return room;
  });
  consoles[0]!.focused?.();
  return {
    ...device,
    close() {
      consoles[focus]!.leave?.();
      device.close();
    },
  };
}

/** Alt and a digit, as a terminal sends it in one piece. */
function consoleKey(input: Uint8Array): number | undefined {
  const [escape, digit] = input;
  return input.length === 2 && escape === 0x1b && digit! >= 0x31 && digit! <= 0x39
    ? digit! - 0x30
    : undefined;
}

function keep(backlog: Uint8Array[], bytes: Uint8Array): void {
  backlog.push(Uint8Array.from(bytes));
  let size = backlog.reduce((sum, { length }) => sum + length, 0);
  while (size > BACKLOG && backlog.length > 1) size -= backlog.shift()!.length;
}
