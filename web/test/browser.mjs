// The page in a real browser against the real program: signs in, uploads, watches, listens, meets failures, retries,
// revokes. Ends with 77 (skipped) where there is no Chromium. `BALEEN_PROGRAM` names the program.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { expected_errors, find_chromium, find_violations, make_broken, make_place, make_sample, make_wav, open_browser, Service, shared, skip, sleep, until, watch_console } from "./service.mjs";

if (!find_chromium()) skip("chromium is not here; scripts/setup installs it");

const patience_ms = 30_000;

let browser, service, place, context, page, errors;
let n_axe = 0;

async function new_page(options = {}) {
  const fresh = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", ...options });
  const fresh_page = await fresh.newPage();
  fresh_page.setDefaultTimeout(patience_ms);
  return { context: fresh, page: fresh_page, errors: watch_console(fresh_page, expected_errors) };
}
async function sign_in(on, token = service.token) {
  await on.goto("about:blank");
  await on.goto(`${service.url}/#token=${token}`);
  await on.getByRole("heading", { level: 1, name: "Home" }).waitFor();
}
const heading = (on, name) => on.getByRole("heading", { level: 1, name }).waitFor();
const file = (name) => path.join(place, name);

/** Files into the hidden input of the page Home. */
async function upload(...files) {
  await page.goto(service.url + "/");
  await heading(page, "Home");
  await page.getByLabel("Files", { exact: true }).setInputFiles(files);
}
/** The uploaded file's run has come to its end, as the page says by itself. */
async function see_outcome(name, outcome) {
  const item = page.getByRole("region", { name: "Uploads" }).getByRole("listitem").filter({ has: page.getByRole("link", { name }) });
  await item.getByText(outcome, { exact: true }).waitFor();
  return item;
}

async function axe(on, what) {
  const violations = await find_violations(on);
  assert.equal(violations.length, 0, `axe on ${what}:\n${violations.join("\n")}`);
  n_axe += 1;
}

before(async () => {
  place = make_place();
  browser = await open_browser();
  service = await Service.start(place);
  make_sample(file("sample.wav"));
  make_broken(file("broken.wav"));
  ({ context, page, errors } = await new_page());
});
after(async () => {
  await browser?.close();
  await service?.stop();
  if (place) fs.rmSync(place, { recursive: true, force: true });
});

test("the form says why a wrong token opens nothing", async () => {
  await page.goto(service.url + "/runs");
  await heading(page, "Sign in");
  await axe(page, "sign in");
  await page.getByLabel("Token").fill("bln_of_nobody");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").getByText("This token is not valid", { exact: true }).waitFor();
  await axe(page, "sign in, refused");
});

test("the link with the token signs in, and the token leaves the address", async () => {
  await sign_in(page);
  assert.equal(new URL(page.url()).hash, "");
  const cookies = await context.cookies();
  const cookie = cookies.find((c) => c.name === "baleen_session");
  assert.ok(cookie?.httpOnly, "a cookie that scripts cannot read");
  assert.equal(cookie.sameSite, "Strict");
  assert.ok(!(await page.evaluate(() => JSON.stringify({ ...localStorage }) + document.cookie)).includes("bln_"));
  await page.reload();
  await heading(page, "Home");
});

test("axe sees a fault where there is one", async () => {
  const mine = await new_page();
  await mine.page.setContent("<html lang=en><title>x</title><main><h1>x</h1><button></button></main></html>");
  await assert.rejects(axe(mine.page, "a button without a name"), /button-name/);
  await mine.context.close();
});

test("the link works in a page that is open already", async () => {
  const mine = await new_page();
  await mine.page.goto(service.url + "/");
  await heading(mine.page, "Sign in");
  await mine.page.goto(`${service.url}/#token=${service.token}`); // Changes the fragment only.
  await heading(mine.page, "Home");
  assert.equal(new URL(mine.page.url()).hash, "");
  await mine.context.close();
});

test("empty pages teach the next step", async () => {
  for (const [address, text] of [["/", "No recording yet"], ["/assets", "No recording yet"], ["/runs", "No runs yet"], ["/runs?state=failed", "Nothing has failed"], ["/explain", "Ask why"]]) {
    await page.goto(service.url + address);
    await page.getByText(text).first().waitFor();
    await axe(page, `${address}, empty`);
  }
});

async function upload_watch_and_listen(name, labels) {
  const item = await see_outcome(name, "Complete");
  assert.ok(await item.getByRole("list", { name: "Stages" }).count());
  await item.getByRole("link", { name }).click();
  await page.getByRole("link", { name: "Open the recording" }).click();
  await heading(page, name);
  const table = page.getByRole("region", { name: "Segments" });
  await table.waitFor();
  for (const label of labels) assert.ok(await table.getByRole("cell", { name: label, exact: true }).count(), `a segment of ${label}`);
  // The pictures are drawn, not blank.
  await until("the waveform and the spectrogram", () => page.evaluate(() => {
    const inked = (canvas) => {
      const c = canvas.getContext("2d");
      if (!canvas.width || !c) return 0;
      const { data } = c.getImageData(0, 0, canvas.width, canvas.height);
      const colours = new Set();
      for (let i = 0; i < data.length; i += 4 * 97) colours.add(`${data[i] >> 3},${data[i + 1] >> 3},${data[i + 2] >> 3}`);
      return colours.size;
    };
    const counts = [...document.querySelectorAll("canvas")].map(inked);
    return counts.filter((n) => n > 2).length >= 3 && Math.max(...counts) > 12;
  }));
  await page.getByRole("button", { name: /Play the preview/ }).click();
  await until("the sound to play", () => page.evaluate(() => document.querySelector("audio").currentTime > 0.3));
  const { start_s } = await page.evaluate(() => ({ start_s: document.querySelector("audio").currentTime }));
  assert.ok(start_s > 0);
  await page.getByRole("button", { name: "Pause", exact: true }).click();
}

test("a recording that the project makes: uploaded, watched live, segments seen, preview played", async () => {
  await upload(file("sample.wav"));
  await upload_watch_and_listen("sample.wav", ["speech", "music", "noise", "silence"]);
});

test("the answer to “does it represent the recording” is kept and said", async () => {
  await page.getByRole("button", { name: "Yes", exact: true }).click();
  await page.getByText("Kept: this minute represents the recording.").waitFor();
});

test("the time line is moved by keys", async () => {
  const slider = page.getByRole("slider", { name: "Position in the recording" });
  await slider.focus();
  const before = Number(await slider.getAttribute("aria-valuenow"));
  await slider.press("ArrowRight");
  await until("the head to move", async () => Number(await slider.getAttribute("aria-valuenow")) > before);
  await slider.press("+");
  await until("the view in the address", () => new URL(page.url()).searchParams.has("from"));
  await axe(page, "asset, zoomed");
  await slider.press("0");
  await until("the whole again", () => !new URL(page.url()).searchParams.has("from"));
  await page.getByText(/^Like /).waitFor();
});

test("a real recording goes the same way", async (t) => {
  const real = shared("audio/librosa/Kevin_MacLeod_-_Vibe_Ace.hq.ogg");
  if (!real) return t.skip("../shared/audio is not here");
  await upload(real);
  await upload_watch_and_listen(path.basename(real), ["music"]);
});

test("a broken file says what happened, why and what to try; its log is one click away; it is retried", async () => {
  await upload(file("broken.wav"));
  const item = await see_outcome("broken.wav", "Failed");
  await item.getByRole("link", { name: "What to try" }).click();
  await heading(page, "broken.wav");
  for (const term of ["What happened", "Why", "What to try"])
    assert.ok((await page.locator("dl.failure > div").filter({ has: page.getByText(term, { exact: true }) }).locator("dd").innerText()).length > 10, term);
  await axe(page, "run, failed");
  await page.getByRole("button", { name: "Log of decode" }).click();
  await page.getByRole("region", { name: "Log of decode" }).getByText("CODEC_UNSUPPORTED").first().waitFor();
  await axe(page, "run, failed, with its log");
  await page.getByRole("button", { name: "Retry", exact: true }).click();
  await page.getByText(/queued again/).waitFor();
  await until("a second attempt that failed", async () => (await page.getByRole("region", { name: "Attempts" }).getByRole("row").count()) === 3);
  await page.getByRole("main").getByText("Failed").first().waitFor();
});

test("a run is submitted again with changes", async () => {
  await page.goto(service.url + "/assets");
  await page.getByRole("link", { name: "sample.wav", exact: true }).click();
  await heading(page, "sample.wav");
  await page.getByRole("button", { name: "Run again" }).click();
  const dialog = page.getByRole("dialog");
  await axe(page, "run again, dialog");
  await dialog.getByRole("group", { name: /Make again/ }).getByLabel("segments").check();
  await dialog.getByRole("button", { name: "Run again" }).click();
  await page.waitForURL(/\/runs\//);
  await page.getByRole("main").getByText("Complete").first().waitFor();
  await page.getByText("Somebody asked for it to be made again.").waitFor();
});

test("filters stand in the address, and all failures of one code are retried at once", async () => {
  await page.goto(service.url + "/runs");
  await page.getByRole("navigation", { name: "States" }).getByRole("link", { name: /Failed/ }).click();
  await page.getByRole("button", { name: /CODEC_UNSUPPORTED/ }).click();
  await until("the address", () => page.url().endsWith("/runs?state=failed&error_code=CODEC_UNSUPPORTED"));
  await page.reload();
  await page.getByRole("link", { name: "broken.wav", exact: true }).waitFor();
  await axe(page, "runs, failed by a code");
  await page.getByRole("button", { name: "Retry", exact: true }).click();
  await axe(page, "runs, bulk dialog");
  await page.getByRole("dialog").getByRole("button", { name: "Retry" }).click();
  await page.getByText(/queued again\./).waitFor();
  await until("the third attempt", async () => {
    const { body } = await service.ask("GET", "/v1/tasks?state=failed&error_code=CODEC_UNSUPPORTED");
    return body.items[0]?.attempts >= 3 || body.items[0]?.attempts === 1 && body.items[0];
  });
});

test("what happens elsewhere appears by itself", async () => {
  await page.goto(service.url + "/runs");
  await page.getByRole("link", { name: "sample.wav", exact: true }).first().waitFor();
  const run = await service.ingest(make_wav(path.join(service.inbox, "from elsewhere.wav"), 3, (t) => 0.3 * Math.sin(2000 * t)));
  const row = page.getByRole("row").filter({ hasText: "from elsewhere.wav" });
  await row.getByText("Complete").waitFor();
  await service.wait_for_run(run.run_id, "complete");
});

test("an upload goes on where it was when the connection breaks", async () => {
  const big = make_wav(file("long dive.wav"), 40, (t) => 0.2 * Math.sin(700 * t));
  let n_broken = 0;
  await page.route("**/v1/ingest/upload/*", async (route) => {
    if (route.request().method() === "PATCH" && n_broken < 1) {
      n_broken += 1;
      return route.abort("connectionreset");
    }
    return route.continue();
  });
  await upload(big);
  await see_outcome("long dive.wav", "Complete");
  assert.equal(n_broken, 1);
  await page.unroute("**/v1/ingest/upload/*");
});

test("an upload outlives the server: killed on the way, it goes on when the server is back", async () => {
  const big = make_wav(file("storm.wav"), 150, (t) => 0.2 * Math.sin(800 * t) * Math.sin(0.1 * t));
  const devtools = await context.newCDPSession(page);
  await devtools.send("Network.enable");
  await devtools.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 2_000_000 });
  await upload(big);
  const bar = page.getByRole("progressbar", { name: "Upload of storm.wav" });
  await until("a part of it", async () => Number(await bar.getAttribute("aria-valuenow")) >= 20);
  const { port } = service;
  await service.stop("SIGKILL");
  await page.getByText(/Trying again in/).waitFor();
  service = await Service.start(place, { port });
  await devtools.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
  await see_outcome("storm.wav", "Complete");
  await devtools.detach();
  const { body } = await service.ask("GET", "/v1/assets?name=storm");
  assert.deepEqual(body.items.map((a) => a.bytes), [fs.statSync(big).size]);
});

test("uploads survive a reload: the file is asked for again, and goes on", async () => {
  const big = make_wav(file("night watch.wav"), 30, (t) => 0.2 * Math.sin(900 * t) * Math.sin(t));
  await page.route("**/v1/ingest/upload/*", (route) => (route.request().method() === "PATCH" ? route.abort("connectionreset") : route.continue()));
  await upload(big);
  await page.getByText(/Trying again in/).waitFor();
  await axe(page, "home, upload waits");
  page.once("dialog", (dialog) => void dialog.accept()); // "Leave the page?"
  await page.unroute("**/v1/ingest/upload/*");
  await page.reload();
  await page.getByText(/interrupted when this page was closed/).waitFor();
  await axe(page, "home, upload interrupted");
  await page.getByLabel("Files", { exact: true }).setInputFiles(big);
  await see_outcome("night watch.wav", "Complete");
  const { body } = await service.ask("GET", "/v1/assets?name=night");
  assert.equal(body.items.length, 1);
});

test("of a folder, what is no recording by its name is left out, and said", async () => {
  const folder = file("card 3");
  fs.mkdirSync(path.join(folder, "DCIM"), { recursive: true });
  make_wav(path.join(folder, "DCIM", "reef at dawn.wav"), 2, (t) => 0.2 * Math.sin(1100 * t));
  fs.writeFileSync(path.join(folder, "CONFIG.TXT"), "gain 2");
  fs.writeFileSync(path.join(folder, ".hidden.wav"), "");
  await page.goto(service.url + "/");
  await heading(page, "Home");
  await page.getByLabel("Folder", { exact: true }).setInputFiles(folder);
  await page.getByText("2 files left out:").waitFor();
  await see_outcome("reef at dawn.wav", "Complete");
  await axe(page, "home, files left out");
});

test("a path of the server is taken in, and one outside of its folders refused with a reason", async () => {
  make_wav(path.join(service.inbox, "by path.wav"), 2, (t) => 0.1 * Math.sin(3000 * t));
  await page.goto(service.url + "/");
  await page.getByText("From a path on the server").click();
  const field = page.getByLabel("Path of a file on the server");
  await field.fill("/etc/passwd");
  await page.getByRole("button", { name: "Take it in" }).click();
  await page.getByRole("alert").getByText("FORBIDDEN").waitFor();
  await axe(page, "home, path refused");
  await field.fill(path.join(service.inbox, "by path.wav"));
  await page.getByRole("button", { name: "Take it in" }).click();
  await page.getByText("was taken in.").waitFor();
});

test("explain says which stages would run, and why", async () => {
  await page.goto(service.url + "/explain");
  await page.getByLabel("Recording, file or task").fill("sample");
  await page.getByRole("button", { name: "Explain" }).click();
  await page.getByText("Everything is up to date").waitFor();
  await axe(page, "explain");
  await page.getByLabel("Recording, file or task").fill(path.join(service.inbox, "never seen.wav"));
  make_wav(path.join(service.inbox, "never seen.wav"), 2, (t) => 0.1 * Math.sin(4000 * t));
  await page.getByRole("button", { name: "Explain" }).click();
  await page.getByRole("heading", { name: /stages would run/ }).waitFor();
});

test("the queue is paused and resumed, and everybody sees it", async () => {
  await page.goto(service.url + "/status");
  await page.getByRole("button", { name: "Pause all work" }).click();
  await page.getByText("All work: paused").waitFor();
  const run = await service.ingest(make_wav(path.join(service.inbox, "patient.wav"), 2, (t) => 0.1 * Math.sin(5000 * t)));
  await page.goto(`${service.url}/runs/${run.run_id}`);
  await page.getByText(/paused/).nth(1).waitFor(); // Why the task waits, besides the note above.
  await axe(page, "run, waiting while paused");
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByRole("main").getByText("Complete").first().waitFor();
});

test("a token's secret is shown once; revoked, it opens nothing", async () => {
  await page.goto(service.url + "/settings");
  await page.getByRole("button", { name: "Make a token" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("field laptop");
  await dialog.getByLabel("Read").check();
  await axe(page, "settings, make a token");
  await dialog.getByRole("button", { name: "Make it" }).click();
  const secret = await page.getByTestId("secret").innerText();
  assert.match(secret, /^bln_/);
  await axe(page, "settings, new token");
  const look = () => fetch(service.url + "/v1/runs", { headers: { Authorization: `Bearer ${secret}` } }).then((r) => r.status);
  assert.equal(await look(), 200);

  // Who may only read sees why the rest is closed.
  const guest = await new_page();
  await sign_in(guest.page, secret);
  await guest.page.getByText(/needs a token with the scope “submit”/).first().waitFor();
  await axe(guest.page, "home, read only");
  await guest.page.goto(service.url + "/settings");
  await guest.page.getByText(/needs a token with the scope “admin”/).first().waitFor();
  await axe(guest.page, "settings, read only");

  await page.reload();
  await page.getByRole("cell", { name: /^field laptop/ }).waitFor();
  assert.equal(await page.getByTestId("secret").count(), 0);
  assert.ok(!(await page.content()).includes(secret));
  await page.getByRole("button", { name: "Revoke field laptop" }).click();
  await axe(page, "settings, revoke");
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await page.getByText(/is revoked/).waitFor();
  assert.equal(await look(), 401);
  // The guest's page notices by itself or with the next click, and says so.
  await guest.page.goto(service.url + "/runs");
  await heading(guest.page, "Sign in");
  assert.deepEqual(guest.errors, []);
  await guest.context.close();
});

test("settings are changed within their bounds", async (t) => {
  await page.goto(service.url + "/settings");
  await page.getByRole("heading", { name: "This session" }).waitFor();
  await sleep(500);
  const input = page.locator("input[id^='set-']").first();
  if (!(await input.count())) return t.skip("this server offers no settings");
  const old = await input.inputValue();
  await input.fill("-5");
  assert.equal(await input.getAttribute("aria-invalid"), "true");
  await axe(page, "settings, a wrong value");
  await input.fill(String(Number(old) + 1));
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText(/^Saved\./).waitFor();
  await page.reload();
  assert.equal(await page.locator("input[id^='set-']").first().inputValue(), String(Number(old) + 1));
});

test("100,000 runs scroll with a hundred rows at most in the page", async () => {
  const n = 100_000;
  const mine = await new_page();
  await sign_in(mine.page);
  await mine.page.route(/\/v1\/runs\?/, (route) => {
    const query = new URL(route.request().url()).searchParams;
    const begin = Number(query.get("cursor") ?? 0);
    const end = Math.min(n, begin + 20 * Number(query.get("limit"))); // More than the server gives, to be there sooner.
    const items = [];
    for (let i = begin; i < end; i += 1)
      items.push({ run_id: `run-${i}`, created_at: new Date(1.78e12 - i * 1000).toISOString(), recipe: "ssis", asset_id: `a${i}`, owner_entity_id: "local",
        state: i % 17 ? "complete" : "failed", trace_id: "", started_at: null, finished_at: null, file: `recording ${i}.wav`, error_code: i % 17 ? null : "FILE_CORRUPT" });
    return route.fulfill({ json: { items, next: end < n ? String(end) : null } });
  });
  await mine.page.route("**/v1/status", async (route) => {
    const response = await route.fetch();
    return route.fulfill({ response, json: { ...(await response.json()), runs: { complete: n } } });
  });
  await mine.page.goto(service.url + "/runs");
  await mine.page.getByRole("link", { name: "recording 0.wav", exact: true }).waitFor();
  const n_loaded = () => mine.page.evaluate(() => Number(/([\d,]+) loaded/.exec(document.querySelector(".bulk").innerText)?.[1].replace(/,/g, "") ?? Infinity));
  await until("all rows to be loaded", async () => {
    await mine.page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    return (await n_loaded()) >= n;
  });
  // The last rows may have come after the page was scrolled.
  await until("the last row to be in the page", async () => {
    await mine.page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    return mine.page.getByRole("link", { name: `recording ${n - 1}.wav`, exact: true }).isVisible();
  });
  // Time of the page's own thread, so that a busy machine changes nothing.
  const devtools = await mine.context.newCDPSession(mine.page);
  await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
  const thread_ms = async () => 1000 * (await devtools.send("Performance.getMetrics")).metrics.find((m) => m.name === "TaskDuration").value;
  const begun_ms = await thread_ms();
  const measured = await mine.page.evaluate(async () => {
    const height = document.documentElement.scrollHeight;
    let rows_max = 0;
    let frames = 0;
    const begin = performance.now();
    while (performance.now() - begin < 4000) {
      // Along the list, and now and then somewhere else in it.
      if (frames % 20 === 0) scrollTo(0, ((frames / 20) * 0.37 % 1) * height);
      else scrollBy(0, 400);
      await new Promise(requestAnimationFrame);
      frames += 1;
      rows_max = Math.max(rows_max, document.querySelectorAll("[role=table] [role=row]").length);
    }
    return { rows_max, frames, frames_per_s: frames / ((performance.now() - begin) / 1000) };
  });
  measured.cpu_ms_per_frame = (await thread_ms() - begun_ms) / measured.frames;
  console.log(`  100,000 runs: ${JSON.stringify(measured)}`);
  assert.ok(measured.rows_max <= 100, `${measured.rows_max} rows in the page`);
  assert.ok(measured.cpu_ms_per_frame < 33, `${measured.cpu_ms_per_frame} ms a frame`);
  assert.deepEqual(mine.errors, []);
  await mine.context.close();
});

test("every page, light and dark, wide and narrow: no axe violation, no sideways scrolling, no console error", async () => {
  const assets = (await service.ask("GET", "/v1/assets")).body.items;
  const runs = (await service.ask("GET", "/v1/runs")).body.items;
  const sample = assets.find((a) => a.original_filename === "sample.wav").asset_id;
  const broken = runs.find((r) => r.state === "failed");
  const complete = runs.find((r) => r.state === "complete").run_id;
  const pages = ["/", "/assets", `/assets/${sample}`, `/assets/${broken.asset_id}`, "/assets/nothing", "/runs", "/runs?state=failed", "/runs?state=canceled", `/runs/${complete}?log=1`,
    `/runs/${broken.run_id}`, "/runs/nothing", "/explain", `/explain?of=${sample}`, "/explain?of=nothing", "/models", "/settings", "/status", "/nowhere"];
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1280, 390]) {
      const mine = await new_page({ colorScheme, viewport: { width, height: 844 } });
      await sign_in(mine.page);
      for (const address of pages) {
        await mine.page.goto(service.url + address);
        await mine.page.getByRole("heading", { level: 1 }).waitFor();
        await mine.page.waitForFunction(() => !/Reading …/.test(document.querySelector("main").innerText), null, { timeout: 10_000 }).catch(() => {});
        await axe(mine.page, `${address}, ${colorScheme}, ${width} px`);
        const [scroll_width, inner_width] = await mine.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.ok(scroll_width <= inner_width, `${address} at ${width} px is ${scroll_width} px wide`);
      }
      if (width === 390) {
        await mine.page.getByRole("button", { name: "Menu" }).click();
        await mine.page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Status" }).waitFor();
        await axe(mine.page, `menu, ${colorScheme}`);
      }
      assert.deepEqual(mine.errors, [], `${colorScheme}, ${width} px`);
      await mine.context.close();
    }
  }
});

test("a server that is restarted is found again", async () => {
  await page.goto(service.url + "/");
  await page.getByText("Live", { exact: true }).waitFor();
  const { port } = service;
  await service.stop();
  await page.getByText(/Connection lost/).waitFor();
  await axe(page, "home, connection lost");
  errors.length = 0; // Browsers note refused connections.
  service = await Service.start(place, { port });
  await page.getByText("Live", { exact: true }).waitFor();
  errors.length = 0;
});

test("signing out closes the page", async () => {
  await page.getByRole("button", { name: "Sign out" }).click();
  await heading(page, "Sign in");
  await page.goto(service.url + "/runs");
  await heading(page, "Sign in");
  assert.deepEqual(errors, []);
  console.log(`  axe: ${n_axe} states without a violation`);
});
