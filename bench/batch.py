#!/usr/bin/env python3
"""A batch of short recordings with unreadable ones among them, through `baleen run bioacoustics --cluster`: CPU per file.

Each recording lasts 1 to 2 s; one in twenty is empty, torn or no sound at all. Those must be reported by a code, and all
others embedded and clustered. The second run finds everything done. (Set-up: tests/e2e/batches.py.)
"""
import json
import shutil
import sys
import time

import common

sys.path.insert(0, str(common.ROOT / "tests/e2e"))
import batches  # noqa: E402
import harness  # noqa: E402


def main():
    parser = common.parser(__doc__)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--model", default="builtin")
    options = parser.parse_args()
    common.need_baleen()
    n_files = 60 if options.quick else options.files
    n_bad = n_files // 20
    table = common.Table(f"{n_files} recordings of 1 to 2 s, {n_bad} of them bad, embedded by '{options.model}' and clustered",
                         "run", "CPU s", "CPU ms a file", "wall s", "peak MB", "reported", "embedded", "clusters", "wrong")
    with common.Workplace(options) as work:
        data, folder = work / "data", work / f"batch_{n_files}"
        shutil.rmtree(data, ignore_errors=True)
        expected = batches.make(folder, n_files, n_bad)
        wrong = 0
        for turn in ("first", "second"):
            began_s = time.monotonic()
            usage = common.run([common.BALEEN, "run", "bioacoustics", folder, "--data", data, "--model", options.model,
                                "--window", 1, "--collection", "season", "--cluster", "--json"], may_fail=True)
            wall_s = time.monotonic() - began_s
            database = data / "baleen.db"
            *runs, _ = common.last_json(usage.output)
            errors = {run["file"]: harness.failure_of(run)["code"] for run in runs if run["state"] != "complete"}
            (embedded,), = common.query(database, "SELECT COUNT(*) FROM artifact_index WHERE artifact_type = 'embedding_set'")
            (path,), = common.query(database, "SELECT path FROM artifact_index WHERE artifact_type = 'clusters_v1'")
            clusters = len(json.loads((data / path).read_text())["clusters"])
            wrong = sum(errors.get(name) != code for name, code in expected.items()) + len(set(errors) - set(expected))
            wrong += abs(embedded - (n_files - n_bad)) + (usage.status != 4)
            table.add(turn, usage.cpu_s, 1e3 * usage.cpu_s / n_files, wall_s, usage.peak_bytes / 1e6, len(errors), embedded,
                      clusters, wrong)
        if options.work:
            shutil.rmtree(data)
    table.print()
    table.write(options.json)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
