#!/usr/bin/env python3
"""A season in one recording, and a deployment of many: peak memory of every process, and CPU seconds for each hour of sound.

Makes an RF64 file of --days at 48 kHz, 16 bit, mono, as a sparse file: silence, and two seconds of noise each hour; and
(--files) a folder of recordings of an hour with noise throughout, at 8 kHz, that take real space. Each goes through
`baleen run bioacoustics --model stub`, so that nothing of the cost is a network's. Memory is looked at each --sample-s
seconds, in all processes: it must not grow with the time. 30 days take some 15 CPU minutes and no disk to speak of.

Targets: at most 500 MB in each process, flat; at most 1.5 CPU s for an hour; each expected window written, the Parquet
file readable (by pyarrow, where this Python or BALEEN_BENCH_PYTHON has it).
"""
import json
import os
import pathlib
import random
import resource
import shutil
import statistics
import struct
import subprocess
import sys
import time

import common

RATE = 48_000
FILE_RATE = 8_000
WINDOW_S = 5
CPU_S_PER_HOUR_MAX = 1.5
PEAK_MB_MAX = 500
PAGE = resource.getpagesize()


def noise(n_samples, seed):
    """White noise of 16 bits; the upper ones are cleared, so that it is faint."""
    values = bytearray(random.Random(seed).randbytes(2 * n_samples))
    values[1::2] = bytes(b & 0x07 for b in values[1::2])
    return bytes(values)


def format_chunk(rate):
    return b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16)


def season(path, days):
    """RF64 (EBU Tech 3306): the real sizes stand in the chunk `ds64`. Returns the hours of it."""
    hours = round(24 * days)
    data_bytes = hours * 3600 * RATE * 2
    form = format_chunk(RATE)
    header = b"RF64" + struct.pack("<I", 0xFFFFFFFF) + b"WAVE"
    ds64 = b"ds64" + struct.pack("<IQQQI", 28, 4 + 36 + len(form) + 8 + data_bytes, data_bytes, data_bytes // 2, 0)
    header += ds64 + form + b"data" + struct.pack("<I", 0xFFFFFFFF)
    with path.open("wb") as file:
        file.write(header)
        for hour in range(hours):
            file.seek(len(header) + (hour * 3600 + (hour * 613) % 3500) * RATE * 2)
            file.write(noise(2 * RATE, hour))
        file.truncate(len(header) + data_bytes)
    return hours


def many(folder, n_files):
    """Recordings of an hour with noise throughout; returns the hours."""
    folder.mkdir(exist_ok=True)
    data_bytes = 3600 * FILE_RATE * 2
    for i in range(n_files):
        block = noise(60 * FILE_RATE, 10_000 + i)
        with (folder / f"{i:02}.wav").open("wb") as file:
            file.write(b"RIFF" + struct.pack("<I", 4 + 24 + 8 + data_bytes) + b"WAVE" + format_chunk(FILE_RATE)
                       + b"data" + struct.pack("<I", data_bytes))
            for minute in range(60):
                file.write(block[2 * minute:] + block[:2 * minute])
    return n_files


# ---- watching -----------------------------------------------------------------------------------

def processes_of(session):
    """(process, parent, resident bytes, bytes of it that are its own) of every process of a session."""
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            fields = pathlib.Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) != session or fields[0] in "ZX":
                continue
            _, resident, shared, *_ = pathlib.Path(f"/proc/{entry}/statm").read_text().split()
        except (OSError, IndexError, ValueError):
            continue
        yield int(entry), int(fields[1]), int(resident) * PAGE, (int(resident) - int(shared)) * PAGE


def role(process, parents, top):
    depth = 0
    while process != top and process in parents and depth < 9:
        process, depth = parents[process], depth + 1
    return ("supervisor", "executor", "cell")[min(depth, 2)]


class Watch:
    """Samples of what the processes of a command hold: (seconds, role, resident bytes, own bytes)."""

    def __init__(self):
        self.samples = []

    def follow(self, process, every_s):
        began_s = time.monotonic()
        while not common.has_ended(process):
            now_s = time.monotonic() - began_s
            found = list(processes_of(process.pid))
            parents = {pid: parent for pid, parent, _, _ in found}
            self.samples += [(now_s, role(pid, parents, process.pid), resident, own) for pid, _, resident, own in found]
            while time.monotonic() - began_s < now_s + every_s and not common.has_ended(process):
                time.sleep(min(0.1, every_s))
        return time.monotonic() - began_s

    def table(self, wall_s):
        table = common.Table("resident MB by tenth of the run: least / median / most (the most that is not shared)",
                             "process", *(f"{tenth + 1}/10" for tenth in range(10)))
        for name in ("supervisor", "executor", "cell"):
            cells = []
            for tenth in range(10):
                mine = [(resident, own) for at_s, who, resident, own in self.samples
                        if who == name and min(9, int(10 * at_s / wall_s)) == tenth]
                values = [resident / 1e6 for resident, _ in mine]
                cells.append(f"{min(values):.0f}/{statistics.median(values):.0f}/{max(values):.0f} "
                             f"({max(own for _, own in mine) / 1e6:.0f})" if mine else "-")
            table.add(name, *cells)
        return table

    def growth(self, wall_s):
        """Of the median of each process that works, from its third to its last tenth: MB."""
        worst = 0.0
        for name in ("supervisor", "executor", "cell"):
            early, late = ([own / 1e6 for at_s, who, _, own in self.samples
                            if who == name and low <= at_s / wall_s < high] for low, high in ((0.2, 0.4), (0.8, 1.0)))
            if early and late:
                worst = max(worst, statistics.median(late) - statistics.median(early))
        return worst


# ---- one measurement ----------------------------------------------------------------------------

def check_parquet(data, python):
    """(files, rows, windows expected); rows are counted by pyarrow where it is there, else taken from the index."""
    documents = [json.loads(text) for text, in common.query(
        data / "baleen.db", "SELECT document_json FROM artifact_index WHERE artifact_type = 'embedding_set'")]
    expected = sum(document["windows_expected"] for document in documents)
    rows = sum(document["windows_written"] for document in documents)
    if python:
        script = ("import sys, pyarrow.parquet as p\n"
                  "n = 0\n"
                  "for path in sys.argv[1:]:\n"
                  "    for group in p.ParquetFile(path).iter_batches(8192, columns=['row_index']):\n"
                  "        n += group.num_rows\n"
                  "print(n)\n")
        files = sorted((data / "embeddings").rglob("*.parquet"))
        rows = int(subprocess.run([python, "-c", script, *files], check=True, capture_output=True).stdout)
    return len(documents), rows, expected


def where_it_goes(data):
    table = common.Table("what the stages say they took", "stage", "attempts", "wall s", "CPU s", "s hashing", "s inference")
    for row in common.query(
            data / "baleen.db",
            "SELECT stage, COUNT(*), SUM((finished_at_us - started_at_us) * 1e-6), "
            "SUM(json_extract(metrics_json, '$.cpu_s')), SUM(json_extract(metrics_json, '$.hash_s')), "
            "SUM(json_extract(metrics_json, '$.inference_s')) "
            "FROM pipeline_jobs GROUP BY stage"):
        table.add(*row)
    return table


def measure(name, options, work, source, hours, python):
    data = work / "data"
    shutil.rmtree(data, ignore_errors=True)
    command = [common.BALEEN, "run", "bioacoustics", "--data", data, "--model", options.model, "--window", WINDOW_S,
               "--json", "--", source]
    if options.perf:
        command = ["perf", "record", "-F", "99", "-g", "-o", options.perf, "--", *command]
    process, out = common.start(command, start_new_session=True)
    watch = Watch()
    wall_s = watch.follow(process, options.sample_s)
    usage = common.finish(process, out)
    if usage.status != 0:
        sys.exit(f"{name} ended with {usage.status}:\n{usage.output[-2000:]}")
    watch.table(wall_s).print()
    where_it_goes(data).print()
    n_files, rows, expected = check_parquet(data, python)
    copied = [path for path in (data / "audio").rglob("original.*")]
    peak_mb = usage.peak_bytes / 1e6
    growth_mb = watch.growth(wall_s)
    disk_mb = 512e-6 * sum(path.stat().st_blocks for path in copied)
    size_mb = 1e-6 * sum(path.stat().st_size for path in copied)
    met = (peak_mb <= PEAK_MB_MAX and usage.cpu_s / hours <= CPU_S_PER_HOUR_MAX and rows == expected
           and expected == hours * 3600 // WINDOW_S)
    shutil.rmtree(data, ignore_errors=True)
    return (name, hours, size_mb / 1e3, disk_mb / 1e3, n_files, expected, rows, usage.cpu_s, usage.cpu_s / hours, wall_s,
            peak_mb, growth_mb, "ok" if met else "NOT MET")


def main():
    parser = common.parser(__doc__)
    parser.add_argument("--days", type=float, default=30, help="length of the one recording (30; --quick: 1/4)")
    parser.add_argument("--files", type=int, default=12, help="recordings of an hour with noise in them (12; --quick: 2)")
    parser.add_argument("--model", default="stub")
    parser.add_argument("--sample-s", type=float, default=10, help="how often memory is looked at")
    parser.add_argument("--perf", type=pathlib.Path, help="record where the time goes with `perf record -o FILE`")
    options = parser.parse_args()
    common.need_baleen()
    python = common.peer_python("pyarrow")
    if options.quick:
        options.days, options.files, options.sample_s = min(options.days, 0.25), min(options.files, 2), 0.2
    table = common.Table("a season through the recipe bioacoustics",
                         "recording", "hours", "GB", "GB on disk", "files", "windows", "read back", "CPU s", "CPU s/h",
                         "wall s", "peak MB", "growth MB", "targets")
    with common.Workplace(options) as work:
        if options.days > 0:
            path = work / "season.wav"
            hours = season(path, options.days)
            table.add(*measure(f"one of {options.days:g} days", options, work, path, hours, python))
            path.unlink()
        if options.files > 0:
            hours = many(work / "many", options.files)
            table.add(*measure(f"{options.files} of an hour", options, work, work / "many", hours, python))
            shutil.rmtree(work / "many")
    print(f"\nload {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors; read back by "
          f"{'pyarrow' if python else 'nobody (no pyarrow: BALEEN_BENCH_PYTHON)'}")
    table.print()
    table.write(options.json)
    sys.exit(0 if all(row[-1] == "ok" for row in table.rows) else 1)


if __name__ == "__main__":
    main()
