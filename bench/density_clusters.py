#!/usr/bin/env python3
"""HDBSCAN* and noise: CPU seconds and MB of whole processes, beside scikit-learn, hdbscan and fast_hdbscan.

Two tables. The first clusters Gaussian blobs in 10 dimensions, with and without a tenth of noise: seconds and MB of the
process that reads the points, and for the peers also those of fitting alone (their imports and compilations take
longer than that). The adjusted Rand index is that with scikit-learn's labels.

The second is a hard set: 30 Gaussians of six-fold differing widths that differ along every axis too, in 256
dimensions, and a tenth of noise, uniform over all they cover. k-NN, UMAP to 5 dimensions, HDBSCAN*, and noise by the k-NN
graph (src/cluster/noise.h): the adjusted Rand index on the points of the Gaussians, and which share of the noise is
found and of the others lost.

Needs numpy and scikit-learn in this Python or in BALEEN_BENCH_PYTHON; other peers are left out where they are absent.
"""
import json

import common

GENERATE = """
import sys, numpy as np
kind, path, n, d, k, share, seed = sys.argv[1], sys.argv[2], *map(float, sys.argv[3:])
n, d, k, seed = int(n), int(d), int(k), int(seed)
r = np.random.default_rng(seed)
m = int(n * share)
classes = r.integers(0, k, n - m)
centers = r.uniform(-10, 10, (k, d))
points = np.empty((n, d), np.float32)
if kind == "blobs":
    points[m:] = centers[classes] + r.normal(size=(n - m, d))
    low, high = -12, 12
else:
    widths = np.exp(r.uniform(np.log(0.5), np.log(3), k))
    axes = np.exp(r.normal(0, 0.5, (k, d))) * widths[:, None]
    points[m:] = centers[classes] + r.normal(size=(n - m, d)) * axes[classes]
    low, high = points[m:].min(0), points[m:].max(0)
points[:m] = r.uniform(low, high, (m, d))
order = r.permutation(n)
np.save(path, points[order])
np.concatenate([np.full(m, -1), classes])[order].astype(np.int32).tofile(path + ".classes")
"""

PEER = """
import os, sys, time, numpy as np
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"): os.environ[name] = "1"
peer, path, m = sys.argv[1], sys.argv[2], int(sys.argv[3])
x = np.load(path)
if peer == "sklearn":
    from sklearn.cluster import HDBSCAN
    model = HDBSCAN(min_cluster_size=m, min_samples=m, copy=True)
elif peer == "hdbscan":
    from hdbscan import HDBSCAN  # Does not count the point itself.
    model = HDBSCAN(min_cluster_size=m, min_samples=m - 1, approx_min_span_tree=False, core_dist_n_jobs=1)
else:
    from fast_hdbscan import HDBSCAN
    model = HDBSCAN(min_cluster_size=m, min_samples=m - 1)
    model.fit(x[:1000])  # Compiles.
begin = time.process_time()
model.fit(x)
print(time.process_time() - begin)
model.labels_.astype(np.int32).tofile(path + "." + peer)
"""

COMPARE = """
import sys, json, numpy as np
from sklearn.metrics import adjusted_rand_score
a, b = (np.fromfile(path, np.int32) for path in sys.argv[1:3])
core = a >= 0 if sys.argv[3] == "classes" else np.ones(len(a), bool)
print(json.dumps([adjusted_rand_score(a[core], b[core]), float((b[~core] < 0).mean()) if (~core).any() else 0,
                  float((b[core] < 0).mean())]))
"""

MIN_CLUSTER_SIZE = 10
# Peers that take minutes or gigabytes of memory are not asked for more points than this.
PEERS = {"sklearn": 50_000, "hdbscan": 200_000, "fast_hdbscan": 1_000_000}


def generate(python, folder, kind, n, d, k, noise, seed):
    path = folder / f"{kind}_{n}_{d}_{k}_{noise}_{seed}.npy"
    if not path.exists():
        common.run([python, "-c", GENERATE, kind, path, n, d, k, noise, seed], cwd=folder)
    return path


def compare(python, folder, a, b, kind):
    return json.loads(common.run([python, "-c", COMPARE, a, b, kind], cwd=folder).output)


def best_of(runs, command, folder):
    usages = [common.run(command, cwd=folder) for _ in range(runs)]
    return min(usages, key=lambda usage: usage.cpu_s)


def blobs(options, python, folder):
    program = common.build_benchmark("hdbscan_program")
    table = common.Table(f"HDBSCAN*, min_cluster_size and min_samples {MIN_CLUSTER_SIZE}, one thread",
                         "points", "program", "CPU s", "of fitting", "MB", "ARI with scikit-learn")
    sizes = [(10_000, 0), (50_000, 0)] if options.quick else [(50_000, 0), (200_000, 0.1), (1_000_000, 0), (1_000_000, 0.1)]
    for n, noise in sizes:
        name = f"{n:,} x 10" + (", noise 10 %" if noise else "")
        path = generate(python, folder, "blobs", n, 10, max(20, n // 10_000), noise, 1)
        ours = best_of(options.runs if n <= 200_000 else 1,
                       [program, path, "--min-cluster-size", MIN_CLUSTER_SIZE, "--labels", f"{path}.ours"], folder)
        rows = [("baleen", ours.cpu_s, common.last_json(ours.output)["fit_cpu_s"], ours.peak_bytes, f"{path}.ours")]
        for peer, most in PEERS.items():
            if n > most or not common.peer_python(peer):
                continue
            usage = common.run([python, "-c", PEER, peer, path, MIN_CLUSTER_SIZE], cwd=folder)
            rows.append((peer, usage.cpu_s, float(usage.output.split()[-1]), usage.peak_bytes, f"{path}.{peer}"))
            print(f"  {name}: {peer} {usage.cpu_s:.1f} s, baleen {ours.cpu_s:.2f} s", flush=True)  # The table takes long.
        reference = next((row[4] for row in rows if row[0] == "sklearn"), None)
        for program_name, cpu_s, fit_s, peak, labels in rows:
            ari = compare(python, folder, reference, labels, "labels")[0] if reference else None
            table.add(name, program_name, cpu_s, fit_s, peak / 1e6, ari)
    table.print()
    return table


def hard_set(options, python, folder):
    program = common.build_benchmark("cluster_program")
    table = common.Table("30 Gaussians of unequal density and noise: k-NN, UMAP, HDBSCAN*", "points", "noise",
                         "CPU s", "MB", "ARI of members", "noise found", "members lost")
    sets = [(20_000, 256, 0.1, 1)] if options.quick else [
        (20_000, 256, 0.1, 1), (20_000, 256, 0.1, 2), (20_000, 256, 0.1, 3), (20_000, 256, 0.0, 1),
        (20_000, 256, 0.3, 1), (20_000, 64, 0.1, 1), (10_000, 1024, 0.1, 1)]
    for n, d, noise, seed in sets:
        path = generate(python, folder, "gaussians", n, d, 30, noise, seed)
        for threshold, name in ((0, "as HDBSCAN* has it"), (5, "by the k-NN graph")):
            usage = best_of(1, [program, path, "--noise", threshold, "--labels", f"{path}.ours"], folder)
            ari, found, lost = compare(python, folder, f"{path}.classes", f"{path}.ours", "classes")
            table.add(f"{n:,} x {d}, noise {noise:.0%}, seed {seed}", name, usage.cpu_s, usage.peak_bytes / 1e6, ari,
                      found if noise else None, lost)
    table.print()
    return table


def main():
    parser = common.parser(__doc__)
    parser.add_argument("--only", choices=["blobs", "hard"], help="one of the two tables")
    options = parser.parse_args()
    python = common.peer_python("sklearn")
    if not python:
        common.skip("scikit-learn is not installed (pip install scikit-learn; BALEEN_BENCH_PYTHON=that python)")
    with common.Workplace(options) as folder:
        tables = []
        if options.only != "hard":
            tables.append(blobs(options, python, folder))
        if options.only != "blobs":
            tables.append(hard_set(options, python, folder))
    if options.json:
        rows = [{"title": table.title, "rows": [dict(zip(table.columns, row)) for row in table.rows]} for table in tables]
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
