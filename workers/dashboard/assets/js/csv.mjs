// CSV of a table at full precision, downloaded under a name that says what and when.

/** @param {unknown} value */
const cell = (value) => {
  if (value === null || value === undefined) return "";
  const text = String(value);
  // A cell that a spreadsheet would take for a formula begins with a quote mark, unless it is a number.
  const safe = /^[=+\-@\t\r]/.test(text) && !Number.isFinite(Number(text)) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

/** @param {string[]} heads @param {unknown[][]} rows */
export const csv = (heads, rows) => [heads, ...rows].map((r) => r.map(cell).join(",")).join("\n") + "\n";

/** `20260317T1332Z` @param {string | number | undefined} at */
export const stamp = (at) => (at === undefined ? "" : new Date(at).toISOString().slice(0, 16).replace(/[-:]/g, "") + "Z");

/** @param {string[]} parts @returns {string} file name */
export const fileName = (...parts) =>
  `${parts.filter(Boolean).join("-").toLowerCase().replace(/[^a-z0-9._-]+/g, "_").replace(/(\d{8})t(\d{4})z/g, "$1T$2Z")}.csv`;

/** @param {string} name @param {string} text */
export function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
