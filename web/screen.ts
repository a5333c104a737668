// The screen: the guest's pixels on a canvas, each as a whole number of the display's own, so that they stay sharp.
import type { Frame, Machine } from "../host/library.ts";

export class ScreenView {
  private readonly context: CanvasRenderingContext2D;
  private readonly resized = new ResizeObserver(() => this.fit());

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly panel: HTMLElement,
  ) {
    this.context = canvas.getContext("2d", { alpha: false })!;
    this.resized.observe(panel);
  }

  /** CSS pixels to a pixel of the guest. */
  get scale(): number {
    return this.canvas.clientWidth / this.canvas.width || 1;
  }

  /** Draws what the machine shows until `signal` is aborted, and not while nobody sees it. */
  async show(machine: Machine, signal: AbortSignal): Promise<void> {
    const frames = machine.screen.frames({ signal });
    // The next one is on its way while this one is drawn: one after the other, every second one would be missed.
    for (let next = frames.next(); ;) {
      const { value: frame } = await next;
      if (!frame || signal.aborted) return;
      next = frames.next();
      this.draw(frame);
      await new Promise((drawn) => requestAnimationFrame(drawn));
    }
  }

  private draw({ rgba, width, height }: Frame): void {
    if (this.canvas.width !== width || this.canvas.height !== height) {
      Object.assign(this.canvas, { width, height });
      this.fit();
    }
    this.context.putImageData(new ImageData(rgba, width, height), 0, 0);
  }

  clear(): void {
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  private fit(): void {
    const { width, height } = this.canvas;
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
