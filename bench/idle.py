#!/usr/bin/env python3
"""What a service costs that has nothing to do: CPU and queries of a server and its workers, each a process.

Starts `baleen serve` and N `baleen worker` on an empty database, waits until they are quiet, and looks at /proc for a
while. Queries are counted by a small library that is loaded before SQLite's and counts sqlite3_step: an upper bound, as
a query takes one step for each of its rows and one more. Targets: 0.5 % of a core in all, 1 query a second and worker.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import time

import common

COUNTER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static atomic_long n_steps;
static int (*step)(void*);
int sqlite3_step(void* statement) {
  if (!step) step = (int (*)(void*))dlsym(RTLD_NEXT, "sqlite3_step");
  ++n_steps;
  {
    char path[256];
    snprintf(path, sizeof path, "%s/%d", getenv("STEPS_FOLDER"), (int)getpid());
    FILE* file = fopen(path, "w");
    if (file) { fprintf(file, "%ld", (long)n_steps); fclose(file); }
  }
  return step(statement);
}
"""


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def steps(folder):
    return {path.name: int(path.read_text() or 0) for path in folder.iterdir()}


def main():
    parser = common.parser(__doc__)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    common.need_baleen()
    seconds = 10 if options.quick else options.seconds
    with common.Workplace(options) as work:
        work = pathlib.Path(work)
        data, folder = work / "idle", work / "steps"
        for used in (data, folder):
            shutil.rmtree(used, ignore_errors=True)
        folder.mkdir(parents=True)
        (work / "count.c").write_text(COUNTER)
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", work / "count.so", work / "count.c", "-ldl"], check=True)
        flags = ["--data", data]
        counted = {**os.environ, "LD_PRELOAD": str(work / "count.so"), "STEPS_FOLDER": str(folder)}

        def started(environment):
            processes = [subprocess.Popen([common.BALEEN, "serve", *flags, "--port", "0"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                          env=environment)]
            time.sleep(1)  # The database is made by the first.
            processes += [subprocess.Popen([common.BALEEN, "worker", *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
                          for _ in range(options.workers)]
            time.sleep(8)  # What looks again after news has looked.
            return processes

        def stopped(processes):
            for process in processes:
                process.send_signal(signal.SIGTERM)
            for process in processes:
                process.wait()

        processes = started(os.environ)  # Without the counter, which costs more than what it counts.
        before, begin = [cpu_s(process.pid) for process in processes], time.monotonic()
        time.sleep(seconds)
        wall_s = time.monotonic() - begin
        used = [cpu_s(process.pid) - was for process, was in zip(processes, before)]
        stopped(processes)
        print(f"CPU: server {100 * used[0] / wall_s:.3f} %, workers {[f'{100 * u / wall_s:.3f} %' for u in used[1:]]}, "
              f"in all {100 * sum(used) / wall_s:.3f} % of a core (target 0.5 %)")

        processes = started(counted)
        before, begin = steps(folder), time.monotonic()
        time.sleep(seconds)
        after, wall_s = steps(folder), time.monotonic() - begin
        stopped(processes)
        rates = [(after.get(str(process.pid), 0) - before.get(str(process.pid), 0)) / wall_s for process in processes]
        print(f"steps a second: server {rates[0]:.2f}, workers {[f'{rate:.2f}' for rate in rates[1:]]} (target 1 each)")


if __name__ == "__main__":
    main()
