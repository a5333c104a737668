// Errors that a user can act on: one clear sentence, no stack trace. Anything else that is thrown is our bug.

/** A failed operation on a file, an image or an option. `message` is the whole sentence. */
export class UserError extends Error {
  override name = "UserError";
  /** The system's code ("ENOENT", "EIO" …) where one caused it. */
  readonly code: string | undefined;

  constructor(message: string, code?: string) {
    super(message);
    this.code = code;
  }
}

/** strerror(3)'s words for the codes that files give. */
const WORDS: Readonly<Record<string, string>> = {
  EACCES: "Permission denied",
  EADDRINUSE: "Address already in use",
  EADDRNOTAVAIL: "Cannot assign requested address",
  EBADF: "Bad file descriptor",
  EBUSY: "Device or resource busy",
  ECONNREFUSED: "Connection refused",
  ECONNRESET: "Connection reset by peer",
  EEXIST: "File exists",
  EFBIG: "File too large",
  EHOSTUNREACH: "No route to host",
  EINVAL: "Invalid argument",
  EIO: "Input/output error",
  EISDIR: "Is a directory",
  ELOOP: "Too many levels of symbolic links",
  EMFILE: "Too many open files",
  ENAMETOOLONG: "File name too long",
  ENOENT: "No such file or directory",
  ENOSPC: "No space left on device",
  ENOTDIR: "Not a directory",
  ENOTSUP: "Operation not supported",
  EPERM: "Operation not permitted",
  EROFS: "Read-only file system",
  ENOTFOUND: "Name or service not known",
  EPIPE: "Broken pipe",
  ETIMEDOUT: "Connection timed out",
  ENOTEMPTY: "Directory not empty",
};

/** What strerror says of a code; the code itself where it is not known. */
export function wordsOf(code: string): string {
  return WORDS[code] ?? code;
}

/** The reason in an error, as strerror would say it. */
export function reason(error: unknown): string {
  if (error instanceof UserError) return error.message;
  const code = codeOf(error);
  return (code && WORDS[code]) ?? (error instanceof Error ? error.message : String(error));
}

export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}

/** True for failures of the world (files, images, options), false for bugs of ours. */
export function isExpected(error: unknown): boolean {
  return error instanceof UserError || codeOf(error) !== undefined;
}
