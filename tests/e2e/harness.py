"""What the end-to-end tests share: a place to run the program in, recordings made from nothing, and the
claims that hold after every run, however it went.

The program is BALEEN_PROGRAM, or build/baleen. Nothing here knows how the program is built inside; it is
used as a person or a script would use it. Python's standard library only.
"""
import array
import contextlib
import functools
import hashlib
import json
import math
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROGRAM = os.environ.get("BALEEN_PROGRAM", str(ROOT / "build/baleen"))
PATIENCE = float(os.environ.get("BALEEN_PATIENCE", "1"))  # More where a sanitizer makes everything slow.
TIMEOUT_S = 240 * PATIENCE  # No command here takes seconds; what takes minutes hangs.
TIMESTAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
STAGES = ("decode", "waveform", "features", "segments", "preview")
SKIPPED = 77

# 32 samples per second of tone would do; a table makes a minute of sound in milliseconds.
RATE = 22050


def shared():
    """The folder with real recordings, or None."""
    path = pathlib.Path(os.environ.get("BALEEN_SHARED", ROOT.parent / "shared"))
    return path if path.is_dir() else None


def need_shared(path):
    folder = shared()
    if folder is None or not (folder / path).exists():
        raise unittest.SkipTest(f"../shared/{path} is not here")
    return folder / path


# ---- recordings ---------------------------------------------------------------------------------

def tone(n_frames, rate=RATE, channels=1, seed=0):
    """PCM bytes: a tone with a slow beat, a little different for each seed."""
    period = [int(9000 * math.sin(2 * math.pi * k / 100) + 3000 * math.sin(2 * math.pi * k * (3 + seed % 7) / 100))
              for k in range(100)]
    second = array.array("h")
    for block in range(max(1, rate // 100)):
        scale = 0.25 + 0.75 * abs(math.sin(math.pi * (block + seed) / 40))
        second.extend(int(value * scale) for value in period)
    samples = second * (n_frames // len(second) + 1)
    samples = samples[:n_frames]
    if n_frames > 2:
        samples[1] = seed % 30000  # Two seeds never give the same file.
        samples[2] = seed // 30000
    if channels > 1:
        wide = array.array("h", bytes(2 * n_frames * channels))
        for channel in range(channels):
            wide[channel::channels] = samples
        samples = wide
    return samples.tobytes()


def wav_bytes(data, rate=RATE, channels=1, bits=16, tag=1, mask=None):
    """A RIFF WAVE file around these sample bytes; `mask` makes it WAVE_FORMAT_EXTENSIBLE."""
    align = max(1, channels * bits // 8)
    form = struct.pack("<HHIIHH", tag if mask is None else 0xFFFE, channels, rate, rate * align, align, bits)
    if mask is not None:
        form += struct.pack("<HHIH14s", 22, bits, mask, tag, bytes.fromhex("000000001000800000aa00389b71"))
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def make_wav(path, seconds, rate=RATE, channels=1, seed=0):
    n_frames = round(seconds * rate)
    path = pathlib.Path(os.fsdecode(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(wav_bytes(tone(n_frames, rate, channels, seed), rate, channels))
    return path


# ---- running ------------------------------------------------------------------------------------

class Outcome:
    def __init__(self, command, status, out, err, seconds):
        self.command, self.status, self.seconds = command, status, seconds
        self.raw_out = out
        self.out, self.err = (stream.decode("utf-8", "replace") for stream in (out, err))

    @property
    def json(self):
        """What is on standard output: one JSON document and nothing else."""
        return json.loads(self.raw_out.decode("utf-8"))

    def __str__(self):
        return (f"{self.command!r} ended with {self.status} after {self.seconds:.1f} s\n--- stdout\n{self.out[-3000:]}"
                f"\n--- stderr\n{self.err[-3000:]}")


@functools.lru_cache(maxsize=None)
def has_sandbox():
    """Whether this kernel can confine executors. Where it cannot, the tests do without, all but those of the sandbox."""
    checks = json.loads(subprocess.run([PROGRAM, "doctor", "--json"], capture_output=True, check=False).stdout)["checks"]
    return all(check["state"] == "ok" for check in checks if check["name"] == "sandbox")


def clean_environment(**changes):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("BALEEN_", "SSIS_"))}
    environment["BALEEN_WORKER_RETRY_DELAYS_S"] = "0"
    if not has_sandbox():
        environment["BALEEN_WORKER_SANDBOX"] = "best-effort"
    environment.update({name: str(value) for name, value in changes.items() if value is not None})
    return environment


class Place:
    """A temporary folder with a data directory, and the program in it."""

    def __init__(self, **environment):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="baleen-e2e-"))
        self.data = self.path / "data"
        self.environment = environment
        self.started = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.started:
            if process.poll() is None:
                kill_group(process)
            for file in process.files:
                file.close()
        if os.environ.get("BALEEN_E2E_KEEP"):
            print(f"kept: {self.path}", file=sys.stderr)
        else:
            shutil.rmtree(self.path, ignore_errors=True)

    def start(self, *arguments, data=None, **environment):
        """Starts the program in a process group of its own. Output goes to files, so it never blocks."""
        out, err = tempfile.TemporaryFile("w+b"), tempfile.TemporaryFile("w+b")
        words = [PROGRAM, "--data", data or self.data, *arguments]
        process = subprocess.Popen([word if isinstance(word, bytes) else os.fsencode(str(word)) for word in words], cwd=self.path, stdin=subprocess.DEVNULL,
                                   stdout=out, stderr=err, start_new_session=True,
                                   env=clean_environment(**{**self.environment, **environment}))
        process.began_s, process.files = time.monotonic(), (out, err)
        process.began_at = time.time()
        self.started.append(process)
        return process

    def finish(self, process, timeout_s=TIMEOUT_S):
        """Waits for the end; a command that takes too long is killed and reported as hanging."""
        try:
            status = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            kill_group(process)
            raise AssertionError(f"{process.args!r} hangs: killed after {timeout_s} s\n{read_bytes(process.files[1])}")
        seconds = time.monotonic() - process.began_s
        out, err = (read_bytes(file) for file in process.files)
        return Outcome(process.args, status, out, err, seconds)

    def run(self, *arguments, **options):
        timeout_s = options.pop("timeout_s", TIMEOUT_S)
        return self.finish(self.start(*arguments, **options), timeout_s)

    def rows(self, sql, *values, data=None):
        with contextlib.closing(open_database(data or self.data)) as connection:
            return connection.execute(sql, values).fetchall()


def read_bytes(file):
    file.seek(0)
    return file.read()


def open_database(data):
    return sqlite3.connect(f"file:{data / 'baleen.db'}?mode=ro", uri=True, timeout=60)


def group_members(group, parent=None):
    """The living processes of a process group; only the children of one of them, if it is named."""
    members = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        with contextlib.suppress(OSError, IndexError, ValueError):
            fields = pathlib.Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            if int(fields[2]) == group and fields[0] not in "ZX" and parent in (None, int(fields[1])):
                members.append(int(entry))
    return members


def executors_of(process):
    """Its children; their own children are the cells in which tasks run."""
    return group_members(process.pid, parent=process.pid)


def kill_group(process):
    """SIGKILL to the program and all it has started, as a power cut would."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    wait_for(lambda: not group_members(process.pid), "the killed processes to be gone")


def wait_for(condition, what, timeout_s=60):
    """Polls until a condition holds; its value. A test that waits in vain fails here."""
    deadline = time.monotonic() + timeout_s * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s} s for {what}")
        time.sleep(0.005)


def has_running_task(place, stage="decode", data=None):
    """Whether an executor has a task of this stage in hand, as the database says."""
    try:
        return bool(place.rows("SELECT 1 FROM stage_locks WHERE stage = ?", stage, data=data))
    except sqlite3.OperationalError:
        return False  # Not there yet.


# ---- what must hold -----------------------------------------------------------------------------

def artifacts(data):
    """Digest of every published file below the data root; computed_at, the one thing that may differ, is masked."""
    found = {}
    for folder in ("audio", "waveform", "features", "segments", "preview", "embeddings", "recordings", "clusters"):
        for path in sorted((data / folder).rglob("*")):
            if path.is_file() and not path.name.endswith(".tmp"):
                content = TIMESTAMP.sub(b"COMPUTED_AT", path.read_bytes())
                found[path.relative_to(data).as_posix()] = hashlib.sha256(content).hexdigest()
    return found


def leftovers(data):
    """Files that no finished run may leave behind: anything but artifacts, database, logs and models."""
    known = {"baleen.db", "baleen.db-wal", "baleen.db-shm", "host"}
    left = []
    for path in data.rglob("*"):
        relative = path.relative_to(data)
        if relative.parts[0] == "renderings" or (len(relative.parts) > 1 and relative.parts[1].startswith("rendering.")):
            continue  # Pictures and clips that a service keeps while it runs.
        is_work = len(relative.parts) == 2 and relative.parts[0] == "work"
        if is_work:
            left.append(relative.as_posix())
        if is_work or not path.is_file() or relative.parts[0] in ("logs", "models", "live") or relative.as_posix() in known:
            continue
        is_artifact = re.fullmatch(
            r"audio/[^/]+/(original\.[a-z0-9]{1,8}|normalized(\.[0-9a-f]{12})?\.wav)|features/[^/]+\.(h5|feature_pack\.v1\.json)|"
            r"embeddings/[^/]+/[^/]+/[0-9a-f]{64}\.parquet|clusters/[^/]+/(clusters\.json|sweep\.json|assignments\.parquet|additions\.[0-9a-f]{12}\.parquet|cluster_model\.bin)|"
            r"recordings/[^/]+\.recording\.v1(\.[0-9a-f]{12})?\.json|"
            r"waveform/[^/]+\.waveform\.v1(\.[0-9a-f]{12})?\.dat|"
            r"(segments|preview)/[^/]+\.(segments|preview)\.v1(\.[0-9a-f]{12})?\.json", relative.as_posix())
        if not is_artifact or path.name.endswith(".tmp"):
            left.append(relative.as_posix())
    return sorted(left)


class Case(unittest.TestCase):
    maxDiff = None

    def place(self, **environment):
        place = Place(**environment)
        self.addCleanup(place.__exit__)
        return place

    def assert_status(self, outcome, status):
        self.assertEqual(outcome.status, status, str(outcome))
        return outcome

    def assert_nothing_left(self, place, data=None):
        """No temporary file and no lease outlives the work."""
        data = data or place.data
        self.assertEqual(leftovers(data), [])
        self.assertEqual(place.rows("SELECT asset_id, stage, owner FROM stage_locks", data=data), [])
        self.assertEqual(place.rows("SELECT id, stage FROM pipeline_jobs WHERE status = 'running'", data=data), [])

    def assert_nothing_twice(self, place, data=None):
        """At most one completed attempt per asset and stage."""
        twice = place.rows("SELECT asset_id, stage, feature_spec_alias, COUNT(*) FROM pipeline_jobs WHERE status = "
                           "'complete' GROUP BY 1, 2, 3 HAVING COUNT(*) > 1", data=data)
        self.assertEqual(twice, [])

    def assert_index_is_true(self, place, data=None):
        """Every artifact row names a file with the recorded size and digest."""
        data = data or place.data
        for path, sha256, size in place.rows("SELECT path, sha256, bytes FROM artifact_index", data=data):
            content = (data / path).read_bytes()
            self.assertEqual((len(content), hashlib.sha256(content).hexdigest()), (size, sha256), path)

    def assert_error_is_helpful(self, error):
        """Every error has a code of the catalogue, and says what happened, why, and what to do."""
        self.assertIsInstance(error, dict)
        self.assertIn(error.get("code"), catalogue())
        for key in ("message", "cause", "action"):
            self.assertTrue(error.get(key), f"{key} of {error}")


def catalogue():
    return {entry["code"]: entry for entry in json.loads((ROOT / "specs/errors.json").read_text())["errors"]}


def failure_of(run):
    """The error of a run that failed: its own, or that of its first failed task; None if it completed."""
    if run.get("error"):
        return run["error"]
    for task in run.get("tasks", []):
        if task["state"] == "failed":
            return task["error"]
    return None


def main():
    """Runs the tests of the calling script; exits with 77 if every one of them was skipped."""
    if not os.access(PROGRAM, os.X_OK):
        print(f"skipped: {PROGRAM} is not built")
        sys.exit(SKIPPED)
    result = unittest.main(exit=False, verbosity=2).result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(SKIPPED if result.testsRun and len(result.skipped) == result.testsRun else 0)
