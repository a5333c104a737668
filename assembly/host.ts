// The way in: every function that an engine imports. The file name is the import module ("host").

/** Throws a fixed host object; the host catches it around `runMachine` and calls that again. Never returns. */
export declare function unwind(): void;

/** Words for a developer on the host's standard error; `at` is UTF-8 in linear memory. */
export declare function log(at: usize, length: u32): void;

/** Fills `length` bytes at `at` with randomness of the host. */
export declare function entropy(at: usize, length: u32): void;

/**
 * Compiles the wasm module at `at` and puts its function into slot `slot` of the table, or with 0 into a new one;
 * returns the slot, 0 where the runtime refuses to compile.
 */
export declare function jitInstall(at: usize, length: u32, slot: u32): u32;

/** One report of vCPU `index` for the log: TRACE_* and what goes with it (cpu/trace-kinds.ts). */
export declare function trace(kind: u32, index: u32, first: u32, second: u32, third: u32): void;

/** Forgets the function in `slot`, which is never called again. */
export declare function jitRelease(slot: u32): void;
