// The client of the HTTP interface. Every address stands here once, spelled "METHOD /path/{parameter}" as in
// specs/openapi.yaml; a test compares the two.

import type { EncodingParams } from "./encoding";
import type { AudioMetadata } from "./metadata";
import type * as T from "./types";

/** A problem document (RFC 9457), or what comes nearest where the server gave none. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly cause_text: string,
    readonly action: string,
    readonly retryable: boolean,
    readonly trace_id: string,
  ) {
    super(detail);
  }

  /** The server does not have this address (yet): an older program, or a part that was left out. */
  get is_absent(): boolean {
    return this.status === 404 || this.status === 405 || this.status === 501;
  }
}

export function to_problem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof DOMException && error.name === "AbortError")
    return new Problem(0, "ABORTED", "The request was given up.", "", "", true, "");
  return new Problem(0, "NO_CONNECTION", "The service does not answer.",
    "It has been stopped, or the network between it and this page is interrupted.",
    "Start it with `baleen up`; this page goes on by itself once it answers.", true, "");
}

async function problem_of(response: Response): Promise<Problem> {
  let body: Record<string, unknown> = {};
  try {
    body = (await response.json()) as Record<string, unknown>;
  } catch {
    // No JSON: a proxy's own page, perhaps.
  }
  const text = (name: string) => (typeof body[name] === "string" ? (body[name] as string) : "");
  return new Problem(response.status, text("code") || `HTTP_${response.status}`,
    text("detail") || `The service answered ${response.status} ${response.statusText}.`,
    text("cause") || text("title"), text("action"), body["retryable"] === true, text("trace_id"));
}

let csrf_token = "";
let on_unauthorized: () => void = () => {};

export function set_csrf_token(token: string): void {
  csrf_token = token;
}
/** Called when an answer is 401: the session is over. */
export function set_on_unauthorized(callback: () => void): void {
  on_unauthorized = callback;
}
export function csrf_headers(): Record<string, string> {
  return csrf_token ? { "X-Baleen-CSRF": csrf_token } : {};
}

/** 128 random bits. crypto.randomUUID is there in secure contexts only. */
export function random_id(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}

type Value = string | number | boolean | null | undefined;
interface Options {
  path?: Record<string, string | number>;
  query?: Record<string, Value>;
  body?: unknown;
  text?: { type: string; content: string | Blob }; // A body that is no JSON.
  signal?: AbortSignal | undefined;
  accept?: string;
}

/** "GET /v1/runs/{run_id}" with its parameters filled in: "/v1/runs/7". */
export function url_of(operation: string, options: Options = {}): string {
  const path = operation.slice(operation.indexOf(" ") + 1)
    .replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(options.path?.[name] ?? "")));
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options.query ?? {}))
    if (value !== undefined && value !== null && value !== "") query.set(name, String(value));
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

async function send(operation: string, options: Options = {}): Promise<Response> {
  const method = operation.slice(0, operation.indexOf(" "));
  const headers: Record<string, string> = { Accept: options.accept ?? "application/json" };
  if (method !== "GET") Object.assign(headers, csrf_headers());
  if (method === "POST") headers["Idempotency-Key"] = random_id();
  const content = options.text ? options.text.content : options.body !== undefined ? JSON.stringify(options.body) : undefined;
  if (content !== undefined) headers["Content-Type"] = options.text?.type ?? "application/json";
  let response: Response;
  try {
    response = await fetch(url_of(operation, options), {
      method,
      headers,
      credentials: "same-origin",
      ...(content !== undefined ? { body: content } : {}),
      ...(options.signal ? { signal: options.signal } : {}),
    });
  } catch (error) {
    throw to_problem(error);
  }
  if (response.ok) return response;
  const problem = await problem_of(response);
  if (response.status === 401 && !operation.endsWith("/v1/session")) on_unauthorized();
  throw problem;
}

async function ask<R>(operation: string, options: Options = {}): Promise<R> {
  const response = await send(operation, options);
  if (response.status === 204) return undefined as R;
  return (await response.json()) as R;
}

async function ask_bytes(operation: string, options: Options = {}): Promise<ArrayBuffer> {
  return (await send(operation, { ...options, accept: "application/octet-stream" })).arrayBuffer();
}

async function ask_text(operation: string, options: Options = {}): Promise<string> {
  return (await send(operation, options)).text();
}

/** A table to be kept as a file, with the name that the server gives it. */
async function ask_file(operation: string, options: Options = {}): Promise<{ name: string; content: Blob }> {
  const response = await send(operation, options);
  const name = /filename="?([^";]+)"?/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? "";
  return { name, content: await response.blob() };
}

export interface ListQuery {
  limit?: number;
  cursor?: string | null;
  order?: "newest" | "oldest";
  owner?: string;
}

export const api = {
  // Session.
  session: () => ask<T.Session>("GET /v1/session"),
  sign_in: (token: string) => ask<T.Session>("POST /v1/session", { body: { token } }),
  sign_out: () => ask<void>("DELETE /v1/session"),

  // Recordings.
  assets: (query: ListQuery & { name?: string }, signal?: AbortSignal) =>
    ask<T.Page<T.ListedAsset>>("GET /v1/assets", { query: { ...query }, signal }),
  asset: (asset_id: string, signal?: AbortSignal) => ask<T.Asset>("GET /v1/assets/{asset_id}", { path: { asset_id }, signal }),
  artifact_url: (asset_id: string, artifact_id: number) =>
    url_of("GET /v1/assets/{asset_id}/artifacts/{artifact_id}", { path: { asset_id, artifact_id } }),
  artifact_json: <D>(asset_id: string, artifact_id: number, signal?: AbortSignal) =>
    ask<D>("GET /v1/assets/{asset_id}/artifacts/{artifact_id}", { path: { asset_id, artifact_id }, signal }),
  waveform: (asset_id: string, start_s: number, end_s: number, columns: number, signal?: AbortSignal) =>
    ask<T.Waveform>("GET /v1/assets/{asset_id}/waveform", { path: { asset_id }, query: { start_s, end_s, columns }, signal }),
  spectrogram: (asset_id: string, start_s: number, end_s: number, columns: number, rows: number, signal?: AbortSignal) =>
    ask<T.Spectrogram>("GET /v1/assets/{asset_id}/spectrogram",
      { path: { asset_id }, query: { start_s, end_s, columns, rows }, signal }),
  similarity: (asset_id: string, at_s: number, columns: number, signal?: AbortSignal) =>
    ask<T.Similarity>("GET /v1/assets/{asset_id}/similarity", { path: { asset_id }, query: { at_s, columns }, signal }),
  send_feedback: (asset_id: string, body: unknown) =>
    ask<{ feedback_id: string }>("POST /v1/assets/{asset_id}/feedback", { path: { asset_id }, body }),
  feedback: (asset_id: string) => ask<{ items: { user_actions?: string[] }[] }>("GET /v1/assets/{asset_id}/feedback", { path: { asset_id } }),
  explain_asset: (asset_id: string, recipe: string) =>
    ask<T.Explanation>("GET /v1/assets/{asset_id}/explain", { path: { asset_id }, query: { recipe } }),
  explain_path: (source_path: string, recipe: string) =>
    ask<T.Explanation>("GET /v1/explain", { query: { source_path, recipe } }),

  metadata: (asset_id: string) => ask<AudioMetadata>("GET /v1/assets/{asset_id}/metadata", { path: { asset_id } }),
  set_metadata: (asset_id: string, body: AudioMetadata) =>
    ask<AudioMetadata>("PUT /v1/assets/{asset_id}/metadata", { path: { asset_id }, body }),
  asset_annotations: (asset_id: string) =>
    ask<{ items: T.Annotation[] }>("GET /v1/assets/{asset_id}/annotations", { path: { asset_id } }),
  thumbnail_url: (asset_id: string, start_s: number, end_s: number, width?: number, height?: number, high_hz?: number) =>
    url_of("GET /v1/assets/{asset_id}/thumbnail", { path: { asset_id }, query: { start_s, end_s, width, height, high_hz } }),
  clip_url: (asset_id: string, start_s: number, end_s: number, speed?: number) =>
    url_of("GET /v1/assets/{asset_id}/clip", { path: { asset_id }, query: { start_s, end_s, speed: speed === 1 ? null : speed } }),

  // Collections.
  collections: (owner?: string) => ask<{ items: T.Collection[] }>("GET /v1/collections", { query: { owner } }),
  make_collection: (body: { name: string; owner_entity_id?: string }) => ask<T.Collection>("POST /v1/collections", { body }),
  collection: (collection_id: string) => ask<T.Collection>("GET /v1/collections/{collection_id}", { path: { collection_id } }),
  members: (collection_id: string) => ask<{ items: T.Member[] }>("GET /v1/collections/{collection_id}/members", { path: { collection_id } }),
  add_members: (collection_id: string, asset_ids: string[]) =>
    ask<{ added: number }>("POST /v1/collections/{collection_id}/members", { path: { collection_id }, body: { asset_ids } }),
  remove_member: (collection_id: string, asset_id: string) =>
    ask<void>("DELETE /v1/collections/{collection_id}/members/{asset_id}", { path: { collection_id, asset_id } }),
  submit_collection_run: (collection_id: string, body: { recipe?: string; params?: Record<string, unknown>; priority?: number }) =>
    ask<T.Run>("POST /v1/collections/{collection_id}/runs", { path: { collection_id }, body }),
  search: (collection_id: string, body: T.SearchRequest, signal?: AbortSignal) =>
    ask<T.SearchAnswer>("POST /v1/collections/{collection_id}/search", { path: { collection_id }, body, signal }),
  collection_artifact_url: (collection_id: string, artifact_id: number) =>
    url_of("GET /v1/collections/{collection_id}/artifacts/{artifact_id}", { path: { collection_id, artifact_id } }),
  collection_artifact_json: <D>(collection_id: string, artifact_id: number, signal?: AbortSignal) =>
    ask<D>("GET /v1/collections/{collection_id}/artifacts/{artifact_id}", { path: { collection_id, artifact_id }, signal }),
  clusterings: (collection_id: string, signal?: AbortSignal) =>
    ask<{ items: T.Clustering[] }>("GET /v1/collections/{collection_id}/clusterings", { path: { collection_id }, signal }),
  annotation_imports: (collection_id: string) =>
    ask<{ items: T.AnnotationImport[] }>("GET /v1/collections/{collection_id}/annotations", { path: { collection_id } }),
  import_annotations: (collection_id: string, query: T.ImportQuery, content: Blob) =>
    ask<T.AnnotationImport>("POST /v1/collections/{collection_id}/annotations", { path: { collection_id }, query: { ...query }, text: { type: "text/plain", content } }),
  withdraw_annotations: (collection_id: string, import_id: number | string) =>
    ask<void>("DELETE /v1/collections/{collection_id}/annotations/{import_id}", { path: { collection_id, import_id } }),
  export_table: (collection_id: string, query: T.ExportQuery) =>
    ask_file("GET /v1/collections/{collection_id}/export", { path: { collection_id }, query: { ...query } }),
  metadata_table: (collection_id: string) => ask_file("GET /v1/collections/{collection_id}/metadata", { path: { collection_id } }),
  set_metadata_table: (collection_id: string, content: string) =>
    ask<T.MetadataChanges>("PUT /v1/collections/{collection_id}/metadata",
      { path: { collection_id }, text: { type: "text/csv", content } }),

  // Reviews of clusters.
  clustering: (clustering_id: string, signal?: AbortSignal) =>
    ask<T.ReviewedClustering>("GET /v1/clusterings/{clustering_id}", { path: { clustering_id }, signal }),
  clustering_points: (clustering_id: string, signal?: AbortSignal) =>
    ask_bytes("GET /v1/clusterings/{clustering_id}/points", { path: { clustering_id }, signal }),
  clustering_labels: (clustering_id: string, signal?: AbortSignal) =>
    ask_bytes("GET /v1/clusterings/{clustering_id}/labels", { path: { clustering_id }, signal }),
  clustering_recordings: (clustering_id: string, signal?: AbortSignal) =>
    ask<{ items: T.MapRecording[] }>("GET /v1/clusterings/{clustering_id}/recordings", { path: { clustering_id }, signal }),
  clustering_windows: (clustering_id: string, query: T.WindowQuery, signal?: AbortSignal) =>
    ask<{ items: T.ReviewWindow[]; next: string | null }>("GET /v1/clusterings/{clustering_id}/windows",
      { path: { clustering_id }, query: { ...query }, signal }),
  clustering_window: (clustering_id: string, row: number, signal?: AbortSignal) =>
    ask<T.WindowDetail>("GET /v1/clusterings/{clustering_id}/windows/{row}", { path: { clustering_id, row }, signal }),
  review_actions: (clustering_id: string, signal?: AbortSignal) =>
    ask<{ items: T.ReviewAction[] }>("GET /v1/clusterings/{clustering_id}/actions", { path: { clustering_id }, signal }),
  review: (clustering_id: string, body: T.NewReviewAction) =>
    ask<T.ReviewOutcome>("POST /v1/clusterings/{clustering_id}/actions", { path: { clustering_id }, body }),
  undo_review: (clustering_id: string, body: { expected_version?: number }) =>
    ask<T.ReviewOutcome>("POST /v1/clusterings/{clustering_id}/undo", { path: { clustering_id }, body }),
  redo_review: (clustering_id: string, body: { expected_version?: number }) =>
    ask<T.ReviewOutcome>("POST /v1/clusterings/{clustering_id}/redo", { path: { clustering_id }, body }),

  // Probes: what one label sounds like.
  probes: (collection_id: string, signal?: AbortSignal) =>
    ask<{ items: T.Probe[] }>("GET /v1/collections/{collection_id}/probes", { path: { collection_id }, signal }),
  learn_label: (collection_id: string, body: { label: string }) =>
    ask<T.Probe>("POST /v1/collections/{collection_id}/probes", { path: { collection_id }, body }),
  probe_windows: (probe_id: number, query: { order: "score" | "uncertain"; limit: number; min_score?: number }, signal?: AbortSignal) =>
    ask<{ items: T.ScoredWindow[] }>("GET /v1/probes/{probe_id}/windows", { path: { probe_id }, query: { ...query }, signal }),


  // Runs and tasks.
  runs: (query: ListQuery & { state?: string; recipe?: string; asset_id?: string }, signal?: AbortSignal) =>
    ask<T.Page<T.ListedRun>>("GET /v1/runs", { query: { ...query }, signal }),
  run: (run_id: string, signal?: AbortSignal) => ask<T.Run>("GET /v1/runs/{run_id}", { path: { run_id }, signal }),
  submit_run: (body: { asset_id: string; recipe: string; params?: EncodingParams; only_stages?: string[]; forced_stages?: string[]; priority?: number }) =>
    ask<T.Run>("POST /v1/runs", { body }),
  retry_run: (run_id: string) => ask<{ tasks: number }>("POST /v1/runs/{run_id}/retry", { path: { run_id }, body: {} }),
  cancel_run: (run_id: string) => ask<{ tasks: number }>("POST /v1/runs/{run_id}/cancel", { path: { run_id }, body: {} }),
  run_attempts: (run_id: string, query: ListQuery) =>
    ask<T.Page<T.Attempt>>("GET /v1/runs/{run_id}/attempts", { path: { run_id }, query: { ...query } }),
  run_log: (run_id: string, task_id?: number) =>
    ask_text("GET /v1/runs/{run_id}/log", { path: { run_id }, query: { task_id } }),
  bundle_url: (run_id: string) => url_of("GET /v1/runs/{run_id}/bundle", { path: { run_id } }),
  tasks: (query: ListQuery & { state?: string; recipe?: string; stage?: string; error_code?: string; run_id?: string },
          signal?: AbortSignal) => ask<T.Page<T.ListedTask>>("GET /v1/tasks", { query: { ...query }, signal }),
  task: (task_id: number) => ask<T.TaskDetail>("GET /v1/tasks/{task_id}", { path: { task_id } }),
  bulk: (body: T.BulkRequest) => ask<{ changed: number; left: number; cursor: string }>("POST /v1/bulk", { body }),

  // Taking in.
  ingest_local: (body: { source_path: string; recipe?: string; params?: EncodingParams; collection?: string; priority?: number }) =>
    ask<T.Run>("POST /v1/ingest/local", { body }),
  ingest_roots: () => ask<{ items: string[] }>("GET /v1/ingest/roots"),
  upload: (upload_id: string) => ask<T.UploadState>("GET /v1/ingest/upload/{upload_id}", { path: { upload_id } }),

  // The queue.
  pauses: () => ask<{ items: T.Pause[] }>("GET /v1/pauses"),
  pause: (recipe: string, stage: string) => ask<{ changed: boolean }>("POST /v1/queue/pause", { body: { recipe, stage } }),
  resume: (recipe: string, stage: string) => ask<{ changed: boolean }>("POST /v1/queue/resume", { body: { recipe, stage } }),

  // The system.
  status: (signal?: AbortSignal) => ask<T.Status>("GET /v1/status", { signal }),
  recipes: () => ask<{ items: T.RecipeInfo[] }>("GET /v1/recipes"),
  models: () => ask<{ items: T.Model[] }>("GET /v1/models"),
  settings: () => ask<{ items: T.Setting[] }>("GET /v1/settings"),
  change_settings: (values: Record<string, unknown>) => ask<{ items: T.Setting[] }>("PATCH /v1/settings", { body: values }),
  errors: () => ask<{ items: T.ErrorInfo[] }>("GET /v1/errors"),
  tokens: () => ask<{ items: T.Token[] }>("GET /v1/tokens"),
  add_token: (body: { name: string; scope: T.Scope; owner_entity_id?: string; lifetime_s?: number }) =>
    ask<T.NewToken>("POST /v1/tokens", { body }),
  revoke_token: (token_id: string) => ask<void>("DELETE /v1/tokens/{token_id}", { path: { token_id } }),
  events_url: (after: number | null) => url_of("GET /v1/events", { query: { after } }),
};

/** The addresses that the upload client (tus.ts) uses with a protocol of its own. */
export const upload_operations = {
  create: "POST /v1/ingest/upload",
  head: "HEAD /v1/ingest/upload/{upload_id}",
  patch: "PATCH /v1/ingest/upload/{upload_id}",
  remove: "DELETE /v1/ingest/upload/{upload_id}",
} as const;
