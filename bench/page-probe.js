// Runs in the page before the page's own scripts (bench/page.ts): notes when what is measured happens there. Times are
// in ms since the page was opened.
{
  // Nobody is there to use the picker that gives handles.
  delete globalThis.showOpenFilePicker;

  const seen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  /** The machine's screen from its left upper corner on, a number a pixel. */
  const look = (width = 720, height = 400) => {
    Object.assign(seen.canvas, { width, height });
    seen.drawImage(document.getElementById("screen"), 0, 0);
    return new Uint32Array(seen.getImageData(0, 0, width, height).data.buffer);
  };
  const differ = (a, b) => a.some((pixel, n) => pixel !== b[n]);
  const frame = () => new Promise((drawn) => requestAnimationFrame(drawn));
  let pressedAt;
  addEventListener("keydown", ({ timeStamp }) => (pressedAt = timeStamp), { capture: true });

  const probe = (globalThis.probe = {
    /** When the serial console shows its first word. */
    firstWord: new Promise((told) => {
      new MutationObserver((_, observer) => {
        if (!/\w/.test(document.querySelector(".xterm-rows")?.textContent ?? "")) return;
        told(performance.now());
        observer.disconnect();
      }).observe(document, { subtree: true, childList: true, characterData: true });
    }),

    /** When the screen shows anything. */
    async firstPicture() {
      const BLACK = 0xff00_0000;
      while (document.getElementById("machine").hidden || look().every((pixel) => pixel === BLACK))
        await frame();
      return performance.now();
    },

    /** Waits until the screen is so wide. */
    async width(pixels) {
      while (document.getElementById("screen").width !== pixels) await frame();
    },

    /** Begins to wait for a key; `keyShown` is told the ms from there to the screen's next change. */
    expectKey() {
      const before = look();
      pressedAt = undefined;
      const shown = async () => {
        while (pressedAt === undefined || !differ(look(), before)) await frame();
        return performance.now() - pressedAt;
      };
      probe.keyShown = shown();
    },

    /** Pictures a second that differ from the one before. */
    async pictures(ms) {
      const began = performance.now();
      let [last, count] = [look(8, 8), 0];
      while (performance.now() - began < ms) {
        await frame();
        const now = look(8, 8);
        if (differ(now, last)) count++;
        last = now;
      }
      return (count * 1000) / (performance.now() - began);
    },
  });
}
