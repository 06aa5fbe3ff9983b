import assert from "node:assert/strict";
import { test } from "node:test";
import { choices_of, first_choices, first_clustering, form_of_clustering, object_of, parameters_in_words, params_of_choices, params_of_clustering, params_without_field, unusual_in_words } from "./clustering";

// As a run has them, with all defaults.
const canonical = {
  metric: "cosine", reduce: true, n_neighbors: 15, min_dist: 0, n_components: 5, n_maps: 0, min_cluster_size: 0, min_samples: 0, selection: "eom",
  epsilon: 0, reject_noise: true, link_within_recording: true, min_fill: 0.5, normalize: "deployment", seed: 42 };

test("the first form is what the program does by itself", () => {
  const { params } = params_of_clustering(first_clustering) as { params: Record<string, unknown> };
  assert.deepEqual({ ...params_without_field(canonical), ...params, ...params_of_choices(first_choices) }, canonical);
  assert.deepEqual([form_of_clustering(canonical), choices_of(canonical)], [first_clustering, first_choices]);
  assert.deepEqual([form_of_clustering({}), choices_of({})], [first_clustering, first_choices]);
});

test("parameters become a form and the same parameters again", () => {
  const given = { ...canonical, n_neighbors: 30, min_cluster_size: 12, selection: "leaf", epsilon: 0.25, reject_noise: false, link_within_recording: false, normalize: "none", min_samples: 3 };
  const { params } = params_of_clustering(form_of_clustering(given)) as { params: Record<string, unknown> };
  assert.deepEqual({ ...params_without_field(given), ...params, ...params_of_choices(choices_of(given)) }, given);
});

test("a number that is none is named with its field", () => {
  for (const [field, text] of [["n_neighbors", "many"], ["n_neighbors", "2.5"], ["min_cluster_size", "-1"], ["min_cluster_size", ""], ["epsilon", "-0.1"]] as const)
    assert.equal((params_of_clustering({ ...first_clustering, [field]: text }) as { field: string }).field, field, text);
  assert.deepEqual(params_of_clustering({ ...first_clustering, epsilon: "0,5" }), { params: { selection: "eom", n_neighbors: 15, min_cluster_size: 0, epsilon: 0.5 } });
});

test("parameters in words; those that are as always are not worth any", () => {
  assert.equal(parameters_in_words({ min_cluster_size: 10, selection: "leaf" }), "Smallest cluster 10; selection leaf");
  assert.equal(parameters_in_words({ min_cluster_size: [5, 10], reduce: [true, false], something: 1 }), "Smallest cluster 5, 10; reduced by UMAP yes, no; something 1");
  assert.equal(parameters_in_words({ min_cluster_size: [0, 5] }), "Smallest cluster 0 (chosen by the number of windows), 5");
  assert.equal(parameters_in_words({}), "");
  assert.equal(unusual_in_words(canonical), "");
  assert.equal(unusual_in_words({ ...canonical, min_samples: 3, selection: "leaf", seed: 7 }), "Neighbours of a core distance 3; seed 7");
});

test("what is no object is an empty one", () => {
  for (const value of [null, undefined, [1], "x", 1]) assert.deepEqual(object_of(value), {});
  assert.deepEqual(object_of({ a: 1 }), { a: 1 });
});
