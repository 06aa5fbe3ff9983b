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
    const known = new Set(this.items.map(this.key));
    const fresh = new Map(page.items.map((item) => [this.key(item), item]));
    const news = page.items.filter((item) => !known.has(this.key(item)));
    // Where the first page ends, what is known goes on.
    const last = page.items.at(-1);
    const cut = page.next === null ? this.items.length : last ? this.items.findIndex((item) => this.key(item) === this.key(last)) + 1 : 0;
    const head = this.items.slice(0, cut).flatMap((item) => {
      const now = fresh.get(this.key(item));
      return now ? [now] : hold_new ? [item] : [];
    });
    const rest = this.items.slice(cut);
    if (page.next === null) this.is_complete = true;
    if (cut === 0 && this.items.length > 0 && news.length === page.items.length && !hold_new) {
      // A whole page of news: begin anew rather than leave a hole.
      this.items = page.items;
      this.#next = page.next;
      this.is_complete = page.next === null;
      this.held = [];
      return;
    }
    if (hold_new) {
      this.held = news;
      this.items = [...head, ...rest];
    } else {
      this.held = [];
      this.items = [...news, ...head, ...rest];
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
