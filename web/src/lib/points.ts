// The windows of a clustering as columns, as they come over the wire: what never changes (points), and what people
// change (clusters and labels). Little-endian, like every machine that runs a browser.

import { Problem } from "./api";

/** One number for each window of the clustering's table, in the order of its rows. */
export interface Points {
  n: number;
  n_recordings: number;
  x: Float32Array; // NaN: no place in the map.
  y: Float32Array;
  start_s: Float32Array;
  end_s: Float32Array;
  probability: Float32Array;
  recording: Uint32Array; // Index into the list of recordings.
  row_index: Int32Array;
  hour: Uint8Array; // 255: not known.
}

export interface Labels {
  n: number;
  review_version: number;
  cluster: Int32Array; // -1: noise.
  label: Int32Array; // Index into the clustering's labels; -1: none.
}

export const hour_unknown = 255;
const head_bytes = 16;

function damaged(what: string): Problem {
  return new Problem(0, "ANSWER_DAMAGED", `The ${what} of the clustering cannot be read.`,
    "The answer is shorter than it says, or made by another version of the program.", "Load the page again.", true, "");
}

function read_head(buffer: ArrayBuffer, magic: string, bytes_each: number, what: string): [number, number] {
  if (buffer.byteLength < head_bytes) throw damaged(what);
  const found = String.fromCharCode(...new Uint8Array(buffer, 0, 8));
  const head = new DataView(buffer);
  const n = head.getUint32(8, true);
  if (found !== magic || buffer.byteLength !== head_bytes + n * bytes_each) throw damaged(what);
  return [n, head.getUint32(12, true)];
}

/** "BLNPTS01", u32 n, u32 n_recordings, then column after column. Nothing is copied. */
export function parse_points(buffer: ArrayBuffer): Points {
  const [n, n_recordings] = read_head(buffer, "BLNPTS01", 29, "points");
  const at = (column: number) => head_bytes + 4 * n * column;
  const floats = (column: number) => new Float32Array(buffer, at(column), n);
  return {
    n, n_recordings, x: floats(0), y: floats(1), start_s: floats(2), end_s: floats(3), probability: floats(4),
    recording: new Uint32Array(buffer, at(5), n), row_index: new Int32Array(buffer, at(6), n), hour: new Uint8Array(buffer, at(7), n),
  };
}

/** "BLNLBL01", u32 n, u32 review_version, i32 cluster[n], i32 label[n]. */
export function parse_labels(buffer: ArrayBuffer): Labels {
  const [n, review_version] = read_head(buffer, "BLNLBL01", 8, "labels");
  return { n, review_version, cluster: new Int32Array(buffer, head_bytes, n), label: new Int32Array(buffer, head_bytes + 4 * n, n) };
}

/** How many rows there are of each value; rows of negative values count for -1. */
export function tally(values: ArrayLike<number>): Map<number, number> {
  const counts: number[] = [];
  let below = 0;
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i]!;
    if (value < 0) below += 1;
    else counts[value] = (counts[value] ?? 0) + 1;
  }
  const found = new Map<number, number>();
  counts.forEach((n, value) => found.set(value, n));
  if (below) found.set(-1, below);
  return found;
}

/** The rows with one of these values. */
export function rows_with(values: ArrayLike<number>, wanted: ReadonlySet<number>): Uint32Array {
  const rows: number[] = [];
  for (let i = 0; i < values.length; i += 1) if (wanted.has(values[i]!)) rows.push(i);
  return Uint32Array.from(rows);
}
