// Collections in a real browser against the real program: make one, upload into it, see what is lacking, write down what is known,
// find a call again, cluster. What a server does not offer (yet) is left out. Ends with 77 (skipped) where there is no Chromium.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { expected_errors, find_chromium, find_violations, make_broken, make_calls, make_place, open_browser, Service, skip, sleep, until, watch_console } from "./service.mjs";

if (!find_chromium()) skip("chromium is not here; scripts/setup installs it");

const name = "Reef station 4";
let browser, service, place, context, page, errors, collection_id;
let n_axe = 0;

async function new_page(options = {}) {
  const fresh = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", ...options });
  const fresh_page = await fresh.newPage();
  fresh_page.setDefaultTimeout(30_000);
  const seen = watch_console(fresh_page, expected_errors);
  await fresh_page.goto(`${service.url}/#token=${service.token}`);
  await heading(fresh_page, "Home");
  return { context: fresh, page: fresh_page, errors: seen };
}
const heading = (on, text) => on.getByRole("heading", { level: 1, name: text }).waitFor();
const open = (target) => page.goto(service.url + target);
async function axe(on, what) {
  const violations = await find_violations(on);
  assert.equal(violations.length, 0, `axe on ${what}:\n${violations.join("\n")}`);
  n_axe += 1;
}
const members = async () => (await service.ask("GET", `/v1/collections/${collection_id}/members`)).body.items;
/** Whether the server knows an address at all. */
async function offers(method, target) {
  const { status, body } = await service.ask(method, target);
  return status !== 405 && status !== 501 && !(status === 404 && /there is nothing at/.test(body?.detail ?? ""));
}
const row_of = (file) => page.getByRole("row").filter({ has: page.getByRole("link", { name: file, exact: true }) });

before(async () => {
  place = make_place();
  browser = await open_browser();
  service = await Service.start(place);
  ({ context, page, errors } = await new_page());
});
after(async () => {
  await browser?.close();
  await service?.stop();
  if (place) fs.rmSync(place, { recursive: true, force: true });
});

test("without collections the page says what to do first", async () => {
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Collections" }).click();
  await heading(page, "Collections");
  await page.getByText("From a season of recordings to reviewed clusters").waitFor();
  await page.getByText("drop the folder of the memory card").waitFor();
  await axe(page, "collections, none");
  await open("/collections/nothing");
  await page.getByText("There is no such collection").waitFor();
  await axe(page, "a collection that is not there");
});

test("a collection is made, and asks for recordings; the page has the focus", async () => {
  await open("/collections");
  await page.getByLabel("Name of a new collection").fill(name);
  await page.getByRole("button", { name: "Make it" }).click();
  await heading(page, name);
  collection_id = new URL(page.url()).pathname.split("/").pop();
  await until("the focus on the heading", () => page.evaluate(() => document.activeElement?.tagName === "H1"));
  await page.getByText(`Drop the recordings of ${name} here`).waitFor();
  assert.equal(await page.getByRole("button", { name: "Cluster", exact: true }).getAttribute("aria-disabled"), "true");
  await axe(page, "collection, add");
  await open(`/collections/${collection_id}`);
  await page.getByText("No recording yet").waitFor();
  await axe(page, "collection, empty");
});

test("a folder is uploaded into it and embedded as the form says; a wrong window is named first", async () => {
  const folder = path.join(place, "card");
  fs.mkdirSync(path.join(folder, "DCIM"), { recursive: true });
  make_calls(path.join(folder, "DCIM", "S4A03895_20190522_060000.wav"), 14, [3, 9], 1);
  make_calls(path.join(folder, "DCIM", "S4A03895_20190523_060000.wav"), 12, [5], 2);
  make_calls(path.join(folder, "nameless.wav"), 10, [7], 3);
  await open(`/collections/${collection_id}?tab=add`);
  await page.getByLabel("Window, in s").fill("soon");
  await page.getByLabel("Files", { exact: true }).setInputFiles(path.join(folder, "nameless.wav"));
  await page.getByText("Nothing was added: a setting is wrong.").waitFor();
  assert.equal(await page.getByLabel("Window, in s").getAttribute("aria-invalid"), "true");
  await axe(page, "collection, add, a wrong window");
  await page.getByLabel("Window, in s").fill("1");
  await page.getByLabel("Model").selectOption("builtin");
  await page.getByLabel("Folder", { exact: true }).setInputFiles(folder);
  await until("three recordings to be embedded", async () => (await members()).filter((m) => m.encodings.length === 1).length === 3);
  const [first] = await members();
  const { body: asset } = await service.ask("GET", `/v1/assets/${first.asset_id}`);
  const { body: run } = await service.ask("GET", `/v1/runs/${asset.runs[0].run_id}`);
  assert.deepEqual([run.recipe, run.params.model, run.params.window_s], ["bioacoustics", "builtin", 1]);
});

test("the list says what each recording has and lacks, and embeds what is missing", async () => {
  const how = { collection: name };
  await service.ingest(make_calls(path.join(service.inbox, "late.wav"), 8, [2], 4), how);
  await service.wait_for_run((await service.ingest(make_broken(path.join(service.inbox, "broken.wav")), { ...how, recipe: "bioacoustics" })).run_id, "failed");
  await until("five", async () => (await members()).length === 5 && (await members()).every((m) => m.last_run.state === "complete" || m.last_run.state === "failed"));
  await open(`/collections/${collection_id}`);
  await row_of("S4A03895_20190522_060000.wav").getByText("2019-05-22 06:00:00").waitFor();
  await row_of("nameless.wav").getByText("not known").waitFor();
  await row_of("broken.wav").getByText("Failed").waitFor();
  await axe(page, "collection, recordings");
  await page.getByRole("button", { name: /^Not embedded/ }).click();
  await until("the filter in the address", () => new URL(page.url()).searchParams.get("lack") === "embeddings");
  await page.reload();
  await row_of("late.wav").waitFor();
  assert.equal(await row_of("nameless.wav").count(), 0);
  await row_of("late.wav").getByRole("checkbox").check();
  await page.getByRole("button", { name: "Embed", exact: true }).click();
  const dialog = page.getByRole("dialog");
  assert.equal(await dialog.getByLabel("Window, in s").inputValue(), "1"); // As the others were.
  assert.equal(await dialog.getByLabel("Model").inputValue(), "builtin");
  await axe(page, "embed, dialog");
  await dialog.getByRole("button", { name: "Embed", exact: true }).click();
  await dialog.getByText("1 recording queued.").waitFor();
  await dialog.getByRole("button", { name: "Close", exact: true }).last().click();
  await until("late.wav to be embedded", async () => (await members()).filter((m) => m.encodings.length).length === 4);
  await page.getByRole("button", { name: /^All/ }).click();
  await row_of("late.wav").getByText("embedded").waitFor(); // By itself.
});

test("what people know is written for several at once, and for one", async () => {
  await open(`/collections/${collection_id}`);
  for (const file of ["S4A03895_20190522_060000.wav", "S4A03895_20190523_060000.wav"]) await page.getByLabel(`Choose ${file}`).check();
  await page.getByRole("button", { name: "Edit metadata" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name, Tag data").fill("species");
  await dialog.getByLabel("Value, Tag data").fill("humpback");
  await dialog.getByRole("button", { name: "Add a value to Tag data" }).click();
  await dialog.getByLabel("Name, Tag data").nth(1).fill("depth_m");
  await dialog.getByLabel("Value, Tag data").nth(1).fill("12.5");
  await axe(page, "metadata of several");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("2 recordings saved.").waitFor();
  assert.equal((await members()).filter((m) => m.metadata.tag_data?.depth_m === 12.5).length, 2);
  await dialog.getByRole("button", { name: "Close", exact: true }).last().click();

  await row_of("S4A03895_20190522_060000.wav").getByRole("link", { name: "S4A03895_20190522_060000.wav" }).click();
  await heading(page, "S4A03895_20190522_060000.wav");
  await page.getByRole("heading", { name: "What the recorder says" }).waitFor();
  await page.getByText("2019-05-22 06:00:00, zone not known").waitFor();
  await page.getByText("from the file’s name").first().waitFor();
  await page.getByRole("region", { name: "Embeddings" }).getByText("windows of 1 s").waitFor();
  await page.getByRole("button", { name: "Edit", exact: true }).click();
  await page.getByRole("button", { name: "Add a value to Group composition" }).click();
  await page.getByLabel("Name, Group composition").fill("calves");
  await page.getByLabel("Value, Group composition").fill("1");
  await page.getByRole("button", { name: "Add a value to Group composition" }).click();
  await page.getByLabel("Name, Group composition").nth(1).fill("calves");
  await page.getByLabel("Value, Group composition").nth(1).fill("2");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("stands here twice").waitFor();
  await axe(page, "asset, metadata, a name twice");
  await page.getByRole("button", { name: "Remove calves" }).last().click();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  await axe(page, "asset of a collection");
  const one = (await members()).find((m) => m.filename.startsWith("S4A03895_20190522"));
  assert.deepEqual(one.metadata, { tag_data: { species: "humpback", depth_m: 12.5 }, group_composition: { calves: 1 } });
});

test("a table shows what it would change, and what is wrong in it", async () => {
  await open(`/collections/${collection_id}?tab=metadata`);
  const choose = (text) => page.getByLabel("Table of metadata").setInputFiles({ name: "sheet.csv", mimeType: "text/csv", buffer: Buffer.from(text) });
  await choose("file,species\nnameless.wav,orca\n");
  await page.getByText("Line 1, column 2:").waitFor();
  await choose(Buffer.from("file,tag_data.site\nnameless.wav,Troms\xf8\n", "latin1"));
  await page.getByText(/Line 2.*This line is not UTF-8/).waitFor();
  await axe(page, "metadata table, wrong");
  await choose("file,tag_data.species\nnameless.wav,orca\nS4A03895_20190522_060000.wav,humpback\nelsewhere.wav,orca\n");
  await page.getByText("1 value of 1 recording").waitFor();
  await page.getByText(/1 line names a recording/).waitFor();
  await page.getByRole("row").filter({ hasText: "nameless.wav" }).getByText("orca").waitFor();
  await axe(page, "metadata table, preview");
  const table = `/v1/collections/${collection_id}/metadata`;
  if (!(await offers("GET", table))) {
    await page.getByRole("button", { name: "Change 1 recording" }).click();
    await page.getByText("This server does not offer it yet.").waitFor();
    return;
  }
  await page.getByRole("button", { name: "Change 1 recording" }).click();
  await page.getByText(/^1 recording changed/).waitFor();
  assert.equal((await members()).find((m) => m.filename === "nameless.wav").metadata.tag_data.species, "orca");
});

test("a call is found again by an example; the search stands in the address", async () => {
  await open(`/collections/${collection_id}?tab=search`);
  const form = page.getByRole("form", { name: "Example and filters" });
  await form.locator("select").first().selectOption({ label: "S4A03895_20190522_060000.wav" });
  await form.getByLabel(/^From/).fill("0:03");
  await form.getByRole("button", { name: "Find alike" }).click();
  const found = page.getByRole("region", { name: "What was found" });
  await found.getByText(/windows of \d+ in 4 recordings/).waitFor();
  await sleep(300);
  await axe(page, "search, found");
  const top = found.getByRole("listitem").first();
  assert.match(await top.innerText(), /0:0[5-9]\.0|0:02\.0/); // One of the other calls, never the quiet.
  const address = new URL(page.url());
  assert.deepEqual([address.searchParams.get("tab"), address.searchParams.get("at"), address.searchParams.has("like")], ["search", "0:03", true]);
  await page.reload();
  await found.getByText(/windows of \d+ in 4 recordings/).waitFor();

  await form.getByText("Filters").click();
  await form.getByLabel("Since").fill("yesterday");
  await form.getByRole("button", { name: "Find alike" }).click();
  await form.getByText("A day or a time").first().waitFor();
  assert.equal(await form.getByLabel("Since").getAttribute("aria-invalid"), "true");
  await axe(page, "search, a wrong time");
  await form.getByLabel("Since").fill("2019-05-23");
  await form.getByRole("button", { name: "Add a condition" }).click();
  await form.getByLabel("Name of what is known").fill("tag_data.species");
  await form.getByLabel("Its value").fill("humpback");
  await form.getByRole("button", { name: "Find alike" }).click();
  await found.getByText(/only where tag_data.species is humpback/).waitFor();
  assert.equal(await found.getByRole("link", { name: "S4A03895_20190522_060000.wav" }).count(), 0); // Of the day before.
  await page.goBack();
  await until("the filters of before", async () => (await form.getByLabel("Since").inputValue()) === "");
  await page.goForward();
  await found.getByText(/only where tag_data.species is humpback/).waitFor();
  await found.getByRole("link", { name: "S4A03895_20190523_060000.wav" }).first().click();
  await heading(page, "S4A03895_20190523_060000.wav");
  await page.getByRole("region", { name: "What was found" }).getByText(/in 4 recordings/).waitFor();
  await axe(page, "asset, search");
});

test("thumbnails and clips are shown where the server makes them", async (t) => {
  const [first] = await members();
  if (!(await offers("GET", `/v1/assets/${first.asset_id}/clip?start_s=0&end_s=1`))) return t.skip("this server makes no clips");
  await open(`/collections/${collection_id}?tab=search&like=${(await members()).find((m) => m.encodings.length).asset_id}&at=3`);
  const found = page.getByRole("region", { name: "What was found" });
  await until("a picture", () => found.locator("img").first().evaluate((img) => img.complete && img.naturalWidth > 8));
  await found.getByRole("button", { name: /^Play/ }).first().click();
  await found.getByRole("button", { name: /^Stop/ }).waitFor();
  return undefined;
});

test("a clustering is queued with its parameters; what the server refuses stands at its field", async () => {
  await open(`/collections/${collection_id}`);
  await page.getByRole("button", { name: "Cluster", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await axe(page, "cluster, dialog");
  await dialog.getByLabel("Smallest cluster, in windows").fill("1");
  await dialog.getByRole("button", { name: "Cluster", exact: true }).click();
  await dialog.getByText(/Min_cluster_size is 0|min_cluster_size is 0/).waitFor();
  assert.equal(await dialog.getByLabel("Smallest cluster, in windows").getAttribute("aria-invalid"), "true");
  await axe(page, "cluster, refused");
  await dialog.getByLabel("Smallest cluster, in windows").fill("4");
  await dialog.getByLabel("Neighbours of a window").fill("5");
  await dialog.getByLabel("Selection").selectOption("leaf");
  await dialog.getByRole("button", { name: "Cluster", exact: true }).click();
  await page.waitForURL(/\/runs\//);
  await page.getByRole("main").getByText("Complete").first().waitFor();
  await axe(page, "run of a collection");
  const { body: run } = await service.ask("GET", `/v1/runs/${new URL(page.url()).pathname.split("/").pop()}`);
  assert.deepEqual([run.params.window_s, run.params.clustering.min_cluster_size, run.params.clustering.n_neighbors, run.params.clustering.selection], [1, 4, 5, "leaf"]);
  await page.getByRole("link", { name: "Open the collection" }).click();
  await heading(page, name);
  await page.getByRole("link", { name: "Clusterings" }).click();
  await page.getByRole("region", { name: "Runs over this collection" }).getByText("Complete").waitFor();
  if (await offers("GET", `/v1/collections/${collection_id}/clusterings`)) await page.locator('main a[href^="/clusterings/"]').first().waitFor();
  await axe(page, "collection, clusterings");
});

test("recordings that came later are assigned to the newest clustering", async (t) => {
  if (!(await offers("GET", `/v1/collections/${collection_id}/clusterings`))) return t.skip("this server lists no clusterings");
  await open(`/collections/${collection_id}?tab=clusterings`);
  const assign = page.getByRole("button", { name: "Assign new recordings" });
  await assign.waitFor();
  assert.equal(await assign.getAttribute("aria-disabled"), "true", "there are none yet");
  const { body } = await service.ask("GET", `/v1/collections/${collection_id}`);
  const later = await service.ingest(make_calls(path.join(service.inbox, "S4A03895_20190523_060000.wav"), 9, [3], 77),
    { recipe: "bioacoustics", collection: body.name, params: { model: "builtin", window_s: 1 } });
  await service.wait_for_run(later.run_id, "complete");
  await page.getByText("1 embedded recording is not in the newest clustering").waitFor();
  await axe(page, "collection, new recordings");
  await assign.click();
  await page.waitForURL(/\/runs\//);
  await page.getByRole("main").getByText("Complete").first().waitFor();
  await page.getByRole("link", { name: "Open the collection" }).click();
  await heading(page, name);
  await open(`/collections/${collection_id}?tab=clusterings`);
  await page.getByText("and 1 recording added later").waitFor();
  await page.locator('main a[href^="/clusterings/"]').first().click();
  await page.getByText(/With them \d+ windows of 1 recording that came later/).waitFor();
  await service.ask("DELETE", `/v1/collections/${collection_id}/members/${later.asset_id}`);
  return undefined;
});

test("tables of other programs are taken in and withdrawn; tables go out", async (t) => {
  await open(`/collections/${collection_id}?tab=annotations`);
  await page.getByRole("heading", { name: "Take it elsewhere" }).waitFor();
  await sleep(300);
  await axe(page, "annotations");
  if (!(await offers("GET", `/v1/collections/${collection_id}/annotations`))) return t.skip("this server takes no annotations");
  const raven = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tBegin File\tFile Offset (s)\tAnnotation\n" +
    "1\tSpectrogram 1\t1\t3\t4\t500\t2000\tS4A03895_20190522_060000.wav\t3\twhup\n";
  await page.getByLabel("Tables of annotations").setInputFiles({ name: "heard.selections.txt", mimeType: "text/plain", buffer: Buffer.from(raven) });
  await page.getByText("1 annotation taken in from 1 table.").waitFor();
  await page.getByLabel("Tables of annotations").setInputFiles({ name: "windows.txt", mimeType: "text/plain", buffer: Buffer.from(raven.replace("whup", "r\xf8st"), "latin1") });
  await page.getByText(/line 2: .* is not UTF-8/).waitFor();
  await page.getByText("whup").waitFor();
  await axe(page, "annotations, one table");
  if (await offers("GET", `/v1/collections/${collection_id}/export?format=raven`)) {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download Raven selection table" }).click()]);
    assert.match(fs.readFileSync(await download.path(), "utf8"), /Begin Time \(s\)/);
  }
  await page.getByRole("button", { name: "Withdraw" }).click();
  await axe(page, "annotations, withdraw");
  await page.getByRole("dialog").getByRole("button", { name: "Withdraw" }).click();
  await page.getByText(/is withdrawn: its annotations count no more/).waitFor();
  return undefined;
});

test("recordings leave a collection and come back", async () => {
  await open(`/collections/${collection_id}`);
  await page.getByLabel("Choose broken.wav").check();
  await page.getByRole("button", { name: "Take out" }).click();
  await axe(page, "take out, dialog");
  await page.getByRole("dialog").getByRole("button", { name: "Take out" }).click();
  await page.getByText(/taken out of the collection/).waitFor();
  await until("it to be gone", async () => (await members()).length === 4);
  await open(`/collections/${collection_id}?tab=add`);
  await page.getByText("From recordings that are here already").click();
  await page.getByLabel("broken.wav").check();
  await axe(page, "add known recordings");
  await page.getByRole("button", { name: "Add 1 recording" }).click();
  await page.getByText("1 recording added.").waitFor();
  await until("it to be back", async () => (await members()).length === 5);
});

test("thousands of recordings scroll with a hundred rows at most in the page", async () => {
  const n = 5000;
  const mine = await new_page();
  await mine.page.route(`**/v1/collections/${collection_id}/members`, (route) => route.fulfill({ json: {
    items: Array.from({ length: n }, (_, i) => ({ asset_id: `a${i}`, filename: `recording ${i}.wav`, metadata: {}, duration_s: 60, start_local: null, encodings: [], last_run: null })) } }));
  await mine.page.goto(`${service.url}/collections/${collection_id}`);
  await mine.page.getByText("recording 0.wav").waitFor();
  await mine.page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  await mine.page.getByText("recording 999.wav").waitFor();
  assert.ok((await mine.page.getByRole("row").count()) <= 100);
  await mine.page.getByLabel("Choose all shown recordings").check();
  await mine.page.getByText("5,000 recordings chosen").waitFor();
  assert.deepEqual(mine.errors, []);
  await mine.context.close();
});

test("who may only read sees everything and changes nothing", async () => {
  const { body } = await service.ask("POST", "/v1/tokens", { name: "guest", scope: "read", owner_entity_id: "local" });
  const guest = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce" });
  const on = await guest.newPage();
  await on.goto(`${service.url}/#token=${body.secret}`);
  await heading(on, "Home");
  await on.goto(`${service.url}/collections/${collection_id}`);
  await heading(on, name);
  assert.equal(await on.getByRole("button", { name: "Cluster", exact: true }).getAttribute("aria-disabled"), "true");
  await axe(on, "collection, read only");
  await guest.close();
});

test("every page, light and dark, wide and narrow: no axe violation, no sideways scrolling, no console error", async () => {
  const one = (await members()).find((m) => m.encodings.length).asset_id;
  const base = `/collections/${collection_id}`;
  const pages = ["/collections", base, `${base}?lack=start`, `${base}?tab=add`, `${base}?tab=clusterings`, `${base}?tab=search&like=${one}&at=3`, `${base}?tab=metadata`, `${base}?tab=annotations`, `/assets/${one}?in=${collection_id}&at=3`];
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1280, 390]) {
      const mine = await new_page({ colorScheme, viewport: { width, height: 844 } });
      for (const address of pages) {
        await mine.page.goto(service.url + address);
        await mine.page.getByRole("heading", { level: 1 }).waitFor();
        await mine.page.waitForFunction(() => !/Reading …|Searching …/.test(document.querySelector("main").innerText), null, { timeout: 10_000 }).catch(() => {});
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
