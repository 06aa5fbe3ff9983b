#!/usr/bin/env python3
"""Feature packs: our writer beside h5py with gzip level 4 and shuffle, on the same log-mel matrix.

The matrix is that of a real run (the sample recording, repeated), read back from its feature pack where
h5py is there; without h5py our writer is measured alone. Target: 3 times as fast, and a file no larger.
"""
import json
import shutil
import tempfile

import common

DUMP = """
import sys, h5py
with h5py.File(sys.argv[1]) as f: f["melspec"][:].astype("<f4").tofile(sys.argv[2])
"""
PEER = """
import json, os, sys, time, h5py, numpy
mel = numpy.fromfile(sys.argv[1], "<f4").reshape(-1, 64)
def once():
    begin = time.process_time()
    with h5py.File(sys.argv[2], "w") as f:
        f.create_dataset("melspec", data=mel, compression="gzip", compression_opts=4, shuffle=True)
    return mel.nbytes / (time.process_time() - begin)
speeds = [once() for _ in range(int(sys.argv[3]))]
print(json.dumps({"speeds": speeds, "bytes": os.path.getsize(sys.argv[2]), "raw": mel.nbytes}))
"""


def python_script(python, text, *arguments):
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write(text)
        script.flush()
        return common.run([python, script.name, *arguments]).output


def real_mel(python, work, seconds):
    """The log-mel of a real run as raw float32, or None where that cannot be had."""
    if not python or not common.BALEEN.is_file() or not shutil.which("ffmpeg"):
        return None
    data = work / "data"
    shutil.rmtree(data, ignore_errors=True)
    common.run([common.BALEEN, "run", "ssis", "--data", data, "--", common.base_recording(work, seconds)])
    pack = next((data / "features").glob("*.h5"))
    python_script(python, DUMP, pack, work / "mel.f32")
    return work / "mel.f32"


def main():
    parser = common.parser(__doc__)
    parser.add_argument("--mel", help="a log-mel matrix as raw float32, 64 columns (default: of a real run)")
    parser.add_argument("--benchmark", default="feature_pack_bench", help="the program, without bench_")
    options = parser.parse_args()
    runs = 3 if options.quick else options.runs
    program = common.build_benchmark(options.benchmark)
    python = common.peer_python("h5py")
    with common.Workplace(options) as work:
        mel = options.mel or real_mel(python, work, 120 if options.quick else 600)
        environment = dict(common.os.environ, **({"BALEEN_BENCH_MEL": str(mel)} if mel else {}))
        results = common.google_benchmark(program, f"--benchmark_repetitions={runs}", env=environment)
        table = common.Table(f"feature packs, MB of float32 per CPU second (median of {runs})",
                             "what", "MB/s", "file bytes")
        ours = {}
        for result in results:
            if result.get("run_type") == "iteration":
                ours.setdefault(result["run_name"], []).append(result)
        for name, group in ours.items():
            table.add("baleen " + name, common.median([r["bytes_per_second"] for r in group]) / 1e6,
                      int(group[0].get("file_bytes", 0)) or None)
        if python and mel:
            peer = json.loads(python_script(python, PEER, mel, work / "peer.h5", runs).splitlines()[-1])
            speed = common.median(peer["speeds"]) / 1e6
            table.add("h5py melspec, gzip 4 + shuffle", speed, peer["bytes"])
            mel_row = next((row for row in table.rows if "melspec" in row[0] and "write" in row[0]), None)
            if mel_row:
                table.add("ratio for melspec", mel_row[1] / speed,
                          f"{mel_row[2] / peer['bytes']:.3f}" if mel_row[2] else None)
        table.print()
        if not python:
            print("  h5py is not installed, so it is left out (pip install h5py; BALEEN_BENCH_PYTHON=that python)")
        table.write(options.json)


if __name__ == "__main__":
    main()
