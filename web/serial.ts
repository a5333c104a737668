// The serial console: a terminal on the machine's first serial port.
import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import type { Machine } from "../host/library.ts";

export class SerialConsole {
  private readonly terminal = new Terminal({ fontSize: 15, scrollback: 10_000, screenReaderMode: false });
  private readonly fitting = new FitAddon();
  private isOpen = false;

  constructor(private readonly panel: HTMLElement) {
    this.terminal.loadAddon(this.fitting);
    new ResizeObserver(() => this.fit()).observe(panel);
  }

  connect(machine: Machine, onOutput: () => void, signal: AbortSignal): void {
    this.terminal.reset();
    const stops = [
      machine.serial.onData((bytes) => {
        this.terminal.write(bytes);
        onOutput();
      }),
    ];
    const input = this.terminal.onData((text) => void machine.serial.write(text).catch(() => {}));
    signal.addEventListener("abort", () => {
      for (const stop of stops) stop();
      input.dispose();
    });
  }

  focus(): void {
    this.fit();
    this.terminal.focus();
  }

  private fit(): void {
    // Only what is seen can be measured.
    if (this.panel.clientWidth === 0) return;
    if (this.isOpen) return this.fitting.fit();
    adoptStyles(this.panel);
    this.terminal.open(this.panel);
    this.isOpen = true;
    // In a turn of its own: both in one would keep the page waiting.
    setTimeout(() => this.fit());
  }
}

/**
 * The terminal writes its rules into style elements, which a strict content security policy does not apply. What scripts
 * adopt as style sheets it does: each element's text goes there.
 */
function adoptStyles(panel: HTMLElement): void {
  const sheets = new Map<Element, CSSStyleSheet>();
  const adopt = (): void => {
    for (const style of panel.querySelectorAll("style")) {
      if (style.sheet?.cssRules.length) continue;
      let sheet = sheets.get(style);
      if (!sheet) {
        sheet = new CSSStyleSheet();
        sheets.set(style, sheet);
        document.adoptedStyleSheets.push(sheet);
      }
      sheet.replaceSync(style.textContent);
    }
  };
  new MutationObserver(adopt).observe(panel, { subtree: true, childList: true, characterData: true });
}
