export async function demo(_argv: readonly string[]): Promise<number> {
  throw new Error("unfinished");
}
