export const engines: Readonly<Record<string, () => Promise<WebAssembly.Module>>>;
export const bytes: Readonly<Record<string, Uint8Array<ArrayBuffer>>>;
