// The Market page: the instrument's line, the chart or its table twin, and the cards around it.

import { OVERLAYS, PriceChart, overlayColumn } from "./chart.mjs";
import { instantCell, liveSkill, marksCard, nextForecast, outcomeOf, outcomesCard, served, symbolsCard } from "./cards.mjs";
import { csv, download, fileName, stamp } from "./csv.mjs";
import { fill, h, icon, segmented } from "./dom.mjs";
import { count, plain, price, returnBp, skill as skillText, spanSeconds, whole } from "./format.mjs";
import { direction } from "./lines.mjs";
import { combobox, menu } from "./menus.mjs";
import { barTime, targetTime } from "./state.mjs";
import { MOST_ROWS, leftOut, scroller, table } from "./table.mjs";

/** @typedef {import("./state.mjs").State} State */
/** @typedef {import("./types.js").Bar} Bar */
/** @typedef {{chooseSymbol: (symbol: string) => void, chooseBar: (bar: string) => void, chooseView: (view: string) => void, toggle: (indicator: string) => void}} Actions */

export class MarketPage {
  /** @param {State} state @param {Actions} actions */
  constructor(state, actions) {
    this.state = state;
    this.actions = actions;
    this.line = h("div", { class: "inst" });
    this.readout = h("div", { class: "read grow" });
    this.plot = h("div", { class: "plot", tabindex: "0", role: "group", "aria-roledescription": "chart" });
    this.twin = h("div", { hidden: true });
    this.trouble = h("div", { role: "alert" });
    this.controls = h("span", { class: "row" });
    this.chartCard = h("article", { class: "card chartcard" }, h("header", {}, this.readout, this.controls), this.trouble, this.plot, this.twin);
    this.outcomes = h("div", { class: "slot out" });
    this.next = h("div", { class: "slot" });
    this.skill = h("div", { class: "slot" });
    this.symbols = h("div", { class: "slot" });
    this.marks = h("div", { class: "slot" });
    this.element = h(
      "section",
      { id: "page-market", "aria-label": "Market" },
      this.line,
      h("div", { class: "mkt" }, h("div", { class: "stack" }, this.chartCard, this.outcomes), h("aside", { class: "stack", "aria-label": "Forecast and symbols" }, this.next, this.skill, this.symbols, this.marks)),
    );
    this.empty = h("p", { class: "empty" });
    this.switcher = combobox("Symbol", () => (this.state.symbols ?? []).map((l) => l.symbol), (symbol) => this.actions.chooseSymbol(symbol));
    this.picker = menu("Indicators", () => this.indicatorChoices());
    /** @type {PriceChart | null} */
    this.chart = null;
    /** @type {Set<string>} */
    this.due = new Set();
    this.plot.addEventListener("keydown", (event) => this.onKey(event));
    this.plot.addEventListener("blur", () => this.chart?.leave());
    state.on(["meta", "choice"], () => this.want("line", "chart", "cards"));
    state.on(["bars"], () => this.want("line", "chart"));
    state.on(["forecasts"], () => this.want("chart", "next", "outcomes"));
    state.on(["symbols"], () => this.want("line", "symbols", "skill"));
    state.on(["skill"], () => this.want("skill"));
    state.on(["aliases"], () => this.want("chart", "next", "marks"));
    state.on(["runs"], () => this.want("next", "outcomes"));
    state.on(["trouble"], () => this.want("trouble"));
  }

  /** Draws the named parts once, in the next frame. @param {...string} parts */
  want(...parts) {
    if (this.state.page !== "market" || !this.state.meta) return;
    const idle = this.due.size === 0;
    for (const part of parts) this.due.add(part);
    if (idle) requestAnimationFrame(() => this.draw());
  }

  show() {
    this.want("line", "chart", "cards", "trouble");
  }

  draw() {
    const due = this.due;
    this.due = new Set();
    const all = due.has("cards");
    if (due.has("line")) this.drawLine();
    if (due.has("chart")) this.drawChart();
    if (due.has("trouble") || all) this.drawTrouble();
    if (all || due.has("next")) fill(this.next, nextForecast(this.state));
    if (all || due.has("skill")) fill(this.skill, liveSkill(this.state));
    if (all || due.has("symbols")) fill(this.symbols, symbolsCard(this.state, this.actions.chooseSymbol));
    if (all || due.has("marks")) fill(this.marks, marksCard(this.state));
    if (all || due.has("outcomes")) fill(this.outcomes, outcomesCard(this.state, () => this.outcomesCsv()));
    this.state.changed("connection");
  }

  drawLine() {
    const { state } = this;
    const line = state.symbols?.find((l) => l.symbol === state.symbol);
    const last = state.bars.rows.at(-1)?.close ?? line?.last;
    const change = line ? state.change(line) : null;
    const truth = state.truth();
    const best = state.ceiling(state.meta?.horizons[0] ?? 1);
    const name = truth && `${truth.model}${truth.parameters ? ` ${truth.parameters}` : ""}`;
    const badge =
      truth && h("span", { class: "synth" }, icon("flask"), h("b", {}, "SYNTHETIC"), best === undefined ? name : best === 0 ? `${name}, nothing can be forecast` : `${name}, best possible skill ${skillText(best)}`);
    this.switcher.label(h("h1", {}, state.symbol || "No symbol"), icon("chev"));
    const atLive = this.chart?.isLive() ?? true;
    fill(
      this.line,
      this.switcher.element,
      h("span", { class: "row price" }, h("span", { class: "last", "data-value": last }, price(last)), h("span", { class: "nowrap" }, direction(change, returnBp(change)), h("span", { class: "dim" }, ` bp in ${whole(state.trendSpan())}`))),
      badge,
      h("span", { class: "grow" }),
      h(
        "span",
        { class: "row ctl" },
        segmented("Bar size", (state.meta?.bars ?? []).map((b) => [b, b]), state.bar, this.actions.chooseBar),
        this.picker.element,
        h("button", { class: "btn", type: "button", disabled: atLive, "data-key": "live", onclick: () => this.goLive() }, icon("live"), atLive ? "At live" : "Go to live"),
      ),
    );
    this.picker.label("Indicators ", h("span", { class: "dim" }, String(state.indicators.size)));
    document.title = `${state.symbol || "Market"} · ${state.meta?.pipeline} · Stockpipe`;
  }

  indicatorChoices() {
    const { state } = this;
    const lines = OVERLAYS.filter((o) => overlayColumn(state, o)).map((o) => ({ id: o.id, label: `${o.label} ${o.column.exec(overlayColumn(state, o) ?? "")?.[1] ?? ""}` }));
    const rsi = state.column(/^rsi_\d+$/);
    const all = [...lines, { id: "volume", label: "Volume" }, ...(rsi ? [{ id: "rsi", label: rsi.toUpperCase().replace("_", " ") }] : [])];
    return all.map((c) => ({ ...c, on: state.indicators.has(c.id), toggle: () => this.actions.toggle(c.id) }));
  }

  drawChart() {
    const { state } = this;
    const asTable = state.view === "table";
    fill(
      this.controls,
      segmented("View", [["chart", "Chart"], ["table", "Table"]], state.view, this.actions.chooseView, "twin"),
      h("button", { class: "btn quiet", type: "button", "data-key": "csv-bars", onclick: () => this.barsCsv() }, icon("down"), "CSV"),
    );
    this.chartCard.setAttribute("aria-label", `${state.symbol}, ${state.bar} bars`);
    this.plot.setAttribute("aria-label", `${state.symbol} price, volume and expected return, ${state.bar} bars. Arrow keys read bar by bar; the table view has the same values.`);
    if (this.plot.hidden !== asTable) this.plot.hidden = asTable;
    this.twin.hidden = !asTable;
    const nothing = state.bars.rows.length === 0;
    if (!this.chart && this.plot.isConnected && !asTable) this.chart = new PriceChart(this.plot, this.readout, state);
    if (nothing) this.say();
    else this.empty.remove();
    if (asTable) this.drawTwin();
    if (this.chart && !asTable) this.chart.draw();
  }

  /** An empty chart says what will fill it. */
  say() {
    const { state } = this;
    const seconds = state.meta?.watermark_seconds ?? 0;
    const unit = state.bar.endsWith("m") ? "minute" : "span";
    fill(this.empty, state.loading ? h("span", { class: "bone" }) : `No bars yet. The first ${state.bar} bar closes about ${Math.round(seconds)} s after its ${unit} ends.`);
    if (!this.empty.isConnected) this.plot.append(this.empty);
  }

  /** Rows of the twin, newest first: what the chart shows. */
  twinRows() {
    return this.state.bars.rows.toReversed();
  }

  twinColumns() {
    const { state } = this;
    const step = spanSeconds(state.bar || "1m");
    const same = state.forecastBar() === state.bar;
    const byTarget = new Map(same ? served(state).map((f) => [targetTime(f) - step, f]) : []);
    /** @type {{head: string, num?: boolean, cell: (b: Bar) => any, raw: (b: Bar) => unknown, class?: string}[]} */
    const columns = [
      { head: `Bar start (${state.zone === "utc" ? "UTC" : "local"})`, class: "nowrap", cell: (b) => instantCell(b.window_start, state), raw: (b) => b.window_start },
      ...["open", "high", "low", "close"].map((name) => ({
        head: name[0].toUpperCase() + name.slice(1),
        num: true,
        cell: (/** @type {Bar} */ b) => price(/** @type {any} */ (b)[name]),
        raw: (/** @type {Bar} */ b) => /** @type {any} */ (b)[name],
      })),
      { head: "Volume", num: true, cell: (b) => count(b.volume), raw: (b) => b.volume },
    ];
    for (const o of OVERLAYS.filter((x) => state.indicators.has(x.id))) {
      const column = overlayColumn(state, o);
      if (!column) continue;
      const names = o.id === "bollinger" ? [column.replace("upper", "lower"), column] : [column];
      for (const n of names) {
        const head = n.replace("bb_lower_", "Bollinger low ").replace("bb_upper_", "Bollinger high ").replace("sma_", "SMA ").replace("ema_", "EMA ");
        columns.push({ head, num: true, cell: (b) => price(state.indicator(b, n)), raw: (b) => state.indicator(b, n) });
      }
    }
    const rsi = state.indicators.has("rsi") ? state.column(/^rsi_\d+$/) : undefined;
    if (rsi) columns.push({ head: "RSI", num: true, cell: (b) => plain(state.indicator(b, rsi), 1), raw: (b) => state.indicator(b, rsi) });
    if (same) {
      const of = (/** @type {Bar} */ b) => byTarget.get(barTime(b));
      columns.push({ head: "Forecast (bp)", num: true, cell: (b) => returnBp(of(b)?.y_pred), raw: (b) => of(b)?.y_pred });
      columns.push({ head: "Outcome (bp)", num: true, cell: (b) => returnBp(outcomeOf(/** @type {any} */ (of(b) ?? {}))?.y_true), raw: (b) => outcomeOf(/** @type {any} */ (of(b) ?? {}))?.y_true });
    }
    columns.push({ head: "State", cell: (b) => (b.final ? (b.partial ? "final, partial" : "final") : "provisional"), raw: (b) => (b.final ? "final" : "provisional") });
    return columns;
  }

  drawTwin() {
    const rows = this.twinRows();
    if (!rows.length) {
      const seconds = Math.round(this.state.meta?.watermark_seconds ?? 0);
      fill(this.twin, h("p", { class: "empty" }, `No bars yet. The first ${this.state.bar} bar closes about ${seconds} s after it ends.`));
      return;
    }
    const name = `${this.state.symbol}, ${this.state.bar} bars`;
    fill(this.twin, scroller(`${name}, scrolling`, table(name, this.twinColumns(), rows.slice(0, MOST_ROWS), { key: (b) => b.window_start })), leftOut(rows.length, "bars"));
  }

  drawTrouble() {
    const trouble = this.state.trouble.get("history");
    fill(this.trouble, trouble ? h("div", { class: "trouble" }, icon("warn"), h("p", {}, trouble.text)) : null);
    this.trouble.className = trouble ? "troubled" : "";
  }

  barsCsv() {
    const rows = this.state.view === "table" || !this.chart ? this.state.bars.rows : this.chart.visibleRows();
    const columns = this.twinColumns();
    const text = csv(columns.map((c) => c.head), rows.map((b) => columns.map((c) => c.raw(b))));
    download(fileName(this.state.symbol, this.state.bar, "bars", `${stamp(rows[0]?.window_start)}-${stamp(rows.at(-1)?.window_end)}`), text);
  }

  outcomesCsv() {
    const rows = served(this.state).toReversed();
    const heads = ["symbol", "bar", "horizon", "made_at", "as_of", "target_ts", "y_pred", "lo", "hi", "y_naive", "version", "role", "flags", "y_true", "err"];
    const text = csv(
      heads,
      rows.map((f) => [f.symbol, f.bar, f.horizon, f.made_at, f.as_of, f.target_ts, f.y_pred, f.lo, f.hi, f.y_naive, f.version, f.role, f.flags.join(" "), outcomeOf(f)?.y_true, outcomeOf(f)?.err]),
    );
    download(fileName(this.state.symbol, this.state.forecastBar(), "forecasts", `${stamp(rows[0]?.target_ts)}-${stamp(rows.at(-1)?.target_ts)}`), text);
  }

  goLive() {
    this.chart?.goLive();
    this.want("line");
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const moves = /** @type {Record<string, () => void>} */ ({
      ArrowLeft: () => this.chart?.move(event.shiftKey ? -10 : -1),
      ArrowRight: () => this.chart?.move(event.shiftKey ? 10 : 1),
      Home: () => this.chart?.move("first"),
      End: () => this.chart?.move("last"),
      "+": () => this.chart?.zoom(1.25),
      "-": () => this.chart?.zoom(0.8),
      Escape: () => this.chart?.leave(),
    });
    const move = moves[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    move();
  }

  restyle() {
    this.chart?.restyle();
    this.want("cards");
  }
}
