// A small client of the tus protocol (1.0.0): create, send the rest of the file, and after any failure ask how
// much has arrived and go on there.
//
//   create ──► send ──► done
//     ▲          │ connection lost, server restarted, wrong offset
//     │          ▼
//     │        wait (1, 2, 5, 10, 30 s …) ──► HEAD ──► send
//     └──────── HEAD says 404 or 410: it has expired

import { Problem, csrf_headers, random_id, upload_operations, url_of } from "./api";

export interface TusRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: Blob;
  on_sent?: (bytes: number) => void;
  signal: AbortSignal;
}

export interface TusResponse {
  status: number;
  header: (name: string) => string | null;
  body: string;
}

/** The connection broke before there was an answer. */
export class NoAnswer extends Error {}

/** Rejects with NoAnswer, or an AbortError when it is given up. Replaced in tests. */
export type Transport = (request: TusRequest) => Promise<TusResponse>;

/** XMLHttpRequest, for it tells how much has been sent. */
export const xhr_transport: Transport = (request) =>
  new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open(request.method, request.url);
    for (const [name, value] of Object.entries(request.headers)) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = (event) => request.on_sent?.(event.loaded);
    xhr.onload = () => resolve({ status: xhr.status, header: (name) => xhr.getResponseHeader(name), body: xhr.responseText });
    xhr.onerror = () => reject(new NoAnswer("no answer"));
    xhr.onabort = () => reject(new DOMException("aborted", "AbortError"));
    request.signal.addEventListener("abort", () => xhr.abort(), { once: true });
    xhr.send(request.body ?? null);
  });

export interface UploadJob {
  file: Blob;
  name: string;
  recipe: string;
  metadata?: Record<string, unknown>;
  params?: object | undefined; // Of the recipe.
  collection?: string | undefined; // By name; made if there is none.
  url?: string | undefined; // Of an upload that was begun before.
  transport?: Transport;
  signal: AbortSignal;
  on_created: (url: string) => void;
  on_progress: (offset: number) => void;
  on_waiting: (seconds: number, reason: string) => void;
  sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface UploadResult {
  run_id: string | null;
  asset_id: string | null;
}

const delays_s = [1, 2, 5, 10, 30];

export function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

export function upload_metadata(fields: Record<string, string | undefined>): string {
  return Object.entries(fields)
    .filter((entry): entry is [string, string] => entry[1] !== undefined)
    .map(([name, value]) => `${name} ${base64(value)}`)
    .join(",");
}

function sleep_ms(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("aborted", "AbortError"));
    }, { once: true });
  });
}

function problem_of(response: TusResponse): Problem {
  let body: Record<string, unknown> = {};
  try {
    body = JSON.parse(response.body) as Record<string, unknown>;
  } catch {
    // Not ours.
  }
  const text = (name: string) => (typeof body[name] === "string" ? (body[name] as string) : "");
  return new Problem(response.status, text("code") || `HTTP_${response.status}`,
    text("detail") || `The service answered ${response.status}.`, text("cause") || text("title"), text("action"),
    body["retryable"] === true, text("trace_id"));
}

/** Worth another try: the server is restarting or busy, or another request of this upload is still open. */
function is_passing(status: number): boolean {
  return status === 0 || status === 408 || status === 409 || status === 423 || status === 425 || status === 429 ||
    status === 500 || status === 502 || status === 503 || status === 504;
}

/** Sends the whole file, however long it takes. Rejects with a Problem that will not pass, or an AbortError. */
export async function upload(job: UploadJob): Promise<UploadResult> {
  const transport = job.transport ?? xhr_transport;
  const sleep = job.sleep ?? sleep_ms;
  const base = (): Record<string, string> => ({ "Tus-Resumable": "1.0.0", ...csrf_headers() });
  let url = job.url;
  let offset: number | null = null; // null: unknown.
  let failures = 0;

  const wait = async (reason: string): Promise<void> => {
    const seconds = delays_s[Math.min(failures, delays_s.length - 1)]!;
    failures += 1;
    job.on_waiting(seconds, reason);
    await sleep(seconds * 1000, job.signal);
  };
  const result_of = (response: TusResponse): UploadResult =>
    ({ run_id: response.header("Baleen-Run-Id"), asset_id: response.header("Baleen-Asset-Id") });

  for (;;) {
    job.signal.throwIfAborted();
    let response: TusResponse;
    try {
      if (url === undefined) {
        response = await transport({
          method: "POST",
          url: url_of(upload_operations.create),
          headers: {
            ...base(),
            "Upload-Length": String(job.file.size),
            "Upload-Metadata": upload_metadata({
              filename: job.name, recipe: job.recipe,
              metadata: job.metadata && Object.keys(job.metadata).length ? JSON.stringify(job.metadata) : undefined,
              params: job.params ? JSON.stringify(job.params) : undefined,
              collection: job.collection || undefined }),
            "Idempotency-Key": random_id(),
          },
          signal: job.signal,
        });
        if (response.status === 201) {
          const location = response.header("Location");
          if (!location) throw problem_of(response);
          url = location;
          offset = 0;
          job.on_created(url);
        }
      } else if (offset === null) {
        response = await transport({ method: "HEAD", url, headers: base(), signal: job.signal });
        if (response.status === 404 || response.status === 410) {
          url = undefined; // It has expired: from the beginning.
          continue;
        }
        if (response.status === 200 || response.status === 204) {
          offset = Number(response.header("Upload-Offset"));
          job.on_progress(offset);
          const result = result_of(response);
          if (result.run_id) return result;
        }
      } else {
        const from = offset;
        response = await transport({
          method: "PATCH",
          url,
          headers: { ...base(), "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(from) },
          body: job.file.slice(from),
          on_sent: (sent) => job.on_progress(Math.min(job.file.size, from + sent)),
          signal: job.signal,
        });
        if (response.status === 204 || response.status === 200) {
          failures = 0;
          offset = Number(response.header("Upload-Offset"));
          job.on_progress(offset);
          if (offset >= job.file.size) return result_of(response);
        } else {
          offset = null;
        }
      }
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      offset = null;
      await wait("the service does not answer");
      continue;
    }
    if (response.status >= 200 && response.status < 300) continue;
    if (!is_passing(response.status)) throw problem_of(response);
    await wait(problem_of(response).detail);
  }
}

/** Frees what has arrived of an upload that nobody wants any more. Never fails: the server forgets it in time. */
export async function remove_upload(url: string, transport: Transport = xhr_transport): Promise<void> {
  try {
    await transport({ method: "DELETE", url, headers: { "Tus-Resumable": "1.0.0", ...csrf_headers() },
      signal: new AbortController().signal });
  } catch {
    // See above.
  }
}
