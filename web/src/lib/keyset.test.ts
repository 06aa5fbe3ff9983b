import assert from "node:assert/strict";
import { test } from "node:test";
import { Keyset } from "./keyset.svelte";

interface Item {
  id: number;
  state: string;
}

/** A list as the server has it, newest first, in pages of `limit`. */
class Source {
  items: Item[] = [];
  n_reads = 0;
  constructor(n: number, readonly limit = 10) {
    for (let id = n; id > 0; id -= 1) this.items.push({ id, state: "queued" });
  }
  read = async (cursor: string | null) => {
    this.n_reads += 1;
    const rest = cursor === null ? this.items : this.items.filter((item) => item.id < Number(cursor));
    const items = rest.slice(0, this.limit).map((item) => ({ ...item }));
    return { items, next: rest.length > this.limit ? String(items.at(-1)!.id) : null };
  };
  add(id: number) {
    this.items.unshift({ id, state: "queued" });
  }
}
const ids = (list: Keyset<Item>) => list.items.map((item) => item.id);
const list_of = (source: Source) => new Keyset<Item>(source.read, (item) => String(item.id));
const down_from = (high: number, low = 1) => Array.from({ length: high - low + 1 }, (_, i) => high - i);

test("all pages together are the list, each item once", async () => {
  const source = new Source(35);
  const list = list_of(source);
  while (!list.is_complete) await list.more();
  assert.deepEqual(ids(list), down_from(35));
  assert.equal(source.n_reads, 4);
  await list.more();
  assert.equal(source.n_reads, 4, "nothing is asked behind the end");
});

test("what is new comes to the head, and changes are taken over", async () => {
  const source = new Source(35);
  const list = list_of(source);
  await list.more();
  await list.more();
  source.add(36);
  source.items.find((item) => item.id === 30)!.state = "complete";
  await list.refresh_head(false);
  assert.deepEqual(ids(list), down_from(36, 16));
  assert.equal(list.items.find((item) => item.id === 30)!.state, "complete");
  while (!list.is_complete) await list.more();
  assert.deepEqual(ids(list), down_from(36));
});

test("while somebody reads further down, what is new is held and nothing moves", async () => {
  const source = new Source(35);
  const list = list_of(source);
  await list.more();
  source.add(36);
  await list.refresh_head(true);
  assert.deepEqual(ids(list), down_from(35, 26));
  assert.deepEqual(list.held.map((item) => item.id), [36]);
  await list.refresh_head(false);
  assert.deepEqual(ids(list), down_from(36, 26));
  assert.deepEqual(list.held, []);
});

test("what does not match any more leaves the head", async () => {
  const source = new Source(35);
  const list = list_of(source);
  await list.more();
  source.items = source.items.filter((item) => item.id !== 33);
  await list.refresh_head(false);
  assert.ok(!ids(list).includes(33));
  assert.equal(new Set(ids(list)).size, ids(list).length);
});

test("more news than a page begins the list anew instead of leaving a hole", async () => {
  const source = new Source(35);
  const list = list_of(source);
  await list.more();
  for (let id = 36; id <= 60; id += 1) source.add(id);
  await list.refresh_head(false);
  while (!list.is_complete) await list.more();
  assert.deepEqual(ids(list), down_from(60));
});

test("a list that was empty takes in its first item", async () => {
  const source = new Source(0);
  const list = list_of(source);
  await list.more();
  source.add(1);
  await list.refresh_head(false);
  assert.deepEqual(ids(list), [1]);
});

test("a failure is shown, keeps what there is, and can be tried again", async () => {
  const source = new Source(35);
  let is_broken = false;
  const list = new Keyset<Item>(async (cursor) => {
    if (is_broken) throw new Error("gone");
    return source.read(cursor);
  }, (item) => String(item.id));
  await list.more();
  is_broken = true;
  await list.more();
  assert.equal(list.problem?.code, "NO_CONNECTION");
  assert.equal(list.items.length, 10);
  is_broken = false;
  list.problem = null;
  await list.more();
  assert.equal(list.items.length, 20);
});
