// The map's arithmetic: points sorted into a grid of cells, drawn into the words of an ImageData, found under the pointer
// and inside a lasso. Pure functions over typed arrays; why no WebGL: docs/decisions/0016-map.md.

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

/** Draws all points in sight. Those in pale or dim ink lie below all others. `size` is in pixels of the picture. */
export function draw(picture: Picture, grid: PointGrid, of_places: Uint8Array, palette: Uint32Array, view: View, size: number, background: number): void {
  const { words, width, height } = picture;
  words.fill(background);
  const s = Math.max(1, Math.round(size));
  const { from, to } = disc(s);
  const [x_last, y_last] = [width - s, height - s];
  const [scale, add_x, add_y] = [view.scale, width / 2 - view.x * view.scale - s / 2, height / 2 + view.y * view.scale - s / 2];
  const { x, y } = grid;
  const margin = s / scale;
  const sight = { x0: to_x(0, view, width) - margin, x1: to_x(width, view, width) + margin, y0: to_y(height, view, height) - margin, y1: to_y(0, view, height) + margin };
  grid.visit(sight, (begin, end) => {
    for (let i = begin; i < end; i += 1) {
      const px = Math.round(x[i]! * scale + add_x);
      const py = Math.round(add_y - y[i]! * scale);
      if (px < 0 || py < 0 || px > x_last || py > y_last) continue;
      const kind = of_places[i]!;
      const word = palette[kind]!;
      let o = py * width + px;
      if (kind <= ink.dim) {
        for (let r = 0; r < s; r += 1, o += width)
          for (let k = o + from[r]!, last = o + to[r]!; k < last; k += 1) if (words[k] === background) words[k] = word;
      } else {
        for (let r = 0; r < s; r += 1, o += width) for (let k = o + from[r]!, last = o + to[r]!; k < last; k += 1) words[k] = word;
      }
    }
  });
}

/** One point on top of all others, at the edge as far as it is in sight. */
export function stamp(picture: Picture, view: View, x: number, y: number, size: number, word: number): void {
  const { words, width, height } = picture;
  const s = Math.max(1, Math.round(size));
  const { from, to } = disc(s);
  const left = Math.round(to_px(x, view, width) - s / 2);
  const top = Math.round(to_py(y, view, height) - s / 2);
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
