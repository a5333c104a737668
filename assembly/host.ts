// The way in: every function that an engine imports. The file name is the import module ("host").

/** Throws a fixed host object; the host catches it around `runMachine` and calls that again. Never returns. */
export declare function unwind(): void;

/** Words for a developer on the host's standard error; `at` is UTF-8 in linear memory. */
export declare function log(at: usize, length: u32): void;

/** Fills `length` bytes at `at` with randomness of the host. */
export declare function entropy(at: usize, length: u32): void;

/** Compiles the wasm module at `at` and puts its function into the table; returns the slot, 0 if it cannot. */
export declare function jitInstall(at: usize, length: u32): u32;

/** The function in `slot` will not be called again. */
export declare function jitRelease(slot: u32): void;

/** No installed function will be called again. */
export declare function jitReleaseAll(): void;
