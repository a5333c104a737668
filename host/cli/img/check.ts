// img check: findings on stderr as they come, the sum on stdout, the verdict as exit code.
import { UserError, wordsOf } from "../../core/errors.ts";
import { check as checkImage } from "../../library/check.ts";
import type { CheckResult, DiskImage, Repair } from "../../library.ts";
import { getopt, has, last, oneName, UsageError, wantsJson } from "./getopt.ts";
import { toJson } from "./json.ts";
import { checkCacheModes, openNamed } from "./open.ts";

const Exit = { sound: 0, notDone: 1, corrupt: 2, leaks: 3, unsupported: 63 } as const;

export async function check(argv: string[]): Promise<number> {
  const parsed = getopt(argv, "hf:qr:T:U", {
    output: "output:",
    repair: "r",
    format: "f",
    "force-share": "U",
  });
  checkCacheModes(parsed);
  const json = wantsJson(parsed);
  const name = oneName(parsed);
  const repair = last(parsed, "r") ?? "none";
  if (repair !== "none" && repair !== "leaks" && repair !== "all")
    throw new UsageError(`Unknown option value for -r (expecting 'leaks' or 'all'): ${repair}`);
  const image = await openNamed(parsed, name, {
    readOnly: repair === "none",
    damaged: true,
  });
  try {
    if (!image.check) {
      process.stderr.write("wasmqemu img: This image format does not support checks\n");
      return Exit.unsupported;
    }
    return await checkAndTell(image, repair, json, has(parsed, "q"));
  } finally {
    await image.close();
  }
}

async function checkAndTell(
  image: DiskImage,
  repair: Repair,
  json: boolean,
  quiet: boolean,
): Promise<number> {
  const say = (text: string): void => void (quiet || process.stdout.write(text));
  const onFinding = (sentence: string): void => void process.stderr.write(`${sentence}\n`);
  let result: CheckResult;
  try {
    result = await checkImage(image, repair, onFinding, ({ leaksFixed, corruptionsFixed }) => {
      if (json) return;
      say(
        "The following inconsistencies were found and repaired:\n\n" +
          `    ${leaksFixed} leaked clusters\n    ${corruptionsFixed} corruptions\n\n` +
          "Double checking the fixed image now...\n",
      );
    });
  } catch (error) {
    if (error instanceof UserError && error.code === "ENOTSUP") {
      process.stderr.write(`wasmqemu img: ${error.message}\n`);
      return Exit.unsupported;
    }
    if (!(error instanceof UserError)) throw error;
    if (!error.message.startsWith("ERROR")) throw new UserError(`Check failed: ${error.message}`, error.code);
    process.stderr.write(`wasmqemu img: ${error.message}\n`);
    throw new UserError(`Check failed: ${wordsOf(error.code ?? "EIO")}`, error.code);
  }
  say(json ? `${toJson(asJson(image, result))}\n` : summary(result));
  if (result.corruptions) return Exit.corrupt;
  return result.leaks ? Exit.leaks : Exit.sound;
}

function summary(result: CheckResult): string {
  const parts: string[] = [];
  const { corruptions, leaks, allocatedClusters, totalClusters } = result;
  if (!corruptions && !leaks) parts.push("No errors were found on the image.\n");
  if (corruptions)
    parts.push(
      `\n${corruptions} errors were found on the image.\n` +
        "Data may be corrupted, or further writes to the image may corrupt it.\n",
    );
  if (leaks)
    parts.push(
      `\n${leaks} leaked clusters were found on the image.\n` +
        "This means waste of disk space, but no harm to data.\n",
    );
  if (allocatedClusters && totalClusters)
    parts.push(
      `${allocatedClusters}/${totalClusters} = ${percent(allocatedClusters, totalClusters)}% allocated, ` +
        `${percent(result.fragmentedClusters, allocatedClusters)}% fragmented, ` +
        `${percent(result.compressedClusters, allocatedClusters)}% compressed clusters\n`,
    );
  if (result.imageEndOffset !== undefined) parts.push(`Image end offset: ${result.imageEndOffset}\n`);
  return parts.join("");
}

/** Two decimals as printf rounds them: an exact half goes to the even digit, where toFixed goes up. */
function percent(part: number, whole: number): string {
  const hundredths = (part / whole) * 10_000;
  const floor = Math.floor(hundredths);
  const even = hundredths - floor === 0.5 ? floor + (floor % 2) : Math.round(hundredths);
  return (even / 100).toFixed(2);
}

/** Keys in qemu-img's order; counts of nothing are left out. */
function asJson({ name: filename, format }: DiskImage, result: CheckResult): object {
  const some = (key: string, value: number | undefined): object => (value ? { [key]: value } : {});
  return {
    ...some("image-end-offset", result.imageEndOffset),
    ...some("compressed-clusters", result.compressedClusters),
    ...(result.totalClusters || format === "qcow2" ? { "total-clusters": result.totalClusters } : {}),
    ...some("corruptions", result.corruptions),
    ...some("corruptions-fixed", result.corruptionsFixed),
    "check-errors": result.checkErrors ?? 0,
    ...some("leaks", result.leaks),
    ...some("leaks-fixed", result.leaksFixed),
    ...some("allocated-clusters", result.allocatedClusters),
    filename,
    format,
    ...some("fragmented-clusters", result.fragmentedClusters),
  };
}
