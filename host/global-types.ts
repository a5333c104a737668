// Types that are the DOM's, which programs in Node, Deno and Bun need not have.

/** OffscreenCanvas, where a program's types know it. */
export type PageCanvas = typeof globalThis extends { OffscreenCanvas: { prototype: infer Canvas } }
  ? Canvas
  : never;

declare global {
  /** For programs that have none of it names are enough; where there are types, these add nothing. */
  namespace WebAssembly {
    interface Module {}
    interface Memory {}
    interface Table {}
    interface Global {}
  }
}
