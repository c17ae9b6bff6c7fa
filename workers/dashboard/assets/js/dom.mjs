// Builds elements. Text is always text: nothing here, or anywhere else, parses markup from data.

/** @typedef {Node | string | number | null | undefined | false} Child */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element. `on…` keys of `props` are listeners, `class` and every other key an attribute; `true` sets it empty,
 * `false`, null and undefined leave it out.
 * @param {string} tag
 * @param {Record<string, any>} [props]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElement}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  apply(element, props);
  element.append(...nodes(children));
  return element;
}

/**
 * An SVG element.
 * @param {string} tag
 * @param {Record<string, any>} [props]
 * @param {...(Child | Child[])} children
 * @returns {SVGElement}
 */
export function s(tag, props = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  apply(element, props);
  element.append(...nodes(children));
  return /** @type {SVGElement} */ (element);
}

/** @param {Element} element @param {Record<string, any>} props */
function apply(element, props) {
  for (const [name, value] of Object.entries(props)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}

/** @param {(Child | Child[])[]} children @returns {(Node | string)[]} */
function nodes(children) {
  return children
    .flat()
    .filter((c) => c !== null && c !== undefined && c !== false)
    .map((c) => (c instanceof Node ? c : String(c)));
}

/**
 * Replaces the content of an element and gives the focus back to what had it, by `data-key`.
 * @param {Element} parent
 * @param {...(Child | Child[])} children
 */
export function fill(parent, ...children) {
  const focused = document.activeElement;
  const key = focused && parent.contains(focused) ? /** @type {HTMLElement} */ (focused).dataset?.key : undefined;
  parent.replaceChildren(...nodes(children));
  if (key) /** @type {HTMLElement | null} */ (parent.querySelector(`[data-key="${CSS.escape(key)}"]`))?.focus();
}

/** An icon of icons.svg, silent for readers. @param {string} name */
export function icon(name) {
  return s("svg", { class: "i", "aria-hidden": "true" }, s("use", { href: `icons.svg#${name}` }));
}

/** @param {string} text */
export const hidden = (text) => h("span", { class: "vh" }, text);

/**
 * A value of the style sheet.
 * @param {string} name custom property without dashes
 */
export const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** Speaks in the one live region. @param {string} text */
export function speak(text) {
  const region = document.getElementById("spoken");
  if (region && region.textContent !== text) region.textContent = text;
}

/**
 * Two or more buttons of which one is pressed.
 * @param {string} label
 * @param {[string, string][]} choices value and text
 * @param {string} current
 * @param {(value: string) => void} choose
 * @param {string} [extra] further class
 */
export function segmented(label, choices, current, choose, extra = "") {
  return h(
    "span",
    { class: `seg ${extra}`, role: "group", "aria-label": label },
    choices.map(([value, text]) =>
      h(
        "button",
        { type: "button", "aria-pressed": String(value === current), "data-key": `${label}-${value}`, onclick: () => choose(value) },
        text,
      ),
    ),
  );
}

/**
 * Age beside a figure; the 1 Hz timer keeps it right.
 * @param {string | null | undefined} at
 * @param {number} [staleAfter] seconds
 * @param {string} [before] words before the age
 */
export function age(at, staleAfter = Infinity, before = "") {
  if (!at) return h("span", { class: "age" }, "—");
  const badge = h("span", { class: "age", "data-at": at, "data-stale": staleAfter, "data-before": before });
  return badge;
}
