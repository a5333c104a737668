// The way in: every function that an engine imports. The file name is the import module ("host").

/** Throws a fixed host object; the host catches it around `runMachine` and calls that again. Never returns. */
export declare function unwind(): void;

/** Words for a developer on the host's standard error; `at` is UTF-8 in linear memory. */
export declare function log(at: usize, length: u32): void;

/** Fills `length` bytes at `at` with randomness of the host. */
export declare function entropy(at: usize, length: u32): void;
