// Single keys, outside fields only, and the dialogs that they open.

import { fill, h } from "./dom.mjs";

/** @typedef {import("./state.mjs").State} State */

/** @type {[string, string][]} */
export const KEYS = [
  ["1", "Market"],
  ["3", "Training"],
  ["5", "Health"],
  ["/", "Find a symbol"],
  ["[ ]", "Symbol before, after"],
  ["b", "Bar size"],
  ["← →", "On the chart: crosshair by a bar (Shift: 10)"],
  ["Home End", "On the chart: first bar, live"],
  ["+ −", "On the chart: zoom"],
  ["g", "Go to live"],
  ["t", "Chart or table"],
  ["c", "CSV"],
  ["u", "UTC or local time"],
  ["d", "Light or dark"],
  ["Esc", "Close"],
  ["?", "This list"],
];

const inField = (/** @type {EventTarget | null} */ target) =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/** @param {State} state @param {Record<string, () => void>} actions */
export function listen(state, actions) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || inField(event.target)) return;
    if (/** @type {HTMLDialogElement} */ (document.getElementById("dialog")).open) return;
    const action = state.keysOn || event.key === "?" ? actions[event.key] : undefined;
    if (!action) return;
    event.preventDefault();
    action();
  });
}

/** @param {string} title @param {...any} content */
export function openDialog(title, ...content) {
  const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("dialog"));
  const close = h("button", { class: "btn", type: "button", autofocus: true, onclick: () => dialog.close() }, "Close");
  fill(dialog, h("h2", { id: "dialog-title" }, title), ...content, h("div", { class: "row endrow" }, close));
  if (!dialog.open) dialog.showModal();
}

/** @param {State} state */
export function showKeys(state) {
  const box = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", id: "keys-on", onchange: () => (state.keysOn = box.checked) }));
  box.checked = state.keysOn;
  openDialog(
    "Keys",
    h("div", { class: "keys" }, KEYS.flatMap(([key, words]) => [h("span", {}, h("kbd", {}, key)), h("span", {}, words)])),
    h("p", {}, h("label", { class: "row" }, box, "Single keys act (outside fields)")),
  );
}
