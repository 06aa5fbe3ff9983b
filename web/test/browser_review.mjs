// The map of a clustering and its review in a real browser, against the real program, on sounds made here. Only the
// frame rate, empty clusterings and what a second person does at the same moment are told by a stub. Ends with 77 (skipped)
// where there is no Chromium. BALEEN_REVIEW_STUB=1 puts the stub in the place of the program everywhere.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { ReviewStub } from "./review_stub.mjs";
import { expected_errors, find_chromium, find_violations, make_place, make_wav, open_browser, program, Service, skip, sleep, until, watch_console } from "./service.mjs";

if (!find_chromium()) skip("chromium is not here; scripts/setup installs it");

const patience_ms = 30_000;
let browser, service, place, page, errors, asked, address, stub;
let n_axe = 0;

async function new_page(options = {}, with_stub = stub) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", ...options });
  const fresh = await context.newPage();
  fresh.setDefaultTimeout(patience_ms);
  const seen = [];
  fresh.on("request", (request) => seen.push(`${request.method()} ${new URL(request.url()).pathname.replace(/^\/v1\/clusterings\/[^/]+/, "~")}${new URL(request.url()).search}`));
  if (with_stub) await with_stub.serve(fresh);
  await fresh.goto(`${service.url}/#token=${service.token}`);
  await fresh.getByRole("heading", { level: 1, name: "Home" }).waitFor();
  return { context, page: fresh, errors: watch_console(fresh, expected_errors), asked: seen };
}
async function axe(on, what) {
  const violations = await find_violations(on);
  assert.equal(violations.length, 0, `axe on ${what}:\n${violations.join("\n")}`);
  n_axe += 1;
}
const region = (name, on = page) => on.getByRole("region", { name, exact: true });
const map = (on = page) => on.getByRole("application");
const ask = (target, on = page) => on.evaluate((url) => fetch(url).then((response) => response.json()), target);
const n_noise = ({ items }) => items.find((c) => c.cluster === -1)?.size ?? 0;
const clustering = () => ask(`/v1${address}`);
const ready = async (on = page) => {
  await map(on).waitFor();
  await until("the map to be drawn", () => coloured_spot(on));
};
/** Somebody else, at another machine. */
async function elsewhere(body) {
  if (stub) return stub.act(body, "night shift");
  const { status, body: answer } = await service.ask("POST", `/v1${address}/actions`, body);
  assert.equal(status, 201, JSON.stringify(answer));
  return answer;
}

/** Somewhere in the map where a point in a strong colour is, in pixels of the page; null: nowhere. */
async function coloured_spot(on = page) {
  const box = await map(on).boundingBox();
  const spot = await on.evaluate(() => {
    const canvas = document.querySelector(".plane canvas");
    if (!canvas?.width) return null;
    const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    for (let y = 0; y < height; y += 1)
      for (let x = 0; x < width; x += 1) {
        const o = 4 * (y * width + x);
        const [low, high] = [Math.min(data[o], data[o + 1], data[o + 2]), Math.max(data[o], data[o + 1], data[o + 2])];
        if (high - low > 60) return { x: (x + 1.5) / width, y: (y + 1.5) / height };
      }
    return null;
  });
  return spot && box ? { x: box.x + spot.x * box.width, y: box.y + spot.y * box.height } : null;
}
/** Round the whole map with Shift held. */
async function lasso_everything(on = page) {
  await map(on).scrollIntoViewIfNeeded();
  const box = await map(on).boundingBox();
  const at = (fx, fy) => [box.x + box.width * fx, box.y + box.height * fy];
  await on.mouse.move(...at(0.01, 0.01));
  await on.keyboard.down("Shift");
  await on.mouse.down();
  for (const [fx, fy] of [[0.99, 0.01], [0.99, 0.99], [0.01, 0.99], [0.01, 0.05]]) await on.mouse.move(...at(fx, fy), { steps: 6 });
  await on.mouse.up();
  await on.keyboard.up("Shift");
}

/** Three kinds of sound, a second each, in turns, in soft noise; each at a loudness of its own. */
function make_recordings(folder) {
  fs.mkdirSync(folder, { recursive: true });
  let state = 7;
  const noise = () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 31 - 1);
  const kinds = [(t) => 0.3 * Math.sin(2 * Math.PI * 500 * t), (t) => 0.3 * Math.sin(2 * Math.PI * (1500 * (t % 1) + 900 * (t % 1) ** 2)), () => 0.2 * noise()];
  for (let i = 0; i < 3; i += 1) {
    const loudness = Array.from({ length: 45 }, () => 0.8 + 0.2 * noise());
    make_wav(path.join(folder, `S4A0389${i}_2019052${i}_060000.wav`), 45, (t) => loudness[Math.floor(t)] * kinds[Math.floor(t + i) % 3](t) + 0.03 * noise(), 16000);
  }
}
function run(...words) {
  const done = spawnSync(program, ["--data", path.join(place, "data"), ...words, "--json"], { cwd: place, encoding: "utf8", timeout: 120_000 });
  assert.equal(done.status, 0, `${words.join(" ")}: ${done.stdout}${done.stderr}`);
}

before(async () => {
  place = make_place();
  browser = await open_browser();
  if (process.env.BALEEN_REVIEW_STUB) stub = new ReviewStub({ n: 400, clusters: 3, recordings: 5 });
  else {
    make_recordings(path.join(place, "recordings"));
    run("run", "bioacoustics", path.join(place, "recordings"), "--model", "builtin", "--window", "1", "--collection", "reef");
    run("cluster", "reef", "--model", "builtin", "--window", "1", "--min-cluster-size", "5");
  }
  service = await Service.start(place);
  address = "/clusterings/1";
  if (!stub) {
    const { body: list } = await service.ask("GET", "/v1/collections");
    const { status, body } = await service.ask("GET", `/v1/collections/${list.items[0].collection_id}/clusterings`);
    assert.equal(status, 200, JSON.stringify(body));
    address = `/clusterings/${body.items[0].clustering_id}`;
  }
  ({ page, errors, asked } = await new_page());
});
after(async () => {
  await browser?.close();
  await service?.stop();
  if (place) fs.rmSync(place, { recursive: true, force: true });
  console.log(`  axe: ${n_axe} states without a violation`);
});

test("the map shows the windows in colours, and the legend says in words what they mean", async () => {
  await page.goto(service.url + address);
  await ready();
  const { items, windows } = await clustering();
  assert.ok(items.filter((c) => c.cluster >= 0).length >= 2, "sounds of three kinds make two clusters at least");
  const legend = page.getByRole("list", { name: "What the colours mean" });
  for (const { cluster, size } of items) assert.match(await legend.getByRole("button", { name: cluster < 0 ? /^noise/ : new RegExp(`^cluster ${cluster} `) }).innerText(), new RegExp(String(size)));
  await page.getByText(`${windows} windows of`).first().waitFor();
  await axe(page, "map");
  for (const way of ["label", "site", "hour", "recording"]) {
    await page.getByLabel("Coloured by").selectOption(way);
    await until("the address", () => page.url().includes(`colour=${way}`));
    assert.ok(await page.getByRole("list", { name: "What the colours mean" }).getByRole("listitem").count());
  }
  await axe(page, "map by recording");
  await page.getByRole("list", { name: "What the colours mean" }).getByRole("button").first().click();
  await until("one recording alone", () => page.url().includes("only="));
  await page.getByLabel("Coloured by").selectOption("cluster");
  await until("the address without it", () => !page.url().includes("colour=") && !page.url().includes("only="));
});

test("what lies under the pointer is shown and said; a click plays it", async () => {
  await map().scrollIntoViewIfNeeded();
  const spot = await coloured_spot();
  await page.mouse.move(spot.x, spot.y);
  const card = page.locator(".hover-card");
  await card.getByText(/\.wav$/).waitFor();
  await card.getByText(/cluster \d/).waitFor();
  await until("the picture of it", () => card.locator("img").evaluate((img) => img.complete && img.naturalWidth > 0).catch(() => false));
  await page.mouse.click(spot.x, spot.y);
  await region("This window").waitFor();
  await until("the clip to be asked for", () => asked.some((a) => /\/clip\?start_s=/.test(a)));
  assert.match(page.url(), /window=\d+/);
  await axe(page, "map, a window looked at");
  await region("This window").getByLabel("Speed").selectOption("0.1");
  await region("This window").getByRole("button", { name: "Play" }).click();
  await until("the slow clip", () => asked.some((a) => /\/clip\?.*speed=0\.1/.test(a)));
  await sleep(300);
  assert.equal(await page.getByText("could not be played").count(), 0);
  await region("This window").getByLabel("Speed").selectOption("1");
  await page.reload();
  await region("This window").waitFor(); // It is in the address.
  await region("This window").getByRole("button", { name: "Close" }).click();
});

test("a legend entry isolates its cluster and opens it: examples that play, hours, recordings, metadata", async () => {
  const { items } = await clustering();
  const { cluster } = items.find((c) => c.cluster >= 0);
  const entry = page.getByRole("list", { name: "What the colours mean" }).getByRole("button", { name: new RegExp(`^cluster ${cluster} `) });
  await entry.click();
  assert.equal(await entry.getAttribute("aria-pressed"), "true");
  assert.match(page.url(), new RegExp(`cluster=${cluster}`));
  const panel = region(`cluster ${cluster}`);
  await panel.getByRole("heading", { name: /In the middle/ }).waitFor();
  await panel.getByRole("img", { name: /windows by hour of the day/ }).or(panel.getByText("The hour of no window is known.")).first().waitFor();
  assert.ok(await panel.getByRole("link", { name: /\.wav$/ }).count());
  const tile = panel.getByRole("button", { name: /^Play / }).first();
  const n_clips = asked.filter((a) => a.includes("/clip")).length;
  await tile.click();
  await until("its clip", () => asked.filter((a) => a.includes("/clip")).length > n_clips);
  await axe(page, "cluster");
  await page.getByRole("button", { name: "Show everything again" }).click();
  await until("the address", () => !page.url().includes("cluster="));
});

test("by keys alone: windows of the list are chosen and labelled; the points are not fetched again", async () => {
  const windows = region("Windows");
  const boxes = windows.getByRole("checkbox");
  await boxes.first().focus();
  await page.keyboard.press("Space");
  await boxes.nth(1).focus();
  await page.keyboard.press("Space");
  await page.getByText("2 chosen windows").waitFor();
  const begun = asked.length;
  await region("Review").getByLabel("Label", { exact: true }).focus();
  await page.keyboard.type("upcall");
  await page.keyboard.press("Enter");
  await page.getByText(/^Done: /).waitFor();
  const later = asked.slice(begun);
  assert.ok(later.some((a) => a.startsWith("POST ~/actions")) && later.some((a) => a === "GET ~/labels"));
  assert.ok(!later.some((a) => /~\/(points|recordings)/.test(a)), later.join("\n"));
  assert.deepEqual((await clustering()).labels, [{ label: "upcall", windows: 2 }]);
  await axe(page, "after labelling");
});

test("Ctrl+Z takes it back, Ctrl+Y does it again, and the history says who and when", async () => {
  await page.getByRole("heading", { level: 1 }).click();
  await page.keyboard.press("Control+z");
  await page.getByText(/^Undone: /).waitFor();
  assert.deepEqual((await clustering()).labels, []);
  const history = region("History");
  await history.getByText(/undone by/).waitFor();
  await page.keyboard.press("Control+y");
  await page.getByText(/^Done again: /).waitFor();
  assert.equal((await clustering()).labels[0].windows, 2);
  assert.match(await history.getByRole("listitem").first().innerText(), /2 windows, by \S/);
  assert.equal(await history.getByText(/undone by/).count(), 0);
});

test("clusters that are ticked are merged, and split again", async () => {
  const { items } = await clustering();
  const [a, b] = items.filter((c) => c.cluster >= 0);
  const legend = page.getByRole("list", { name: "What the colours mean" });
  for (const { cluster } of [a, b]) await legend.getByRole("checkbox", { name: new RegExp(`^Include (.*\\()?cluster ${cluster}\\)?$`) }).check();
  await page.getByText(`2 clusters, ${a.size + b.size} windows`).waitFor();
  await region("Review").getByRole("button", { name: "Merge" }).click();
  await page.getByText(/^Done: /).waitFor();
  const merged = (await clustering()).items.find((c) => c.cluster === Math.min(a.cluster, b.cluster));
  assert.equal(merged.size, a.size + b.size);
  await legend.getByRole("checkbox", { name: new RegExp(`^Include (.*\\()?cluster ${merged.cluster}\\)?$`) }).check();
  await region("Review").getByLabel("Split into").selectOption("2");
  await region("Review").getByRole("button", { name: "Split" }).click();
  await until("one cluster more", async () => (await clustering()).items.length === items.length);
  await legend.getByText("by review").first().waitFor();
  for (let i = 0; i < 2; i += 1) await region("Review").getByRole("button", { name: "Undo" }).click().then(() => page.getByText(/^Undone: /).waitFor()).then(() => sleep(300));
  await until("all as before", async () => (await clustering()).items.length === items.length && (await clustering()).items.find((c) => c.cluster === a.cluster).size === a.size);
});

test("a lasso chooses what is inside; the chosen become a new cluster, or noise", async () => {
  const before_all = await clustering();
  await lasso_everything();
  await page.getByText(`${before_all.windows} chosen windows`).waitFor();
  await map().press("Escape");
  await page.getByText(/^Nothing is chosen/).waitFor();
  // Of an isolated cluster only its own windows can be caught.
  const { cluster, size } = before_all.items.find((c) => c.cluster >= 0);
  await page.getByRole("list", { name: "What the colours mean" }).getByRole("button", { name: new RegExp(`cluster ${cluster}\\b`) }).click();
  await lasso_everything();
  await page.getByText(size === 1 ? "1 chosen window" : `${size} chosen windows`).waitFor();
  await axe(page, "chosen by lasso");
  await region("Windows").getByRole("button", { name: /^Chosen/ }).click();
  await region("Review").getByRole("button", { name: "Mark as noise" }).click();
  await page.getByText(/^Done: /).waitFor();
  await page.getByText("There is no cluster with this number", { exact: false }).waitFor();
  assert.equal(n_noise(await clustering()), n_noise(before_all) + size);
  await page.getByRole("heading", { level: 1 }).click();
  await page.keyboard.press("Control+z");
  await until("it is back", async () => n_noise(await clustering()) === n_noise(before_all));
  await page.getByRole("button", { name: "Show everything again" }).click();
  const boxes = region("Windows").getByRole("checkbox");
  for (let i = 0; i < 3; i += 1) await boxes.nth(i).check();
  await region("Review").getByRole("button", { name: "Move" }).click();
  await page.getByText(/^Done: /).waitFor();
  assert.ok((await clustering()).items.some((c) => c.made_by_review && c.size === 3));
  await region("Review").getByRole("button", { name: "Undo" }).click();
  await page.getByText(/^Undone: /).waitFor();
});

test("when somebody else was faster nothing is done, it is told, and what is seen is read again", async () => {
  const { cluster } = (await clustering()).items.filter((c) => c.cluster >= 0).sort((a, b) => b.size - a.size)[0];
  await elsewhere({ kind: "label", label: "ship", clusters: [cluster] });
  const legend = page.getByRole("list", { name: "What the colours mean" });
  await legend.getByRole("checkbox", { name: new RegExp(`cluster ${cluster}\\b`) }).check();
  await region("Review").getByLabel("Label", { exact: true }).fill("whale");
  await region("Review").getByRole("button", { name: "Label", exact: true }).click();
  await page.getByText("somebody else has acted meanwhile", { exact: false }).waitFor();
  await legend.getByRole("button", { name: new RegExp(`^ship \\(cluster ${cluster}\\)`) }).waitFor();
  assert.ok(!(await clustering()).labels.some((l) => l.label === "whale"));
  await axe(page, "conflict");
  await region("Review").getByRole("button", { name: "Close" }).click();
});

test("a label is learned, and from which score on it can be trusted is said in words", async () => {
  const learn = region("Learn a label");
  await learn.getByRole("combobox", { name: "Label" }).selectOption("ship");
  await learn.getByRole("button", { name: "Learn this label" }).click();
  await learn.getByText(/From a score of \d|From which score on it can be trusted is not known yet/).waitFor();
  await learn.getByRole("heading", { name: "What to listen to next" }).waitFor();
  await learn.getByRole("button", { name: /^Play / }).first().waitFor();
  await axe(page, "a label learned");
  await learn.getByRole("button", { name: "Choose these in the map" }).click();
  await page.getByText(/chosen windows?$/).first().waitFor();
  await page.getByRole("button", { name: "Choose nothing" }).click();
});

test("of a window that is noise it is said why", async () => {
  await elsewhere({ kind: "noise", rows: [0] });
  const [window] = (await ask(`/v1${address}/windows?cluster=-1&order=outlier&limit=1`)).items;
  await page.goto(`${service.url}${address}?window=${window.row}`);
  await region("This window").getByText(/Why it is noise:|People marked it as noise/).waitFor();
  await axe(page, "noise");
});

test("keys move the map", async () => {
  await ready();
  const look = () => page.evaluate(() => {
    const canvas = document.querySelector(".plane canvas");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let sum = 0;
    for (let i = 0; i < data.length; i += 4) sum = (Math.imul(sum, 31) + data[i] + data[i + 1]) | 0;
    return sum;
  });
  await map().focus();
  await sleep(300);
  const whole = await look();
  for (const key of ["+", "ArrowRight", "ArrowUp"]) {
    const was = await look();
    await map().press(key);
    await until(`${key} to move it`, async () => (await look()) !== was);
  }
  await map().press("0");
  await until("the whole again", async () => (await look()) === whole);
});

test("who may only read sees everything, and why nothing can be done", async () => {
  const { body: token, status } = await service.ask("POST", "/v1/tokens", { name: "guest", scope: "read", owner_entity_id: "local" });
  assert.ok(token.secret, `${status} ${JSON.stringify(token)}`);
  const mine = await new_page();
  await mine.page.getByRole("button", { name: "Sign out" }).click();
  await mine.page.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
  await mine.page.goto(`${service.url}/#token=${token.secret}`);
  await mine.page.getByRole("heading", { level: 1, name: "Home" }).waitFor();
  await mine.page.goto(service.url + address);
  await ready(mine.page);
  await region("Review", mine.page).getByText(/needs a token with the scope “submit”/).first().waitFor({ state: "attached" });
  await axe(mine.page, "read only");
  await mine.context.close();
});

test("nothing to review, only noise, no place in the map, damage and absence: each says what it is", async () => {
  const { body: problem, status } = await service.ask("GET", "/v1/clusterings/nothing");
  assert.equal(status, 404, JSON.stringify(problem));
  const cases = [
    [new ReviewStub({ n: 0, clusters: 0, recordings: 1 }), /There is no window in it/],
    [new ReviewStub({ n: 50, clusters: 0, recordings: 2 }), /No cluster was found; all windows are noise/],
    [Object.assign(new ReviewStub({ n: 50, clusters: 1, recordings: 2 }), { x: new Float32Array(50).fill(NaN) }), /No window has a place in the map/],
    [Object.assign(new ReviewStub({ n: 50, clusters: 1, recordings: 2 }), { points: () => Buffer.from("BLNPTS01torn") }), /The map cannot be shown/],
    [Object.assign(new ReviewStub({ n: 50 }), { clustering: () => { throw new Error("absent"); }, answer: () => [404, "application/problem+json", Buffer.from(JSON.stringify({ code: "NOT_FOUND", detail: "no clustering 1", cause: "", action: "" }))] }), /There is no such clustering/],
  ];
  for (const [other, words] of cases) {
    const mine = await new_page({}, other);
    await mine.page.goto(`${service.url}/clusterings/1`);
    await mine.page.getByText(words).first().waitFor();
    await axe(mine.page, String(words));
    assert.deepEqual(mine.errors, [], String(words));
    await mine.context.close();
  }
});

test("light and dark, wide and narrow: no axe violation, no sideways scrolling, no console error", async () => {
  const { items } = await clustering();
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1280, 390]) {
      const mine = await new_page({ colorScheme, viewport: { width, height: 844 } });
      for (const query of ["", `?cluster=${items.at(-1).cluster}&window=0`, "?cluster=-1&colour=hour", "?colour=recording&only=0"]) {
        await mine.page.goto(service.url + address + query);
        await mine.page.getByRole("application").waitFor();
        await mine.page.waitForFunction(() => !/Reading …/.test(document.querySelector("main").innerText), null, { timeout: 10_000 }).catch(() => {});
        await axe(mine.page, `${query}, ${colorScheme}, ${width} px`);
        const [scroll_width, inner_width] = await mine.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.ok(scroll_width <= inner_width, `${query} at ${width} px is ${scroll_width} px wide`);
      }
      assert.deepEqual(mine.errors, [], `${colorScheme}, ${width} px`);
      await mine.context.close();
    }
  }
  assert.deepEqual(errors, []);
});

/** Pans by keys for some seconds, a tenth of the map for each picture, and counts the pictures that came out different. */
async function pan(on, devtools, seconds, there = "ArrowRight", back = "ArrowLeft") {
  const thread_ms = async () => 1000 * (await devtools.send("Performance.getMetrics")).metrics.find((m) => m.name === "TaskDuration").value;
  const begun_ms = await thread_ms();
  const measured = await on.evaluate(async ({ duration_ms, there, back }) => {
    const hand = document.querySelector("[role=application]");
    const canvas = document.querySelector(".plane canvas");
    const channel = new MessageChannel();
    const after_frame = (done) => {
      channel.port1.onmessage = done;
      channel.port2.postMessage(0);
    };
    const times = [];
    let last = null;
    let frames = 0;
    let steps = 0;
    const begin = performance.now();
    let before = begin;
    while (performance.now() - begin < duration_ms) {
      hand.dispatchEvent(new KeyboardEvent("keydown", { key: steps % 4 === 0 || steps % 4 === 3 ? there : back, bubbles: true }));
      steps += 1;
      await new Promise(requestAnimationFrame);
      await new Promise(after_frame); // Whoever draws in this frame has drawn.
      // Reading back waits until the picture is really there.
      const { data } = canvas.getContext("2d").getImageData(0, canvas.height >> 1, canvas.width, 1);
      let sum = 0;
      for (let i = 0; i < data.length; i += 1) sum = (Math.imul(sum, 31) + data[i]) | 0;
      if (sum === last) continue;
      last = sum;
      frames += 1;
      times.push(performance.now() - before);
      before = performance.now();
    }
    times.sort((a, b) => a - b);
    return { frames, fps: frames / ((performance.now() - begin) / 1000), median_ms: times[times.length >> 1], p95_ms: times[Math.floor(times.length * 0.95)], canvas: `${canvas.width} x ${canvas.height}` };
  }, { duration_ms: seconds * 1000, there, back });
  return { ...measured, cpu_ms_per_frame: (await thread_ms() - begun_ms) / measured.frames };
}

test("panning a map of a million windows", async () => {
  for (const n of [100_000, 1_000_000]) {
    const mine = await new_page({}, new ReviewStub({ n, clusters: 60, recordings: 300, noise: 0.2 }));
    const devtools = await mine.context.newCDPSession(mine.page);
    await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
    await mine.page.goto(`${service.url}/clusterings/1`);
    await ready(mine.page);
    await sleep(500);
    for (const [where, nearer, keys] of [["the whole", 0], ["4 times nearer", 3], ["zooming", 0, ["+", "-"]]]) {
      await pan(mine.page, devtools, 1); // Until the compiler has seen it.
      await map(mine.page).press("0");
      for (let i = 0; i < nearer; i += 1) await map(mine.page).press("+");
      await sleep(600);
      const measured = await pan(mine.page, devtools, 4, ...(keys ?? []));
      console.log(`  ${n} windows, ${where}: ${measured.fps.toFixed(1)} frames/s, median ${measured.median_ms.toFixed(1)} ms, 95 % below ${measured.p95_ms.toFixed(1)} ms, ${measured.cpu_ms_per_frame.toFixed(1)} ms of the page's thread a frame, canvas ${measured.canvas}`);
      // Time of the page's own thread, so that a busy machine changes nothing. Zooming draws every point again.
      assert.ok(measured.cpu_ms_per_frame < (keys ? 100 : 33), `${measured.cpu_ms_per_frame} ms a frame of ${n}, ${where}`);
      assert.ok(measured.frames > (keys ? 5 : 20));
    }
    assert.deepEqual(mine.errors, []);
    await mine.context.close();
  }
});
