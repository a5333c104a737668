// `npm run ok`: everything that continuous integration checks, each step even when one before it failed.
// The last line is the sum: `N passed, N failed`, a test of vitest counting one, each other step one.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import process from "node:process";

const RESULTS = ".cache/vitest.json";
const STEPS = [
  ["format", "prettier --check ."],
  ["lint", "oxlint --deny-warnings"],
  ["types", "npm run --silent typecheck"],
  ["build", "node scripts/build.mjs --debug"],
];

let passed = 0;
let failed = 0;

function step(name, command) {
  console.log(`== ${name}: ${command}`);
  const { status } = spawnSync(
    `npx --no-install ${command}`.replace(/^npx --no-install (npm|node) /, "$1 "),
    {
      shell: true,
      stdio: "inherit",
    },
  );
  return status === 0;
}

for (const [name, command] of STEPS) {
  if (step(name, command)) passed++;
  else failed++;
}

mkdirSync(".cache", { recursive: true });
rmSync(RESULTS, { force: true });
const clean = step("tests", `vitest run --reporter=default --reporter=json --outputFile.json=${RESULTS}`);
count(clean);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/** Adds what vitest reports. A file that could not be loaded has no tests that could fail: it counts as one. */
function count(clean) {
  let results;
  try {
    results = JSON.parse(readFileSync(RESULTS, "utf8"));
  } catch {
    console.error("vitest left no results");
    failed++;
    return;
  }
  const broken = results.testResults.filter((f) => f.status === "failed" && f.assertionResults.length === 0);
  const lost = results.numFailedTests + broken.length;
  passed += results.numPassedTests;
  // An error outside any test makes vitest fail with no test to blame.
  failed += lost === 0 && !clean ? 1 : lost;
  if (results.numPendingTests > 0)
    console.log(`${results.numPendingTests} tests were skipped: see the reasons above`);
}
