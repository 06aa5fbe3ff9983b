#!/usr/bin/env python3
"""Every system call dies: a whole run, with one fault at each of the calls that it makes on its data and its database.

usage: syscalls.py [--budget-s N] [--seed S] [--point CALL:FAULT[,CALL:FAULT]] [--threads N]

A preloaded library (fault_shim.cc) counts the calls over all processes of the run and makes the fault: everything
dies before or after the call, only its process dies, EIO, ENOSPC, half of the bytes, EINTR. The run then ends well or
with an error of the catalogue, it never hangs and never crashes; and a second run ends with exactly what an
undisturbed one makes. Without a budget some points are tried, with one all of them, and then pairs: a death in the
run and a fault in the restart.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import random
import shutil
import sys
import threading
import time

import by_strace
import shim
import harness  # Found by shim.

SETTINGS = {"BALEEN_DECODE_MIN_DURATION_S": 0.5, "BALEEN_DECODE_CHUNK_S": 0.4}
SECONDS = 1.0  # Of the recording: three checkpoints.
RUN_S_MAX = 60
KILLS = ("KILL_BEFORE", "KILL_AFTER", "KILL_ONE")
# Where a fault makes sense. EINTR of a call that cannot wait and ENOSPC of one that needs no room do not exist.
FAULTS = {
    "open": (*KILLS, "EIO", "ENOSPC", "EINTR"),
    "close": (*KILLS, "EIO", "EINTR"),
    "write": (*KILLS, "EIO", "ENOSPC", "SHORT", "EINTR"),
    "fsync": (*KILLS, "EIO", "ENOSPC", "EINTR"),
    "rename": (*KILLS, "EIO", "ENOSPC"),
    "link": (*KILLS, "EIO", "ENOSPC"),
    "unlink": (*KILLS, "EIO"),
    "mkdir": (*KILLS, "EIO", "ENOSPC"),
    "truncate": (*KILLS, "EIO", "ENOSPC", "EINTR"),
    "msync": (*KILLS, "EIO"),
    "fallocate": (*KILLS, "EIO", "ENOSPC", "EINTR"),
    "copy": (*KILLS, "EIO", "ENOSPC", "SHORT", "EINTR"),
}
SAMPLE = 24  # Points of the short mode; each kind of call and each fault is among them.
SAMPLE_PAIRS = 8


class Syscalls(harness.Case):
    def runTest(self):
        """Only a carrier of assertions."""


class Reference:
    """An undisturbed run: its artifacts and its calls."""

    def __init__(self):
        self.place = harness.Place(**SETTINGS)
        self.file = harness.make_wav(self.place.path / "in" / "a.wav", SECONDS)
        self.shim = shim.Shim(self.place.path, self.place.data)
        self.shim.arm(0, "NONE")
        self.command = ["run", "ssis", self.file, "--executors", 1, "--json"]
        outcome = self.place.run(*self.command, **self.shim.environment)
        if outcome.status != 0:
            raise AssertionError(str(outcome))
        self.trace = self.shim.trace
        self.calls_of_children = self.shim.calls_of_children
        self.artifacts = harness.artifacts(self.place.data)

    def close(self):
        self.place.__exit__()


class Trials:
    """Trials of one reference; may be made by several threads."""

    def __init__(self, case, reference):
        self.case, self.reference, self.counts, self.lock = case, reference, collections.Counter(), threading.Lock()

    def count(self, name):
        with self.lock:
            self.counts[name] += 1

    def run(self, points):
        return Trial(self).run(points)


class Trial:
    """One place, some faults one after the other, and the verdict."""

    def __init__(self, trials):
        self.case, self.reference, self.count = trials.case, trials.reference, trials.count
        self.garbage = set()   # What could not be removed because we did not let it.
        self.given_up = set()  # Runs that were reported as failed.

    def run(self, points):
        """`points`: (call, fault) of one run after the other. Then an undisturbed run must make everything good."""
        with harness.Place(**SETTINGS) as place:
            steer = shim.Shim(place.path, place.data)
            has_fired = is_killed_only = True
            for call, fault in points:
                steer.arm(call, fault)
                process = place.start(*self.reference.command, **steer.environment)
                outcome = place.finish(process, RUN_S_MAX)
                harness.kill_group(process)
                self.count("runs")
                has_fired = has_fired and steer.page.fired == 1
                is_killed_only = is_killed_only and fault.startswith("KILL_") and fault != "KILL_ONE"
                if steer.page.fired == 1:
                    self.count(f"{fault} at {shim.KINDS[steer.page.fired_kind]}")
                    if fault not in KILLS and shim.KINDS[steer.page.fired_kind] in ("unlink", "open", "close"):
                        self.garbage.add(os.path.relpath(steer.page.fired_path.decode(), steer.root))
                is_ours = fault in KILLS and steer.page.fired == 1
                self.judge_end(outcome, is_ours)
            self.case.assertEqual(steer.page.violations, 0,
                                  f"synced again after a failed fsync: {steer.page.violation_path.decode()}")
            self.judge_restart(place, is_killed_only)
        return has_fired

    def judge_end(self, outcome, is_killed):
        """It ended by our kill, or well, or with an error that helps."""
        if is_killed and outcome.status == -9:
            return
        self.case.assertGreaterEqual(outcome.status, 0, f"a crash: {outcome}")
        if outcome.status == 0:
            return
        self.count("ends with an error")
        if outcome.out.strip():
            run = outcome.json
            error = harness.failure_of(run)
            self.case.assertIsNotNone(error, str(outcome))
            self.given_up.add(run.get("run_id"))
        else:
            error = error_on(outcome.err)
        self.case.assert_error_is_helpful(error)
        self.count(f"error {error['code']}")

    def judge_restart(self, place, is_killed_only):
        case = self.case
        outcome = place.run(*self.reference.command, timeout_s=RUN_S_MAX)
        if outcome.status != 0:  # What has been given up starts again when it is asked for.
            run = outcome.json
            case.assertFalse(is_killed_only, f"a death used up attempts: {outcome}")
            case.assertIn("run_id", run, str(outcome))
            case.assert_error_is_helpful(harness.failure_of(run))
            outcome = place.run("retry", run["run_id"], "--json", timeout_s=RUN_S_MAX)
            self.count("retries")
        case.assert_status(outcome, 0)
        case.assertEqual(harness.artifacts(place.data), self.reference.artifacts)
        for path in harness.leftovers(place.data):
            if not any(known == path or known.startswith(path + "/") for known in self.garbage):
                continue
            # We did not let it be removed. It is there, but nothing speaks of it.
            case.assertEqual(place.rows("SELECT path FROM artifact_index WHERE path = ?", path), [])
            if (place.data / path).is_dir():
                shutil.rmtree(place.data / path)
            else:
                (place.data / path).unlink(missing_ok=True)  # With its folder, perhaps.
            self.count("files that stayed behind")
        case.assert_nothing_left(place)
        case.assert_nothing_twice(place)
        case.assert_index_is_true(place)
        for run_id, state in place.rows("SELECT run_id, state FROM runs"):
            case.assertIn((state, run_id in self.given_up), (("complete", True), ("complete", False), ("failed", True)))
            if state == "complete":
                states = place.rows("SELECT DISTINCT state FROM tasks WHERE run_id = ?", run_id)
                case.assertEqual(states, [("complete",)])
        case.assertIn(("complete",), place.rows("SELECT state FROM runs"))
        case.assertEqual(place.rows("PRAGMA integrity_check"), [("ok",)])
        if is_killed_only:  # A worker that dies costs its task no attempt.
            case.assertEqual(place.rows("SELECT DISTINCT attempt FROM pipeline_jobs"), [(1,)])


def error_on(text):
    """The error that a command prints for people: its code, what happened, why, and what to do."""
    error = {}
    for line in text.splitlines():
        if line.startswith("baleen: "):
            error["code"], _, error["message"] = line.removeprefix("baleen: ").partition(": ")
        elif line.startswith("  why: "):
            error["cause"] = line.removeprefix("  why: ")
        elif line.startswith("  do:  "):
            error["action"] = line.removeprefix("  do:  ")
    return error


def all_points(reference):
    """Each call with each fault. The first process does not die alone: what it has started dies with it."""
    return [(call, fault) for call, kind in enumerate(reference.trace, 1) for fault in FAULTS[kind]
            if fault != "KILL_ONE" or call in reference.calls_of_children]


def sample(rng, trace):
    """Some points; each kind of call and each fault is among them."""
    points, wanted = [], {(kind, fault) for kind in set(trace) for fault in FAULTS[kind]}
    for kind, fault in rng.sample(sorted(wanted), min(SAMPLE, len(wanted))):
        points.append((rng.choice([call for call, its in enumerate(trace, 1) if its == kind]), fault))
    return points


def random_pair(rng, trace):
    """A death in the run, and any fault in the restart, which makes at most as many calls."""
    first = rng.randint(1, len(trace))
    kind = rng.choice(sorted(set(trace)))
    second = rng.randint(1, max(30, len(trace) - first + 60))
    return (first, rng.choice(("KILL_BEFORE", "KILL_AFTER"))), (second, rng.choice(FAULTS[kind]))


def try_all(trials, work, n_threads, deadline):
    """Tries lists of points until they or the time are used up: {points: exception}, how many were tried, and made."""
    failures, n_tried, n_fired, told_s = {}, 0, 0, time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(n_threads) as pool:
        pending = {}
        exhausted = False
        while True:
            while not exhausted and len(pending) < 2 * n_threads:
                points = next(work, None) if time.monotonic() < deadline and len(failures) <= 40 else None
                if points is None:
                    exhausted = True
                    break
                pending[pool.submit(trials.run, points)] = points
            if not pending:
                return failures, n_tried, n_fired
            done, _ = concurrent.futures.wait(pending, return_when=concurrent.futures.FIRST_COMPLETED)
            if time.monotonic() - told_s > 60:
                told_s = time.monotonic()
                print(f"syscalls: {n_tried} tried, {len(failures)} failures", flush=True)
            for future in done:
                points = pending.pop(future)
                n_tried += 1
                if future.exception() is None:
                    n_fired += future.result()
                else:
                    failures[points] = future.exception()
                    print(f"FAILED: {spell(points)}: {str(future.exception())[:1500]}\n", flush=True)


def spell(points):
    return ",".join(f"{call}:{fault}" for call, fault in points)


def judge_can_say_no(trials):
    """A write that is lost without a word must be found; otherwise the verdicts above are worth nothing."""
    calls = [call for call, kind in enumerate(trials.reference.trace, 1) if kind == "write"]
    n_found = 0
    for call in calls[len(calls) // 8::len(calls) // 8]:
        try:
            trials.run([(call, "LOST_WRITE")])
        except Exception as error:  # However it shows.
            n_found += 1
            print(f"found, as it must be: a lost write, call {call}: {str(error).splitlines()[0][:100]}")
    trials.case.assertGreater(n_found, 0, "the judge did not notice a single lost write")


def check_by_strace(trials, n):
    """What this test says is not only what its own library sees."""
    if not by_strace.is_there():
        print("strace is not to be had here: nothing to compare with")
        return
    command = trials.reference.command
    print(f"strace and the library agree: {by_strace.cross_check(trials.case, SETTINGS, command)}")

    def judge(place, outcome, what):
        trial = Trial(trials)
        trial.judge_end(outcome, is_killed="SIGKILL" in what)
        if what == "error=EIO":
            trial.garbage.update(harness.leftovers(place.data))
        trial.judge_restart(place, is_killed_only=False)  # It kills one process, and the next that gets so far.
    n_made = by_strace.injections(trials.case, SETTINGS, command, judge, n)
    print(f"strace: {n_made} of {n} faults made by it, and made good", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget-s", type=float)
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--threads", type=int, default=3)
    parser.add_argument("--point", help="only this: 17:EIO or 17:KILL_AFTER,5:EIO")
    parser.add_argument("--pairs-only", action="store_true")
    parser.add_argument("--strace", action="store_true", help="only the comparison with strace")
    parser.add_argument("--part", default="1/1", help="of the single points: 1/3 is the first of three parts")
    options = parser.parse_args()
    reason = shim.need_library()
    if reason:
        print(f"skipped: {reason}")
        return harness.SKIPPED
    began_s = time.monotonic()
    reference = Reference()
    trials = Trials(Syscalls(), reference)
    if options.strace:
        check_by_strace(trials, len(by_strace.INJECTIONS))
        reference.close()
        return 0
    rng = random.Random(options.seed)
    kinds = collections.Counter(reference.trace)
    print(f"syscalls: {len(reference.trace)} calls: {dict(kinds.most_common())}", flush=True)
    if options.point:
        points = tuple((int(word.split(":")[0]), word.split(":")[1]) for word in options.point.split(","))
        singles, pairs = [points], []
    elif options.budget_s is None:
        judge_can_say_no(trials)
        check_by_strace(trials, 3)
        singles = [(point,) for point in sample(rng, reference.trace)]
        syncs = [call for call, kind in enumerate(reference.trace, 1) if kind == "fsync"]
        of_stages = reference.calls_of_children.intersection(syncs)
        singles += [((call, "EIO"),) for call in sorted({*of_stages, *rng.sample(syncs, 12)})]
        pairs = [random_pair(rng, reference.trace) for _ in range(SAMPLE_PAIRS)]
    else:
        part, n_parts = map(int, options.part.split("/"))
        singles = [] if options.pairs_only else [(point,) for point in all_points(reference)][part - 1::n_parts]
        pairs = (random_pair(rng, reference.trace) for _ in range(1 << 30))
    deadline = began_s + (options.budget_s or 1e9)
    failures, n_singles, n_fired = try_all(trials, iter(singles), options.threads, deadline)
    more, n_pairs, n_both = try_all(trials, iter(pairs), options.threads, deadline)
    failures.update(more)
    reference.close()
    print(json.dumps(dict(sorted(trials.counts.items())), indent=1))
    for points in failures:
        print(f"FAILED: --point {spell(points)}")
    print(f"syscalls: {n_singles} of {len(singles)} single faults ({n_fired} made) at {len(reference.trace)} calls, "
          f"{n_pairs} pairs ({n_both} with both made), {trials.counts['runs']} runs under fault, "
          f"{len(failures)} failures, {time.monotonic() - began_s:.0f} s, seed {options.seed}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
