// The price chart: candles, overlays, volume, RSI and the forecast pane, one crosshair for all.
//
// Rows of the state become series of the library here, and nowhere else. The time of a candle is the start of its bar; a
// forecast stands where the bar is that ends at its target.

import {
  CandlestickSeries,
  ColorType,
  CrosshairMode,
  LineSeries,
  createChart,
} from "../vendor/lightweight-charts.mjs";
import { fill, h, speak, token } from "./dom.mjs";
import { Lines, PriceMarks } from "./drawings.mjs";
import { bp, clock, count, dateTime, minute, price, short, spanSeconds } from "./format.mjs";
import { ForecastDrawing, PaneMarks, VolumeView } from "./panes.mjs";
import { barTime, targetTime } from "./state.mjs";

/** @typedef {import("./state.mjs").State} State */
/** @typedef {import("./types.js").Bar} Bar */

/** Missing bars that keep their slots; a longer hole keeps this many. */
const MOST_GAP_SLOTS = 30;
/** Slots kept free past the furthest target. */
const FREE_SLOTS = 2;

/** Overlay lines: id, columns, words, token, width, dashes. */
export const OVERLAYS = [
  { id: "sma", label: "SMA", column: /^sma_(\d+)$/, prefer: "sma_20", token: "s1", width: 1.4, dash: [] },
  { id: "ema", label: "EMA", column: /^ema_(\d+)$/, prefer: "ema_12", token: "s2", width: 1.4, dash: [6, 2] },
  { id: "bollinger", label: "Bollinger", column: /^bb_upper_(\d+)$/, prefer: "bb_upper_20", token: "s3", width: 1, dash: [2, 2.5] },
];

/** The column an overlay shows in this pipeline. @param {State} state @param {typeof OVERLAYS[number]} overlay */
export function overlayColumn(state, overlay) {
  return state.meta?.indicators.includes(overlay.prefer) ? overlay.prefer : state.column(overlay.column);
}

export class PriceChart {
  /** @param {HTMLElement} plot @param {HTMLElement} readout @param {State} state */
  constructor(plot, readout, state) {
    this.plot = plot;
    this.readout = readout;
    this.state = state;
    /** @type {Bar | null} */
    this.cursor = null;
    this.drawn = "";
    this.firstTime = 0;
    this.fitted = "";
    /** Keys, not the pointer, placed the crosshair. */
    this.steered = false;
    this.spoken = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.speaking = undefined;
    /** @type {Map<number, Bar>} */
    this.byTime = new Map();
    /** @type {{from: number, to: number}[]} */
    this.gaps = [];
    /** Slots between the last bar and the right edge. */
    this.aheadSlots = FREE_SLOTS;
    /** Look of a candle that is drawn by hand. @type {Record<string, string> | null} */
    this.provisionalLook = null;
    const chart = createChart(this.plot, { autoSize: true, ...this.looks() });
    this.chart = chart;
    this.candles = chart.addSeries(CandlestickSeries, { priceLineVisible: false, lastValueVisible: false, priceFormat: { type: "custom", formatter: price, minMove: 0.01 } }, 0);
    // Holds the slots of missing and future bars, so that candles can still be updated at their own end.
    this.slots = chart.addSeries(LineSeries, { lineVisible: false, priceLineVisible: false, lastValueVisible: false, crosshairMarkerVisible: false }, 0);
    this.volume = chart.addCustomSeries(/** @type {any} */ (new VolumeView()), { priceFormat: { type: "custom", formatter: short, minMove: 1 } }, 1);
    const silent = { lineVisible: false, priceLineVisible: false, lastValueVisible: false, crosshairMarkerVisible: false };
    this.rsi = chart.addSeries(LineSeries, { ...silent, autoscaleInfoProvider: () => ({ priceRange: { minValue: 10, maxValue: 90 } }), priceFormat: { type: "custom", formatter: (/** @type {number} */ v) => v.toFixed(0), minMove: 1 } }, 2);
    for (const level of [30, 70]) this.rsi.createPriceLine({ price: level, color: token("s3"), lineStyle: 1, lineWidth: 1, axisLabelVisible: false, title: "" });
    this.forecast = chart.addSeries(
      LineSeries,
      {
        ...silent,
        autoscaleInfoProvider: () => ({ priceRange: { minValue: -this.reach(), maxValue: this.reach() } }),
        priceFormat: { type: "custom", formatter: (/** @type {number} */ v) => (Math.abs(v) < 1e-9 ? "0 bp" : bp(v, this.reach() < 3 ? 1 : 0)), minMove: 0.1 },
      },
      3,
    );
    this.lines = new Lines();
    this.rsiLine = new Lines();
    this.priceMarks = new PriceMarks();
    this.forecasts = new ForecastDrawing();
    this.candles.attachPrimitive(/** @type {any} */ (this.lines));
    this.candles.attachPrimitive(/** @type {any} */ (this.priceMarks));
    this.rsi.attachPrimitive(/** @type {any} */ (this.rsiLine));
    this.forecast.attachPrimitive(/** @type {any} */ (this.forecasts));
    this.marks = chart.panes().map((pane, i) => {
      const marks = new PaneMarks(i === 0);
      pane.attachPrimitive(/** @type {any} */ (marks));
      return marks;
    });
    [310, 62, 70, 156].forEach((height, i) => chart.panes()[i]?.setStretchFactor(height));
    this.titles = h("div", { "aria-hidden": "true" });
    this.plot.append(this.titles);
    chart.subscribeCrosshairMove((event) => {
      // New data reports a move too: what the keys point at stays until the pointer comes, or Esc.
      if (this.steered && event.sourceEvent === undefined) return;
      this.steered = false;
      const row = event.time === undefined ? null : this.byTime.get(Number(event.time));
      this.cursor = row ?? null;
      this.read();
    });
    chart.timeScale().subscribeVisibleLogicalRangeChange(() => this.state.changed("choice"));
    new ResizeObserver(() => this.placeTitles()).observe(this.plot);
  }

  /** Options that hang on theme and zone. */
  looks() {
    const zone = this.state.zone;
    const label = (/** @type {number} */ time) => dateTime(time * 1000, zone);
    return {
      layout: {
        background: { type: ColorType.Solid, color: token("surface") },
        textColor: token("ink-3"),
        fontFamily: token("sans"),
        fontSize: 11,
        attributionLogo: false,
        panes: { separatorColor: token("line"), separatorHoverColor: token("line"), enableResize: false },
      },
      grid: { vertLines: { color: token("grid") }, horzLines: { color: token("grid") } },
      rightPriceScale: { borderColor: token("line"), minimumWidth: 60, scaleMargins: { top: 0.08, bottom: 0.06 } },
      timeScale: {
        borderColor: token("line"),
        timeVisible: true,
        secondsVisible: spanSeconds(this.state.bar || "1m") < 60,
        barSpacing: 9.4,
        minBarSpacing: 0.3,
        tickMarkFormatter: (/** @type {number} */ time, /** @type {number} */ kind) =>
          kind <= 2 ? dateTime(time * 1000, zone).slice(5, 10) : kind === 4 ? clock(time * 1000, zone) : minute(time * 1000, zone),
      },
      crosshair: {
        mode: CrosshairMode.Normal,
        vertLine: { color: token("edge"), labelBackgroundColor: token("ink-2") },
        horzLine: { color: token("edge"), labelBackgroundColor: token("ink-2") },
      },
      localization: { timeFormatter: label },
      kineticScroll: { mouse: false, touch: !matchMedia("(prefers-reduced-motion:reduce)").matches },
    };
  }

  /** Theme, zone or bar size changed. */
  restyle() {
    const looks = this.looks();
    const spacing = this.chart.timeScale().options().barSpacing;
    this.chart.applyOptions({ ...looks, timeScale: { ...looks.timeScale, barSpacing: spacing } });
    const none = "rgba(0,0,0,0)";
    this.provisionalLook = { color: none, borderColor: none, wickColor: none };
    this.candles.applyOptions({
      upColor: token("surface"),
      downColor: token("down"),
      borderUpColor: token("up"),
      borderDownColor: token("down"),
      wickUpColor: token("up"),
      wickDownColor: token("down"),
    });
    this.drawn = "";
    this.draw();
  }

  /** @param {Bar} bar */
  candle(bar) {
    const { open, high, low, close } = bar;
    return { time: /** @type {any} */ (barTime(bar)), open, high, low, close, ...(bar.final ? {} : this.provisionalLook) };
  }

  /** @param {Bar} bar */
  volumeOf(bar) {
    return { time: /** @type {any} */ (barTime(bar)), value: bar.volume, up: bar.close >= bar.open };
  }

  /** Brings series and drawings up to the state. */
  draw() {
    if (!this.provisionalLook) return this.restyle();
    const rows = this.state.bars.rows;
    const chart = `${this.state.symbol} ${this.state.bar}`;
    const tail = this.drawnTail(rows, chart);
    if (tail === null) {
      this.byTime = new Map(rows.map((bar) => [barTime(bar), bar]));
      this.candles.setData(rows.map((bar) => this.candle(bar)));
      this.volume.setData(/** @type {any} */ (rows.map((bar) => this.volumeOf(bar))));
    } else {
      for (const bar of rows.slice(tail)) {
        this.byTime.set(barTime(bar), bar);
        this.candles.update(this.candle(bar));
        this.volume.update(/** @type {any} */ (this.volumeOf(bar)));
      }
    }
    const last = rows.at(-1);
    this.drawn = last ? `${chart} ${rows.length} ${last.window_start}` : "";
    this.firstTime = rows.length ? barTime(rows[0]) : 0;
    const [wasLive, ahead] = [this.isLive(), this.aheadSlots];
    this.overlays(rows);
    this.aheadAndForecasts(rows);
    // A forecast that reaches further needs more room at the right.
    if (rows.length && (this.fitted !== chart || (wasLive && ahead !== this.aheadSlots))) {
      this.fitted = chart;
      this.goLive();
    }
    this.read();
    this.placeTitles();
  }

  /** Index from which rows are new, where all before is drawn already; null for a fresh start. @param {Bar[]} rows @param {string} chart */
  drawnTail(rows, chart) {
    if (!this.drawn.startsWith(`${chart} `) || !rows.length || barTime(rows[0]) !== this.firstTime) return null;
    const [length, start] = this.drawn.slice(chart.length + 1).split(" ");
    const n = Number(length);
    return rows.length >= n && rows[n - 1]?.window_start === start ? n - 1 : null;
  }

  /** @param {Bar[]} rows */
  overlays(rows) {
    const step = spanSeconds(this.state.bar);
    const times = rows.map(barTime);
    const broken = times.map((t, i) => i > 0 && t - times[i - 1] > step * 1.5);
    /** @param {string} column @returns {import("./drawings.mjs").Point[]} */
    const points = (column) =>
      rows.map((bar, i) => {
        const value = broken[i] ? null : this.state.indicator(bar, column);
        return value === null ? null : { time: times[i], value };
      });
    const on = this.state.indicators;
    this.lines.times = times;
    this.lines.paths = OVERLAYS.filter((o) => on.has(o.id)).flatMap((o) => {
      const column = overlayColumn(this.state, o);
      if (!column) return [];
      const columns = o.id === "bollinger" ? [column, column.replace("upper", "lower")] : [column];
      return columns.map((c) => ({ points: points(c), color: token(o.token), width: o.width, dash: o.dash }));
    });
    const rsi = this.rsiColumn();
    this.rsiLine.times = times;
    this.rsiLine.paths = rsi ? [{ points: points(rsi), color: token("ink-2"), width: 1.3, dash: [] }] : [];
    this.rsi.setData(rsi && rows.length ? [{ time: /** @type {any} */ (times[times.length - 1]), value: 50 }] : []);
    const panes = this.chart.panes();
    panes[1]?.setStretchFactor(on.has("volume") ? 62 : 0.001);
    panes[2]?.setStretchFactor(rsi ? 70 : 0.001);
    this.gaps = broken.flatMap((gap, i) => (gap ? [{ from: times[i - 1] + step, to: times[i] - step }] : []));
  }

  rsiColumn() {
    return this.state.indicators.has("rsi") ? this.state.column(/^rsi_\d+$/) : undefined;
  }

  /** @param {Bar[]} rows */
  aheadAndForecasts(rows) {
    const step = spanSeconds(this.state.bar);
    const last = rows.at(-1);
    const final = rows.findLast((b) => b.final);
    const served = this.state.forecastBar() === this.state.bar;
    const pending = served ? this.state.pending() : [];
    const gaps = this.gaps;
    /** @type {number[]} */
    const slots = [];
    for (const gap of gaps) {
      for (let t = gap.from, n = 0; t <= gap.to && n < MOST_GAP_SLOTS; t += step, n += 1) slots.push(t);
      gap.to = Math.min(gap.to, gap.from + (MOST_GAP_SLOTS - 1) * step);
    }
    const furthest = Math.max(0, ...pending.map((f) => targetTime(f) - step));
    if (last) {
      const from = barTime(last) + step;
      const end = Math.min(Math.max(furthest, from) + FREE_SLOTS * step, from + 200 * step);
      for (let t = from; t <= end; t += step) slots.push(t);
      this.aheadSlots = Math.min(12, Math.round((end - from) / step) + 1);
    }
    this.slots.setData(slots.map((time) => ({ time: /** @type {any} */ (time) })));
    this.priceMarks.provisional = last && !last.final ? { ...last, time: barTime(last) } : null;
    this.priceMarks.last = last ? { price: last.close, text: price(last.close), up: last.close >= last.open } : null;
    const toPrice = (/** @type {number} */ close, /** @type {number | null} */ r) => (r === null ? null : close * Math.exp(r));
    const base = pending.at(0);
    const ahead = base && final ? { time: targetTime({ ...base, target_ts: base.as_of }) - step, price: base.close } : null;
    this.priceMarks.ahead = ahead && {
      from: ahead,
      to: pending.map((f) => ({ time: targetTime(f) - step, price: /** @type {number} */ (toPrice(f.close, f.y_pred)), lo: toPrice(f.close, f.lo), hi: toPrice(f.close, f.hi) })),
      naiveOnly: pending.every((f) => f.role === "baseline"),
    };
    this.drawForecasts(step, served);
    const changes = this.modelChanges(step);
    for (const marks of this.marks) {
      marks.gaps = gaps;
      marks.changes = changes;
      marks.now = final ? barTime(final) : null;
      marks.requestUpdate();
    }
  }

  /** @param {number} step @param {boolean} served */
  drawForecasts(step, served) {
    const nearest = this.state.meta?.horizons[0];
    const all = served ? this.state.forecasts.rows.filter((f) => f.role !== "challenger") : [];
    /** @param {import("./types.js").Forecast} f @returns {import("./panes.mjs").ForecastPoint} */
    const point = (f) => ({
      time: targetTime(f) - step,
      value: f.y_pred * 1e4,
      baseline: f.role === "baseline",
      lo: f.lo === null ? null : f.lo * 1e4,
      hi: f.hi === null ? null : f.hi * 1e4,
      outcome: typeof f.outcome === "object" ? f.outcome.joined.y_true * 1e4 : null,
    });
    /** @type {import("./panes.mjs").ForecastPoint[][]} */
    const runs = [];
    let before = -Infinity;
    for (const f of all.filter((x) => x.horizon === nearest)) {
      const p = point(f);
      if (p.time - before > step * 1.5) runs.push([]);
      runs.at(-1)?.push(p);
      before = p.time;
    }
    this.forecasts.runs = runs;
    this.forecasts.far = this.state
      .pending()
      .filter((f) => served && f.horizon !== nearest)
      .map((f) => ({ ...point(f), label: `h ${f.horizon}` }));
    this.forecasts.reach = reachOf(runs.flat().slice(-400), this.forecasts.far);
    const flat = runs.flat();
    this.forecast.setData(flat.map((p) => ({ time: /** @type {any} */ (p.time), value: p.value })));
  }

  reach() {
    return this.forecasts?.reach ?? 10;
  }

  /** Champion changes of the nearest horizon. @param {number} step */
  modelChanges(step) {
    const nearest = this.state.meta?.horizons[0];
    const history = this.state.aliases.find((a) => a.bar === this.state.bar && a.horizon === nearest)?.history ?? [];
    let before = "no model";
    return history
      .filter((e) => e.alias === "champion")
      .map((e) => {
        const after = e.version === null ? "no model" : `v${e.version}`;
        const text = `${before} → ${after}`;
        before = after;
        return { time: Math.round(Date.parse(e.effective_from) / 1000 / step) * step - step, text };
      });
  }

  /** The bar under the crosshair with its newest values; a bar of another chart is none. */
  under() {
    const { cursor, state } = this;
    if (!cursor || cursor.symbol !== state.symbol || cursor.name !== state.bar) return null;
    return this.byTime.get(barTime(cursor)) ?? cursor;
  }

  /** Values of the bar under the crosshair, else of the last final bar. */
  read() {
    const bar = this.under() ?? this.state.bars.rows.findLast((b) => b.final) ?? this.state.bars.rows.at(-1);
    if (!bar) return fill(this.readout);
    const zone = this.state.zone;
    const at = spanSeconds(this.state.bar) < 60 ? clock(bar.window_start, zone) : minute(bar.window_start, zone);
    const one = (/** @type {string} */ label, /** @type {string} */ value, /** @type {string} */ key = "") =>
      h("span", {}, key && h("i", { class: `key ${key}` }), label, " ", h("b", {}, value));
    const overlays = OVERLAYS.filter((o) => this.state.indicators.has(o.id)).flatMap((o) => {
      const column = overlayColumn(this.state, o);
      if (!column) return [];
      const n = o.column.exec(column)?.[1] ?? "";
      const value = this.state.indicator(bar, column);
      if (o.id !== "bollinger") return [one(`${o.label} ${n}`, price(value), o.token)];
      const low = this.state.indicator(bar, column.replace("upper", "lower"));
      return [one(o.label, low === null ? "—" : `${price(low)}–${price(value)}`, o.token)];
    });
    fill(
      this.readout,
      h("span", {}, h("b", {}, at), zone === "utc" ? " UTC" : ""),
      one("O", price(bar.open)),
      one("H", price(bar.high)),
      one("L", price(bar.low)),
      one("C", price(bar.close)),
      one("V", count(bar.volume)),
      overlays,
      bar.final ? null : h("span", {}, "provisional"),
    );
  }

  placeTitles() {
    const chart = this.chart;
    if (!chart || !this.titles) return;
    const rows = this.state.bars.rows;
    const h0 = this.state.meta?.horizons[0] ?? 1;
    const narrow = this.plot.clientWidth < 560;
    const rsi = this.rsiColumn();
    const ahead = `${h0} bar${h0 === 1 ? "" : "s"}`;
    const bar = this.state.forecastBar();
    const elsewhere = bar && bar !== this.state.bar ? `Forecasts are made for ${bar} bars` : "";
    const words = ["", this.state.indicators.has("volume") ? "Volume" : "", rsi ? rsi.toUpperCase().replace("_", " ") : "", elsewhere || (narrow ? `Expected return, ${ahead}, bp` : `Expected return at its target, ${ahead} ahead, basis points`)];
    const keyed = (/** @type {Node} */ mark, /** @type {string} */ text) => h("span", {}, mark, text);
    const forecastKey = () => keyed(h("i", { class: "key fcast" }), "forecast");
    /** @type {Node[]} */
    const nodes = [];
    let top = 0;
    chart.panes().forEach((pane, i) => {
      const place = (/** @type {HTMLElement} */ node) => {
        node.style.top = `${top + 6}px`;
        nodes.push(node);
      };
      if (words[i] && rows.length) place(h("span", { class: "pane-title" }, words[i]));
      if (i === 0 && this.priceMarks.ahead) place(h("span", { class: "pane-keys" }, forecastKey(), keyed(h("i", { class: "key naive" }), "naive")));
      if (i === 3 && this.forecasts.runs.length) {
        place(h("span", { class: "pane-keys" }, forecastKey(), keyed(h("i", { class: "dotkey" }), "outcome up"), keyed(h("i", { class: "dotkey fill" }), "outcome down")));
      }
      top += pane.getHeight() + 1;
    });
    this.titles.replaceChildren(...nodes);
  }

  /** Bars on screen, oldest first. */
  visibleRows() {
    const range = /** @type {{from: number, to: number} | null} */ (/** @type {unknown} */ (this.chart.timeScale().getVisibleRange()));
    const rows = this.state.bars.rows;
    return range ? rows.filter((b) => barTime(b) >= range.from && barTime(b) <= range.to) : rows;
  }

  goLive() {
    const scale = this.chart.timeScale();
    scale.applyOptions({ barSpacing: 9.4, rightOffset: this.aheadSlots });
    scale.scrollToPosition(this.aheadSlots, false);
  }

  isLive() {
    return this.chart.timeScale().scrollPosition() >= -0.5;
  }

  /** Moves the crosshair by so many bars, or to an end, and reads the bar out. @param {number | "first" | "last"} by */
  move(by) {
    const rows = this.state.bars.rows;
    if (!rows.length) return;
    // By time: the row itself may have been replaced by a newer value.
    const under = this.under();
    const found = under ? rows.findLastIndex((b) => barTime(b) <= barTime(under)) : -1;
    const now = found < 0 ? rows.length - 1 : found;
    this.steered = true;
    const at = by === "first" ? 0 : by === "last" ? rows.length - 1 : Math.max(0, Math.min(rows.length - 1, now + by));
    const bar = rows[at];
    const logical = this.chart.timeScale().timeToIndex(/** @type {any} */ (barTime(bar)), true);
    const range = this.chart.timeScale().getVisibleLogicalRange();
    if (logical !== null && range && (logical < range.from + 1 || logical > range.to - 1)) {
      const half = (range.to - range.from) / 2;
      this.chart.timeScale().setVisibleLogicalRange({ from: logical - half, to: logical + half });
    }
    this.chart.setCrosshairPosition(bar.close, /** @type {any} */ (barTime(bar)), this.candles);
    this.cursor = bar;
    this.read();
    const due = Math.max(0, this.spoken + 500 - Date.now());
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => {
      this.spoken = Date.now();
      speak(`${clock(bar.window_start, this.state.zone)}, open ${price(bar.open)}, high ${price(bar.high)}, low ${price(bar.low)}, close ${price(bar.close)}, volume ${count(bar.volume)}${bar.final ? "" : ", provisional"}`);
    }, due);
  }

  /** @param {number} factor */
  zoom(factor) {
    const scale = this.chart.timeScale();
    scale.applyOptions({ barSpacing: Math.max(0.5, Math.min(60, scale.options().barSpacing * factor)) });
  }

  leave() {
    this.steered = false;
    this.cursor = null;
    this.chart.clearCrosshairPosition();
    this.read();
  }
}

/** Half the height of the forecast pane in basis points: the 99th percentile, symmetric. @param {import("./panes.mjs").ForecastPoint[]} near @param {import("./panes.mjs").ForecastPoint[]} far */
function reachOf(near, far) {
  const sizes = [...near, ...far]
    .flatMap((p) => [p.value, p.outcome, p.lo, p.hi])
    .filter((v) => v !== null)
    .map(Math.abs)
    .sort((a, b) => a - b);
  return Math.max(1, (sizes[Math.floor(0.99 * (sizes.length - 1))] ?? 10) * 1.15);
}
