import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "./api";
import { NoAnswer, upload, upload_metadata, type TusRequest, type TusResponse, type UploadJob } from "./tus";

/** A server of uploads that fails as it is told. */
class Server {
  files = new Map<string, Uint8Array[]>();
  lengths = new Map<string, number>();
  requests: string[] = [];
  faults: ((request: TusRequest) => "none" | "lost" | "half" | "lost_answer" | number)[] = [];
  n = 0;

  size(url: string): number {
    return (this.files.get(url) ?? []).reduce((sum, part) => sum + part.length, 0);
  }
  bytes(url: string): number[] {
    return (this.files.get(url) ?? []).flatMap((part) => [...part]);
  }
  transport = async (request: TusRequest): Promise<TusResponse> => {
    this.requests.push(request.method);
    const answer = (status: number, headers: Record<string, string> = {}, body = ""): TusResponse =>
      ({ status, body, header: (name) => headers[name] ?? null });
    const fault = this.faults.shift()?.(request) ?? "none";
    if (fault === "lost") throw new NoAnswer("connection lost");
    if (typeof fault === "number") return answer(fault, {}, JSON.stringify({ code: `CODE_${fault}`, detail: "as told" }));
    if (request.method === "POST") {
      const url = `/v1/ingest/upload/u${(this.n += 1)}`;
      this.files.set(url, []);
      this.lengths.set(url, Number(request.headers["Upload-Length"]));
      return answer(201, { Location: url });
    }
    const length = this.lengths.get(request.url);
    if (length === undefined) return answer(404);
    const done = (): Record<string, string> => (this.size(request.url) >= length ? { "Baleen-Run-Id": "run-1", "Baleen-Asset-Id": "asset-1" } : {});
    if (request.method === "HEAD") return answer(200, { "Upload-Offset": String(this.size(request.url)), ...done() });
    if (Number(request.headers["Upload-Offset"]) !== this.size(request.url)) return answer(409);
    const data = new Uint8Array(await request.body!.arrayBuffer());
    this.files.get(request.url)!.push(fault === "half" ? data.slice(0, data.length >> 1) : data);
    if (fault === "half" || fault === "lost_answer") throw new NoAnswer("connection lost");
    request.on_sent?.(data.length);
    return answer(204, { "Upload-Offset": String(this.size(request.url)), ...done() });
  };
}

const content = Array.from({ length: 1000 }, (_, i) => i % 251);

function job(server: Server, changes: Partial<UploadJob> = {}): UploadJob & { log: string[] } {
  const log: string[] = [];
  return {
    file: new Blob([new Uint8Array(content)]), name: "a.wav", recipe: "ssis", signal: new AbortController().signal, transport: server.transport,
    on_created: (url) => log.push(`created ${url}`), on_progress: () => {}, on_waiting: (s) => log.push(`wait ${s}`), sleep: async () => {}, log, ...changes,
  };
}

test("a file arrives whole, and its run is known", async () => {
  const server = new Server();
  assert.deepEqual(await upload(job(server)), { run_id: "run-1", asset_id: "asset-1" });
  assert.deepEqual(server.requests, ["POST", "PATCH"]);
  assert.deepEqual(server.bytes("/v1/ingest/upload/u1"), content);
});

test("after a break it goes on behind what has arrived", async () => {
  const server = new Server();
  server.faults = [() => "none", () => "half", () => "lost", () => 503];
  const mine = job(server);
  await upload(mine);
  assert.deepEqual(server.requests, ["POST", "PATCH", "HEAD", "HEAD", "HEAD", "PATCH"]);
  assert.deepEqual(server.bytes("/v1/ingest/upload/u1"), content);
  assert.deepEqual(mine.log, ["created /v1/ingest/upload/u1", "wait 1", "wait 2", "wait 5"]);
});

test("when only the answer was lost, nothing is sent twice", async () => {
  const server = new Server();
  server.faults = [() => "none", () => "lost_answer"];
  assert.equal((await upload(job(server))).run_id, "run-1");
  assert.deepEqual(server.requests, ["POST", "PATCH", "HEAD"]);
  assert.deepEqual(server.bytes("/v1/ingest/upload/u1"), content);
});

test("any sequence of faults ends with the same bytes", async () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const server = new Server();
    let state = seed;
    const kinds = ["none", "lost", "half", "lost_answer", 503, 409, 423] as const;
    server.faults = Array.from({ length: 12 }, () => (request: TusRequest) => {
      state = (state * 48271) % 2147483647;
      const kind = kinds[state % kinds.length]!;
      return request.method !== "PATCH" && (kind === "half" || kind === "lost_answer") ? "none" : kind;
    });
    const { run_id } = await upload(job(server));
    assert.equal(run_id, "run-1", `seed ${seed}`);
    const urls = [...server.files.keys()];
    assert.ok(urls.some((url) => server.size(url) === content.length && server.bytes(url).every((b, i) => b === content[i])), `seed ${seed}`);
  }
});

test("an upload that has expired begins again", async () => {
  const server = new Server();
  await upload(job(server, { url: "/v1/ingest/upload/forgotten" }));
  assert.deepEqual(server.requests, ["HEAD", "POST", "PATCH"]);
});

test("an upload of before goes on without being created again", async () => {
  const server = new Server();
  server.files.set("/v1/ingest/upload/old", [new Uint8Array(content.slice(0, 400))]);
  server.lengths.set("/v1/ingest/upload/old", content.length);
  await upload(job(server, { url: "/v1/ingest/upload/old" }));
  assert.deepEqual(server.requests, ["HEAD", "PATCH"]);
  assert.deepEqual(server.bytes("/v1/ingest/upload/old"), content);
});

test("what will not pass is told at once, with its code", async () => {
  for (const status of [400, 403, 413, 415]) {
    const server = new Server();
    server.faults = [() => status];
    await assert.rejects(upload(job(server)), (error: unknown) => error instanceof Problem && error.code === `CODE_${status}`);
    assert.equal(server.requests.length, 1);
  }
});

test("giving up stops it", async () => {
  const server = new Server();
  const abort = new AbortController();
  server.faults = [() => "none", () => { abort.abort(); return "lost"; }];
  await assert.rejects(upload(job(server, { signal: abort.signal })), { name: "AbortError" });
});

test("metadata is base64 of UTF-8", () => {
  assert.equal(upload_metadata({ filename: "Wal ü.wav", recipe: undefined }), "filename " + Buffer.from("Wal ü.wav").toString("base64"));
});
