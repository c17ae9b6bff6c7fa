// Skill by fold: one mark a fold and horizon, zero always on the scale, the ceiling where it is known.

import { h, s } from "./dom.mjs";
import { plain } from "./format.mjs";

/** @typedef {{fold: number, horizon: number, skill: number, lo: number | null, hi: number | null, rows: number | null}} Fold */

/** Folds of a run, as its status tells them. @param {import("./types.js").Run} run @returns {Fold[]} */
export function foldRows(run) {
  const folds = run.status?.folds;
  if (!Array.isArray(folds)) return [];
  const number = (/** @type {any} */ v) => (v === undefined || v === null || !Number.isFinite(Number(v)) ? null : Number(v));
  return folds.flatMap((f, i) => {
    const skill = number(f.skill);
    return skill === null ? [] : [{ fold: number(f.fold) ?? i + 1, horizon: number(f.horizon) ?? 1, skill, lo: number(f.lo), hi: number(f.hi), rows: number(f.rows ?? f.test_rows) }];
  });
}

const HEIGHT = 238;

/** @param {Fold[]} rows @param {number | null} ceiling @param {number} width in pixels of the drawing */
export function foldChart(rows, ceiling, width) {
  const folds = [...new Set(rows.map((r) => r.fold))];
  const horizons = [...new Set(rows.map((r) => r.horizon))];
  const values = [0, ceiling ?? 0, ...rows.flatMap((r) => [r.skill, r.lo ?? r.skill, r.hi ?? r.skill])];
  const low = Math.min(...values);
  const high = Math.max(...values);
  const pad = (high - low || 0.01) * 0.1;
  const y = (/** @type {number} */ v) => 14 + (HEIGHT - 44) * (1 - (v - low + pad) / (high - low + 2 * pad));
  const x = (/** @type {number} */ i) => 8 + ((width - 80) * (i + 0.5)) / folds.length;
  const end = width - 72;
  const level = (/** @type {number} */ v, /** @type {Record<string, any>} */ look, /** @type {string} */ text) => [
    s("line", { x1: 0, x2: end, y1: y(v), y2: y(v), ...look }),
    s("text", { x: end + 8, y: y(v) + 4 }, text),
  ];
  const step = niceStep((high - low + 2 * pad) / 4);
  const grid = [];
  for (let v = Math.ceil((low - pad) / step) * step; v <= high + pad; v += step) {
    if (Math.abs(v) > step / 2) grid.push(...level(v, { stroke: "var(--grid)" }, plain(v, 2)));
  }
  const marks = rows.flatMap((r) => {
    const shift = (horizons.indexOf(r.horizon) - (horizons.length - 1) / 2) * 16;
    const at = x(folds.indexOf(r.fold)) + shift;
    const first = r.horizon === horizons[0];
    const color = `var(--${first ? "forecast" : "s2"})`;
    const bar = r.lo === null || r.hi === null ? [] : [s("line", { x1: at, x2: at, y1: y(r.lo), y2: y(r.hi), stroke: color, "stroke-width": 1.6 })];
    const mark = first
      ? s("path", { d: `M${at} ${y(r.skill) - 5}l5 5-5 5-5-5z`, fill: color })
      : s("rect", { x: at - 4, y: y(r.skill) - 4, width: 8, height: 8, fill: "var(--surface)", stroke: color, "stroke-width": 1.6 });
    return [...bar, mark];
  });
  const labels = folds.map((f, i) => s("text", { x: x(i), y: HEIGHT - 6, "text-anchor": "middle" }, `fold ${f}`));
  const chart = s(
    "svg",
    { class: "chart", viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": "Skill by fold. The table view has the same values." },
    grid,
    level(0, { stroke: "var(--ink-3)" }, "0 naive"),
    ceiling === null ? [] : level(ceiling, { stroke: "var(--ink-2)", "stroke-dasharray": "4 3" }, `ceiling, h ${horizons[0]}`),
    marks,
    labels,
  );
  const key = h("div", { class: "read foldkey" }, horizons.map((n, i) => h("span", { class: i ? "s2" : "fcast" }, i ? "□ " : "◆ ", h("span", { class: "dim" }, `h ${n}`))));
  return h("div", {}, key, chart);
}

/** @param {number} rough */
function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((m) => m * power).find((v) => v >= rough) ?? rough;
}
