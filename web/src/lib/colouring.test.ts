import assert from "node:assert/strict";
import { test } from "node:test";
import { categories, colour_of, hour_colour, ink, inks, palette_of, sites_of, ways, word_of } from "./colouring";
import type { Labels, Points } from "./points";

const recordings = ["reef", "", "reef", "shelf"].map((site, i) => ({ asset_id: `a${i}`, filename: `r${i}.wav`, start_local: null, site, windows: 1 }));
const f = () => new Float32Array(4);
const points: Points = { n: 4, n_recordings: 4, x: f(), y: f(), start_s: f(), end_s: f(), probability: f(), recording: Uint32Array.of(0, 1, 2, 3),
  row_index: new Int32Array(4), hour: Uint8Array.of(0, 23, 255, 5) };
const labels: Labels = { n: 4, review_version: 1, cluster: Int32Array.of(-1, 0, 13, 13), label: Int32Array.of(1, -1, 0, 0) };
const of = (way: (typeof ways)[number]) => categories(way, points, labels, recordings, ["upcall", "ship"], (c) => `cluster ${c}`);

test("each way of colouring has a category and a name for every window", () => {
  assert.deepEqual([...of("cluster").of], [-1, 0, 13, 13]);
  assert.deepEqual([...of("label").of].map(of("label").names), ["ship", "no label", "upcall", "upcall"]);
  assert.deepEqual([...of("site").of].map(of("site").names), ["reef", "site not known", "reef", "shelf"]);
  assert.deepEqual([...of("hour").of].map(of("hour").names), ["00:00 to 01:00", "23:00 to 00:00", "time not known", "05:00 to 06:00"]);
  assert.deepEqual([...of("recording").of].map(of("recording").names), ["r0.wav", "r1.wav", "r2.wav", "r3.wav"]);
  assert.equal(of("cluster").counts.get(13), 2);
  assert.deepEqual(sites_of(recordings).names, ["reef", "shelf"]);
});

test("noise is pale, and what is not isolated is dim", () => {
  assert.deepEqual([...inks("cluster", labels.cluster, null)], [ink.pale, ink.first, ink.first + 1, ink.first + 1]);
  assert.deepEqual([...inks("cluster", labels.cluster, 0)], [ink.dim, ink.first, ink.dim, ink.dim]);
  assert.deepEqual([...inks("cluster", labels.cluster, -1)], [ink.grey, ink.dim, ink.dim, ink.dim]);
});

test("every ink has a colour, light and dark, that differs from the others and from the ground", () => {
  for (const way of ways) {
    for (const is_dark of [false, true]) {
      const palette = palette_of(way, is_dark);
      assert.equal(new Set(palette).size, palette.length, `${way} ${is_dark}`);
      assert.ok(!palette.includes(word_of(is_dark ? "#131c20" : "#ffffff")));
      for (const category of [0, 5, 11]) assert.equal(palette[ink.first + category], word_of(colour_of(way, category, is_dark)));
    }
  }
  assert.equal(word_of("#010203"), 0xff030201);
  assert.equal(hour_colour(24, false), hour_colour(0, false));
});

/** Contrast as WCAG 2 defines it. */
function contrast(a: string, b: string): number {
  const light = (colour: string) => {
    const [r, g, bl] = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)) as [number, number, number];
    return 0.2126 * r + 0.7152 * g + 0.0722 * bl;
  };
  const [x, y] = [light(a), light(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

test("colours of categories have at least 3 : 1 to the ground", () => {
  for (const way of ways)
    for (const is_dark of [false, true])
      for (let category = -1; category < (way === "hour" ? 24 : 12); category += 1)
        assert.ok(contrast(colour_of(way, category, is_dark), is_dark ? "#131c20" : "#ffffff") >= 3, `${way} ${category} ${is_dark}`);
});
