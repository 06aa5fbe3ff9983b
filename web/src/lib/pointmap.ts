// The map's arithmetic: points sorted into a grid of cells, drawn into the words of an ImageData, found under the pointer
// and inside a lasso. Pure functions over typed arrays; why no WebGL: docs/decisions/0017-map.md.

import { ink } from "./colouring";

/** What is in the middle of the picture, and how many pixels one unit of the map has. y grows upwards. */
export interface View {
  x: number;
  y: number;
  scale: number;
}
export interface Box {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}
/** Pairs x, y, in units of the map. */
export type Polygon = readonly (readonly [number, number])[];

const per_cell = 16;
const side_max = 256;

/** The points that have a place, cell by cell: those in sight, or near, lie together in memory. */
export class PointGrid {
  readonly bounds: Box;
  readonly side: number;
  readonly n: number;
  readonly rows: Uint32Array; // Row of the table at each place.
  readonly x: Float32Array; // By place.
  readonly y: Float32Array;
  readonly begins: Uint32Array; // First place of each cell, and the end.

  constructor(x: Float32Array, y: Float32Array) {
    const bounds = { x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity };
    let n = 0;
    for (let i = 0; i < x.length; i += 1) {
      const [px, py] = [x[i]!, y[i]!];
      if (!Number.isFinite(px) || !Number.isFinite(py)) continue;
      n += 1;
      if (px < bounds.x0) bounds.x0 = px;
      if (px > bounds.x1) bounds.x1 = px;
      if (py < bounds.y0) bounds.y0 = py;
      if (py > bounds.y1) bounds.y1 = py;
    }
    this.n = n;
    this.bounds = n ? bounds : { x0: 0, y0: 0, x1: 1, y1: 1 };
    this.side = Math.max(1, Math.min(side_max, Math.floor(Math.sqrt(n / per_cell))));
    const n_cells = this.side * this.side;
    this.begins = new Uint32Array(n_cells + 1);
    const cells = new Int32Array(x.length).fill(-1);
    for (let i = 0; i < x.length; i += 1) {
      if (!Number.isFinite(x[i]!) || !Number.isFinite(y[i]!)) continue;
      const cell = this.row_at(y[i]!) * this.side + this.column_at(x[i]!);
      cells[i] = cell;
      this.begins[cell + 1]! += 1;
    }
    for (let c = 0; c < n_cells; c += 1) this.begins[c + 1]! += this.begins[c]!;
    const next = this.begins.slice();
    this.rows = new Uint32Array(n);
    this.x = new Float32Array(n);
    this.y = new Float32Array(n);
    for (let i = 0; i < x.length; i += 1) {
      if (cells[i]! < 0) continue;
      const place = next[cells[i]!]!;
      next[cells[i]!] = place + 1;
      this.rows[place] = i;
      this.x[place] = x[i]!;
      this.y[place] = y[i]!;
    }
  }

  column_at(x: number): number {
    return this.#cell(x - this.bounds.x0, this.bounds.x1 - this.bounds.x0);
  }
  row_at(y: number): number {
    return this.#cell(y - this.bounds.y0, this.bounds.y1 - this.bounds.y0);
  }
  #cell(from_edge: number, width: number): number {
    if (!(width > 0)) return 0;
    return Math.max(0, Math.min(this.side - 1, Math.floor((from_edge / width) * this.side)));
  }

  /** Calls `visit(begin, end)` with the places of every row of cells that touches the box. */
  visit(box: Box, visit: (begin: number, end: number) => void): void {
    if (this.n === 0 || box.x1 < this.bounds.x0 || box.x0 > this.bounds.x1 || box.y1 < this.bounds.y0 || box.y0 > this.bounds.y1) return;
    const [left, right] = [this.column_at(box.x0), this.column_at(box.x1)];
    for (let row = this.row_at(box.y0), last = this.row_at(box.y1); row <= last; row += 1)
      visit(this.begins[row * this.side + left]!, this.begins[row * this.side + right + 1]!);
  }

  /** The inks of rows in the order of places. */
  by_place(of_rows: Uint8Array): Uint8Array {
    const found = new Uint8Array(this.n);
    for (let place = 0; place < this.n; place += 1) found[place] = of_rows[this.rows[place]!]!;
    return found;
  }
}

export function fit(bounds: Box, width: number, height: number): View {
  const [w, h] = [bounds.x1 - bounds.x0, bounds.y1 - bounds.y0];
  const scale = 0.92 * Math.min(w > 0 ? width / w : Infinity, h > 0 ? height / h : Infinity);
  return { x: (bounds.x0 + bounds.x1) / 2, y: (bounds.y0 + bounds.y1) / 2, scale: Number.isFinite(scale) && scale > 0 ? scale : Math.max(1, Math.min(width, height) / 4) };
}

export const to_x = (px: number, view: View, width: number): number => view.x + (px - width / 2) / view.scale;
export const to_y = (py: number, view: View, height: number): number => view.y - (py - height / 2) / view.scale;
export const to_px = (x: number, view: View, width: number): number => width / 2 + (x - view.x) * view.scale;
export const to_py = (y: number, view: View, height: number): number => height / 2 - (y - view.y) * view.scale;

/** `factor` > 1 goes nearer; what lies under (px, py) stays there. Between the whole and 5,000 times of it. */
export function zoom_at(view: View, factor: number, px: number, py: number, width: number, height: number, whole: View): View {
  const scale = Math.min(whole.scale * 5000, Math.max(whole.scale * 0.5, view.scale * factor));
  const [x, y] = [to_x(px, view, width), to_y(py, view, height)];
  return { x: x - (px - width / 2) / scale, y: y + (py - height / 2) / scale, scale };
}

/** How large a point is, in pixels of CSS: small where there are many, larger when near. */
export function point_size(n: number, nearness: number): number {
  const base = n > 200_000 ? 2 : n > 20_000 ? 3 : n > 2000 ? 5 : 7;
  return Math.max(base, Math.min(11, base * Math.sqrt(nearness)));
}

/** From where to where each row of a disc reaches; a square where it is too small to be round. */
function disc(size: number): { from: Int32Array; to: Int32Array } {
  const from = new Int32Array(size);
  const to = new Int32Array(size).fill(size);
  for (let row = 0; row < size && size > 3; row += 1) {
    const dy = row + 0.5 - size / 2;
    const half = Math.sqrt(Math.max(0, (size / 2) ** 2 - dy * dy));
    from[row] = Math.round(size / 2 - half);
    to[row] = Math.round(size / 2 + half);
  }
  return { from, to };
}

export interface Picture {
  words: Uint32Array; // width × height
  width: number;
  height: number;
}

/** Where 0, 0 of the map lies in the picture, in whole pixels: a view moved by whole pixels is the same picture, moved. */
function origin(picture: Picture, view: View): { x: number; y: number } {
  return { x: (picture.width >> 1) - Math.round(view.x * view.scale), y: (picture.height >> 1) + Math.round(view.y * view.scale) };
}

/**
 * Draws the points in sight, in `clip` only (in pixels of the picture; else everywhere) and over the background. Those in pale
 * or dim ink lie below all others. `size` is in pixels of the picture.
 */
export function draw(picture: Picture, grid: PointGrid, of_places: Uint8Array, palette: Uint32Array, view: View, size: number, background: number,
                     clip: Box = { x0: 0, y0: 0, x1: picture.width, y1: picture.height }): void {
  const { words, width, height } = picture;
  const { x0, y0, x1, y1 } = clip;
  if (x1 <= x0 || y1 <= y0) return;
  for (let row = y0; row < y1; row += 1) words.fill(background, row * width + x0, row * width + x1);
  const s = Math.max(1, Math.round(size));
  const { from, to } = disc(s);
  const { x: zero_x, y: zero_y } = origin(picture, view);
  const [add_x, add_y] = [zero_x - (s >> 1), zero_y - (s >> 1)];
  const { x, y } = grid;
  const { scale } = view;
  const [x_last, y_last] = [x1 - s, y1 - s];
  const margin = s + 1;
  const sight = { x0: to_x(x0 - margin, view, width), x1: to_x(x1 + margin, view, width), y0: to_y(y1 + margin, view, height), y1: to_y(y0 - margin, view, height) };
  grid.visit(sight, (begin, end) => {
    for (let i = begin; i < end; i += 1) {
      const px = Math.floor(x[i]! * scale + 0.5) + add_x;
      const py = add_y - Math.floor(y[i]! * scale + 0.5);
      if (px <= x0 - s || py <= y0 - s || px >= x1 || py >= y1) continue;
      const kind = of_places[i]!;
      const word = palette[kind]!;
      const is_below = kind <= ink.dim;
      if (px >= x0 && py >= y0 && px <= x_last && py <= y_last && (s <= 2 || !is_below)) {
        let o = py * width + px;
        if (s > 2) {
          for (let r = 0; r < s; r += 1, o += width) for (let k = o + from[r]!, last = o + to[r]!; k < last; k += 1) words[k] = word;
        } else if (is_below) {
          for (let k = 0; k < s * s; k += 1) {
            const at = o + (k >> 1) * width + (k & 1);
            if (words[at] === background) words[at] = word;
          }
        } else {
          words[o] = word;
          if (s === 1) continue;
          words[o + 1] = word;
          words[o + width] = word;
          words[o + width + 1] = word;
        }
        continue;
      }
      for (let r = Math.max(0, y0 - py), end_row = Math.min(s, y1 - py); r < end_row; r += 1) {
        const o = (py + r) * width;
        const last = o + Math.min(x1, px + to[r]!);
        for (let k = o + Math.max(x0, px + from[r]!); k < last; k += 1) if (!is_below || words[k] === background) words[k] = word;
      }
    }
  });
}

/** How far a picture of `from` has to be moved to be one of `to`, in pixels; null: the scales differ. */
export function distance(picture: Picture, from: View, to: View): { dx: number; dy: number } | null {
  if (from.scale !== to.scale) return null;
  const [a, b] = [origin(picture, from), origin(picture, to)];
  return { dx: b.x - a.x, dy: b.y - a.y };
}

/** Moves what has been drawn, and tells where now is nothing: that has to be drawn anew. */
export function shift(picture: Picture, dx: number, dy: number): Box[] {
  const { words, width, height } = picture;
  if (Math.abs(dx) >= width || Math.abs(dy) >= height) return [{ x0: 0, y0: 0, x1: width, y1: height }];
  const by = dy * width + dx;
  if (by > 0) words.copyWithin(by, 0, words.length - by);
  else if (by < 0) words.copyWithin(0, -by);
  const bare: Box[] = [];
  if (dx > 0) bare.push({ x0: 0, y0: 0, x1: dx, y1: height });
  if (dx < 0) bare.push({ x0: width + dx, y0: 0, x1: width, y1: height });
  if (dy > 0) bare.push({ x0: Math.max(0, dx), y0: 0, x1: Math.min(width, width + dx), y1: dy });
  if (dy < 0) bare.push({ x0: Math.max(0, dx), y0: height + dy, x1: Math.min(width, width + dx), y1: height });
  return bare;
}

/** One point on top of all others, as far as it is in sight. */
export function stamp(picture: Picture, view: View, x: number, y: number, size: number, word: number): void {
  const { words, width, height } = picture;
  const s = Math.max(1, Math.round(size));
  const { from, to } = disc(s);
  const zero = origin(picture, view);
  const left = Math.round(x * view.scale) + zero.x - (s >> 1);
  const top = zero.y - Math.round(y * view.scale) - (s >> 1);
  if (!(left > -s && top > -s && left < width && top < height)) return;
  for (let r = Math.max(0, -top); r < s && top + r < height; r += 1) {
    const o = (top + r) * width;
    words.fill(word, o + Math.max(0, left + from[r]!), o + Math.min(width, left + to[r]!));
  }
}

/** The row of the point nearest to (x, y) within `radius`, or -1. `is_wanted` tells which may be found. */
export function nearest(grid: PointGrid, x: number, y: number, radius: number, is_wanted: (place: number) => boolean = () => true): number {
  let best = radius * radius;
  let row = -1;
  grid.visit({ x0: x - radius, x1: x + radius, y0: y - radius, y1: y + radius }, (begin, end) => {
    for (let i = begin; i < end; i += 1) {
      const distance = (grid.x[i]! - x) ** 2 + (grid.y[i]! - y) ** 2;
      if (distance > best || !is_wanted(i)) continue;
      best = distance;
      row = grid.rows[i]!;
    }
  });
  return row;
}

/** Inside by the even-odd rule. */
export function is_inside(x: number, y: number, polygon: Polygon): boolean {
  let inside = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i, i += 1) {
    const [ax, ay] = polygon[i]!;
    const [bx, by] = polygon[j]!;
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

/** The rows of the points inside the polygon, ascending. */
export function lasso(grid: PointGrid, polygon: Polygon, is_wanted: (place: number) => boolean = () => true): Uint32Array {
  if (polygon.length < 3) return new Uint32Array(0);
  const box = { x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity };
  for (const [x, y] of polygon) {
    box.x0 = Math.min(box.x0, x);
    box.x1 = Math.max(box.x1, x);
    box.y0 = Math.min(box.y0, y);
    box.y1 = Math.max(box.y1, y);
  }
  const rows: number[] = [];
  grid.visit(box, (begin, end) => {
    for (let i = begin; i < end; i += 1) {
      const [x, y] = [grid.x[i]!, grid.y[i]!];
      if (x < box.x0 || x > box.x1 || y < box.y0 || y > box.y1 || !is_wanted(i)) continue;
      if (is_inside(x, y, polygon)) rows.push(grid.rows[i]!);
    }
  });
  return Uint32Array.from(rows).sort();
}

/** Two ascending lists of rows as one. */
export function join_rows(a: Uint32Array, b: Uint32Array): Uint32Array {
  return Uint32Array.from(new Set([...a, ...b])).sort();
}
