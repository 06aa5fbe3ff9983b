// A clustering of any size that was never made: synthetic points behind the addresses of reviews, for the frame rate of the
// map, which needs more windows than a test can make sounds for. Nothing but tests uses it.

import zlib from "node:zlib";

/** Always the same numbers between 0 and 1. */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const chunk = (type, data) => {
  const body = Buffer.concat([Buffer.from(type), data]);
  const out = Buffer.alloc(8 + data.length + 4);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), 8 + data.length);
  return out;
};
function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let k = 0; k < 8; k += 1) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc >>> 0;
}
/** A PNG in grey levels of what `level(x, y)` says, 0 to 255. */
function png(width, height, level) {
  const raw = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y += 1) for (let x = 0; x < width; x += 1) raw[y * (width + 1) + 1 + x] = level(x, y);
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head[8] = 8;
  return Buffer.concat([Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), chunk("IHDR", head), chunk("IDAT", zlib.deflateSync(raw)), chunk("IEND", Buffer.alloc(0))]);
}

export class ReviewStub {
  asked = []; // "METHOD /path" of every request.
  #log = [];
  #version = 0;

  constructor({ n = 4000, clusters = 12, recordings = 20, noise = 0.1, seed = 1, id = "1", sites = ["reef", "shelf", "bay"] } = {}) {
    Object.assign(this, { n, id, n_recordings: recordings });
    const next = random(seed);
    const bell = () => (next() + next() + next() - 1.5) / 1.5;
    this.cluster = new Int32Array(n);
    this.x = new Float32Array(n);
    this.y = new Float32Array(n);
    this.recording = new Uint32Array(n);
    this.hour = new Uint8Array(n);
    const centers = Array.from({ length: Math.max(1, clusters) }, () => [10 * next(), 7 * next(), 0.3 + 0.5 * next(), next() * 24]);
    for (let i = 0; i < n; i += 1) {
      const c = clusters === 0 || next() < noise ? -1 : Math.floor(clusters * next() ** 1.5);
      this.cluster[i] = c;
      const [cx, cy, r, h] = centers[Math.max(0, c)];
      this.x[i] = c < 0 ? 10 * next() : cx + r * bell();
      this.y[i] = c < 0 ? 7 * next() : cy + r * bell();
      this.recording[i] = Math.floor(recordings * next());
      this.hour[i] = next() < 0.02 ? 255 : (c < 0 ? 24 * next() : h + 5 * bell() + 48) % 24;
    }
    this.recordings = Array.from({ length: recordings }, (_, i) => ({ asset_id: `asset-${i}`, filename: `S4A0389${i % 10}_201905${String(i % 28 + 1).padStart(2, "0")}_060000.wav`,
      start_local: null, site: sites[i % (sites.length + 1)] ?? "", windows: 0 }));
    for (const r of this.recording) this.recordings[r].windows += 1;
  }

  get done() {
    return this.#log.filter((a) => !a.undone_at);
  }
  state() {
    const cluster = this.cluster.slice();
    const label = new Array(this.n).fill(null);
    for (const { body } of this.done) {
      const meant = new Set(body.clusters ?? []);
      const rows = new Set(body.rows ?? []);
      const of = (i) => rows.has(i) || meant.has(cluster[i]);
      const lowest = Math.min(...(body.clusters ?? [0]));
      const fresh = cluster.reduce((a, b) => Math.max(a, b), -1) + 1;
      for (let i = 0; i < this.n; i += 1) {
        if (body.kind === "label" && of(i)) label[i] = body.label || null;
        if (body.kind === "merge" && of(i)) cluster[i] = lowest;
        if (body.kind === "noise" && of(i)) cluster[i] = -1;
        if (body.kind === "move" && rows.has(i)) cluster[i] = body.to === "new" ? fresh : body.to;
        if (body.kind === "split" && cluster[i] === body.cluster && i % body.into) cluster[i] = fresh + (i % body.into) - 1;
      }
    }
    return { cluster, label };
  }
  window(row, { cluster, label }) {
    const recording = this.recordings[this.recording[row]];
    return { row, asset_id: recording.asset_id, filename: recording.filename, row_index: row, start_s: (row % 700) * 5, end_s: (row % 700) * 5 + 5, cluster: cluster[row], label: label[row],
      probability: cluster[row] < 0 ? 0 : 0.5 + (row % 50) / 100, outlier_score: (row % 100) / 100 };
  }
  labels_of({ label }) {
    const counts = new Map();
    for (const text of label) if (text) counts.set(text, (counts.get(text) ?? 0) + 1);
    return [...counts].map(([text, windows]) => ({ label: text, windows }));
  }
  clustering(state = this.state()) {
    const rows = new Map();
    state.cluster.forEach((c, i) => rows.get(c)?.push(i) ?? rows.set(c, [i]));
    const items = [...rows].map(([cluster, members]) => {
      const hours = new Array(24).fill(0);
      let hours_unknown = 0;
      const counts = new Map();
      for (const row of members) {
        if (this.hour[row] > 23) hours_unknown += 1;
        else hours[this.hour[row]] += 1;
        counts.set(this.recording[row], (counts.get(this.recording[row]) ?? 0) + 1);
      }
      const some = (from, k) => members.slice(from, from + k).map((row) => this.window(row, state));
      const labels = new Set(members.slice(0, 500).map((row) => state.label[row]));
      return { cluster, label: labels.size === 1 ? [...labels][0] : null, size: members.length, persistence: cluster < 0 ? null : 0.4, made_by_review: cluster >= 0 && !this.cluster.includes(cluster),
        exemplars: { medoids: some(0, cluster < 0 ? 0 : 5), edges: some(5, cluster < 0 ? 0 : 5), outliers: some(10, 5) }, hours, hours_unknown,
        recordings: [...counts].sort((a, b) => b[1] - a[1]).slice(0, 20).map(([r, windows]) => ({ asset_id: this.recordings[r].asset_id, filename: this.recordings[r].filename, windows })),
        metadata_summary: { recordings: counts.size, hours, values: { "tag_data.species": { humpback: Math.ceil(members.length * 0.7), "": Math.floor(members.length * 0.3) } } } };
    }).sort((a, b) => a.cluster - b.cluster);
    return { clustering_id: this.id, collection_id: "reef-2019", run_id: null, created_at: "2026-11-20T08:00:00.000Z", encoding_id: "yamnet__w5_h5_sr16000__0123456789ab", parameters: {}, where: {},
      recordings: this.n_recordings, windows: this.n, windows_left_out: 0, windows_added: 0, recordings_added: 0, noise: rows.get(-1)?.length ?? 0, clusters: items.filter((c) => c.cluster >= 0).length, n_actions: this.#log.length,
      review_version: this.#version, labels: this.labels_of(state), items };
  }
  points() {
    const { n } = this;
    const out = Buffer.alloc(16 + 29 * n);
    out.write("BLNPTS01", 0);
    out.writeUInt32LE(n, 8);
    out.writeUInt32LE(this.n_recordings, 12);
    const put = (array, column) => Buffer.from(array.buffer).copy(out, 16 + 4 * n * column);
    const starts = Float32Array.from({ length: n }, (_, i) => (i % 700) * 5);
    put(this.x, 0);
    put(this.y, 1);
    put(starts, 2);
    put(starts.map((s) => s + 5), 3);
    put(Float32Array.from(this.cluster, (c, i) => (c < 0 ? 0 : 0.5 + (i % 50) / 100)), 4);
    put(this.recording, 5);
    put(Int32Array.from({ length: n }, (_, i) => i), 6);
    Buffer.from(this.hour).copy(out, 16 + 28 * n);
    return out;
  }
  labels(state = this.state()) {
    const names = this.labels_of(state).map((l) => l.label);
    const out = Buffer.alloc(16 + 8 * this.n);
    out.write("BLNLBL01", 0);
    out.writeUInt32LE(this.n, 8);
    out.writeUInt32LE(this.#version, 12);
    Buffer.from(state.cluster.buffer).copy(out, 16);
    Buffer.from(Int32Array.from(state.label, (l) => (l === null ? -1 : names.indexOf(l))).buffer).copy(out, 16 + 4 * this.n);
    return out;
  }
  act(body, made_by = "admin") {
    this.#version += 1;
    const windows = body.rows?.length ?? this.n;
    const action = { action_id: String(this.#log.length + 1), kind: body.kind, summary: `${body.kind} ${body.label ?? ""} of ${body.rows ? `${windows} windows` : `clusters ${body.clusters ?? body.cluster}`}`, windows, made_by,
      created_at: new Date().toISOString(), undone_at: null, undone_by: null, body };
    this.#log.push(action);
    return { action, review_version: this.#version };
  }

  /** The answer to a request: [status, type, body]. */
  answer(method, target, body) {
    const url = new URL(target, "http://stub");
    const path = url.pathname;
    this.asked.push(`${method} ${path}`);
    const json = (value, status = 200) => [status, "application/json", Buffer.from(JSON.stringify(value))];
    const problem = (status, code, detail) => json({ code, detail, cause: "", action: "", retryable: false, trace_id: "t" }, status);
    const tail = path.replace(`/v1/clusterings/${this.id}`, "");
    if (tail !== path) {
      switch (`${method} ${tail}`) {
        case "GET ": return json(this.clustering());
        case "GET /points": return [200, "application/octet-stream", this.points()];
        case "GET /labels": return [200, "application/octet-stream", this.labels()];
        case "GET /recordings": return json({ items: this.recordings });
        case "GET /actions": return json({ items: [...this.#log].reverse() });
        case "GET /windows": {
          const state = this.state();
          const cluster = url.searchParams.get("cluster");
          const from = Number(url.searchParams.get("after") ?? 0);
          const limit = Number(url.searchParams.get("limit"));
          const rows = [];
          for (let i = from; i < this.n && rows.length < limit; i += 1) if (cluster === null || state.cluster[i] === Number(cluster)) rows.push(i);
          return json({ items: rows.map((row) => this.window(row, state)), next: rows.length === limit ? String(rows.at(-1) + 1) : null });
        }
        case "POST /actions":
          if (body.expected_version !== undefined && body.expected_version !== this.#version) return problem(409, "CONFLICT", "the review has changed");
          return json(this.act(body), 201);
        case "POST /undo": {
          const last = this.done.at(-1);
          if (!last) return problem(404, "NOT_FOUND", "nothing to undo");
          Object.assign(last, { undone_at: new Date().toISOString(), undone_by: "admin" });
          this.#version += 1;
          return json({ action: last, review_version: this.#version });
        }
        case "POST /redo": {
          const first = this.#log.find((a) => a.undone_at);
          if (!first) return problem(404, "NOT_FOUND", "nothing to do again");
          Object.assign(first, { undone_at: null, undone_by: null });
          this.#version += 1;
          return json({ action: first, review_version: this.#version });
        }
        default: {
          const row = Number(/^\/windows\/(\d+)$/.exec(tail)?.[1] ?? NaN);
          if (!(row < this.n)) return problem(404, "NOT_FOUND", "no such thing");
          const window = this.window(row, this.state());
          return json({ ...window, why_noise: window.cluster >= 0 ? null : { reason: "its 15 nearest windows lie in three clusters, none of them near enough", nearest_cluster: 0, nearest_window: this.window(0, this.state()), missing: null } });
        }
      }
    }
    if (/^\/v1\/collections\/[^/]+\/clusterings$/.test(path)) return json({ items: [this.clustering()] });
    if (/^\/v1\/collections\/[^/]+\/probes$/.test(path))
      return method === "GET" ? json({ items: [] }) : json({ probe_id: 1, collection_id: "reef-2019", label: body.label, encoding_id: "yamnet__w5_h5_sr16000__0123456789ab", created_at: new Date().toISOString(), made_by: "admin", positives: 120,
        negatives: 2400, negatives_presumed: 0, recordings: 12, folds: 5, is_by_recording: true, average_precision: 0.913, roc_auc: 0.987, threshold: 0.71, precision_wanted: 0.9, is_precision_reached: true,
        precision: 0.93, precision_low: 0.87, precision_high: 0.97, precision_windows: 98, recall: 0.81, windows_above: 340, windows_scored: this.n, warnings: ["few recordings have this label"] }, 201);
    if (/^\/v1\/probes\/[^/]+\/windows$/.test(path)) return json({ items: Array.from({ length: 8 }, (_, i) => ({ ...this.window(i * 7, this.state()), score: 0.71 - i / 100 })) });
    if (/\/thumbnail$/.test(path)) {
      const at = Number(url.searchParams.get("start_s"));
      return [200, "image/png", png(112, 48, (x, y) => 255 - 200 * Math.exp(-(((y - 24 - 14 * Math.sin(x / 18 + at)) / 5) ** 2)))];
    }
    if (/\/clip$/.test(path)) {
      const n = 8000;
      const out = Buffer.alloc(44 + 2 * n);
      out.write("RIFF", 0); out.writeUInt32LE(36 + 2 * n, 4); out.write("WAVEfmt ", 8); out.writeUInt32LE(16, 16); out.writeUInt16LE(1, 20); out.writeUInt16LE(1, 22);
      out.writeUInt32LE(8000, 24); out.writeUInt32LE(16000, 28); out.writeUInt16LE(2, 32); out.writeUInt16LE(16, 34); out.write("data", 36); out.writeUInt32LE(2 * n, 40);
      return [200, "audio/wav", out];
    }
    return problem(404, "NOT_FOUND", "no such thing");
  }

  /** Puts itself before the service in all requests of a page that belong to reviews. */
  async serve(page) {
    await page.route(/\/v1\/(clusterings|probes)\/|\/v1\/collections\/[^/]+\/(clusterings|probes)|\/v1\/assets\/[^/]+\/(thumbnail|clip)/, (route) => {
      const request = route.request();
      const [status, contentType, body] = this.answer(request.method(), request.url(), request.postData() ? request.postDataJSON() : null);
      return route.fulfill({ status, contentType, body });
    });
  }
}
