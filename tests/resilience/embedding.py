#!/usr/bin/env python3
"""One embedding, killed at random moments until nobody would believe in it any more; in the end the same bytes.

A recording goes through `baleen run bioacoustics`. Again and again one of its processes (or all of them) gets SIGKILL: the
supervisor, an executor, a cell; while it starts, while it embeds, or while another attempt goes on where the last one
was killed. It is the same run throughout. When it may finish, its Parquet file must be, bit by bit, that of a run that
nobody disturbed, and no window may have been lost or made twice.

usage: embedding.py [--kills N] [--seed N] [--budget-s S]     (10 kills; with a budget 60 kills for each run)
"""
import argparse
import collections
import contextlib
import os
import pathlib
import random
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import harness  # noqa: E402

SEED = 20261121
KILLS = 10  # Of each run, in `make test`.
KILLS_OF_BUDGET = 60
SECONDS_PER_KILL = 90  # Of sound: so that the work outlasts the kills.
WORDS = ("--model", "builtin", "--window", "0.5", "--hop", "0.125", "--executors", "1")
# Whom it meets. A cell or an executor that dies is the supervisor's to notice; the others end the command.
VICTIMS = {"everything": 4, "supervisor": 3, "executor": 2, "cell": 2}


class Claims(harness.Case):
    def runTest(self):
        """Only a carrier of assertions."""


class Reference:
    """What an undisturbed run makes, and how long that takes."""

    def __init__(self, n_kills):
        self.place = harness.Place()
        self.recording = harness.make_wav(self.place.path / "season.wav", SECONDS_PER_KILL * n_kills, 16000, seed=n_kills)
        outcome = self.place.run("run", "bioacoustics", self.recording, *WORDS, "--json")
        if outcome.status != 0:
            raise AssertionError(str(outcome))
        self.artifacts = harness.artifacts(self.place.data)
        (begin, end), = self.place.rows("SELECT started_at_us, finished_at_us FROM pipeline_jobs WHERE stage = 'embed'")
        self.work_s = (end - begin) * 1e-6
        self.start_s = max(0.2, outcome.seconds - self.work_s)

    def close(self):
        self.place.__exit__()


def children(pids, session):
    return [child for pid in pids for child in harness.group_members(session, parent=pid)]


class Hunt:
    def __init__(self, place, reference, rng, n_kills):
        self.place, self.reference, self.rng, self.n_kills = place, reference, rng, n_kills
        self.counts = collections.Counter()
        self.process = None

    def start(self):
        """The command as a user would give it again; what had failed is queued again, as one would do it then."""
        if self.process is not None and self.place.rows("SELECT 1 FROM tasks WHERE state = 'failed'"):
            self.counts["retries"] += 1
            self.place.run("retry", "--all", "--queue")
        self.process = self.place.start("run", "bioacoustics", self.reference.recording, *WORDS, "--json")

    def wait(self, seconds):
        """Whether the command is still there after so long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            time.sleep(0.002)
        return self.process.poll() is None

    def checkpoint(self):
        """When windows were last made safe, so that nobody need make them again; None before the first."""
        times = []
        for path in self.place.data.glob("work/*/*.checkpoint*"):
            with contextlib.suppress(FileNotFoundError):
                times.append(path.stat().st_mtime_ns)
        return max(times, default=None)

    def wait_for(self, condition, what):
        """Whether the command is still there when the condition holds."""
        deadline = time.monotonic() + 60 * harness.PATIENCE
        while self.process.poll() is None and not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"waits for {what}")
            time.sleep(0.002)
        return self.process.poll() is None

    def moment(self):
        """Waits for a moment: any since the start, any while windows are made, or one soon after some were made safe."""
        kind = self.rng.random()
        a_while_s = self.rng.uniform(0, 1.2 * self.reference.work_s / self.n_kills)
        if kind < 0.3:
            return self.wait(self.rng.uniform(0, 1.2 * self.reference.start_s))
        if kind < 0.7:
            return self.wait_for(lambda: harness.has_running_task(self.place, "embed"), "an embedding") and self.wait(a_while_s)
        before = self.checkpoint()
        return self.wait_for(lambda: self.checkpoint() not in (None, before), "a checkpoint") and self.wait(a_while_s / 3)

    def kill(self):
        """SIGKILL to one of those that are there; whom it met."""
        top = self.process.pid
        executors = children([top], top)
        found = {"everything": [top], "supervisor": [top], "executor": executors, "cell": children(executors, top)}
        names = [name for name in VICTIMS if found[name]]
        name = self.rng.choices(names, [VICTIMS[each] for each in names])[0]
        if name == "everything":
            harness.kill_group(self.process)
        else:
            try:
                os.kill(self.rng.choice(found[name]), signal.SIGKILL)
            except ProcessLookupError:
                return None
        if name == "supervisor":
            self.process.wait()  # Another may begin while its executor is still there.
        return name

    def run(self):
        """Kills until enough have met it, then lets it finish; the outcome."""
        self.start()
        while sum(self.counts[name] for name in VICTIMS) < self.n_kills:
            if self.moment():
                self.counts.update(filter(None, [self.kill()]))
            elif self.process.returncode == 0:
                raise AssertionError(f"the run was over after {dict(self.counts)}: too few kills in {self.reference.work_s} s")
            if self.process.poll() is not None:
                self.start()
        outcome = self.place.finish(self.process) if self.wait(harness.TIMEOUT_S) else None
        while outcome is None or outcome.status != 0:  # Killed by the last one, or used up its attempts.
            self.start()
            outcome = self.place.finish(self.process)
            self.counts["last starts"] += 1
            if self.counts["last starts"] > 3:
                raise AssertionError(f"does not finish: {outcome}")
        return outcome


def play(seed, index, n_kills, reference):
    """One run with its kills; counts."""
    case, place = Claims(), harness.Place()
    with place:
        hunt = Hunt(place, reference, random.Random(f"{seed}/{index}"), n_kills)
        hunt.run()
        case.assertEqual(harness.artifacts(place.data), reference.artifacts)
        case.assertEqual(place.rows("SELECT COUNT(*) FROM runs"), [(1,)], "it is one run")
        case.assert_nothing_left(place)
        case.assert_nothing_twice(place)
        case.assert_index_is_true(place)
        attempts = place.rows("SELECT status, COUNT(*) FROM pipeline_jobs WHERE stage = 'embed' GROUP BY 1")
        resumed, = place.rows("SELECT json_extract(metrics_json, '$.windows_resumed') FROM pipeline_jobs "
                              "WHERE stage = 'embed' AND status = 'complete'")
        case.assertGreater(resumed[0], 0, "the last attempt began anew")
        hunt.counts.update({f"attempts {status}": n for status, n in attempts})
        hunt.counts["windows resumed"] += resumed[0]
        return hunt.counts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int)
    parser.add_argument("--budget-s", type=float, default=0)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--round", type=int, help="only this one")
    options = parser.parse_args()
    if not os.access(harness.PROGRAM, os.X_OK):
        print(f"skipped: {harness.PROGRAM} is not built")
        return harness.SKIPPED
    n_kills = options.kills or (KILLS_OF_BUDGET if options.budget_s else KILLS)
    began_s, total, failures, index = time.monotonic(), collections.Counter(), 0, options.round or 0
    reference = Reference(n_kills)
    while True:
        round_s = time.monotonic()
        try:
            total += play(options.seed, index, n_kills, reference)
        except AssertionError as error:
            failures += 1
            print(f"FAILED (--seed {options.seed} --kills {n_kills} --round {index}): {error}", flush=True)
        index += 1
        round_s = time.monotonic() - round_s
        if options.round is not None or time.monotonic() - began_s + round_s > options.budget_s:
            break
    reference.close()
    print("embedding: " + ", ".join(f"{count} {name}" for name, count in sorted(total.items())))
    print(f"embedding: {index - (options.round or 0)} runs of {SECONDS_PER_KILL * n_kills} s of sound, "
          f"{sum(total[name] for name in VICTIMS)} kills, {failures} failures, {time.monotonic() - began_s:.0f} s, "
          f"seed {options.seed}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
