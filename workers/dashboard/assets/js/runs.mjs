// What a training run's status says, in words. Metrics are name and decimal text, as in the resource's status.

import { h, icon } from "./dom.mjs";
import { count, dateTime, plain, skill as skillText } from "./format.mjs";

/** @typedef {import("./state.mjs").State} State */
/** @typedef {import("./types.js").Run} Run */

/** A metric of the status; the first horizon is bare. @param {Run} run @param {string} name @param {number} [horizon] @param {string} [symbol] @returns {number | null} */
export function metric(run, name, horizon, symbol) {
  const names = horizon === undefined ? [name] : [`${name}@${horizon}${symbol ? `/${symbol}` : ""}`];
  if (horizon !== undefined && !symbol && isFirst(run, horizon)) names.push(name);
  const found = (run.status?.metrics ?? []).find((/** @type {any} */ m) => names.includes(m.name));
  const value = found === undefined ? NaN : Number(found.value);
  return Number.isFinite(value) ? value : null;
}

/** The bare name is the first horizon's: the one with figures by symbol, or 1, but no `skill@h` of its own. @param {Run} run @param {number} horizon */
function isFirst(run, horizon) {
  const listed = /** @type {string[]} */ ((run.status?.metrics ?? []).map((/** @type {any} */ m) => String(m.name)));
  if (listed.includes(`skill@${horizon}`)) return false;
  return horizon === 1 || listed.some((n) => n.startsWith(`skill@${horizon}/`));
}

/** The horizon of the bare names. @param {Run} run @returns {number} */
export function firstHorizon(run) {
  const listed = /** @type {any[]} */ (run.status?.rivals ?? run.status?.folds ?? []);
  return Number(listed[0]?.horizon ?? 1);
}

const GATES = /** @type {Record<string, string>} */ ({
  folds: "Folds",
  instants: "Instants",
  symbols: "Symbols",
  rows: "Rows",
  skill: "Skill",
  skill_lower_bound: "Skill, lower bound",
  skill_upper_bound: "Skill, upper bound",
});

/** A gate's name in words: `skill@5/AAPL` is "AAPL, h 5: Skill". @param {string} name @param {number} first */
export function gateName(name, first) {
  const [, gate, horizon, symbol] = /^([^@]*)(?:@(\d+))?(?:\/(.*))?$/.exec(name) ?? [];
  if (gate === undefined) return name;
  const whose = [symbol, `h ${horizon ?? first}`].filter(Boolean).join(", ");
  return `${GATES[gate] ?? gate} (${whose})`;
}

/** Words with real minus signs. @param {string} text */
export function signed(text) {
  return text.replace(/(^|[\s(])-(?=\d)/g, "$1\u2212");
}

/** Skill of each symbol, and whether it is served. @param {Run} run @param {number} horizon */
export function symbolSkills(run, horizon) {
  const prefix = `skill@${horizon}/`;
  const gates = /** @type {any[]} */ (run.status?.gates ?? []);
  return /** @type {any[]} */ (run.status?.metrics ?? [])
    .filter((m) => String(m.name).startsWith(prefix))
    .map((m) => {
      const symbol = m.name.slice(prefix.length);
      const own = gates.filter((g) => String(g.name).endsWith(`@${horizon}/${symbol}`));
      return { symbol, skill: Number(m.value), served: own.length ? own.every((g) => g.passed) : null };
    });
}

/** @param {Run} run @returns {{name: string, skill: number | null, p: number | null}[]} */
export function rivals(run) {
  const number = (/** @type {any} */ v) => (v === undefined || v === null || !Number.isFinite(Number(v)) ? null : Number(v));
  const listed = run.status?.rivals;
  if (Array.isArray(listed)) return listed.filter((r) => Number(r.horizon ?? 1) === firstHorizon(run)).map((r) => ({ ...r, name: capital(r.name) })).map((r) => ({ name: r.name, skill: number(r.skill), p: number(r.dm_p ?? r.p) }));
  const linear = metric(run, "skill_linear");
  return linear === null ? [] : [{ name: "Best linear rival", skill: linear, p: metric(run, "dm_p") }];
}

/** @param {unknown} text */
const capital = (text) => String(text).replace(/^[a-z]/, (c) => c.toUpperCase());

/** A gate that stood against the whole version: the run ended well, and nothing of it is served. @param {Run} run */
function refused(run) {
  const passed = (run.status?.conditions ?? []).find((/** @type {any} */ c) => c.type === "GatesPassed");
  if (passed?.status === "True") return null;
  const gates = /** @type {any[]} */ (run.status?.gates ?? []).filter((g) => g.passed === false);
  return gates.find((g) => !String(g.name).includes("/")) ?? (passed ? gates[0] : undefined) ?? null;
}

/** What became of a run: one word and its look. @param {Run} run @param {State} state @returns {[string, string, string]} */
function standing(run, state) {
  const version = run.status?.version;
  const bar = run.status?.bar ?? state.meta?.predictor_bar;
  if (run.phase === "Complete" && version) {
    const held = state.aliases
      .filter((a) => a.bar === bar)
      .flatMap((a) => ["champion", "challenger", "previous"].filter((alias) => a.history.findLast((e) => e.alias === alias)?.version === version));
    if (held.includes("champion")) return ["acc", "star", "Champion"];
    if (held.includes("challenger")) return ["plain", "flag", "Challenger"];
    if (held.includes("previous")) return ["plain", "ok", "Previous"];
  }
  if (run.phase === "Complete") {
    if (refused(run)) return ["bad", "bad", "Refused"];
    return version ? ["plain", "na", "Retired"] : ["plain", "ok", "Complete"];
  }
  if (run.phase === "Failed") return ["bad", "bad", "Failed"];
  if (["Pending", "Queued", "Waiting", "Suspended"].includes(run.phase)) return ["plain", "clock", run.phase === "Pending" ? "Waiting" : run.phase];
  return ["plain", "spin", `${run.phase} ${run.progress_percent}\u00a0%`];
}

/** @param {Run} run @param {State} state */
export function pill(run, state) {
  const [look, glyph, word] = standing(run, state);
  return h("span", { class: `pill ${look}` }, icon(glyph), word);
}

/** One line under a run's name. @param {Run} run @param {State} state */
export function summary(run, state) {
  const failed = refused(run);
  if (run.phase === "Complete" && failed) return `${gateName(failed.name, firstHorizon(run))}: ${failed.value === null || failed.value === undefined ? "refused" : skillText(Number(failed.value))}`;
  const skill = metric(run, "skill", state.meta?.horizons[0]) ?? metric(run, "skill");
  if (run.status?.version) return `v${run.status.version}${skill === null ? "" : `, skill ${skillText(skill)}`}`;
  const have = run.status?.dataset?.rows;
  if (have !== undefined && have < (state.meta?.min_rows ?? 0)) return `have ${count(have)} of ${count(state.meta?.min_rows)} rows`;
  return run.status?.message ?? "";
}

/** What a person must know first. @param {Run} run @returns {{icon: string, title: string, more: string} | null} */
export function headline(run) {
  const failed = refused(run);
  if (run.phase === "Failed") return { icon: "bad", title: "The run did not end well.", more: conditionWords(run, "Failed") || String(run.status?.message ?? "") };
  if (failed) {
    const what = `${gateName(failed.name, firstHorizon(run))} refused ${run.status?.version ? `v${run.status.version}` : "this version"}`;
    const detail = failed.reason ?? failed.detail ?? (failed.limit === undefined ? "" : `value ${failed.value}, limit ${failed.limit}`);
    return { icon: "bad", title: `${what}:`, more: `${signed(String(detail))}. The last value is served where no other model is.`.replace("..", ".") };
  }
  return null;
}

/** @param {Run} run @param {string} type */
function conditionWords(run, type) {
  const found = (run.status?.conditions ?? []).find((/** @type {any} */ c) => c.type === type);
  return found?.message ?? found?.reason ?? "";
}

/** @param {Run} run @param {State} state */
export function dataset(run, state) {
  const d = run.status?.dataset;
  const p = run.status?.params ?? run.status;
  const zone = state.zone === "utc" ? "UTC" : "local";
  /** @type {[string, any][]} */
  const facts = [];
  if (p?.engine) facts.push(["Engine", p.engine]);
  if (p?.trees) facts.push(["Trees × depth", `${p.trees} × ${p.maxDepth ?? "—"}`]);
  if (p?.groupBy) facts.push(["Models", p.groupBy === "Symbol" ? "one per symbol" : "one for all symbols"]);
  if (p?.folds) facts.push(["Folds", `${p.folds}, walk-forward`]);
  if (d?.rows !== undefined) facts.push(["Rows", count(Number(d.rows))]);
  if (d?.symbols !== undefined) facts.push(["Symbols", Array.isArray(d.symbols) ? count(d.symbols.length) : plain(Number(d.symbols), 0)]);
  if (d?.from) facts.push([`From (${zone})`, dateTime(d.from, state.zone)]);
  if (d?.to) facts.push([`To (${zone})`, dateTime(d.to, state.zone)]);
  if (d?.hash) facts.push(["Dataset hash", h("span", { class: "mono", title: d.hash }, `${String(d.hash).slice(0, 8)}…${String(d.hash).slice(-4)}`)]);
  const r2 = metric(run, "r2");
  if (r2 !== null) facts.push(["R²", h("span", { title: "For continuity with other systems only" }, skillText(r2))]);
  if (!facts.length) return null;
  return h("article", { class: "card", "aria-label": "Recipe and data" }, h("header", {}, h("h2", {}, "Recipe and data")), h("div", { class: "body" }, h("dl", { class: "kv" }, facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]))));
}
