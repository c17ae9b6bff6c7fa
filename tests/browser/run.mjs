// Runs the browser tests and ends with one line that can be counted: `N passed, N failed, N skipped`.
//
// A missing prerequisite is a skip that names it; with REQUIRE=all it is a failure.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));

/** What must be here. @returns {string | null} what is missing */
function missing() {
  for (const name of ["playwright-core", "axe-core", "typescript"]) {
    if (!existsSync(join(here, "node_modules", name))) return `npm package ${name} (run npm ci in tests/browser)`;
  }
  const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";
  if (!existsSync(chromium)) return `${chromium} (install chromium, or set CHROMIUM)`;
  return null;
}

const lacking = missing();
if (lacking) {
  const must = process.env.REQUIRE === "all";
  console.log(`${must ? "FAILED" : "skipped"}: browser tests need ${lacking}`);
  console.log(must ? "0 passed, 1 failed, 0 skipped" : "0 passed, 0 failed, 1 skipped");
  process.exit(must ? 1 : 0);
}

const files = ["unit.test.mjs", "page.test.mjs"].map((f) => join(here, f));
const child = spawn(process.execPath, ["--test", "--test-concurrency=1", "--test-reporter=tap", ...files], { stdio: ["ignore", "pipe", "inherit"] });
let out = "";
child.stdout.on("data", (chunk) => {
  out += chunk;
  process.stdout.write(chunk);
});
child.on("close", (code) => {
  const count = (/** @type {string} */ name) => Number(new RegExp(`^# ${name} (\\d+)$`, "m").exec(out)?.[1] ?? 0);
  const failed = count("fail") + count("cancelled");
  console.log(`${count("pass")} passed, ${failed || (code ? 1 : 0)} failed, ${count("skipped") + count("todo")} skipped`);
  process.exit(code ?? 1);
});
