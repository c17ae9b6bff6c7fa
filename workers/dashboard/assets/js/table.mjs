// Tables: numbers right, units in the head, the count said where rows are left out.

import { h } from "./dom.mjs";

/** Rows drawn at once. */
export const MOST_ROWS = 200;

/**
 * @typedef {{head: string | Node, num?: boolean, cell: (row: any) => any, class?: string, hiddenHead?: boolean}} Column
 */

/**
 * @param {string} name of the table, for readers
 * @param {Column[]} columns
 * @param {any[]} rows
 * @param {{class?: string, key?: (row: any) => string, rowClass?: (row: any) => string, selected?: (row: any) => boolean}} [options]
 */
export function table(name, columns, rows, options = {}) {
  const shown = rows.slice(0, MOST_ROWS);
  return h(
    "table",
    { class: options.class, "aria-label": name },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        columns.map((c) => h("th", { scope: "col", class: c.num ? "num" : null }, c.hiddenHead ? h("span", { class: "vh" }, c.head) : c.head)),
      ),
    ),
    h(
      "tbody",
      {},
      shown.map((row) =>
        h(
          "tr",
          { class: options.rowClass?.(row) || null, "data-row": options.key?.(row), "aria-selected": options.selected ? String(options.selected(row)) : null },
          columns.map((c) => h("td", { class: [c.num ? "num" : "", c.class ?? ""].join(" ").trim() || null }, c.cell(row))),
        ),
      ),
    ),
  );
}

/** A region that scrolls sideways and can be reached by keys. @param {string} name @param {Node} content */
export const scroller = (name, content) => h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": name, "data-key": `scroll-${name}` }, content);

/** Says what a table leaves out. @param {number} total @param {string} things */
export const leftOut = (total, things) =>
  total > MOST_ROWS ? h("p", { class: "dim small body" }, `The newest ${MOST_ROWS} of ${total.toLocaleString("en-US")} ${things}; the CSV has all of them.`) : null;
