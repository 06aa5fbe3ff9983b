// A clustering and what people say of it. Points and recordings are read once; after an action only the clusters and the
// labels are. Somebody else's action in between is a conflict: it is told, and what is seen is read again.

import { api, Problem, to_problem } from "./api";
import { parse_labels, parse_points, type Labels, type Points } from "./points";
import type { Cluster, MapRecording, NewReviewAction, Probe, ReviewAction, ReviewedClustering, ReviewWindow } from "./types";

type WithoutVersion<A> = A extends unknown ? Omit<A, "expected_version"> : never;
export type Wish = WithoutVersion<NewReviewAction>;

export function cluster_words(cluster: Pick<Cluster, "cluster" | "label">): string {
  if (cluster.cluster < 0) return "noise";
  return cluster.label ? `${cluster.label} (cluster ${cluster.cluster})` : `cluster ${cluster.cluster}`;
}

export class Review {
  clustering = $state.raw<ReviewedClustering | null>(null);
  collection = $state(""); // Its name, or until that is known its id.
  points = $state.raw<Points | null>(null);
  recordings = $state.raw<MapRecording[]>([]);
  labels = $state.raw<Labels | null>(null);
  actions = $state.raw<ReviewAction[]>([]);
  probes = $state.raw<Probe[]>([]);
  problem = $state.raw<Problem | null>(null); // The clustering itself could not be read.
  map_problem = $state.raw<Problem | null>(null); // There are clusters, but no map of them.
  history_problem = $state.raw<Problem | null>(null);
  busy = $state(""); // What is under way.
  said = $state("");
  action_problem = $state.raw<Problem | null>(null);
  conflict = $state(""); // What somebody else did meanwhile.
  #abort = new AbortController();
  #clusters = $derived(new Map((this.clustering?.items ?? []).map((c) => [c.cluster, c])));

  constructor(readonly clustering_id: string) {}

  stop(): void {
    this.#abort.abort();
  }

  cluster(number: number): Cluster | undefined {
    return this.#clusters.get(number);
  }
  cluster_name(number: number): string {
    return cluster_words(this.#clusters.get(number) ?? { cluster: number, label: null });
  }
  get label_names(): string[] {
    return (this.clustering?.labels ?? []).map((l) => l.label);
  }

  /** A window of the map, from what is known here already. */
  window(row: number): ReviewWindow | null {
    const { points, labels } = this;
    if (!points || !labels || row < 0 || row >= points.n) return null;
    const recording = this.recordings[points.recording[row]!];
    return {
      row, asset_id: recording?.asset_id ?? "", filename: recording?.filename ?? "", row_index: points.row_index[row]!,
      start_s: points.start_s[row]!, end_s: points.end_s[row]!, cluster: labels.cluster[row]!,
      label: this.label_names[labels.label[row]!] ?? null, probability: points.probability[row]!, outlier_score: null,
    };
  }

  async #quietly(work: (signal: AbortSignal) => Promise<void>, failed: (problem: Problem) => void): Promise<void> {
    const { signal } = this.#abort;
    try {
      await work(signal);
    } catch (error) {
      if (!signal.aborted) failed(to_problem(error));
    }
  }

  /** Everything, for the first time or after a failure. */
  async load(): Promise<void> {
    this.problem = null;
    this.map_problem = null;
    await this.#quietly(async (signal) => {
      this.clustering = await api.clustering(this.clustering_id, signal);
    }, (problem) => (this.problem = problem));
    if (!this.clustering) return;
    const map = this.#quietly(async (signal) => {
      const [points, labels, recordings] = await Promise.all([api.clustering_points(this.clustering_id, signal),
        api.clustering_labels(this.clustering_id, signal), api.clustering_recordings(this.clustering_id, signal)]);
      const read = { points: parse_points(points), labels: parse_labels(labels) };
      if (read.points.n !== read.labels.n)
        throw new Problem(0, "ANSWER_DAMAGED", "The labels belong to another table of windows than the points.",
          "The clustering was made again while this page was open.", "Load the page again.", true, "");
      this.recordings = recordings.items;
      this.labels = read.labels;
      this.points = read.points;
    }, (problem) => (this.map_problem = problem));
    await Promise.all([map, this.load_name(), this.load_actions(), this.load_probes()]);
  }

  async load_name(): Promise<void> {
    const collection_id = this.clustering!.collection_id;
    this.collection ||= collection_id;
    await this.#quietly(async () => {
      this.collection = (await api.collection(collection_id)).name;
    }, () => {}); // Then it is called by its id.
  }

  /** What actions change: clusters, labels, history. Never the points. */
  async reload(): Promise<void> {
    await this.#quietly(async (signal) => {
      const [clustering, labels] = await Promise.all([api.clustering(this.clustering_id, signal),
        this.points ? api.clustering_labels(this.clustering_id, signal) : Promise.resolve(null)]);
      if (labels) this.labels = parse_labels(labels);
      this.clustering = clustering;
    }, (problem) => (this.action_problem = problem));
    await this.load_actions();
  }

  async load_actions(): Promise<void> {
    await this.#quietly(async (signal) => {
      this.actions = (await api.review_actions(this.clustering_id, signal)).items;
      this.history_problem = null;
    }, (problem) => (this.history_problem = problem));
  }

  async load_probes(): Promise<void> {
    const collection_id = this.clustering?.collection_id;
    if (!collection_id) return;
    await this.#quietly(async (signal) => {
      this.probes = (await api.probes(collection_id, signal)).items;
    }, () => {}); // There may be none; learning one says what is wrong.
  }

  /** Reads again what is seen if somebody else has acted. */
  async look_again(): Promise<void> {
    if (this.busy || !this.clustering) return;
    await this.#quietly(async (signal) => {
      const now = await api.clustering(this.clustering_id, signal);
      if (now.review_version !== this.clustering?.review_version) await this.reload();
    }, () => {});
  }

  /** Nothing is done if somebody else has acted since what is seen was read. */
  get #version(): { expected_version?: number } {
    return this.clustering ? { expected_version: this.clustering.review_version } : {};
  }
  act(wish: Wish): Promise<boolean> {
    return this.#do("Working …", () => api.review(this.clustering_id, { ...wish, ...this.#version } as NewReviewAction), (action) => `Done: ${action.summary}`);
  }
  undo(): Promise<boolean> {
    return this.#do("Undoing …", () => api.undo_review(this.clustering_id, this.#version), (action) => `Undone: ${action.summary}`);
  }
  redo(): Promise<boolean> {
    return this.#do("Doing it again …", () => api.redo_review(this.clustering_id, this.#version), (action) => `Done again: ${action.summary}`);
  }

  async #do(doing: string, work: () => Promise<{ action: ReviewAction }>, words: (action: ReviewAction) => string): Promise<boolean> {
    if (this.busy) return false;
    this.busy = doing;
    this.clear();
    try {
      const { action } = await work();
      await this.reload();
      this.said = words(action);
      return true;
    } catch (error) {
      const problem = to_problem(error);
      if (problem.code === "CONFLICT" || problem.status === 409) {
        await this.reload();
        const newest = this.actions.find((a) => !a.undone_at);
        this.conflict = newest ? `${newest.made_by || "Somebody"}: ${newest.summary}` : "Somebody has undone something.";
      } else this.action_problem = problem;
      return false;
    } finally {
      this.busy = "";
    }
  }

  clear(): void {
    this.said = "";
    this.conflict = "";
    this.action_problem = null;
  }

  get can_undo(): boolean {
    return this.actions.some((a) => !a.undone_at);
  }
  get can_redo(): boolean {
    return this.actions.some((a) => a.undone_at);
  }
}
