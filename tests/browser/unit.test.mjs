// What needs no browser: numbers and instants, the state, the colours of the style sheet, the types, the lock file.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const assets = join(here, "../../workers/dashboard/assets");
const format = await import(join(assets, "js/format.mjs"));
const { Series, State } = await import(join(assets, "js/state.mjs"));
const { csv, fileName } = await import(join(assets, "js/csv.mjs"));

test("numbers as the page writes them", () => {
  const cases = [
    [format.returnBp(0.00032), "+3.2"],
    [format.returnBp(-0.00048), "−4.8"],
    [format.returnBp(0), "0.0"],
    [format.returnBp(-0.000004), "0.0"],
    [format.returnBp(null), "—"],
    [format.returnBp(NaN), "—"],
    [format.skill(0.2213), "0.2213"],
    [format.skill(-0.0004), "−0.0004"],
    [format.skill(-0.00001), "0.0000"],
    [format.pValue(0.00001), "< 0.0001"],
    [format.pValue(0.2134), "0.2134"],
    [format.share(0.896), "89.6\u00a0%"],
    [format.price(190.254), "190.25"],
    [format.price(0.12345), "0.1235"],
    [format.count(40214), "40,214"],
    [format.count(null), "—"],
    [format.short(1_200_000), "1.2M"],
    [format.duration(0.38), "380 ms"],
    [format.duration(4.1), "4.1 s"],
    [format.duration(69.3), "1 min 9.3 s"],
    [format.duration(60), "1 min"],
    [format.duration(43_440), "12 h 4 min"],
    [format.whole(187_200), "2 d 4 h"],
    [format.whole(263), "4 min 23 s"],
    [format.ago(0.4), "0 s"],
    [format.ago(127), "2 min"],
    [format.ago(37.9), "37 s"],
    [format.instant("2026-03-17T14:32:00Z", "utc"), "2026-03-17 14:32:00 UTC"],
    [format.clockTenth("2026-03-17T14:32:36.987Z", "utc"), "14:32:36.9"],
    [String(format.spanSeconds("5s") + format.spanSeconds("1m") + format.spanSeconds("1d")), "86465"],
  ];
  for (const [got, want] of cases) assert.equal(got, want);
});

test("rows merge by key: any order, any repetition, one result", () => {
  const rows = Array.from({ length: 60 }, (_, i) => ({
    symbol: "A",
    name: "1m",
    window_start: new Date(Math.floor(i / 2) * 60000).toISOString(),
    final: i % 2 === 1,
    write_ts: i,
    close: i,
  }));
  let seed = 7;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  const expected = rows.filter((r) => r.final).map((r) => r.close);
  for (let round = 0; round < 20; round += 1) {
    const state = new State();
    state.symbol = "A";
    state.bar = "1m";
    const shuffled = [...rows, ...rows.slice(10, 30)].map((r) => [random(), r]).sort((a, b) => a[0] - b[0]);
    for (const [, row] of shuffled) state.takeBar(row);
    assert.deepEqual(state.bars.rows.map((r) => r.close), expected);
  }
});

test("the list of symbols tells what the nearest horizon is served, and no older or other forecast changes it", () => {
  const state = new State();
  state.meta = { predictor_bar: "5s", horizons: [1, 5] };
  state.symbols = [{ symbol: "A", baseline: null }];
  const forecast = { symbol: "A", bar: "5s", horizon: 1, version: 2, role: "champion", flags: [], outcome: "pending", made_at: "2026-03-17T14:32:00Z", target_ts: "2026-03-17T14:32:05Z" };
  state.takeForecast(forecast);
  assert.equal(state.symbols[0].baseline, false);
  const baseline = { ...forecast, role: "baseline", version: 0 };
  state.takeForecast({ ...baseline, horizon: 5 });
  state.takeForecast({ ...baseline, bar: "1m" });
  state.takeForecast({ ...baseline, outcome: { joined: { y_true: 0, err: 0 } } });
  state.takeForecast({ ...forecast, role: "challenger" });
  assert.equal(state.symbols[0].baseline, false);
  state.takeForecast(baseline);
  assert.equal(state.symbols[0].baseline, true);
});

test("a series keeps the newest and forgets the oldest", () => {
  const series = new Series((r) => r.t, (r) => String(r.t), () => false, 3);
  for (const t of [5, 1, 4, 2, 3]) series.put({ t });
  assert.deepEqual(series.rows.map((r) => r.t), [3, 4, 5]);
  assert.equal(series.put({ t: 4 }), false);
});

test("CSV keeps full precision and disarms formulas", () => {
  assert.equal(csv(["a", "b"], [[0.1 + 0.2, "=1+1"], [-5, 'x"y,z'], [null, "<img>"]]), 'a,b\n0.30000000000000004,\'=1+1\n-5,"x""y,z"\n,<img>\n');
  assert.equal(fileName("AAPL", "1m", "forecasts", "20260317T1332Z-20260317T1432Z"), "aapl-1m-forecasts-20260317T1332Z-20260317T1432Z.csv");
});

// ---- colours ------------------------------------------------------------------------------------------------------

const css = readFileSync(join(assets, "style.css"), "utf8");
const tokens = (block) => Object.fromEntries([...block.matchAll(/--([a-z0-9-]+):\s*(#[0-9a-f]{6})(?![0-9a-f])/g)].map((m) => [m[1], m[2]]));
const light = tokens(css.slice(css.indexOf(":root{"), css.indexOf("@media (prefers-color-scheme:dark)")));
const auto = tokens(css.slice(css.indexOf("@media (prefers-color-scheme:dark)"), css.indexOf(":root[data-theme=dark]")));
const dark = tokens(css.slice(css.indexOf(":root[data-theme=dark]"), css.indexOf("@media (prefers-reduced-motion")));

const channels = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255);
const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
const luminance = (hex) => channels(hex).map(linear).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const ratio = (a, b) => {
  const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
  return (x + 0.05) / (y + 0.05);
};

test("the colours hold their contrast in both themes", () => {
  assert.deepEqual(auto, dark, "the two spellings of the dark theme agree");
  const table = [];
  for (const [name, theme] of [["light", light], ["dark", dark]]) {
    const grounds = ["surface", "bg", "inset", "accent-soft"];
    const least = (token) => Math.min(...grounds.map((g) => ratio(theme[token], theme[g])));
    const need = { ink: 7, "ink-2": 4.5, "ink-3": 4.5, accent: 4.5, up: 4.5, down: 4.5, forecast: 4.5, naive: 3, s1: 4.5, s2: 4.5, s3: 3, edge: 3 };
    for (const [token, floor] of Object.entries(need)) {
      const got = ["s3", "edge"].includes(token) ? ratio(theme[token], theme.surface) : least(token);
      table.push(`${name} ${token} ${got.toFixed(2)}`);
      assert.ok(got >= floor, `${name} --${token}: ${got.toFixed(2)} is below ${floor}`);
    }
    for (const token of ["ok", "warn", "bad"]) {
      assert.ok(ratio(theme[token], theme[`${token}-soft`]) >= 4.5, `${name} --${token} on its soft ground`);
    }
    assert.ok(ratio(theme["on-accent"], theme.accent) >= 4.5);
  }
  assert.equal(Number(ratio(light.ink, light.surface).toFixed(2)), 18.15);
  assert.equal(Number(ratio(dark["ink-3"], dark.surface).toFixed(2)), 6.17);
});

test("up and down stay apart for colour-blind eyes", () => {
  // Machado 2009, full severity, on linear light.
  const blind = {
    protan: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    deutan: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    tritan: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
  };
  const lab = (rgb) => {
    const xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]].map((row) => row.reduce((sum, k, i) => sum + k * rgb[i], 0));
    const [x, y, z] = xyz.map((v, i) => v / [0.95047, 1, 1.08883][i]).map((v) => (v > 0.008856 ? Math.cbrt(v) : 7.787 * v + 16 / 116));
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
  };
  const seen = (hex, matrix) => matrix.map((row) => Math.max(0, Math.min(1, row.reduce((sum, k, i) => sum + k * channels(hex).map(linear)[i], 0))));
  for (const theme of [light, dark]) {
    for (const [kind, matrix] of Object.entries(blind)) {
      const [a, b] = [lab(seen(theme.up, matrix)), lab(seen(theme.down, matrix))];
      const distance = Math.hypot(...a.map((v, i) => v - b[i]));
      assert.ok(distance > 20, `${kind}: ${distance.toFixed(0)}`);
    }
  }
});

// ---- files --------------------------------------------------------------------------------------------------------

test("modules pass the type checker", () => {
  const tsc = join(here, "node_modules/typescript/bin/tsc");
  try {
    execFileSync(process.execPath, [tsc, "--noEmit", "-p", join(here, "tsconfig.json")], { encoding: "utf8" });
  } catch (error) {
    assert.fail(error.stdout);
  }
});

test("vendored files are the pinned ones", () => {
  const said = execFileSync(process.execPath, [join(assets, "vendor.mjs"), "--check"], { encoding: "utf8" });
  assert.match(said, /^5 files checked/);
});

test("no inline style, script or markup from data", () => {
  const html = readFileSync(join(assets, "index.html"), "utf8");
  assert.doesNotMatch(html, /\sstyle=|<style|\son[a-z]+=/);
  assert.doesNotMatch(html, /<script(?![^>]*src=)/);
  for (const file of readdirSync(join(assets, "js"))) {
    const text = readFileSync(join(assets, "js", file), "utf8");
    assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/, file);
    assert.doesNotMatch(text, /style: ["'`]/, file);
  }
});

test("the lock file names no private registry", () => {
  const lock = JSON.parse(readFileSync(join(here, "package-lock.json"), "utf8"));
  for (const [name, entry] of Object.entries(lock.packages)) {
    if (entry.resolved) assert.match(entry.resolved, /^https:\/\/registry\.npmjs\.org\//, name);
  }
});
