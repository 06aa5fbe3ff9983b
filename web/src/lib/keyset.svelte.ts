// A list that comes in pages, newest (or oldest) first: grows at its end on demand, and takes in what is new at its
// head without moving what is being read.

import { to_problem, type Problem } from "./api";
import type { Page } from "./types";

export class Keyset<T> {
  items = $state.raw<T[]>([]);
  is_complete = $state(false);
  is_loading = $state(false);
  is_fresh = $state(false); // The first page has been read.
  problem = $state.raw<Problem | null>(null);
  held = $state.raw<T[]>([]); // New ones that wait until the reader comes back to the top.
  #next: string | null = null;
  #abort = new AbortController();

  constructor(
    readonly read: (cursor: string | null, signal: AbortSignal) => Promise<Page<T>>,
    readonly key: (item: T) => string,
    readonly is_newest_first = true,
  ) {}

  async more(): Promise<void> {
    if (this.is_loading || this.is_complete || this.#abort.signal.aborted) return;
    if (this.problem && this.is_fresh) return; // Asked for again by hand.
    this.is_loading = true;
    try {
      const page = await this.read(this.#next, this.#abort.signal);
      const known = new Set(this.items.map(this.key));
      this.items = [...this.items, ...page.items.filter((item) => !known.has(this.key(item)))];
      this.#next = page.next;
      this.is_complete = page.next === null;
      this.is_fresh = true;
      this.problem = null;
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.problem = to_problem(error);
    } finally {
      this.is_loading = false;
    }
  }

  try_again(): void {
    this.problem = null;
    void this.more();
  }

  /** Reads the first page again: what it covers is as it says now; what is below stays. */
  async refresh_head(hold_new: boolean): Promise<void> {
    if (!this.is_fresh || !this.is_newest_first) return;
    let page: Page<T>;
    try {
      page = await this.read(null, this.#abort.signal);
    } catch {
      return; // The next event brings another try; the list still shows what it knew.
    }
    if (this.#abort.signal.aborted) return;
    const place = new Map(this.items.map((item, i) => [this.key(item), i]));
    const fresh = new Map(page.items.map((item) => [this.key(item), item]));
    const first = page.items.findIndex((item) => place.has(this.key(item)));
    const last = page.items.findLastIndex((item) => place.has(this.key(item)));
    if (last < 0 && this.items.length > 0 && hold_new) {
      this.held = page.items;
      return;
    }
    // What the page covers ends where its last known item stands; what is known behind that stays.
    const cut = page.next === null ? this.items.length : last < 0 ? this.items.length : place.get(this.key(page.items[last]!))! + 1;
    const rest = this.items.slice(cut).filter((item) => !fresh.has(this.key(item)));
    if (rest.length === 0) {
      this.#next = page.next;
      this.is_complete = page.next === null;
    }
    if (hold_new) {
      this.held = page.items.slice(0, first);
      const head = this.items.slice(0, cut).map((item) => fresh.get(this.key(item)) ?? item);
      this.items = [...head, ...page.items.slice(last + 1), ...rest];
    } else {
      this.held = [];
      this.items = [...page.items, ...rest];
    }
  }

  change(key: string, change: (item: T) => T): void {
    const index = this.items.findIndex((item) => this.key(item) === key);
    if (index < 0) return;
    const items = this.items.slice();
    items[index] = change(items[index]!);
    this.items = items;
  }

  stop(): void {
    this.#abort.abort();
  }
}
