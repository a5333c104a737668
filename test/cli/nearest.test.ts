import { expect, it } from "vitest";
import { nearest } from "../../host/cli/nearest.ts";

const words = ["nographic", "kernel", "hda", "hdb", "m"];

it.each([
  ["nografic", "nographic"],
  ["kernle", "kernel"],
  ["hdaa", "hda"],
  ["dha", "hda"],
  ["xyzzy", undefined],
])("%s is meant to be %s", (typed, meant) => {
  expect(nearest(typed, words)).toBe(meant);
});
