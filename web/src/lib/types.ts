// What goes over the wire, as specs/openapi.yaml has it. A state is spelled here as in SQL, JSON and the command line.

import type { Clustering } from "./types_collection";

export type * from "./types_collection";

export type Scope = "read" | "submit" | "operate" | "admin";
export type RunState = "queued" | "running" | "complete" | "failed" | "canceled";
export type TaskState = "waiting" | RunState;
export type AttemptState = "running" | "complete" | "failed" | "canceled" | "interrupted";

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface Session {
  session_id: string;
  token_id: string;
  name: string;
  scope: Scope;
  owner_entity_id: string;
  expires_at: string | null;
  csrf_token: string;
}

/** An error of a task or an attempt. */
export interface WorkError {
  code: string;
  message: string;
  cause: string;
  action: string;
}

export interface Progress {
  fraction: number;
  audio_x: number | null;
  eta_s: number | null;
  worker?: string;
}

export interface Task {
  task_id: number;
  stage: string;
  state: TaskState;
  attempts: number;
  interruptions: number;
  seconds: number;
  reason: string;
  error: WorkError | null;
  retry_at?: string | null;
  progress?: Progress | null;
}

/** A task as `GET /v1/tasks` lists it. */
export interface ListedTask extends Task {
  run_id: string;
  recipe: string;
  asset_id: string;
  stage_class: string;
  priority: number;
  updated_at: string | null;
  owner_entity_id: string;
  file?: string | null;
}

export interface Wait {
  kind: string;
  detail: string;
  stage?: string;
  task_id?: number;
  until?: string;
}

export interface TaskDetail extends ListedTask {
  waits_for: Wait[];
}

export interface Artifact {
  artifact_id: number;
  type: string;
  path: string;
  sha256: string;
  bytes: number;
  schema_id: string;
  version: string;
  signature: string;
  producer: string;
  created_at: string;
  feature_spec_alias?: string;
}

export interface ListedRun {
  run_id: string;
  created_at: string;
  recipe: string;
  asset_id: string;
  owner_entity_id: string;
  state: RunState;
  trace_id: string;
  started_at: string | null;
  finished_at: string | null;
  file: string | null;
  error_code: string | null;
}

export interface Run {
  run_id: string;
  asset_id: string;
  recipe: string;
  state: RunState;
  trace_id: string;
  source_uri: string;
  file: string;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  duration_s: number | null;
  params?: Record<string, unknown>;
  artifacts: Artifact[];
  tasks: Task[];
  is_new_asset?: boolean;
  reused?: boolean;
}

export interface Attempt {
  id: number;
  run_id: string | null;
  asset_id: string;
  stage: string;
  status: AttemptState;
  attempt: number;
  error: WorkError | null;
  metrics: Record<string, unknown>;
  artifact_path: string | null;
  feature_spec_alias: string;
  trace_id: string;
  worker: string;
  started_at: string | null;
  finished_at: string | null;
}

export interface ListedAsset {
  asset_id: string;
  created_at: string;
  owner_entity_id: string;
  original_filename: string;
  bytes: number;
  container: string | null;
  codec: string | null;
  content_hash: string;
  duration_s: number | null;
  sample_rate_hz: number | null;
  channels: number | null;
}

export interface Asset extends ListedAsset {
  source_uri: string;
  original_path: string;
  metadata: Record<string, unknown>;
  artifacts: Artifact[];
  runs: { run_id: string; recipe: string; state: RunState }[];
  attempts: Attempt[];
}

export interface Waveform {
  start_s: number;
  end_s: number;
  duration_s: number;
  columns: number;
  min: number[];
  max: number[];
}

export interface Spectrogram {
  start_s: number;
  end_s: number;
  columns: number;
  rows: number;
  f_min_hz: number;
  f_max_hz: number;
  db_min: number;
  db_max: number;
  data: string;
}

export interface Similarity {
  at_s: number;
  hop_s: number;
  columns: number;
  start_s: number;
  end_s: number;
  similarity: number[];
  model_id: string;
}

export type SegmentLabel = "speech" | "music" | "noise" | "silence";

export interface Segment {
  start_s: number;
  end_s: number;
  label: SegmentLabel;
  confidence: number;
}

export interface SegmentsDocument {
  duration_s: number;
  model_id: string;
  model_hash: string;
  segments: Segment[];
  metrics: { class_distribution: Record<string, { seconds: number; fraction: number }> };
}

export interface PreviewDocument {
  mode: "heuristic" | "intro";
  preview: { start_s: number; end_s: number; duration_s: number };
  score: number;
  confidence: number;
  candidates_count: number;
  warnings: { code: string; message: string }[];
}

export interface FeaturePackDocument {
  feature_spec_id: string;
  embedding_model_id: string;
  embedding_model_hash: string;
  embeddings: { shape: number[]; hop_s: number };
}

export interface ExplainedStage {
  stage: string;
  would_run: boolean;
  reason: string;
  why: string;
  waits_for: string[];
  signature: string | null;
}

export interface Explanation {
  asset_id: string | null;
  recipe: string;
  params?: Record<string, unknown>;
  is_known?: boolean;
  source_path?: string;
  stages: ExplainedStage[];
}

export interface RecipeInfo {
  name: string;
  summary?: string;
  stages: { name: string; inputs: string[]; outputs: string[]; class: string }[];
}

export interface Model {
  name: string;
  task: string;
  state: string;
  bytes: number;
  sha256: string;
  licence: string;
  url: string;
}

export interface Check {
  name: string;
  state: "ok" | "note" | "missing";
  finding: string;
  action: string;
}

export interface WorkerInfo {
  worker: string;
  host: string;
  pid: number;
  since: string;
  executors: number;
  rss_bytes: number | null;
  tasks: { task_id: number; stage: string; run_id: string; fraction: number | null; eta_s: number | null }[];
}

export interface Status {
  version: string;
  assets: number;
  audio_s: number;
  runs: Partial<Record<RunState, number>>;
  tasks: Partial<Record<TaskState, number>>;
  backlog_depth: number;
  success_rate: number | null;
  failed_tasks_by_code: Record<string, number>;
  errors_by_code: Record<string, number>;
  end_to_end_latency: { median_s: number; p95_s: number; runs: number } | null;
  leases: { asset_id: string; stage: string; owner: string; fence: number; acquired_at: string; expires_at: string }[];
  latest_runs: { run_id: string; recipe: string; state: RunState; file: string; created_at: string }[];
  checks: Check[];
  workers?: WorkerInfo[];
  disk?: { free_bytes: number; total_bytes: number; data_bytes: number | null };
  throughput?: { audio_x: number; tasks_per_minute: number; minutes: number };
}

export interface Token {
  token_id: string;
  name: string;
  scope: Scope;
  owner_entity_id: string;
  created_at: string;
  expires_at: string | null;
  last_used_at: string | null;
  revoked_at: string | null;
}

export interface NewToken extends Token {
  secret: string;
}

export interface Pause {
  recipe: string;
  stage: string;
  since: string;
}

export interface Setting {
  name: string;
  value: number | string | boolean;
  unit: string;
  default: number | string | boolean;
  minimum: number | null;
  maximum: number | null;
  description: string;
  source: "default" | "file" | "database";
  is_editable: boolean;
}

export interface ErrorInfo {
  code: string;
  severity: string;
  retryable: boolean;
  http_status: number;
  cause: string;
  action: string;
}

export type BulkAction = "retry" | "cancel" | "rerun";

export interface BulkRequest {
  action: BulkAction;
  filter: {
    error_code?: string;
    recipe?: string;
    stage?: string;
    state?: string;
    owner_entity_id?: string;
    run_ids?: string[];
  };
  forced_stages?: string[]; // Of rerun; none: all.
  limit?: number;
  cursor?: string; // Of the portion before.
}

export interface ServiceEvent {
  id: number | null; // null: progress, which is not stored.
  type: string;
  run_id: string | null;
  asset_id: string | null;
  task_id: number | null;
  stage?: string;
  time?: string;
  payload: Record<string, unknown>;
}

export interface UploadState {
  upload_id: string;
  filename: string;
  bytes: number;
  offset_bytes: number;
  state: "open" | "complete" | "failed";
  run_id: string | null;
  asset_id: string | null;
  is_new_asset: boolean | null;
  error: WorkError | null;
  expires_at: string | null;
}

export interface ReviewWindow {
  row: number; // In the clustering's table.
  asset_id: string;
  filename: string;
  row_index: number; // In the recording's embeddings.
  start_s: number;
  end_s: number;
  cluster: number; // -1: noise.
  label: string | null;
  probability: number | null;
  outlier_score: number | null;
}

export interface ScoredWindow {
  asset_id: string;
  filename: string;
  row_index: number;
  start_s: number;
  end_s: number;
  score: number; // A calibrated probability.
  label: string | null;
}

export interface WindowDetail extends ReviewWindow {
  why_noise: null | { reason: string; nearest_cluster: number | null; nearest_window: ReviewWindow | null; missing: number | null };
}

export interface WindowQuery {
  cluster?: number | null;
  label?: string | null;
  order?: "medoid" | "edge" | "outlier" | "time";
  limit?: number;
  after?: string | null;
}

export interface Cluster {
  cluster: number; // -1: noise.
  label: string | null;
  size: number;
  persistence: number | null;
  made_by_review: boolean;
  exemplars: { medoids: ReviewWindow[]; edges: ReviewWindow[]; outliers: ReviewWindow[] };
  hours: number[]; // 24 counts.
  hours_unknown: number;
  recordings: { asset_id: string; filename: string; windows: number }[];
  metadata_summary: { recordings?: number; values?: Record<string, Record<string, number>> };
}

/** A clustering after what people said of it. */
export interface ReviewedClustering extends Clustering {
  review_version: number;
  labels: { label: string; windows: number }[];
  items: Cluster[];
}

export interface MapRecording {
  asset_id: string;
  filename: string;
  start_local: string | null;
  site: string;
  windows: number;
}

export type NewReviewAction = { expected_version?: number } & (
  | { kind: "label"; label: string; clusters?: number[]; rows?: number[] }
  | { kind: "merge"; clusters: number[] }
  | { kind: "noise"; clusters?: number[]; rows?: number[] }
  | { kind: "move"; rows: number[]; to: number | "new" }
  | { kind: "split"; cluster: number; into: number }
);

export interface ReviewAction {
  action_id: number;
  kind: string;
  summary: string;
  windows: number;
  made_by: string;
  created_at: string;
  undone_at: string | null;
  undone_by: string | null;
}

export interface ReviewOutcome {
  action: ReviewAction;
  review_version: number;
}

/** What one label sounds like: a linear probe with its calibrated threshold. */
export interface Probe {
  probe_id: number;
  collection_id: string;
  label: string;
  encoding_id: string;
  created_at: string;
  made_by: string;
  positives: number;
  negatives: number;
  negatives_presumed: number; // Of these, those of which nobody has said anything.
  recordings: number;
  folds: number;
  is_by_recording: boolean; // Measured on recordings that it had not learned from.
  average_precision: number | null;
  roc_auc: number | null;
  threshold: number | null;
  precision_wanted: number;
  is_precision_reached: boolean;
  precision: number | null;
  precision_low: number | null; // Of the 95 % interval.
  precision_high: number | null;
  precision_windows: number; // What the precision rests on.
  recall: number | null;
  windows_above: number | null;
  windows_scored: number;
  warnings: string[];
}
