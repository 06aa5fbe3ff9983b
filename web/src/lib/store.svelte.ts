// What several pages look at: the state of the service, the recipes, the pauses and the catalogue of errors.

import { api, to_problem, type Problem } from "./api";
import { on_event } from "./live.svelte";
import type { ErrorInfo, Pause, RecipeInfo, Status } from "./types";

let status = $state.raw<Status | null>(null);
let status_problem = $state.raw<Problem | null>(null);
let pauses = $state.raw<Pause[]>([]);
let recipes = $state.raw<RecipeInfo[]>([]);
let errors = $state.raw<ReadonlyMap<string, ErrorInfo>>(new Map());

export const store = {
  get status() {
    return status;
  },
  get status_problem() {
    return status_problem;
  },
  get pauses() {
    return pauses;
  },
  get recipes() {
    return recipes;
  },
  error_info(code: string): ErrorInfo | undefined {
    return errors.get(code);
  },
};

/** The stages of a recipe in their order; those of `ssis` if the server does not tell. */
export function stages_of(recipe: string): string[] {
  const known = recipes.find((r) => r.name === recipe);
  return known ? known.stages.map((s) => s.name) : ["decode", "features", "segments", "preview"];
}

export function recipe_names(): string[] {
  return recipes.length ? recipes.map((r) => r.name) : ["ssis"];
}

/** The recipes that take recordings; others take collections. */
export function recording_recipe_names(): string[] {
  const names = recipes.filter((r) => r.stages.some((stage) => stage.inputs.includes("original"))).map((r) => r.name);
  return names.length ? names : ["ssis"];
}

/** Calls `work` at most once in `gap_ms`, and once more after the last call. */
export function throttled(work: () => void, gap_ms: number): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = 0;
  return () => {
    if (timer !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      last = Date.now();
      work();
    }, Math.max(0, last + gap_ms - Date.now()));
  };
}

/** Calls `work` when asked to, so that it takes a tenth of the time at most: what is large is read more seldom. */
export function unhurried(work: () => Promise<void>, gap_ms_min: number): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let next_ms = 0;
  return () => {
    if (timer !== undefined) return;
    timer = setTimeout(async () => {
      const begun_ms = Date.now();
      await work();
      timer = undefined;
      next_ms = Date.now() + Math.max(gap_ms_min, 10 * (Date.now() - begun_ms));
    }, Math.max(0, next_ms - Date.now()));
  };
}

export async function refresh_status(): Promise<void> {
  try {
    status = await api.status();
    status_problem = null;
  } catch (error) {
    status_problem = to_problem(error);
  }
}

export async function refresh_pauses(): Promise<void> {
  try {
    pauses = (await api.pauses()).items;
  } catch {
    // The banner is missing; the status page says why.
  }
}

/** Looks at once, at what happens, and every few seconds while somebody looks at the page. */
export function start_store(): () => void {
  const soon = throttled(() => void refresh_status(), 1500);
  const stop_events = on_event((event) => {
    if (event.type === "task.progress") return;
    if (event.type.startsWith("queue.")) void refresh_pauses();
    soon();
  });
  const timer = setInterval(() => {
    if (!document.hidden) soon();
  }, 5000);
  const on_visible = () => {
    if (!document.hidden) soon();
  };
  document.addEventListener("visibilitychange", on_visible);
  soon();
  void refresh_pauses();
  api.recipes().then((list) => (recipes = list.items)).catch(() => {});
  api.errors().then((list) => (errors = new Map(list.items.map((e) => [e.code, e])))).catch(() => {});
  return () => {
    stop_events();
    clearInterval(timer);
    document.removeEventListener("visibilitychange", on_visible);
  };
}
