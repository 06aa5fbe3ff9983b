// What people know of a recording, as rows of name and value. Pure functions.

export const groups = [
  { name: "tag_data", title: "Tag data", hint: "Of the tag or the deployment: species, site, animal, depth." },
  { name: "visual_observations", title: "Visual observations", hint: "What somebody saw at the time: behaviour, sea state, vessels." },
  { name: "group_composition", title: "Group composition", hint: "Who was there: adults, calves, sex, number." },
  { name: "prey_density_proxy", title: "Prey density proxy", hint: "What stands for prey: backscatter, tows, counts." },
] as const;
export type GroupName = (typeof groups)[number]["name"];
export type AudioMetadata = Partial<Record<GroupName, unknown>>;

export interface Row {
  key: string; // Dotted where objects lie in objects; "" for a value that is no object.
  text: string;
}

const is_object = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
const number_pattern = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** 12.5, true, null, [1, 2] and "quoted" as JSON has them; all else is text as it stands. */
export function parse_value(text: string): unknown {
  const plain = text.trim();
  if (number_pattern.test(plain)) {
    const number = Number(plain);
    // Long digits are serial numbers or times, and would lose their end.
    return Number.isFinite(number) && (Number.isSafeInteger(number) || /[.eE]/.test(plain)) ? number : plain;
  }
  if (plain === "true" || plain === "false" || plain === "null") return JSON.parse(plain) as unknown;
  if (/^["[{]/.test(plain)) {
    try {
      return JSON.parse(plain) as unknown;
    } catch {
      return plain;
    }
  }
  return plain;
}

/** The text that parse_value reads as this value again. */
export function format_value(value: unknown): string {
  if (typeof value === "string" && value !== "" && parse_value(value) === value) return value;
  return JSON.stringify(value) ?? "null";
}

/** Objects can be written as dotted names if none of their own names is empty or has a dot. */
function is_plain(value: unknown): value is Record<string, unknown> {
  return is_object(value) && Object.keys(value).length > 0 && Object.keys(value).every((key) => key !== "" && !key.includes(".") && key.trim() === key);
}

export function to_rows(value: unknown, prefix = ""): Row[] {
  if (value === undefined || (prefix === "" && (value === null || (is_object(value) && Object.keys(value).length === 0)))) return [];
  if (is_plain(value)) return Object.entries(value).flatMap(([key, one]) => to_rows(one, prefix === "" ? key : `${prefix}.${key}`));
  return [{ key: prefix, text: format_value(value) }];
}

/** The value that these rows mean; rows without a text are left out. */
export function from_rows(rows: readonly Row[]): { value: unknown } | { index: number; problem: string } {
  const root: Record<string, unknown> = {};
  const filled = rows.map((row, index) => ({ ...row, key: row.key.trim(), index })).filter((row) => row.text.trim() !== "");
  if (filled.length === 1 && filled[0]!.key === "") return { value: parse_value(filled[0]!.text) };
  for (const { key, text, index } of filled) {
    if (key === "") return { index, problem: "It needs a name." };
    const parts = key.split(".");
    if (parts.some((part) => part.trim() === "")) return { index, problem: `“${key}” has an empty part between its dots.` };
    let into = root;
    for (const part of parts.slice(0, -1)) {
      if (Object.hasOwn(into, part) && !is_object(into[part])) return { index, problem: `“${key}” needs “${part}” to hold names, but that has a value of its own.` };
      if (!Object.hasOwn(into, part)) into[part] = {};
      into = into[part] as Record<string, unknown>;
    }
    const last = parts.at(-1)!;
    if (Object.hasOwn(into, last)) return { index, problem: `“${key}” stands here twice.` };
    into[last] = parse_value(text);
  }
  return { value: root };
}

/** Without what is empty, as the server keeps it. */
export function tidy(metadata: AudioMetadata): AudioMetadata {
  return Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== null && value !== undefined && !(is_object(value) && !Object.keys(value).length)));
}

export interface Change {
  group: GroupName;
  key: string;
  text: string; // "": taken away.
}

/** The metadata with some values set or taken away; all others stay. */
export function apply_changes(metadata: AudioMetadata, changes: readonly Change[]): { metadata: AudioMetadata } | { problem: string } {
  const changed: AudioMetadata = { ...metadata };
  for (const { name } of groups) {
    const mine = changes.filter((c) => c.group === name);
    if (!mine.length) continue;
    const keys = new Set(mine.map((c) => c.key.trim()));
    // "a" also replaces all below it.
    const kept = to_rows(metadata[name]).filter((row) => ![...keys].some((key) => row.key === key || row.key.startsWith(key + ".")));
    const made = from_rows([...kept, ...mine]);
    if ("problem" in made) return { problem: made.problem };
    changed[name] = made.value;
  }
  return { metadata: tidy(changed) };
}

/** "tag_data.species" and the like with their values, of all recordings. */
export function known_paths(all: readonly AudioMetadata[], values_max = 50): Map<string, string[]> {
  const found = new Map<string, Set<string>>();
  for (const metadata of all)
    for (const { name } of groups)
      for (const { key, text } of to_rows(metadata[name])) {
        const path = key ? `${name}.${key}` : name;
        const values = found.get(path) ?? new Set<string>();
        if (values.size < values_max) values.add(text);
        found.set(path, values);
      }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, values]) => [path, [...values].sort()]));
}

export function n_values(metadata: AudioMetadata): number {
  return groups.reduce((sum, { name }) => sum + to_rows(metadata[name]).length, 0);
}

/** "species humpback, site B": the first values in a line. */
export function in_a_line(metadata: AudioMetadata, n_max = 4): string {
  const rows = groups.flatMap(({ name }) => to_rows(metadata[name]));
  const words = rows.slice(0, n_max).map((row) => `${row.key} ${row.text}`.trim()).join(", ");
  return rows.length > n_max ? `${words} …` : words;
}

/** Rows of path and value as the filter that the server takes: several values of one path are any of them. */
export function where_of(rows: readonly { path: string; value: string }[]): Record<string, unknown> {
  const where: Record<string, unknown> = {};
  for (const { path, value } of rows) {
    const name = path.trim();
    if (!name || !value.trim()) continue;
    const one = parse_value(value);
    if (!Object.hasOwn(where, name)) where[name] = one;
    else where[name] = [where[name], one].flat();
  }
  return where;
}

export function where_rows(where: Record<string, unknown>): { path: string; value: string }[] {
  return Object.entries(where).map(([path, value]) => ({ path, value: format_value(value) }));
}

export function where_in_words(where: Record<string, unknown>): string {
  return Object.entries(where).map(([path, value]) => `${path} is ${Array.isArray(value) ? value.map(format_value).join(" or ") : format_value(value)}`).join(", ");
}
