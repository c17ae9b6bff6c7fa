// Top bar and footer, and the one timer that keeps every age right.

import { fill, h, icon, s, segmented, speak } from "./dom.mjs";
import { ago, clock, whole } from "./format.mjs";
import { openDialog } from "./keys.mjs";

/** @typedef {import("./state.mjs").State} State */

/** Pages that work, in the order of the bar, with their keys. */
export const PAGE_NAMES = /** @type {[string, string][]} */ ([["market", "Market"], ["training", "Training"], ["health", "Health"]]);

const logo = () =>
  s(
    "svg",
    { viewBox: "0 0 18 18", "aria-hidden": "true" },
    s("path", { d: "M5 1v3M5 13v4M13 1v5M13 14v3", stroke: "var(--ink)", "stroke-width": 1.6 }),
    s("rect", { x: 2.8, y: 4.3, width: 4.4, height: 8.4, fill: "none", stroke: "var(--ink)", "stroke-width": 1.6 }),
    s("rect", { x: 10, y: 5.5, width: 6, height: 9, fill: "var(--ink)" }),
  );

export class Shell {
  /** @param {State} state @param {{zone: (zone: string) => void, theme: () => void, keys: () => void}} actions */
  constructor(state, actions) {
    this.state = state;
    this.actions = actions;
    this.top = /** @type {HTMLElement} */ (document.getElementById("top"));
    this.foot = /** @type {HTMLElement} */ (document.getElementById("foot"));
    this.conn = h("span", { class: "conn" });
    this.said = "";
    state.on(["meta", "choice"], () => this.draw());
    state.on(["connection"], () => this.tick());
    setInterval(() => this.tick(), 1000);
    this.draw();
  }

  draw() {
    const { state } = this;
    fill(
      this.top,
      h("a", { class: "brand", href: "#market", "aria-label": "Stockpipe" }, logo(), h("span", {}, "Stockpipe")),
      h("span", { class: "pick" }, h("span", { class: "dim wide" }, "pipeline"), h("b", { class: "strong" }, state.meta?.pipeline ?? "…")),
      h("nav", { "aria-label": "Pages" }, PAGE_NAMES.map(([id, name]) => h("a", { href: `#${id}`, "aria-current": state.page === id ? "page" : null, "data-key": `page-${id}` }, name))),
      h("span", { class: "grow" }),
      this.conn,
      h("i", { class: "sep" }),
      segmented("Time zone", [["utc", "UTC"], ["local", "Local"]], state.zone, this.actions.zone, "wide"),
      h("button", { class: "btn quiet icon", type: "button", "aria-label": "Switch theme", title: "Light or dark", "data-key": "theme", onclick: this.actions.theme }, icon("theme")),
    );
    fill(
      this.foot,
      h("span", {}, "Charts by ", h("a", { href: "https://www.tradingview.com/", rel: "noreferrer" }, "TradingView Lightweight Charts™")),
      h("span", {}, "Forecasts are estimates, not advice."),
      h("button", { class: "narrow linkish", type: "button", onclick: () => this.actions.zone(state.zone === "utc" ? "local" : "utc") }, state.zone === "utc" ? "Times in UTC" : "Local times"),
      h("span", { class: "grow" }),
      h("button", { class: "linkish", type: "button", "data-key": "keys", onclick: this.actions.keys }, h("kbd", {}, "?"), " keyboard"),
      h("a", { href: "vendor/NOTICES.txt", onclick: (/** @type {Event} */ e) => this.notices(e) }, "Notices"),
    );
    this.tick();
  }

  /** @param {Event} event */
  async notices(event) {
    event.preventDefault();
    const text = await fetch("vendor/NOTICES.txt").then((r) => r.text(), () => "The notices could not be loaded.");
    openDialog("Notices", h("p", {}, `Stockpipe ${this.state.meta?.version ?? ""}, Apache-2.0.`), h("pre", { tabindex: "0" }, text));
    document.getElementById("dialog")?.classList.add("wide-dialog");
  }

  /** Connection and ages. */
  tick() {
    this.connection();
    const now = this.state.now();
    for (const badge of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".age[data-at]"))) {
      const { at, stale, before } = badge.dataset;
      const seconds = (now - Date.parse(at ?? "")) / 1000;
      const old = seconds > Number(stale);
      const text = `${old ? "stale " : (before ?? "")}${ago(seconds)}${old ? "" : " ago"}`;
      if (badge.dataset.text === text) continue;
      badge.dataset.text = text;
      badge.classList.toggle("stale", old);
      fill(badge, icon(old ? "warn" : "clock"), text);
    }
    for (const node of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-until]"))) {
      const seconds = (Date.parse(node.dataset.until ?? "") - now) / 1000;
      node.textContent = seconds >= 0 ? `in ${whole(seconds)}` : `${whole(-seconds)} ago`;
    }
  }

  connection() {
    const c = this.state.connection;
    const silent = (Date.now() - (c.last || c.since)) / 1000;
    const [glyph, look, word, more] = {
      live: ["", "", "Live", `${silent < 10 ? Math.max(0, silent).toFixed(1) + " s" : ago(silent)} ago`],
      wait: ["spin", "wait", c.tries ? `Reconnecting, try ${c.tries}` : "Connecting", ""],
      stale: ["warn", "stale", `Stale ${whole(silent)}`, ""],
      off: ["stop", "off", "Offline", ""],
    }[c.state] ?? ["", "", "", ""];
    fill(this.conn, glyph ? h("span", { class: `row ${look}-ink` }, icon(glyph)) : h("i", { class: "live" }), h("b", { class: look }, word), more ? h("span", { class: "dim" }, more) : null);
    this.conn.dataset.state = c.state;
    this.banner(c, silent);
    const said = c.state === "live" ? "Live" : c.state === "wait" ? (c.tries ? "Reconnecting" : "") : c.state === "stale" ? "Stale" : "Offline";
    if (said !== this.said && said && (this.said || said !== "Live")) speak(`Connection: ${said}`);
    if (said) this.said = said;
  }

  /** @param {State["connection"]} c @param {number} silent */
  banner(c, silent) {
    const main = document.getElementById("content");
    let banner = document.getElementById("banner");
    if (c.state !== "stale" && c.state !== "off") return banner?.remove();
    if (!banner) {
      banner = h("div", { id: "banner", class: "note gap-below-card" });
      main?.prepend(banner);
    }
    const at = clock(this.state.now() - silent * 1000, this.state.zone);
    const text =
      c.state === "stale"
        ? `No new data for ${whole(silent)}. Showing values from ${at}${this.state.zone === "utc" ? " UTC" : ""}.`
        : `Connection lost ${whole(silent)} ago. Nothing will be missed: the stream resumes where it stopped.`;
    if (banner.dataset.text === text) return undefined;
    banner.dataset.text = text;
    return fill(banner, icon(c.state === "stale" ? "warn" : "stop"), h("p", {}, text));
  }
}
