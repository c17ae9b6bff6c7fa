// Numbers and instants as a person reads them. No DOM.

export const ABSENT = "—";
const MINUS = "\u2212";

/** @param {number | null | undefined} x @returns {x is number} */
const known = (x) => typeof x === "number" && Number.isFinite(x);

/** @param {number} x @param {number} digits */
const fixed = (x, digits) => {
  const text = Math.abs(x).toFixed(digits);
  return { text, zero: Number(text) === 0 };
};

/** Basis points: the sign always, one decimal. @param {number | null | undefined} x */
export function bp(x, digits = 1) {
  if (!known(x)) return ABSENT;
  const { text, zero } = fixed(x, digits);
  return (zero ? "" : x < 0 ? MINUS : "+") + text;
}

/** A log return in basis points. @param {number | null | undefined} r */
export const returnBp = (r) => bp(known(r) ? r * 1e4 : r);

/** Skill: four decimals, a sign only if negative. @param {number | null | undefined} x */
export const skill = (x) => plain(x, 4);

/** A number with so many digits, real minus. @param {number | null | undefined} x @param {number} digits */
export function plain(x, digits) {
  if (!known(x)) return ABSENT;
  const { text, zero } = fixed(x, digits);
  return (x < 0 && !zero ? MINUS : "") + text;
}

/** @param {number | null | undefined} p */
export const pValue = (p) => (!known(p) ? ABSENT : p < 0.0001 ? "< 0.0001" : p.toFixed(4));

/** A share of 1 in per cent. @param {number | null | undefined} x */
export const share = (x, digits = 1) => (known(x) ? `${plain(x * 100, digits)}\u00a0%` : ABSENT);

/** A price: two decimals, four below one. @param {number | null | undefined} x */
export function price(x) {
  if (!known(x)) return ABSENT;
  return Math.abs(x) < 1 ? x.toFixed(4) : x.toFixed(2);
}

/** @param {number | null | undefined} n */
export const count = (n) => (known(n) ? plain(n, Number.isInteger(n) ? 0 : 1).replace(/\B(?=(\d{3})+(?!\d))/g, ",") : ABSENT);

/** For axes: 1.2M, 6.7k. @param {number} n */
export function short(n) {
  for (const [limit, unit] of /** @type {[number, string][]} */ ([[1e9, "G"], [1e6, "M"], [1e3, "k"]])) {
    if (Math.abs(n) >= limit) return `${plain(n / limit, 1)}${unit}`;
  }
  return plain(n, Number.isInteger(n) ? 0 : 1);
}

/** Two units at most. @param {number | null | undefined} seconds */
export function duration(seconds) {
  if (!known(seconds)) return ABSENT;
  const x = Math.abs(seconds);
  if (x < 1) return `${Math.round(x * 1000)} ms`;
  if (x < 59.95) return `${x.toFixed(1)} s`;
  if (x < 3599.95) {
    const minutes = Math.floor((x + 0.05) / 60);
    return `${minutes} min ${Math.max(0, x - minutes * 60).toFixed(1)} s`.replace(" 0.0 s", "");
  }
  return whole(Math.round(x));
}

/** Two units at most, no fractions. @param {number} seconds */
export function whole(seconds) {
  const x = Math.max(0, Math.floor(seconds));
  if (x < 60) return `${x} s`;
  const parts = /** @type {[number, string][]} */ ([[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]]);
  const first = parts.findIndex(([size]) => x >= size);
  const [size, unit] = parts[first];
  const rest = first + 1 < parts.length ? Math.floor((x % size) / parts[first + 1][0]) : 0;
  return `${Math.floor(x / size)} ${unit}${rest ? ` ${rest} ${parts[first + 1][1]}` : ""}`;
}

/** Age in seconds as said beside a figure: one unit. @param {number} seconds */
export function ago(seconds) {
  const x = Math.max(0, Math.floor(seconds));
  const [size, unit] = x < 60 ? [1, "s"] : x < 3600 ? [60, "min"] : x < 86400 ? [3600, "h"] : [86400, "d"];
  return `${Math.floor(x / Number(size))} ${unit}`;
}

/** @typedef {import("./types.js").Zone} Zone */

/** @param {Date} date @param {Zone} zone */
function parts(date, zone) {
  const shifted = zone === "utc" ? date : new Date(date.getTime() - date.getTimezoneOffset() * 60000);
  const iso = shifted.toISOString();
  return { day: iso.slice(0, 10), time: iso.slice(11, 19), minute: iso.slice(11, 16), tenth: iso.slice(19, 21) };
}

/** The zone's name or offset. @param {Zone} zone @param {Date} [date] */
export function zoneName(zone, date = new Date()) {
  if (zone === "utc") return "UTC";
  const minutes = -date.getTimezoneOffset();
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  return `${minutes < 0 ? MINUS : "+"}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
}

/** `2026-03-17 14:32:00 UTC` @param {string | number | null | undefined} at @param {Zone} zone */
export function instant(at, zone) {
  if (at === null || at === undefined) return ABSENT;
  const date = new Date(at);
  const p = parts(date, zone);
  return `${p.day} ${p.time} ${zoneName(zone, date)}`;
}

/** `2026-03-17 14:32:00`, where the head names the zone. @param {string | number} at @param {Zone} zone */
export const dateTime = (at, zone) => {
  const p = parts(new Date(at), zone);
  return `${p.day} ${p.time}`;
};

/** @param {string | number} at @param {Zone} zone */
export const clock = (at, zone) => parts(new Date(at), zone).time;
/** @param {string | number} at @param {Zone} zone */
export const minute = (at, zone) => parts(new Date(at), zone).minute;
/** @param {string | number} at @param {Zone} zone */
export const clockTenth = (at, zone) => {
  const p = parts(new Date(at), zone);
  return p.time + p.tenth;
};

/** Seconds of a span like `5s`, `1m`. @param {string} span */
export function spanSeconds(span) {
  const units = /** @type {Record<string, number>} */ ({ s: 1, m: 60, h: 3600, d: 86400 });
  return Number(span.slice(0, -1)) * (units[span.slice(-1)] ?? 1);
}
