// What the browser test and the screenshots share: the real program on a temporary data folder, and a browser.

import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
export const program = process.env.BALEEN_PROGRAM ?? path.join(root, "build/baleen");
export const skipped = 77;

export function skip(reason) {
  console.log(`skipped: ${reason}`);
  process.exit(skipped);
}

/** ../shared/PATH, or null where it is absent. */
export function shared(relative) {
  const file = path.join(process.env.BALEEN_SHARED ?? path.join(root, "../shared"), relative);
  return fs.existsSync(file) ? file : null;
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function until(what, look, timeout_ms = 60_000) {
  const end = Date.now() + timeout_ms;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${timeout_ms / 1000} s for ${what}`);
    await sleep(100);
  }
}

/** A started `baleen up`. */
export class Service {
  static async start(place, { port = 0, words = ["up"], environment = {} } = {}) {
    const service = new Service();
    service.place = place;
    service.data = path.join(place, "data");
    service.inbox = path.join(place, "inbox");
    fs.mkdirSync(service.inbox, { recursive: true });
    const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(BALEEN|SSIS)_/.test(name)));
    service.said = "";
    service.process = spawn(program, ["--data", service.data, ...words, "--port", String(port), "--ingest-root", service.inbox], {
      cwd: place, env: { ...clean, BALEEN_WORKER_RETRY_DELAYS_S: "0", ...environment }, stdio: ["ignore", "pipe", "pipe"] });
    service.process.stdout.on("data", (data) => (service.said += data));
    service.process.stderr.on("data", (data) => (service.said += data));
    const address = await until("the address", () => {
      if (service.process.exitCode !== null) throw new Error(`baleen ended with ${service.process.exitCode}\n${service.said}`);
      return /http:\/\/127\.0\.0\.1:(\d+)/.exec(service.said);
    });
    service.port = Number(address[1]);
    service.url = `http://127.0.0.1:${service.port}`;
    service.token = fs.readFileSync(path.join(service.data, "admin-token"), "utf8").trim();
    return service;
  }

  async ask(method, target, body) {
    const response = await fetch(this.url + target, {
      method, headers: { Authorization: `Bearer ${this.token}`, ...(body ? { "Content-Type": "application/json" } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}) });
    const text = await response.text();
    return { status: response.status, body: text && response.headers.get("content-type")?.includes("json") ? JSON.parse(text) : text };
  }

  /** `more`: recipe, params, collection. */
  async ingest(file, more = {}) {
    const { status, body } = await this.ask("POST", "/v1/ingest/local", { source_path: file, ...more });
    if (status !== 202) throw new Error(JSON.stringify(body));
    return body;
  }

  async wait_for_run(run_id, ...states) {
    return until(`run ${run_id} to be ${states}`, async () => {
      const { body } = await this.ask("GET", `/v1/runs/${run_id}`);
      return states.includes(body.state) ? body : null;
    });
  }

  async stop(signal = "SIGTERM") {
    if (this.process.exitCode !== null) return;
    const over = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill(signal);
    const timer = setTimeout(() => this.process.kill("SIGKILL"), 20_000);
    await over;
    clearTimeout(timer);
  }
}

export function make_place() {
  return fs.mkdtempSync(path.join(os.tmpdir(), "baleen-web-"));
}

export function make_sample(file) {
  const made = spawnSync("python3", [path.join(root, "scripts/make_sample.py"), file], { encoding: "utf8", timeout: 120_000 });
  if (made.status !== 0) throw new Error(made.stderr);
  return file;
}

/** 16-bit mono WAV of `seconds` of what `sample(t)` says, -1 to 1. */
export function make_wav(file, seconds, sample, rate = 22050) {
  const n = Math.round(seconds * rate);
  const data = Buffer.alloc(44 + 2 * n);
  data.write("RIFF", 0);
  data.writeUInt32LE(36 + 2 * n, 4);
  data.write("WAVEfmt ", 8);
  data.writeUInt32LE(16, 16);
  data.writeUInt16LE(1, 20);
  data.writeUInt16LE(1, 22);
  data.writeUInt32LE(rate, 24);
  data.writeUInt32LE(2 * rate, 28);
  data.writeUInt16LE(2, 32);
  data.writeUInt16LE(16, 34);
  data.write("data", 36);
  data.writeUInt32LE(2 * n, 40);
  for (let i = 0; i < n; i += 1) data.writeInt16LE(Math.round(32767 * Math.max(-1, Math.min(1, sample(i / rate)))), 44 + 2 * i);
  fs.writeFileSync(file, data);
  return file;
}

/** A night at sea: soft noise, and rising whistles of a second at these seconds. */
export function make_calls(file, seconds, calls_at_s, seed = 1) {
  let state = seed;
  const noise = () => ((state = (state * 1103515245 + 12345) % 2147483648) / 2147483648 - 0.5) * 0.02;
  return make_wav(file, seconds, (t) => {
    const begin = calls_at_s.find((at) => t >= at && t < at + 1);
    const u = begin === undefined ? 0 : t - begin;
    return noise() + (begin === undefined ? 0 : 0.4 * Math.sin(Math.PI * u) * Math.sin(2 * Math.PI * (600 * u + 700 * u * u)));
  }, 16000);
}

export function make_broken(file) {
  fs.writeFileSync(file, Buffer.concat([Buffer.from("RIFF"), Buffer.alloc(200)]));
  return file;
}

export function find_chromium() {
  const names = process.env.CHROMIUM ? [process.env.CHROMIUM] : ["chromium", "chromium-browser", "google-chrome"];
  for (const name of names) {
    const found = spawnSync("sh", ["-c", `command -v "${name}"`], { encoding: "utf8" }).stdout.trim();
    if (found) return found;
  }
  return null;
}

export async function open_browser() {
  const chromium_path = find_chromium();
  if (!chromium_path) skip("chromium is not here; scripts/setup installs it");
  let playwright;
  try {
    playwright = await import("playwright-core");
  } catch {
    skip("playwright-core is not in web/node_modules; `npm ci` in web/ installs it");
  }
  return playwright.chromium.launch({
    executablePath: chromium_path, args: ["--no-sandbox", "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required", "--mute-audio"] });
}

// A 401 is how the page learns that nobody is signed in, 404 that something is not there: browsers note both.
export const expected_errors = [/Failed to load resource: (the server responded with a status of 4\d\d|net::ERR_)/];

/** What keeps people out of the page as it is now, as axe sees it; a text for each. */
export async function find_violations(page) {
  await page.evaluate(fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"));
  return page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
    return violations.map((v) => `${v.id}: ${v.help}\n    ${v.nodes.slice(0, 4).map((n) => `${n.html.slice(0, 160)} ${n.any[0]?.message ?? ""}`).join("\n    ")}`);
  });
}

/** Collects what a page says about errors, breaches of the content security policy among them. */
export function watch_console(page, ignored = []) {
  const errors = [];
  page.on("console", (message) => {
    if (message.type() !== "error" && !/Content Security Policy/i.test(message.text())) return;
    if (!ignored.some((pattern) => pattern.test(message.text()))) errors.push(message.text());
  });
  page.on("pageerror", (error) => errors.push(String(error.stack ?? error)));
  return errors;
}
