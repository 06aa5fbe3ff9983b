"""Nonsense, half-sense and broken HTTP at every documented endpoint: never a server error, always a documented answer.

Everything follows from a seed (BALEEN_E2E_SEED), which a failure prints. `make fuzz-api` does the same from the
schemas, for longer.
"""
import base64
import contextlib
import http.client
import json
import os
import random
import re
import socket
import sqlite3
import time
import unittest
import urllib.parse

import harness
from service import Service

SEED = os.environ.get("BALEEN_E2E_SEED", "20261120")
SECONDS = float(os.environ.get("BALEEN_FUZZ_SECONDS", "12"))
NASTY = ["", "0", "-1", "1", "50", "501", "1e9", "9223372036854775807", "9223372036854775808", "NaN", "true", "null", "{}",
         "[]", "'", '"', "' OR 1=1 --", "%", "%00", "..", "../../etc/passwd", "/etc/passwd", "ssis", "none", "queued",
         "failed", "newest", "oldest", "FILE_CORRUPT", "local", "anna", "decode", "\u00e4\u00f6\u00fc", "\U0001f40b" * 40,
         "a" * 3000, "\x7f", "*", "?", "task.*", "retry", "rerun", "cancel", "admin", "read", "0.5", "1000000000000"]
MEMBERS = ["source_path", "owner_entity_id", "metadata", "recipe", "priority", "asset_id", "only_stages", "forced_stages",
           "stage", "name", "scope", "lifetime_s", "token", "action", "filter", "limit", "cursor", "run_ids", "state",
           "error_code", "schema_id", "version", "timestamp", "preview", "metrics", "user_actions", "uploads.open_max",
           "retention.events_days", "kind", "label", "clusters", "rows", "to", "into", "x"]
HEADERS = ["Accept", "Range", "If-None-Match", "If-Range", "Idempotency-Key", "Upload-Length", "Upload-Offset",
           "Upload-Metadata", "Upload-Checksum", "Upload-Defer-Length", "Upload-Concat", "Tus-Resumable", "Last-Event-ID",
           "traceparent", "Cookie", "X-Baleen-CSRF", "Content-Encoding", "Expect", "Content-Type", "X-Forwarded-For"]
HEADER_VALUES = ["", "1.0.0", "bytes=0-0", "bytes=-1", "bytes=5-1", "bytes=a-b", "bytes=0-1,3-4", '"x"', "*", "sha256 AAAA",
                 "filename AAAA", "filename %%,", "recipe c3Npcw==,filename YS53YXY=", "application/json", "key",
                 "application/offset+octet-stream", "text/plain", "application/json; charset=utf-16", "\x80\xff", "a" * 2000]


def operations(text):
    """(method, path, operation id, documented statuses, names of query parameters) of the OpenAPI document."""
    paths, _, components = text.partition("\ncomponents:")
    queries = dict(re.findall(r"^    (\w+): \{name: ([\w.]+), in: query", components, re.M))
    found = []
    path = method = None
    for line in paths.splitlines():
        if match := re.fullmatch(r"  (/\S*):", line):
            path = match[1]
        elif match := re.fullmatch(r"    (get|put|post|patch|delete|head|options):", line):
            found.append({"method": match[1].upper(), "path": path, "statuses": set(), "query": [], "media": set()})
        elif match := re.fullmatch(r"        '(\d+)':", line):
            found[-1]["statuses"].add(int(match[1]))
        elif match := re.search(r"#/components/parameters/(\w+)'", line):
            if match[1] in queries:
                found[-1]["query"].append(queries[match[1]])
        elif match := re.fullmatch(r"            '?([\w*.+-]+/[\w*.+-]+)'?:", line):
            found[-1]["media"].add(match[1])
    return found


class FuzzTest(harness.Case):
    def setUp(self):
        self.random = random.Random(SEED)
        self.place_of_test = self.place()
        inbox = self.place_of_test.path / "inbox"
        inbox.mkdir()
        self.service = Service(self.place_of_test, "up", "--ingest-root", str(inbox))
        file = harness.make_wav(inbox / "tone.wav", 2)
        run = self.service.json("POST", "/v1/ingest/local", {"source_path": str(file)})[1]
        run = self.service.wait_for_run(run["run_id"], "complete")
        self.service.json("PATCH", "/v1/settings", {"uploads.bytes_max": 100_000, "uploads.open_max": 100_000})
        upload = self.service.send("POST", "/v1/ingest/upload", Upload_Length="1000")[1]["Location"].rpartition("/")[2]
        collection_id, clustering_id = self.make_clustering(file)
        self.ids = {"collection_id": collection_id, "clustering_id": clustering_id, "row": "0", "asset_id": run["asset_id"], "run_id": run["run_id"], "upload_id": upload,
                    "artifact_id": str(run["artifacts"][0]["artifact_id"]), "task_id": str(run["tasks"][0]["task_id"])}
        collection = self.service.json("POST", "/v1/collections", {"name": "reef"})[1]["collection_id"]
        with contextlib.closing(sqlite3.connect(self.place_of_test.data / "baleen.db", timeout=60)) as database, database:
            database.execute("INSERT INTO linear_probes VALUES (1, ?, 'none', 'moan', '{}', 'anna', 1)", (collection,))
        self.ids.update(collection_id=collection, probe_id="1")
        self.nasty = [*NASTY, str(file), str(inbox), *self.ids.values()]

    def make_clustering(self, file):
        params = {"model": "builtin", "window_s": 0.1}
        run = self.service.json("POST", "/v1/ingest/local", {"source_path": str(file), "recipe": "bioacoustics", "params": params,
                                                             "collection": "reef"})[1]
        self.service.wait_for_run(run["run_id"], "complete")
        collection, = self.service.json("GET", "/v1/collections")[1]["items"]
        base = f"/v1/collections/{collection['collection_id']}"
        run = self.service.json("POST", base + "/runs", {"params": params | {"clustering": {"min_cluster_size": 3}}})[1]
        self.service.wait_for_run(run["run_id"], "complete")
        clustering, = self.service.json("GET", base + "/clusterings")[1]["items"]
        return collection["collection_id"], clustering["clustering_id"]

    def value(self, depth=0):
        """Some JSON."""
        kind = self.random.randrange(9 if depth < 3 else 6)
        if kind < 2:
            return self.random.choice(self.nasty)
        if kind < 6:
            return [0, -1, 1 << 70, 0.5, True, None, 1e308, 1000][self.random.randrange(8)]
        if kind == 6:
            return [self.value(depth + 1) for _ in range(self.random.randrange(4))]
        return {self.random.choice(MEMBERS): self.value(depth + 1) for _ in range(self.random.randrange(5))}

    def body(self, operation):
        kind = self.random.randrange(8)
        if operation["method"] in ("GET", "HEAD", "OPTIONS") and kind:
            return None
        if kind == 0:
            return self.random.randbytes(self.random.randrange(200))
        if kind == 1:
            return None
        text = json.dumps(self.value() if kind == 2 else
                          {self.random.choice(MEMBERS): self.value(1) for _ in range(self.random.randrange(6))}).encode()
        return text if kind < 7 else text[:self.random.randrange(len(text) + 1)]

    def request(self, operation):
        def fill(match):
            name = match[1]
            value = self.ids.get(name) if self.random.random() < 0.6 else self.random.choice(self.nasty)
            return urllib.parse.quote(value or "x", safe="")
        target = re.sub(r"\{(\w+)\}", fill, operation["path"])
        query = [(self.random.choice(operation["query"] + ["x"]), self.random.choice(self.nasty))
                 for _ in range(self.random.choice((0, 0, 1, 1, 2, 4)))]
        if query:
            target += "?" + "&".join(f"{name}={urllib.parse.quote(value, safe='')}" for name, value in query)
        headers = {self.random.choice(HEADERS): self.random.choice(HEADER_VALUES) for _ in range(self.random.choice((0, 1, 2)))}
        if headers.get("Expect"):
            del headers["Expect"]
        body = self.body(operation)
        if body is not None and self.random.random() < 0.8:
            is_piece = operation["path"].startswith("/v1/ingest/upload")
            headers["Content-Type"] = "application/offset+octet-stream" if is_piece else "application/json"
        if self.random.random() < 0.9:
            headers["Authorization"] = "Bearer " + self.service.token
        if operation["path"] == "/v1/ingest/upload" and operation["method"] == "POST" and self.random.random() < 0.5:
            headers["Upload-Length"] = str(self.random.choice((1, 10, 1000)))
        if operation["method"] == "PATCH" and self.random.random() < 0.7:
            headers["Upload-Offset"] = "0"
        return target, headers, body

    def assert_documented(self, operation, status, headers, data):
        self.assertLess(status, 500)
        if status == 304:
            return
        media = headers.get("Content-Type", "").partition(";")[0]
        if status >= 400:
            if operation["method"] == "HEAD":
                return
            self.assertEqual(media, "application/problem+json")
            problem = json.loads(data)
            self.assertEqual(problem["status"], status)
            self.assertIn(problem["code"], harness.catalogue())
            for member in ("title", "detail", "cause", "action", "trace_id"):
                self.assertTrue(problem[member], member)
            return
        self.assertIn(status, operation["statuses"])
        if data and "*/*" not in operation["media"]:
            self.assertIn(media, operation["media"])
        if media == "application/json":
            json.loads(data)

    def test_every_operation_answers_nonsense_as_documented(self):
        found = operations(self.service.ask("GET", "/v1/openapi.yaml")[2].decode())
        self.assertGreater(len(found), 30)
        deadline = time.monotonic() + SECONDS
        n_requests, seen = 0, set()
        connection = self.service.connection()
        while time.monotonic() < deadline:
            operation = self.random.choice(found)
            target, headers, body = self.request(operation)
            if headers.get("Accept") == "text/event-stream":
                continue
            message = f"seed {SEED}, request {n_requests}: {operation['method']} {target} {headers} {body!r:.300}"
            with self.subTest(message):
                try:
                    connection.request(operation["method"], target, body,
                                       {name: value.encode("latin-1") for name, value in headers.items()})
                    response = connection.getresponse()
                    data = response.read()
                except (OSError, http.client.HTTPException) as error:
                    connection.close()
                    self.assertEqual(self.service.ask("GET", "/health/live")[0], 200, "the server is gone")
                    self.fail(f"no answer: {error!r}")
                self.assert_documented(operation, response.status, response.headers, data)
                seen.add((operation["method"], operation["path"], response.status // 100))
            n_requests += 1
        connection.close()
        self.assertGreater(n_requests, 300)
        # Most operations were reached so far that they did what they are for.
        n_done = len({(method, path) for method, path, kind in seen if kind == 2})
        self.assertGreater(n_done, 0.7 * len(found), sorted(seen))
        print(f"{n_requests} requests, {n_done} of {len(found)} operations did their work", end=" ")
        self.assertEqual(self.service.stop().status, 0)

    def test_broken_http_gets_an_answer_or_the_end_of_the_connection(self):
        whole = (f"POST /v1/ingest/upload?x=%20y HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.service.token}\r\n"
                 f"Upload-Length: 5\r\nTus-Resumable: 1.0.0\r\nUpload-Metadata: filename {base64.b64encode(b'a').decode()}\r\n"
                 "Content-Type: application/offset+octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "5\r\nhello\r\n0\r\n\r\n").encode()
        deadline = time.monotonic() + SECONDS / 3
        n_sent = 0
        while time.monotonic() < deadline:
            data = bytearray(whole)
            for _ in range(self.random.choice((1, 2, 5, 20))):
                at = self.random.randrange(len(data) - 1)
                change = self.random.randrange(4)
                if change == 0:
                    data[at] = self.random.randrange(256)
                elif change == 1:
                    del data[at:at + self.random.randrange(1, 30)]
                elif change == 2:
                    data[at:at] = self.random.choice((b"\r\n", b"\0", b": ", b"\n", b" ", b"%", b"\xff", b"Host: x\r\n"))
                else:
                    data[at:at] = data[at:at + self.random.randrange(1, 60)]
            with contextlib.closing(socket.create_connection(("127.0.0.1", self.service.port), timeout=20)) as connection:
                with contextlib.suppress(ConnectionError):
                    connection.sendall(data)
                    connection.shutdown(socket.SHUT_WR)
                    answer = b""
                    while chunk := connection.recv(65536):
                        answer += chunk
                    for status in re.findall(rb"HTTP/1\.1 (\d+)", answer):
                        self.assertLess(int(status), 500, (SEED, n_sent, bytes(data), answer))
            n_sent += 1
        self.assertEqual(self.service.ask("GET", "/health/live")[0], 200)
        self.assertGreater(n_sent, 50)
        self.assertEqual(self.service.stop().status, 0)


if __name__ == "__main__":
    harness.main()
