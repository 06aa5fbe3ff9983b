import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "./api";
import { parse_labels, parse_points, rows_with, tally } from "./points";

function points_of(n: number, n_recordings: number): ArrayBuffer {
  const buffer = new ArrayBuffer(16 + 29 * n);
  const view = new DataView(buffer);
  "BLNPTS01".split("").forEach((c, i) => view.setUint8(i, c.charCodeAt(0)));
  view.setUint32(8, n, true);
  view.setUint32(12, n_recordings, true);
  for (let i = 0; i < n; i += 1) {
    for (let column = 0; column < 5; column += 1) view.setFloat32(16 + 4 * n * column + 4 * i, 100 * column + i, true);
    view.setUint32(16 + 20 * n + 4 * i, i % n_recordings, true);
    view.setInt32(16 + 24 * n + 4 * i, -i, true);
    view.setUint8(16 + 28 * n + i, i === 0 ? 255 : i % 24);
  }
  return buffer;
}

function labels_of(cluster: number[], label: number[], version: number): ArrayBuffer {
  const buffer = new ArrayBuffer(16 + 8 * cluster.length);
  const view = new DataView(buffer);
  "BLNLBL01".split("").forEach((c, i) => view.setUint8(i, c.charCodeAt(0)));
  view.setUint32(8, cluster.length, true);
  view.setUint32(12, version, true);
  cluster.forEach((c, i) => view.setInt32(16 + 4 * i, c, true));
  label.forEach((l, i) => view.setInt32(16 + 4 * cluster.length + 4 * i, l, true));
  return buffer;
}

test("points are read column by column", () => {
  const points = parse_points(points_of(5, 2));
  assert.deepEqual([points.n, points.n_recordings], [5, 2]);
  assert.deepEqual([...points.x], [0, 1, 2, 3, 4]);
  assert.deepEqual([...points.probability], [400, 401, 402, 403, 404]);
  assert.deepEqual([...points.recording], [0, 1, 0, 1, 0]);
  assert.deepEqual([...points.row_index], [0, -1, -2, -3, -4]);
  assert.deepEqual([...points.hour], [255, 1, 2, 3, 4]);
  assert.equal(parse_points(points_of(0, 1)).n, 0);
});

test("labels say at which state of the review they were read", () => {
  const labels = parse_labels(labels_of([0, -1, 3], [-1, -1, 1], 7));
  assert.deepEqual([labels.n, labels.review_version], [3, 7]);
  assert.deepEqual([...labels.cluster], [0, -1, 3]);
  assert.deepEqual([...labels.label], [-1, -1, 1]);
});

test("what is cut short, too long or of another kind is refused with words", () => {
  const whole = points_of(5, 2);
  for (let length = 0; length < whole.byteLength; length += 1)
    assert.throws(() => parse_points(whole.slice(0, length)), (e) => e instanceof Problem && e.code === "ANSWER_DAMAGED" && e.action !== "", String(length));
  assert.throws(() => parse_labels(whole), Problem);
  assert.throws(() => parse_points(labels_of([1], [1], 1)), Problem);
});

test("values are counted, and their rows found", () => {
  const values = Int32Array.of(3, -1, 3, 0, -1);
  assert.deepEqual([...tally(values)].sort((a, b) => a[0] - b[0]), [[-1, 2], [0, 1], [3, 2]]);
  assert.deepEqual([...rows_with(values, new Set([-1, 0]))], [1, 3, 4]);
});
