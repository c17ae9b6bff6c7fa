// What the page knows, without DOM: merged rows, choices kept in the address, and who wants to hear of changes.
//
// Rows merge by key, so a row that arrives twice is there once: history, live events and a resumed stream may overlap.

import { spanSeconds } from "./format.mjs";

/** @typedef {import("./types.js").Bar} Bar */
/** @typedef {import("./types.js").Forecast} Forecast */
/** @typedef {import("./types.js").Meta} Meta */
/** @typedef {import("./types.js").SymbolLine} SymbolLine */
/** @typedef {import("./types.js").Run} Run */
/** @typedef {import("./types.js").Aliases} Aliases */
/** @typedef {import("./types.js").Health} Health */
/** @typedef {import("./types.js").Skill} Skill */
/** @typedef {"meta"|"choice"|"bars"|"forecasts"|"symbols"|"skill"|"runs"|"aliases"|"health"|"connection"|"trouble"} Topic */

/** Bars of one chart; more makes it sluggish. */
export const MAX_BARS = 5000;
/** Forecasts kept for one symbol and bar size. */
export const MAX_FORECASTS = 5000;
export const PAGES = ["market", "training", "health"];

/**
 * Rows in order of a time, each key once.
 * @template T
 */
export class Series {
  /** @param {(row: T) => number} time @param {(row: T) => string} key @param {(old: T, row: T) => boolean} wins @param {number} most */
  constructor(time, key, wins, most) {
    this.time = time;
    this.key = key;
    this.wins = wins;
    this.most = most;
    /** @type {T[]} */
    this.rows = [];
    /** @type {Map<string, T>} */
    this.byKey = new Map();
  }

  /** Takes a row; true when something changed. @param {T} row */
  put(row) {
    const key = this.key(row);
    const old = this.byKey.get(key);
    if (old !== undefined) {
      if (!this.wins(old, row)) return false;
      let at = this.rows.length - 1;
      while (at >= 0 && this.key(this.rows[at]) !== key) at -= 1;
      this.rows[at] = row;
      this.byKey.set(key, row);
      return true;
    }
    const time = this.time(row);
    let at = this.rows.length;
    while (at > 0 && this.time(this.rows[at - 1]) > time) at -= 1;
    this.rows.splice(at, 0, row);
    this.byKey.set(key, row);
    if (this.rows.length > this.most) {
      const gone = /** @type {T} */ (this.rows.shift());
      this.byKey.delete(this.key(gone));
    }
    return true;
  }

  /** @param {T[]} rows */
  putAll(rows) {
    return rows.map((row) => this.put(row)).some(Boolean);
  }
}

/** Start of a bar in seconds. @param {Bar} bar */
export const barTime = (bar) => Date.parse(bar.window_start) / 1000;
/** @param {Forecast} f */
export const targetTime = (f) => Date.parse(f.target_ts) / 1000;

const newBars = () =>
  new Series(barTime, (/** @type {Bar} */ b) => b.window_start, (old, row) => row.write_ts > old.write_ts || (row.final && !old.final), MAX_BARS);

const newForecasts = () =>
  new Series(
    targetTime,
    (/** @type {Forecast} */ f) => `${f.horizon} ${f.target_ts} ${f.version} ${f.role}`,
    // A joined outcome is the last word on a forecast.
    (old, row) => old.outcome === "pending" && row.outcome !== "pending",
    MAX_FORECASTS,
  );

export class State {
  constructor() {
    /** @type {Meta | null} */
    this.meta = null;
    this.page = "market";
    this.symbol = "";
    this.bar = "";
    this.view = "chart";
    this.run = "";
    this.zone = /** @type {import("./types.js").Zone} */ ("utc");
    this.keysOn = true;
    /** @type {Set<string>} */
    this.indicators = new Set(["sma", "ema", "bollinger", "volume", "rsi"]);
    this.bars = newBars();
    this.forecasts = newForecasts();
    /** @type {SymbolLine[] | null} */
    this.symbols = null;
    /** @type {Map<number, Skill>} */
    this.skill = new Map();
    this.skillTo = /** @type {string | null} */ (null);
    /** @type {Run[] | null} */
    this.runs = null;
    /** @type {Aliases[]} */
    this.aliases = [];
    /** @type {Health | null} */
    this.health = null;
    /** Short past of each tile. @type {Map<string, number[]>} */
    this.tilePast = new Map();
    this.loading = true;
    /** What failed last, by card. @type {Map<string, {text: string, at: number, retryAt: number}>} */
    this.trouble = new Map();
    this.connection = { state: "wait", since: Date.now(), last: 0, tries: 0, id: "" };
    /** Server clock minus ours, in ms. */
    this.skew = 0;
    /** @type {Map<Topic, Set<() => void>>} */
    this.listeners = new Map();
  }

  /** The server's time now, in ms. */
  now() {
    return Date.now() + this.skew;
  }

  /** @param {Topic[]} topics @param {() => void} fn */
  on(topics, fn) {
    for (const topic of topics) {
      const set = this.listeners.get(topic) ?? new Set();
      set.add(fn);
      this.listeners.set(topic, set);
    }
  }

  /** @param {...Topic} topics */
  changed(...topics) {
    const called = new Set();
    for (const topic of topics) for (const fn of this.listeners.get(topic) ?? []) called.add(fn);
    for (const fn of called) fn();
  }

  /** Forgets the rows of the chart: another symbol or bar size. */
  clearChart() {
    this.bars = newBars();
    this.forecasts = newForecasts();
    this.skill = new Map();
    this.skillTo = null;
    this.loading = true;
  }

  /** @param {Bar} bar */
  takeBar(bar) {
    const topics = /** @type {Topic[]} */ ([]);
    if (bar.symbol === this.symbol && bar.name === this.bar && this.bars.put(bar)) topics.push("bars");
    const line = this.symbols?.find((l) => l.symbol === bar.symbol);
    if (this.symbols && !line) topics.push("symbols");
    if (line && bar.name === this.bar) {
      const last = line.closes.at(-1);
      if (last && last[0] === bar.window_start) last[1] = bar.close;
      else if (!last || last[0] < bar.window_start) line.closes.push([bar.window_start, bar.close]);
      if (line.closes.length > 61) line.closes.shift();
      line.last = bar.close;
      line.at = bar.window_end;
      topics.push("symbols");
    }
    this.changed(...topics);
    return this.symbols !== null && line === undefined;
  }

  /** @param {Forecast} f */
  takeForecast(f) {
    const line = this.symbols?.find((l) => l.symbol === f.symbol);
    // The list tells the nearest horizon: another may be served otherwise, and an outcome is of an older forecast.
    const telling = f.outcome === "pending" && f.role !== "challenger" && f.bar === this.forecastBar() && f.horizon === this.meta?.horizons[0];
    if (line && telling) line.baseline = f.role === "baseline";
    if (f.symbol === this.symbol && f.bar === this.forecastBar() && this.forecasts.put(f)) this.changed("forecasts");
  }

  /** Forecasts are made for one bar size only. */
  forecastBar() {
    return this.meta?.predictor_bar ?? "";
  }

  /** @param {Health} health */
  takeHealth(health) {
    this.health = health;
    this.skew = Date.parse(health.now) - Date.now();
    for (const tile of health.tiles) {
      if (tile.value === null) continue;
      const past = this.tilePast.get(tile.id) ?? [];
      past.push(tile.value);
      if (past.length > 40) past.shift();
      this.tilePast.set(tile.id, past);
    }
    this.changed("health");
  }

  /** @param {string} [symbol] */
  truth(symbol = this.symbol) {
    return this.meta?.truths.find((t) => t.symbol === symbol);
  }

  /** Best possible skill, where known. @param {number} horizon @param {string} [symbol] */
  ceiling(horizon, symbol = this.symbol) {
    return this.truth(symbol)?.ceilings.find((c) => c.horizon === horizon)?.skill;
  }

  /** Value of an indicator column, null until warm. @param {Bar} bar @param {string} column */
  indicator(bar, column) {
    const at = this.meta?.indicators.indexOf(column) ?? -1;
    return at < 0 ? null : (bar.indicators?.[at] ?? null);
  }

  /** The first column of the pipeline that matches. @param {RegExp} pattern */
  column(pattern) {
    return this.meta?.indicators.find((c) => pattern.test(c));
  }

  /** Change over the trend of a symbol's line, as log return. @param {SymbolLine} line */
  change(line) {
    const first = line.closes[0]?.[1];
    return first && line.last ? Math.log(line.last / first) : null;
  }

  /** Length of the trend in seconds. */
  trendSpan() {
    return 60 * spanSeconds(this.bar || "1m");
  }

  /** The served forecasts whose target is still ahead, one a horizon. */
  pending() {
    const served = this.forecasts.rows.filter((f) => f.role !== "challenger" && f.outcome === "pending");
    return (this.meta?.horizons ?? [])
      .map((horizon) => served.filter((f) => f.horizon === horizon).at(-1))
      .filter((f) => f !== undefined);
  }

  /** @param {string} card @param {{text: string, retryAt?: number} | null} trouble */
  setTrouble(card, trouble) {
    if (trouble) this.trouble.set(card, { text: trouble.text, at: Date.now(), retryAt: trouble.retryAt ?? 0 });
    else if (!this.trouble.delete(card)) return;
    this.changed("trouble");
  }

  /** Takes choices from an address. @param {URL} url */
  readAddress(url) {
    const q = url.searchParams;
    const page = url.hash.slice(1);
    this.page = PAGES.includes(page) ? page : "market";
    this.symbol = q.get("symbol") ?? this.symbol;
    this.bar = q.get("bar") ?? this.bar;
    this.view = q.get("view") === "table" ? "table" : "chart";
    this.run = q.get("run") ?? "";
    if (q.get("time") === "local") this.zone = "local";
  }

  /** The address of the choices. */
  address() {
    const q = new URLSearchParams();
    if (this.symbol) q.set("symbol", this.symbol);
    if (this.bar) q.set("bar", this.bar);
    if (this.view === "table") q.set("view", "table");
    if (this.zone === "local") q.set("time", "local");
    if (this.run && this.page === "training") q.set("run", this.run);
    const query = q.toString();
    return `${query ? `?${query}` : ""}#${this.page}`;
  }
}
