#!/usr/bin/env python3
"""Query by example among a million windows: bringing the index up to date, queries from the command line and over the API
(wall and CPU, median of 20), and whether they find what comparing every window finds.

The data: like embeddings, as `mixture` of cluster.py: 60 clusters of unequal size around random centres, each a curved
surface of 8 dimensions lifted by random maps of its own, with noise of 0.05 in every dimension; written by our own Parquet
writer as embedding sets of recordings of --recording (5,000) windows, with the rows that runs would have left in the database.

Peers: hnswlib (M 16, ef_construction 100, ef 100; on --hnsw-points of the vectors, for it takes long), and every vector
compared in numpy (one matrix product of normalised float32 in memory), which is how perch-hoplite's brute force looks
for neighbours: a stand-in for it, not the program itself. Both need BALEEN_BENCH_PYTHON.
"""
import http.client
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import common

DIMENSIONS = 1024  # As the built-in embedding has, whose rows these pretend to be.
windows_of_a_recording = 5000
TOP = 20

GENERATE = """
import sys
import numpy as np
path, n, d = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = np.random.default_rng(1)
k, dims = 60, 8
centers = rng.standard_normal((k, d), np.float32)
maps = (0.6 / dims**0.5) * rng.standard_normal((k, 2 * dims, d), np.float32)
share = 1 / (1 + 0.2 * np.arange(k))
with open(path, "wb") as file:
    for first in range(0, n, 20000):
        m = min(20000, n - first)
        cluster = rng.choice(k, m, p=share / share.sum())
        z = rng.standard_normal((m, dims), np.float32)
        z = np.concatenate([z, 0.5 * np.sin(2 * z)], axis=1)
        points = 0.05 * rng.standard_normal((m, d), np.float32) + centers[cluster]
        for c in range(k):
            own = cluster == c
            points[own] += z[own] @ maps[c]
        points.tofile(file)
"""
NUMPY = """
import json, resource, sys, time
import numpy as np
path, n, d, queries = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4])
x = np.fromfile(path, np.float32, n * d).reshape(n, d)
x /= np.linalg.norm(x, axis=1, keepdims=True)
cpu = lambda: sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
walls, cpus, found = [], [], []
for q in queries:
    wall, before = time.perf_counter(), cpu()
    s = x @ x[q]
    s[q] = -2
    best = np.argpartition(-s, 20)[:20]
    walls.append(time.perf_counter() - wall)
    cpus.append(cpu() - before)
    found.append(sorted(best.tolist()))
print(json.dumps([walls, cpus, found]))
"""
HNSWLIB = """
import json, resource, sys, time
import hnswlib, numpy as np
path, n, d, queries = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4])
x = np.memmap(path, np.float32, "r", shape=(n, d))
cpu = lambda: sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
before = cpu()
index = hnswlib.Index(space="cosine", dim=d)
index.init_index(max_elements=n, ef_construction=100, M=16, random_seed=1)
for first in range(0, n, 10000):
    index.add_items(x[first:first + 10000], np.arange(first, min(first + 10000, n)))
index.set_ef(100)
build = cpu() - before
index.set_num_threads(1)
norms = np.concatenate([np.linalg.norm(x[i:i + 10000], axis=1) for i in range(0, n, 10000)])
walls, share = [], []
for q in queries:
    wall = time.perf_counter()
    found = [i for i in index.knn_query(x[q], k=21)[0][0].tolist() if i != q][:20]
    walls.append(time.perf_counter() - wall)
    s = np.concatenate([x[i:i + 10000] @ x[q] for i in range(0, n, 10000)]) / norms
    s[q] = -np.inf
    share.append(len(set(found) & set(np.argpartition(-s, 20)[:20].tolist())) / 20)
print(json.dumps([build, walls, sum(share) / len(share)]))
"""


def make_data(folder, n, python):
    """A data directory with a collection `bench` of n windows, and the file of its vectors."""
    vectors, data = folder / f"vectors_{n}.f32", folder / f"data_{n}_{windows_of_a_recording}"
    if (data / "made").exists():
        return data, vectors
    shutil.rmtree(data, ignore_errors=True)
    program = common.build_benchmark("embedding_sets")
    if not vectors.exists():
        common.run([python, "-c", GENERATE, vectors, n, DIMENSIONS])
    sample = folder / "sample.wav"
    common.run([sys.executable, common.ROOT / "scripts/make_sample.py", sample])
    common.run([common.BALEEN, "run", "bioacoustics", "--data", data, "--model", "builtin", "--collection", "bench", sample])
    sets = common.run([program, vectors, DIMENSIONS, windows_of_a_recording, 5, data / "embeddings/bench"]).output
    with sqlite3.connect(data / "baleen.db") as database:
        database.row_factory = sqlite3.Row
        asset = dict(database.execute("SELECT * FROM audio_assets").fetchone())
        row = dict(database.execute("SELECT * FROM artifact_index WHERE artifact_type = 'embedding_set'").fetchone())
        collection, = database.execute("SELECT collection_id FROM collections").fetchone()
        database.execute("DELETE FROM collection_members")
        del row["artifact_id"]
        for i, line in enumerate(sets.splitlines()):
            path, sha256, size = line.split()
            asset |= {"asset_id": f"bench-{i:06}", "content_hash": f"{i:064x}", "original_filename": f"{i:06}.wav"}
            row |= {"asset_id": asset["asset_id"], "path": os.path.relpath(path, data), "sha256": sha256,
                    "content_sha256": sha256, "bytes": int(size), "signature": f"{i:064x}"}
            insert(database, "audio_assets", asset)
            insert(database, "artifact_index", row)
            insert(database, "collection_members",
                   {"collection_id": collection, "asset_id": asset["asset_id"], "added_at_us": 0})
    (data / "made").touch()
    return data, vectors


def insert(database, table, row):
    marks = ", ".join("?" * len(row))
    database.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))


def place_of(window):
    recording, row = divmod(window, windows_of_a_recording)
    return f"bench-{recording:06}", row * 5 + 2


def windows_of(answer):
    return sorted(int(hit["asset_id"][6:]) * windows_of_a_recording + hit["row_index"] for hit in answer["hits"])


def search(data, window, *words, **environment):
    """(answer, wall seconds, CPU seconds) of the command."""
    asset_id, at_s = place_of(window)
    begin = time.perf_counter()
    usage = common.run([common.BALEEN, "search", asset_id, "--data", data, "--collection", "bench", "--model", "builtin",
                        "--at", at_s, "--top", TOP, "--json", *words], env={**os.environ, **environment})
    return common.last_json(usage.output), time.perf_counter() - begin, usage.cpu_s


class Service:
    def __init__(self, data):
        self.process = subprocess.Popen([str(word) for word in (common.BALEEN, "serve", "--data", data, "--port", 0)],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in self.process.stdout:
            found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
            if found:
                break
        self.connection = http.client.HTTPConnection("127.0.0.1", int(found.group(1)), timeout=600)
        self.headers = {"Authorization": "Bearer " + (data / "admin-token").read_text().strip(),
                        "Content-Type": "application/json"}
        self.collection = common.query(data / "baleen.db", "SELECT collection_id FROM collections")[0][0]

    def cpu_s(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def search(self, window):
        asset_id, at_s = place_of(window)
        body = json.dumps({"asset_id": asset_id, "start_s": at_s, "top": TOP, "params": {"model": "builtin"}})
        begin = time.perf_counter()
        self.connection.request("POST", f"/v1/collections/{self.collection}/search", body, self.headers)
        answer = json.loads(self.connection.getresponse().read())
        return answer, time.perf_counter() - begin

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def recall(found, truth):
    shares = [len(set(a) & set(b)) / TOP for a, b in zip(found, truth)]
    return sum(shares) / len(shares)


def milliseconds(values):
    return 1000 * common.median(values)


def measure(table, data, windows, n_exact):
    shutil.rmtree(data / "indexes", ignore_errors=True)
    answer, wall_s, cpu_s = search(data, windows[0])
    table.add(f"first search: {answer['index']['added']:,} windows added", wall_s * 1000, cpu_s * 1000, None, None)
    exact = [search(data, window, BALEEN_BIOACOUSTICS_INDEX_WINDOWS_MIN="1000000000") for window in windows[:n_exact]]
    truth = [windows_of(one[0]) for one in exact]
    table.add("every window compared, command", milliseconds([one[1] for one in exact]),
              milliseconds([one[2] for one in exact]), 1.0, None)
    found = [search(data, window) for window in windows]
    by_index = [one[0]["index"] for one in found]
    table.add("index, command", milliseconds([one[1] for one in found]), milliseconds([one[2] for one in found]),
              recall([windows_of(one[0]) for one in found], truth), common.median([i["looked_at"] for i in by_index]))
    print(f"{sum(i['windows'] > 0 for i in by_index)} of {len(windows)} were answered by the index")
    service = Service(data)
    try:
        _, first_s = service.search(windows[-1])
        table.add("index, first request to the service", first_s * 1000, None, None, None)
        before = service.cpu_s()
        answers = [service.search(window) for window in windows]
        cpu_s = (service.cpu_s() - before) / len(windows)
    finally:
        service.stop()
    table.add("index, later requests", milliseconds([wall for _, wall in answers]), cpu_s * 1000,
              recall([windows_of(answer) for answer, _ in answers], truth),
              common.median([answer["index"]["looked_at"] for answer, _ in answers]))
    return truth


def measure_peers(table, vectors, n, windows, truth, hnsw_points, python):
    usage = common.run([python, "-c", NUMPY, vectors, n, DIMENSIONS, json.dumps(windows)])
    walls, cpus, found = json.loads(usage.output.splitlines()[-1])
    table.add(f"numpy, {n:,} in memory", milliseconds(walls), milliseconds(cpus), recall(found, truth), n)
    if not common.peer_python("hnswlib"):
        print("skipped: hnswlib is not installed")
        return
    m = min(hnsw_points, n)
    own = [window % m for window in windows]
    usage = common.run([common.peer_python("hnswlib"), "-c", HNSWLIB, vectors, m, DIMENSIONS, json.dumps(own)])
    build_s, walls, share = json.loads(usage.output.splitlines()[-1])
    table.add(f"hnswlib, building for {m:,}", None, build_s * 1000, None, None)
    table.add(f"hnswlib, {m:,} in memory", milliseconds(walls), None, share, None)


def main():
    parser = common.parser(__doc__)
    parser.add_argument("--windows", type=int, help="how many (1,000,000; --quick: 200,000)")
    parser.add_argument("--hnsw-points", type=int, help="how many of them hnswlib gets (100,000; --quick: 20,000)")
    parser.add_argument("--recording", type=int, default=5000, help="windows of a recording (5,000)")
    parser.add_argument("--queries", type=int, default=20)
    options = parser.parse_args()
    global windows_of_a_recording
    windows_of_a_recording = options.recording
    common.need_baleen()
    python = common.peer_python("numpy")
    if not python:
        common.skip("numpy, which makes the vectors, is not installed (BALEEN_BENCH_PYTHON)")
    n = options.windows or (200_000 if options.quick else 1_000_000)
    windows = [(i + 1) * n // (options.queries + 2) + i for i in range(options.queries)]
    table = common.Table(f"query by example among {n:,} windows x {DIMENSIONS} (median of {options.queries})", "what",
                         "wall ms", "CPU ms", f"recall@{TOP}", "looked at")
    with common.Workplace(options) as folder:
        data, vectors = make_data(folder, n, python)
        truth = measure(table, data, windows, min(5, options.queries))
        measure_peers(table, vectors, n, windows, truth,
                      options.hnsw_points or (20_000 if options.quick else 100_000), python)
    table.print()
    table.write(options.json)


if __name__ == "__main__":
    main()
