import assert from "node:assert/strict";
import { test } from "node:test";
import { encoding_in_words, encodings_of, field_of, first_choice, first_encoding, form_of, params_in_words, params_of, params_of_choice, params_of_form, parse_encoding_id, parse_number } from "./encoding";
import { parse_position } from "./format";
import { facts_of, place_in_words, zone_in_words } from "./recorder";
import { form_of_query, query_of_form, request_of, tidy_time } from "./search_query";
import type { RecordingDocument } from "./types";

const id = "builtin1024__w1_h0.5_sr16000__7ae44bad5b72";

test("an encoding's id says what it was made with", () => {
  const encoding = parse_encoding_id(id)!;
  assert.deepEqual([encoding.model_version, encoding.window_s, encoding.hop_s, encoding.rate_hz], ["builtin1024", 1, 0.5, 16000]);
  assert.deepEqual(params_of(encoding), { model: "builtin", window_s: 1, hop_s: 0.5 });
  assert.equal(params_of(parse_encoding_id("my__model__w5_h5_sr48000__0a")!).model, "my__model");
  assert.equal(encoding_in_words(id), "builtin1024, windows of 1 s, one each 0.5 s");
  assert.equal(encoding_in_words("of another shape"), "of another shape");
  assert.equal(params_in_words({ model: "yamnet", window_s: 5, hop_s: 5 }), "yamnet, windows of 5 s");
});

test("encodings of most recordings stand first", () => {
  assert.deepEqual(encodings_of([{ encodings: ["a", "b"] }, { encodings: ["b"] }, {}]), [{ id: "b", n: 2 }, { id: "a", n: 1 }]);
});

test("a form begins with the most usual encoding, or with the one that is meant", () => {
  const members = [{ encodings: [id] }, { encodings: [id] }, { encodings: ["stub16__w2_h2_sr22050__0b"] }];
  assert.deepEqual(first_choice(members), { id, form: first_encoding });
  assert.equal(first_choice([]).id, "other");
  const meant = { encoding_id: "stub16__w2_h2_sr22050__0b", params: { model: "stub", window_s: 2, hop_s: 2, time_expansion: 0 } };
  assert.equal(first_choice(members, meant).id, meant.encoding_id);
  assert.equal(first_choice(members, { ...meant, encoding_id: "" }).id, meant.encoding_id, "by its parameters");
  const gone = first_choice([{ encodings: [id] }], meant);
  assert.deepEqual(gone, { id: "other", form: { model: "stub", window_s: "2", hop_s: "", time_expansion: "" } });
  assert.deepEqual(params_of_choice(gone), { params: { model: "stub", window_s: 2, hop_s: 2 } });
  assert.deepEqual(params_of_choice(first_choice(members)), { params: { model: "builtin", window_s: 1, hop_s: 0.5 } });
  assert.equal((params_of_choice({ id: "other", form: { ...first_encoding, hop_s: "x" } }) as { field: string }).field, "hop_s");
});

test("a form becomes parameters, or says which field is wrong", () => {
  assert.deepEqual(params_of_form(first_encoding), { params: { model: "auto", window_s: 5, hop_s: 5 } });
  assert.deepEqual(params_of_form({ model: "batdetect", window_s: "0,5", hop_s: " ", time_expansion: "10" }), { params: { model: "batdetect", window_s: 0.5, hop_s: 0.5, time_expansion: 10 } });
  for (const [field, text] of [["window_s", "0"], ["window_s", "soon"], ["hop_s", "-1"], ["time_expansion", "101"]] as const)
    assert.equal((params_of_form({ ...first_encoding, [field]: text }) as { field: string }).field, field);
  assert.deepEqual(form_of({ model: "builtin", window_s: 1, hop_s: 1, time_expansion: 0 }), { model: "builtin", window_s: "1", hop_s: "", time_expansion: "" });
  for (const [text, value] of [["1.5", 1.5], ["1,5", 1.5], [".5", 0.5], ["1e2", 100], ["", null], ["1.5.2", null], ["Infinity", null]] as const) assert.equal(parse_number(text), value, text);
});

test("a message of the server finds its field", () => {
  const fields = ["min_cluster_size", "n_neighbors", "window_s", "where"] as const;
  assert.equal(field_of("min_cluster_size is 0 (chosen) or at least 2, not 1", fields), "min_cluster_size");
  assert.equal(field_of("'yamnet' takes windows of 5 s only", fields), null);
  assert.equal(field_of("n_neighbors must be larger than where", fields), "n_neighbors");
});

test("positions are read as they are written", () => {
  for (const [text, value] of [["21.05", 21.05], ["4:10", 250], ["1:04:10.2", 3850.2], ["5 s", 5], ["0", 0], ["x", null], ["", null], ["-1", null], ["1:2:3:4", null]] as const)
    assert.equal(parse_position(text), value, text);
});

test("a search stands in the address whole", () => {
  const form = { like: "abc", at: "1:04.5", to: "", encoding: id, since: "2019-05-22 06:00", before: "", where: { "tag_data.species": ["orca", "x"] }, apart: "30", top: "50" };
  const query = new URLSearchParams(Object.entries(query_of_form(form)).filter((entry): entry is [string, string] => entry[1] !== null));
  assert.deepEqual(form_of_query(query), form);
  assert.deepEqual(request_of(form), { request: {
    asset_id: "abc", params: { model: "builtin", window_s: 1, hop_s: 0.5 }, start_s: 64.5, since: "2019-05-22T06:00:00", apart_s: 30, top: 50, where: form.where } });
  for (const [field, text] of [["like", ""], ["encoding", "?"], ["at", "soon"], ["to", "1:00"], ["since", "yesterday"], ["apart", "-1"], ["top", "0"], ["top", "1.5"]] as const)
    assert.equal((request_of({ ...form, [field]: text }) as { field: string }).field, field, field);
  assert.deepEqual(form_of_query(new URLSearchParams("where=[1]")).where, {});
  assert.equal(tidy_time("2019-05-22T06:00Z"), "2019-05-22T06:00:00Z");
  assert.equal(tidy_time("2019-05-22"), "2019-05-22");
});

test("facts of a recorder have their units and their source", () => {
  const nothing = { start_utc: null, start_local: null, start_source: null, utc_offset_s: null, latitude_deg: null, longitude_deg: null, elevation_m: null, gain: null, temperature_c: null, battery_v: null,
    make: null, model: null, serial: null, firmware: null, deployment: null, stated_sample_rate_hz: null, comment: null };
  const document = { ...nothing, filename: "", time_expansion: 1, contradictions: [] } as RecordingDocument;
  assert.deepEqual(facts_of(document), []);
  const stated = facts_of({ ...document, start_local: "2019-05-22T06:00:00-04:00", start_utc: "2019-05-22T10:00:00Z", start_source: "guano", utc_offset_s: -14400,
    latitude_deg: { value: -27.5, source: "guano" }, longitude_deg: { value: 153.25, source: "guano" }, elevation_m: { value: -30, source: "ixml" }, temperature_c: { value: 4.5, source: "wamd" } });
  assert.deepEqual(stated.map((f) => f.value), ["2019-05-22 06:00:00 UTC−04:00", "2019-05-22 10:00:00", "27.50000° S, 153.25000° E", "30 m below the sea", "4.5 °C"]);
  assert.deepEqual(stated.map((f) => f.source), ["GUANO", "GUANO", "GUANO", "iXML", "Wildlife Acoustics’ chunk"]);
  assert.equal(facts_of({ ...document, start_local: "2019-05-22T06:00:00", start_source: "file name" })[0]!.value, "2019-05-22 06:00:00, zone not known");
  assert.equal(zone_in_words(20700), "UTC+05:45");
  assert.equal(place_in_words(1, -2), "1.00000° N, 2.00000° W");
});
