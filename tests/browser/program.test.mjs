// The page on the real program: `stockpipe local` with the example, from an empty directory to a judged model.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import { startBrowser, startProgram, until } from "./world.mjs";

const binary = process.env.STOCKPIPE ?? "";
const skip = existsSync(binary) ? false : `no program at ${binary || "$STOCKPIPE"}`;

/** @type {Awaited<ReturnType<typeof startProgram>>} */
let program;
/** @type {Awaited<ReturnType<typeof startBrowser>>} */
let browser;
/** @type {import("playwright-core").Page} */
let page;
/** @type {string[]} */
const errors = [];

before(async () => {
  if (skip) return;
  program = await startProgram(binary);
  browser = await startBrowser();
  page = browser.context.pages()[0] ?? (await browser.context.newPage());
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
});

after(async () => {
  await browser?.stop();
  await program?.stop();
});

/** @param {string} query @param {string} hash */
async function open(query, hash) {
  await page.goto("about:blank");
  await page.goto(`${program.url}?${query}#${hash}`);
  await until("connection", () => page.getAttribute(".conn", "data-state"), (s) => s === "live", 30);
}

const text = (/** @type {string} */ selector) => page.textContent(selector, { timeout: 1000 }).catch(() => "");

test("live bars, the badge and a forecast are on screen", { skip }, async () => {
  await open("symbol=AMZN&bar=5s", "market");
  await until("badge", () => text(".synth"), (t) => /SYNTHETIC\s*Ar1 φ 0\.3, best possible skill 0\.0900/.test(t ?? ""));
  await until("bars", () => text(".read"), (t) => /SMA 20\s*\d/.test(t ?? ""), 30);
  const due = () => page.$$eval(".fc .big", (all) => all.map((f) => f.textContent));
  const forecasts = await until("a forecast for each horizon", due, (f) => f.length === 2, 40);
  for (const forecast of forecasts) assert.match(forecast ?? "", /^[+−]?\d+\.\d bp$/);
});

test("a bar that closes while one looks comes onto the screen, equal to the interface", { skip }, async () => {
  await open("symbol=AMZN&bar=5s&view=table", "market");
  const top = () =>
    page.$$eval(".chartcard tbody tr", (rows) => {
      const row = rows.find((r) => !/provisional/.test(r.textContent ?? ""));
      return row ? [row.getAttribute("data-row"), row.children[4]?.textContent] : [];
    });
  const [before] = await until("a final bar", top, (t) => t.length === 2, 30);
  const [start, close] = await until("the next final bar", top, (t) => (t[0] ?? "") > (before ?? ""), 20);
  const { rows } = await program.api(`bars?symbol=AMZN&bar=5s&from=${start}&limit=1`);
  assert.deepEqual([rows[0].window_start, rows[0].close.toFixed(2)], [start, close]);
});

test("a run is told with its gates, folds and rivals", { skip }, async () => {
  await open("", "training");
  const shown = await until("a finished run", () => text("#page-training"), (t) => /Gate report/.test(t ?? "") && /Skill by fold/.test(t ?? ""), 60);
  for (const words of [/AR\(1\) on returns/, /Last value/, /ceiling 0\.\d{4}/, /Direction right/]) assert.match(shown ?? "", words);
  const { runs } = await program.api("runs");
  const done = runs.find((/** @type {any} */ r) => r.phase === "Complete");
  assert.equal(done.status.folds.length, 10, "five folds at two horizons");
  assert.ok(JSON.stringify(done.status).length < 8192, "a status stays small");
  // A random walk has nothing to learn, and the page says so.
  assert.match(await text('[aria-label="Skill by symbol"] [data-row="AAPL"]') ?? "", /BASELINE/);
});

test("health is measured, and no row ends in the future", { skip }, async () => {
  await open("", "health");
  await until("tiles", () => text("[data-tile=ticks_in]"), (t) => /\d/.test(t ?? ""), 20);
  const health = await until("every symbol is fresh", () => program.api("health"), (h) => h.freshness.length === 4, 20);
  for (const f of health.freshness) assert.ok(f.last_row_end <= health.now, `${f.symbol} to ${f.last_row_end}, now ${health.now}`);
  assert.ok(health.partitions.some((/** @type {any} */ p) => p.watermark !== null));
  assert.deepEqual(errors, []);
});

test("it drains when interrupted, and its exit code names the signal", { skip }, async () => {
  assert.equal(await program.stop(), 130);
});
