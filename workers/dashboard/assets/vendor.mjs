// Fetches what the page carries of others, from npm, by pinned version and hash.
//
//   node vendor.mjs           fetch, check, write ./vendor
//   node vendor.mjs --check   compare ./vendor with the pinned hashes, fetch nothing
//
// The files are committed: a build needs no network. A new version is a change of PACKAGES and the hashes below it.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const VENDOR = join(dirname(fileURLToPath(import.meta.url)), "vendor");

const PACKAGES = [
  {
    name: "lightweight-charts",
    version: "5.2.1",
    archive: "64310292298df4dd527494865e5d91d447f8bb397b68de3912c2a6465025ee5e",
    title: "TradingView Lightweight Charts™",
    // Clause of its NOTICE: the attribution and the link stand in the footer of every page with a chart.
    notice: "TradingView Lightweight Charts™\nCopyright (c) 2026 TradingView, Inc. https://www.tradingview.com/",
    licence: "LICENSE",
    files: { "dist/lightweight-charts.standalone.production.mjs": "lightweight-charts.mjs" },
  },
  {
    name: "@fontsource/inter",
    version: "5.3.0",
    archive: "02034af8d41dcc67ac8eab88f642e129bb8a2e8922abf30229c32725f54d8fd6",
    title: "Inter (Latin subset)",
    notice: "",
    licence: "LICENSE",
    files: {
      "files/inter-latin-400-normal.woff2": "inter-400.woff2",
      "files/inter-latin-500-normal.woff2": "inter-500.woff2",
      "files/inter-latin-600-normal.woff2": "inter-600.woff2",
    },
  },
];

/** SHA-256 of what lies in ./vendor. */
const PINNED = {
  "lightweight-charts.mjs": "1bb1ee79f9d4dd17261b53d930f7a8995748276f80e7ba0e24412b5068062f5f",
  "inter-400.woff2": "8909904ab6c872eb994093482a88a28eca2cd95912d7b6fecd72103b0dc07edc",
  "inter-500.woff2": "f3779f1efccc4bdcdf9c0a02ab95bf6bd092ed09c48c08cedc725889edd1d19f",
  "inter-600.woff2": "f9a06e79cd3a2a20951c0f0e28f66dd0e6d3fda73911d640a2125c8fcb78f21a",
  "NOTICES.txt": "8ee3f95ad546fe74f594b7f0f1b030d5b825b872f584a1be143d52667089a3f3",
};

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

function check(name, bytes) {
  const found = sha256(bytes);
  if (PINNED[name] !== found) throw new Error(`${name}: SHA-256 is ${found}, pinned is ${PINNED[name]}`);
}

function fetchAll() {
  const temporary = mkdtempSync(join(tmpdir(), "stockpipe-vendor-"));
  const written = {};
  let notices = "The Stockpipe dashboard carries work of others.\n";
  try {
    for (const p of PACKAGES) {
      const listed = execFileSync("npm", ["pack", `${p.name}@${p.version}`, "--json", "--pack-destination", temporary], {
        cwd: temporary,
        stdio: ["ignore", "pipe", "inherit"],
      });
      const archive = join(temporary, JSON.parse(listed.toString())[0].filename.replace("@", "").replace("/", "-"));
      const found = sha256(readFileSync(archive));
      if (found !== p.archive) throw new Error(`${p.name}@${p.version}: SHA-256 is ${found}, pinned is ${p.archive}`);
      const take = (path) => execFileSync("tar", ["xzOf", archive, `package/${path}`], { maxBuffer: 1 << 24 });
      for (const [from, to] of Object.entries(p.files)) written[to] = take(from);
      const rule = "=".repeat(78);
      notices += `\n${rule}\n${p.title}, ${p.name} ${p.version}\n${rule}\n\n`;
      notices += (p.notice ? `${p.notice}\n\n` : "") + take(p.licence).toString().trim() + "\n";
    }
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  written["NOTICES.txt"] = Buffer.from(notices);
  return written;
}

const checking = process.argv.includes("--check");
mkdirSync(VENDOR, { recursive: true });
const files = checking
  ? Object.fromEntries(Object.keys(PINNED).map((name) => [name, readFileSync(join(VENDOR, name))]))
  : fetchAll();
for (const [name, bytes] of Object.entries(files)) {
  check(name, bytes);
  if (!checking) writeFileSync(join(VENDOR, name), bytes);
}
console.log(`${Object.keys(files).length} files ${checking ? "checked" : "written"}`);
