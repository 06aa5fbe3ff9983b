#!/usr/bin/env python3
"""The engine under many small assets: CPU per task beyond the stages' own, two workers, nothing done twice.

Makes N recordings of one second (all different), ingests them, and lets two `baleen worker` processes work
them off. Overhead = (CPU of the workers and their executors - CPU that the stages report) / tasks.
Target: 5 ms with N = 10,000; no task done twice; no "database is locked".
"""
import array
import json
import math
import shutil
import time
import wave

import common

CONFIG = "[decode]\nmin_duration_s = 0.5\n"  # One second is below the usual minimum.


def make_recordings(folder, count):
    folder.mkdir(parents=True, exist_ok=True)
    tones = [array.array("h", (int(8000 * math.sin(2 * math.pi * hertz * k / 22050)) for k in range(22050)))
             for hertz in range(200, 2200, 100)]
    for i in range(count):
        path = folder / f"{i:05}.wav"
        if path.exists():
            continue
        samples = tones[i % len(tones)]
        samples[0] = i % 30_000  # No two recordings are the same.
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(22050)
            file.writeframes(samples.tobytes())


def main():
    parser = common.parser(__doc__)
    parser.add_argument("--assets", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    common.need_baleen()
    n_assets = 300 if options.quick else options.assets
    with common.Workplace(options) as work:
        audio, data = work / f"seconds_{n_assets}", work / "data"
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(parents=True)
        (data / "baleen.toml").write_text(CONFIG)
        make_recordings(audio, n_assets)
        flags = ["--data", data, "--config", data / "baleen.toml"]
        ingest = common.run([common.BALEEN, "ingest", *flags, "--json", "--", audio])
        database = data / "baleen.db"
        began = time.monotonic()
        workers = [common.start([common.BALEEN, "worker", *flags, "--until-done", "--json"])
                   for _ in range(options.workers)]
        usages = [common.finish(*worker) for worker in workers]
        wall_s = time.monotonic() - began
        attempts = common.query(database, "SELECT task_id, status, metrics_json, worker FROM pipeline_jobs "
                                   "WHERE stage <> 'ingest' AND task_id IS NOT NULL")
        undone = common.query(database, "SELECT state, stage, error_code, count(*) FROM tasks "
                                        "WHERE state <> 'complete' GROUP BY 1, 2, 3")
        log = "".join(path.read_text() for path in (data / "logs").iterdir())
    done = [row for row in attempts if row[1] == "complete"]
    stage_cpu_s = sum(json.loads(row[2]).get("cpu_s", 0.0) for row in attempts)
    worker_cpu_s = sum(usage.cpu_s for usage in usages)
    twice = len(done) - len({row[0] for row in done})
    locked = (log + "".join(usage.output for usage in usages)).count("database is locked")
    shares = {}
    for row in done:
        shares[row[3]] = shares.get(row[3], 0) + 1
    table = common.Table(f"engine: {n_assets} recordings of one second, {options.workers} workers", "what", "value", "target")
    table.add("tasks complete", len(done), "")
    table.add("tasks not complete", sum(row[3] for row in undone), "0")
    table.add("share of each worker", " ".join(str(n) for n in sorted(shares.values())), "")
    table.add("done twice", twice, "0")
    table.add('"database is locked"', locked, "0")
    table.add("ingest, CPU ms per asset", ingest.cpu_s / n_assets * 1e3, "")
    table.add("stages, CPU ms per task", stage_cpu_s / max(1, len(done)) * 1e3, "")
    table.add("engine, CPU ms per task", (worker_cpu_s - stage_cpu_s) / max(1, len(done)) * 1e3, "5")
    table.add("tasks per second", len(done) / wall_s, "")
    table.print()
    table.write(options.json)
    for row in undone:
        print("  not complete:", *row)


if __name__ == "__main__":
    main()
