// What the chart library does not draw on the price: lines that stop at gaps, the provisional bar, what lies past now. Each
// drawing is a primitive over data that the chart hands it; none reads the state. The other panes are in panes.mjs.

import { token } from "./dom.mjs";

/** @typedef {import("lightweight-charts").IChartApi} Chart */
/** @typedef {import("lightweight-charts").ISeriesApi<any>} AnySeries */
/** @typedef {{time: number, value: number} | null} Point null breaks the line */
/** @typedef {{points: Point[], color: string, width: number, dash: number[]}} Path */

/** A primitive that draws with `draw(context, size)` in CSS pixels. */
export class Drawing {
  /** @param {"bottom" | "normal" | "top"} order */
  constructor(order) {
    /** @type {Chart | null} */
    this.chart = null;
    /** @type {AnySeries | null} */
    this.series = null;
    /** @type {() => void} */
    this.requestUpdate = () => {};
    const renderer = {
      draw: (/** @type {any} */ target) =>
        target.useMediaCoordinateSpace((/** @type {any} */ scope) => {
          scope.context.save();
          this.draw(scope.context, scope.mediaSize);
          scope.context.restore();
        }),
    };
    this.views = [{ zOrder: () => order, renderer: () => renderer }];
  }

  /** @param {any} given */
  attached(given) {
    this.chart = given.chart;
    this.series = given.series ?? null;
    this.requestUpdate = given.requestUpdate;
  }

  updateAllViews() {}

  paneViews() {
    return this.views;
  }

  /** @param {CanvasRenderingContext2D} _context @param {{width: number, height: number}} _size */
  draw(_context, _size) {}

  /** @param {number} time @returns {number | null} */
  x(time) {
    return this.chart?.timeScale().timeToCoordinate(/** @type {any} */ (time)) ?? null;
  }

  /** @param {number} value @returns {number | null} */
  y(value) {
    return this.series?.priceToCoordinate(value) ?? null;
  }

  /** Times on screen, with a little on both sides. */
  visible() {
    const range = /** @type {{from: number, to: number} | null | undefined} */ (/** @type {unknown} */ (this.chart?.timeScale().getVisibleRange()));
    return range ?? { from: -Infinity, to: Infinity };
  }

  get slot() {
    return this.chart?.timeScale().options().barSpacing ?? 6;
  }
}

/** @param {CanvasRenderingContext2D} c @param {string} color @param {number} width @param {number[]} dash */
export function pen(c, color, width, dash = []) {
  c.strokeStyle = color;
  c.lineWidth = width;
  c.setLineDash(dash);
  c.lineJoin = "round";
}

/** @param {CanvasRenderingContext2D} c @param {number} x @param {number} y @param {number} r */
export function diamond(c, x, y, r) {
  c.beginPath();
  c.moveTo(x, y - r);
  c.lineTo(x + r, y);
  c.lineTo(x, y + r);
  c.lineTo(x - r, y);
  c.closePath();
  c.fill();
}

/** First index whose time is at or after `time`. @param {(i: number) => number} at @param {number} length @param {number} time */
export function lowerBound(at, length, time) {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at(middle) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Lines over the bars of one series, each broken where its points are. */
export class Lines extends Drawing {
  constructor() {
    super("normal");
    /** @type {Path[]} */
    this.paths = [];
    /** Times of the points, the same for every path. @type {number[]} */
    this.times = [];
  }

  /** @param {number} from @param {number} to */
  span(from, to) {
    const at = (/** @type {number} */ i) => this.times[i];
    return [Math.max(0, lowerBound(at, this.times.length, from) - 1), Math.min(this.times.length, lowerBound(at, this.times.length, to) + 2)];
  }

  autoscaleInfo() {
    const { from, to } = this.visible();
    const [first, end] = this.span(from, to);
    let [low, high] = [Infinity, -Infinity];
    for (const path of this.paths) {
      for (let i = first; i < end; i += 1) {
        const value = path.points[i]?.value;
        if (value === undefined) continue;
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
    }
    return low <= high ? { priceRange: { minValue: low, maxValue: high } } : null;
  }

  /** @param {CanvasRenderingContext2D} c */
  draw(c) {
    const { from, to } = this.visible();
    const [first, end] = this.span(from, to);
    for (const path of this.paths) {
      pen(c, path.color, path.width, path.dash);
      c.beginPath();
      let down = false;
      for (let i = first; i < end; i += 1) {
        const point = path.points[i];
        const x = point && this.x(point.time);
        const y = point && this.y(point.value);
        if (x === null || y === null) {
          down = false;
          continue;
        }
        if (down) c.lineTo(x, y);
        else c.moveTo(x, y);
        down = true;
      }
      c.stroke();
    }
  }
}

/**
 * Over the price: the provisional bar dashed, the last price on the axis, and past now the forecast beside the naive.
 * History never carries a price-level forecast.
 */
export class PriceMarks extends Drawing {
  constructor() {
    super("top");
    /** @type {{time: number, open: number, high: number, low: number, close: number} | null} */
    this.provisional = null;
    /** @type {{price: number, text: string, up: boolean} | null} */
    this.last = null;
    /** @type {{from: {time: number, price: number}, to: {time: number, price: number, lo: number | null, hi: number | null}[], naiveOnly: boolean} | null} */
    this.ahead = null;
    const renderer = {
      draw: (/** @type {any} */ target) =>
        target.useMediaCoordinateSpace((/** @type {any} */ scope) => this.drawLabel(scope.context, scope.mediaSize.width)),
    };
    this.axisViews = [{ zOrder: () => "top", renderer: () => renderer }];
  }

  priceAxisPaneViews() {
    return this.axisViews;
  }

  autoscaleInfo() {
    if (!this.ahead) return null;
    const { to } = this.visible();
    if (to < this.ahead.from.time) return null;
    const prices = this.ahead.to.flatMap((t) => [t.price, t.lo ?? t.price, t.hi ?? t.price]);
    return prices.length ? { priceRange: { minValue: Math.min(...prices), maxValue: Math.max(...prices) } } : null;
  }

  /** @param {CanvasRenderingContext2D} c @param {number} width */
  drawLabel(c, width) {
    const y = this.last && this.y(this.last.price);
    if (!this.last || y === null) return;
    const color = token(this.last.up ? "up" : "down");
    c.save();
    c.fillStyle = token("surface");
    pen(c, color, 1);
    c.beginPath();
    c.roundRect(1.5, Math.round(y) - 9.5, width - 4, 19, 3);
    c.fill();
    c.stroke();
    c.fillStyle = color;
    c.font = `600 11px ${token("sans")}`;
    c.textBaseline = "middle";
    c.fillText(this.last.text, 8, y + 0.5);
    c.restore();
  }

  /** @param {CanvasRenderingContext2D} c */
  draw(c) {
    this.drawAhead(c);
    const bar = this.provisional;
    const x = bar && this.x(bar.time);
    if (!bar || x === null) return;
    const up = bar.close >= bar.open;
    const ys = [bar.open, bar.high, bar.low, bar.close].map((v) => this.y(v));
    if (ys.some((y) => y === null)) return;
    const [open, high, low, close] = /** @type {number[]} */ (ys).map((y) => Math.round(y) + 0.5);
    const half = Math.max(1, Math.floor(this.slot * 0.31));
    const [top, bottom] = [Math.min(open, close), Math.max(open, close)];
    const middle = Math.round(x) + 0.5;
    pen(c, token(up ? "up" : "down"), 1, [2, 1.6]);
    c.fillStyle = token("surface");
    c.beginPath();
    c.moveTo(middle, high);
    c.lineTo(middle, top);
    c.moveTo(middle, bottom);
    c.lineTo(middle, low);
    c.stroke();
    c.beginPath();
    c.rect(middle - half, top, half * 2, Math.max(1, bottom - top));
    c.fill();
    c.stroke();
  }

  /** @param {CanvasRenderingContext2D} c */
  drawAhead(c) {
    const ahead = this.ahead;
    const x0 = ahead && this.x(ahead.from.time);
    const y0 = ahead && this.y(ahead.from.price);
    if (!ahead || x0 === null || y0 === null) return;
    /** @type {{x: number, y: number, lo: number | null, hi: number | null}[]} */
    const points = [];
    for (const t of ahead.to) {
      const [x, y] = [this.x(t.time), this.y(t.price)];
      if (x !== null && y !== null) points.push({ x, y, lo: t.lo === null ? null : this.y(t.lo), hi: t.hi === null ? null : this.y(t.hi) });
    }
    const end = points.at(-1);
    if (!end) return;
    const banded = points.filter((p) => p.lo !== null && p.hi !== null);
    if (banded.length) {
      c.fillStyle = token("forecast-soft");
      c.beginPath();
      c.moveTo(x0, y0);
      for (const p of banded) c.lineTo(p.x, /** @type {number} */ (p.hi));
      for (const p of banded.toReversed()) c.lineTo(p.x, /** @type {number} */ (p.lo));
      c.closePath();
      c.fill();
    }
    pen(c, token("naive"), 1.5, [3, 3]);
    c.beginPath();
    c.moveTo(x0, y0);
    c.lineTo(end.x, y0);
    c.stroke();
    if (ahead.naiveOnly) return;
    pen(c, token("forecast"), 1.8);
    c.beginPath();
    c.moveTo(x0, y0);
    for (const p of points) c.lineTo(p.x, p.y);
    c.stroke();
    c.fillStyle = token("forecast");
    diamond(c, end.x, end.y, 4);
  }
}
