// The Health page: measured values only, each with its age. What nobody measured is not shown.

import { csv, download, fileName } from "./csv.mjs";
import { age, fill, h, icon } from "./dom.mjs";
import { clock, clockTenth, count, duration, instant, plain, share, spanSeconds, whole } from "./format.mjs";
import { shareBar, spark } from "./lines.mjs";
import { scroller, table } from "./table.mjs";

/** @typedef {import("./state.mjs").State} State */

/** Seconds after which a measurement is old. */
const STALE = 15;

/** Cause and remedy of each reason. */
const REMEDIES = /** @type {Record<string, [string, string]>} */ ({
  malformed_json: ["The record is no JSON object.", "Look at what else writes to the topic."],
  missing_field: ["A required key is absent.", "A tick has symbol, ts, open, high, low, close and volume."],
  wrong_type: ["A value has another JSON type than asked for.", "Prices and volume are numbers, symbol and ts are text."],
  bad_timestamp: ["ts is no instant in 1970 to 2262.", "Write ISO-8601 with an offset or Z."],
  not_finite: ["A price or volume is not finite.", "Leave such a record out at the source."],
  not_positive: ["A price is not greater than zero.", "Leave such a record out at the source."],
  ohlc_order: ["low, open, close and high are out of order.", "Fix the producer, or set validation.ohlcOrder: Warn to admit such bars."],
  negative_volume: ["Volume is below zero or out of range.", "Send the traded quantity, never a correction."],
  symbol_invalid: ["The symbol is empty, too long or has control characters.", "A symbol has 1 to 64 bytes of plain text."],
  too_far_ahead: ["ts is further ahead of the log's clock than features.maxFuture.", "Set the producer's clock, or raise the limit."],
  too_large: ["The record is longer than 64 KiB.", "Send one tick a record."],
  too_many_symbols: ["The partition is full of symbols.", "Raise features.maxSymbols or the number of partitions."],
  skipped: ["Passed over by hand.", "Nothing to do."],
});

export class HealthPage {
  /** @param {State} state */
  constructor(state) {
    this.state = state;
    this.reason = "";
    this.element = h("section", { id: "page-health", "aria-label": "Health" });
    this.due = false;
    state.on(["health", "choice"], () => this.want());
  }

  want() {
    if (this.state.page !== "health" || !this.state.meta || this.due) return;
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

  draw() {
    const { state } = this;
    const health = state.health;
    document.title = `Health · ${state.meta?.pipeline} · Stockpipe`;
    if (!health) return fill(this.element, h("h1", {}, "Health"), h("p", { class: "empty" }, "Nothing measured yet. The first figures come within two seconds."));
    const now = state.now();
    const stale = health.tiles.filter((t) => now - Date.parse(t.at) > STALE * 1000).length + (health.store.ok === false ? 1 : 0);
    fill(
      this.element,
      h(
        "div",
        { class: "row wrap pagehead" },
        h("h1", {}, "Health"),
        stale === 0 ? h("span", { class: "pill ok" }, icon("ok"), "All current") : h("span", { class: "pill warn" }, icon("warn"), `${stale} measurement${stale === 1 ? "" : "s"} stale`),
        h("span", { class: "grow" }),
        h("span", { class: "dim" }, "Every figure is measured; its age is beside it."),
      ),
      this.store(health),
      health.tiles.length ? h("div", { class: "tiles gap-below-card" }, health.tiles.map((t) => this.tile(t, now))) : null,
      h("div", { class: "hl" }, h("div", { class: "stack" }, this.partitions(health), this.deadLetters(health)), h("div", { class: "stack" }, this.conditions(health), this.freshness(health))),
    );
    state.changed("connection");
  }

  /** @param {import("./types.js").Health} health */
  store(health) {
    if (health.store.ok !== false) return null;
    const since = health.store.answered_at ? `It last answered at ${clock(health.store.answered_at, this.state.zone)}${this.state.zone === "utc" ? " UTC" : ""}.` : "It has not answered yet.";
    return h("div", { class: "note gap-below-card", role: "alert" }, icon("warn"), h("p", {}, h("b", {}, "The feature store does not answer."), ` Live bars go on; history returns with it. ${since} ${health.store.reason ?? ""}`));
  }

  /** @param {import("./types.js").Health["tiles"][number]} t @param {number} now */
  tile(t, now) {
    const old = now - Date.parse(t.at) > STALE * 1000;
    const value = t.value === null ? "—" : t.unit === "" ? count(Number(t.value.toFixed(t.digits))) : plain(t.value, t.digits);
    return h(
      "div",
      { class: "tile", "data-tile": t.id },
      h("h2", {}, t.label),
      h("div", { class: "row spread endwise" }, h("div", { class: `v${old ? " stale-value" : ""}`, "data-value": t.value }, value, " ", h("small", {}, t.unit)), spark(this.state.tilePast.get(t.id) ?? [], 72, 26, old)),
      age(t.at, STALE),
    );
  }

  /** @param {import("./types.js").Health} health */
  partitions(health) {
    const rows = health.partitions;
    const newest = rows.reduce((at, p) => (p.at > at ? p.at : at), "");
    const zone = this.state.zone;
    /** @typedef {import("./types.js").Health["partitions"][number]} P */
    const columns = [
      { head: "Partition", cell: (/** @type {P} */ p) => p.partition },
      ...(rows.some((p) => p.owner !== null) ? [{ head: "Owner", cell: (/** @type {P} */ p) => p.owner ?? "—" }] : []),
      ...(rows.some((p) => p.epoch !== null) ? [{ head: "Epoch", num: true, cell: (/** @type {P} */ p) => count(p.epoch) }] : []),
      { head: "Committed to", num: true, cell: (/** @type {P} */ p) => count(p.committed_to) },
      { head: "Lag, records", num: true, cell: (/** @type {P} */ p) => count(p.lag_records) },
      { head: "Lag", num: true, cell: (/** @type {P} */ p) => duration(p.lag_seconds) },
      { head: `Watermark (${zone === "utc" ? "UTC" : "local"})`, num: true, cell: (/** @type {P} */ p) => (p.watermark ? h("time", { datetime: p.watermark, title: instant(p.watermark, zone) }, clockTenth(p.watermark, zone)) : h("span", { class: "dim" }, "no ticks")) },
      { head: "Commit age", num: true, cell: (/** @type {P} */ p) => (p.committed_at ? duration((Date.parse(p.at) - Date.parse(p.committed_at)) / 1000) : "—") },
    ];
    const body = rows.length ? scroller("Partitions, scrolling", table("Partitions", columns, rows, { class: "nowrap-cells" })) : h("p", { class: "empty" }, "No partition has reported yet.");
    return h("article", { class: "card", "aria-label": "Partitions" }, h("header", {}, h("h2", {}, "Partitions"), age(newest || null, STALE)), body);
  }

  /** @param {import("./types.js").Health} health */
  deadLetters(health) {
    const dead = health.dead_letters;
    if (!dead) return h("article", { class: "card", "aria-label": "Dead letters" }, h("header", {}, h("h2", {}, "Dead letters"), age(null)), h("p", { class: "empty" }, "Nobody has counted yet."));
    const reasons = Object.entries(dead.by_reason).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]);
    const total = reasons.reduce((sum, [, n]) => sum + n, 0);
    const most = reasons[0]?.[1] ?? 1;
    if (!reasons.some(([name]) => name === this.reason)) this.reason = reasons[0]?.[0] ?? "";
    const toCsv = () => download(fileName(this.state.meta?.pipeline ?? "", "dead-letters"), csv(["reason", "count"], [...reasons, ["duplicate", dead.duplicates]]));
    const buttons = reasons.map(([name, n]) =>
      h("button", { class: "why", type: "button", "aria-pressed": String(name === this.reason), "data-key": `why-${name}`, onclick: () => { this.reason = name; this.draw(); } }, h("span", { class: "nowrap" }, name), shareBar(n / most, name === this.reason), h("span", { class: "num" }, count(n))),
    );
    return h(
      "article",
      { class: "card", "aria-label": "Dead letters" },
      h("header", {}, h("h2", {}, "Dead letters"), age(dead.at, STALE), h("button", { class: "btn quiet", type: "button", "data-key": "csv-dead", onclick: toCsv }, icon("down"), "CSV")),
      h(
        "div",
        { class: "body two" },
        h(
          "div",
          {},
          h("div", { class: "row basewise gap-below" }, h("span", { class: "big" }, count(total)), h("span", { class: "dim" }, `of ${count(dead.read)} records${dead.read ? `, ${share(total / dead.read, 2)}` : ""}`)),
          buttons,
          h("p", { class: "dim gap-above" }, `${count(dead.duplicates)} duplicate${dead.duplicates === 1 ? " is" : "s are"} not shown: a copy is never a fault.`),
        ),
        this.sample(dead),
      ),
    );
  }

  /** @param {NonNullable<import("./types.js").Health["dead_letters"]>} dead */
  sample(dead) {
    if (!this.reason) return h("p", { class: "mid" }, "Every record was accepted.");
    const [cause, remedy] = REMEDIES[this.reason] ?? ["", ""];
    const sample = dead.samples.find((x) => x.reason === this.reason);
    return h(
      "div",
      {},
      h("h3", { class: "gap-below" }, sample ? `${this.reason}, newest sample` : this.reason),
      sample && h("code", { class: "hex mono" }, sample.text),
      h("p", { class: "gap-above gap-below" }, h("b", { class: "med" }, cause), " ", h("span", { class: "mid" }, remedy)),
      sample &&
        h(
          "dl",
          { class: "kv" },
          h("dt", {}, "Where"),
          h("dd", {}, `partition ${sample.partition}, offset ${count(sample.offset)}`),
          h("dt", {}, "Recorded"),
          h("dd", {}, instant(sample.recorded_at, this.state.zone)),
          h("dt", {}, "Size"),
          h("dd", {}, `${count(sample.length)} B`),
        ),
    );
  }

  /** @param {import("./types.js").Health} health */
  conditions(health) {
    if (!health.conditions.length) return null;
    /** @typedef {import("./types.js").Health["conditions"][number]} C */
    const good = (/** @type {C} */ c) => (c.type === "Degraded" ? c.status === "False" : c.status === "True");
    const columns = [
      { head: "Condition", cell: (/** @type {C} */ c) => c.type },
      { head: "Status", cell: (/** @type {C} */ c) => h("span", { class: `row nowrap ${good(c) ? "ok-ink" : "dim"}` }, icon(good(c) ? "ok" : "na"), c.status) },
      { head: "Reason", class: "mid", cell: (/** @type {C} */ c) => c.reason },
      { head: "Since", num: true, class: "dim", cell: (/** @type {C} */ c) => whole((this.state.now() - Date.parse(c.since)) / 1000) },
    ];
    return h("article", { class: "card", "aria-label": "Conditions" }, h("header", {}, h("h2", {}, "Conditions")), scroller("Conditions, scrolling", table("Conditions", columns, health.conditions, { class: "nowrap-cells" })));
  }

  /** @param {import("./types.js").Health} health */
  freshness(health) {
    /** @typedef {import("./types.js").Health["freshness"][number]} F */
    const zone = this.state.zone;
    // A row comes when the shortest bar closes: before that a symbol is not quiet.
    const shortest = Math.min(...(this.state.meta?.bars ?? ["1m"]).map(spanSeconds));
    const oldAfter = STALE + shortest + (this.state.meta?.watermark_seconds ?? 0);
    const columns = [
      { head: "Symbol", cell: (/** @type {F} */ f) => h("span", { class: "med" }, f.symbol) },
      { head: `Last bar or window to (${zone === "utc" ? "UTC" : "local"})`, cell: (/** @type {F} */ f) => h("time", { datetime: f.last_row_end, title: instant(f.last_row_end, zone) }, clockTenth(f.last_row_end, zone)) },
      { head: "Age", num: true, cell: (/** @type {F} */ f) => age(f.at, oldAfter) },
    ];
    const body = health.freshness.length ? scroller("Freshness, scrolling", table("Freshness", columns, health.freshness)) : h("p", { class: "empty" }, "No ticks yet.");
    return h("article", { class: "card", "aria-label": "Freshness" }, h("header", {}, h("h2", {}, "Freshness"), h("span", { class: "dim" }, "last row by symbol"), age(health.now, STALE)), body);
  }
}
