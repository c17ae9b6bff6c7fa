// The fixture server and the browser, started fresh and ended for sure.

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const here = dirname(fileURLToPath(import.meta.url));
export const ROOT = join(here, "../..");

/** Starts the fixture: the binary in FIXTURE. */
export async function startServer() {
  const child = spawn(process.env.FIXTURE ?? "", ["--port", "0"], { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
  const url = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const found = /^listening (http:\S+)$/.exec(line);
      if (found) resolve(found[1]);
    });
    child.on("exit", (code) => reject(new Error(`the fixture ended with ${code}`)));
  });
  return {
    url,
    /** @param {string} what */
    async control(what) {
      const response = await fetch(`${url}control/${what}`, { method: "POST" });
      if (!response.ok) throw new Error(`${what}: ${response.status} ${await response.text()}`);
      return response.status === 204 ? null : response.json();
    },
    /** @param {string} path */
    api: (path) => fetch(`${url}api/v1/${path}`).then((r) => r.json()),
    async stop() {
      const ended = new Promise((resolve) => child.on("exit", resolve));
      child.removeAllListeners("exit");
      const gone = new Promise((resolve) => child.on("exit", resolve));
      await fetch(`${url}control/quit`, { method: "POST" }).catch(() => {});
      const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
      await Promise.race([ended, gone]);
      clearTimeout(timer);
    },
  };
}

/** Starts the program on the example and an empty directory. @param {string} binary @param {string[]} more further arguments */
export async function startProgram(binary, more = []) {
  const data = mkdtempSync(join(tmpdir(), "stockpipe-program-"));
  const child = spawn(binary, ["local", "-f", "examples/pipeline.yaml", "--data", data, "--listen", "127.0.0.1:0", "--run-for", "170s", ...more], { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise((resolve) => child.on("exit", resolve));
  /** The last lines it said, for whoever has to find out why it ended. @type {string[]} */
  const said = [];
  const url = await new Promise((resolve, reject) => {
    for (const output of [child.stdout, child.stderr]) {
      createInterface({ input: output }).on("line", (line) => {
        said.push(line);
        if (said.length > 30) said.shift();
        const found = /dashboard: (http:\S+)/.exec(line);
        if (found) resolve(found[1]);
      });
    }
    ended.then((code) => reject(new Error(`the program ended with ${code}: ${said.join("\n")}`)));
  });
  return {
    url,
    /** @param {string} path */
    api: (path) => fetch(`${url}api/v1/${path}`).then((r) => r.json()),
    /** Interrupts it once and gives its exit code. */
    async stop() {
      if (child.exitCode === null) child.kill("SIGINT");
      const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
      const code = await ended;
      clearTimeout(timer);
      rmSync(data, { recursive: true, force: true });
      return code;
    },
  };
}

/** Tries changed style and modules without a build: ASSETS names their folder. @param {import("playwright-core").BrowserContext} context @param {string} folder */
async function serveFromDisk(context, folder) {
  await context.route(/\.(mjs|css)$/, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: readFileSync(join(folder, new URL(route.request().url()).pathname)) });
  });
}

/** A Chromium with a profile of its own. @param {{username: string, password: string}} [httpCredentials] what a person types where it asks */
export async function startBrowser(httpCredentials) {
  const profile = mkdtempSync(join(tmpdir(), "stockpipe-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    httpCredentials,
    viewport: { width: 1440, height: 1000 },
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"],
  });
  if (process.env.ASSETS) await serveFromDisk(context, process.env.ASSETS);
  return {
    context,
    async stop() {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

/**
 * Waits for a condition, and prints what was seen when it does not come.
 * @template T
 * @param {string} what
 * @param {() => Promise<T>} look
 * @param {(seen: T) => boolean} good
 */
export async function until(what, look, good, seconds = 15) {
  const end = Date.now() + seconds * 1000;
  let seen;
  for (;;) {
    seen = await look();
    if (good(seen)) return seen;
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s; last seen ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
