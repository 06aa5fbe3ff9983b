import assert from "node:assert/strict";
import { test } from "node:test";
import { apply_changes, format_value, from_rows, in_a_line, known_paths, n_values, parse_value, tidy, to_rows, where_in_words, where_of, where_rows } from "./metadata";

test("any metadata becomes rows and the same metadata again", () => {
  for (const value of [
    { species: "humpback", depth_m: 12.5, calf: true, note: "" }, { animal: { sex: "f", age: { years: 7 } } }, { list: ["a", 1, null], empty: {}, none: null },
    { "a.b": 1, c: 2 }, { outer: { "": 1 } }, ["mother", "calf"], 0.73, "few", "12", "true", " padded ", { serial: "007", long: "20190522060000123", text: "12", quote: '"x', bracket: "[1" },
    { " spaced": 1 }, {}])
    assert.deepEqual((from_rows(to_rows(value)) as { value: unknown }).value, value, JSON.stringify(value));
});

test("values are what they look like, and no digit is lost", () => {
  for (const [text, value] of [["12.5", 12.5], ["-3", -3], ["007", "007"], ["1,5", "1,5"], ["20190522060000123", "20190522060000123"], ["true", true], ['"true"', "true"],
    ["[1, 2]", [1, 2]], ["[1", "[1"], [" humpback ", "humpback"], ["null", null]] as const)
    assert.deepEqual(parse_value(text), value, text);
  assert.equal(format_value("12"), '"12"');
  assert.equal(format_value("humpback whale"), "humpback whale");
});

test("rows that contradict each other are named", () => {
  assert.deepEqual(from_rows([{ key: "a", text: "1" }, { key: "b", text: "" }, { key: "a", text: "2" }]), { index: 2, problem: "“a” stands here twice." });
  for (const [rows, index] of [[[{ key: "a", text: "1" }, { key: "a.b", text: "2" }], 1], [[{ key: "a.b", text: "1" }, { key: "a", text: "2" }], 1],
    [[{ key: "a", text: "1" }, { key: "", text: "2" }], 1], [[{ key: "a..b", text: "1" }], 0]] as const)
    assert.equal((from_rows(rows) as { index: number }).index, index, JSON.stringify(rows));
  assert.deepEqual(from_rows([{ key: "constructor.x", text: "1" }]), { value: { constructor: { x: 1 } } });
});

test("changes set, take away, and leave the rest", () => {
  const before = { tag_data: { species: "orca", site: { name: "B", depth: 3 } }, prey_density_proxy: 0.5 };
  const changed = (...changes: { group: "tag_data" | "prey_density_proxy"; key: string; text: string }[]) => apply_changes(before, changes);
  assert.deepEqual(changed({ group: "tag_data", key: "species", text: "humpback" }), { metadata: { tag_data: { species: "humpback", site: { name: "B", depth: 3 } }, prey_density_proxy: 0.5 } });
  assert.deepEqual(changed({ group: "tag_data", key: "site", text: "" }), { metadata: { tag_data: { species: "orca" }, prey_density_proxy: 0.5 } });
  assert.deepEqual(changed({ group: "tag_data", key: "site", text: "" }, { group: "tag_data", key: "species", text: "" }), { metadata: { prey_density_proxy: 0.5 } });
  assert.ok("problem" in changed({ group: "tag_data", key: "species.name", text: "x" }));
  assert.deepEqual(before.tag_data.species, "orca");
  assert.deepEqual(tidy({ tag_data: {}, group_composition: null, visual_observations: [] }), { visual_observations: [] });
});

test("what is known is counted, listed and told in a line", () => {
  const all = [{ tag_data: { species: "orca", site: "B" } }, { tag_data: { species: "humpback" }, prey_density_proxy: 2 }];
  assert.deepEqual([...known_paths(all)], [["prey_density_proxy", ["2"]], ["tag_data.site", ["B"]], ["tag_data.species", ["humpback", "orca"]]]);
  assert.equal(n_values(all[1]!), 2);
  assert.equal(in_a_line(all[0]!, 1), "species orca …");
  assert.equal(in_a_line(all[1]!), "species humpback, 2");
});

test("a filter goes to the server and back; one name twice means either", () => {
  const where = where_of([{ path: "tag_data.species", value: "orca" }, { path: "tag_data.species", value: "humpback" }, { path: "tag_data.depth", value: "12" }, { path: "", value: "x" }, { path: "y", value: " " }]);
  assert.deepEqual(where, { "tag_data.species": ["orca", "humpback"], "tag_data.depth": 12 });
  assert.deepEqual(where_of(where_rows(where)), where);
  assert.equal(where_in_words(where), "tag_data.species is orca or humpback, tag_data.depth is 12");
});
