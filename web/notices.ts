// What the page has to say: what went wrong stays until it is dismissed, what is going on is replaced by what comes next.
import { element } from "./elements.ts";

export function complain(error: unknown): void {
  const box = element("alert");
  box.querySelector("p")!.textContent = error instanceof Error ? error.message : String(error);
  box.hidden = false;
  if (error instanceof Error && error.name !== "UserError") console.error(error);
}

export function clearComplaint(): void {
  element("alert").hidden = true;
}

export function say(sentence: string): void {
  element("status").textContent = sentence;
}

element("alert").querySelector("button")!.addEventListener("click", clearComplaint);
