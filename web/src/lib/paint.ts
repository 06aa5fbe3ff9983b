// Drawing of the time line's layers on canvases. Each function draws one layer from what it is given; colours come
// from the style sheet, so that light and dark are one place.

import { hertz, position } from "./format";
import { hertz_ticks, segment_at, time_ticks, x_of, type View } from "./timeline";
import type { Segment, SegmentLabel, Similarity, Spectrogram, Waveform } from "./types";

export interface Colours {
  text: string;
  muted: string;
  line: string;
  surface: string;
  sunken: string;
  accent: string;
  wave: string;
  wave_soft: string;
  is_dark: boolean;
}

export function colours_of(element: Element): Colours {
  const style = getComputedStyle(element);
  const of = (name: string) => style.getPropertyValue(name).trim();
  return {
    text: of("--text"), muted: of("--muted"), line: of("--line"), surface: of("--surface"), sunken: of("--sunken"),
    accent: of("--accent"), wave: of("--wave"), wave_soft: of("--wave-soft"), is_dark: style.colorScheme === "dark",
  };
}

/** From the palette of Okabe and Ito, which colour-blind people can tell apart; and each has a pattern, too. */
export const segment_colours: Record<SegmentLabel, { light: string; dark: string }> = {
  speech: { light: "#0072b2", dark: "#56b4e9" },
  music: { light: "#b86e00", dark: "#f0a830" },
  noise: { light: "#00805c", dark: "#2fc39a" },
  silence: { light: "#8a989d", dark: "#5d7078" },
};
export const segment_labels: SegmentLabel[] = ["speech", "music", "noise", "silence"];

export function segment_colour(label: SegmentLabel, is_dark: boolean): string {
  return segment_colours[label][is_dark ? "dark" : "light"];
}

/** The canvas in device pixels, cleared, with a context in CSS pixels; null while it has no size. */
export function begin(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null {
  if (width <= 0 || height <= 0) return null;
  const ratio = Math.min(3, devicePixelRatio || 1);
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  const context = canvas.getContext("2d");
  if (!context) return null;
  context.setTransform(w / width, 0, 0, h / height, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

const font = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif';

export function paint_axis(canvas: HTMLCanvasElement, width: number, height: number, view: View, colours: Colours): void {
  const c = begin(canvas, width, height);
  if (!c) return;
  const { step_s, ticks } = time_ticks(view, width);
  c.font = font;
  c.textBaseline = "top";
  for (const tick of ticks) {
    const x = Math.round(x_of(tick.value, view, width)) + 0.5;
    c.strokeStyle = tick.is_labelled ? colours.muted : colours.line;
    c.beginPath();
    c.moveTo(x, height - (tick.is_labelled ? 6 : 4));
    c.lineTo(x, height);
    c.stroke();
    if (!tick.is_labelled) continue;
    const text = position(tick.value, step_s);
    const half = c.measureText(text).width / 2;
    c.fillStyle = colours.muted;
    c.fillText(text, Math.min(Math.max(0, x - half), width - 2 * half), 2);
  }
}

function pattern_of(c: CanvasRenderingContext2D, label: SegmentLabel, colour: string): CanvasPattern | string {
  const tile = document.createElement("canvas");
  const size = 8;
  const ratio = Math.min(3, devicePixelRatio || 1);
  tile.width = tile.height = Math.round(size * ratio);
  const t = tile.getContext("2d");
  if (!t) return colour;
  t.scale(tile.width / size, tile.height / size);
  t.strokeStyle = t.fillStyle = colour;
  t.lineWidth = 1.4;
  t.beginPath();
  if (label === "speech") {
    for (const d of [-size, 0, size]) {
      t.moveTo(d, size);
      t.lineTo(d + size, 0);
    }
    t.stroke();
  } else if (label === "music") {
    t.arc(2, 2, 1.25, 0, 7);
    t.arc(6, 6, 1.25, 0, 7);
    t.fill();
  } else if (label === "noise") {
    t.moveTo(0, 2);
    t.lineTo(size, 2);
    t.moveTo(0, 6);
    t.lineTo(size, 6);
    t.stroke();
  }
  const pattern = c.createPattern(tile, "repeat");
  pattern?.setTransform(new DOMMatrix().scale(size / tile.width));
  return pattern ?? colour;
}

export function paint_segments(canvas: HTMLCanvasElement, width: number, height: number, view: View, segments: readonly Segment[], colours: Colours): void {
  const c = begin(canvas, width, height);
  if (!c) return;
  const patterns = Object.fromEntries(segment_labels.map((l) => [l, pattern_of(c, l, segment_colour(l, colours.is_dark))]));
  c.font = font;
  c.textBaseline = "middle";
  for (const segment of segments) {
    if (segment.end_s <= view.start_s || segment.start_s >= view.end_s) continue;
    const left = Math.max(0, x_of(segment.start_s, view, width));
    const right = Math.min(width, x_of(segment.end_s, view, width));
    const w = Math.max(1, right - left - (right - left > 3 ? 1 : 0));
    const colour = segment_colour(segment.label, colours.is_dark);
    c.globalAlpha = segment.label === "silence" ? 0.14 : 0.2;
    c.fillStyle = colour;
    c.fillRect(left, 0, w, height);
    if (segment.label !== "silence") {
      c.globalAlpha = 0.42;
      c.fillStyle = patterns[segment.label]!;
      c.fillRect(left, 0, w, height);
    }
    c.globalAlpha = 1;
    c.fillStyle = colour;
    c.fillRect(left, 0, w, segment.label === "silence" ? 1.5 : 3.5);
    const text_width = c.measureText(segment.label).width;
    if (w > text_width + 14) {
      c.fillStyle = colours.surface;
      c.globalAlpha = 0.88;
      c.beginPath();
      c.roundRect(left + 4, height / 2 - 7, text_width + 8, 17, 4);
      c.fill();
      c.globalAlpha = 1;
      c.fillStyle = colours.text;
      c.fillText(segment.label, left + 8, height / 2 + 2);
    }
  }
}

/** Peaks; coloured by segment where there are segments. `wave` may cover another range than the view. */
export function paint_wave(canvas: HTMLCanvasElement, width: number, height: number, view: View, wave: Waveform | null, segments: readonly Segment[],
                           colours: Colours, gain = 1): void {
  const c = begin(canvas, width, height);
  if (!c) return;
  const middle = height / 2;
  c.fillStyle = colours.line;
  c.fillRect(0, Math.round(middle), width, 1);
  if (!wave || !wave.columns) return;
  const column_s = (wave.end_s - wave.start_s) / wave.columns;
  const w = Math.max(1, x_of(view.start_s + column_s, view, width) - 0.15);
  let colour = colours.wave;
  for (let i = 0; i < wave.columns; i += 1) {
    const at = wave.start_s + i * column_s;
    const x = x_of(at, view, width);
    if (x + w < 0) continue;
    if (x > width) break;
    if (segments.length) {
      const segment = segment_at(segments, at + column_s / 2);
      colour = segment ? segment_colour(segment.label, colours.is_dark) : colours.wave;
    }
    const top = middle - Math.min(1, ((wave.max[i] ?? 0) / 32768) * gain) * middle;
    const bottom = middle - Math.max(-1, ((wave.min[i] ?? 0) / 32768) * gain) * middle;
    c.fillStyle = colour;
    c.fillRect(x, top, w, Math.max(1, bottom - top));
  }
}

// ---- spectrogram --------------------------------------------------------------------------------------

type Stop = [number, number, number];
// Lightness falls (or rises) evenly along both maps.
const dark_map: Stop[] = [[10, 17, 21], [13, 42, 58], [14, 82, 98], [38, 128, 122], [112, 172, 118], [208, 206, 116], [255, 246, 200]];
const light_map: Stop[] = [[250, 252, 252], [214, 232, 233], [150, 200, 206], [76, 154, 170], [28, 102, 130], [18, 56, 88], [12, 22, 48]];

function colour_table(is_dark: boolean): Uint8ClampedArray {
  const stops = is_dark ? dark_map : light_map;
  const table = new Uint8ClampedArray(256 * 3);
  for (let i = 0; i < 256; i += 1) {
    const at = (i / 255) * (stops.length - 1);
    const k = Math.min(stops.length - 2, Math.floor(at));
    for (let ch = 0; ch < 3; ch += 1) table[3 * i + ch] = stops[k]![ch]! + (at - k) * (stops[k + 1]![ch]! - stops[k]![ch]!);
  }
  return table;
}

/** The picture of a spectrogram, one pixel a cell, low frequencies at the bottom. */
export function spectrogram_picture(spectrogram: Spectrogram, is_dark: boolean): HTMLCanvasElement | null {
  const { rows, columns } = spectrogram;
  const text = atob(spectrogram.data);
  if (text.length < rows * columns || !rows || !columns) return null;
  const table = colour_table(is_dark);
  const picture = document.createElement("canvas");
  picture.width = columns;
  picture.height = rows;
  const c = picture.getContext("2d");
  if (!c) return null;
  const image = c.createImageData(columns, rows);
  for (let r = 0; r < rows; r += 1) {
    for (let k = 0; k < columns; k += 1) {
      const value = text.charCodeAt(r * columns + k);
      const o = 4 * ((rows - 1 - r) * columns + k);
      image.data[o] = table[3 * value]!;
      image.data[o + 1] = table[3 * value + 1]!;
      image.data[o + 2] = table[3 * value + 2]!;
      image.data[o + 3] = 255;
    }
  }
  c.putImageData(image, 0, 0);
  return picture;
}

export function paint_spectrogram(canvas: HTMLCanvasElement, width: number, height: number, view: View, range: View | null, picture: HTMLCanvasElement | null, colours: Colours): void {
  const c = begin(canvas, width, height);
  if (!c) return;
  const [r, g, b] = (colours.is_dark ? dark_map : light_map)[0]!;
  c.fillStyle = `rgb(${r} ${g} ${b})`;
  c.fillRect(0, 0, width, height);
  if (!picture || !range) return;
  c.imageSmoothingEnabled = true;
  c.imageSmoothingQuality = "high";
  const x = x_of(range.start_s, view, width);
  c.drawImage(picture, x, 0, x_of(range.end_s, view, width) - x, height);
}

export function paint_hertz(canvas: HTMLCanvasElement, width: number, height: number, min_hz: number, max_hz: number, colours: Colours): void {
  const c = begin(canvas, width, height);
  if (!c) return;
  c.font = font;
  c.textAlign = "right";
  c.textBaseline = "middle";
  for (const f of hertz_ticks(min_hz, max_hz, height)) {
    const y = height - ((f - min_hz) / (max_hz - min_hz)) * height;
    c.strokeStyle = colours.muted;
    c.beginPath();
    c.moveTo(width - 4, Math.round(y) + (y < 1 ? 0.5 : -0.5));
    c.lineTo(width, Math.round(y) + (y < 1 ? 0.5 : -0.5));
    c.stroke();
    c.fillStyle = colours.muted;
    c.fillText(f === 0 ? "0 Hz" : hertz(f), width - 7, Math.min(Math.max(7, y), height - 7));
  }
}

/** How alike each moment is to the chosen one: the taller and stronger, the more alike. */
export function paint_similarity(canvas: HTMLCanvasElement, width: number, height: number, view: View, similarity: Similarity | null, colours: Colours): void {
  const c = begin(canvas, width, height);
  if (!c || !similarity || !similarity.similarity.length) return;
  const curve = similarity.similarity;
  const sorted = [...curve].sort((a, b) => a - b);
  const low = sorted[Math.floor(sorted.length * 0.02)] ?? 0;
  const column_s = (similarity.end_s - similarity.start_s) / curve.length;
  const w = Math.max(1, (column_s / (view.end_s - view.start_s)) * width + 0.5);
  c.fillStyle = colours.accent;
  for (const [i, value] of curve.entries()) {
    const x = x_of(similarity.start_s + i * column_s, view, width);
    if (x + w < 0 || x > width) continue;
    const share = Math.min(1, Math.max(0, (value - low) / Math.max(1e-6, 1 - low)));
    c.globalAlpha = 0.15 + 0.85 * share;
    c.fillRect(x, height - Math.max(1, share * height), w, Math.max(1, share * height));
  }
  c.globalAlpha = 1;
}
