// Small drawings without axes: trend lines, the forecast's bar, the skill scale, counts as bars.

import { h, s } from "./dom.mjs";
import { skill as skillText } from "./format.mjs";

/** @param {number[]} values @param {number} width @param {number} height @param {boolean} [stale] */
export function spark(values, width, height, stale = false) {
  const box = { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" };
  if (values.length < 2) return s("svg", box);
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const x = (/** @type {number} */ i) => 1 + (i * (width - 5)) / (values.length - 1);
  const y = (/** @type {number} */ v) => height - 2 - ((height - 4) * (v - low)) / span;
  const color = `var(--${stale ? "s3" : "ink-2"})`;
  const path = values.map((v, i) => `${i ? "L" : "M"}${x(i).toFixed(1)} ${y(v).toFixed(1)}`).join("");
  return s(
    "svg",
    box,
    s("path", { d: path, fill: "none", stroke: color, "stroke-width": 1.3, "stroke-linejoin": "round" }),
    s("circle", { cx: x(values.length - 1), cy: y(/** @type {number} */ (values.at(-1))), r: 2, fill: color }),
  );
}

/** The forecast against zero, with its band where it has one. @param {number} value @param {number | null} lo @param {number | null} hi @param {number} reach */
export function forecastBar(value, lo, hi, reach) {
  const x = (/** @type {number} */ v) => 100 + (90 * v) / reach;
  const still = { "vector-effect": "non-scaling-stroke" };
  return s(
    "svg",
    { viewBox: "0 0 200 22", preserveAspectRatio: "none", "aria-hidden": "true" },
    s("line", { x1: 0, x2: 200, y1: 11, y2: 11, stroke: "var(--grid)", ...still }),
    lo !== null &&
      hi !== null &&
      s("rect", { x: x(lo), y: 6, width: x(hi) - x(lo), height: 10, fill: "var(--forecast-soft)", stroke: "var(--forecast)", "stroke-opacity": 0.65, ...still }),
    s("line", { x1: 100, x2: 100, y1: 2, y2: 20, stroke: "var(--ink-3)", ...still }),
    s("line", { x1: x(value), x2: x(value), y1: 3, y2: 19, stroke: "var(--forecast)", "stroke-width": 3, ...still }),
  );
}

/**
 * Skill on one scale with zero and, where known, its ceiling.
 * @param {import("./types.js").Skill} skill
 * @param {number | undefined} ceiling
 */
export function skillScale(skill, ceiling) {
  const marks = [0, skill.skill ?? 0, skill.lo ?? 0, skill.hi ?? 0, ceiling ?? 0];
  const low = Math.min(...marks);
  const span = Math.max(...marks) - low || 1;
  const x = (/** @type {number} */ v) => 12 + (270 * (v - low)) / span;
  const at = x(skill.skill ?? 0);
  const words = `Live skill ${skillText(skill.skill)}, 90 % interval ${skillText(skill.lo)} to ${skillText(skill.hi)}${ceiling === undefined ? "" : `, ceiling ${skillText(ceiling)}`}`;
  const label = (/** @type {number} */ v, /** @type {string} */ text, /** @type {string} */ anchor, /** @type {number} */ y) =>
    s("text", { x: anchor === "end" ? x(v) + 4 : x(v) - 4, y, "text-anchor": anchor }, text);
  // Zero always has its word: to its left where the ceiling's comes close, and below that one where there is no room.
  const close = ceiling !== undefined && ceiling !== 0 && Math.abs(x(ceiling) - x(0)) <= 130;
  const zeroEnd = close ? x(0) > 60 : x(0) > 150;
  const ceilingEnd = ceiling !== undefined && x(ceiling) > 150 && !(close && zeroEnd && x(ceiling) < 210);
  const below = close && (ceilingEnd || !zeroEnd);
  return s(
    "svg",
    { class: "chart", viewBox: `0 0 302 ${below ? 66 : 52}`, role: "img", "aria-label": words },
    s("line", { x1: 0, x2: 302, y1: 20.5, y2: 20.5, stroke: "var(--line)" }),
    skill.lo !== null &&
      skill.hi !== null &&
      s("rect", { x: x(skill.lo), y: 15, width: Math.max(1, x(skill.hi) - x(skill.lo)), height: 11, fill: "var(--forecast-soft)", stroke: "var(--forecast)", "stroke-opacity": 0.65 }),
    s("line", { x1: x(0), x2: x(0), y1: 6, y2: 34, stroke: "var(--ink-3)" }),
    ceiling !== undefined &&
      s("line", { x1: x(ceiling), x2: x(ceiling), y1: 6, y2: 34, stroke: "var(--ink-2)", "stroke-dasharray": "3 2", "stroke-width": 1.4 }),
    skill.skill !== null && s("path", { d: `M${at} 14.5l6 6-6 6-6-6z`, fill: "var(--forecast)" }),
    label(0, ceiling === 0 ? "0, naive and ceiling" : "0, naive", zeroEnd ? "end" : "start", 48),
    ceiling !== undefined && ceiling !== 0 && label(ceiling, `ceiling ${skillText(ceiling)}`, ceilingEnd ? "end" : "start", below ? 62 : 48),
  );
}

/** A bar of a share of the greatest. @param {number} share 0 to 1 @param {boolean} [chosen] */
export function shareBar(share, chosen = false) {
  return s(
    "svg",
    { viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
    s("rect", { x: 0, y: 0, width: Math.max(0.6, share * 100), height: 8, rx: 1, fill: `var(--${chosen ? "accent" : "s3"})` }),
  );
}

/** Rise or fall: shape, word for readers, and number. @param {number | null | undefined} x @param {string} text */
export function direction(x, text) {
  if (x === null || x === undefined) return h("span", { class: "dim" }, "—");
  const up = x >= 0;
  return h("span", { class: `${up ? "up" : "down"} nowrap` }, h("span", { "aria-hidden": "true" }, up ? "▲ " : "▼ "), text);
}
