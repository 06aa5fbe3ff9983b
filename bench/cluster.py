#!/usr/bin/env python3
"""Neighbours, maps and search: CPU seconds, peak memory, recall and trustworthiness, beside pynndescent, hnswlib and
umap-learn.

The data (bench_neighbors_bench generate): `mixture` is like embeddings: 60 clusters of unequal size around random centres,
each a curved surface of 8 dimensions lifted by random maps of its own, with noise of 0.05 in every dimension (centres: 1,
clusters: 0.6). `noisy`: 16 dimensions, noise 0.3; `tight`: 30 clusters of extent 0.02; `uniform`: no structure at all.
Recall and trustworthiness (k = 15) are those of evenly spread points against all others.

Whole processes: the points are read from a file of float32, which we map. Peers: imported by this Python or by the one in
BALEEN_BENCH_PYTHON, on one thread, neighbours without the time for reading and imports, compiled code warm; skipped where
absent.
"""
import filecmp
import json

import common

PEERS = {
    "pynndescent": """
import pynndescent
def build(x): return pynndescent.NNDescent(x, n_neighbors=16, random_state=1, n_jobs=1).neighbor_graph[0]
build(x[:2000])
""",
    "hnswlib": """
import hnswlib
def build(x):
    index = hnswlib.Index(space="l2", dim=x.shape[1])
    index.init_index(max_elements=len(x), ef_construction=100, M=16, random_seed=1)
    index.set_num_threads(1)
    index.add_items(x)
    index.set_ef(100)
    return index.knn_query(x, k=16, num_threads=1)[0]
""",
}
NEIGHBORS = """
import json, os, sys, time
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"): os.environ[name] = "1"
import numpy as np
path, n, d, out = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
x = np.fromfile(path, np.float32).reshape(n, d)
%s
begin = time.process_time()
found = build(x)
seconds = time.process_time() - begin
own = np.array([[j for j in row if j != i][:15] for i, row in enumerate(found)])
own.astype(np.uint32).tofile(out)
print(json.dumps(seconds))
"""
UMAP = """
import sys
import numpy as np, umap
path, n, d, out = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
x = np.fromfile(path, np.float32).reshape(n, d)
umap.UMAP(random_state=1).fit_transform(x).astype(np.float32).tofile(out)
"""


def last(usage):
    return json.loads(usage.output.splitlines()[-1])


def data(program, work, kind, n, d):
    path = work / f"{kind}_{n}_{d}.f32"
    if not path.exists():
        common.run([program, "generate", kind, n, d, 1, path])
    return path


def neighbors(program, work, sizes, runs):
    table = common.Table(f"15 neighbours, one thread (median of {runs})", "what", "CPU s", "recall", "peak MB")
    for kind, n, d in sizes:
        path = data(program, work, kind, n, d)
        results = [last(common.run([program, "knn", path, n, d, "--sample", 0 if run else 200])) for run in range(runs)]
        table.add(f"baleen, {kind} {n:,} x {d}", common.median([r["cpu_s"] for r in results]), results[0]["recall"],
                  results[0]["peak_mb"])
        if kind != "mixture":
            continue
        for name, code in PEERS.items():
            python = common.peer_python(name)
            if python:
                out = work / f"{name}.u32"
                usage = common.run([python, "-c", NEIGHBORS % code, path, n, d, out])
                found = last(common.run([program, "recall", path, n, d, out]))
                table.add(f"{name}, {kind} {n:,} x {d}", last(usage), found["recall"], usage.peak_bytes / 1e6)
    return table


def maps(program, work, sizes, runs):
    table = common.Table(f"UMAP to 2-D, whole process (median of {runs})", "what", "CPU s", "wall s", "peak MB",
                         "trustworthiness")
    for kind, n, d in sizes:
        path = data(program, work, kind, n, d)
        for n_threads in (1, 2):
            out = work / f"map_{n_threads}.f32"
            usages = [common.run([program, "umap", path, n, d, "--threads", n_threads, "--sample", 0, "--out", out])
                      for _ in range(runs)]
            trust = last(common.run([program, "trust", path, n, d, out])) if n_threads == 1 else {}
            table.add(f"baleen, {kind} {n:,} x {d}, {n_threads} threads", common.median([u.cpu_s for u in usages]),
                      common.median([last(u)["wall_s"] for u in usages]), usages[0].peak_bytes / 1e6,
                      trust.get("trustworthiness"))
        if not filecmp.cmp(work / "map_1.f32", work / "map_2.f32", shallow=False):
            raise SystemExit("the map depends on the number of threads")
        python = common.peer_python("umap")
        if python and kind == "mixture":
            out = work / "peer.f32"
            usage = common.run([python, "-c", UMAP, path, n, d, out])
            trust = last(common.run([program, "trust", path, n, d, out]))
            table.add(f"umap-learn, {kind} {n:,} x {d}", usage.cpu_s, None, usage.peak_bytes / 1e6,
                      trust["trustworthiness"])
    return table


def queries(program, work, n_points):
    table = common.Table("query by example, median of 15", "what", "wall ms", "CPU ms", "index MB")
    path = data(program, work, "mixture", 10_000, 1024)
    for n_threads in (1, 2):
        found = last(common.run([program, "query", path, 10_000, 1024, "--points", n_points, "--threads", n_threads]))
        table.add(f"among {n_points:,} x 1024, {n_threads} threads", found["wall_ms"], found["cpu_ms"], found["index_mb"])
    return table


def main():
    parser = common.parser(__doc__)
    options = parser.parse_args()
    runs = 1 if options.quick else options.runs
    program = common.build_benchmark("neighbors_bench")
    small, large = ("mixture", 10_000, 128), ("mixture", 50_000, 1024)
    with common.Workplace(options) as work:
        if options.quick:
            tables = [neighbors(program, work, [small], runs), maps(program, work, [small], runs),
                      queries(program, work, 100_000)]
        else:
            others = [(kind, 50_000, 1024) for kind in ("noisy", "tight", "uniform")]
            tables = [neighbors(program, work, [small, large, *others], runs), maps(program, work, [small, large], runs),
                      queries(program, work, 1_000_000)]
    for table in tables:
        table.print()
    if options.json:
        rows = [{"title": t.title, "rows": [dict(zip(t.columns, row)) for row in t.rows]} for t in tables]
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
