#!/usr/bin/env python3
"""Makes tests/golden/hdbscan: scikit-learn's HDBSCAN of handwritten digits and of points that the tests make by formula.

usage: density_clusters.py OUTPUT_DIRECTORY       (needs scikit-learn and hdbscan; the project's tests do not)

scikit-learn's own parts run one after the other, with one difference: edges are sorted stably. It sorts them with
numpy.argsort, whose order of equal edges depends on the processor, and so do its labels; `--ties` prints how much.
"""
import json
import pathlib
import sys

import numpy as np
from hdbscan._hdbscan_tree import condense_tree, outlier_scores
from sklearn.cluster import HDBSCAN
from sklearn.cluster._hdbscan._linkage import make_single_linkage, mst_from_data_matrix
from sklearn.cluster._hdbscan._tree import tree_to_labels
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics._dist_metrics import DistanceMetric
from sklearn.neighbors import NearestNeighbors

CASES = [("digits", 5, 5, "eom"), ("digits", 10, 10, "eom"), ("digits", 15, 15, "eom"), ("digits", 15, 5, "eom"),
         ("digits", 5, 3, "leaf"), ("digits", 10, 10, "leaf"), ("blobs", 10, 10, "eom"), ("blobs", 25, 5, "eom"),
         ("blobs", 25, 25, "leaf"), ("blobs", 50, 1, "eom")]


def blobs(n=5000, d=5, k=8, seed=7):
    """Sums of four numbers of a linear congruential generator around k centres, every tenth point anywhere."""
    state = seed

    def draw():
        nonlocal state
        state = (1664525 * state + 1013904223) % 2**32
        return (state >> 16) - 32768

    centers = [[draw() / 4096 for _ in range(d)] for _ in range(k)]
    points = []
    for i in range(n):
        if i % 10 == 9:
            points.append([draw() / 2048 for _ in range(d)])
        else:
            width = 16384 * 2 ** (i % k % 3)  # Three densities.
            points.append([c + (draw() + draw() + draw() + draw()) / 65536 * (16384 / width) * 3 for c in centers[i % k]])
    return np.array(points, dtype=np.float32)


def canonical(labels):
    """Numbered in the order of their first points."""
    numbers = {-1: -1}
    for label in labels:
        numbers.setdefault(int(label), len(numbers) - 1)
    return np.array([numbers[int(label)] for label in labels])


def reference(points, min_cluster_size, min_samples, selection):
    x = np.ascontiguousarray(points, dtype=np.float64)
    search = NearestNeighbors(n_neighbors=min_samples, algorithm="kd_tree", leaf_size=40).fit(x)
    core = np.ascontiguousarray(search.kneighbors(x)[0][:, -1] if min_samples == 1 else search.kneighbors(x, min_samples)[0][:, -1])
    if min_samples == 1:
        core[:] = 0
    tree = mst_from_data_matrix(x, core, DistanceMetric.get_metric("euclidean"), 1.0)
    linkage = make_single_linkage(tree[np.argsort(tree["distance"], kind="stable")])
    labels, probabilities = tree_to_labels(linkage, min_cluster_size, selection)
    plain = np.array([[row[0], row[1], row[2], row[3]] for row in linkage.tolist()], dtype=np.float64)
    scores = outlier_scores(condense_tree(plain, min_cluster_size))
    return canonical(labels), probabilities, scores, tree["distance"].sum()


def main():
    data = {"digits": load_digits().data.astype(np.float32), "blobs": blobs()}
    if sys.argv[1] == "--ties":
        for name, m, s, selection in CASES:
            x = data[name].astype(float)
            stable = reference(x, m, s, selection)[0]

            def plain(rows):
                model = HDBSCAN(min_cluster_size=m, min_samples=s, cluster_selection_method=selection, copy=True)
                labels = np.empty(len(x), dtype=int)
                labels[rows] = model.fit(x[rows]).labels_
                return labels

            here = plain(np.arange(len(x)))
            permuted = [adjusted_rand_score(here, plain(np.random.default_rng(i).permutation(len(x)))) for i in range(5)]
            print(f"{name} {m} {s} {selection}: as is {adjusted_rand_score(here, stable):.4f}, "
                  f"it and itself with rows permuted {min(permuted):.4f} to {max(permuted):.4f}")
        return
    out = pathlib.Path(sys.argv[1])
    data["digits"].astype(np.uint8).tofile(out / "digits.u8")
    cases = []
    for name, m, s, selection in CASES:
        labels, probabilities, scores, weight = reference(data[name], m, s, selection)
        file = f"{name}_{m}_{s}_{selection}"
        labels.astype(np.int8).tofile(out / f"{file}.labels.i8")
        if s == m and selection == "eom" and m == 10:
            probabilities.astype(np.float32).tofile(out / f"{file}.probabilities.f32")
            scores.astype(np.float32).tofile(out / f"{file}.outlier_scores.f32")
        cases.append({"points": name, "min_cluster_size": m, "min_samples": s, "selection": selection,
                      "tree_weight": round(float(weight), 6), "clusters": int(labels.max()) + 1})
        print(file, labels.max() + 1, "clusters", (labels < 0).sum(), "noise")
    (out / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
