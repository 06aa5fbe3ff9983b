#!/usr/bin/env python3
"""Embeddings as Parquet: our writer and reader beside pyarrow's, and the memory that each takes.

MB of float32 per CPU second (user and system); 1024 dimensions of noise, files in memory where the system has such a
place. pyarrow writes with its own defaults, without compression, and as we do
(row groups of 1024, plain); it gets its rows in row groups, too, so that its memory is bounded as well.
"""
import json
import os
import pathlib
import tempfile

import common

PEER = """
import os, sys, time, numpy, pyarrow, pyarrow.parquet as pq
pyarrow.set_cpu_count(1)
what, path, megabytes = sys.argv[1], sys.argv[2], int(sys.argv[3])
dim, block = 1024, 1024
blocks = megabytes * 2**20 // (block * dim * 4)
schema = pyarrow.schema([("row_index", pyarrow.int32()), ("start_s", pyarrow.float64()), ("end_s", pyarrow.float64()),
                         ("is_padded", pyarrow.bool_()), ("embedding", pyarrow.list_(pyarrow.float32()))])
values = numpy.random.default_rng(1).standard_normal(block * dim).astype("f4")
offsets = pyarrow.array(numpy.arange(0, block * dim + 1, dim, dtype="i4"))
batch = pyarrow.record_batch([pyarrow.array(numpy.zeros(block, "i4")), pyarrow.array(numpy.zeros(block)),
                              pyarrow.array(numpy.zeros(block)), pyarrow.array(numpy.zeros(block, bool)),
                              pyarrow.ListArray.from_arrays(offsets, pyarrow.array(values))], schema=schema)
def write(**options):
    with pq.ParquetWriter(path, schema, **options) as writer:
        for _ in range(blocks):
            writer.write_batch(batch)
plain = {"compression": "none", "use_dictionary": False}
if what == "read":
    write(**plain)
begin = time.process_time()
if what == "read":
    for batch in pq.ParquetFile(path).iter_batches(batch_size=1024, columns=["embedding"], use_threads=False):
        batch.column(0).flatten().to_numpy()
else:
    write(**{"write": {}, "write_plain": plain, "write_gzip": {"compression": "gzip"}}[what])
print(megabytes * 2**20 / 1e6 / (time.process_time() - begin), os.path.getsize(path))
"""


def ours(program, name, folder, megabytes):
    """MB per CPU second, peak memory and the file's size."""
    environment = {**os.environ, "BALEEN_BENCH_MB": str(megabytes), "BALEEN_BENCH_DIR": str(folder)}
    out = folder / "out.json"
    usage = common.run([program, f"--benchmark_filter=^{name}$", "--benchmark_min_time=0.001", f"--benchmark_out={out}",
                        "--benchmark_out_format=json"], env=environment)
    result, = json.loads(out.read_text())["benchmarks"]
    return result["bytes_per_second"] / 1e6, usage.peak_bytes / 1e6, int(result["file_bytes"])


def theirs(python, folder, name, megabytes):
    script = folder / "peer.py"
    script.write_text(PEER)
    usage = common.run([python, script, name, folder / "peer.parquet", megabytes])
    speed, size = usage.output.split()
    return float(speed), usage.peak_bytes / 1e6, int(size)


def main():
    parser = common.parser(__doc__)
    parser.add_argument("--megabytes", type=int, default=1024, help="size of the large file (1024)")
    options = parser.parse_args()
    runs = 3 if options.quick else options.runs
    large, small = 256 if options.quick else options.megabytes, 16
    program = common.build_benchmark("parquet_bench")
    python = common.peer_python("pyarrow")
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    table = common.Table(f"embeddings as Parquet, {large} MiB, by CPU time (median of {runs})",
                         "what", "MB/s", "peak MB", f"peak MB at {small} MiB", "file bytes")
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        folder = pathlib.Path(folder)

        def measure(what, once):
            few = 1 if "gzip" in what else runs
            results = [once(large) for _ in range(few)]
            table.add(what, common.median([speed for speed, _, _ in results]), max(peak for _, peak, _ in results),
                      once(small)[1], results[0][2])

        for name in ("write_embeddings", "write_embeddings_resumable", "write_embeddings_gzip", "read_embeddings",
                     "sum_mapped_embeddings"):
            measure("baleen " + name, lambda size: ours(program, name, folder, size))
        for name in ("write", "write_plain", "write_gzip", "read") if python else ():
            measure("pyarrow " + name, lambda size: theirs(python, folder, name, size))
    table.print()
    print("  a mapped file counts as memory while it is looked at, though the system may drop it at any time")
    if not python:
        print("  pyarrow is not installed, so it is left out (pip install pyarrow; BALEEN_BENCH_PYTHON=that python)")
    table.write(options.json)


if __name__ == "__main__":
    main()
