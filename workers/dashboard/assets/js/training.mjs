// The Training page: runs on the left; of the chosen one what it found, which gates it passed, and against whom.

import { flag } from "./cards.mjs";
import { csv, download, fileName } from "./csv.mjs";
import { age, fill, h, icon, segmented } from "./dom.mjs";
import { count, duration, instant, pValue, plain, share, skill as skillText } from "./format.mjs";
import { foldChart, foldRows } from "./folds.mjs";
import { dataset, firstHorizon, gateName, headline, metric, pill, rivals, signed, summary, symbolSkills } from "./runs.mjs";
import { scroller, table } from "./table.mjs";

/** @typedef {import("./state.mjs").State} State */
/** @typedef {import("./types.js").Run} Run */

const GATE_ORDER = ["failed", "held", "warned", "inconclusive", "baseline", "passed"];

export class TrainingPage {
  /** @param {State} state @param {(run: string) => void} choose */
  constructor(state, choose) {
    this.state = state;
    this.choose = choose;
    this.foldView = "chart";
    this.element = h("section", { id: "page-training", "aria-label": "Training" });
    this.due = false;
    state.on(["runs", "aliases", "choice", "trouble"], () => this.want());
  }

  want() {
    if (this.state.page !== "training" || !this.state.meta || this.due) return;
    this.due = true;
    requestAnimationFrame(() => {
      this.due = false;
      this.draw();
    });
  }

  show() {
    this.want();
  }

  restyle() {
    this.want();
  }

  chosen() {
    return this.state.runs?.find((r) => r.name === this.state.run) ?? this.state.runs?.[0];
  }

  draw() {
    const { state } = this;
    const trouble = state.trouble.get("runs");
    const warning = trouble && h("div", { class: "note", role: "alert" }, icon("warn"), h("p", {}, trouble.text));
    const run = this.chosen();
    if (!run) {
      const waiting = `No run yet. Training starts by itself at ${count(state.meta?.min_rows)} rows, or with stockpipe train.`;
      fill(this.element, h("h1", { class: "vh" }, "Training"), warning, h("article", { class: "card" }, state.runs === null ? h("p", { class: "empty" }, h("span", { class: "bone" })) : h("p", { class: "empty" }, waiting)));
    } else {
      fill(this.element, warning, h("div", { class: `trn${state.run ? " detail" : ""}` }, this.list(run), this.detail(run), this.side(run)));
    }
    document.title = `Training · ${state.meta?.pipeline} · Stockpipe`;
    state.changed("connection");
  }

  /** @param {Run} chosen */
  list(chosen) {
    const runs = this.state.runs ?? [];
    const line = (/** @type {Run} */ run) =>
      h(
        "a",
        { href: "#training", "aria-current": run === chosen ? "true" : null, "data-key": `run-${run.name}`, onclick: (/** @type {Event} */ e) => { e.preventDefault(); this.choose(run.name); } },
        h("b", {}, run.name),
        pill(run, this.state),
        h("span", { class: "dim" }, summary(run, this.state)),
        h("span", { class: "num" }, age(run.finished_at ?? run.updated_at)),
      );
    return h("nav", { class: "card runs", "aria-label": "Runs" }, h("header", {}, h("h2", {}, "Runs"), h("span", { class: "dim" }, count(runs.length))), h("div", { class: "list" }, runs.map(line)));
  }

  /** @param {Run} run */
  detail(run) {
    const version = run.status?.version;
    const horizons = this.state.meta?.horizons ?? [];
    const facts = [version ? `Version ${version}` : "No version", `${run.status?.bar ?? this.state.meta?.predictor_bar ?? ""} bars`.trim(), `horizon${horizons.length === 1 ? "" : "s"} ${horizons.join(" and ")}`];
    const when = run.finished_at ? `finished ${instant(run.finished_at, this.state.zone)}` : `started ${instant(run.started_at, this.state.zone)}`;
    const words = headline(run);
    return h(
      "div",
      { class: "stack" },
      h(
        "div",
        { class: "row wrap runhead" },
        h("button", { class: "btn quiet back", type: "button", "data-key": "back", onclick: () => this.choose("") }, icon("back"), "Runs"),
        h("h1", {}, run.name),
        pill(run, this.state),
        h("p", { class: "dim full" }, `${facts.join(", ")}, ${when}, `, age(run.finished_at ?? run.started_at)),
      ),
      words && h("div", { class: "note" }, icon(words.icon), h("p", {}, h("b", {}, words.title), " ", words.more)),
      this.tiles(run),
      this.gates(run),
      this.folds(run),
    );
  }

  /** @param {Run} run */
  tiles(run) {
    /** @type {[string, string, string, string][]} */
    const tiles = [];
    for (const horizon of this.state.meta?.horizons ?? []) {
      const value = metric(run, "skill", horizon);
      if (value === null) continue;
      const low = metric(run, "skill_lower", horizon);
      const pooled = metric(run, "ceiling", horizon);
      const line = [low === null ? "" : `at least ${skillText(low)}`, pooled === null ? "" : `ceiling ${skillText(pooled)}`].filter(Boolean).join("; ");
      tiles.push([`Skill, h ${horizon}`, skillText(value), "", line || "0 is the naive forecast"]);
    }
    const rmse = metric(run, "rmse");
    const naive = metric(run, "rmse_naive");
    const first = firstHorizon(run);
    if (rmse !== null) tiles.push([`RMSE, h ${first}`, plain(rmse * 1e4, 2), "bp", naive === null ? "of the return, lower is better" : `naive ${plain(naive * 1e4, 2)} bp`]);
    const right = metric(run, "directional_accuracy");
    const [low, high] = [metric(run, "directional_low"), metric(run, "directional_high")];
    if (right !== null) tiles.push(["Direction right", plain(right * 100, 1), "%", low === null || high === null ? "half is chance" : `${plain(low * 100, 1)} to ${plain(high * 100, 1)}\u00a0%; half is chance`]);
    const ic = metric(run, "ic");
    if (ic !== null) tiles.push(["IC", skillText(ic), "", "correlation with outcomes"]);
    if (!tiles.length) return h("p", { class: "dim" }, run.finished_at ? "This run has no metrics." : `${run.phase}, ${run.progress_percent} % done.`);
    return h("div", { class: "tiles" }, tiles.map(([head, value, unit, line]) => h("div", { class: "tile" }, h("h2", {}, head), h("div", { class: "v" }, value, " ", h("small", {}, unit)), h("p", {}, line))));
  }

  /** @param {Run} run */
  gates(run) {
    const gates = /** @type {any[]} */ (run.status?.gates ?? []).map((g) => ({ ...g, verdict: verdictOf(g) }));
    gates.sort((a, b) => GATE_ORDER.indexOf(a.verdict) - GATE_ORDER.indexOf(b.verdict));
    const passed = gates.filter((g) => g.verdict === "passed").length;
    const baseline = gates.filter((g) => g.verdict === "baseline").length;
    const others = gates.length - passed - baseline;
    const found = [`${passed} passed`, others ? `${others} not` : "", baseline ? `${baseline} on the last value` : ""].filter(Boolean).join(", ");
    const first = firstHorizon(run);
    const columns = [
      { head: "Verdict", hiddenHead: true, cell: (/** @type {any} */ g) => verdictCell(g.verdict) },
      { head: "Gate", cell: (/** @type {any} */ g) => gateName(g.name, first) },
      { head: "What was found", class: "mid", cell: (/** @type {any} */ g) => signed(g.reason ?? "") },
      { head: "Value", num: true, cell: (/** @type {any} */ g) => figure(g.value) },
      { head: "Limit", num: true, class: "dim", cell: (/** @type {any} */ g) => figure(g.limit) },
    ];
    const toCsv = () => download(fileName(run.name, "gates"), csv(["gate", "verdict", "value", "limit"], gates.map((g) => [g.name, g.verdict, g.value, g.limit])));
    const holder = h("div", { class: "foldable" });
    const unfold = h("button", { class: "btn quiet narrow", type: "button", onclick: () => { holder.classList.add("open"); unfold.remove(); } }, `${passed} passed, show`);
    fill(holder, table("Gate report", columns, gates, { class: "gates", rowClass: (g) => g.verdict }), passed ? unfold : null);
    return h(
      "article",
      { class: "card", "aria-label": "Gate report" },
      h("header", {}, h("h2", {}, "Gate report"), h("span", { class: "dim" }, gates.length ? found : ""), h("span", { class: "grow" }), h("button", { class: "btn quiet", type: "button", "data-key": "csv-gates", disabled: !gates.length, onclick: toCsv }, icon("down"), "CSV")),
      gates.length ? holder : h("p", { class: "empty" }, run.finished_at ? "This run reached no gate." : "Gates are judged when the folds are done."),
    );
  }

  /** @param {Run} run */
  folds(run) {
    const rows = foldRows(run);
    if (!rows.length) return null;
    const view = segmented("Fold view", [["chart", "Chart"], ["table", "Table"]], this.foldView, (v) => { this.foldView = v; this.draw(); }, "twin");
    const columns = [
      { head: "Fold", cell: (/** @type {any} */ r) => r.fold },
      { head: "Horizon", num: true, cell: (/** @type {any} */ r) => r.horizon },
      { head: "Skill", num: true, cell: (/** @type {any} */ r) => skillText(r.skill) },
      { head: "Rows", num: true, cell: (/** @type {any} */ r) => count(r.rows) },
    ];
    return h("article", { class: "card", "aria-label": "Skill by fold" }, h("header", {}, h("h2", {}, "Skill by fold"), h("span", { class: "grow" }), view), h("div", { class: "body foldbox" }, this.foldView === "chart" ? foldChart(rows, metric(run, "ceiling"), innerWidth < 720 ? 320 : 560) : table("Skill by fold", columns, rows)));
  }

  /** @param {Run} run */
  side(run) {
    const end = run.finished_at ? Date.parse(run.finished_at) : Date.parse(run.updated_at);
    const took = (end - Date.parse(run.started_at)) / 1000;
    const left = run.finished_at ? null : (run.status?.estimatedRemainingSeconds ?? null);
    const progress = h(
      "article",
      { class: "card", "aria-label": "Progress" },
      h("header", {}, h("h2", {}, "Progress"), h("span", { class: "age" }, `${duration(took)} ${run.finished_at ? "in all" : "so far"}`)),
      h("div", { class: "body" }, h("dl", { class: "kv" }, h("dt", {}, "Phase"), h("dd", {}, run.phase), h("dt", {}, "Done"), h("dd", {}, share(run.progress_percent / 100, 0)), left === null ? null : [h("dt", {}, "Left, about"), h("dd", {}, duration(left))])),
    );
    return h("aside", { class: "stack", "aria-label": "About this run" }, progress, this.bySymbol(run), this.rivals(run), dataset(run, this.state));
  }

  /** @param {Run} run */
  bySymbol(run) {
    const horizon = this.state.meta?.horizons[0] ?? 1;
    const rows = symbolSkills(run, horizon);
    if (!rows.length) return null;
    const columns = [
      { head: "Symbol", cell: (/** @type {any} */ r) => r.symbol },
      { head: "Skill", num: true, cell: (/** @type {any} */ r) => skillText(r.skill) },
      { head: "Ceiling", num: true, class: "dim", cell: (/** @type {any} */ r) => skillText(this.state.ceiling(horizon, r.symbol)) },
      { head: "Served", cell: (/** @type {any} */ r) => (r.served === null ? "—" : r.served ? h("span", { class: "mid" }, "model") : flag("BASELINE")) },
    ];
    return h("article", { class: "card", "aria-label": "Skill by symbol" }, h("header", {}, h("h2", {}, "Skill by symbol"), h("span", { class: "age" }, `h ${horizon}`)), scroller("Skill by symbol, scrolling", table("Skill by symbol", columns, rows, { key: (/** @type {any} */ r) => r.symbol })));
  }

  /** @param {Run} run */
  rivals(run) {
    const rows = rivals(run);
    if (!rows.length) return null;
    const columns = [
      { head: "Rival", cell: (/** @type {any} */ r) => r.name },
      { head: "Skill against", num: true, cell: (/** @type {any} */ r) => skillText(r.skill) },
      { head: "DM p", num: true, class: "dim", cell: (/** @type {any} */ r) => pValue(r.p) },
    ];
    return h("article", { class: "card", "aria-label": "Rivals" }, h("header", {}, h("h2", {}, "Rivals"), h("span", { class: "age" }, `h ${firstHorizon(run)}, pooled`)), table("Rivals", columns, rows));
  }
}

/** A decimal of a status: four digits, or a count. @param {unknown} value */
function figure(value) {
  if (value === null || value === undefined) return "—";
  const number = Number(value);
  if (!Number.isFinite(number)) return String(value);
  return Number.isInteger(number) && number !== 0 ? count(number) : skillText(number);
}

/** A symbol's own gate never stops the version: it decides between model and last value. @param {any} gate */
function verdictOf(gate) {
  if (typeof gate.verdict === "string") return gate.verdict.toLowerCase();
  if (gate.passed === false && String(gate.name).includes("/")) return "baseline";
  return gate.passed === true ? "passed" : gate.passed === false ? "failed" : "inconclusive";
}

/** @param {string} verdict */
function verdictCell(verdict) {
  const looks = /** @type {Record<string, [string, string]>} */ ({ failed: ["bad", "bad"], held: ["warn", "hold"], warned: ["warn", "warn"], inconclusive: ["", "na"] });
  if (verdict === "baseline") return flag("BASELINE");
  const look = looks[verdict];
  const word = verdict[0].toUpperCase() + verdict.slice(1);
  if (!look) return h("span", { class: "row mid tightrow" }, h("span", { class: "row ok-ink" }, icon("ok")), word);
  return h("span", { class: `pill ${look[0]}` }, icon(look[1]), word);
}
