// Screenshots of every page at 360 and 1440 px in both themes, into target/screenshots.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./world.mjs";

export const WIDTHS = [360, 1440];
export const THEMES = ["light", "dark"];
export const PAGES = ["market", "training", "health"];

/**
 * @param {import("playwright-core").Page} page
 * @param {string} url
 * @returns {Promise<string[]>}
 */
export async function takeAll(page, url) {
  const folder = join(ROOT, "target/screenshots");
  mkdirSync(folder, { recursive: true });
  const made = [];
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 1000 });
    for (const theme of THEMES) {
      for (const name of PAGES) {
        await page.goto("about:blank");
        await page.goto(`${url}?symbol=AAPL&bar=1m&theme=${theme}&run=market-2#${name}`);
        await page.waitForSelector({ market: ".fc", training: ".gates", health: "[data-tile]" }[name]);
        await page.waitForFunction(() => document.querySelector(".conn")?.getAttribute("data-state") === "live");
        await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
        const path = join(folder, `${name}-${width}-${theme}.png`);
        await page.screenshot({ path, fullPage: true });
        made.push(path);
      }
    }
  }
  return made;
}
