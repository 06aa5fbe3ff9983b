#!/usr/bin/env python3
"""A review of a clustering of a million windows through the service: CPU seconds and memory of the server.

The store is made by bench_review_bench (-DBALEEN_BENCH=ON): 1,389 recordings of 720 windows, 250 clusters and noise.
Opening is the first look: tables, times and recordings are read. Then one action at a time, from its POST to the new
clusters (GET …), and to the new colours of the map (GET …/labels).
"""
import contextlib
import json
import os
import sqlite3
import statistics

import common
from service import Server

PROGRAM = common.BALEEN.parent / "src/recipes/bioacoustics/bench_review_bench"
ACTIONS = (("label a cluster", lambda i: {"kind": "label", "clusters": [i], "label": "song"}),
           ("label 1,000 windows", lambda i: {"kind": "label", "rows": list(range(i * 1000, i * 1000 + 1000)), "label": "call"}),
           ("merge two clusters", lambda i: {"kind": "merge", "clusters": [100 + 2 * i, 101 + 2 * i]}),
           ("move a window to a new cluster", lambda i: {"kind": "move", "rows": [7 + i], "to": "new"}),
           ("split a cluster into 3", lambda i: {"kind": "split", "cluster": 50 + i, "into": 3}),
           ("undo", None))


class Client:
    def __init__(self, server):
        self.server, self.connection = server, server.connect()

    def ask(self, method, target, body=None):
        headers = {"Authorization": "Bearer " + self.server.token}
        if body is not None:
            headers["Content-Type"], body = "application/json", json.dumps(body)
        self.connection.request(method, target, body, headers)
        response = self.connection.getresponse()
        data = response.read()
        if response.status >= 400:
            raise SystemExit(f"{method} {target}: {data.decode()}")
        return data


def main():
    parser = common.parser(__doc__)
    parser.add_argument("--windows", type=int, default=1_000_000)
    options = parser.parse_args()
    common.need_baleen()
    if not PROGRAM.is_file():
        common.skip(f"{PROGRAM} is not built (-DBALEEN_BENCH=ON)")
    with common.Workplace(options) as work:
        data = work / f"review-{options.windows}"
        data.mkdir(exist_ok=True)
        common.run([PROGRAM, "--benchmark_filter=BM_ReadClustering"],
                   env={**os.environ, "BALEEN_BENCH_DIR": str(data), "BALEEN_BENCH_WINDOWS": str(options.windows)})
        with contextlib.closing(sqlite3.connect(data / "baleen.db")) as database, database:
            database.execute("DELETE FROM review_actions")  # Of an earlier run.
        server = Server(data)
        rows, base = [], "/v1/clusterings/bench-job"
        client = Client(server)
        with contextlib.closing(client.connection):

            def measure(what, *requests):
                before = server.cpu_s()
                for method, target, body in requests:
                    client.ask(method, base + target, body)
                rows.append((what, server.cpu_s() - before))
            before_mb = server.memory("VmRSS")
            measure("open, and one window", ("GET", "/windows/0", None))
            open_mb = server.memory("VmRSS")
            measure("all clusters, first time", ("GET", "", None))
            measure("all clusters, again", ("GET", "", None))
            measure("points of the map", ("GET", "/points", None))
            measure("labels of the map", ("GET", "/labels", None))
            for name, request in ACTIONS:
                costs = {"": [], "clusters": [], "labels": []}
                for i in range(options.runs):
                    action = ("POST", "/undo", {}) if request is None else ("POST", "/actions", request(i))
                    for part, asked in (("", action), ("clusters", ("GET", "", None)), ("labels", ("GET", "/labels", None))):
                        measure("", asked)
                        costs[part].append(rows.pop()[1])
                rows += [(f"{name}{part and ', then ' + part}", statistics.median(found)) for part, found in costs.items()]
            peak_mb, end_mb = server.memory("VmHWM"), server.memory("VmRSS")
        server.stop()
    for what, cpu_s in rows:
        print(f"{what:45} {cpu_s:6.2f} CPU s")
    print(f"memory: {before_mb:.0f} MB before, {open_mb:.0f} MB when open ({(open_mb - before_mb) * 1e6 / options.windows:.0f} bytes "
          f"a window), {end_mb:.0f} MB at the end, peak {peak_mb:.0f} MB")
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "before_mb": before_mb, "open_mb": open_mb, "peak_mb": peak_mb}))


if __name__ == "__main__":
    main()
