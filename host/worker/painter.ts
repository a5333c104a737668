// The guest's screen on a canvas of a page, drawn by the machine's own thread: no pixel crosses to the page's.
import type { Display } from "../display/vga.ts";
import type { PageCanvas } from "../global-types.ts";

export class Painter {
  private readonly context: OffscreenCanvasRenderingContext2D;
  private image: ImageData | undefined;
  private generation = -1;
  private request = 0;

  /** Draws from now on; `resized` is told the picture's size whenever it changes. */
  constructor(
    private readonly display: Display,
    private readonly canvas: PageCanvas,
    private readonly resized: (width: number, height: number) => void,
  ) {
    this.context = canvas.getContext("2d", { alpha: false })!;
    this.draw();
  }

  stop(): void {
    cancelAnimationFrame(this.request);
  }

  /** With each picture of the user's display, and not while nobody sees the page. */
  private readonly draw = (): void => {
    this.request = requestAnimationFrame(this.draw);
    const { generation } = this.display;
    if (generation === this.generation) return;
    this.generation = generation;
    const picture = this.display.picture(this.image?.data);
    const { width, height, rgba } = picture;
    if (this.image?.data !== rgba || this.image.width !== width) {
      this.image = new ImageData(rgba, width, height);
      Object.assign(this.canvas, { width, height });
      this.resized(width, height);
    }
    this.context.putImageData(this.image, 0, 0);
  };
}
