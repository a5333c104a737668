// One machine from power on to its end, and all on the page that belongs to it.
import type { Ending, MachineDescription } from "../host/library.ts";
import { Machine } from "../host/worker/client.ts";
import { ask, element, onPress } from "./elements.ts";
import { pickFiles } from "./files.ts";
import { inItsDisk, type Keeper } from "./keepers.ts";
import { connectKeyboard, onCtrlAlt } from "./keyboard.ts";
import { connectLights } from "./lights.ts";
import { clearComplaint, complain, say } from "./notices.ts";
import { connectPointer, releasePointer } from "./pointer.ts";
import { ScreenView } from "./screen.ts";
import type { SerialConsole } from "./serial.ts";
import { connectTouchKeys, type KeySink, screenKeys, serialKeys } from "./touch-keys.ts";

const CONSOLES = ["screen", "serial"] as const;
export type Console = (typeof CONSOLES)[number];

const ENDINGS: Readonly<Record<Ending["reason"], string>> = {
  "power-off": "The machine has switched itself off.",
  reset: "The machine has ended with a reset.",
  "debug-exit": "The guest has ended the machine.",
  stopped: "The machine is switched off.",
};

const HINTS: Readonly<Record<Console, string>> = {
  screen: "Click for keyboard and mouse; Ctrl+Alt gives them back.",
  serial: "Ctrl+Alt gives the keyboard back.",
};

/** Works on a running machine only. */
const CONTROLS = ["pause", "reset", "power", "save", "restore", "change-cd", "ctrl-alt-delete", "paste"];

export class Session {
  private readonly screen = new ScreenView(element<HTMLCanvasElement>("screen"), element("screen-panel"));
  private serial: SerialConsole | undefined;
  private machine: Machine | undefined;
  private keeper: Keeper = inItsDisk;
  private isPaused = false;

  /** `left` is called when the user goes back. */
  constructor(private readonly left: () => void) {
    const running = (id: string, action: (machine: Machine) => unknown): void =>
      onPress(id, complain, () => this.machine && action(this.machine));
    running("pause", (machine) => (this.isPaused ? machine.resume() : machine.pause()));
    running("reset", (machine) => machine.reset());
    running("power", (machine) => machine.powerdown());
    running("save", (machine) => this.save(machine));
    running("restore", (machine) => this.keeper.restore(machine));
    running("change-cd", (machine) => this.changeCd(machine));
    running("ctrl-alt-delete", (machine) => machine.sendKey("ctrl-alt-delete"));
    running("paste", (machine) => this.paste(machine));
    connectTouchKeys(() => this.sink(), complain);
    onPress("off", complain, () => this.leave());
    onPress("full-screen", complain, () => this.fillScreen());
    for (const name of CONSOLES) {
      onPress(`${name}-tab`, complain, () => this.turnTo(name));
      onCtrlAlt(element(`${name}-panel`), () => void this.getOut(name).catch(complain));
    }
    // What a guest has not written yet is lost with its tab, as by a power cut.
    window.addEventListener("beforeunload", (event) => this.machine && event.preventDefault());
    // Tabs are one stop of the keyboard's, arrows change between them (WAI-ARIA tabs pattern).
    element("screen-tab").parentElement!.addEventListener("keydown", ({ key }) => {
      if (key !== "ArrowLeft" && key !== "ArrowRight") return;
      const other = element("screen-tab").ariaSelected === "true" ? "serial" : "screen";
      this.select(other);
      element(`${other}-tab`).focus();
    });
  }

  /** Loads the terminal, which is most of the page's code. */
  async prepare(): Promise<void> {
    const { SerialConsole } = await import("./serial.ts");
    this.serial ??= new SerialConsole(element("serial-panel"));
  }

  /** Makes the machine and lets it run, `saved`: from where `keeper` has it; returns when it has ended. */
  async run(description: MachineDescription, first: Console, keeper: Keeper, saved = false): Promise<void> {
    clearComplaint();
    say("Starting…");
    const over = new AbortController();
    const [machine] = await Promise.all([
      Machine.create({ ...description, onTrouble: complain }),
      this.prepare(),
    ]);
    this.machine = machine;
    this.keeper = keeper;
    const { signal } = over;
    try {
      if (saved) await keeper.restore(machine);
      await this.open(machine, first, signal);
      const ending = await machine.run();
      // What the guest has drawn last is still on its way.
      await new Promise((drawn) => setTimeout(drawn, 100));
      if (this.machine) say(ENDINGS[ending.reason]);
    } catch (error) {
      // Switched off by the user: that is no failure.
      if (this.machine) complain(error);
    } finally {
      over.abort();
      this.machine = undefined;
      await machine.close();
      this.enable(false);
      releasePointer();
    }
  }

  private async open(machine: Machine, first: Console, signal: AbortSignal): Promise<void> {
    element("setup").hidden = true;
    element("machine").hidden = false;
    this.enable(true);
    this.showPaused(false);
    say("");
    this.screen.renew();
    this.serial!.connect(machine, () => this.tellNews(), signal);
    this.screen.show(machine, signal).catch((error: unknown) => signal.aborted || complain(error));
    connectKeyboard(this.screen.canvas, machine, signal);
    connectPointer(this.screen.canvas, machine, () => this.screen.scale, signal);
    connectLights(machine, signal);
    machine.events.on(({ name }) => {
      if (name === "STOP" || name === "RESUME") this.showPaused(name === "STOP");
    });
    machine.start();
    // The terminal takes its time to open: what was shown before that is drawn first.
    await new Promise((drawn) => setTimeout(drawn));
    this.turnTo(first);
  }

  private async save(machine: Machine): Promise<void> {
    say("Saving…");
    try {
      await this.keeper.save(machine);
      say("Saved in this browser: Restore, or a later visit, goes on from here.");
    } catch (error) {
      say("");
      throw error;
    }
  }

  private async changeCd(machine: Machine): Promise<void> {
    const [file] = await pickFiles();
    if (!file) return;
    await machine.changeMedium({ media: "cdrom" }, file);
    say(`The CD is ${file.name}.`);
  }

  private enable(isOn: boolean): void {
    for (const id of CONTROLS) element<HTMLButtonElement>(id).disabled = !isOn;
    element("off").textContent = isOn ? "Switch off" : "Back";
    element("off").classList.toggle("primary", !isOn);
    if (!isOn) element("off").focus();
  }

  private showPaused(isPaused: boolean): void {
    this.isPaused = isPaused;
    element("pause").textContent = isPaused ? "Resume" : "Pause";
    say(isPaused ? "Paused." : "");
  }

  private async leave(): Promise<void> {
    const { machine } = this;
    this.machine = undefined;
    await machine?.close();
    element("machine").hidden = true;
    element("setup").hidden = false;
    this.left();
  }

  /** Where keys go that are touched. */
  private sink(): KeySink | undefined {
    const { machine } = this;
    if (!machine) return undefined;
    return element("serial-panel").hidden ? screenKeys(machine) : serialKeys(machine);
  }

  private select(name: Console): void {
    for (const other of CONSOLES) {
      const isChosen = other === name;
      const tab = element(`${other}-tab`);
      tab.ariaSelected = String(isChosen);
      tab.tabIndex = isChosen ? 0 : -1;
      element(`${other}-panel`).hidden = !isChosen;
    }
    element("hint").textContent = HINTS[name];
    if (name === "serial") element("serial-tab").querySelector<HTMLElement>(".news")!.hidden = true;
  }

  private turnTo(name: Console): void {
    this.select(name);
    if (name === "screen") this.screen.canvas.focus();
    else this.serial?.focus();
  }

  private tellNews(): void {
    if (element("serial-panel").hidden)
      element("serial-tab").querySelector<HTMLElement>(".news")!.hidden = false;
  }

  /** To where Tab goes on from. */
  private async getOut(from: Console): Promise<void> {
    releasePointer();
    // What lies behind a full screen takes no focus.
    if (document.fullscreenElement) await document.exitFullscreen();
    element(`${from}-tab`).focus();
  }

  private async fillScreen(): Promise<void> {
    await element("screen-panel").requestFullscreen();
    this.turnTo("screen");
    // Chromium's: then Alt-Tab, Escape and the like are the guest's as well.
    const { keyboard } = navigator as { keyboard?: { lock(): Promise<void> } };
    await keyboard?.lock().catch(() => {});
  }

  private async paste(machine: Machine): Promise<void> {
    const field = element<HTMLTextAreaElement>("paste-text");
    field.value = await readClipboard();
    field.select();
    if ((await ask("paste-dialog")) !== "type") return;
    this.turnTo("screen");
    await machine.keyboard.type(field.value.replaceAll("\r\n", "\n"));
  }
}

/** Nothing where the user, or a page whose way here was not safe, gives no access. */
async function readClipboard(): Promise<string> {
  const clipboard = navigator.clipboard as Clipboard | undefined;
  return (await clipboard?.readText().catch(() => "")) ?? "";
}
