// Drawings of the panes below the price, and the marks that run through all of them: forecasts and outcomes, volume, gaps,
// model changes, now.

import { token } from "./dom.mjs";
import { Drawing, diamond, lowerBound, pen } from "./drawings.mjs";

/** @typedef {{time: number, value: number, baseline: boolean, lo: number | null, hi: number | null, outcome: number | null}} ForecastPoint */

/** The forecast pane in basis points: band, zero line, forecast, outcomes; the further horizon as a diamond with whiskers. */
export class ForecastDrawing extends Drawing {
  constructor() {
    super("normal");
    /** Runs of points without a gap. @type {ForecastPoint[][]} */
    this.runs = [];
    /** @type {(ForecastPoint & {label: string})[]} */
    this.far = [];
    this.reach = 10;
  }

  /** @param {CanvasRenderingContext2D} c @param {{width: number, height: number}} size */
  draw(c, size) {
    const { from, to } = this.visible();
    const zero = this.y(0);
    if (zero === null) return;
    /** @param {number} value */
    const y = (value) => {
      const at = this.y(value) ?? zero;
      return { at: Math.max(5, Math.min(size.height - 5, at)), cut: at < 0 ? -1 : at > size.height ? 1 : 0 };
    };
    const runs = this.runs.map((run) => {
      const at = (/** @type {number} */ i) => run[i].time;
      return run.slice(Math.max(0, lowerBound(at, run.length, from) - 1), lowerBound(at, run.length, to) + 1);
    });
    const xy = (/** @type {ForecastPoint} */ p) => this.x(p.time);
    for (const run of runs) this.band(c, run, y, xy);
    pen(c, token("ink-3"), 1);
    c.beginPath();
    c.moveTo(0, Math.round(zero) + 0.5);
    c.lineTo(size.width, Math.round(zero) + 0.5);
    c.stroke();
    for (const run of runs) {
      this.line(c, run, y, xy);
      for (const p of run) this.outcome(c, p, y, xy);
    }
    for (const p of this.far) this.whiskers(c, p, y);
  }

  /** @param {CanvasRenderingContext2D} c @param {ForecastPoint[]} run @param {(v: number) => {at: number}} y @param {(p: ForecastPoint) => number | null} x */
  band(c, run, y, x) {
    const banded = run.filter((p) => p.lo !== null && p.hi !== null && x(p) !== null);
    if (banded.length < 2) return;
    const upper = banded.map((p) => [/** @type {number} */ (x(p)), y(/** @type {number} */ (p.hi)).at]);
    const lower = banded.map((p) => [/** @type {number} */ (x(p)), y(/** @type {number} */ (p.lo)).at]);
    const trace = (/** @type {number[][]} */ points) => points.forEach(([px, py], i) => (i ? c.lineTo(px, py) : c.moveTo(px, py)));
    c.fillStyle = token("forecast-soft");
    c.beginPath();
    [...upper, ...lower.toReversed()].forEach(([px, py], i) => (i ? c.lineTo(px, py) : c.moveTo(px, py)));
    c.closePath();
    c.fill();
    c.globalAlpha = 0.65;
    pen(c, token("forecast"), 0.8);
    c.beginPath();
    trace(upper);
    trace(lower);
    c.stroke();
    c.globalAlpha = 1;
  }

  /** Solid where a model spoke, dashed grey on zero where the last value was served. @param {CanvasRenderingContext2D} c @param {ForecastPoint[]} run @param {(v: number) => {at: number}} y @param {(p: ForecastPoint) => number | null} x */
  line(c, run, y, x) {
    let i = 0;
    while (i < run.length) {
      const baseline = run[i].baseline;
      let end = i;
      while (end < run.length && run[end].baseline === baseline) end += 1;
      if (baseline) pen(c, token("naive"), 1.8, [3, 3]);
      else pen(c, token("forecast"), 1.8);
      c.beginPath();
      let down = false;
      for (const p of run.slice(i, end)) {
        const px = x(p);
        if (px === null) continue;
        if (down) c.lineTo(px, y(p.value).at);
        else c.moveTo(px - (end - i === 1 ? this.slot / 2 : 0), y(p.value).at);
        if (end - i === 1) c.lineTo(px + this.slot / 2, y(p.value).at);
        down = true;
      }
      c.stroke();
      i = end;
    }
  }

  /** @param {CanvasRenderingContext2D} c @param {ForecastPoint} p @param {(v: number) => {at: number, cut: number}} y @param {(p: ForecastPoint) => number | null} x */
  outcome(c, p, y, x) {
    const px = p.outcome === null ? null : x(p);
    if (px === null || p.outcome === null) return;
    const { at, cut } = y(p.outcome);
    const up = p.outcome >= 0;
    const color = token(up ? "up" : "down");
    pen(c, color, 1.2);
    c.fillStyle = up ? token("surface") : color;
    c.beginPath();
    if (cut) {
      c.moveTo(px - 3, at - cut * 2);
      c.lineTo(px + 3, at - cut * 2);
      c.lineTo(px, at + cut * 3);
      c.closePath();
    } else {
      c.arc(px, at, Math.min(2.2, Math.max(1.2, this.slot / 4)), 0, 2 * Math.PI);
    }
    c.fill();
    c.stroke();
  }

  /** @param {CanvasRenderingContext2D} c @param {ForecastPoint & {label: string}} p @param {(v: number) => {at: number}} y */
  whiskers(c, p, y) {
    const x = this.x(p.time);
    if (x === null) return;
    const color = token(p.baseline ? "naive" : "forecast");
    pen(c, color, 1.6);
    if (p.lo !== null && p.hi !== null) {
      c.beginPath();
      c.moveTo(x, y(p.lo).at);
      c.lineTo(x, y(p.hi).at);
      c.stroke();
    }
    c.fillStyle = color;
    const at = y(p.value).at;
    diamond(c, x, at, 4);
    c.fillStyle = token("ink-2");
    c.font = `500 11px ${token("sans")}`;
    c.textBaseline = "middle";
    c.fillText(p.label, x + 8, at);
  }
}

/** Rows of words on model changes. */
const TAG_ROWS = 3;
/** Pixels at the right end that the key takes. */
const KEY_WIDTH = 150;

/** Through every pane: hatched gaps, model changes, and now. One of these is attached to each pane. */
export class PaneMarks extends Drawing {
  /** @param {boolean} first true on the uppermost pane, which carries the words */
  constructor(first) {
    super("bottom");
    this.first = first;
    /** @type {{from: number, to: number}[]} slots of the first and last missing bar */
    this.gaps = [];
    /** @type {{time: number, text: string}[]} */
    this.changes = [];
    /** Slot of the last bar. @type {number | null} */
    this.now = null;
  }

  /** @param {CanvasRenderingContext2D} c @param {{width: number, height: number}} size */
  draw(c, size) {
    const half = this.slot / 2;
    for (const gap of this.gaps) {
      const [a, b] = [this.x(gap.from), this.x(gap.to)];
      if (a !== null && b !== null) this.hatch(c, a - half, b + half, size.height);
    }
    /** @type {{at: number, text: string}[]} */
    const lines = [];
    for (const change of this.changes) {
      const x = this.x(change.time);
      if (x === null) continue;
      const at = Math.round(x - half) + 0.5;
      pen(c, token("forecast"), 1.4, [1, 3]);
      this.vertical(c, at, size.height);
      lines.push({ at, text: change.text });
    }
    if (this.first) this.tags(c, lines, size.width);
    const now = this.now === null ? null : this.x(this.now);
    if (now !== null) {
      pen(c, token("s3"), 1, [4, 4]);
      this.vertical(c, Math.round(now + half) + 0.5, size.height);
    }
  }

  /** @param {CanvasRenderingContext2D} c @param {number} x @param {number} height */
  vertical(c, x, height) {
    c.beginPath();
    c.moveTo(x, 0);
    c.lineTo(x, height);
    c.stroke();
  }

  /** @param {CanvasRenderingContext2D} c @param {number} x0 @param {number} x1 @param {number} height */
  hatch(c, x0, x1, height) {
    c.save();
    c.beginPath();
    c.rect(x0, 0, x1 - x0, height);
    c.clip();
    pen(c, token("line"), 2);
    c.beginPath();
    for (let x = x0 - height; x < x1; x += 8) {
      c.moveTo(x, height);
      c.lineTo(x + height, 0);
    }
    c.stroke();
    c.restore();
    if (!this.first) return;
    c.fillStyle = token("ink-3");
    c.font = `400 11px ${token("sans")}`;
    c.textAlign = "center";
    c.fillText("no ticks", (x0 + x1) / 2, height - 12);
  }

  /**
   * Words on the lines, the newest first: beside the key at the right end they go to the left of their line, and one that
   * would cover another goes a row lower. What finds no row is told by the list of marks alone.
   * @param {CanvasRenderingContext2D} c @param {{at: number, text: string}[]} lines @param {number} room
   */
  tags(c, lines, room) {
    c.font = `500 11px ${token("sans")}`;
    /** Left and right end of what stands in each row. @type {[number, number][][]} */
    const rows = Array.from({ length: TAG_ROWS }, () => []);
    for (const { at, text } of lines.toReversed()) {
      const width = c.measureText(text).width + 12;
      const x = at + 4 + width > room - KEY_WIDTH ? Math.max(2, at - 4 - width) : at + 4;
      const row = rows.findIndex((taken) => taken.every(([from, to]) => x > to + 4 || x + width < from - 4));
      if (row < 0) continue;
      rows[row].push([x, x + width]);
      this.tag(c, x, 8.5 + 22 * row, width, text);
    }
  }

  /** @param {CanvasRenderingContext2D} c @param {number} x @param {number} y @param {number} width @param {string} text */
  tag(c, x, y, width, text) {
    pen(c, token("forecast"), 1);
    c.fillStyle = token("surface");
    c.beginPath();
    c.roundRect(x, y, width, 18, 3);
    c.fill();
    c.stroke();
    c.fillStyle = token("forecast");
    c.textAlign = "left";
    c.textBaseline = "middle";
    c.fillText(text, x + 6, y + 9.5);
  }
}

/** Volume: hollow when the price rose, filled when it fell. A custom series of the library. */
export class VolumeView {
  constructor() {
    /** @type {any} */
    this.data = null;
  }

  renderer() {
    return {
      draw: (/** @type {any} */ target, /** @type {(v: number) => number | null} */ toY) =>
        target.useMediaCoordinateSpace((/** @type {any} */ scope) => this.draw(scope.context, toY)),
    };
  }

  /** @param {any} data */
  update(data) {
    this.data = data;
  }

  /** @param {any} row */
  priceValueBuilder(row) {
    return [0, row.value];
  }

  /** @param {any} row */
  isWhitespace(row) {
    return row.value === undefined;
  }

  defaultOptions() {
    return /** @type {any} */ ({ color: "#808998", priceLineVisible: false, lastValueVisible: false });
  }

  /** @param {CanvasRenderingContext2D} c @param {(v: number) => number | null} toY */
  draw(c, toY) {
    if (!this.data?.visibleRange) return;
    const color = token("s3");
    const base = toY(0) ?? 0;
    const half = Math.max(0.5, Math.floor(this.data.barSpacing * 0.31));
    c.strokeStyle = color;
    c.fillStyle = color;
    c.lineWidth = 1;
    for (let i = this.data.visibleRange.from; i < this.data.visibleRange.to; i += 1) {
      const { x, originalData } = this.data.bars[i];
      const y = toY(originalData.value);
      if (y === null) continue;
      const left = Math.round(x) + 0.5 - half;
      if (half >= 1.5) {
        if (!originalData.up) c.fillRect(left, y, half * 2, base - y);
        c.strokeRect(left, y, half * 2, base - y);
      } else c.fillRect(left, y, Math.max(1, half * 2), base - y);
    }
  }
}
