#!/usr/bin/env python3
"""The whole ssis recipe: CPU (core) seconds per hour of MP3, with the built-in models and with networks.

Networks are installed from --models (default: shared/models beside the checkout, if it is there).
Targets: 5 core-seconds with the built-ins, 20 with YAMNet and INA.
"""
import json
import pathlib
import shutil

import common

NETWORKS = ("yamnet/yamnet_patches.onnx", "ina-smn/ina_smn.onnx")


def run_recipe(file, data, models):
    shutil.rmtree(data, ignore_errors=True)
    for model in models:
        common.run([common.BALEEN, "models", "add", model, "--data", data])
    usage = common.run([common.BALEEN, "run", "ssis", "--data", data, "--", file])
    stages = {}
    for stage, metrics in common.query(data / "baleen.db", "SELECT stage, metrics_json FROM pipeline_jobs"):
        stages[stage] = stages.get(stage, 0.0) + json.loads(metrics).get("cpu_s", 0.0)
    return usage, stages


def main():
    parser = common.parser(__doc__)
    parser.add_argument("--models", type=pathlib.Path, help="folder with " + " and ".join(NETWORKS))
    parser.add_argument("--audio", help="a recording to make the MP3 from (default: the sample, repeated)")
    options = parser.parse_args()
    common.need_baleen()
    common.need_ffmpeg()
    seconds, runs = (600, 1) if options.quick else (3600, min(options.runs, 3))
    folder = options.models or (common.shared() / "models" if common.shared() else None)
    networks = [folder / name for name in NETWORKS] if folder else []
    networks = networks if networks and all(path.is_file() for path in networks) else []
    table = common.Table(f"recipe ssis on {seconds} s of MP3, core-seconds per hour of audio (median of {runs})",
                         "models", "all", "decode", "features", "segments", "preview", "peak MB", "target")
    with common.Workplace(options) as work:
        file = common.recording(work, "mp3", seconds, options.audio)
        for name, models, target in (("built-in", [], 5), ("YAMNet + INA", networks, 20)):
            if name != "built-in" and not models:
                print(f"skipped: {name}: no {' and '.join(NETWORKS)} (--models)")
                continue
            usages, stages = zip(*(run_recipe(file, work / "data", models) for _ in range(runs)))
            scale = 3600 / seconds
            cells = [common.median([s.get(stage, 0.0) for s in stages]) * scale
                     for stage in ("decode", "features", "segments", "preview")]
            table.add(name, common.median([u.cpu_s for u in usages]) * scale, *cells,
                      max(u.peak_bytes for u in usages) / 1e6, target)
    table.print()
    table.write(options.json)


if __name__ == "__main__":
    main()
