// By what the windows in the map are coloured. Colours repeat after twelve; what a colour means here is always said in
// words beside it. The twelve and the hours differ in lightness, too, so that the colour-blind can tell neighbours.

import { hour_unknown, tally, type Labels, type Points } from "./points";
import type { MapRecording } from "./types";

export const ways = ["cluster", "label", "site", "hour", "recording"] as const;
export type Way = (typeof ways)[number];

export interface Theme {
  is_dark: boolean;
}

const twelve = {
  light: ["#0072b2", "#d55e00", "#00805c", "#a8478a", "#7a5cc0", "#8a6d00", "#128a9a", "#8c1d4f", "#3d4f8f", "#a0561c", "#4b8a23", "#5b6b73"],
  dark: ["#56b4e9", "#ff8c42", "#2fc39a", "#e59acb", "#b79cf0", "#e6c84a", "#4fd0dc", "#f07a9b", "#8fa6ff", "#d9a066", "#9bd46a", "#a9bccb"],
};
// Night, morning, noon, evening, night.
const hours = {
  light: ["#2c2a66", "#2f83b7", "#b58900", "#b5432a"],
  dark: ["#8a88e0", "#5cc0ee", "#f5d76e", "#f0805f"],
};

function rgb(hex: string): [number, number, number] {
  const value = parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}
function hex(channels: readonly number[]): string {
  return "#" + channels.map((c) => Math.round(c).toString(16).padStart(2, "0")).join("");
}

export function hour_colour(hour: number, is_dark: boolean): string {
  const keys = hours[is_dark ? "dark" : "light"];
  const at = ((hour % 24) + 24) % 24 / 6;
  const [from, to] = [rgb(keys[Math.floor(at) % 4]!), rgb(keys[(Math.floor(at) + 1) % 4]!)];
  const share = at - Math.floor(at);
  return hex(from.map((c, i) => c + (to[i]! - c) * share));
}

/** The colour of a category; of none (-1) grey. */
export function colour_of(way: Way, category: number, is_dark: boolean): string {
  if (category < 0) return is_dark ? "#8b9aa1" : "#74838a";
  if (way === "hour") return hour_colour(category, is_dark);
  return twelve[is_dark ? "dark" : "light"][category % 12]!;
}

/** What a point may be drawn with. The first three are no categories. */
export const ink = { pale: 0, dim: 1, grey: 2, first: 3 } as const;
const n_hours = 24;

/** A colour for each ink, as a 32-bit word of an ImageData (little-endian: ABGR). */
export function palette_of(way: Way, is_dark: boolean): Uint32Array {
  const n = way === "hour" ? n_hours : 12;
  const colours = [is_dark ? "#46545a" : "#c3cdd0", is_dark ? "#212c31" : "#e6ebec", colour_of(way, -1, is_dark)];
  for (let i = 0; i < n; i += 1) colours.push(colour_of(way, i, is_dark));
  return Uint32Array.from(colours, word_of);
}

export function word_of(colour: string): number {
  const [r, g, b] = rgb(colour);
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

export interface Categories {
  of: Int32Array; // By row; -1: none.
  counts: Map<number, number>;
  names: (category: number) => string;
}

/** Sites in the order of their first recording; recordings without a site have none. */
export function sites_of(recordings: readonly MapRecording[]): { names: string[]; of: Int32Array } {
  const names: string[] = [];
  const known = new Map<string, number>();
  const of = new Int32Array(recordings.length);
  recordings.forEach(({ site }, i) => {
    if (site && !known.has(site)) {
      known.set(site, names.length);
      names.push(site);
    }
    of[i] = site ? known.get(site)! : -1;
  });
  return { names, of };
}

export function categories(way: Way, points: Points, labels: Labels, recordings: readonly MapRecording[], label_names: readonly string[],
                           cluster_name: (cluster: number) => string): Categories {
  const named = (of: Int32Array, names: (category: number) => string): Categories => ({ of, counts: tally(of), names });
  switch (way) {
    case "cluster": return named(labels.cluster, cluster_name);
    case "label": return named(labels.label, (c) => label_names[c] ?? "no label");
    case "site": {
      const sites = sites_of(recordings);
      return named(Int32Array.from(points.recording, (r) => sites.of[r] ?? -1), (c) => sites.names[c] ?? "site not known");
    }
    case "hour":
      return named(Int32Array.from(points.hour, (h) => (h === hour_unknown || h > 23 ? -1 : h)), (c) => (c < 0 ? "time not known" : hour_name(c)));
    case "recording": return named(Int32Array.from(points.recording), (c) => recordings[c]?.filename ?? "recording not known");
  }
}

export function hour_name(hour: number): string {
  return `${String(hour).padStart(2, "0")}:00 to ${String((hour + 1) % 24).padStart(2, "0")}:00`;
}

/** The ink of every row. `alone`: the category that stands out, null: all of them. */
export function inks(way: Way, of: Int32Array, alone: number | null): Uint8Array {
  const n = way === "hour" ? n_hours : 12;
  const found = new Uint8Array(of.length);
  for (let i = 0; i < of.length; i += 1) {
    const category = of[i]!;
    if (alone !== null && category !== alone) found[i] = ink.dim;
    else if (category < 0) found[i] = alone === null ? ink.pale : ink.grey;
    else found[i] = ink.first + (category % n);
  }
  return found;
}
