// A search by example, as the address has it and as the server takes it. Pure functions.

import { params_of, parse_encoding_id, parse_number } from "./encoding";
import { parse_position } from "./format";
import type { SearchRequest } from "./types";

/** The fields of the form: texts as they were typed. */
export interface SearchForm {
  like: string; // The asset with the example.
  at: string; // Where it begins, "1:04.5".
  to: string; // Where it ends; "": the one window there.
  encoding: string;
  since: string;
  before: string;
  where: Record<string, unknown>;
  apart: string;
  top: string;
}

/** Its names in the address. `in` is the collection where the page is of a recording. */
const names = { like: "like", at: "at", to: "until", encoding: "enc", since: "since", before: "before", apart: "apart", top: "top" } as const;
export const top_usual = 20;

function where_from(text: string | null): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

export function form_of_query(query: URLSearchParams): SearchForm {
  const text = (name: string) => query.get(name) ?? "";
  return {
    like: text("like"), at: text("at"), to: text("until"), encoding: text("enc"), since: text("since"), before: text("before"), apart: text("apart"),
    top: text("top"), where: where_from(query.get("where")) };
}

export function query_of_form(form: SearchForm): Record<string, string | null> {
  const query: Record<string, string | null> = { where: Object.keys(form.where).length ? JSON.stringify(form.where) : null };
  for (const [field, name] of Object.entries(names)) query[name] = form[field as keyof typeof names].trim() || null;
  return query;
}

const time_pattern = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/;

/** A time as the server reads it: "2019-05-22 06:00" gets its T and its seconds. */
export function tidy_time(text: string): string {
  const plain = text.trim().replace(" ", "T");
  return plain.replace(/(T\d\d:\d\d)(?=$|Z|[+-])/, "$1:00");
}

/** What the server is asked, or which field is wrong. */
export function request_of(form: SearchForm): { request: SearchRequest } | { field: keyof SearchForm; problem: string } {
  if (!form.like) return { field: "like", problem: "Choose the recording that holds the example." };
  const encoding = parse_encoding_id(form.encoding);
  if (!encoding) return { field: "encoding", problem: "Choose by which embeddings." };
  const request: SearchRequest = { asset_id: form.like, params: params_of(encoding) };
  const at_s = form.at.trim() === "" ? undefined : parse_position(form.at);
  const to_s = form.to.trim() === "" ? undefined : parse_position(form.to);
  if (at_s === null) return { field: "at", problem: "A place in the recording: 21.5, 4:10 or 1:04:10.2." };
  if (to_s === null) return { field: "to", problem: "A place in the recording: 21.5, 4:10 or 1:04:10.2." };
  if (to_s !== undefined && to_s <= (at_s ?? 0)) return { field: "to", problem: "The end lies behind the beginning." };
  if (at_s !== undefined) request.start_s = at_s;
  if (to_s !== undefined) request.end_s = to_s;
  for (const name of ["since", "before"] as const) {
    if (form[name].trim() === "") continue;
    if (!time_pattern.test(form[name].trim())) return { field: name, problem: "A day or a time: 2019-05-22 or 2019-05-22T06:00." };
    request[name] = tidy_time(form[name]);
  }
  if (form.apart.trim() !== "") {
    const apart_s = parse_number(form.apart);
    if (apart_s === null || apart_s < 0) return { field: "apart", problem: "A number of seconds." };
    request.apart_s = apart_s;
  }
  const top = form.top.trim() === "" ? top_usual : parse_number(form.top);
  if (top === null || !Number.isInteger(top) || top < 1 || top > 1000) return { field: "top", problem: "A whole number from 1 to 1000." };
  request.top = top;
  if (Object.keys(form.where).length) request.where = form.where;
  return { request };
}
