// The page's elements by their ids, and its rows.

/** An element that index.html has. */
export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** Calls `action` when the button is pressed; what goes wrong goes to `report`. */
export function onPress(id: string, report: (error: unknown) => void, action: () => unknown): void {
  element<HTMLButtonElement>(id).addEventListener("click", () => {
    void (async () => action())().catch(report);
  });
}

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Opens a dialog of index.html; how it was left: the value of the button pressed, empty for cancelled. */
export function ask(id: string): Promise<string> {
  const dialog = element<HTMLDialogElement>(id);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((answer) =>
    dialog.addEventListener("close", () => answer(dialog.returnValue), { once: true }),
  );
}

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"];

/** "1.4 GiB" */
export function sizeInWords(bytes: number): string {
  const power = Math.min(UNITS.length - 1, bytes > 0 ? Math.floor(Math.log2(bytes) / 10) : 0);
  const value = bytes / 1024 ** power;
  return `${value >= 100 || power === 0 ? Math.round(value) : Number(value.toPrecision(2))} ${UNITS[power]}`;
}
