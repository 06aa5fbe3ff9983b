// Sweeps of a collection: they are runs of the recipe "sweep", and each has made one document.

import { api } from "./api";
import type { ListedRun, Run, Sweep } from "./types";

/** What a run has found, or null: it has not ended, or its file is no longer there. */
export async function sweep_of(run: Pick<Run, "asset_id" | "artifacts">): Promise<Sweep | null> {
  const made = run.artifacts.find((artifact) => artifact.type === "sweep_v1");
  return made ? api.collection_artifact_json<Sweep>(run.asset_id, made.artifact_id) : null;
}

export interface ListedSweep extends ListedRun {
  params?: Record<string, unknown>; // Absent while it is being read.
  sweep?: Sweep | null;
}

/** The newest sweeps of a collection. Those that are complete are read once. */
export class SweepsOf {
  items = $state.raw<ListedSweep[] | null>(null);
  has_more = $state(false);
  #known = new Map<string, ListedSweep>();
  #reading = 0;

  constructor(readonly collection_id: string) {}

  async read(): Promise<void> {
    const mine = (this.#reading += 1);
    const page = await api.runs({ asset_id: this.collection_id, recipe: "sweep", limit: 10 });
    if (mine !== this.#reading) return;
    this.has_more = page.next !== null;
    const show = () => (this.items = page.items.map((run) => this.#known.get(key_of(run)) ?? run));
    show();
    await Promise.all(page.items.filter((run) => !this.#known.has(key_of(run))).map(async (listed) => {
      // Without its details it still stands in the list.
      const run = await api.run(listed.run_id).catch(() => null);
      const sweep = run?.state === "complete" ? await sweep_of(run).catch(() => null) : null;
      if (run) this.#known.set(key_of(listed), { ...listed, ...(run.params ? { params: run.params } : {}), sweep });
    }));
    if (mine === this.#reading) show();
  }
}

function key_of(run: ListedRun): string {
  return `${run.run_id} ${run.state} ${run.finished_at ?? ""}`;
}
