import assert from "node:assert/strict";
import { test } from "node:test";
import { clamp_view, hertz_ticks, pan, peaks, segment_at, time_at, time_ticks, view_s_min, x_of, zoom, type View } from "./timeline";

/** Numbers that look random and are the same each time. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 4294967296;
    return state / 4294967296;
  };
}
const is_inside = (v: View, duration: number) => v.start_s >= 0 && v.end_s <= duration + 1e-9 && v.end_s > v.start_s;

test("no sequence of moves leaves the recording or turns the view round", () => {
  const next = numbers(7);
  for (const duration of [0.01, 0.2, 21.05, 86400]) {
    let view: View = { start_s: 0, end_s: duration };
    for (let i = 0; i < 2000; i += 1) {
      view = next() < 0.5 ? zoom(view, 0.2 + 2 * next(), next() * duration, duration) : pan(view, (next() - 0.5) * 2 * duration, duration);
      assert.ok(is_inside(view, duration), `${duration} s, move ${i}: ${JSON.stringify(view)}`);
      assert.ok(view.end_s - view.start_s >= Math.min(view_s_min, duration) - 1e-9);
    }
  }
});

test("zooming keeps what is under the pointer where it is", () => {
  const view = { start_s: 10, end_s: 20 };
  for (const at of [11, 15, 19.5]) {
    const closer = zoom(view, 0.3, at, 100);
    assert.ok(Math.abs(x_of(at, closer, 1000) - x_of(at, view, 1000)) < 1e-6);
  }
});

test("pixels and seconds are each other's inverse", () => {
  const view = { start_s: 3.2, end_s: 4.7 };
  for (const x of [0, 1, 500, 999]) assert.ok(Math.abs(x_of(time_at(x, view, 1000), view, 1000) - x) < 1e-9);
});

test("clamping keeps the length where it can", () => {
  assert.deepEqual(clamp_view({ start_s: -5, end_s: 5 }, 100), { start_s: 0, end_s: 10 });
  assert.deepEqual(clamp_view({ start_s: 95, end_s: 105 }, 100), { start_s: 90, end_s: 100 });
  assert.deepEqual(clamp_view({ start_s: -5, end_s: 500 }, 100), { start_s: 0, end_s: 100 });
});

test("labels of the time axis never touch, from 50 ms to a month", () => {
  for (let length = 0.05; length < 2.6e6; length *= 1.7) {
    const view = { start_s: length / 3, end_s: length / 3 + length };
    const { ticks } = time_ticks(view, 900, 84);
    const labelled = ticks.filter((t) => t.is_labelled);
    assert.ok(labelled.length >= 1, `${length} s has a label`);
    for (let i = 1; i < labelled.length; i += 1)
      assert.ok(x_of(labelled[i]!.value, view, 900) - x_of(labelled[i - 1]!.value, view, 900) >= 83.9, `${length} s`);
  }
});

test("frequencies are round, inside, and apart", () => {
  assert.deepEqual(hertz_ticks(0, 11025, 208), [0, 2000, 4000, 6000, 8000, 10000]);
  assert.deepEqual(hertz_ticks(0, 0, 100), []);
  for (const max of [500, 8000, 96000, 220500]) {
    const ticks = hertz_ticks(0, max, 208);
    assert.ok(ticks.length >= 3 && ticks.at(-1)! <= max, String(max));
  }
});

test("the segment at a time is the one that a search from the front finds", () => {
  const next = numbers(3);
  const segments: { start_s: number; end_s: number }[] = [];
  let end = 0;
  for (let i = 0; i < 300; i += 1) {
    const start_s = end;
    end += 0.1 + next() * 4;
    segments.push({ start_s, end_s: end });
  }
  for (let i = 0; i < 1000; i += 1) {
    const at = next() * (end + 2) - 1;
    assert.equal(segment_at(segments, at), segments.find((s) => at >= s.start_s && at < s.end_s) ?? null);
  }
  assert.equal(segment_at([], 1), null);
});

test("peaks are apart from each other and from where one stands", () => {
  const curve = Array.from({ length: 100 }, (_, i) => Math.cos(i / 5));
  const found = peaks(curve, 0, 10, 3);
  assert.equal(found.length, 3);
  for (const [i, a] of found.entries()) {
    assert.ok(a >= 10);
    for (const b of found.slice(i + 1)) assert.ok(Math.abs(a - b) >= 10);
  }
  assert.deepEqual(peaks([], 0, 1, 3), []);
});
