// Two small menus: a list of switches behind a button, and a combobox that filters as one types.

import { fill, h } from "./dom.mjs";

let ids = 0;

/** Closes when the focus or a click goes elsewhere. @param {HTMLElement} element @param {() => void} close */
function closeOutside(element, close) {
  element.addEventListener("focusout", (event) => {
    const to = /** @type {Node | null} */ (event.relatedTarget);
    if (to && !element.contains(to)) close();
  });
  document.addEventListener("pointerdown", (event) => {
    if (!element.contains(/** @type {Node} */ (event.target))) close();
  });
}

/**
 * @param {string} name
 * @param {() => {id: string, label: string, on: boolean, toggle: () => void}[]} choices
 */
export function menu(name, choices) {
  const list = h("div", { class: "menu", role: "group", "aria-label": name, hidden: true });
  const button = h("button", { class: "btn", type: "button", "aria-expanded": "false", "data-key": `menu-${name}` });
  const element = h("span", { class: "pop" }, button, list);
  const open = (/** @type {boolean} */ yes) => {
    list.hidden = !yes;
    button.setAttribute("aria-expanded", String(yes));
    if (yes) draw();
  };
  const draw = () =>
    fill(
      list,
      choices().map((c) => {
        const box = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", "data-key": `choice-${c.id}`, onchange: () => { c.toggle(); draw(); } }));
        box.checked = c.on;
        return h("label", {}, box, c.label);
      }),
    );
  button.addEventListener("click", () => open(list.hidden));
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || list.hidden) return;
    open(false);
    button.focus();
    event.stopPropagation();
  });
  closeOutside(element, () => open(false));
  return { element, label: (/** @type {any[]} */ ...content) => fill(button, ...content) };
}

/**
 * @param {string} name
 * @param {() => string[]} options
 * @param {(option: string) => void} choose
 */
export function combobox(name, options, choose) {
  const id = `list-${(ids += 1)}`;
  const list = h("div", { role: "listbox", id, "aria-label": name });
  const input = /** @type {HTMLInputElement} */ (
    h("input", { type: "text", role: "combobox", "aria-label": `Find ${name.toLowerCase()}`, "aria-controls": id, "aria-expanded": "true", "aria-autocomplete": "list", autocomplete: "off", spellcheck: "false" })
  );
  const box = h("div", { class: "menu left", hidden: true }, input, list);
  const button = h("button", { class: "sym", type: "button", "aria-haspopup": "listbox", "aria-expanded": "false", "data-key": `combobox-${name}` });
  const element = h("span", { class: "pop syms" }, button, box);
  let at = 0;
  /** @type {string[]} */
  let found = [];

  const draw = () => {
    const text = input.value.trim().toLowerCase();
    found = options().filter((o) => o.toLowerCase().includes(text)).slice(0, 50);
    at = Math.max(0, Math.min(at, found.length - 1));
    fill(
      list,
      found.map((option, i) => h("div", { role: "option", id: `${id}-${i}`, "aria-selected": String(i === at), onclick: () => take(option) }, option)),
      found.length ? null : h("div", { role: "option", "aria-disabled": "true", "aria-selected": "false", class: "dim" }, "No such symbol. Symbols start here when their first tick arrives."),
    );
    input.setAttribute("aria-activedescendant", found.length ? `${id}-${at}` : "");
    list.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  };
  const close = () => {
    box.hidden = true;
    button.setAttribute("aria-expanded", "false");
  };
  const take = (/** @type {string} */ option) => {
    close();
    button.focus();
    choose(option);
  };
  const open = () => {
    box.hidden = false;
    button.setAttribute("aria-expanded", "true");
    input.value = "";
    at = 0;
    draw();
    input.focus();
  };
  button.addEventListener("click", () => (box.hidden ? open() : close()));
  input.addEventListener("input", () => { at = 0; draw(); });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      at += event.key === "ArrowDown" ? 1 : -1;
      draw();
    } else if (event.key === "Enter" && found[at] !== undefined) take(found[at]);
    else if (event.key === "Escape") {
      close();
      button.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  closeOutside(element, close);
  return { element, open, label: (/** @type {any[]} */ ...content) => fill(button, ...content) };
}
