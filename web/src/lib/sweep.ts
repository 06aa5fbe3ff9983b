// Sweeps: which parameters are tried, how many clusterings that makes, and what came of it, best first. Pure functions.

import { first_clustering, number_hints, object_of, parse_parameter, type ClusteringForm, type NumberName, type Wrong } from "./clustering";
import { plural } from "./format";
import type { Sweep, SweepCombination } from "./types";

type Params = Record<string, unknown>;

/** The fields of a form. Numbers are texts: values with commas between them. */
export interface SweepForm extends Record<NumberName, string> {
  eom: boolean;
  leaf: boolean;
  seeds: string;
}

export const first_sweep: SweepForm = { min_cluster_size: "5, 10, 20", n_neighbors: "15", epsilon: "0", eom: true, leaf: true, seeds: "3" };

/** What is asked of the server: what all have in common, and what is tried. */
export interface SweepPlan {
  clustering: Params;
  sweep: Record<string, unknown[]>;
  seeds: number;
  n_combinations: number;
}

/** "5, 10 20" as [5, 10, 20], each once; with a semicolon among them a comma is decimal. Null for what is none. */
export function parse_values(name: NumberName, text: string): number[] | null {
  const parts = text.split(text.includes(";") ? ";" : /[,\s]+/).map((part) => part.trim()).filter((part) => part !== "");
  const values = parts.map((part) => parse_parameter(name, part));
  return values.length && values.every((value) => value !== null) ? [...new Set(values)] : null;
}

/** @param others  Values of parameters that the form has no field for. */
export function plan_of_form(form: SweepForm, others: Record<string, unknown[]> = {}): SweepPlan | Wrong {
  const all: Record<string, unknown[]> = {};
  for (const name of ["min_cluster_size", "n_neighbors", "epsilon"] as const) {
    const values = parse_values(name, form[name]);
    if (!values) return { field: name, problem: `${number_hints[name]} Several have commas between them: 5, 10, 20.` };
    all[name] = values;
  }
  all["selection"] = [...(form.eom ? ["eom"] : []), ...(form.leaf ? ["leaf"] : [])];
  if (!all["selection"].length) return { field: "selection", problem: "Choose at least one." };
  const seeds = /^\s*\d+\s*$/.test(form.seeds) ? Number(form.seeds) : null;
  if (seeds === null) return { field: "seeds", problem: "A whole number from 2 to 10." };
  Object.assign(all, others);
  const several = Object.entries(all).filter(([, values]) => values.length > 1);
  // The server wants something to try; of one combination it is this.
  const sweep = Object.fromEntries(several.length ? several : [["min_cluster_size", all["min_cluster_size"]!]]);
  const clustering = Object.fromEntries(Object.entries(all).filter(([name]) => !Object.hasOwn(sweep, name)).map(([name, values]) => [name, values[0]]));
  return { clustering, sweep, seeds, n_combinations: n_combinations(sweep) };
}

export function n_combinations(sweep: Record<string, unknown>): number {
  return Object.values(sweep).reduce((product: number, values) => product * (Array.isArray(values) ? values.length : 1), 1);
}

/** "6 combinations with 3 seeds each: 18 clusterings." */
export function plan_in_words({ n_combinations: n, seeds }: Pick<SweepPlan, "n_combinations" | "seeds">): string {
  return `${plural(n, "combination")} with ${plural(seeds, "seed")}${n === 1 ? "" : " each"}: ${plural(n * seeds, "clustering")}.`;
}

const has_field = ["min_cluster_size", "n_neighbors", "epsilon", "selection"];

function values_of(params: Params, name: keyof ClusteringForm): unknown[] {
  const tried = object_of(params["sweep"])[name];
  return Array.isArray(tried) ? tried : [object_of(params["clustering"])[name] ?? first_clustering[name]];
}

/** The form of a sweep that was, from the parameters of its run. */
export function form_of_sweep(params: Params): SweepForm {
  const text = (name: NumberName) => values_of(params, name).join(values_of(params, name).length > 1 ? ", " : "");
  const selections = values_of(params, "selection");
  return {
    min_cluster_size: text("min_cluster_size"), n_neighbors: text("n_neighbors"), epsilon: text("epsilon"),
    eom: selections.includes("eom"), leaf: selections.includes("leaf"), seeds: String(params["seeds"] ?? first_sweep.seeds) };
}

/** Its values of parameters that the form has no field for. */
export function others_of_sweep(params: Params): Record<string, unknown[]> {
  return Object.fromEntries(Object.entries(object_of(params["sweep"])).filter((entry): entry is [string, unknown[]] => !has_field.includes(entry[0]) && Array.isArray(entry[1])));
}

/** The parameters of a clustering with this combination: as the sweep was asked for, with what was tried in it. */
export function clustering_with(params: Params, { tried }: Pick<SweepCombination, "tried">): Params {
  const { sweep: _, seeds: __, ...rest } = params;
  return { ...rest, clustering: { ...object_of(params["clustering"]), ...tried } };
}

/** What the server does not recommend (src/recipes/bioacoustics/sweep.h) while there is anything else. */
export function fault_of({ clusters, noise }: SweepCombination): string {
  if (clusters === 0) return "Found no clusters";
  if (clusters < 2) return "Fewer than two clusters";
  return noise > 0.5 ? "More than half is noise" : "";
}

// Limits of the adjusted Rand index: Steinley, Properties of the Hubert-Arabie adjusted Rand index, 2004.
const agreements = [[0.9, "Seeds agree very well"], [0.8, "Seeds agree well"], [0.65, "Seeds agree fairly"]] as const;
export const agreement_fair = 0.65;

/** What a combination is, in words. That seeds agree where there is nothing to agree about says nothing. */
export function verdict_of(combination: SweepCombination): string {
  return fault_of(combination) || (agreements.find(([least]) => combination.stability >= least)?.[1] ?? "Seeds disagree");
}

export interface Ranked {
  combination: SweepCombination;
  index: number; // In the sweep.
  is_recommended: boolean; // By the server, and not for want of anything else.
}

/** Best first: what is recommended, then by stability, then by noise; last those that say little. */
export function ranked(sweep: Pick<Sweep, "combinations" | "recommended">): Ranked[] {
  const all = sweep.combinations.map((combination, index) => ({
    combination, index, is_recommended: index === sweep.recommended && fault_of(combination) === "" }));
  const rank = ({ combination, is_recommended }: Ranked) => (is_recommended ? 0 : fault_of(combination) === "" ? 1 : combination.clusters >= 2 ? 2 : combination.clusters > 0 ? 3 : 4);
  return all.sort((a, b) => rank(a) - rank(b)
    || (rank(a) === 1 ? b.combination.stability - a.combination.stability : 0) || a.combination.noise - b.combination.noise || a.index - b.index);
}

/** Names of what was tried, in the order of the first combination. */
export function tried_names(sweep: Pick<Sweep, "combinations">): string[] {
  return Object.keys(sweep.combinations[0]?.tried ?? {});
}

/** A mean number of clusters: 7, 16.5. */
export function mean_text(value: number): string {
  return String(Number(value.toFixed(1)));
}
