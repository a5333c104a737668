// The screen: the guest's pixels on a canvas, each as a whole number of the display's own, so that they stay sharp. The
// machine's thread draws, where the browser has canvases for threads.
import type { Machine } from "../host/library.ts";

export class ScreenView {
  private current: HTMLCanvasElement;
  private size = { width: 640, height: 480 };
  private readonly resized = new ResizeObserver(() => this.fit());

  constructor(
    canvas: HTMLCanvasElement,
    private readonly panel: HTMLElement,
  ) {
    this.current = canvas;
    this.resized.observe(panel);
  }

  get canvas(): HTMLCanvasElement {
    return this.current;
  }

  /** CSS pixels to a pixel of the guest. */
  get scale(): number {
    return this.canvas.clientWidth / this.size.width || 1;
  }

  /** A new, black canvas for the next machine: the last one's thread has the other for ever. */
  renew(): void {
    const fresh = this.current.cloneNode() as HTMLCanvasElement;
    this.current.replaceWith(fresh);
    this.current = fresh;
  }

  /** Draws what the machine shows until `signal` is aborted, and not while nobody sees it. */
  async show(machine: Machine, signal: AbortSignal): Promise<void> {
    const onSize = (width: number, height: number): void => {
      this.size = { width, height };
      this.fit();
    };
    if (typeof OffscreenCanvas !== "undefined")
      return machine.screen.drawOn(this.canvas.transferControlToOffscreen(), { onSize, signal });
    const context = this.canvas.getContext("2d", { alpha: false })!;
    const frames = machine.screen.frames({ signal });
    // The next one is on its way while this one is drawn: one after the other, every second one would be missed.
    for (let next = frames.next(); ;) {
      const { value: frame } = await next;
      if (!frame || signal.aborted) return;
      next = frames.next();
      const { rgba, width, height } = frame;
      if (this.size.width !== width || this.size.height !== height) {
        Object.assign(this.canvas, { width, height });
        onSize(width, height);
      }
      context.putImageData(new ImageData(rgba, width, height), 0, 0);
      await new Promise((drawn) => requestAnimationFrame(drawn));
    }
  }

  private fit(): void {
    const { width, height } = this.size;
    const style = getComputedStyle(this.panel);
    const room = (size: number, ...paddings: string[]): number =>
      (size - paddings.reduce((sum, padding) => sum + parseFloat(padding), 0)) * devicePixelRatio;
    const across = room(this.panel.clientWidth, style.paddingLeft, style.paddingRight) / width;
    const down = room(this.panel.clientHeight, style.paddingTop, style.paddingBottom) / height;
    const fits = Math.min(across, down);
    // A screen that is larger than its place has to shrink, and is smoothed then.
    const times = fits >= 1 ? Math.floor(fits) : fits;
    this.canvas.style.width = `${(width * times) / devicePixelRatio}px`;
    this.canvas.style.height = `${(height * times) / devicePixelRatio}px`;
    this.canvas.style.imageRendering = fits >= 1 ? "pixelated" : "auto";
  }
}
