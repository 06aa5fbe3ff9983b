// Numbers, times and names for people. Pure functions; units are always given.

const number_format = new Intl.NumberFormat("en");

export function count(value: number): string {
  return number_format.format(value);
}

/** "1 run", "2 runs", "3,000 tries". */
export function plural(n: number, one: string, many = one + "s"): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** "928 kB", "1.4 GB": decimal, as file managers and disks have it. */
export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (value < 1000) return `${value} B`;
  const units = ["kB", "MB", "GB", "TB", "PB"];
  let scaled = value / 1000;
  let unit = 0;
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  return `${scaled < 9.95 ? scaled.toFixed(1) : Math.round(scaled)} ${units[unit]}`;
}

/** A size without any loss: "64 GiB", "500 MB", or the plain number. */
export function exact_bytes(value: number): string {
  const units: [string, number][] = [["TiB", 2 ** 40], ["TB", 1e12], ["GiB", 2 ** 30], ["GB", 1e9], ["MiB", 2 ** 20], ["MB", 1e6], ["KiB", 1024], ["kB", 1000]];
  const fits = units.find(([, size]) => value >= size && value % size === 0);
  return fits ? `${value / fits[1]} ${fits[0]}` : String(value);
}

/** "64 GiB", "1.5 GB" or "1024" in bytes, or null. */
export function parse_bytes(text: string): number | null {
  const found = /^\s*(\d+(?:\.\d+)?)\s*(?:([kKMGTP])(i?)B?|B)?\s*$/.exec(text);
  if (!found) return null;
  const power = found[2] ? "KMGTP".indexOf(found[2].toUpperCase()) + 1 : 0;
  return Math.round(Number(found[1]) * (found[3] ? 1024 : 1000) ** power);
}

/** A length of time in its two largest units: "0.3 s", "21 s", "4 min 10 s", "2 h 5 min", "3 d 4 h". */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  if (seconds < 0.0005) return "0 s";
  if (seconds < 0.9995) return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const two = (large: number, l: string, small: number, s: string) => (small ? `${large} ${l} ${small} ${s}` : `${large} ${l}`);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return two(Math.floor(whole / 60), "min", whole % 60, "s");
  if (whole < 86400) return two(Math.floor(whole / 3600), "h", Math.floor((whole % 3600) / 60), "min");
  return two(Math.floor(whole / 86400), "d", Math.floor((whole % 86400) / 3600), "h");
}

/** About how long, in one unit: "6 min", "2 h". */
export function roughly(seconds: number): string {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** A position in a recording: "0:21.05", "1:04:10.2". `step_s` says how fine it has to be. */
export function position(seconds: number, step_s = 0.01): string {
  const digits = step_s >= 1 ? 0 : step_s >= 0.1 ? 1 : step_s >= 0.01 ? 2 : 3;
  const scale = 10 ** digits;
  const units = Math.max(0, Math.round(seconds * scale));
  const whole = Math.floor(units / scale);
  const rest = digits ? "." + String(units % scale).padStart(digits, "0") : "";
  const h = Math.floor(whole / 3600);
  const m = Math.floor((whole % 3600) / 60);
  const s = whole % 60;
  const two = (n: number) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}${rest}` : `${m}:${two(s)}${rest}`;
}

/** "21.05", "4:10" or "1:04:10.2" in seconds, or null. */
export function parse_position(text: string): number | null {
  const found = /^\s*(?:(?:(\d+):)?(\d+):)?(\d+(?:[.,]\d*)?)\s*(?:s)?\s*$/.exec(text);
  if (!found) return null;
  return Number(found[1] ?? 0) * 3600 + Number(found[2] ?? 0) * 60 + Number(found[3]!.replace(",", "."));
}

export function hertz(value: number): string {
  if (value < 1000) return `${Math.round(value)} Hz`;
  const k = value / 1000;
  return `${Number(k.toFixed(k < 100 ? 2 : 1))} kHz`;
}

/** "Faster than real time" in words: audio seconds per second of clock. */
export function audio_rate(x: number | null | undefined): string {
  if (x === null || x === undefined || !Number.isFinite(x)) return "–";
  return `${x < 10 ? x.toFixed(1) : count(Math.round(x))} × real time`;
}

export function percent(fraction: number | null | undefined, digits = 0): string {
  if (fraction === null || fraction === undefined || !Number.isFinite(fraction)) return "–";
  const value = fraction * 100;
  // Never says 100 % of what is not complete.
  const shown = fraction < 1 && Number(value.toFixed(digits)) >= 100 ? 100 - 10 ** -digits : value;
  return `${shown.toFixed(digits)} %`;
}

const time_format = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day_format = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const year_format = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });

/** Local time: today "14:03:21", else "12 Nov, 14:03:21", other years with the year. */
export function local_time(rfc3339: string | null | undefined, now = new Date()): string {
  if (!rfc3339) return "–";
  const date = new Date(rfc3339);
  if (Number.isNaN(date.getTime())) return rfc3339;
  const time = time_format.format(date);
  if (date.toDateString() === now.toDateString()) return time;
  return `${(date.getFullYear() === now.getFullYear() ? day_format : year_format).format(date)}, ${time}`;
}

/** "just now", "3 min ago", "in 2 h". */
export function ago(rfc3339: string | null | undefined, now_ms = Date.now()): string {
  if (!rfc3339) return "never";
  const seconds = (now_ms - new Date(rfc3339).getTime()) / 1000;
  const size = Math.abs(seconds);
  if (size < 5) return "just now";
  const words = size < 60 ? `${Math.round(size)} s` : size < 3600 ? `${Math.round(size / 60)} min`
    : size < 86400 ? `${Math.round(size / 3600)} h` : `${Math.round(size / 86400)} d`;
  return seconds > 0 ? `${words} ago` : `in ${words}`;
}

export function seconds_between(from: string | null, to: string | null): number | null {
  if (!from || !to) return null;
  return (new Date(to).getTime() - new Date(from).getTime()) / 1000;
}

/** The beginning of an id or digest, enough to tell it from others. */
export function short_id(id: string | null | undefined, n = 8): string {
  return id ? id.slice(0, n) : "–";
}

/** "never_ran: no artifact of this stage exists yet" into its two halves. */
export function split_reason(reason: string): { word: string; text: string } {
  const colon = reason.indexOf(": ");
  return colon < 0 ? { word: "", text: reason } : { word: reason.slice(0, colon), text: reason.slice(colon + 2) };
}

/** First letter small, for words that go on a sentence. */
export function in_sentence(text: string): string {
  return text ? text[0]!.toLowerCase() + text.slice(1) : text;
}

/** First letter large and a full stop: for sentences that the program made as fragments. Names stay as they are. */
export function sentence(text: string): string {
  if (!text) return text;
  const is_name = /^\S*[._/\\\d]\S/.test(text);
  const large = is_name ? text : text[0]!.toUpperCase() + text.slice(1);
  return /[.!?…:)]$/.test(large) ? large : large + ".";
}
