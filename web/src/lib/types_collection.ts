// Collections on the wire: recordings that belong together, searches, annotations, what recorders wrote.

import type { EncodingParams } from "./encoding";
import type { AudioMetadata } from "./metadata";
import type { RunState } from "./types";

export interface Collection {
  collection_id: string;
  owner_entity_id: string;
  name: string;
  members: number;
  created_at: string;
}

/** A recording of a collection. What an older program does not tell is absent. */
export interface Member {
  asset_id: string;
  filename: string;
  metadata: AudioMetadata;
  duration_s?: number | null;
  start_local?: string | null;
  encodings?: string[];
  last_run?: { run_id: string; recipe: string; state: RunState } | null;
}

export interface SearchRequest {
  asset_id: string;
  start_s?: number;
  end_s?: number;
  top?: number;
  apart_s?: number;
  since?: string;
  before?: string;
  where?: Record<string, unknown>;
  params?: EncodingParams;
}

export interface SearchHit {
  asset_id: string;
  file: string;
  row_index: number;
  start_s: number;
  end_s: number;
  similarity: number;
}

export interface SearchAnswer {
  collection_id: string;
  encoding_id: string;
  example: { asset_id: string; start_s: number; end_s: number; windows: number };
  recordings_searched: number;
  recordings_not_embedded: number;
  recordings_without_time: number;
  windows_searched: number;
  hits: SearchHit[];
}

/** One grouping of a collection's windows, as the recipe made it. */
export interface Clustering {
  clustering_id: string;
  collection_id: string;
  run_id?: string | null;
  created_at: string;
  encoding_id: string;
  parameters: Record<string, unknown>;
  where: Record<string, unknown>;
  recordings: number;
  windows: number;
  windows_left_out: number;
  windows_added: number;
  recordings_added: number;
  noise: number; // As is `clusters`: before the review.
  clusters: number;
  n_actions: number;
}

/** One combination of a sweep; means over its seeds. */
export interface SweepCombination {
  tried: Record<string, unknown>;
  parameters: Record<string, unknown>; // With those that were not tried, and defaults.
  clusters: number;
  noise: number; // The part of the windows.
  stability: number; // Adjusted Rand index over all pairs of seeds.
}

/** sweep.v1: parameters that were tried, and how much the outcomes of several seeds agree. */
export interface Sweep {
  encoding_id: string;
  where: Record<string, unknown>;
  recordings: number;
  windows: number;
  seeds: number;
  combinations: SweepCombination[];
  recommended: number; // Its place among them.
  why: string;
}

/** A table of another program that was taken in. */
export interface AnnotationImport {
  import_id: number;
  collection_id: string;
  format: "raven" | "audacity" | "kaleidoscope";
  filename: string;
  sha256: string;
  asset_id: string | null; // Of a table that names no recording.
  made_by: string;
  created_at: string;
  withdrawn_at: string | null;
  annotations: number;
  recordings: number;
  left_out: number;
  labels: { label: string; annotations: number }[];
  reused?: boolean; // It was there already.
  shortened?: number; // Annotations that ended behind the end of their recording.
}

export interface ImportQuery {
  format?: "auto" | "raven" | "audacity" | "kaleidoscope";
  filename?: string;
  recording?: string;
  skip_unknown?: boolean;
}

export interface ExportQuery {
  format: "raven" | "audacity" | "kaleidoscope" | "darwin_core" | "parquet";
  what?: "clusters" | "annotations" | "all";
  clustering_id?: string;
  with_noise?: boolean;
  asset_id?: string;
}

export interface MetadataChanges {
  changed: number;
  unchanged: number;
  unknown: string[];
  changes: { file: string; asset_id: string; values: Record<string, unknown> }[];
}

export interface Annotation {
  start_s: number;
  end_s: number;
  low_hz: number | null;
  high_hz: number | null;
  label: string;
  confidence: number | null;
  is_by_person: boolean;
  source: string;
  import_id: number;
}

/** A fact, and where it stands. */
export interface Stated<V> {
  value: V;
  source: string;
}

/** recording.v1: what a recorder wrote about a recording. */
export interface RecordingDocument {
  filename: string;
  start_utc: string | null;
  start_local: string | null;
  start_source: string | null;
  utc_offset_s: number | null;
  latitude_deg: Stated<number> | null;
  longitude_deg: Stated<number> | null;
  elevation_m: Stated<number> | null;
  gain: Stated<string> | null;
  temperature_c: Stated<number> | null;
  battery_v: Stated<number> | null;
  make: Stated<string> | null;
  model: Stated<string> | null;
  serial: Stated<string> | null;
  firmware: Stated<string> | null;
  deployment: Stated<string> | null;
  stated_sample_rate_hz: Stated<number> | null;
  time_expansion: number;
  comment: Stated<string> | null;
  contradictions: string[];
}
