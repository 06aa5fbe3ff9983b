// The uploads of this page: a queue of files, two at a time. What is under way is remembered across a reload;
// then the files themselves have to be chosen again, for a page may not keep them.

import { api, random_id, to_problem, type Problem } from "./api";
import type { EncodingParams } from "./encoding";
import { remove_upload, upload } from "./tus";

/** What is done with an upload once it has arrived. */
export interface Destination {
  recipe: string;
  collection?: string | undefined; // A name.
  params?: EncodingParams | undefined;
}

export type UploadItem = Destination & {
  key: string;
  name: string; // With its folder, where one was dropped.
  bytes: number;
  modified_ms: number;
  url: string | undefined;
  offset: number;
  rate: number; // Bytes per second, smoothed; 0: unknown.
  state: "waiting" | "sending" | "pausing" | "paused" | "lost" | "complete" | "failed";
  note: string;
  problem: Problem | null;
  run_id: string | null;
  asset_id: string | null;
  finished_ms: number | null;
};

const kept_key = "baleen.uploads.v1";
const parallel = 2;
const shown_complete_max = 200;

let items = $state<UploadItem[]>([]);
const files = new Map<string, File>();
const aborts = new Map<string, AbortController>();

export const uploads = {
  get items() {
    return items;
  },
  get active(): UploadItem[] {
    return items.filter((i) => i.state !== "complete");
  },
};

function keep(): void {
  const open = items.filter((i) => i.state !== "complete" && i.state !== "failed")
    .map(({ key, name, bytes, modified_ms, recipe, collection, params, url, offset }) => ({ key, name, bytes, modified_ms, recipe, collection, params, url, offset }));
  try {
    if (open.length) localStorage.setItem(kept_key, JSON.stringify(open.slice(0, 2000)));
    else localStorage.removeItem(kept_key);
  } catch {
    // No room: then a reload forgets them.
  }
}

/** Nothing of one person's uploads is left for the next. */
export function drop_uploads(): void {
  for (const abort of aborts.values()) abort.abort();
  files.clear();
  items = [];
  keep();
}

/** What the page knew before it was loaded again. */
export function restore_uploads(): void {
  try {
    const kept = JSON.parse(localStorage.getItem(kept_key) ?? "[]") as Partial<UploadItem>[];
    for (const item of kept) {
      if (!item.key || !item.name || typeof item.bytes !== "number" || items.some((i) => i.key === item.key)) continue;
      items.push({
        key: item.key, name: item.name, bytes: item.bytes, modified_ms: item.modified_ms ?? 0, recipe: item.recipe ?? "ssis",
        collection: item.collection, params: item.params, url: item.url, offset: item.offset ?? 0, rate: 0, state: "lost", note: "", problem: null, run_id: null, asset_id: null,
        finished_ms: null,
      });
    }
  } catch {
    localStorage.removeItem(kept_key);
  }
}

function base_name(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

function is_same(item: UploadItem, name: string, file: File): boolean {
  return item.bytes === file.size && item.modified_ms === file.lastModified && item.name === name;
}

export function add_files(list: { file: File; name: string }[], to: Destination): void {
  const unfinished = items.filter((i) => i.state === "lost" || i.state === "failed");
  for (const { file, name } of list) {
    const known = unfinished.find((i) => is_same(i, name, file));
    if (known) {
      files.set(known.key, file);
      known.state = "waiting";
      known.problem = null;
      continue;
    }
    const key = random_id();
    files.set(key, file);
    items.push({ ...to, key, name, bytes: file.size, modified_ms: file.lastModified, url: undefined, offset: 0, rate: 0,
      state: "waiting", note: "", problem: null, run_id: null, asset_id: null, finished_ms: null });
  }
  keep();
  pump();
}

function pump(): void {
  let n_sending = items.filter((i) => i.state === "sending" || i.state === "pausing").length;
  for (const item of items) {
    if (n_sending >= parallel) return;
    if (item.state !== "waiting") continue;
    n_sending += 1;
    void send(item);
  }
}

async function send(item: UploadItem): Promise<void> {
  const file = files.get(item.key);
  if (!file) {
    item.state = "lost";
    return;
  }
  const abort = new AbortController();
  aborts.set(item.key, abort);
  item.state = "sending";
  item.note = "";
  item.problem = null;
  let last_ms = performance.now();
  let last_offset = item.offset;
  try {
    const result = await upload({
      file, name: base_name(item.name), recipe: item.recipe, params: item.params && $state.snapshot(item.params), collection: item.collection,
      url: item.url, signal: abort.signal,
      metadata: item.name.includes("/") ? { dropped_as: item.name } : {},
      on_created: (url) => {
        item.url = url;
        keep();
      },
      on_progress: (offset) => {
        const now = performance.now();
        item.note = "";
        if (offset < last_offset) last_offset = offset;
        if (now - last_ms > 400) {
          const rate = ((offset - last_offset) * 1000) / (now - last_ms);
          item.rate = item.rate ? 0.7 * item.rate + 0.3 * rate : rate;
          last_ms = now;
          last_offset = offset;
        }
        item.offset = offset;
      },
      on_waiting: (seconds, reason) => {
        item.rate = 0;
        item.note = `Trying again in ${seconds} s: ${reason}`;
      },
    });
    item.offset = item.bytes;
    item.run_id = result.run_id;
    item.asset_id = result.asset_id;
    if (!item.run_id && item.url) await look_up(item);
    item.state = "complete";
    item.finished_ms = Date.now();
    files.delete(item.key);
    const complete = items.filter((i) => i.state === "complete");
    if (complete.length > shown_complete_max) items.splice(items.indexOf(complete[0]!), 1);
  } catch (error) {
    if (abort.signal.aborted) {
      item.state = "paused";
    } else {
      item.problem = to_problem(error);
      item.state = "failed";
    }
  }
  item.rate = 0;
  aborts.delete(item.key);
  keep();
  pump();
}

async function look_up(item: UploadItem): Promise<void> {
  try {
    const state = await api.upload(item.url!.split("/").pop()!);
    item.run_id = state.run_id;
    item.asset_id = state.asset_id;
  } catch {
    // The list of runs has it.
  }
}

export function pause_upload(item: UploadItem): void {
  if (item.state === "waiting") item.state = "paused";
  else if (item.state === "sending") {
    item.state = "pausing";
    aborts.get(item.key)?.abort();
  }
  keep();
}

export function resume_upload(item: UploadItem): void {
  item.state = files.has(item.key) ? "waiting" : "lost";
  item.problem = null;
  keep();
  pump();
}

export function forget_upload(item: UploadItem): void {
  aborts.get(item.key)?.abort();
  if (item.url && item.state !== "complete") void remove_upload(item.url);
  files.delete(item.key);
  const index = items.findIndex((i) => i.key === item.key);
  if (index >= 0) items.splice(index, 1);
  keep();
  pump();
}

export function forget_complete(): void {
  items = items.filter((i) => i.state !== "complete");
}

// ---- what was dropped or chosen -------------------------------------------------------------------

const audio_names = /\.(wav|wave|w64|rf64|bwf|flac|mp3|mp2|mp1|m4a|m4b|aac|mp4|ogg|oga|opus|spx|aif|aiff|aifc|caf|au|snd|wma|asf|ape|wv|tta|mka|mkv|webm|dsf|dff|amr|ac3|eac3|dts|mpc|voc|sph|3gp|mov|avi|ts)$/i;

export interface Picked {
  files: { file: File; name: string }[];
  left_out: string[];
}

/** Files chosen one by one are all taken; of a folder, what looks like a recording by its name. */
export function pick(list: Iterable<{ file: File; name: string; is_of_folder: boolean }>): Picked {
  const picked: Picked = { files: [], left_out: [] };
  for (const { file, name, is_of_folder } of list) {
    const last = base_name(name);
    if (is_of_folder && (last.startsWith(".") || !audio_names.test(last))) picked.left_out.push(name);
    else picked.files.push({ file, name });
  }
  return picked;
}

async function walk(entry: FileSystemEntry, prefix: string, out: { file: File; name: string; is_of_folder: boolean }[], depth: number): Promise<void> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    out.push({ file, name: prefix + entry.name, is_of_folder: depth > 0 });
    return;
  }
  if (!entry.isDirectory || depth > 32) return;
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    const batch = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (!batch.length) return;
    for (const child of batch) await walk(child, `${prefix}${entry.name}/`, out, depth + 1);
  }
}

/** Everything in a drop, folders and their folders too. */
export async function files_of_drop(data: DataTransfer): Promise<Picked> {
  const entries = Array.from(data.items).map((item) => item.webkitGetAsEntry?.() ?? null);
  const plain = Array.from(data.files);
  const found: { file: File; name: string; is_of_folder: boolean }[] = [];
  if (entries.some((e) => e !== null)) {
    for (const entry of entries) if (entry) await walk(entry, "", found, 0);
  } else {
    for (const file of plain) found.push({ file, name: file.name, is_of_folder: false });
  }
  return pick(found);
}

export function files_of_input(input: HTMLInputElement): Picked {
  const list = Array.from(input.files ?? [], (file) => ({
    file, name: file.webkitRelativePath || file.name, is_of_folder: file.webkitRelativePath !== "" }));
  return pick(list);
}
