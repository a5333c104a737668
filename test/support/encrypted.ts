// What encrypted images of tests share: secrets, a patient qemu-img, options that open an image.
import { native, type Result } from "./qemu-img.ts";

/** Passphrases by the letters that stand for them in tests. */
export const SECRETS = [
  "secret,id=s,data=hunter2",
  "secret,id=t,data=other",
  "secret,id=w,data=wrong",
].flatMap((text) => ["--object", text]);

/** qemu-img measures CPU time and gives up where the machine is too busy to tell. */
export function patiently(folder: string, ...args: string[]): Result {
  for (let tries = 0; ; tries++) {
    const result = native(folder, ...args);
    if (tries === 20 || !result.err.includes("Unable to get accurate CPU usage")) return result;
  }
}

/** Formats with encryption. */
export type Format = "luks" | "qcow2" | "qcow";

/** An image by its options, its passphrase by the secret's id. */
export function opened(format: Format, file: string, secret = "s"): string[] {
  const key = format === "luks" ? "key-secret" : "encrypt.key-secret";
  return [...SECRETS, "--image-opts", `driver=${format},${key}=${secret},file.filename=${file}`];
}

/** Arguments that make `file` from content.raw. */
export const make = (format: string, file: string, options: string): string[] => [
  "convert",
  ...SECRETS,
  "-f",
  "raw",
  "-O",
  format,
  "-o",
  options,
  "content.raw",
  file,
];
