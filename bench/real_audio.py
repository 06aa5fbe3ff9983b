#!/usr/bin/env python3
"""Real recordings with known answers: what clusters of them are worth, and whether the like is found by example.

- esc10: 240 clips of 10 classes with YAMNet, windows of 5 s. Clusters as `baleen cluster` makes them without options, with
  several seeds: purity and adjusted Rand index (ARI) to the classes, over the windows in clusters, and over all with noise
  as one more cluster. Search with each whole clip as the example: is the most similar other clip of the same class?
- orca_calls: 23 calls in three codecs each, windows of 1 s: is the most similar other file the same call?

Needs ../shared (BALEEN_SHARED) and what reads Parquet (pyarrow, in this Python or in BALEEN_BENCH_PYTHON).
"""
import collections
import json
import pathlib
import subprocess
import sys

import common

READ = """
import json, sys, pyarrow.parquet
table = pyarrow.parquet.read_table(sys.argv[1], columns=["asset_id", "label"]).to_pydict()
print(json.dumps([table["asset_id"], table["label"]]))
"""
SOUNDS = {".flac", ".mp3", ".ogg", ".wav"}


def pairs(n):
    return n * (n - 1) / 2


def purity(labels, classes):
    counts = collections.defaultdict(collections.Counter)
    for label, name in zip(labels, classes):
        counts[label][name] += 1
    return sum(max(counter.values()) for counter in counts.values()) / len(labels)


def adjusted_rand_index(labels, classes):
    """Hubert and Arabie, Journal of Classification 2 (1985)."""
    both = sum(pairs(n) for n in collections.Counter(zip(labels, classes)).values())
    a = sum(pairs(n) for n in collections.Counter(labels).values())
    b = sum(pairs(n) for n in collections.Counter(classes).values())
    expected = a * b / pairs(len(labels))
    return (both - expected) / ((a + b) / 2 - expected)


def baleen(data, *words):
    done = subprocess.run([common.BALEEN, "--data", data, "--json", *map(str, words)], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        sys.exit(f"baleen {' '.join(map(str, words))}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return json.loads(done.stdout)


def rank_one(data, files, name_of, words):
    """The part of files whose most similar other file has the same name."""
    n_same = 0
    for file in files:
        answer = baleen(data, "search", file, *words, "--top", 1)
        own = {"asset_id": answer["example"]["asset_id"], "file": file.name}
        n_same += name_of(answer["hits"][0]) == name_of(own)  # Nothing of the example itself is found.
    return n_same / len(files)


def clusters(table, data, words, classes_of, python, seeds):
    for seed in seeds:
        run = baleen(data, "cluster", "sounds", *words, "--seed", seed)
        path, = (a["path"] for a in run["artifacts"] if a["type"] == "assignments")
        assets, labels = json.loads(subprocess.run([python, "-c", READ, path], capture_output=True, text=True,
                                                   check=True).stdout)
        classes = [classes_of[asset] for asset in assets]
        inside = [i for i, label in enumerate(labels) if label >= 0]
        kept = [labels[i] for i in inside], [classes[i] for i in inside]
        table.add(f"esc10, seed {seed}", len(set(kept[0])), len(labels) - len(inside), purity(*kept),
                  adjusted_rand_index(*kept), purity(labels, classes), adjusted_rand_index(labels, classes))


def main():
    options = common.parser(__doc__).parse_args()
    common.need_baleen()
    shared = common.shared()
    yamnet = sorted((shared or pathlib.Path()).glob("models/yamnet/yamnet_patches.onnx"))
    if not yamnet:
        common.skip("the recordings or YAMNet are not there (BALEEN_SHARED)")
    python = common.peer_python("pyarrow")
    if not python:
        common.skip("pyarrow is not installed (pip install pyarrow; BALEEN_BENCH_PYTHON=that python)")
    quality = common.Table("clusters of real recordings", "set", "clusters", "noise", "purity", "ARI", "purity of all",
                           "ARI of all")
    found = common.Table("search by example: the most similar other file is of the same kind", "set", "model", "part")
    with common.Workplace(options) as folder:
        data = folder / "esc10"
        baleen(data, "models", "add", yamnet[0])
        words = ("--model", "yamnet", "--window", 5)
        runs = baleen(data, "run", "bioacoustics", shared / "audio/esc10", "--collection", "sounds", *words)
        classes_of = {run["asset_id"]: pathlib.Path(run["source_uri"]).parent.name for run in runs}
        clusters(quality, data, words, classes_of, python, (42, 1, 2) if options.quick else (42, 1, 2, 3, 4))
        files = sorted(path for path in (shared / "audio/esc10").rglob("*") if path.suffix in SOUNDS)
        words = ("--collection", "sounds", *words)
        found.add("esc10", "yamnet", rank_one(data, files[::4] if options.quick else files,
                                              lambda hit: classes_of[hit["asset_id"]], words))
        data = folder / "orca"
        calls = sorted(path for path in (shared / "audio/orca_calls").rglob("*") if path.suffix in SOUNDS)
        words = ("--collection", "sounds", "--model", "builtin", "--window", 1)
        baleen(data, "run", "bioacoustics", shared / "audio/orca_calls", *words)
        found.add("orca_calls", "builtin", rank_one(data, calls, lambda hit: pathlib.Path(hit["file"]).stem, words))
    quality.print()
    found.print()
    if options.json:
        rows = [{"title": table.title, "rows": [dict(zip(table.columns, row)) for row in table.rows]}
                for table in (quality, found)]
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
