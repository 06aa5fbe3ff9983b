// Tables of metadata: reading CSV, and what a table would change. Pure functions.

import { format_value, groups, parse_value, to_rows, type AudioMetadata } from "./metadata";

export interface CsvRow {
  line: number; // In the file, from 1.
  cells: string[];
}

/** The text of a table, or the first line that is not UTF-8: nobody can tell whose letters are in it. */
export function text_of_table(bytes: Uint8Array): { text: string } | { line: number; problem: string } {
  const utf8 = new TextDecoder("utf-8", { fatal: true });
  try {
    return { text: utf8.decode(bytes) };
  } catch {
    for (let [line, begin] = [1, 0]; begin < bytes.length; line += 1) {
      const end = bytes.indexOf(0x0a, begin);
      const next = end < 0 ? bytes.length : end + 1;
      try {
        utf8.decode(bytes.subarray(begin, next));
      } catch {
        return { line, problem: "This line is not UTF-8. Save the table as UTF-8 (in Excel: CSV UTF-8)." };
      }
      begin = next;
    }
    return { line: 1, problem: "This is not UTF-8." };
  }
}

/** RFC 4180, with commas, semicolons or tabs as the first line has them. */
export function parse_csv(text: string): { rows: CsvRow[]; separator: string } | { line: number; problem: string } {
  const plain = text.startsWith("\uFEFF") ? text.slice(1) : text;
  const hint = /^sep=.*\r?\n/.exec(plain)?.[0].length ?? 0; // Excel's own; the line still counts.
  const head = /^[^\r\n]*/.exec(plain.slice(hint))![0];
  const separator = [",", ";", "\t"].map((one) => ({ one, n: head.split(one).length })).sort((a, b) => b.n - a.n)[0]!.one;
  const rows: CsvRow[] = [];
  let [line, begun, cell, cells] = hint ? [2, 2, "", [] as string[]] : [1, 1, "", [] as string[]];
  let is_quoted = false;
  const end_row = () => {
    cells.push(cell);
    if (cells.length > 1 || cells[0] !== "") rows.push({ line: begun, cells });
    [cell, cells] = ["", []];
  };
  for (let i = hint; i < plain.length; i += 1) {
    const c = plain[i]!;
    if (c === "\n") line += 1;
    if (is_quoted) {
      if (c !== '"') cell += c;
      else if (plain[i + 1] === '"') (cell += '"'), (i += 1);
      else is_quoted = false;
    } else if (c === '"' && cell === "") is_quoted = true;
    else if (c === separator) cells.push(cell), (cell = "");
    else if (c === "\n" || c === "\r") {
      if (c === "\r" && plain[i + 1] === "\n") (i += 1), (line += 1);
      end_row();
      begun = line;
    } else cell += c;
  }
  if (is_quoted) return { line: begun, problem: "A quotation mark is opened here and never closed." };
  if (cell !== "" || cells.length) end_row();
  return { rows, separator };
}

export interface TableChange {
  line: number;
  asset_id: string;
  file: string;
  column: string;
  before: string; // "": nothing.
  after: string;
}
export interface TableProblem {
  line: number;
  column: number; // From 1; 0: of the whole line.
  text: string;
}
export interface Preview {
  changes: TableChange[];
  n_recordings: number; // That would change.
  n_unchanged: number;
  unknown: { line: number; file: string }[];
  problems: TableProblem[];
}

interface Known {
  asset_id: string;
  filename: string;
  metadata: AudioMetadata;
}

const is_metadata = (column: string) => groups.some(({ name }) => column === name || (column.startsWith(name + ".") && column.split(".").every((part) => part.trim() !== "")));
const is_same = (a: string, b: string) => a === b || format_value(parse_value(a)) === format_value(parse_value(b));

/** Half of the world writes 12,5 where numbers may not be mistaken for two cells. */
function value_text(cell: string, separator: string): string {
  const plain = cell.trim();
  return separator !== "," && /^-?\d+,\d+$/.test(plain) ? plain.replace(",", ".") : plain;
}

function check_columns(columns: string[], first_line: number, problems: TableProblem[]): void {
  const line = first_line;
  if (!columns.includes("file") && !columns.includes("asset_id")) problems.push({ line, column: 0, text: "No column is called “file” or “asset_id”: which recordings are meant?" });
  for (const [i, column] of columns.entries()) {
    if (columns.indexOf(column) !== i) problems.push({ line, column: i + 1, text: `“${column}” stands there twice.` });
    else if (column !== "file" && column !== "asset_id" && !is_metadata(column))
      problems.push({ line, column: i + 1, text: `“${column}” is no metadata. Names begin with ${groups.map((g) => g.name).join(", ")}, as ${groups[0]!.name}.species.` });
  }
}

/** What the values of a column are now, as text. */
function values_now(metadata: AudioMetadata): Map<string, string> {
  const values = new Map<string, string>();
  for (const { name } of groups) for (const { key, text } of to_rows(metadata[name])) values.set(key ? `${name}.${key}` : name, text);
  return values;
}

/** What of the collection a table would change. Columns that it lacks stay as they are; an empty cell takes a value away. */
export function preview_table(rows: readonly CsvRow[], members: readonly Known[], separator = ","): Preview {
  const preview: Preview = { changes: [], n_recordings: 0, n_unchanged: 0, unknown: [], problems: [] };
  const columns = (rows[0]?.cells ?? []).map((cell) => cell.trim());
  if (!rows.length) preview.problems.push({ line: 1, column: 0, text: "The table is empty." });
  else check_columns(columns, rows[0]!.line, preview.problems);
  const [file_at, id_at] = [columns.indexOf("file"), columns.indexOf("asset_id")];
  const by_id = new Map(members.map((m) => [m.asset_id, m]));
  const by_name = new Map<string, Known[]>();
  for (const m of members) by_name.set(m.filename.toLowerCase(), [...(by_name.get(m.filename.toLowerCase()) ?? []), m]);
  // As the server reads names: folders may stand before them, and case only decides among several.
  const named_so = (name: string): Known[] => {
    const last = name.slice(Math.max(name.lastIndexOf("/"), name.lastIndexOf("\\")) + 1);
    const found = by_name.get(last.toLowerCase()) ?? [];
    const exact = found.filter((m) => m.filename === last);
    return exact.length ? exact : found.length || !by_id.has(name) ? found : [by_id.get(name)!];
  };
  const seen = new Map<string, number>();
  for (const { line, cells: written } of rows.slice(1)) {
    const cells = columns.map((_, i) => written[i] ?? ""); // What is missing at the end is empty.
    if (written.length > columns.length) {
      preview.problems.push({ line, column: 0, text: `${written.length} cells, where the first line has ${columns.length}.` });
      continue;
    }
    const [id, file] = [id_at < 0 ? "" : cells[id_at]!.trim(), file_at < 0 ? "" : cells[file_at]!.trim()];
    if (!id && !file) {
      preview.problems.push({ line, column: 0, text: "It names no recording." });
      continue;
    }
    const named = named_so(file);
    if (!id && named.length > 1) {
      preview.problems.push({ line, column: file_at + 1, text: `${named.length} recordings are called “${file}”: say which by asset_id.` });
      continue;
    }
    const member = id ? by_id.get(id) : named[0];
    if (!member) {
      preview.unknown.push({ line, file: file || id });
      continue;
    }
    if (seen.has(member.asset_id)) {
      preview.problems.push({ line, column: 0, text: `“${member.filename}” stands in line ${seen.get(member.asset_id)} already.` });
      continue;
    }
    seen.set(member.asset_id, line);
    const now = values_now(member.metadata);
    const before_n = preview.changes.length;
    for (const [i, column] of columns.entries()) {
      if (!is_metadata(column)) continue;
      const [before, after] = [now.get(column) ?? "", value_text(cells[i]!, separator)];
      if (!is_same(before, after)) preview.changes.push({ line, asset_id: member.asset_id, file: member.filename, column, before, after });
    }
    if (preview.changes.length > before_n) preview.n_recordings += 1;
    else preview.n_unchanged += 1;
  }
  return preview;
}
