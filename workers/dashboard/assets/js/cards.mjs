// Cards beside the chart: next forecast, live skill, symbols, marks; and the table of forecasts and outcomes below it.

import { age, fill, h, icon } from "./dom.mjs";
import { clock, count, dateTime, duration, minute, price, returnBp, share, skill as skillText, spanSeconds, whole } from "./format.mjs";
import { direction, forecastBar, skillScale, spark } from "./lines.mjs";
import { barTime } from "./state.mjs";
import { scroller, table } from "./table.mjs";

/** @typedef {import("./state.mjs").State} State */
/** @typedef {import("./types.js").Forecast} Forecast */
/** @typedef {import("./types.js").SymbolLine} SymbolLine */

const FLAG_WORDS = /** @type {Record<string, [string, string, string]>} */ ({
  BASELINE: ["", "Last value is served: no skill has been shown for this symbol", ""],
  LATE: ["late", "Made after its target: joined, not scored", "not scored"],
  IN_SAMPLE: ["", "As old as the model's training data: joined, not scored", "not scored"],
  OUT_OF_DOMAIN: ["ood", "More than a fifth of the features lie outside the training range", ""],
  STALE_MODEL: ["stale", "The champion has expired in market time", ""],
  SCHEMA_MISMATCH: ["stale", "The live features are not those the model was trained on", ""],
});

/** @param {string} name */
export function flag(name) {
  const [kind, words] = FLAG_WORDS[name] ?? ["", name];
  return h("span", { class: `flag ${kind}`, title: words }, name);
}

/** A card with its head. @param {string} title @param {...any} head */
export function card(title, ...head) {
  const body = h("div", {});
  const header = h("header", {}, h("h2", {}, title), ...head);
  return { element: h("article", { class: "card", "aria-label": title }, header, body), header, body };
}

/** @param {number} n */
const bars = (n) => `${n} bar${n === 1 ? "" : "s"}`;

/** Seconds until an instant, in words. @param {string} at @param {State} state */
function until(at, state) {
  const seconds = (Date.parse(at) - state.now()) / 1000;
  return seconds >= 0 ? `in ${whole(seconds)}` : `${whole(-seconds)} ago`;
}

/** @param {State} state */
export function nextForecast(state) {
  const pending = state.pending();
  const first = pending[0];
  const { element, header, body } = card("Next forecast");
  body.className = "body";
  const stale = 1.5 * spanSeconds(state.forecastBar() || "1m");
  if (first) {
    const champion = pending.find((f) => f.role === "champion");
    header.append(
      champion ? h("span", { class: "pill acc" }, icon("star"), `v${champion.version} champion`) : flag("BASELINE"),
      age(first.made_at, stale + spanSeconds(state.forecastBar() || "1m")),
    );
    const reach = Math.max(1, ...pending.flatMap((f) => [f.y_pred, f.lo ?? 0, f.hi ?? 0]).map((v) => Math.abs(v * 1e4))) * 1.25;
    fill(
      body,
      pending.map((f) => {
        const band = f.lo === null || f.hi === null ? "" : `${returnBp(f.lo)} to ${returnBp(f.hi)}`;
        const scaled = (/** @type {number | null} */ v) => (v === null ? null : v * 1e4);
        return h(
          "div",
          { class: "fc", "data-horizon": f.horizon },
          h("span", { class: "mid" }, bars(f.horizon)),
          forecastBar(f.y_pred * 1e4, scaled(f.lo), scaled(f.hi), reach),
          h("span", { class: "big num", "data-value": f.y_pred * 1e4 }, returnBp(f.y_pred), " ", h("small", { class: "dim small" }, "bp")),
          h("span", { class: "dim nowrap two-cells" }, `${clock(f.target_ts, state.zone)}${state.zone === "utc" ? " UTC" : ""}, `, h("span", { "data-until": f.target_ts }, until(f.target_ts, state))),
          champion && f.role === "baseline" ? flag("BASELINE") : h("span", { class: "dim num" }, band),
        );
      }),
      h("p", { class: "dim top-line" }, `Naive forecast: 0.0 bp (last value).${first.lo === null ? " This version has no band." : " Band: 90 %."}`),
    );
  } else {
    fill(body, h("p", { class: "mid" }, waiting(state)));
  }
  return element;
}

/** Why there is no forecast. @param {State} state */
function waiting(state) {
  if (!state.meta?.predictor_bar) return "No predictor runs in this pipeline.";
  if (state.forecasts.rows.length) return "No forecast is due. The next one follows the next closed bar.";
  const run = state.runs?.find((r) => ["Pending", "Queued", "Waiting"].includes(r.phase));
  const have = run?.status?.dataset?.rows;
  if (have !== undefined) return `Waiting for data: have ${count(have)} of ${count(state.meta.min_rows)} rows. Training starts by itself.`;
  return `No forecast yet. Forecasts are made for ${state.meta.predictor_bar} bars, when one closes.`;
}

/** @param {State} state */
export function liveSkill(state) {
  const horizon = state.meta?.horizons[0] ?? 1;
  const skill = state.skill.get(horizon);
  const ceiling = state.ceiling(horizon);
  const { element, header, body } = card("Live skill");
  body.className = "body";
  header.append(h("span", { class: "dim" }, `${state.symbol}, ${skill ? `last ${count(skill.scored)} scored` : "measured on outcomes"}`), age(state.skillTo, 1.5 * spanSeconds(state.forecastBar() || "1m") * 2));
  const served = state.symbols?.find((l) => l.symbol === state.symbol)?.baseline;
  if (!skill || skill.skill === null) {
    const words = served
      ? "No model has passed yet. The last value is served, marked BASELINE."
      : `Not enough outcomes yet: have ${count(skill?.scored ?? 0)} of 20.`;
    const known = ceiling === undefined ? "" : ceiling === 0 ? " Nothing can be forecast here: the best possible skill is 0.0000." : ` The best possible skill is ${skillText(ceiling)}.`;
    fill(body, h("p", { class: "mid" }, words + known), counts(skill));
    return element;
  }
  const beside = ceiling === undefined ? "against the last value" : ceiling === 0 ? "of 0.0000 possible" : `of ${skillText(ceiling)} possible`;
  fill(
    body,
    h("div", { class: "row basewise" }, h("span", { class: "big", "data-skill": skill.skill }, skillText(skill.skill)), h("span", { class: "dim", "data-ceiling": ceiling }, beside), served ? flag("BASELINE") : null),
    skillScale(skill, ceiling),
    counts(skill),
  );
  return element;
}

/** @param {import("./types.js").Skill | undefined} skill */
function counts(skill) {
  if (!skill) return null;
  return h(
    "dl",
    { class: "kv gap-above" },
    skill.lo === null ? null : [h("dt", {}, "90 % interval"), h("dd", {}, `${skillText(skill.lo)} to ${skillText(skill.hi)}`)],
    skill.coverage === null ? null : [h("dt", {}, "Coverage of the 90 % band"), h("dd", {}, share(skill.coverage))],
    h("dt", {}, "Void or late"),
    h("dd", {}, `${count(skill.void + skill.late)} of ${count(skill.matured)}`),
  );
}

/** @param {State} state @param {(symbol: string) => void} choose */
export function symbolsCard(state, choose) {
  const { element, header, body } = card("Symbols", h("span", { class: "dim" }, h("kbd", {}, "["), " ", h("kbd", {}, "]")));
  const newest = state.symbols?.reduce((at, l) => (l.at && l.at > at ? l.at : at), "");
  header.append(age(newest || null, 15 + spanSeconds(state.bar || "1m")));
  if (state.symbols?.length === 0) {
    fill(body, h("p", { class: "empty" }, "No ticks yet. Run ", h("code", {}, "stockpipe produce"), ", or POST to /api/v1/ticks."));
    return element;
  }
  const columns = [
    { head: "Symbol", cell: (/** @type {SymbolLine} */ l) => h("button", { class: "rowbtn", type: "button", title: l.symbol, "data-key": `symbol-${l.symbol}`, onclick: () => choose(l.symbol) }, l.symbol) },
    { head: "Trend", hiddenHead: true, cell: (/** @type {SymbolLine} */ l) => spark(l.closes.map((c) => c[1]), 44, 20) },
    { head: "Last", num: true, cell: (/** @type {SymbolLine} */ l) => price(l.last) },
    { head: `${whole(state.trendSpan())}, bp`, num: true, cell: (/** @type {SymbolLine} */ l) => direction(state.change(l), returnBp(state.change(l))) },
    { head: "Skill", num: true, cell: (/** @type {SymbolLine} */ l) => (l.baseline ? flag("BASELINE") : skillText(l.skill.skill)) },
  ];
  const rows = state.symbols ?? [];
  fill(
    body,
    scroller("Symbols, scrolling", table("Symbols", columns, rows, { class: "tight", key: (l) => l.symbol, rowClass: () => "pick-row", selected: (l) => l.symbol === state.symbol })),
  );
  return element;
}

/** What is marked on the chart, in words, newest first. @param {State} state */
export function marksCard(state) {
  const { element, body } = card("Marks on this chart");
  body.className = "body";
  /** @type {{at: number, title: string, more: string}[]} */
  const marks = [];
  const rows = state.bars.rows;
  const step = spanSeconds(state.bar || "1m");
  rows.forEach((bar, i) => {
    const gap = i ? barTime(bar) - barTime(rows[i - 1]) : 0;
    if (gap > step * 1.5) marks.push({ at: (barTime(rows[i - 1]) + step) * 1000, title: `No ticks for ${whole(gap - step)}`, more: "No bar was made up" });
  });
  // Models and forecasts belong to the bars they are made for.
  const own = state.bar === state.forecastBar();
  for (const { bar, horizon, history } of own ? state.aliases : []) {
    if (bar !== state.bar || horizon !== state.meta?.horizons[0]) continue;
    let before = /** @type {number | null} */ (null);
    for (const e of history.filter((x) => x.alias === "champion")) {
      const title = e.version === null ? `v${before} is served no more` : before === null ? `v${e.version} became champion` : `v${e.version} replaced v${before} as champion`;
      marks.push({ at: Date.parse(e.effective_from), title, more: e.reason });
      before = e.version;
    }
  }
  const allLate = own ? served(state).filter((f) => f.flags.includes("LATE")) : [];
  const late = allLate[0];
  if (late) {
    const by = (Date.parse(late.made_at) - Date.parse(late.target_ts)) / 1000;
    marks.push({ at: Date.parse(late.target_ts), title: allLate.length === 1 ? "One forecast was LATE" : `${count(allLate.length)} forecasts were LATE`, more: `${allLate.length === 1 ? "Made" : "The last was made"} ${duration(by)} after its target; not scored` });
  }
  marks.sort((a, b) => b.at - a.at);
  if (!marks.length) fill(body, h("p", { class: "dim" }, "None: no gap, no change of model, no late forecast."));
  else
    fill(
      body,
      h("ol", { class: "marks" }, marks.slice(0, 6).map((m) => h("li", {}, h("time", { class: "mid", datetime: new Date(m.at).toISOString(), title: dateTime(m.at, state.zone) }, state.now() - m.at < 72e6 ? minute(m.at, state.zone) : dateTime(m.at, state.zone).slice(5, 10)), m.title, h("span", {}, m.more)))),
    );
  return element;
}

/** Served forecasts of the nearest horizon, newest target first. @param {State} state */
export function served(state) {
  const horizon = state.meta?.horizons[0] ?? 1;
  return state.forecasts.rows.filter((f) => f.horizon === horizon && f.role !== "challenger").toReversed();
}

/** @param {Forecast} f */
export const outcomeOf = (f) => (typeof f.outcome === "object" ? f.outcome.joined : null);

/** @param {State} state @param {() => void} toCsv */
export function outcomesCard(state, toCsv) {
  const horizon = state.meta?.horizons[0] ?? 1;
  const rows = served(state);
  const joined = rows.find((f) => f.outcome !== "pending");
  const { element, body } = card(
    "Forecasts and outcomes",
    h("span", { class: "dim" }, `${state.symbol}, ${bars(horizon)} ahead`),
    h("span", { class: "grow" }),
    age(joined?.target_ts ?? null, 3 * spanSeconds(state.forecastBar() || "1m"), "target "),
    h("button", { class: "btn quiet", type: "button", "data-key": "csv-outcomes", onclick: toCsv }, icon("down"), "CSV"),
  );
  if (!rows.length) {
    fill(body, h("p", { class: "empty" }, waiting(state)));
    return element;
  }
  const banded = rows.some((f) => f.lo !== null);
  const columns = [
    { head: `Target (${state.zone === "utc" ? "UTC" : "local"})`, class: "nowrap", cell: (/** @type {Forecast} */ f) => instantCell(f.target_ts, state) },
    { head: "Version", cell: (/** @type {Forecast} */ f) => (f.version ? `v${f.version}` : "—") },
    { head: "Forecast (bp)", num: true, cell: (/** @type {Forecast} */ f) => returnBp(f.y_pred) },
    ...(banded ? [{ head: "90 % band", num: true, class: "mid", cell: (/** @type {Forecast} */ f) => (f.lo === null ? "—" : `${returnBp(f.lo)} to ${returnBp(f.hi)}`) }] : []),
    { head: "Naive", num: true, class: "dim", cell: (/** @type {Forecast} */ f) => returnBp(f.y_naive) },
    { head: "Outcome (bp)", num: true, cell: (/** @type {Forecast} */ f) => outcomeCell(f) },
    { head: "Error", num: true, cell: (/** @type {Forecast} */ f) => returnBp(outcomeOf(f)?.err) },
    ...(banded ? [{ head: "In band", class: "nowrap", cell: (/** @type {Forecast} */ f) => inBand(f) }] : []),
    { head: "Flags", class: "nowrap", cell: (/** @type {Forecast} */ f) => f.flags.map((name) => [flag(name), " ", h("span", { class: "dim" }, FLAG_WORDS[name]?.[2] ?? ""), " "]).flat() },
  ];
  fill(body, scroller("Forecasts and outcomes, scrolling", table("Forecasts and outcomes", columns, rows.slice(0, 12), { key: (f) => f.target_ts })));
  return element;
}

/** Date and time, the date left out on a small screen. @param {string} at @param {State} state */
export function instantCell(at, state) {
  const text = dateTime(at, state.zone);
  return h("time", { datetime: at, title: text }, h("span", { class: "wide" }, `${text.slice(0, 10)} `), text.slice(11));
}

/** @param {Forecast} f */
function outcomeCell(f) {
  if (f.outcome === "pending") return h("span", { class: "dim" }, "pending");
  if (f.outcome === "void") return h("span", { class: "dim", title: "The symbol had no bar up to the target" }, "void");
  return direction(f.outcome.joined.y_true, returnBp(f.outcome.joined.y_true));
}

/** @param {Forecast} f */
function inBand(f) {
  const outcome = outcomeOf(f);
  if (!outcome || f.lo === null || f.hi === null) return "—";
  const inside = f.lo <= outcome.y_true && outcome.y_true <= f.hi;
  return h("span", { class: `row ${inside ? "mid" : "warn-ink"}` }, icon(inside ? "ok" : "warn"), inside ? "inside" : "outside");
}

