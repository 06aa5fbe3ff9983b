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

const listeners = new Set<Listener>();
let source: EventSource | null = null;
let again: ReturnType<typeof setTimeout> | undefined;
let state = $state<"off" | "connecting" | "live" | "broken">("off");
let since = $state(0); // Grows whenever a connection (again) stands: time to look afresh.

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
  for (const listener of [...listeners]) listener(event);
}

export function start_live(): void {
  stop_live();
  state = "connecting";
  source = new EventSource(api.events_url());
  source.onopen = () => {
    state = "live";
    since += 1;
  };
  source.onerror = () => {
    state = "broken";
    if (source?.readyState === EventSource.CLOSED) {
      // Refused (no session, too many streams): the browser does not try again by itself.
      again = setTimeout(start_live, 5000);
    }
  };
  for (const type of types)
    source.addEventListener(type, (message) => receive(type, (message as MessageEvent<string>).data, (message as MessageEvent).lastEventId));
  source.onmessage = (message: MessageEvent<string>) => receive("message", message.data, message.lastEventId);
}

export function stop_live(): void {
  clearTimeout(again);
  source?.close();
  source = null;
  state = "off";
}
