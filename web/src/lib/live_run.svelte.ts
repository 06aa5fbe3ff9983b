// One run, followed: read at first, and again whenever something happens to it; progress in between.

import { api, to_problem, type Problem } from "./api";
import { live, on_event } from "./live.svelte";
import { throttled } from "./store.svelte";
import type { Progress, Run, ServiceEvent } from "./types";

export function progress_of(event: ServiceEvent): Progress {
  const number = (name: string) => (typeof event.payload[name] === "number" ? (event.payload[name] as number) : null);
  return { fraction: number("fraction") ?? 0, eta_s: number("eta_s"), audio_x: number("audio_x") };
}

export class LiveRun {
  run = $state.raw<Run | null>(null);
  problem = $state.raw<Problem | null>(null);
  #stop: () => void;
  #is_over = false;

  constructor(readonly run_id: string, gap_ms = 400) {
    const soon = throttled(() => void this.refresh(), gap_ms);
    const stop_events = on_event((event) => {
      if (event.type === "stream.open" && this.run) return soon();
      if (event.run_id !== run_id) return;
      if (event.type === "task.progress") this.#set_progress(event);
      else soon();
    });
    // A broken connection tells nothing; then look now and then.
    const timer = setInterval(() => {
      const is_open = !this.run || this.run.state === "queued" || this.run.state === "running";
      if (is_open && (live.state !== "live" || this.run?.state === "running") && !document.hidden) soon();
    }, 3000);
    this.#stop = () => {
      stop_events();
      clearInterval(timer);
    };
    void this.refresh();
  }

  async refresh(): Promise<void> {
    try {
      const run = await api.run(this.run_id);
      if (this.#is_over) return;
      this.run = run;
      this.problem = null;
    } catch (error) {
      if (!this.#is_over) this.problem = to_problem(error);
    }
  }

  #set_progress(event: ServiceEvent): void {
    const run = this.run;
    if (!run) return;
    this.run = {
      ...run,
      tasks: run.tasks.map((task) =>
        task.task_id === event.task_id && (task.state === "running" || task.state === "queued")
          ? { ...task, state: "running", progress: progress_of(event) } : task),
    };
  }

  stop(): void {
    this.#is_over = true;
    this.#stop();
  }
}
