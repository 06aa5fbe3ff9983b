// What happens, as it happens: one stream of events for the whole page. The browser asks again with
// Last-Event-ID when the connection breaks, so nothing is missed; `live.state` says how it stands.

import { api } from "./api";
import type { ServiceEvent } from "./types";

type Listener = (event: ServiceEvent) => void;

const types = [
  "run.submitted", "run.complete", "run.failed", "run.canceled", "run.retried",
  "task.started", "task.complete", "task.failed", "task.retrying", "task.progress", "task.interrupted",
  "task.replanned", "task.canceled", "queue.paused", "queue.resumed",
];

const hidden_ms_max = 30_000; // A page that nobody sees gives its connection back: browsers allow six to a server.
const catch_up_ms_max = 300_000; // After a longer rest it is quicker to look afresh than to hear all that happened.

const listeners = new Set<Listener>();
let source: EventSource | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;
let last_id: number | null = null;
let rested_ms = 0; // When it began to rest.
let state = $state<"off" | "connecting" | "live" | "broken">("off");
let since = $state(0); // Grows when something may have been missed: time to look afresh.

export const live = {
  get state() {
    return state;
  },
  get since() {
    return since;
  },
};

export function on_event(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function receive(type: string, data: string, id: string): void {
  let body: Record<string, unknown>;
  try {
    body = JSON.parse(data) as Record<string, unknown>;
  } catch {
    return;
  }
  const text = (name: string) => (typeof body[name] === "string" ? (body[name] as string) : null);
  const payload = typeof body["payload"] === "object" && body["payload"] !== null ? (body["payload"] as Record<string, unknown>) : body;
  const event: ServiceEvent = {
    id: type === "task.progress" ? null : Number(id),
    type,
    run_id: text("run_id"),
    asset_id: text("asset_id"),
    task_id: typeof body["task_id"] === "number" ? body["task_id"] : null,
    payload,
  };
  const stage = payload["stage"] ?? body["stage"];
  if (typeof stage === "string") event.stage = stage;
  const time = text("time");
  if (time) event.time = time;
  if (event.id !== null && !Number.isNaN(event.id)) last_id = event.id;
  tell(event);
}

function tell(event: ServiceEvent): void {
  for (const listener of [...listeners]) listener(event);
}

function connect(): void {
  clearTimeout(timer);
  source?.close();
  if (state !== "broken") state = "connecting";
  source = new EventSource(api.events_url(last_id));
  source.onopen = () => {
    state = "live";
    // Whoever read something just before may have missed what came in between.
    tell({ id: null, type: "stream.open", run_id: null, asset_id: null, task_id: null, payload: {} });
  };
  source.onerror = () => {
    state = "broken";
    // Refused (no session, too many streams): the browser does not try again by itself.
    if (source?.readyState === EventSource.CLOSED) timer = setTimeout(connect, 5000);
  };
  for (const type of types)
    source.addEventListener(type, (message) => receive(type, (message as MessageEvent<string>).data, (message as MessageEvent).lastEventId));
  source.onmessage = (message: MessageEvent<string>) => receive("message", message.data, message.lastEventId);
}

function visibility_changed(): void {
  clearTimeout(timer);
  if (document.hidden) {
    timer = setTimeout(() => {
      source?.close();
      source = null;
      rested_ms = Date.now();
    }, hidden_ms_max);
  } else if (!source) {
    if (Date.now() - rested_ms > catch_up_ms_max) {
      last_id = null;
      since += 1;
    }
    connect();
  }
}

export function start_live(): void {
  stop_live();
  connect();
  document.addEventListener("visibilitychange", visibility_changed);
}

export function stop_live(): void {
  document.removeEventListener("visibilitychange", visibility_changed);
  clearTimeout(timer);
  source?.close();
  source = null;
  last_id = null;
  state = "off";
}
