// Parameters of a clustering: the fields of a form, and in words. Pure functions.

import { parse_number } from "./encoding";
import { in_sentence } from "./format";

/** Which field is wrong, and why. */
export interface Wrong {
  field: string;
  problem: string;
}

/** What a clustering and a sweep have in common. */
export interface ClusteringChoices {
  reject_noise: boolean;
  link_within_recording: boolean;
  per_deployment: boolean;
}

/** The fields of a form: numbers as they were typed. */
export interface ClusteringForm {
  n_neighbors: string;
  min_cluster_size: string;
  selection: string;
  epsilon: string;
}

/** What a form begins with: parameters of a run that was, and how its recordings were encoded. */
export interface ClusteringBegin {
  encoding_id: string;
  params: Record<string, unknown>;
}

type Params = Record<string, unknown>;

export const first_clustering: ClusteringForm = { n_neighbors: "15", min_cluster_size: "0", selection: "eom", epsilon: "0" };
export const first_choices: ClusteringChoices = { reject_noise: true, link_within_recording: true, per_deployment: true };

/** What is wrong with a number, in words; also where the server is not asked. */
export const number_hints = {
  n_neighbors: "A whole number from 2 to 1000.",
  min_cluster_size: "0, or a whole number of at least 2.",
  epsilon: "A number of 0 or more.",
};
export type NumberName = keyof typeof number_hints;

/** A number that the parameter can be, as far as the page knows; the server knows better. */
export function parse_parameter(name: NumberName, text: string): number | null {
  const number = parse_number(text);
  return number !== null && number >= 0 && (name === "epsilon" || Number.isInteger(number)) ? number : null;
}

export function object_of(value: unknown): Params {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Params) : {};
}

export function params_of_choices(choices: ClusteringChoices): Params {
  const { per_deployment, ...flags } = choices;
  return { ...flags, normalize: per_deployment ? "deployment" : "none" };
}

export function choices_of(clustering: Params): ClusteringChoices {
  return {
    reject_noise: clustering["reject_noise"] !== false, link_within_recording: clustering["link_within_recording"] !== false,
    per_deployment: (clustering["normalize"] ?? "deployment") === "deployment" };
}

export function params_of_clustering(form: ClusteringForm): { params: Params } | Wrong {
  const params: Params = { selection: form.selection };
  for (const name of ["n_neighbors", "min_cluster_size", "epsilon"] as const) {
    const number = parse_parameter(name, form[name]);
    if (number === null) return { field: name, problem: number_hints[name] };
    params[name] = number;
  }
  return { params };
}

export function form_of_clustering(clustering: Params): ClusteringForm {
  const text = (name: keyof ClusteringForm) => String(clustering[name] ?? first_clustering[name]);
  return { n_neighbors: text("n_neighbors"), min_cluster_size: text("min_cluster_size"), selection: text("selection"), epsilon: text("epsilon") };
}

// As the program has them when nobody says otherwise: only others are worth a word. Those that no form has a field for.
const usual: Params = { metric: "cosine", reduce: true, min_dist: 0, n_components: 5, n_maps: 0, min_samples: 0, min_fill: 0.5, seed: 42 };

/** The parameters that no form has a field for: they are taken over as they are. */
export function params_without_field(clustering: Params): Params {
  return Object.fromEntries(Object.entries(clustering).filter(([name]) => Object.hasOwn(usual, name)));
}

const words: Record<string, string> = {
  min_cluster_size: "Smallest cluster",
  n_neighbors: "Neighbours",
  selection: "Selection",
  epsilon: "Epsilon",
  min_samples: "Neighbours of a core distance",
  min_dist: "Least distance of UMAP",
  n_components: "Dimensions of UMAP",
  n_maps: "Reductions side by side",
  reduce: "Reduced by UMAP",
  metric: "Metric",
  min_fill: "Least filling of a window",
  seed: "Seed",
};

export function parameter_word(name: string): string {
  return words[name] ?? name;
}

export function parameter_text(name: string, value: unknown): string {
  if (name === "min_cluster_size" && value === 0) return "0 (chosen by the number of windows)";
  return value === true ? "yes" : value === false ? "no" : String(value);
}

/** "Smallest cluster 10, selection leaf". */
export function parameters_in_words(params: Params): string {
  return Object.entries(params).map(([name, value], i) => {
    const word = parameter_word(name);
    const values = (Array.isArray(value) ? value : [value]).map((one) => parameter_text(name, one)).join(", ");
    return `${i > 0 && words[name] ? in_sentence(word) : word} ${values}`;
  }).join("; ");
}

/** The unusual ones among those without a field, in words; "" if there are none. */
export function unusual_in_words(clustering: Params): string {
  return parameters_in_words(Object.fromEntries(Object.entries(params_without_field(clustering)).filter(([name, value]) => value !== usual[name])));
}
