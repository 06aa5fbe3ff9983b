"""Hosts, containers and clocks that are none: what fences.py and environments.py run the program under."""
import argparse
import collections
import os
import pathlib
import random
import struct
import subprocess
import sys
import time
import unittest
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import harness  # noqa: E402

SHIM = pathlib.Path(os.environ.get("BALEEN_BUILD", harness.ROOT / "build")) / "tests/resilience/clock_shim.so"
HOUR_S = 3600
counts = collections.Counter()
rng = None  # With a budget: what `some` draws from.


def need_shim():
    if not SHIM.exists():
        raise unittest.SkipTest(f"{SHIM} is not built")
    outcome = subprocess.run([harness.PROGRAM, "version"], env={**os.environ, "LD_PRELOAD": str(SHIM)},
                             capture_output=True, check=False)
    if outcome.returncode != 0:
        raise unittest.SkipTest(f"the program does not run under LD_PRELOAD: {outcome.stderr[-200:]!r}")


def may_unshare(*words):
    """Whether this machine lets us make namespaces of our own."""
    return subprocess.run(["unshare", *words, "true"], capture_output=True, check=False).returncode == 0


class Host:
    """A host of this name; with `like`, a container (another machine id) or a later boot of that one."""

    def __init__(self, place, name, boot_id=None, machine_id=None):
        self.name = name
        self.folder = place.path / "hosts" / (boot_id or str(uuid.uuid4())) / name
        self.folder.mkdir(parents=True)
        self.boot_id = boot_id or self.folder.parent.name
        self.machine_id = machine_id or uuid.uuid4().hex
        (self.folder / "boot_id").write_text(self.boot_id + "\n")
        (self.folder / "machine-id").write_text(self.machine_id + "\n")
        counts["hosts"] += 1

    @property
    def environment(self):
        return {"LD_PRELOAD": SHIM, "BALEEN_TEST_HOST": self.folder}


class Clock:
    """A wall clock that is ahead by some seconds, for all who run under it; it may be set at any time."""

    def __init__(self, path, ahead_s=0):
        self.path, self.ahead_s = path, ahead_s
        self.file = open(path, "w+b", buffering=0)
        self.set(ahead_s)

    def set(self, ahead_s):
        self.ahead_s = ahead_s
        os.pwrite(self.file.fileno(), struct.pack("=q", round(ahead_s * 1e6)), 0)
        counts["clocks set"] += 1

    @property
    def environment(self):
        return {"LD_PRELOAD": SHIM, "BALEEN_TEST_CLOCK": self.path}


def some(sample, of):
    """What a test tries: this sample; with a budget as many others of all that there are."""
    return sample if rng is None else rng.sample(list(of), len(sample))


def queue(case, place, n_assets, seconds=1.5, **environment):
    folder = place.path / "in"
    for i in range(n_assets):
        harness.make_wav(folder / f"{i:03}.wav", seconds, seed=i)
    document = case.assert_status(place.run("ingest", folder, "--json", **environment), 0).json
    return [run["run_id"] for run in (document if isinstance(document, list) else [document])]


def main(module_name, describe):
    """The tests of the calling script, again and again while the budget lasts; one line of counts in the end."""
    parser = argparse.ArgumentParser(description=describe, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget-s", type=float, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-k", help="only tests with this in their names")
    options = parser.parse_args()
    if not os.access(harness.PROGRAM, os.X_OK):
        print(f"skipped: {harness.PROGRAM} is not built")
        sys.exit(harness.SKIPPED)
    began_s, n_run, n_failed, n_skipped = time.monotonic(), 0, 0, 0
    while True:
        loader = unittest.TestLoader()
        loader.testNamePatterns = [f"*{options.k}*"] if options.k else None
        global rng
        rng = random.Random(f"{options.seed}/{n_run}") if options.budget_s else None
        result = unittest.TextTestRunner(verbosity=2).run(loader.loadTestsFromName(module_name))
        n_run += result.testsRun
        n_failed += len(result.failures) + len(result.errors)
        n_skipped += len(result.skipped)
        if time.monotonic() - began_s >= options.budget_s or result.testsRun == 0:
            break
    told = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    print(f"{pathlib.Path(sys.argv[0]).stem}: {n_run} tests ({n_skipped} skipped), {told}, {n_failed} failures, "
          f"{time.monotonic() - began_s:.0f} s, seed {options.seed}")
    sys.exit(1 if n_failed else harness.SKIPPED if n_run and n_run == n_skipped else 0)
