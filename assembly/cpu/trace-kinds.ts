// What the engine can report for the log (`-d`), each wanted where its bit of the mask is set: read by the engine and by
// the host. Each goes with the vCPU's index and up to three numbers.

/** Before each instruction. */
export const TRACE_INSTRUCTION: u32 = 0;
/** A block has been decoded: its linear address, low and high half, and its bytes. */
export const TRACE_BLOCK: u32 = 1;
/** An interrupt is about to be delivered: vector, error code, 1 where an instruction asked for it. */
export const TRACE_INTERRUPT: u32 = 2;
/** An exception: the vector whose delivery it ended, or -1, and its own. */
export const TRACE_EXCEPTION: u32 = 3;
/** The interrupt controller has handed over a vector. */
export const TRACE_HARDWARE: u32 = 4;
/** A processor is about to be reset; 1: by a third fault. */
export const TRACE_RESET: u32 = 5;
/** Nothing answers at a physical address: address, bytes, 1 for a write. */
export const TRACE_UNASSIGNED: u32 = 6;
// A region has been translated: these three, in this order.
/** The linear address of its head, low and high half: what is told of its code begins anew. */
export const TRACE_REGION: u32 = 7;
/** In its code, the place (in bytes) from which on it is an instruction's: its distance from the head, its length; length 0:
 * that of a block that begins there. */
export const TRACE_CODE: u32 = 8;
/** Its wasm module, in linear memory: address, bytes, and where in it that code lies. */
export const TRACE_MODULE: u32 = 9;
