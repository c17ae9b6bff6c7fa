// The page behind a password: whoever does not know it sees nothing, whoever does sees live bars.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startBrowser, startProgram, until } from "./world.mjs";

const binary = process.env.STOCKPIPE ?? "";
const skip = existsSync(binary) ? false : `no program at ${binary || "$STOCKPIPE"}`;
const login = { username: "ada", password: "s3:cret ü" };

/** @type {Awaited<ReturnType<typeof startProgram>>} */
let program;
/** @type {string} */
let mounts;

before(async () => {
  if (skip) return;
  mounts = mkdtempSync(join(tmpdir(), "stockpipe-mounts-"));
  const secret = join(mounts, "secrets/page");
  mkdirSync(secret, { recursive: true });
  for (const [key, value] of Object.entries(login)) writeFileSync(join(secret, key), `${value}\n`);
  program = await startProgram(binary, ["--mounts", mounts, "--set", "dashboard.auth={secretRef: {name: page}}"]);
});

after(async () => {
  await program?.stop();
  if (mounts) rmSync(mounts, { recursive: true, force: true });
});

test("without the password there is nothing to see", { skip }, async () => {
  const browser = await startBrowser({ username: login.username, password: "wrong" });
  try {
    const page = browser.context.pages()[0] ?? (await browser.context.newPage());
    const response = await page.goto(program.url);
    assert.equal(response?.status(), 401);
    assert.match((await page.textContent("body")) ?? "", /does not know this username with this password/);
  } finally {
    await browser.stop();
  }
});

test("with the password the page is live: modules, fonts, interface and stream", { skip }, async () => {
  const browser = await startBrowser(login);
  try {
    const page = browser.context.pages()[0] ?? (await browser.context.newPage());
    /** @type {string[]} */
    const refused = [];
    // What the browser asks before it knows the password is answered 401; after that nothing may be.
    let known = false;
    page.on("response", (response) => {
      if (response.status() === 401 && known) refused.push(response.url());
      if (response.ok()) known = true;
    });
    await page.goto(`${program.url}?symbol=AMZN&bar=5s#market`);
    await until("connection", () => page.getAttribute(".conn", "data-state"), (s) => s === "live", 30);
    await until("bars", () => page.textContent(".read", { timeout: 1000 }).catch(() => ""), (t) => /SMA 20\s*\d/.test(t ?? ""), 30);
    assert.deepEqual(refused, []);
  } finally {
    await browser.stop();
  }
});
