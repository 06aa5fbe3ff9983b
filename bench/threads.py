#!/usr/bin/env python3
"""How much sooner a UMAP map is there with two threads than with one: wall seconds, in pairs that follow one another.

Wall time means something only on a quiet machine: each run is told with what other programs took of the processors
meanwhile (/proc/stat), and the order within a pair alternates. The median of the pairs' ratios counts. Target: 1.7, with the
same bytes.
"""
import filecmp
import os
import pathlib
import sys
import time

import cluster
import common

RATIO_MIN = 1.7
OTHERS_MAX = 0.05  # Of all processors; with more of it the figures say little.
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def busy_s():
    """CPU seconds that all programs have taken since the machine started; idle time and waiting for disks left out."""
    user, nice, system, _, _, irq, softirq, steal, *_ = map(int, pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:])
    return (user + nice + system + irq + softirq + steal) * TICK_S


def timed(command):
    """(wall seconds, CPU seconds, the share of all processors that others took)."""
    began_s, before_s = time.monotonic(), busy_s()
    usage = common.run(command)
    wall_s = time.monotonic() - began_s
    return wall_s, usage.cpu_s, max(0.0, busy_s() - before_s - usage.cpu_s) / (wall_s * os.cpu_count())


def main():
    parser = common.parser(__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--points", type=int, default=50_000)
    parser.add_argument("--dimensions", type=int, default=1024)
    options = parser.parse_args()
    if options.quick:
        options.pairs, options.points, options.dimensions = 3, 5_000, 128
    if (os.cpu_count() or 1) < 2:
        common.skip("one processor")
    program = common.build_benchmark("neighbors_bench")
    n, d = options.points, options.dimensions
    table = common.Table(f"a map of mixture {n:,} x {d}, whole process, in {options.pairs} pairs", "pair", "wall s, 1", "CPU s, 1",
                         "others, 1", "wall s, 2", "CPU s, 2", "others, 2", "times faster")
    ratios, others = [], 0.0
    with common.Workplace(options) as work:
        path = cluster.data(program, work, "mixture", n, d)
        for pair in range(options.pairs):
            found = {}
            for n_threads in (1, 2) if pair % 2 == 0 else (2, 1):
                found[n_threads] = timed([program, "umap", path, n, d, "--threads", n_threads, "--sample", 0, "--out",
                                          work / f"map_{n_threads}.f32"])
            if not filecmp.cmp(work / "map_1.f32", work / "map_2.f32", shallow=False):
                sys.exit("the map depends on the number of threads")
            ratios.append(found[1][0] / found[2][0])
            others = max(others, found[1][2], found[2][2])
            table.add(str(pair + 1), *found[1], *found[2], ratios[-1])
    table.print()
    table.write(options.json)
    median = common.median(ratios)
    quiet = others <= OTHERS_MAX
    print(f"  median {median:.2f} times faster ({min(ratios):.2f} to {max(ratios):.2f}; wanted {RATIO_MIN}); others took up to "
          f"{others:.0%} of the processors: "
          + ("ok" if quiet and median >= RATIO_MIN else "NOT MET" if quiet else "the machine is too busy to tell"))
    sys.exit(1 if quiet and median < RATIO_MIN else 0)


if __name__ == "__main__":
    main()
