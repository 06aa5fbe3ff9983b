import assert from "node:assert/strict";
import { test } from "node:test";
import { parse_csv, preview_table, text_of_table, type CsvRow } from "./csv";

function rows_of(text: string): CsvRow[] {
  const table = parse_csv(text);
  assert.ok("rows" in table, JSON.stringify(table));
  return table.rows;
}

test("tables are read as spreadsheets write them", () => {
  assert.deepEqual(rows_of('\uFEFFfile,note\r\na.wav,"x, ""y""\r\nz"\r\n\r\nb.wav,\r\n'), [
    { line: 1, cells: ["file", "note"] }, { line: 2, cells: ["a.wav", 'x, "y"\r\nz'] }, { line: 5, cells: ["b.wav", ""] }]);
  assert.deepEqual(rows_of("file;depth\na.wav;12,5").map((r) => r.cells), [["file", "depth"], ["a.wav", "12,5"]]);
  assert.deepEqual(rows_of("file\tdepth\na.wav\t3\n").map((r) => r.cells), [["file", "depth"], ["a.wav", "3"]]);
  assert.deepEqual(rows_of("sep=;\r\nfile;depth\r\na.wav;1\r\n"), [{ line: 2, cells: ["file", "depth"] }, { line: 3, cells: ["a.wav", "1"] }]);
  assert.deepEqual(rows_of(""), []);
  assert.deepEqual(parse_csv('file,note\na.wav,"open\nb.wav,x'), { line: 2, problem: "A quotation mark is opened here and never closed." });
});

test("letters of another character set are refused, not lost", () => {
  assert.deepEqual(text_of_table(new TextEncoder().encode("\uFEFFsite\nTromsø\n")), { text: "site\nTromsø\n" });
  const windows = new Uint8Array([...new TextEncoder().encode("site\nTroms"), 0xf8, 0x0a]);
  assert.deepEqual(text_of_table(windows), { line: 2, problem: "This line is not UTF-8. Save the table as UTF-8 (in Excel: CSV UTF-8)." });
});

const members = [
  { asset_id: "1", filename: "a.wav", metadata: { tag_data: { species: "orca", depth: 12 } } },
  { asset_id: "2", filename: "b.wav", metadata: {} },
  { asset_id: "3", filename: "twin.wav", metadata: {} },
  { asset_id: "4", filename: "twin.wav", metadata: {} },
];
const preview = (text: string) => preview_table(rows_of(text), members);

test("a preview says what would change, and what stays", () => {
  const seen = preview("file,tag_data.species,tag_data.depth,prey_density_proxy\na.wav,humpback,12.0,\nb.wav,,,\nc.wav,x,,\n");
  assert.deepEqual(seen.changes, [{ line: 2, asset_id: "1", file: "a.wav", column: "tag_data.species", before: "orca", after: "humpback" }]);
  assert.deepEqual([seen.n_recordings, seen.n_unchanged, seen.unknown, seen.problems], [1, 1, [{ line: 4, file: "c.wav" }], []]);
  assert.deepEqual(preview_table(rows_of("file;tag_data.depth\na.wav;12,5\n"), members, ";").changes.map((c) => c.after), ["12.5"]);
  assert.deepEqual(preview("file,tag_data.x\nD:\\card\\A.WAV,1\n/data/b.wav,2\n4,3\n").changes.map((c) => c.asset_id), ["1", "2", "4"]);
  assert.deepEqual(preview("file,tag_data.species,tag_data.depth\na.wav,orca\n").changes.map((c) => [c.column, c.after]), [["tag_data.depth", ""]]);
  assert.deepEqual(preview("asset_id,tag_data.species\n1,\n").changes.map((c) => [c.before, c.after]), [["orca", ""]]);
});

test("what is wrong in a table has its line and column", () => {
  assert.deepEqual(preview("file,species\na.wav,x\n").problems.map((p) => [p.line, p.column]), [[1, 2]]);
  assert.deepEqual(preview("file,tag_data.a,tag_data.a\n").problems.map((p) => [p.line, p.column]), [[1, 3]]);
  assert.deepEqual(preview("name,tag_data.a\n").problems.map((p) => [p.line, p.column]), [[1, 0], [1, 1]]);
  assert.deepEqual(preview("file,tag_data.a\na.wav,1,2\n").problems.map((p) => [p.line, p.column]), [[2, 0]]);
  assert.deepEqual(preview("file,tag_data.a\na.wav,1\na.wav,2\n").problems.map((p) => p.line), [3]);
  assert.deepEqual(preview("tag_data.a,file\n1,twin.wav\n").problems.map((p) => [p.line, p.column]), [[2, 2]]);
  assert.deepEqual(preview("asset_id,file,tag_data.a\n4,twin.wav,1\n").changes.map((c) => c.asset_id), ["4"]);
  assert.deepEqual(preview("file,tag_data.a\n,1\n").problems.map((p) => p.line), [2]);
  assert.equal(preview("").problems.length, 1);
});
