#!/usr/bin/env python3
"""Linear probes over real embeddings beside scikit-learn: esc10 with YAMNet, windows of 1 s, each class against all others.

Average precision and ROC AUC of windows whose recordings were left out (5 folds), and CPU seconds of learning. scikit-learn does the
same: standardized columns, LogisticRegression(class_weight="balanced") with the same C and with its default of 1,
GroupKFold. And CPU seconds to score 50,000 vectors of 1024.

Needs ../shared (BALEEN_SHARED), bench_linear_probe_bench (-DBALEEN_BENCH=ON), and BALEEN_BENCH_PYTHON with pyarrow and scikit-learn."""
import json
import pathlib
import subprocess
import sys

import common

PROGRAM = common.ROOT / "build/src/cluster/bench_linear_probe_bench"
READ = """
import json, sys, pathlib, numpy as np, pyarrow.parquet
folder, files = pathlib.Path(sys.argv[1]), json.loads(sys.argv[2])
vectors, classes, recordings = [], [], []
for i, (path, name) in enumerate(files):
    rows = np.stack(pyarrow.parquet.read_table(path, columns=["embedding"])["embedding"].to_numpy())
    vectors.append(rows)
    classes += [name] * len(rows)
    recordings += [i] * len(rows)
np.concatenate(vectors).astype(np.float32).tofile(folder / "x.f32")
np.array(recordings, np.uint32).tofile(folder / "recordings.u32")
(folder / "classes.json").write_text(json.dumps(classes))
"""
PEER = """
import json, resource, sys, pathlib, warnings, numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
warnings.simplefilter("ignore")
folder, c = pathlib.Path(sys.argv[1]), float(sys.argv[2])
classes = json.loads((folder / "classes.json").read_text())
x = np.fromfile(folder / "x.f32", np.float32).reshape(len(classes), -1)
groups = np.fromfile(folder / "recordings.u32", np.uint32)
for name in json.loads(sys.argv[3]):
    y = np.array([one == name for one in classes])
    before = resource.getrusage(resource.RUSAGE_SELF)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=c, class_weight="balanced", max_iter=5000))
    scores = cross_val_predict(model, x, y, groups=groups, cv=GroupKFold(5), method="decision_function")
    model.fit(x, y)
    after = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([name, average_precision_score(y, scores), roc_auc_score(y, scores),
                      after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime]))
"""


def peer(python, folder, c, names):
    done = subprocess.run([python, "-c", PEER, folder, str(c), json.dumps(names)], capture_output=True, text=True, check=True)
    return {row[0]: row[1:] for row in map(json.loads, done.stdout.splitlines())}


def embeddings(folder, shared, yamnet):
    """(path, class) of each recording."""
    data = folder / "data"

    def baleen(*words):
        done = subprocess.run([common.BALEEN, "--data", data, "--json", *map(str, words)], capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{words}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return json.loads(done.stdout)

    if not data.exists():
        baleen("models", "add", yamnet)
        baleen("run", "bioacoustics", shared / "audio/esc10", "--collection", "sounds", "--model", "yamnet", "--window", 1)
    rows = common.query(data / "baleen.db", "SELECT a.path, s.source_uri FROM artifact_index a JOIN audio_assets s ON "
                        "s.asset_id = a.asset_id WHERE a.artifact_type = 'embedding_set' ORDER BY s.source_uri")
    return [(str(data / path), pathlib.Path(uri).parent.name) for path, uri in rows]


def main():
    options = common.parser(__doc__).parse_args()
    common.need_baleen()
    if not PROGRAM.is_file():
        common.skip(f"{PROGRAM.name} is not built (-DBALEEN_BENCH=ON)")
    shared = common.shared()
    yamnet = sorted((shared or pathlib.Path()).glob("models/yamnet/yamnet_patches.onnx"))
    python = common.peer_python("sklearn, pyarrow")
    if not yamnet or not python:
        common.skip("esc10, YAMNet, or a Python with pyarrow and scikit-learn is not there (BALEEN_SHARED, BALEEN_BENCH_PYTHON)")
    table = common.Table("linear probes on esc10 with YAMNet, out of fold", "class", "AP", "ROC AUC", "CPU s", "precision at 0.9", "95 % low",
                         "high", "recall", "sklearn AP", "ROC AUC", "CPU s", "C=1: AP", "CPU s")
    with common.Workplace(options) as folder:
        subprocess.run([python, "-c", READ, folder, json.dumps(embeddings(folder, shared, yamnet[0]))], check=True)
        classes = json.loads((folder / "classes.json").read_text())
        names = sorted(set(classes))[::4 if options.quick else 1]
        same, default = peer(python, folder, 0.01, names), peer(python, folder, 1, names)
        d = (folder / "x.f32").stat().st_size // 4 // len(classes)
        for name in names:
            (folder / "y.u8").write_bytes(bytes(one == name for one in classes))
            mine = json.loads(common.run([PROGRAM, "learn", folder / "x.f32", len(classes), d, folder / "y.u8",
                                          folder / "recordings.u32"]).output)
            table.add(name, *(mine[key] for key in ("average_precision", "roc_auc", "cpu_s", "precision", "low", "high", "recall")),
                      *same[name], default[name][0], default[name][2])
        table.print()
        runs = [json.loads(common.run([PROGRAM, "score", 50_000, 1024]).output)["cpu_s"] for _ in range(options.runs)]
        print(f"scoring 50,000 x 1024: {sorted(runs)[len(runs) // 2]:.3f} CPU s")
    if options.json:
        options.json.write_text(json.dumps([dict(zip(table.columns, row)) for row in table.rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
