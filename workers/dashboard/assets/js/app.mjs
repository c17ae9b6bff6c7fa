// Starts the page: loads, follows, routes, and says what each key does.

import { ask } from "./api.mjs";
import { HealthPage } from "./health.mjs";
import { listen, showKeys } from "./keys.mjs";
import { MarketPage } from "./market.mjs";
import { Shell } from "./shell.mjs";
import { MAX_BARS, State } from "./state.mjs";
import { follow } from "./stream.mjs";
import { TrainingPage } from "./training.mjs";

const state = new State();
const content = /** @type {HTMLElement} */ (document.getElementById("content"));
const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("dialog"));

/** Before the first try again, in ms; doubles up to the second. */
const RETRY_MS = [1000, 8000];
/** Least time between two looks at skills, in ms. */
const SKILL_MS = 5000;

// ---- loading ------------------------------------------------------------------------------------------------------

/**
 * Asks until there is an answer; meanwhile the card says why there is none.
 * @template T
 * @param {string} card
 * @param {() => Promise<T>} question
 * @param {() => boolean} [wanted] false once nobody wants the answer any more
 * @returns {Promise<T | undefined>}
 */
async function insist(card, question, wanted = () => true) {
  for (let pause = RETRY_MS[0]; wanted(); pause = Math.min(pause * 2, RETRY_MS[1])) {
    try {
      const answer = await question();
      state.setTrouble(card, null);
      return answer;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const store = reason.startsWith("feature store");
      const words = store ? "The feature store does not answer. Live bars go on; history returns with it." : reason;
      state.setTrouble(card, { text: `${words} Trying again in ${Math.round(pause / 1000)} s.`, retryAt: Date.now() + pause });
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
  return undefined;
}

/** History of the chart: bars and forecasts of one symbol and bar size. */
async function loadChart() {
  const { symbol, bar } = state;
  if (!symbol || !bar) {
    state.loading = false;
    state.changed("bars");
    return;
  }
  const still = () => state.symbol === symbol && state.bar === bar;
  const bars = await insist("history", () => ask("bars", { symbol, bar, limit: MAX_BARS }), still);
  if (!bars || !still()) return;
  state.bars.putAll(bars.rows);
  state.loading = false;
  state.changed("bars");
  const forecasts = await insist("history", () => ask("predictions", { symbol, bar: state.forecastBar(), limit: 2000 }), still);
  if (!forecasts || !still()) return;
  state.forecasts.putAll(forecasts.rows);
  state.changed("forecasts", "bars");
  await loadSkill();
}

let skillAt = 0;
async function loadSkill() {
  const { symbol } = state;
  skillAt = Date.now();
  if (!symbol || !state.forecastBar()) return;
  for (const horizon of state.meta?.horizons ?? []) {
    const got = await ask("skill", { symbol, bar: state.forecastBar(), horizon }).catch(() => null);
    if (!got || state.symbol !== symbol) return;
    state.skill.set(horizon, got.skill);
    state.skillTo = got.measured_to;
  }
  state.changed("skill");
}

let symbolsAt = 0;
async function loadSymbols() {
  symbolsAt = Date.now();
  const got = await insist("symbols", () => ask("symbols", { bar: state.bar, horizon: state.meta?.horizons[0] }));
  if (!got) return;
  state.symbols = got.symbols;
  if (!state.symbol && got.symbols.length) choose({ symbol: got.symbols[0].symbol });
  state.changed("symbols");
}

async function loadRuns() {
  const got = await insist("runs", () => ask("runs"));
  if (got) state.runs = got.runs;
  state.changed("runs");
}

async function loadAliases() {
  const got = await insist("aliases", () => ask("aliases"));
  if (got) state.aliases = got.aliases;
  state.changed("aliases");
}

// ---- live ---------------------------------------------------------------------------------------------------------

/** @param {string} name @param {any} data */
function take(name, data) {
  if (name === "bar") {
    const unknown = state.takeBar(data);
    if (unknown && Date.now() - symbolsAt > 2000) loadSymbols();
  } else if (name === "prediction" || name === "outcome") {
    state.takeForecast(data);
    if (name === "outcome" && Date.now() - skillAt > SKILL_MS) {
      loadSkill();
      loadSymbols();
    }
  } else if (name === "health") {
    const came = state.health?.store.ok === false && data.store.ok === true;
    state.takeHealth(data);
    if (came && state.trouble.size === 0) loadChart();
  } else if (name === "run") loadRuns();
  else if (name === "alias") loadAliases();
  else if (name === "reset") {
    // The stream could not go on where this page was: what is on screen stays until history is here again.
    loadChart();
    loadSymbols();
    loadRuns();
    loadAliases();
  } else if (name === "hello" && data.resumed) {
    // Reports are not part of the cursor.
    loadRuns();
    loadAliases();
  }
  state.changed("connection");
}

// ---- choices ------------------------------------------------------------------------------------------------------

const market = new MarketPage(state, {
  chooseSymbol: (symbol) => choose({ symbol }),
  chooseBar: (bar) => choose({ bar }),
  chooseView: (view) => choose({ view }),
  toggle: (id) => {
    if (!state.indicators.delete(id)) state.indicators.add(id);
    state.changed("choice");
  },
});
const training = new TrainingPage(state, (run) => choose({ run }));
const health = new HealthPage(state);
const pages = /** @type {Record<string, {element: HTMLElement, show: () => void, restyle: () => void}>} */ ({ market, training, health });

/** @param {{symbol?: string, bar?: string, view?: string, run?: string, zone?: string}} what */
function choose(what) {
  const chart = (what.symbol !== undefined && what.symbol !== state.symbol) || (what.bar !== undefined && what.bar !== state.bar);
  Object.assign(state, what);
  history.replaceState(null, "", state.address());
  if (chart) {
    state.clearChart();
    loadChart();
    if (what.bar !== undefined) loadSymbols();
  }
  state.changed("choice");
  if (what.zone !== undefined || what.bar !== undefined) pages[state.page].restyle();
}

function route() {
  const page = location.hash.slice(1) || "market";
  if (page === "content") return;
  state.page = pages[page] ? page : "market";
  history.replaceState(null, "", state.address());
  const { element, show } = pages[state.page];
  const banner = document.getElementById("banner");
  content.replaceChildren(...(banner ? [banner] : []), element);
  state.changed("choice");
  show.call(pages[state.page]);
  scrollTo(0, 0);
}

/** @param {number} by */
function step(by) {
  const names = (state.symbols ?? []).map((l) => l.symbol);
  if (!names.length) return;
  const at = (names.indexOf(state.symbol) + by + names.length) % names.length;
  choose({ symbol: names[at] });
}

function theme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme:dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
  pages[state.page].restyle();
}

const zone = (/** @type {string} */ name) => choose({ zone: name });
const showList = () => showKeys(state);
const go = (/** @type {string} */ page) => () => {
  location.hash = page;
};

listen(state, {
  1: go("market"),
  3: go("training"),
  5: go("health"),
  "/": () => state.page === "market" && market.switcher.open(),
  "[": () => step(-1),
  "]": () => step(1),
  b: () => {
    const bars = state.meta?.bars ?? [];
    if (bars.length) choose({ bar: bars[(bars.indexOf(state.bar) + 1) % bars.length] });
  },
  g: () => state.page === "market" && market.goLive(),
  t: () => state.page === "market" && choose({ view: state.view === "chart" ? "table" : "chart" }),
  c: () => state.page === "market" && market.barsCsv(),
  u: () => zone(state.zone === "utc" ? "local" : "utc"),
  d: theme,
  "?": showList,
});

// ---- start --------------------------------------------------------------------------------------------------------

const remembered = new URLSearchParams(location.search).get("theme") ?? localStorage.getItem("theme");
if (remembered === "light" || remembered === "dark") document.documentElement.dataset.theme = remembered;
matchMedia("(prefers-color-scheme:dark)").addEventListener("change", () => pages[state.page].restyle());
dialog.addEventListener("close", () => dialog.classList.remove("wide-dialog"));
addEventListener("hashchange", route);
addEventListener("online", () => state.changed("connection"));

state.readAddress(new URL(location.href));
new Shell(state, { zone, theme, keys: showList });
route();
state.meta = (await insist("meta", () => ask("meta"))) ?? null;
if (state.meta) {
  if (!state.meta.bars.includes(state.bar)) state.bar = state.meta.predictor_bar ?? state.meta.bars[0] ?? "";
  follow(state, take);
  state.changed("meta");
  route();
  await document.fonts.ready;
  if (state.symbol) loadChart();
  await loadSymbols();
  if (!state.symbol) loadChart();
  loadRuns();
  loadAliases();
}
