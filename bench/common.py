"""What the benchmark scripts share: measuring child processes, making recordings, printing tables.

Figures are CPU seconds (user + system, of a command and all its children), medians of several runs. They
depend little on what else the machine does; still, compare ratios rather than seconds.
"""
import argparse
import json
import os
import pathlib
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BALEEN = pathlib.Path(os.environ.get("BALEEN_PROGRAM", ROOT / "build/baleen"))


def shared():
    """The folder with real recordings and networks, or None."""
    path = pathlib.Path(os.environ.get("BALEEN_SHARED", ROOT.parent / "shared"))
    return path if path.is_dir() else None


def parser(text):
    p = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--runs", type=int, default=5, help="runs of each measurement; the median counts (5)")
    p.add_argument("--quick", action="store_true", help="short recordings and few runs")
    p.add_argument("--work", type=pathlib.Path, help="where recordings and data go (default: a temporary folder)")
    p.add_argument("--json", type=pathlib.Path, help="also write the figures to this file")
    return p


class Workplace:
    """A folder for the duration of a benchmark; --work keeps it, so that recordings are made once."""

    def __init__(self, options):
        self.is_kept = options.work is not None
        self.path = options.work or pathlib.Path(tempfile.mkdtemp(prefix="baleen-bench-"))
        self.path.mkdir(parents=True, exist_ok=True)

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        if not self.is_kept:
            shutil.rmtree(self.path, ignore_errors=True)


class Usage:
    """What a finished command has used."""

    def __init__(self, status, resources, output):
        self.status = os.waitstatus_to_exitcode(status)
        self.cpu_s = resources.ru_utime + resources.ru_stime
        self.peak_bytes = resources.ru_maxrss * 1024  # The largest of the command and its children.
        self.output = output


def start(command, **popen_options):
    """Starts a command whose output goes to a temporary file."""
    out = tempfile.TemporaryFile("w+")
    process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out,
                               stderr=subprocess.STDOUT, **popen_options)
    return process, out


def finish(process, out):
    _, status, resources = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    out.seek(0)
    text = out.read()
    out.close()
    return Usage(status, resources, text)


def has_ended(process):
    """Whether it has ended; unlike poll(), this leaves its usage for finish()."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def run(command, may_fail=False, **popen_options):
    """Runs a command to its end; its Usage. A failure ends the benchmark unless it may fail."""
    usage = finish(*start(command, **popen_options))
    if usage.status != 0 and not may_fail:
        sys.exit(f"{' '.join(map(str, command))} ended with {usage.status}:\n{usage.output[-2000:]}")
    return usage


def last_json(text):
    """The object (or list) that a --json command ends with; log lines may come before."""
    for i, char in enumerate(text):
        if char in "{[" and (i == 0 or text[i - 1] == "\n"):
            try:
                return json.loads(text[i:])
            except ValueError:
                continue
    lines = [line for line in text.splitlines() if line.startswith(("{", "["))]
    if not lines:
        sys.exit(f"no JSON in:\n{text[-2000:]}")
    return json.loads(lines[-1])


def need_baleen():
    if not BALEEN.is_file():
        skip(f"{BALEEN} is not built (make build)")


def need_ffmpeg():
    if not shutil.which("ffmpeg"):
        skip("the ffmpeg program, which makes the recordings, is not installed (apt-get install ffmpeg)")


def skip(why):
    print(f"skipped: {why}")
    sys.exit(0)


def first_asset(document):
    document = document[0] if isinstance(document, list) else document
    if "assets" in document:
        document = document["assets"][0]
    return document["asset_id"]


def ingest(data, *files):
    return last_json(run([BALEEN, "ingest", "--data", data, "--json", "--", *files]).output)


def query(database, sql):
    """The rows that a statement finds in a database that others may be writing."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def median(values):
    return statistics.median(values)


ENCODERS = {
    "mp3": ["-c:a", "libmp3lame", "-b:a", "192k"],
    "flac": ["-c:a", "flac"],
    "ogg": ["-c:a", "libvorbis", "-q:a", "5"],
    "opus": ["-c:a", "libopus", "-b:a", "128k"],
    "aac": ["-c:a", "aac", "-b:a", "192k", "-f", "ipod"],
}
SUFFIX = {"aac": "m4a"}


def base_recording(folder, seconds, source=None):
    """A stereo WAV of this length: `source`, or the sample recording, again and again.

    With faint noise (-66 dBFS), as every microphone has it: an exact loop compresses as no recording does.
    """
    need_ffmpeg()
    path = folder / f"base_{seconds}.wav"
    if path.exists():
        return path
    if source is None:
        source = folder / "sample.wav"
        run([sys.executable, ROOT / "scripts/make_sample.py", source])
    # The right channel is the left one, 0.7 s later: not the same, and not unrelated.
    run(["ffmpeg", "-v", "error", "-y", "-stream_loop", "-1", "-i", source,
         "-f", "lavfi", "-i", "anoisesrc=r=44100:a=0.0005:c=pink:s=7", "-filter_complex",
         "[0:a]aformat=channel_layouts=mono,aresample=44100[clean];[clean][1:a]amix=normalize=0:duration=first,"
         "asplit[l][r];[r]adelay=700[late];"
         "[l][late]join=inputs=2:channel_layout=stereo[out]",
         "-map", "[out]", "-t", seconds, "-c:a", "pcm_s16le", path])
    return path


def recording(folder, codec, seconds, source=None):
    """A recording of this length in one of ENCODERS."""
    path = folder / f"{codec}_{seconds}.{SUFFIX.get(codec, codec)}"
    if not path.exists():
        base = base_recording(folder, seconds, source)
        run(["ffmpeg", "-v", "error", "-y", "-i", base, *ENCODERS[codec], path])
    return path


def long_mp3(folder, seconds):
    """An MP3 of any length, made at once: the same ten minutes of frames behind one another."""
    path = folder / f"long_{seconds}.mp3"
    if path.exists():
        return path
    block = folder / "block.mp3"
    run(["ffmpeg", "-v", "error", "-y", "-i", base_recording(folder, 600), "-c:a", "libmp3lame", "-b:a", "64k",
         "-write_xing", "0", "-id3v2_version", "0", block])
    frames = block.read_bytes()
    with path.open("wb") as file:
        for _ in range(seconds // 600):
            file.write(frames)
    return path


class Table:
    """Rows of text and numbers, printed aligned; kept for --json."""

    def __init__(self, title, *columns):
        self.title, self.columns, self.rows = title, columns, []

    def add(self, *cells):
        self.rows.append(cells)

    def print(self):
        rows = [self.columns] + [[format_cell(cell) for cell in row] for row in self.rows]
        widths = [max(len(row[i]) for row in rows) for i in range(len(self.columns))]
        print(f"\n{self.title}")
        for row in rows:
            print("  " + "  ".join(cell.ljust(w) if i == 0 else cell.rjust(w)
                                   for i, (cell, w) in enumerate(zip(row, widths))).rstrip())
        sys.stdout.flush()

    def write(self, path):
        if path:
            rows = [dict(zip(self.columns, row)) for row in self.rows]
            path.write_text(json.dumps({"title": self.title, "rows": rows}, indent=1) + "\n")


def format_cell(cell):
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 1000 else f"{cell:.3g}" if abs(cell) < 10 else f"{cell:.1f}"
    return str(cell)


def build_benchmark(name):
    """The path of a Google Benchmark program, built in build-bench/; ends the script where it cannot be."""
    build = ROOT / "build-bench"
    target = "bench_" + name
    flags = ["-DBALEEN_BENCH=ON", "-DBALEEN_TESTS=OFF", "-DCMAKE_BUILD_TYPE=Release", "-G", "Ninja"]
    if shutil.which("ccache"):
        flags.append("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
    if not (build / "build.ninja").exists():
        usage = run(["cmake", "-S", ROOT, "-B", build, *flags], may_fail=True)
        if usage.status != 0:
            skip(f"cannot configure the benchmarks: {usage.output[-600:]}")
    usage = run(["cmake", "--build", build, "--target", target, "-j", os.cpu_count() or 2], may_fail=True)
    if usage.status != 0:
        skip(f"cannot build {target}: {usage.output[-600:]}")
    found = [path for path in build.rglob(target) if path.is_file() and os.access(path, os.X_OK)]
    if not found:
        skip(f"{target} was built, but not found below {build}")
    return found[0]


def google_benchmark(program, *arguments, **popen_options):
    """The list of results of a Google Benchmark program."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        run([program, f"--benchmark_out={file.name}", "--benchmark_out_format=json", *arguments], **popen_options)
        return json.load(open(file.name))["benchmarks"]


def peer_python(module):
    """A Python that can import `module` (this one, or BALEEN_BENCH_PYTHON), or None."""
    for candidate in (os.environ.get("BALEEN_BENCH_PYTHON"), sys.executable):
        if candidate and run([candidate, "-c", f"import {module}"], may_fail=True).status == 0:
            return candidate
    return None
