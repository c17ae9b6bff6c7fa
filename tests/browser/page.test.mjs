// The dashboard in a real Chromium, on the fixture's stores.

import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { PAGES, THEMES, takeAll } from "./shots.mjs";
import { startBrowser, startServer, until } from "./world.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const HOSTILE = "<img src=x onerror=window.hacked=1>";

/** @type {Awaited<ReturnType<typeof startServer>>} */
let server;
/** @type {Awaited<ReturnType<typeof startBrowser>>} */
let browser;
/** @type {import("playwright-core").Page} */
let page;
/** Errors of the page that nobody expected. @type {string[]} */
const errors = [];

before(async () => {
  server = await startServer();
  browser = await startBrowser();
  page = browser.context.pages()[0] ?? (await browser.context.newPage());
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    // Failed requests are what some tests are about; everything else on the console is a fault.
    if (message.type() === "error" && !/Failed to load resource|ERR_/.test(message.text())) errors.push(message.text());
  });
});

after(async () => {
  await browser?.stop();
  await server?.stop();
});

/** Opens a page afresh and waits until it is live. */
async function open(query = "symbol=AAPL&bar=1m", hash = "market") {
  await page.goto("about:blank");
  await page.goto(`${server.url}?${query}#${hash}`);
  await live();
}

const live = () => until("connection", () => page.getAttribute(".conn", "data-state"), (s) => s === "live", 20);

/** Rows of the table twin: start and close, newest first. */
const twin = () =>
  page.$$eval(".chartcard tbody tr", (rows) => rows.map((r) => [r.getAttribute("data-row"), r.children[4]?.textContent]));

const ask = (path) => server.api(path);

/** What the API has, as the twin would write it. */
async function expected(count) {
  const { rows } = await ask(`bars?symbol=AAPL&bar=1m&limit=${count}`);
  return rows.reverse().map((r) => [r.window_start, r.close.toFixed(2)]);
}

test("first paint shows bars, forecast, skill beside its ceiling, and the badge", async () => {
  await open();
  await page.waitForSelector(".fc");
  assert.match(await page.textContent(".synth"), /SYNTHETIC\s*Ar1 φ 0\.5, best possible skill 0\.2500/);
  assert.match(await page.textContent(".read"), /SMA 20/);
  const last = (await ask("bars?symbol=AAPL&bar=1m&limit=1")).rows[0].close.toFixed(2);
  assert.equal(await page.textContent(".last"), last);
  const skill = (await ask("skill?symbol=AAPL&horizon=1")).skill.skill;
  assert.equal(await page.textContent("[data-skill]"), skill.toFixed(4));
  assert.match(await page.textContent("[data-ceiling]"), /of 0\.2500 possible/);
  assert.equal(await page.title(), "AAPL · market · Stockpipe");
  // Something is drawn: the first pane has pixels of the rising and the falling colour.
  const drawn = await page.evaluate(() => {
    const canvas = document.querySelector(".plot canvas");
    const { width, height } = canvas;
    const data = canvas.getContext("2d").getImageData(0, 0, width, height).data;
    const colors = new Set();
    for (let i = 0; i < data.length; i += 4) colors.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
    return colors.size;
  });
  assert.ok(drawn > 5, `only ${drawn} colours on the chart`);
});

test("the table twin equals the interface", async () => {
  await open("symbol=AAPL&bar=1m&view=table");
  const rows = await until("twin", twin, (t) => t.length === 200);
  assert.deepEqual(rows, await expected(200));
  assert.match(await page.textContent(".chartcard"), /The newest 200 of 4,997 bars/);
});

test("a new bar appears after it is pushed, and a provisional one is marked", async () => {
  await open("symbol=AAPL&bar=1m&view=table");
  await until("twin", twin, (t) => t.length === 200);
  const { window_start: start } = await server.control("push");
  await until("the pushed bar on top", twin, (t) => t[0]?.[0] === start);
  const { window_start: next } = await server.control("provisional");
  await until("the provisional bar on top", twin, (t) => t[0]?.[0] === next);
  assert.match(await page.textContent(".chartcard tbody tr"), /provisional/);
  await server.control("push");
  await until("the bar is final", () => page.textContent(".chartcard tbody tr"), (t) => /final/.test(t ?? "") && !/provisional/.test(t ?? ""));
  assert.deepEqual((await twin()).slice(0, 3), await expected(3));
});

test("a stream that is cut, and a server that restarts, leave no gap and no duplicate", async () => {
  await open("symbol=AAPL&bar=1m&view=table");
  await until("twin", twin, (t) => t.length === 200);
  let start = "";
  for (const how of ["cut", "restart"]) {
    await server.control(how);
    for (let i = 0; i < 5; i += 1) start = (await server.control("push")).window_start;
    await until(`the last bar after ${how}`, twin, (t) => t[0]?.[0] === start, 20);
    assert.deepEqual((await twin()).slice(0, 60), await expected(60));
  }
  const joined = await page.$$eval(".out tbody tr", (rows) => rows.map((r) => r.getAttribute("data-row")));
  assert.equal(new Set(joined).size, joined.length);
});

test("a store that fails is said, and the page stays", async () => {
  await open();
  await page.waitForSelector(".fc");
  await server.control("store?fail=true");
  await page.keyboard.press("]");
  await until("trouble", () => page.textContent(".troubled").catch(() => ""), (t) => /The feature store does not answer\. Live bars go on/.test(t ?? ""));
  assert.equal(await page.getAttribute(".conn", "data-state"), "live");
  await page.keyboard.press("5");
  await until("health", () => page.textContent("#page-health").catch(() => ""), (t) => /The feature store does not answer/.test(t ?? ""));
  await server.control("store?fail=false");
  await until("recovered", () => page.textContent("#page-health").catch(() => ""), (t) => !/The feature store does not answer/.test(t ?? ""));
  await page.keyboard.press("1");
  await until("bars are back", () => page.textContent(".read").catch(() => ""), (t) => /SMA 20/.test(t ?? ""), 20);
});

test("a measurement that stops is marked old, with its value kept", async () => {
  await open("symbol=AAPL", "health");
  await page.waitForSelector("[data-tile=ticks_in] .age");
  assert.match(await page.textContent("[data-tile=write_latency]"), /12\.7 ms\s*stale \d+ s/);
  assert.doesNotMatch(await page.textContent("[data-tile=ticks_in]"), /stale/);
  await server.control("silence?on=true");
  const seen = await until("stale tile", () => page.textContent("[data-tile=ticks_in]"), (t) => /stale 1\d s/.test(t ?? ""), 25);
  assert.match(seen, /4\.\d\d per s/);
  await server.control("silence?on=false");
});

test("a symbol that is markup is shown as text", async () => {
  await open(`symbol=${encodeURIComponent(HOSTILE)}&bar=1m&view=table`);
  await until("headline", () => page.textContent("h1"), (t) => t === HOSTILE);
  await page.keyboard.press("5");
  await page.waitForSelector("[data-tile]");
  const names = await page.$$eval("#page-health td .med", (cells) => cells.map((c) => c.textContent));
  assert.ok(names.includes(HOSTILE), String(names));
  assert.match(await page.textContent(".hex"), /<b>AMZN<\/b>/);
  assert.equal(await page.evaluate(() => "hacked" in window), false);
  assert.equal(await page.$$eval("img", (all) => all.length), 0);
});

test("BASELINE and a ceiling of zero are said where nothing can be learnt", async () => {
  await open("symbol=GOOGL&bar=1m");
  await page.waitForSelector(".fc");
  assert.match(await page.textContent(".synth"), /Gbm, nothing can be forecast/);
  const aside = (await page.textContent("aside")) ?? "";
  assert.match(aside, /No model has passed yet\. The last value is served, marked BASELINE\. Nothing can be forecast here/);
  assert.match(await page.textContent('[data-row="GOOGL"]'), /BASELINE/);
});

test("everything can be reached and done by keys alone", async () => {
  await open();
  await page.waitForSelector(".fc");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Skip to content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "content");
  await page.evaluate(() => /** @type {HTMLElement} */ (document.activeElement)?.blur());
  await page.keyboard.press("/");
  await page.keyboard.type("msf");
  await page.keyboard.press("Enter");
  await until("MSFT", () => page.textContent("h1"), (t) => t === "MSFT");
  await page.keyboard.press("[");
  await until("GOOGL", () => page.textContent("h1"), (t) => t === "GOOGL");
  await page.keyboard.press("t");
  await until("table", () => page.url(), (u) => u.includes("view=table"));
  await page.keyboard.press("t");
  await page.keyboard.press("b");
  await until("5m is empty and says so", () => page.textContent(".plot").catch(() => ""), (t) => /No bars yet\. The first 5m bar closes about 3 s after/.test(t ?? ""));
  await page.keyboard.press("b");
  await until("bars", () => page.textContent(".read").catch(() => ""), (t) => /SMA 20/.test(t ?? ""));
  await page.focus(".plot");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("ArrowLeft");
  // Two steps back from the last of three; the bar passed on the way may be read out first.
  const third = (await ask("bars?symbol=GOOGL&bar=1m&limit=3")).rows[0];
  const words = `close ${third.close.toFixed(2)}, volume`;
  await until("the bar is read out", () => page.textContent("#spoken"), (t) => /open .* close/.test(t ?? "") && (t ?? "").includes(words));
  await page.keyboard.press("u");
  await until("local", () => page.url(), (u) => u.includes("time=local"));
  await page.keyboard.press("u");
  const before = await page.getAttribute("html", "data-theme");
  await page.keyboard.press("d");
  assert.notEqual(await page.getAttribute("html", "data-theme"), before);
  await page.keyboard.press("d");
  await page.keyboard.press("?");
  assert.match(await page.textContent("dialog[open]"), /Find a symbol/);
  await page.keyboard.press("Escape");
  assert.equal(await page.$("dialog[open]"), null);
  for (const [key, id] of [["3", "page-training"], ["5", "page-health"], ["1", "page-market"]]) {
    await page.keyboard.press(key);
    await page.waitForSelector(`#${id}`);
  }
});

test("a CSV has the visible range at full precision", async () => {
  await open("symbol=AAPL&bar=1m&view=table");
  await until("twin", twin, (t) => t.length === 200);
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("[data-key=csv-bars]")]);
  assert.match(download.suggestedFilename(), /^aapl-1m-bars-\d{8}T\d{4}Z-\d{8}T\d{4}Z\.csv$/);
  const lines = readFileSync(await download.path(), "utf8").trim().split("\n");
  const last = (await ask("bars?symbol=AAPL&bar=1m&limit=1")).rows[0];
  assert.ok(lines.at(-1).startsWith(last.window_start));
  assert.ok(lines.at(-1).includes(String(last.close)));
});

test("the gate report, folds and refusal of a run", async () => {
  await open("run=try-depth-12", "training");
  await page.waitForSelector(".gates");
  assert.match(await page.textContent("#page-training"), /Skill \(h 1\) refused v10/);
  const first = await page.textContent(".gates tbody tr");
  assert.match(first, /Failed/);
  assert.equal(await page.$$eval(".runs a", (all) => all.length), 4);
  assert.match(await page.textContent(".runs"), /Training 42/);
  // What stands in the status is on screen: the first horizon's rivals, pooled, and every fold.
  const { runs } = await ask("runs");
  const { status } = runs.find((r) => r.name === "try-depth-12");
  const rivals = await page.$$eval('[aria-label="Rivals"] tbody tr', (rows) => rows.map((r) => [...r.children].map((c) => c.textContent)));
  assert.deepEqual(rivals.map((r) => r[0].toLowerCase()), status.rivals.filter((r) => r.horizon === 1).map((r) => r.name.toLowerCase()));
  assert.deepEqual(rivals[3], ["AR(1) on returns", "−0.0041", "0.2134"]);
  assert.deepEqual(rivals[5].slice(1), ["0.0036", "—"]);
  await page.click('[aria-label="Skill by fold"] button:has-text("Table")');
  const folds = await page.$$eval('[aria-label="Skill by fold"] tbody tr', (rows) => rows.map((r) => r.textContent));
  assert.equal(folds.length, status.folds.length);
  assert.match(await page.textContent("#page-training"), /ceiling 0\.1350.*naive 5\.76 bp.*59\.9 to 62\.4/);
  // A symbol's own gate is no failure of the version.
  assert.match(await page.textContent(".gates tbody tr.baseline"), /BASELINE\s*Skill, upper bound \(GOOGL, h 1\).*−0\.0011 is below 0/);
});

for (const theme of THEMES) {
  for (const name of PAGES) {
    test(`axe finds nothing on ${name}, ${theme}`, async () => {
      await open(`symbol=AAPL&bar=1m&theme=${theme}&run=market-2`, name);
      await page.waitForSelector({ market: ".fc", training: ".gates", health: "[data-tile] .age svg" }[name]);
      // The policy forbids injected scripts; evaluation through the debugger is not one.
      await page.evaluate(AXE);
      const found = await page.evaluate(() => /** @type {any} */ (window).axe.run(document, { resultTypes: ["violations"] }));
      const said = found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 160)).join(" | ")}`);
      assert.deepEqual(said, []);
    });
  }
}

test("screenshots at 360 and 1440 px in both themes; nothing scrolls sideways", async () => {
  for (const path of await takeAll(page, server.url)) assert.ok(statSync(path).size > 10000, path);
  for (const name of PAGES) {
    await page.setViewportSize({ width: 360, height: 900 });
    await open("symbol=AAPL&bar=1m&run=market-2", name);
    await page.waitForSelector({ market: ".fc", training: ".gates", health: "[data-tile]" }[name]);
    const [wide, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(wide <= width, `${name} is ${wide} px wide on a screen of ${width}`);
  }
  await page.setViewportSize({ width: 1440, height: 1000 });
});

test("the page made no error and asked nobody else", async () => {
  /** @type {string[]} */
  const foreign = [];
  page.on("request", (r) => {
    if (!r.url().startsWith(server.url)) foreign.push(r.url());
  });
  await open();
  await page.waitForSelector(".fc");
  assert.deepEqual(foreign.filter((u) => !u.startsWith("about:")), []);
  assert.deepEqual(errors, []);
});
