// The arithmetic of the time line: what is in sight, where it lies, which marks the axes get. Pure functions.

export interface View {
  start_s: number;
  end_s: number;
}

/** Shorter than this there is nothing more to see in 22,050 samples a second. */
export const view_s_min = 0.05;

export function clamp_view(view: View, duration_s: number): View {
  const length = Math.min(Math.max(view.end_s - view.start_s, Math.min(view_s_min, duration_s)), duration_s);
  const start_s = Math.min(Math.max(0, view.start_s), duration_s - length);
  return { start_s, end_s: start_s + length };
}

/** `factor` < 1 zooms in; what is at `at_s` stays where it is. */
export function zoom(view: View, factor: number, at_s: number, duration_s: number): View {
  const length = view.end_s - view.start_s;
  const wanted = Math.min(duration_s, Math.max(Math.min(view_s_min, duration_s), length * factor));
  const share = length > 0 ? (at_s - view.start_s) / length : 0.5;
  const start_s = at_s - share * wanted;
  return clamp_view({ start_s, end_s: start_s + wanted }, duration_s);
}

export function pan(view: View, by_s: number, duration_s: number): View {
  return clamp_view({ start_s: view.start_s + by_s, end_s: view.end_s + by_s }, duration_s);
}

/** A view around [start_s, end_s) with a little air. */
export function view_of(start_s: number, end_s: number, duration_s: number): View {
  const air = Math.max(0.15 * (end_s - start_s), 0.1);
  return clamp_view({ start_s: start_s - air, end_s: end_s + air }, duration_s);
}

export function x_of(at_s: number, view: View, width: number): number {
  return ((at_s - view.start_s) / (view.end_s - view.start_s)) * width;
}

export function time_at(x: number, view: View, width: number): number {
  return view.start_s + (x / width) * (view.end_s - view.start_s);
}

const time_steps_s = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600,
  43200, 86400, 172800, 604800,
];

export interface Tick {
  value: number;
  is_labelled: boolean;
}

/** Marks at round times, the labelled ones at least `gap_px` apart. */
export function time_ticks(view: View, width: number, gap_px = 84): { step_s: number; ticks: Tick[] } {
  const length = view.end_s - view.start_s;
  const step_s = time_steps_s.find((s) => (s / length) * width >= gap_px) ?? time_steps_s.at(-1)!;
  const small = step_s >= 1 ? (step_s % 5 === 0 ? 5 : step_s % 2 === 0 ? 4 : 5) : 5;
  const ticks: Tick[] = [];
  const minor_s = step_s / small;
  const first = Math.ceil(view.start_s / minor_s - 1e-9);
  const last = Math.floor(view.end_s / minor_s + 1e-9);
  for (let k = first; k <= last && ticks.length < 2000; k += 1) ticks.push({ value: k * minor_s, is_labelled: k % small === 0 });
  return { step_s, ticks };
}

/** Round frequencies between the bounds, at least `gap_px` apart. */
export function hertz_ticks(min_hz: number, max_hz: number, height: number, gap_px = 34): number[] {
  const range = max_hz - min_hz;
  if (!(range > 0) || height <= 0) return [];
  const wanted = (gap_px / height) * range;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= wanted) ?? 10 * power;
  const ticks: number[] = [];
  for (let f = Math.ceil(min_hz / step) * step; f <= max_hz + 1e-6; f += step) ticks.push(f);
  return ticks;
}

/** The segment at a time, by bisection; segments have no gaps. */
export function segment_at<S extends { start_s: number; end_s: number }>(segments: readonly S[], at_s: number): S | null {
  let low = 0;
  let high = segments.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const segment = segments[middle]!;
    if (at_s < segment.start_s) high = middle - 1;
    else if (at_s >= segment.end_s) low = middle + 1;
    else return segment;
  }
  return null;
}

/** Where a curve is highest, each peak at least `apart` columns from the others and from `from`. */
export function peaks(curve: readonly number[], from: number, apart: number, n: number): number[] {
  const order = curve.map((_, i) => i).sort((a, b) => curve[b]! - curve[a]!);
  const found: number[] = [];
  for (const i of order) {
    if (found.length === n) break;
    if (Math.abs(i - from) < apart || found.some((k) => Math.abs(i - k) < apart)) continue;
    found.push(i);
  }
  return found;
}
