#include "store/schema.h"

#include <array>

namespace baleen::store {
namespace {

// Migration i brings version i to version i + 1. Never edited once released; only appended to.
constexpr std::array<const char*, kSchemaVersion> kMigrations = {
    R"sql(
CREATE TABLE audio_assets (
  asset_id TEXT PRIMARY KEY,
  owner_entity_id TEXT NOT NULL,
  content_hash TEXT NOT NULL,            -- sha256 of the original's bytes
  source_uri TEXT NOT NULL,              -- where it was ingested from
  original_path TEXT NOT NULL,           -- below the data root
  original_filename TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  container TEXT, codec TEXT,            -- best effort; NULL where the probe failed
  duration_s REAL, sample_rate_hz INTEGER, channels INTEGER,
  metadata_json TEXT NOT NULL DEFAULT '{}',
  created_at_us INTEGER NOT NULL,
  UNIQUE (owner_entity_id, content_hash)
);
CREATE INDEX audio_assets_bytes ON audio_assets (owner_entity_id, bytes);

CREATE TABLE runs (
  run_id TEXT PRIMARY KEY,
  recipe TEXT NOT NULL,
  asset_id TEXT NOT NULL,                -- the subject: an asset or a collection
  owner_entity_id TEXT NOT NULL,
  state TEXT NOT NULL,                   -- queued running complete failed canceled
  trace_id TEXT NOT NULL,
  created_at_us INTEGER NOT NULL,
  started_at_us INTEGER, finished_at_us INTEGER
);
CREATE INDEX runs_asset ON runs (asset_id, recipe, created_at_us);
CREATE INDEX runs_state ON runs (state, created_at_us);

CREATE TABLE tasks (
  task_id INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id TEXT NOT NULL REFERENCES runs (run_id),
  recipe TEXT NOT NULL,
  asset_id TEXT NOT NULL,
  stage TEXT NOT NULL,
  feature_spec_alias TEXT NOT NULL DEFAULT '',
  stage_class TEXT NOT NULL,
  state TEXT NOT NULL,                   -- waiting queued running complete failed canceled
  reason TEXT NOT NULL,                  -- why it runs, or why it need not
  is_forced INTEGER NOT NULL DEFAULT 0,
  priority INTEGER NOT NULL DEFAULT 0,
  upstream_open INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0,
  interruptions INTEGER NOT NULL DEFAULT 0,
  not_before_us INTEGER NOT NULL DEFAULT 0,
  signature TEXT,
  error_code TEXT, error_message TEXT,
  seconds REAL NOT NULL DEFAULT 0,
  updated_at_us INTEGER NOT NULL,
  UNIQUE (run_id, stage)
);
CREATE INDEX tasks_queue ON tasks (state, priority DESC, task_id);
CREATE INDEX tasks_asset ON tasks (asset_id, stage);

CREATE TABLE task_edges (
  upstream_task_id INTEGER NOT NULL REFERENCES tasks (task_id),
  task_id INTEGER NOT NULL REFERENCES tasks (task_id),
  PRIMARY KEY (upstream_task_id, task_id)
) WITHOUT ROWID;

CREATE TABLE pipeline_jobs (             -- one row per attempt; its id is the fence
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id TEXT, task_id INTEGER,
  asset_id TEXT NOT NULL,
  stage TEXT NOT NULL,
  status TEXT NOT NULL,                  -- running complete failed canceled interrupted
  attempt INTEGER NOT NULL,
  error_code TEXT, error_message TEXT,
  metrics_json TEXT NOT NULL DEFAULT '{}',
  artifact_path TEXT,
  feature_spec_alias TEXT NOT NULL DEFAULT '',
  trace_id TEXT NOT NULL,
  worker TEXT NOT NULL,
  started_at_us INTEGER NOT NULL,
  finished_at_us INTEGER
);
CREATE INDEX pipeline_jobs_asset ON pipeline_jobs (asset_id, id);
CREATE INDEX pipeline_jobs_task ON pipeline_jobs (task_id, id);
CREATE INDEX pipeline_jobs_error ON pipeline_jobs (error_code) WHERE error_code IS NOT NULL;

CREATE TABLE stage_locks (               -- one row per lease held
  asset_id TEXT NOT NULL,
  stage TEXT NOT NULL,
  feature_spec_alias TEXT NOT NULL DEFAULT '',
  owner TEXT NOT NULL,                   -- machine id / boot id / pid / start time
  fence INTEGER NOT NULL,                -- pipeline_jobs.id
  acquired_at_us INTEGER NOT NULL,
  expires_at_us INTEGER NOT NULL,
  task_id INTEGER NOT NULL,
  temp_paths_json TEXT NOT NULL DEFAULT '[]',
  PRIMARY KEY (asset_id, stage, feature_spec_alias)
);

CREATE TABLE artifact_index (
  artifact_id INTEGER PRIMARY KEY AUTOINCREMENT,
  asset_id TEXT NOT NULL,
  artifact_type TEXT NOT NULL,
  feature_spec_alias TEXT NOT NULL DEFAULT '',
  path TEXT NOT NULL UNIQUE,             -- below the data root
  sha256 TEXT NOT NULL,
  content_sha256 TEXT NOT NULL,          -- the same without computed_at
  bytes INTEGER NOT NULL,
  schema_id TEXT NOT NULL,
  version TEXT NOT NULL,
  signature TEXT NOT NULL,
  signature_json TEXT NOT NULL,          -- what the signature is the digest of
  document_json TEXT,                    -- the artifact's record, where it has one
  producer TEXT NOT NULL,                -- stage@version
  job_id INTEGER,
  created_at_us INTEGER NOT NULL
);
CREATE INDEX artifact_index_asset ON artifact_index (asset_id, artifact_type, feature_spec_alias, artifact_id);
CREATE INDEX artifact_index_signature ON artifact_index (signature, artifact_type);

CREATE TABLE feature_specs (
  alias TEXT PRIMARY KEY,
  feature_spec_id TEXT NOT NULL,
  created_at_us INTEGER NOT NULL,
  notes TEXT NOT NULL DEFAULT ''
);

CREATE TABLE events (
  event_id INTEGER PRIMARY KEY AUTOINCREMENT,
  time_us INTEGER NOT NULL,
  type TEXT NOT NULL,
  run_id TEXT, asset_id TEXT, task_id INTEGER,
  payload_json TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX events_run ON events (run_id, event_id);
)sql",
    // Whose turn it is: owners, ageing priorities, pauses.
    R"sql(
ALTER TABLE tasks ADD COLUMN owner_entity_id TEXT NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN rank_us INTEGER NOT NULL DEFAULT 0;  -- when it came, less its priority
UPDATE tasks SET
  owner_entity_id = (SELECT r.owner_entity_id FROM runs r WHERE r.run_id = tasks.run_id),
  rank_us = (SELECT r.created_at_us FROM runs r WHERE r.run_id = tasks.run_id) - 60000000 * priority;
DROP INDEX tasks_queue;
CREATE INDEX tasks_queue ON tasks (state, owner_entity_id, rank_us, task_id);

CREATE TABLE owner_turns (               -- when each owner was last served
  owner_entity_id TEXT PRIMARY KEY,
  last_fence INTEGER NOT NULL            -- pipeline_jobs.id
);

CREATE TABLE pauses (                    -- what workers must not take
  recipe TEXT NOT NULL,                  -- '': every recipe
  stage TEXT NOT NULL,                   -- '': every stage
  since_us INTEGER NOT NULL,
  PRIMARY KEY (recipe, stage)
);

-- For lists, a page at a time.
CREATE INDEX audio_assets_created ON audio_assets (created_at_us, asset_id);
CREATE INDEX audio_assets_owner ON audio_assets (owner_entity_id, created_at_us, asset_id);
CREATE INDEX runs_created ON runs (created_at_us, run_id);
CREATE INDEX runs_owner ON runs (owner_entity_id, created_at_us, run_id);
CREATE INDEX runs_owner_state ON runs (owner_entity_id, state, created_at_us, run_id);
CREATE INDEX tasks_state ON tasks (state, task_id);
CREATE INDEX tasks_owner ON tasks (owner_entity_id, task_id);
CREATE INDEX tasks_owner_state ON tasks (owner_entity_id, state, task_id);
CREATE INDEX tasks_error ON tasks (error_code, task_id) WHERE error_code IS NOT NULL;
CREATE INDEX pipeline_jobs_run ON pipeline_jobs (run_id, id);

CREATE TABLE api_tokens (
  token_id TEXT PRIMARY KEY,
  token_sha256 TEXT NOT NULL UNIQUE,     -- tokens have 256 random bits: no salt, no stretching
  name TEXT NOT NULL,
  scope TEXT NOT NULL,                   -- read submit operate admin
  owner_entity_id TEXT NOT NULL,         -- '': every owner (admin only)
  created_at_us INTEGER NOT NULL,
  expires_at_us INTEGER,                 -- NULL: never
  last_used_at_us INTEGER,               -- to the minute
  revoked_at_us INTEGER
);
)sql",
    // What the web page needs, uploads, and requests that may be repeated.
    R"sql(
CREATE TABLE uploads (                   -- tus; the bytes are in incoming/upload.{upload_id}.tmp
  upload_id TEXT PRIMARY KEY,
  owner_entity_id TEXT NOT NULL,
  token_id TEXT NOT NULL,                -- who may go on with it
  filename TEXT NOT NULL,
  bytes INTEGER NOT NULL,                -- of the whole file; how many are here, the file knows
  request_json TEXT NOT NULL,            -- recipe, priority, metadata
  state TEXT NOT NULL,                   -- open complete failed
  asset_id TEXT, run_id TEXT,
  error_code TEXT, error_message TEXT,
  created_at_us INTEGER NOT NULL,
  expires_at_us INTEGER NOT NULL
);
CREATE INDEX uploads_expiry ON uploads (expires_at_us);
CREATE INDEX uploads_open ON uploads (token_id) WHERE state = 'open';

CREATE TABLE idempotency_keys (          -- answers to requests that may come twice
  principal TEXT NOT NULL,               -- token_id
  key TEXT NOT NULL,
  request_sha256 TEXT NOT NULL,          -- method, address, body
  status INTEGER NOT NULL,
  headers_json TEXT NOT NULL,
  body TEXT NOT NULL,
  created_at_us INTEGER NOT NULL,
  PRIMARY KEY (principal, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at_us);

CREATE TABLE web_sessions (              -- a browser that has shown a token
  session_id TEXT PRIMARY KEY,
  session_sha256 TEXT NOT NULL UNIQUE,
  token_id TEXT NOT NULL REFERENCES api_tokens (token_id),
  created_at_us INTEGER NOT NULL,
  expires_at_us INTEGER NOT NULL
);

CREATE TABLE settings (
  name TEXT PRIMARY KEY,
  value_json TEXT NOT NULL,
  updated_at_us INTEGER NOT NULL
);

CREATE TABLE preview_feedback (
  feedback_id INTEGER PRIMARY KEY AUTOINCREMENT,
  asset_id TEXT NOT NULL,
  document_json TEXT NOT NULL,           -- preview.feedback.v1
  created_at_us INTEGER NOT NULL
);
CREATE INDEX preview_feedback_asset ON preview_feedback (asset_id, feedback_id);

-- Lists again, by what is rare among a million rows.
ALTER TABLE pipeline_jobs ADD COLUMN owner_entity_id TEXT NOT NULL DEFAULT '';
UPDATE pipeline_jobs SET owner_entity_id = COALESCE((SELECT a.owner_entity_id FROM audio_assets a
  WHERE a.asset_id = pipeline_jobs.asset_id), '');
CREATE INDEX pipeline_jobs_owner ON pipeline_jobs (owner_entity_id, id);
CREATE INDEX pipeline_jobs_unsuccessful ON pipeline_jobs (status, id)
  WHERE status IN ('failed', 'canceled', 'interrupted');
CREATE INDEX tasks_stage ON tasks (stage, task_id);
CREATE INDEX runs_recipe ON runs (recipe, created_at_us, run_id);
CREATE INDEX audio_assets_name ON audio_assets (original_filename, asset_id);
CREATE INDEX audio_assets_owner_name ON audio_assets (owner_entity_id, original_filename, asset_id);
DROP INDEX tasks_error;
CREATE INDEX tasks_error ON tasks (error_code, task_id, state) WHERE error_code IS NOT NULL;
CREATE INDEX tasks_due ON tasks (not_before_us) WHERE state = 'queued' AND not_before_us > 0;
)sql",
    // Runs with parameters, and runs over many recordings at once.
    R"sql(
ALTER TABLE runs ADD COLUMN params_json TEXT NOT NULL DEFAULT '{}';  -- canonical: what its stages are set up with

CREATE TABLE collections (
  collection_id TEXT PRIMARY KEY,
  owner_entity_id TEXT NOT NULL,
  name TEXT NOT NULL,
  created_at_us INTEGER NOT NULL,
  UNIQUE (owner_entity_id, name)
);
CREATE TABLE collection_members (
  collection_id TEXT NOT NULL REFERENCES collections (collection_id),
  asset_id TEXT NOT NULL REFERENCES audio_assets (asset_id),
  added_at_us INTEGER NOT NULL,
  PRIMARY KEY (collection_id, asset_id)
) WITHOUT ROWID;
CREATE INDEX collection_members_asset ON collection_members (asset_id);

CREATE TABLE audio_metadata (            -- what people know of a recording; each a JSON value
  asset_id TEXT PRIMARY KEY REFERENCES audio_assets (asset_id),
  tag_data TEXT NOT NULL DEFAULT '{}',
  visual_observations TEXT NOT NULL DEFAULT '{}',
  group_composition TEXT NOT NULL DEFAULT '{}',
  prey_density_proxy TEXT NOT NULL DEFAULT '{}',
  updated_at_us INTEGER NOT NULL
) WITHOUT ROWID;

-- 1: the upstream task must be complete; 0: its run must be over, whichever way.
ALTER TABLE task_edges ADD COLUMN is_needed INTEGER NOT NULL DEFAULT 1;
CREATE INDEX task_edges_task ON task_edges (task_id);
)sql",
    // What people and other programs say of stretches of recordings, and how people change clusters.
    R"sql(
CREATE TABLE annotation_imports (        -- one table of another program, taken whole
  import_id INTEGER PRIMARY KEY AUTOINCREMENT,
  collection_id TEXT NOT NULL REFERENCES collections (collection_id),
  format TEXT NOT NULL,                  -- raven audacity kaleidoscope
  filename TEXT NOT NULL,
  sha256 TEXT NOT NULL,                  -- of the table's bytes
  made_by TEXT NOT NULL,                 -- the name of the token, or of the command line's user
  created_at_us INTEGER NOT NULL,
  withdrawn_at_us INTEGER                -- its annotations count no more
);
CREATE INDEX annotation_imports_collection ON annotation_imports (collection_id, import_id);

CREATE TABLE annotations (
  annotation_id INTEGER PRIMARY KEY AUTOINCREMENT,
  import_id INTEGER NOT NULL REFERENCES annotation_imports (import_id),
  asset_id TEXT NOT NULL REFERENCES audio_assets (asset_id),
  start_s REAL NOT NULL, end_s REAL NOT NULL,
  low_hz REAL, high_hz REAL,
  label TEXT NOT NULL,
  confidence REAL,
  is_by_person INTEGER NOT NULL,
  source TEXT NOT NULL                   -- as the table says: a view, a detector
);
CREATE INDEX annotations_asset ON annotations (asset_id, start_s);
CREATE INDEX annotations_import ON annotations (import_id);

CREATE TABLE review_actions (            -- appended to; an action that was undone stays
  action_id INTEGER PRIMARY KEY AUTOINCREMENT,
  collection_id TEXT NOT NULL REFERENCES collections (collection_id),
  clustering_id TEXT NOT NULL,           -- the job in clusters/{job}/
  assignments_sha256 TEXT NOT NULL,      -- which windows were meant
  kind TEXT NOT NULL,                    -- label merge move noise
  payload_json TEXT NOT NULL,
  made_by TEXT NOT NULL,
  created_at_us INTEGER NOT NULL,
  version INTEGER NOT NULL,              -- of the review, when this was made, or undone or redone last
  undone_at_us INTEGER, undone_by TEXT
);
CREATE INDEX review_actions_clustering ON review_actions (clustering_id, action_id);
CREATE INDEX review_actions_collection ON review_actions (collection_id, action_id);

CREATE TABLE linear_probes (             -- classifiers of embeddings, each learned from labels
  probe_id INTEGER PRIMARY KEY AUTOINCREMENT,
  collection_id TEXT NOT NULL REFERENCES collections (collection_id),
  encoding_id TEXT NOT NULL,
  label TEXT NOT NULL,
  document_json TEXT NOT NULL,           -- weights, threshold, how good it is, what it learned from
  made_by TEXT NOT NULL,
  created_at_us INTEGER NOT NULL
);
CREATE INDEX linear_probes_collection ON linear_probes (collection_id, probe_id);
)sql",
};

Result<std::int64_t> stored_version(Database& database) {
  BALEEN_ASSIGN_OR_RETURN(const std::vector<Row> rows, database.query("PRAGMA user_version"));
  return rows.front().integer(0);
}

}  // namespace

Result<void> migrate(Database& database, std::int64_t target) {
  BALEEN_ASSIGN_OR_RETURN(const std::int64_t before, stored_version(database));
  if (before == target) return {};
  if (before > kSchemaVersion) {
    return fail(ErrorCode::schema_too_new,
                "the database has schema version {}, this program knows {}", before,
                kSchemaVersion);
  }
  return database.transaction("MIGRATE", [&]() -> Result<void> {
    BALEEN_ASSIGN_OR_RETURN(std::int64_t version,
                            stored_version(database));  // Another process may have been faster.
    for (; version < target; ++version) {
      BALEEN_RETURN_IF_ERROR(
          database.execute_script(kMigrations[static_cast<std::size_t>(version)]));
    }
    return database.execute_script("PRAGMA user_version=" + std::to_string(target));
  });
}

}  // namespace baleen::store
