// Control flow in both tiers: regions with several entries, across pages, through calls, returns, tables and
// retpolines; pages that are patched or mapped elsewhere while regions hold their code; interrupts and breakpoints
// anywhere. Both tiers stand at the same instruction with the same state.
import { expect, test } from "vitest";
import { FlowPair } from "./flow-pair.ts";

const PROGRAMS = 40;

test("programs of calls, indirect jumps, patches and remapped pages stand at the same state in both tiers", () => {
  const pair = new FlowPair();
  for (let seed = 1; seed <= PROGRAMS; seed++) expect(pair.difference(seed), `seed ${seed}`).toBeUndefined();
  // Otherwise nothing was compared: there were regions, and pages of theirs that led elsewhere.
  expect(pair.counter("STAT_REGIONS")).toBeGreaterThan(PROGRAMS);
  expect(pair.counter("LEFT_PAGE")).toBeGreaterThan(PROGRAMS);
});
