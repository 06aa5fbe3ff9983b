import assert from "node:assert/strict";
import test from "node:test";
import { is_of_collections, subject_href } from "./words";

test("runs over collections lead to their collection, others to their recording", () => {
  for (const recipe of ["clusters", "assign", "sweep"]) assert.equal(subject_href({ recipe, asset_id: "c" }), "/collections/c");
  for (const recipe of ["ssis", "bioacoustics"]) assert.equal(subject_href({ recipe, asset_id: "a" }), "/assets/a");
  assert.ok(!is_of_collections("bioacoustics"));
});
