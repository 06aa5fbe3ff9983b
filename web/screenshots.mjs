#!/usr/bin/env node
// Takes a picture of every page in Chromium: light and dark, 1280 and 390 px wide.
//
// usage: node web/screenshots.mjs [OUT_DIR] [--only NAME,NAME] [--docs] [--url URL --token TOKEN]
//
// Without --url it starts build/baleen on a temporary folder and fills it: with the sample recording, with some of
// ../shared/audio where that is there, and with files that are broken. With --url it shows a service that runs. --docs takes the two of the README instead
// (docs/images; they are made smaller by hand, to a palette).

import fs from "node:fs";
import path from "node:path";
import { make_broken, make_calls, make_place, make_sample, make_wav, open_browser, Service, shared, sleep, until } from "./test/service.mjs";

const words = process.argv.slice(2);
const option = (name) => (words.includes(name) ? words.splice(words.indexOf(name), 2)[1] : null);
const is_docs = words.includes("--docs") && words.splice(words.indexOf("--docs"), 1).length > 0;
const only = option("--only")?.split(",");
const url = option("--url");
const token = option("--token");
const out = path.resolve(words[0] ?? "build/screenshots");
fs.mkdirSync(out, { recursive: true });

async function fill(service) {
  const { inbox } = service;
  const runs = [await service.ingest(make_sample(path.join(inbox, "reef_station_04_2026-06-11.wav")))];
  const some = ["librosa/Kevin_MacLeod_-_Vibe_Ace.hq.ogg", "ina/musanmix.wav", "soundscape24h/S4A03895_20190522_060000.wav", "silero/test.wav", "mir1k/Ani_5_08.wav"];
  for (const name of some) {
    const file = shared(`audio/${name}`);
    if (!file) continue;
    const copy = path.join(inbox, path.basename(name));
    fs.copyFileSync(file, copy);
    runs.push(await service.ingest(copy));
  }
  for (let i = 0; i < 24; i += 1) {
    const name = `hydrophone_B_${String(20260601 + i)}_0${i % 10}0000.wav`;
    runs.push(await service.ingest(make_wav(path.join(inbox, name), 4 + (i % 7), (t) => 0.2 * Math.sin(2 * Math.PI * (300 + 40 * i) * t) * Math.sin(3 * t) ** 2)));
  }
  for (const name of ["recorder_7_card_error.wav", "interrupted_copy.wav", "empty_slot.wav"]) {
    const file = make_broken(path.join(inbox, name));
    fs.appendFileSync(file, name);
    runs.push(await service.ingest(file));
  }
  fs.writeFileSync(path.join(inbox, "too_short.wav"), fs.readFileSync(make_wav(path.join(inbox, "x.wav"), 0.02, () => 0.1)));
  runs.push(await service.ingest(path.join(inbox, "too_short.wav")));
  for (const run of runs) await service.wait_for_run(run.run_id, "complete", "failed");
  return runs;
}

/** A deployment: a week of calls, embedded and clustered, some of it known, and one card error. */
async function fill_collection(service) {
  const how = { recipe: "bioacoustics", collection: "Reef station 4, June 2026", params: { model: "builtin", window_s: 1 } };
  const runs = [];
  for (let i = 0; i < 14; i += 1) {
    const name = `S4A03895_202606${String(3 + Math.floor(i / 2)).padStart(2, "0")}_${i % 2 ? "18" : "06"}0000.wav`;
    runs.push(await service.ingest(make_calls(path.join(service.inbox, name), 24 + i, [3 + (i % 5), 11, 15 + (i % 3)], i + 1), how));
  }
  const broken = make_broken(path.join(service.inbox, "S4A03895_20260610_060000.wav"));
  fs.appendFileSync(broken, "card error");
  runs.push(await service.ingest(broken, how));
  runs.push(await service.ingest(make_calls(path.join(service.inbox, "tow_past_station.wav"), 9, [2], 99), { collection: how.collection }));
  for (const run of runs) await service.wait_for_run(run.run_id, "complete", "failed");
  for (const [i, run] of runs.slice(0, 9).entries())
    await service.ask("PUT", `/v1/assets/${run.asset_id}/metadata`, { tag_data: { species: i % 3 ? "humpback" : "orca", site: "reef 4", depth_m: 12 + i }, ...(i % 4 ? {} : { group_composition: { adults: 2, calves: i % 3 } }) });
  const collection = (await service.ask("GET", "/v1/collections")).body.items[0];
  const submit = async (body) => {
    const { body: run } = await service.ask("POST", `/v1/collections/${collection.collection_id}/runs`, body);
    await service.wait_for_run(run.run_id, "complete", "failed");
    return run.run_id;
  };
  const params = { model: "builtin", window_s: 1 };
  await submit({ params });
  const sweep = await submit({ recipe: "sweep", params: { ...params, sweep: { min_cluster_size: [5, 10, 20], selection: ["eom", "leaf"] } } });
  const sweep_of_nothing = await submit({ recipe: "sweep", params: { ...params, sweep: { min_cluster_size: [170, 200] } } });
  return { id: collection.collection_id, asset_id: runs[0].asset_id, sweep, sweep_of_nothing };
}

/** Two for the README: a recording in light colours, and Home in dark ones while work is going on. */
async function take_docs(service) {
  const asset = (await service.ask("GET", "/v1/assets?name=reef_")).body.items[0];
  for (const [name, colorScheme] of [["asset", "light"], ["home", "dark"]]) {
    const context = await browser.newContext({ colorScheme, viewport: { width: 1200, height: 760 }, reducedMotion: "reduce" });
    const page = await context.newPage();
    await page.goto(`${service.url}/#token=${service.token}`);
    await page.getByRole("heading", { level: 1, name: "Home" }).waitFor();
    if (name === "asset") {
      await page.goto(`${service.url}/assets/${asset.asset_id}`);
      const slider = page.getByRole("slider", { name: "Position in the recording" });
      await slider.waitFor();
      await sleep(800);
      const box = await slider.boundingBox();
      await page.mouse.click(box.x + box.width * 0.42, box.y + 60);
      await page.mouse.move(0, 0);
      await page.getByText(/^Like /).waitFor();
      await sleep(800);
    } else {
      const hum = (f) => (t) => 0.2 * Math.sin(2 * Math.PI * f * t) * Math.sin(0.3 * t) ** 2;
      for (const [file, f] of [["night_array_2026-06-11.wav", 440], ["dawn_array_2026-06-12.wav", 620]])
        await service.ingest(make_wav(path.join(service.inbox, file), 4000, hum(f)));
      await page.getByRole("heading", { name: "In work" }).waitFor();
      await page.getByText("running").first().waitFor({ state: "attached" });
      await sleep(1100);
    }
    await page.screenshot({ path: path.join(out, `${name}.png`) });
    await context.close();
  }
}

const place = url ? null : make_place();
const service = url ? Object.assign(new Service(), { url, token }) : await Service.start(place);
const browser = await open_browser();
const errors = [];
try {
  const wants = (name) => !is_docs && (!only || only.some((one) => one.startsWith(name)));
  if (!url && (is_docs || !only || only.some((one) => !one.startsWith("collection")))) await fill(service);
  const reef = !url && wants("collection") ? await fill_collection(service) : null;
  if (is_docs) await take_docs(service);
  const assets = (await service.ask("GET", "/v1/assets?limit=100")).body.items;
  const runs = (await service.ask("GET", "/v1/runs?limit=100")).body.items;
  const best = assets.find((a) => a.original_filename.startsWith("reef_")) ?? assets.find((a) => a.duration_s > 5) ?? assets[0] ?? { asset_id: "none" };
  const long = assets.find((a) => a.original_filename.includes("Vibe_Ace")) ?? best;
  const failed = runs.find((r) => r.state === "failed");
  const complete = runs.find((r) => r.asset_id === best.asset_id && r.state === "complete") ?? runs[0] ?? { run_id: "none" };
  const ready = async (page) => {
    await page.waitForFunction(() => !/Reading …/.test(document.querySelector("main")?.innerText ?? ""), null, { timeout: 8000 }).catch(() => {});
    await sleep(500);
  };
  const pages = [
    ["home", "/"],
    ["assets", "/assets"],
    ["asset", `/assets/${best.asset_id}`, async (page) => {
      const overlay = page.getByRole("slider", { name: "Position in the recording" });
      if (await overlay.count()) {
        const box = await overlay.boundingBox();
        await page.mouse.click(box.x + box.width * 0.42, box.y + 60);
        await page.mouse.move(0, 0);
        await sleep(900);
      }
    }],
    ["asset_zoomed", `/assets/${long.asset_id}?from=4&to=9`],
    ...(reef ? [
      ["collections", "/collections"],
      ["collection", `/collections/${reef.id}`],
      ["collection_chosen", `/collections/${reef.id}`, async (page) => {
        for (const box of (await page.getByRole("checkbox", { name: /^Choose S4A/ }).all()).slice(0, 3)) await box.check();
      }],
      ["collection_bulk", `/collections/${reef.id}`, async (page) => {
        for (const box of (await page.getByRole("checkbox", { name: /^Choose S4A/ }).all()).slice(0, 3)) await box.check();
        await page.getByRole("button", { name: "Edit metadata" }).click();
      }],
      ["collection_add", `/collections/${reef.id}?tab=add`],
      ["collection_clusterings", `/collections/${reef.id}?tab=clusterings`],
      ["collection_cluster", `/collections/${reef.id}?tab=clusterings`, (page) => page.getByRole("button", { name: "Cluster", exact: true }).click()],
      ["collection_sweep", `/collections/${reef.id}?tab=clusterings`, (page) => page.getByRole("button", { name: "Try parameters" }).click()],
      ["collection_swept", `/sweeps/${reef.sweep}`],
      ["collection_swept_nothing", `/sweeps/${reef.sweep_of_nothing}`],
      ["collection_search", `/collections/${reef.id}?tab=search&like=${reef.asset_id}&at=11`],
      ["collection_metadata", `/collections/${reef.id}?tab=metadata`, (page) => page.getByLabel("Table of metadata").setInputFiles({ name: "reef.csv", mimeType: "text/csv",
        buffer: Buffer.from("file,tag_data.species,tag_data.depth_m\nS4A03895_20260603_060000.wav,humpback,12\nS4A03895_20260603_180000.wav,humpback,40\nelsewhere.wav,orca,1\n") })],
      ["collection_annotations", `/collections/${reef.id}?tab=annotations`],
      ["collection_home", "/", async (page) => {
        await page.getByText(/^From a path on the server/).click();
        await page.getByLabel("Recipe").selectOption("bioacoustics");
      }],
      ["collection_asset", `/assets/${reef.asset_id}?in=${reef.id}&at=11`],
      ["collection_asset_edit", `/assets/${reef.asset_id}?in=${reef.id}`, (page) => page.getByRole("button", { name: "Edit", exact: true }).click()],
    ] : []),
    ["runs", "/runs"],
    ["runs_failed", "/runs?state=failed"],
    ["run", `/runs/${complete.run_id}`],
    ...(failed ? [["run_failed", `/runs/${failed.run_id}?log=1`]] : []),
    ["explain", `/explain?of=${best.asset_id}`],
    ["models", "/models"],
    ["settings", "/settings"],
    ["settings_token", "/settings", async (page) => {
      await page.getByRole("button", { name: "Make a token" }).click();
      await page.getByLabel("Name").fill("field laptop");
    }],
    ["status", "/status"],
    ["not_found", "/nowhere"],
  ].filter(([name]) => !is_docs && (!only || only.includes(name)));

  for (const scheme of is_docs ? [] : ["light", "dark"]) {
    for (const width of [1280, 390]) {
      const context = await browser.newContext({ colorScheme: scheme, viewport: { width, height: width === 390 ? 844 : 860 }, deviceScaleFactor: 1, reducedMotion: "reduce" });
      const page = await context.newPage();
      page.on("console", (message) => message.type() === "error" && errors.push(`${page.url()}: ${message.text()}`));
      if (!only || only.includes("sign_in")) {
        await page.goto(service.url + "/");
        await page.getByRole("heading", { name: "Sign in" }).waitFor();
        await page.screenshot({ path: path.join(out, `sign_in-${scheme}-${width}.png`) });
      }
      await page.goto(`${service.url}/#token=${service.token}`);
      await page.reload();
      await page.getByRole("heading", { level: 1 }).waitFor();
      for (const [name, address, act] of pages) {
        await page.goto(service.url + address);
        await until("the page", () => page.getByRole("heading", { level: 1 }).count());
        await ready(page);
        if (act) await act(page);
        await page.screenshot({ path: path.join(out, `${name}-${scheme}-${width}.png`), fullPage: true });
        console.log(`${name}-${scheme}-${width}.png`);
      }
      await context.close();
    }
  }
} finally {
  await browser.close();
  if (!url) {
    await service.stop();
    fs.rmSync(place, { recursive: true, force: true });
  }
}
for (const error of new Set(errors)) console.log(`console: ${error}`);
