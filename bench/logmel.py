#!/usr/bin/env python3
"""Log-mel: our kernel beside librosa, nanoseconds of CPU per STFT frame (22,050 Hz, n_fft 1024, 64 bands).

Peer: `librosa`, imported by this Python or by the one in BALEEN_BENCH_PYTHON; skipped where absent.
"""
import json
import tempfile

import common

PEER = """
import json, os, sys, time
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"): os.environ[name] = "1"
import librosa, numpy
y = numpy.random.default_rng(1).standard_normal(22050 * int(sys.argv[1])).astype("float32") * 0.1
def once():
    begin = time.process_time()
    mel = librosa.feature.melspectrogram(y=y, sr=22050, n_fft=1024, win_length=551, hop_length=220, n_mels=64,
                                         power=2.0, center=True, pad_mode="constant")
    db = librosa.power_to_db(mel, ref=1.0, amin=1e-10, top_db=None)
    return (time.process_time() - begin) / db.shape[1] * 1e9
once()
print(json.dumps([once() for _ in range(int(sys.argv[2]))]))
"""


def nanoseconds_per_frame(result):
    """From the counter of dsp_bench, else from the frames (items) per second of CPU time."""
    if "row" in result:  # Seconds per row.
        return result["row"] * 1e9
    if result.get("items_per_second"):
        return 1e9 / result["items_per_second"]
    scale = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}[result["time_unit"]]
    return result["cpu_time"] * scale


def main():
    parser = common.parser(__doc__)
    parser.add_argument("--benchmark", default="dsp_bench", help="the program, without bench_ (dsp_bench)")
    parser.add_argument("--filter", default="LogMel", help="which of its measurements (LogMel)")
    options = parser.parse_args()
    runs = 3 if options.quick else options.runs
    program = common.build_benchmark(options.benchmark)
    results = common.google_benchmark(program, f"--benchmark_filter={options.filter}", f"--benchmark_repetitions={runs}",
                                      "--benchmark_report_aggregates_only=true")
    table = common.Table(f"log-mel, CPU nanoseconds per frame (median of {runs}); targets: 300 with AVX-512, "
                         "500 with AVX2", "what", "ns per frame", "x faster than librosa")
    python = common.peer_python("librosa")
    peer = None
    if python:
        with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
            script.write(PEER)
            script.flush()
            usage = common.run([python, script.name, "20" if options.quick else "120", str(runs)])
        peer = common.median(json.loads(usage.output.splitlines()[-1]))
    for result in results:
        if result.get("aggregate_name") == "median":
            ns = nanoseconds_per_frame(result)
            table.add(result["run_name"], ns, peer / ns if peer else None)
    if peer:
        table.add("librosa", peer, 1.0)
    table.print()
    if not peer:
        print("  librosa is not installed, so it is left out (pip install librosa; BALEEN_BENCH_PYTHON=that python)")
    table.write(options.json)


if __name__ == "__main__":
    main()
