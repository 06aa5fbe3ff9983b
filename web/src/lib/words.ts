// The program's short reasons in words for people.

import { sentence, split_reason } from "./format";

const reasons: Record<string, string> = {
  never_ran: "It has not been made for this recording yet.",
  forced: "Somebody asked for it to be made again.",
  input_changed: "What it is made from has changed.",
  params_changed: "Its settings have changed.",
  code_changed: "A newer version of this stage makes it differently.",
  model_changed: "Another model is installed than the one that made it.",
  output_missing: "What it made before is no longer there.",
  output_damaged: "What it made before is damaged.",
  upstream_stale: "What it is made from is made first.",
  input_missing: "What it is made from does not exist.",
  fresh: "Up to date: nothing has changed since it was made.",
};

/** The same, told when it is done. */
const reasons_past: Record<string, string> = {
  never_ran: "It had not been made for this recording before.",
  forced: "Somebody asked for it to be made again.",
  input_changed: "What it is made from had changed.",
  params_changed: "Its settings had changed.",
  code_changed: "A newer version of the stage makes it differently.",
  model_changed: "Another model had been installed than the one that made it before.",
  output_missing: "What had been made before was gone.",
  output_damaged: "What had been made before was damaged.",
  upstream_stale: "What it is made from was made, too.",
};

export function reason_past(reason: string): string {
  return reasons_past[split_reason(reason).word] ?? reason_title(reason);
}

export function reason_title(reason: string): string {
  const { word, text } = split_reason(reason);
  return reasons[word] ?? sentence(text || reason);
}

export const artifact_words: Record<string, string> = {
  original: "The file as it came",
  normalized_wav: "The sound that all stages read: 22,050 Hz, mono, 16 bit",
  waveform_v1: "Peaks of the waveform, coarse to fine",
  feature_pack: "Log-mel spectrum and embeddings (HDF5)",
  feature_pack_record: "Which model made the features, and where they are",
  segments_v1: "Speech, music, noise and silence along the time",
  preview_v1: "The minute to listen to first, and why",
  recording_v1: "What the recorder wrote: start, place, gain",
  embedding_set: "A vector for each window of the recording (Parquet)",
  clusters_v1: "Groups of like windows, with examples",
  assignments: "The group and the place in the map of each window (Parquet)",
  cluster_model: "What new recordings are assigned by",
  additions: "The same of recordings that came later (Parquet)",
  sweep_v1: "Which parameters make clusters that hold",
};

/** The page of what a run is about: a recording, or a collection. */
/** Whether its runs are over collections, not over single recordings. */
export function is_of_collections(recipe: string): boolean {
  return ["clusters", "assign", "sweep"].includes(recipe);
}

export function subject_href(run: { recipe: string; asset_id: string }): string {
  return `/${is_of_collections(run.recipe) ? "collections" : "assets"}/${run.asset_id}`;
}
