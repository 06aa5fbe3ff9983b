import assert from "node:assert/strict";
import { test } from "node:test";
import { clustering_with, fault_of, first_sweep, form_of_sweep, mean_text, n_combinations, others_of_sweep, parse_values, plan_in_words, plan_of_form, ranked, tried_names, verdict_of, type SweepPlan } from "./sweep";
import type { SweepCombination } from "./types";

test("values have commas between them, or semicolons where commas are decimal", () => {
  for (const [text, values] of [["5, 10,20", [5, 10, 20]], ["5 10\t20", [5, 10, 20]], ["10", [10]], ["5,5,", [5]], ["0,5; 1", null], ["", null], [" , ", null], ["5, ten", null], ["-5", null], ["2.5", null]] as const)
    assert.deepEqual(parse_values("min_cluster_size", text), values, text);
  assert.deepEqual(parse_values("epsilon", "0,5; 1"), [0.5, 1]);
  assert.deepEqual(parse_values("epsilon", "0, 0.5"), [0, 0.5]);
  assert.deepEqual(parse_values("epsilon", "0,5"), [0, 5]);
});

test("several values are tried, single ones are common to all", () => {
  const plan = plan_of_form(first_sweep) as SweepPlan;
  assert.deepEqual(plan, { clustering: { n_neighbors: 15, epsilon: 0 }, sweep: { min_cluster_size: [5, 10, 20], selection: ["eom", "leaf"] }, seeds: 3, n_combinations: 6 });
  assert.equal(plan_in_words(plan), "6 combinations with 3 seeds each: 18 clusterings.");
  const one = plan_of_form({ ...first_sweep, min_cluster_size: "7", leaf: false, seeds: "2" }) as SweepPlan;
  assert.deepEqual(one, { clustering: { n_neighbors: 15, epsilon: 0, selection: "eom" }, sweep: { min_cluster_size: [7] }, seeds: 2, n_combinations: 1 });
  assert.equal(plan_in_words(one), "1 combination with 2 seeds: 2 clusterings.");
  assert.equal((plan_of_form(first_sweep, { min_samples: [1, 5] }) as SweepPlan).n_combinations, 12);
});

test("a value that cannot be read is named with its field", () => {
  for (const [field, text] of [["min_cluster_size", ""], ["n_neighbors", "few"], ["epsilon", "-1"], ["seeds", "2.5"], ["seeds", ""]] as const)
    assert.equal((plan_of_form({ ...first_sweep, [field]: text }) as { field: string }).field, field);
  assert.equal((plan_of_form({ ...first_sweep, eom: false, leaf: false }) as { field: string }).field, "selection");
});

const params = {
  model: "builtin", window_s: 1, clustering: { n_neighbors: 30, min_cluster_size: 0, selection: "leaf", epsilon: 0, seed: 42 },
  where: { "tag_data.site": "A" }, sweep: { min_cluster_size: [5, 10], min_samples: [1, 5] }, seeds: 4 };

test("the parameters of a sweep become its form again", () => {
  assert.deepEqual(form_of_sweep(params), { min_cluster_size: "5, 10", n_neighbors: "30", epsilon: "0", eom: false, leaf: true, seeds: "4" });
  assert.deepEqual(others_of_sweep(params), { min_samples: [1, 5] });
  const plan = plan_of_form(form_of_sweep(params), others_of_sweep(params)) as SweepPlan;
  assert.deepEqual([plan.sweep, plan.seeds, plan.n_combinations], [params.sweep, 4, n_combinations(params.sweep)]);
  assert.deepEqual(form_of_sweep({}), { ...first_sweep, min_cluster_size: "0", leaf: false });
});

test("a clustering with a combination is the sweep's, with what was tried", () => {
  assert.deepEqual(clustering_with(params, { tried: { min_cluster_size: 10, min_samples: 5 } }), {
    model: "builtin", window_s: 1, where: params.where, clustering: { n_neighbors: 30, min_cluster_size: 10, min_samples: 5, selection: "leaf", epsilon: 0, seed: 42 } });
});

const combination = (clusters: number, noise: number, stability: number): SweepCombination => ({ tried: { min_cluster_size: 1 }, parameters: {}, clusters, noise, stability });

test("what a combination is stands in words; agreement about nothing is none", () => {
  for (const [clusters, noise, stability, words] of [
    [0, 1, 1, "Found no clusters"], [1.5, 0, 1, "Fewer than two clusters"], [3, 0.51, 1, "More than half is noise"], [3, 0.5, 0.9, "Seeds agree very well"],
    [3, 0, 0.8, "Seeds agree well"], [3, 0, 0.65, "Seeds agree fairly"], [3, 0, -0.1, "Seeds disagree"]] as const)
    assert.equal(verdict_of(combination(clusters, noise, stability)), words);
});

test("the best stands first, then stability, then noise; last those that say little", () => {
  const sweep = { combinations: [
    combination(0, 1, 1), combination(9, 0.6, 1), combination(5, 0.2, 0.9), combination(4, 0.1, 0.895), combination(7, 0, 0.7), combination(1, 0, 1), combination(6, 0.1, 0.9)], recommended: 3 };
  const order = ranked(sweep);
  assert.deepEqual(order.map((one) => one.index), [3, 6, 2, 4, 1, 5, 0]);
  assert.deepEqual(order.filter((one) => one.is_recommended).map((one) => one.index), [3]);
  assert.deepEqual(tried_names(sweep), ["min_cluster_size"]);
});

test("where nothing was found, nothing is recommended", () => {
  const order = ranked({ combinations: [combination(0, 1, 1), combination(1, 0.9, 0.2), combination(0, 1, 1)], recommended: 0 });
  assert.deepEqual(order.map((one) => [one.index, one.is_recommended]), [[1, false], [0, false], [2, false]]);
  assert.ok(order.every((one) => fault_of(one.combination) !== ""));
  const only = ranked({ combinations: [combination(2, 0, 1)], recommended: 0 });
  assert.equal(only[0]!.is_recommended, true);
  assert.deepEqual([ranked({ combinations: [], recommended: 0 }), tried_names({ combinations: [] })], [[], []]);
});

test("means of clusters have one decimal at most", () => {
  for (const [value, text] of [[14, "14"], [16.5, "16.5"], [7.3333, "7.3"], [0, "0"]] as const) assert.equal(mean_text(value), text);
});
