// The mouse: captured by a click on the screen, since the guest's pointer only knows movements; Escape, which is the
// browser's rule, or Ctrl and Alt give it back.
import type { Machine } from "../host/library.ts";

const BUTTONS = ["left", "middle", "right"] as const;
/** Pixels of a wheel's turn that make one notch. */
const NOTCH = 50;

export function connectPointer(
  target: HTMLElement,
  machine: Machine,
  scale: () => number,
  signal: AbortSignal,
): void {
  const { mouse } = machine;
  const isCaptured = (): boolean => document.pointerLockElement === target;
  /** What is left of movements smaller than a pixel of the guest. */
  const rest = { x: 0, y: 0, wheel: 0 };
  const whole = (axis: keyof typeof rest, by: number): number => {
    rest[axis] += by;
    const steps = Math.trunc(rest[axis]);
    rest[axis] -= steps;
    return steps;
  };

  const button = (event: MouseEvent, down: boolean): void => {
    const name = BUTTONS[event.button];
    if (!name) return;
    event.preventDefault();
    if (isCaptured()) mouse.press(name, down);
    else if (down) {
      target.focus();
      // Refused without a gesture, or right after Escape: the next click tries again.
      void Promise.resolve(target.requestPointerLock()).catch(() => {});
    }
  };
  target.addEventListener("mousedown", (event) => button(event, true), { signal });
  target.addEventListener("mouseup", (event) => button(event, false), { signal });
  target.addEventListener("contextmenu", (event) => event.preventDefault(), { signal });
  target.addEventListener(
    "mousemove",
    ({ movementX, movementY }) => {
      if (!isCaptured()) return;
      const [dx, dy] = [whole("x", movementX / scale()), whole("y", movementY / scale())];
      if (dx || dy) mouse.move(dx, dy);
    },
    { signal },
  );
  target.addEventListener(
    "wheel",
    (event) => {
      if (!isCaptured()) return;
      event.preventDefault();
      const notches = whole("wheel", event.deltaY / NOTCH);
      if (notches) mouse.move(0, 0, notches);
    },
    { signal, passive: false },
  );
  document.addEventListener(
    "pointerlockchange",
    () => {
      if (!isCaptured()) for (const name of BUTTONS) mouse.press(name, false);
    },
    { signal },
  );
}

export function releasePointer(): void {
  if (document.pointerLockElement) document.exitPointerLock();
}
