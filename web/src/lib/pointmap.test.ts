import assert from "node:assert/strict";
import { test } from "node:test";
import { distance, draw, fit, is_inside, join_rows, lasso, nearest, point_size, PointGrid, shift, stamp, to_px, to_py, to_x, to_y, zoom_at, type Polygon } from "./pointmap";

/** Always the same numbers between 0 and 1. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
function cloud(n: number, seed: number): { x: Float32Array; y: Float32Array } {
  const next = random(seed);
  return { x: Float32Array.from({ length: n }, () => 10 * next() - 3), y: Float32Array.from({ length: n }, () => 4 * next() ** 3) };
}

test("every point with a place is in the grid exactly once", () => {
  const { x, y } = cloud(5000, 1);
  x[17] = NaN;
  y[99] = Infinity;
  const grid = new PointGrid(x, y);
  assert.equal(grid.n, 4998);
  assert.deepEqual([...grid.rows].sort((a, b) => a - b), Array.from({ length: 5000 }, (_, i) => i).filter((i) => i !== 17 && i !== 99));
  for (let place = 0; place < grid.n; place += 1) assert.equal(grid.x[place], x[grid.rows[place]!]);
});

test("no point, one point and equal points have a map", () => {
  for (const n of [0, 1, 50]) {
    const grid = new PointGrid(new Float32Array(n).fill(2), new Float32Array(n).fill(-1));
    const view = fit(grid.bounds, 300, 200);
    assert.ok(Number.isFinite(view.scale) && view.scale > 0);
    assert.equal(nearest(grid, 2, -1, 1) >= 0, n > 0);
  }
});

test("what lies under the pointer is the nearest of all points", () => {
  const { x, y } = cloud(3000, 2);
  const grid = new PointGrid(x, y);
  const next = random(3);
  for (let trial = 0; trial < 200; trial += 1) {
    const [px, py, radius] = [12 * next() - 4, 5 * next() - 0.5, 0.3 * next()];
    let best = -1;
    for (let i = 0; i < x.length; i += 1) {
      const distance = Math.hypot(x[i]! - px, y[i]! - py);
      if (distance <= radius && (best < 0 || distance < Math.hypot(x[best]! - px, y[best]! - py))) best = i;
    }
    assert.equal(nearest(grid, px, py, radius), best, String(trial));
  }
});

test("a lasso catches what is inside, whichever way it was drawn", () => {
  const { x, y } = cloud(3000, 4);
  const grid = new PointGrid(x, y);
  // A concave shape: an arrowhead.
  const polygon: Polygon = [[-1, 0], [5, 1], [-1, 3], [1, 1.2]];
  const wanted = [...x.keys()].filter((i) => is_inside(x[i]!, y[i]!, polygon));
  assert.ok(wanted.length > 100);
  assert.ok(!is_inside(-0.9, 1.2, polygon), "the notch is outside");
  assert.deepEqual([...lasso(grid, polygon)], wanted);
  assert.deepEqual([...lasso(grid, [...polygon].reverse())], wanted);
  assert.deepEqual([...lasso(grid, [[0, 0], [1, 1]])], []);
  assert.deepEqual([...lasso(grid, [[100, 100], [101, 100], [100, 101]])], []);
});

test("a lasso leaves out what is not wanted, and joins what was chosen before", () => {
  const grid = new PointGrid(Float32Array.of(0, 1, 2), Float32Array.of(0, 0, 0));
  const all: Polygon = [[-1, -1], [3, -1], [3, 1], [-1, 1]];
  assert.deepEqual([...lasso(grid, all, (place) => grid.rows[place] !== 1)], [0, 2]);
  assert.deepEqual([...join_rows(Uint32Array.of(2, 10), Uint32Array.of(1, 2))], [1, 2, 10]);
});

test("the whole is in sight, and zooming keeps what is under the pointer", () => {
  const { x, y } = cloud(500, 5);
  const grid = new PointGrid(x, y);
  const whole = fit(grid.bounds, 640, 480);
  for (let i = 0; i < x.length; i += 1) {
    assert.ok(to_px(x[i]!, whole, 640) >= 0 && to_px(x[i]!, whole, 640) <= 640);
    assert.ok(to_py(y[i]!, whole, 480) >= 0 && to_py(y[i]!, whole, 480) <= 480);
  }
  const near = zoom_at(whole, 7, 100, 50, 640, 480, whole);
  assert.ok(Math.abs(to_x(100, near, 640) - to_x(100, whole, 640)) < 1e-9);
  assert.ok(Math.abs(to_y(50, near, 480) - to_y(50, whole, 480)) < 1e-9);
  assert.equal(zoom_at(whole, 1e9, 0, 0, 640, 480, whole).scale, whole.scale * 5000);
  assert.ok(point_size(1e6, 1) < point_size(1000, 1) && point_size(1e6, 1) < point_size(1e6, 20));
});

test("the picture has a dot where each point is, and noise never hides a cluster", () => {
  const background = 0xffffffff;
  const palette = Uint32Array.of(1, 2, 3, 40, 50);
  const picture = { words: new Uint32Array(100 * 80), width: 100, height: 80 };
  const grid = new PointGrid(Float32Array.of(0, 1, 0), Float32Array.of(0, 1, 0));
  const view = { x: 0.5, y: 0.5, scale: 40 };
  const at = (x: number, y: number) => picture.words[Math.round(to_py(y, view, 80)) * 100 + Math.round(to_px(x, view, 100))];
  for (const [first, second] of [[0, 3], [3, 0], [1, 3], [3, 1]] as const) {
    draw(picture, grid, grid.by_place(Uint8Array.of(first, 4, second)), palette, view, 4, background);
    assert.equal(at(0, 0), 40, `${first}, ${second}`);
    assert.equal(at(1, 1), 50);
    assert.equal(at(0.5, 0.5), background);
  }
  // Out of sight, and at the edge: nothing is written beside the picture.
  for (const [x, y] of [[50, 50], [-0.75, 0.5], [1.75, 1.5]] as const) {
    draw(picture, grid, grid.by_place(Uint8Array.of(3, 4, 3)), palette, { x, y, scale: 40 }, 5, background);
    stamp(picture, { x, y, scale: 40 }, 0, 0, 9, 7);
  }
  stamp(picture, view, 1, 1, 9, 7);
  assert.equal(at(1, 1), 7);
});

test("a picture that is moved, and drawn anew where it was bare, is the picture of the other place", () => {
  const { x, y } = cloud(2000, 7);
  const grid = new PointGrid(x, y);
  const next = random(8);
  const of_places = Uint8Array.from({ length: grid.n }, () => Math.floor(5 * next()));
  const palette = Uint32Array.of(1, 2, 3, 40, 50);
  const empty = () => ({ words: new Uint32Array(101 * 76), width: 101, height: 76 });
  for (let trial = 0; trial < 60; trial += 1) {
    const view = { x: 10 * next() - 3, y: 4 * next(), scale: 15 + 60 * next() };
    const there = { ...view, x: view.x + (3 * next() - 1.5) * (trial % 3), y: view.y + (2 * next() - 1) * (trial % 2) };
    const size = 1 + Math.floor(8 * next());
    const [moved, wanted] = [empty(), empty()];
    draw(wanted, grid, of_places, palette, there, size, 9);
    draw(moved, grid, of_places, palette, view, size, 9);
    const by = distance(moved, view, there)!;
    for (const bare of shift(moved, by.dx, by.dy)) draw(moved, grid, of_places, palette, there, size, 9, bare);
    assert.deepEqual(moved.words, wanted.words, `trial ${trial}, by ${by.dx}, ${by.dy}`);
  }
  assert.equal(distance(empty(), { x: 0, y: 0, scale: 1 }, { x: 0, y: 0, scale: 2 }), null);
});

test("a million points are drawn, found and caught", () => {
  const { x, y } = cloud(1_000_000, 6);
  const grid = new PointGrid(x, y);
  const view = fit(grid.bounds, 1000, 700);
  const picture = { words: new Uint32Array(700_000), width: 1000, height: 700 };
  draw(picture, grid, new Uint8Array(grid.n).fill(3), Uint32Array.of(1, 2, 3, 4), view, 2, 9);
  assert.ok(picture.words.filter((w) => w === 4).length > 50_000);
  assert.ok(nearest(grid, x[123_456]!, y[123_456]!, 1e-3) >= 0);
  assert.equal(lasso(grid, [[-10, -10], [20, -10], [20, 20], [-10, 20]]).length, 1_000_000);
});
