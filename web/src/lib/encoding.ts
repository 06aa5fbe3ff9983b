// How recordings become vectors: an encoding is a model with the length and the hop of its windows. Pure functions.

export interface Encoding {
  id: string;
  model_version: string;
  window_s: number;
  hop_s: number;
  rate_hz: number;
}

/** What a run of the recipe `bioacoustics` takes. */
export interface EncodingParams {
  model: string;
  window_s: number;
  hop_s: number;
  time_expansion?: number; // 0: what the recorder states.
}

/** The fields of a form: texts as they were typed. */
export interface EncodingForm {
  model: string;
  window_s: string;
  hop_s: string; // "": as the window.
  time_expansion: string; // "": what the recorder states.
}

export const first_encoding: EncodingForm = { model: "auto", window_s: "5", hop_s: "", time_expansion: "" };

/** "builtin1024__w5_h2.5_sr16000__7ae44bad5b72" in its parts, or null for an id of another shape. */
export function parse_encoding_id(id: string): Encoding | null {
  const found = /^(.+)__w([\d.e+-]+)_h([\d.e+-]+)_sr(\d+)__[0-9a-f]+$/.exec(id);
  if (!found) return null;
  const [window_s, hop_s, rate_hz] = [Number(found[2]), Number(found[3]), Number(found[4])];
  return window_s > 0 && hop_s > 0 ? { id, model_version: found[1]!, window_s, hop_s, rate_hz } : null;
}

// What parameters call the two that need no file.
const names_of_versions: Record<string, string> = { builtin1024: "builtin", stub16: "stub" };

export function params_of(encoding: Encoding): EncodingParams {
  const { model_version, window_s, hop_s } = encoding;
  return { model: names_of_versions[model_version] ?? model_version, window_s, hop_s };
}

function windows_in_words(window_s: number, hop_s: number): string {
  return `windows of ${window_s} s${hop_s === window_s ? "" : `, one each ${hop_s} s`}`;
}

/** "yamnet, windows of 5 s". */
export function encoding_in_words(id: string): string {
  const encoding = parse_encoding_id(id);
  return encoding ? `${encoding.model_version}, ${windows_in_words(encoding.window_s, encoding.hop_s)}` : id;
}

export function params_in_words(params: Record<string, unknown>): string {
  const [window_s, hop_s] = [Number(params["window_s"] ?? 5), Number(params["hop_s"] ?? params["window_s"] ?? 5)];
  return `${String(params["model"] ?? "auto")}, ${windows_in_words(window_s, hop_s)}`;
}

/** Which encodings recordings have, those of most recordings first. */
export function encodings_of(members: readonly { encodings?: readonly string[] }[]): { id: string; n: number }[] {
  const counts = new Map<string, number>();
  for (const member of members) for (const id of member.encodings ?? []) counts.set(id, (counts.get(id) ?? 0) + 1);
  return [...counts].map(([id, n]) => ({ id, n })).sort((a, b) => b.n - a.n || (a.id < b.id ? -1 : 1));
}

/** What most of the recordings were encoded with, as a form; the first guess where none was. */
export function usual_encoding(members: readonly { encodings?: readonly string[] }[]): EncodingForm {
  const first = encodings_of(members)[0];
  const known = first ? parse_encoding_id(first.id) : null;
  return known ? form_of(params_of(known)) : { ...first_encoding };
}

/** A number as people type it, with a point or a comma; null for what is none. */
export function parse_number(text: string): number | null {
  const plain = text.trim().replace(",", ".");
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain) ? Number(plain) : null;
}

/** The parameters, or which field is wrong and why. */
export function params_of_form(form: EncodingForm): { params: EncodingParams } | { field: keyof EncodingForm; problem: string } {
  const window_s = parse_number(form.window_s);
  if (window_s === null || window_s <= 0 || window_s > 3600) return { field: "window_s", problem: "A number of seconds, above 0 and at most 3600." };
  const hop_s = form.hop_s.trim() === "" ? window_s : parse_number(form.hop_s);
  if (hop_s === null || hop_s <= 0 || hop_s > 3600) return { field: "hop_s", problem: "A number of seconds, above 0 and at most 3600; empty: as long as the window." };
  const expansion = form.time_expansion.trim() === "" ? 0 : parse_number(form.time_expansion);
  if (expansion === null || expansion < 0 || expansion > 100) return { field: "time_expansion", problem: "A number from 0 to 100; empty: what the recorder states." };
  return { params: { model: form.model, window_s, hop_s, ...(expansion ? { time_expansion: expansion } : {}) } };
}

/** What a form chose: an encoding that there is, by its id, or "other": that of the fields. */
export interface EncodingChoice {
  id: string;
  form: EncodingForm;
}

/**
 * What a form begins with: the most usual encoding, or the one that is meant. If no recording has that, it stands in the fields.
 * @param meant  By its id, or ("") by the parameters of a run.
 */
export function first_choice(members: readonly { encodings?: readonly string[] }[], meant?: { encoding_id: string; params: Record<string, unknown> }): EncodingChoice {
  const known = encodings_of(members).map((one) => one.id);
  if (!meant) return { id: known[0] ?? "other", form: { ...first_encoding } };
  const form = form_of(meant.params);
  const is_alike = (id: string) => {
    const encoding = parse_encoding_id(id);
    return encoding !== null && JSON.stringify(form_of(params_of(encoding))) === JSON.stringify({ ...form, time_expansion: "" });
  };
  return { id: known.find((id) => id === meant.encoding_id) ?? known.find(is_alike) ?? "other", form };
}

export function params_of_choice({ id, form }: EncodingChoice): { params: EncodingParams } | { field: keyof EncodingForm; problem: string } {
  const known = id === "other" ? null : parse_encoding_id(id);
  return known ? { params: params_of(known) } : params_of_form(form);
}

export function form_of(params: Partial<Record<keyof EncodingParams, unknown>>): EncodingForm {
  const window_s = Number(params.window_s ?? 5);
  const hop_s = Number(params.hop_s ?? window_s);
  const expansion = Number(params.time_expansion ?? 0);
  return {
    model: String(params.model ?? "auto"), window_s: String(window_s), hop_s: hop_s === window_s ? "" : String(hop_s),
    time_expansion: expansion ? String(expansion) : "" };
}

/** Which of the fields a message of the server is about: the one that it names first. */
export function field_of<F extends string>(detail: string, fields: readonly F[]): F | null {
  let first: { field: F; at: number } | null = null;
  for (const field of fields) {
    const at = new RegExp(`\\b${field}\\b`).exec(detail)?.index ?? -1;
    if (at >= 0 && (!first || at < first.at)) first = { field, at };
  }
  return first?.field ?? null;
}
