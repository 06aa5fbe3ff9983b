// Sweeps in a real browser against the real program: choose what is tried, read the table, cluster with a row of it. Ends with 77
// (skipped) where there is no Chromium.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { expected_errors, find_chromium, find_violations, make_calls, make_place, open_browser, Service, skip, until, watch_console } from "./service.mjs";

if (!find_chromium()) skip("chromium is not here; scripts/setup installs it");

const name = "Reef station 4";
const model = { model: "builtin", window_s: 1 };
let browser, service, place, context, page, errors, collection_id, run_id;
let n_axe = 0;

async function new_page(options = {}, token = service.token) {
  const fresh = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", ...options });
  const fresh_page = await fresh.newPage();
  fresh_page.setDefaultTimeout(30_000);
  const seen = watch_console(fresh_page, expected_errors);
  await fresh_page.goto(`${service.url}/#token=${token}`);
  await heading(fresh_page, "Home");
  return { context: fresh, page: fresh_page, errors: seen };
}
const heading = (on, text) => on.getByRole("heading", { level: 1, name: text }).waitFor();
const open = (target) => page.goto(service.url + target);
const clusterings = () => `/collections/${collection_id}?tab=clusterings`;
async function axe(on, what) {
  const violations = await find_violations(on);
  assert.equal(violations.length, 0, `axe on ${what}:\n${violations.join("\n")}`);
  n_axe += 1;
}
const run_of_page = async () => (await service.ask("GET", `/v1/runs/${new URL(page.url()).pathname.split("/").pop()}`)).body;
/** A sweep by the interface, as other programs begin one. */
async function sweep(params, ...states) {
  const { status, body } = await service.ask("POST", `/v1/collections/${collection_id}/runs`, { recipe: "sweep", params: { ...model, seeds: 2, ...params } });
  assert.equal(status, 202, JSON.stringify(body));
  return states.length ? service.wait_for_run(body.run_id, ...states) : body;
}
async function document_of(id) {
  const { body: run } = await service.ask("GET", `/v1/runs/${id}`);
  const made = run.artifacts.find((artifact) => artifact.type === "sweep_v1");
  return (await service.ask("GET", `/v1/collections/${collection_id}/artifacts/${made.artifact_id}`)).body;
}
const rows = (on = page) => on.getByRole("table", { name: "Combinations, best first" }).locator("tbody tr");

before(async () => {
  place = make_place();
  browser = await open_browser();
  service = await Service.start(place);
  const runs = [];
  for (let i = 0; i < 4; i += 1)
    runs.push(await service.ingest(make_calls(path.join(service.inbox, `night_${i}.wav`), 24 + i, [3, 9, 15, 19], i + 1), { recipe: "bioacoustics", collection: name, params: model }));
  for (const run of runs) await service.wait_for_run(run.run_id, "complete");
  collection_id = (await service.ask("GET", "/v1/collections")).body.items[0].collection_id;
  ({ context, page, errors } = await new_page());
});
after(async () => {
  await browser?.close();
  await service?.stop();
  if (place) fs.rmSync(place, { recursive: true, force: true });
});

test("without sweeps the list says what one is; a collection without embeddings has none to begin", async () => {
  await open(clusterings());
  await page.getByText("No parameters tried yet").waitFor();
  await axe(page, "sweeps, none");
  const { body: bare } = await service.ask("POST", "/v1/collections", { name: "Bare" });
  await open(`/collections/${bare.collection_id}?tab=clusterings`);
  const button = page.getByRole("button", { name: "Try parameters" });
  assert.equal(await button.getAttribute("aria-disabled"), "true");
  assert.equal(await button.getAttribute("title"), "The collection has no recordings yet.");
});

test("the dialog counts what it makes, and says at each field what is wrong with it", async () => {
  await open(clusterings());
  await page.getByRole("button", { name: "Try parameters" }).focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await dialog.getByText("6 combinations with 3 seeds each: 18 clusterings.").waitFor();
  await axe(page, "sweep, dialog");
  const smallest = dialog.getByLabel("Smallest cluster, in windows");
  const neighbours = dialog.getByLabel("Neighbours of a window");
  const begin = dialog.getByRole("button", { name: "Try them" });
  await smallest.fill("4, 8");
  await neighbours.fill("5 10 15");
  await dialog.getByText("Tries 5, 10 and 15.").waitFor();
  await dialog.getByText("12 combinations with 3 seeds each: 36 clusterings.").waitFor();

  await smallest.fill("a few");
  await dialog.getByText("Not counted: a value cannot be read.").waitFor();
  await smallest.press("Enter");
  await dialog.getByText("0, or a whole number of at least 2.").waitFor();
  assert.equal(await smallest.getAttribute("aria-invalid"), "true");
  await axe(page, "sweep, a value that is none");
  await smallest.fill("1, 5"); // The page lets it pass, the server does not.
  await begin.click();
  await dialog.getByText(/min_cluster_size is 0 \(chosen\) or at least 2, not 1/i).waitFor();
  assert.equal(await smallest.getAttribute("aria-invalid"), "true");
  await axe(page, "sweep, refused");
  await smallest.fill("5");
  await neighbours.fill("1, 5");
  await begin.click();
  await dialog.getByText(/n_neighbors must be a whole number/i).waitFor();
  assert.deepEqual([await smallest.getAttribute("aria-invalid"), await neighbours.getAttribute("aria-invalid")], ["false", "true"]);
  await neighbours.fill("5");
  await dialog.getByLabel("Seeds of each combination").fill("11");
  await begin.click();
  await dialog.getByText(/2 to 10 seeds/).waitFor();
  await dialog.getByLabel("Seeds of each combination").fill("2");
  await smallest.fill(Array.from({ length: 40 }, (_, i) => i + 2).join(","));
  await dialog.getByText("80 combinations with 2 seeds each: 160 clusterings.").waitFor();
  await begin.click();
  await dialog.getByText(/More than 64 combinations/).waitFor();
  await dialog.getByLabel("eom: the most lasting").uncheck();
  await dialog.getByLabel("leaf: the smallest").uncheck();
  await begin.click();
  await dialog.getByText("Choose at least one.").waitFor();
  await axe(page, "sweep, no selection");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await until("the focus where it was", () => page.getByRole("button", { name: "Try parameters" }).evaluate((button) => button === document.activeElement));
  assert.equal((await service.ask("GET", `/v1/runs?recipe=sweep&asset_id=${collection_id}`)).body.items.length, 0);
});

test("a sweep is begun, and its page shows it at work until the table is there", async () => {
  const paused = await service.ask("POST", "/v1/queue/pause", { recipe: "sweep" });
  assert.equal(paused.status, 200, JSON.stringify(paused.body));
  await open(clusterings());
  await page.getByRole("button", { name: "Try parameters" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Smallest cluster, in windows").fill("3, 5");
  await dialog.getByLabel("Seeds of each combination").fill("2");
  await dialog.getByText("4 combinations with 2 seeds each: 8 clusterings.").waitFor();
  await dialog.getByRole("button", { name: "Try them" }).click();
  await page.waitForURL(/\/runs\//);
  const run = await run_of_page();
  run_id = run.run_id;
  assert.deepEqual([run.recipe, run.params.sweep, run.params.seeds, run.params.model, run.params.window_s, run.params.clustering.n_neighbors],
    ["sweep", { min_cluster_size: [3, 5], selection: ["eom", "leaf"] }, 2, "builtin", 1, 15]);
  await page.getByRole("link", { name: "Open the sweep" }).click();
  await heading(page, `Sweep of ${name}`);
  await until("the focus on the heading", () => page.evaluate(() => document.activeElement?.tagName === "H1"));
  await page.getByText("Tries Smallest cluster 3, 5; selection eom, leaf.").waitFor();
  await axe(page, "sweep, queued");
  await open(clusterings());
  await page.getByRole("region", { name: "Sweeps" }).getByText("Not known yet").waitFor();
  await page.goBack();
  await heading(page, `Sweep of ${name}`);
  await service.ask("POST", "/v1/queue/resume", { recipe: "sweep" });
  await rows().first().waitFor(); // By itself.
});

test("the table is what the program found, best first, and says what the best is", async () => {
  await open(`/sweeps/${run_id}`);
  await rows().first().waitFor();
  const found = await document_of(run_id);
  const best = found.combinations[found.recommended];
  assert.ok(best.clusters >= 2 && best.noise <= 0.5, "the calls make clusters");
  const shown = await Promise.all((await rows().all()).map(async (row) => (await row.getByRole("cell").allInnerTexts()).map((text) => text.trim())));
  const headings = await page.getByRole("columnheader").allInnerTexts();
  assert.deepEqual(headings.slice(0, 7), ["Place", "Smallest cluster", "Selection", "Clusters", "Noise", "Stability", "What it says"]);
  assert.deepEqual(shown[0].slice(0, 3), ["1", String(best.tried.min_cluster_size), best.tried.selection]);
  assert.deepEqual([shown[0][3], shown[0][5]], [String(Number(best.clusters.toFixed(1))), best.stability.toFixed(3)]);
  assert.match(shown[0][6], /^Recommended: seeds (agree|disagree)/);
  assert.ok(shown.slice(1).every((cells) => !cells[6].includes("Recommended")));
  const useful = found.combinations.filter((c) => c !== best && c.clusters >= 2 && c.noise <= 0.5).map((c) => c.stability).sort((a, b) => b - a);
  assert.deepEqual(shown.slice(1, 1 + useful.length).map((cells) => cells[5]), useful.map((stability) => stability.toFixed(3)));
  assert.equal(shown.length, 4);
  await page.getByText(`Recommended: Smallest cluster ${best.tried.min_cluster_size}; selection ${best.tried.selection}`).waitFor();
  await page.getByText(`${found.windows} windows of 4 recordings`).waitFor();
  await axe(page, "sweep, table");

  await page.getByRole("link", { name: `Clusterings of ${name}` }).click();
  const listed = page.getByRole("region", { name: "Sweeps" }).getByRole("row").nth(1);
  await listed.getByText("4 combinations, 2 seeds").waitFor();
  await listed.getByText(`Smallest cluster ${best.tried.min_cluster_size}; selection ${best.tried.selection}`).waitFor();
  await axe(page, "sweeps, one");
  await listed.getByRole("link").click();
  await heading(page, `Sweep of ${name}`);
});

test("a row is clustered with, by keys; the clustering has its parameters", async () => {
  await open(`/sweeps/${run_id}`);
  const { combinations } = await document_of(run_id);
  const other = combinations.find((c) => c.tried.min_cluster_size === 3 && c.tried.selection === "leaf");
  await page.getByRole("button", { name: "Cluster with these parameters: Smallest cluster 3; selection leaf" }).focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await dialog.getByText("The fields hold what the sweep tried").waitFor();
  assert.deepEqual([await dialog.getByLabel("Smallest cluster, in windows").inputValue(), await dialog.getByLabel("Selection").inputValue(), await dialog.getByLabel("Neighbours of a window").inputValue()], ["3", "leaf", "15"]);
  assert.match(await dialog.getByLabel("Embeddings").locator("option:checked").innerText(), /windows of 1 s/);
  await axe(page, "cluster with a combination");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Cluster with these parameters: Smallest cluster 3; selection leaf" }).click();
  await dialog.getByRole("button", { name: "Cluster", exact: true }).click();
  await page.waitForURL(/\/runs\//);
  await page.getByRole("main").getByText("Complete").first().waitFor();
  const run = await run_of_page();
  const { body: tried } = await service.ask("GET", `/v1/runs/${run_id}`);
  assert.equal(run.recipe, "clusters");
  assert.deepEqual(run.params, { model: "builtin", window_s: 1, hop_s: 1, time_expansion: tried.params.time_expansion, where: {}, clustering: { ...tried.params.clustering, min_cluster_size: 3, selection: "leaf" } });
  const { body: list } = await service.ask("GET", `/v1/collections/${collection_id}/clusterings`);
  assert.equal(list.items.length, 1);
  assert.ok(other.clusters >= 2);
});

test("parameters without a field of their own are taken over, and said", async () => {
  const run = await sweep({ clustering: { n_components: 4 }, sweep: { min_samples: [1, 3], min_cluster_size: [5] }, where: {} }, "complete");
  await open(`/sweeps/${run.run_id}`);
  await page.getByRole("columnheader", { name: "Neighbours of a core distance" }).waitFor();
  await page.getByRole("button", { name: /^Cluster with these parameters: .*neighbours of a core distance 3$/ }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("dimensions of UMAP 4", { exact: false }).waitFor();
  await dialog.getByText("core distance 3", { exact: false }).waitFor();
  await axe(page, "cluster with others");
  await dialog.getByRole("button", { name: "Leave it" }).click();
  await page.getByRole("button", { name: "Try other parameters" }).click();
  await dialog.getByText("2 combinations with 2 seeds each: 4 clusterings.").waitFor();
  assert.equal(await dialog.getByLabel("Smallest cluster, in windows").inputValue(), "5");
  await dialog.getByLabel("Smallest cluster, in windows").fill("4");
  await dialog.getByRole("button", { name: "Try them" }).click();
  await page.waitForURL(/\/runs\//);
  const { params } = await run_of_page();
  assert.deepEqual([params.sweep, params.clustering.min_cluster_size, params.clustering.n_components, params.seeds], [{ min_samples: [1, 3] }, 4, 4, 2]);
});

test("one combination, one without clusters, one that fails, one that was canceled: each says what it is", async () => {
  const one = await sweep({ sweep: { min_cluster_size: [5] } }, "complete");
  await open(`/sweeps/${one.run_id}`);
  await page.getByText("The only combination: its seeds agree to").waitFor();
  assert.equal(await rows().count(), 1);
  await axe(page, "sweep, one combination");

  const none = await sweep({ sweep: { min_cluster_size: [40, 45] } }, "complete");
  assert.ok((await document_of(none.run_id)).combinations.every((c) => c.clusters === 0));
  await open(`/sweeps/${none.run_id}`);
  await page.getByText("None of these combinations makes clusters that say something").waitFor();
  assert.equal(await rows().filter({ hasText: "Found no clusters" }).count(), 2);
  assert.equal(await page.getByText("Recommended").count(), 0);
  await axe(page, "sweep, no clusters");
  await open(clusterings());
  await page.getByRole("region", { name: "Sweeps" }).getByText("None: no combination makes clusters that say something").waitFor();

  const failed = await sweep({ sweep: { min_cluster_size: [5, 500] } }, "failed");
  await open(`/sweeps/${failed.run_id}`);
  await page.getByText(/a cluster has at least 500/).waitFor();
  await axe(page, "sweep, failed");
  await page.getByRole("button", { name: "Try other parameters" }).click();
  const dialog = page.getByRole("dialog");
  assert.equal(await dialog.getByLabel("Smallest cluster, in windows").inputValue(), "5, 500");
  assert.match(await dialog.getByLabel("Embeddings").locator("option:checked").innerText(), /windows of 1 s \(4 recordings\)/);
  await page.keyboard.press("Escape");

  await service.ask("POST", "/v1/queue/pause", { recipe: "sweep" });
  const canceled = await sweep({ sweep: { n_neighbors: [3, 4] } });
  await service.ask("POST", `/v1/runs/${canceled.run_id}/cancel`, {});
  await service.ask("POST", "/v1/queue/resume", { recipe: "sweep" });
  await open(`/sweeps/${canceled.run_id}`);
  await page.getByText("Somebody canceled it").waitFor();
  await axe(page, "sweep, canceled");
});

test("what is no sweep is said to be none; what it found may be gone", async () => {
  await open("/sweeps/nothing");
  await page.getByText("There is no such sweep").waitFor();
  await axe(page, "a sweep that is not there");
  const { body: list } = await service.ask("GET", `/v1/runs?recipe=clusters&asset_id=${collection_id}`);
  await open(`/sweeps/${list.items[0].run_id}`);
  await page.getByText("This run tried no parameters").waitFor();
  const mine = await new_page();
  await mine.page.route(`**/v1/runs/${run_id}`, async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, json: { ...(await answer.json()), artifacts: [] } });
  });
  await mine.page.goto(`${service.url}/sweeps/${run_id}`);
  await mine.page.getByText("What it found is no longer there").waitFor();
  await axe(mine.page, "a sweep whose file is gone");
  await mine.context.close();
});

test("who may only read sees the table and begins nothing", async () => {
  const { body } = await service.ask("POST", "/v1/tokens", { name: "guest", scope: "read", owner_entity_id: "local" });
  const guest = await new_page({}, body.secret);
  await guest.page.goto(service.url + clusterings());
  const begin = guest.page.getByRole("button", { name: "Try parameters" });
  await begin.waitFor();
  assert.equal(await begin.getAttribute("aria-disabled"), "true");
  await guest.page.goto(`${service.url}/sweeps/${run_id}`);
  await rows(guest.page).first().waitFor();
  for (const button of await guest.page.getByRole("button", { name: /^(Cluster with these|Try other parameters)/ }).all()) {
    assert.equal(await button.getAttribute("aria-disabled"), "true");
    assert.match(await button.getAttribute("title"), /scope/);
  }
  await rows(guest.page).first().getByRole("button").click({ force: true });
  assert.equal(await guest.page.getByRole("dialog").count(), 0);
  await axe(guest.page, "sweep, read only");
  await guest.context.close();
});

test("light and dark, wide and narrow: no axe violation, no sideways scrolling, no console error", async () => {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1280, 390]) {
      const mine = await new_page({ colorScheme, viewport: { width, height: 844 } });
      const states = [
        [`/sweeps/${run_id}`, () => rows(mine.page).first().waitFor()],
        [clusterings(), () => mine.page.getByRole("region", { name: "Sweeps" }).getByText("4 combinations, 2 seeds").waitFor()],
        [clusterings(), async () => {
          await mine.page.getByRole("button", { name: "Try parameters" }).click();
          await mine.page.getByText(/18 clusterings/).waitFor();
        }],
      ];
      for (const [address, ready] of states) {
        await mine.page.goto(service.url + address);
        await ready();
        await axe(mine.page, `${address}, ${colorScheme}, ${width} px`);
        const [scroll_width, inner_width] = await mine.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.ok(scroll_width <= inner_width, `${address} at ${width} px is ${scroll_width} px wide`);
      }
      assert.deepEqual(mine.errors, [], `${colorScheme}, ${width} px`);
      await mine.context.close();
    }
  }
  assert.deepEqual(errors, []);
  console.log(`  axe: ${n_axe} states without a violation`);
  await context.close();
});
