#!/usr/bin/env python3
"""Power loss: what was acknowledged is there after it, and no file under its final name is corrupt.

usage: power_loss.py [--budget-s N] [--seed S] [--threads N] [--scenario NAME] [--state SCENARIO:N:FLAVOUR:DRAW]

A preloaded library (fault_shim.cc) writes down, in order, all that the processes of a few commands do to the disk,
and we know how far it was when each command said that it had done its work. crash_states.py makes the states that a
power cut may leave after each of these operations. Each state is judged: the database is whole, all that was
acknowledged before is in it, and every row of artifact_index names an intact file. On some of them (with a budget: on
all) the program is started again, and must end with what undisturbed runs make. In the end fsync is taken away, and
the judge must say no.
"""
import argparse
import collections
import concurrent.futures
import contextlib
import hashlib
import json
import math
import os
import pathlib
import random
import shutil
import sqlite3
import sys
import tempfile
import time

import crash_states
import shim
import harness  # Found by shim.
import scenarios

RESTART_S_MAX = 60
QUICK_STATES = 600  # Of the short mode, and on so many of them the program is started again.
QUICK_RESTARTS = 20
LONG_DRAWS = 3  # Of each operation, in one round of the long mode.
BLIND_STATES = 120  # Of each recording without fsync.
FAILURES_MAX = 20  # Then a process has seen enough.
EVERY_OPERATION = ("none", "all")
AT_RANDOM = ("journal", "folders", "bytes", "names")


class Judge(harness.Case):
    """Judges states of one recording. Works in a process of its own, below one scratch folder."""

    def __init__(self, recording, seed):
        super().__init__()
        self.recording, self.seed = recording, seed
        self.disk = crash_states.Disk(recording.operations)
        self.ends = [op.end for op in recording.operations]
        self.seen = set()
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="baleen-power-"))

    def runTest(self):
        """Only a carrier of assertions."""

    def close(self):
        shutil.rmtree(self.scratch, ignore_errors=True)

    def try_state(self, n, flavour, draw, restart):
        """(whether it is new, whether the program was started, what was wrong or None)"""
        rng = random.Random(f"{self.seed}/{n}/{flavour}/{draw}")
        tree = self.disk.state(n, flavour, rng)
        acknowledged = [ack for ack in self.recording.acks if n > 0 and ack.log_bytes <= self.ends[n - 1]]
        key = crash_states.digest_of(tree), len(acknowledged)
        if key in self.seen:
            return False, False, None
        self.seen.add(key)
        try:
            self.judge(tree, acknowledged)
            if restart:
                self.judge_restart(tree, acknowledged)
        except Exception as error:  # Whatever it is, it is reported with the state that led to it.
            return True, restart, f"{type(error).__name__}: {error}"
        return True, restart, None

    def judge(self, tree, acknowledged):
        shutil.rmtree(self.scratch / "db", ignore_errors=True)
        os.makedirs(self.scratch / "db")
        for path, content in tree.items():
            if path.startswith("data/baleen.db"):
                (self.scratch / "db" / path.removeprefix("data/")).write_bytes(content)
        with contextlib.closing(sqlite3.connect(self.scratch / "db" / "baleen.db")) as database:
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            tables = {name for name, in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            for ack in acknowledged:
                self.assertIn("artifact_index", tables, f"the database is gone after: {ack}")
                ack.check(self, database)
            if "artifact_index" not in tables:
                return
            for path, sha256 in database.execute("SELECT path, sha256 FROM artifact_index"):
                content = tree.get("data/" + path)
                self.assertIsNotNone(content, f"artifact_index names {path}, which is not there")
                self.assertEqual(hashlib.sha256(content).hexdigest(), sha256, f"{path}: corrupt, {len(content)} bytes")

    def judge_restart(self, tree, acknowledged):
        place = harness.Place(**scenarios.SETTINGS)
        with place:
            names = {}
            for path, content in tree.items():
                target = place.path / path
                if content is None:
                    target.mkdir(parents=True)
                elif id(content) in names:  # Another name of the same file.
                    os.link(names[id(content)], target)
                else:
                    target.write_bytes(content)
                    names[id(content)] = target
            self.assert_status(place.run(*self.recording.restart, "--json", timeout_s=RESTART_S_MAX), 0)
            # What no row names is garbage, left by a rename or unlink that the disk forgot.
            indexed = {path for path, in place.rows("SELECT path FROM artifact_index")}
            found = {path: digest for path, digest in harness.artifacts(place.data).items() if path in indexed}
            wanted = self.recording.artifacts
            if self.recording.restart[0] == "worker":  # What was not acknowledged nobody sends again here.
                runs = {asset for asset, in place.rows("SELECT asset_id FROM runs")}
                wanted = {path: digest for path, digest in wanted.items() if "/original." in path and path in indexed or
                          any(asset in path for asset in runs)}
            self.assertEqual(found, wanted)
            self.assert_index_is_true(place)
            self.assert_nothing_twice(place)
            self.assertEqual(place.rows("SELECT asset_id, stage, owner FROM stage_locks"), [])
            self.assertEqual(place.rows("SELECT id FROM pipeline_jobs WHERE status = 'running'"), [])
            with contextlib.closing(harness.open_database(place.data)) as database:
                for ack in acknowledged:
                    ack.check(self, database)


def try_part(recording, seed, states, n_restarts, deadline):
    """Judges these states; what a process of the pool does."""
    judge = Judge(recording, seed)
    counts, failures = collections.Counter(), []
    for i, (n, flavour, draw) in enumerate(states):
        if time.time() > deadline or len(failures) >= FAILURES_MAX:
            break
        restart = n_restarts > 0 and (i * n_restarts) // len(states) != ((i + 1) * n_restarts) // len(states)
        is_new, was_started, problem = judge.try_state(n, flavour, draw, restart)
        counts["made"] += 1
        counts["different"] += is_new
        counts["restarts"] += was_started
        counts[flavour] += is_new
        if problem:
            failures.append((f"{recording.name}:{n}:{flavour}:{draw}", problem))
    judge.close()
    return counts, failures


def all_states(recording, n_draws, first_draw=0):
    n_operations = len(recording.operations)
    for draw in range(first_draw, first_draw + n_draws):
        for n in range(1, n_operations + 1):
            for flavour in EVERY_OPERATION if draw == 0 else AT_RANDOM:
                yield n, flavour, draw


def try_many(recording, options, states, n_restarts, deadline):
    """Judges these states in several processes, and starts the program on so many of them."""
    n = min(options.threads, len(states))
    parts = [states[i * len(states) // n:(i + 1) * len(states) // n] for i in range(n)]
    counts, failures = collections.Counter(), []
    with concurrent.futures.ProcessPoolExecutor(n) as pool:
        for its_counts, its_failures in pool.map(try_part, [recording] * n, [options.seed] * n, parts,
                                                 [-(-n_restarts // n)] * n, [deadline] * n):
            counts.update(its_counts)
            failures += its_failures
    return counts, failures


def try_until(recording, options, deadline):
    """First all operations with some draws of states, judged; then a restart on these states, in any order."""
    counts, failures = collections.Counter(), []
    for round_ in range(1 << 20):
        states = list(all_states(recording, LONG_DRAWS, LONG_DRAWS * round_))
        for n_restarts in (0, len(states)):
            its_counts, its_failures = try_many(recording, options, states, n_restarts, deadline)
            if n_restarts:  # The states are the same again.
                its_counts = {"restarts": its_counts["restarts"]}
            counts.update(its_counts)
            failures += its_failures
            print(f"power_loss: {recording.name}: {dict(counts)}, {len(failures)} failures", flush=True)
            random.Random(options.seed).shuffle(states)
        if time.time() > deadline or len(failures) >= FAILURES_MAX:
            return counts, failures


def judge_can_say_no(options):
    """Without fsync of files, folders or the database something is lost; a judge that does not see it is none."""
    rng = random.Random(options.seed)
    n_blind = 0
    for what in ("files", "directories", "database"):
        recording = scenarios.record_runs(swallow=shim.SWALLOW[what], is_short=True)
        states = sample(rng, list(all_states(recording, 2)), BLIND_STATES)
        counts, failures = try_many(recording, options, states, 0, math.inf)
        print(f"without fsync of {what}: {len(failures)} of {counts['different']} states are found wrong, as they must")
        n_blind += not failures
    return n_blind


def sample(rng, states, n):
    return sorted(rng.sample(states, min(n, len(states))))


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget-s", type=float)
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--threads", type=int, default=3)
    parser.add_argument("--scenario", choices=sorted(scenarios.ALL))
    parser.add_argument("--state", help="only this one: SCENARIO:N:FLAVOUR:DRAW")
    return parser.parse_args()


def main():
    options = parse_options()
    reason = shim.need_library()
    if reason:
        print(f"skipped: {reason}")
        return harness.SKIPPED
    began_s, counts, failures, rng = time.time(), collections.Counter(), [], random.Random(options.seed)
    only = options.scenario or (options.state or "").split(":")[0]
    names = [only] if only else list(scenarios.ALL)
    for index, name in enumerate(names):
        recording = scenarios.ALL[name]()
        kinds = collections.Counter(op.kind for op in recording.operations)
        print(f"power_loss: {name}: {len(recording.operations)} operations, {dict(kinds.most_common())}, "
              f"{len(recording.acks)} acknowledgements", flush=True)
        if options.state:
            n, flavour, draw = options.state.split(":")[1:]
            more = try_many(recording, options, [(int(n), flavour, int(draw))], 1, math.inf)
        elif options.budget_s is None:
            states = sample(rng, list(all_states(recording, 3)), QUICK_STATES // len(names))
            more = try_many(recording, options, states, QUICK_RESTARTS // len(names), math.inf)
        else:
            left_s = options.budget_s - (time.time() - began_s)
            more = try_until(recording, options, time.time() + left_s / (len(names) - index))
        counts.update(more[0])
        failures += more[1]
    for state, problem in failures:
        print(f"FAILED: --state {state}: {problem[:1500]}")
    if not options.state and judge_can_say_no(options) > 0:
        failures.append(("", ""))
        print("FAILED: the judge sees no loss where fsync is swallowed")
    print(json.dumps(dict(sorted(counts.items()))))
    print(f"power_loss: {counts['different']} different states of {counts['made']} replayed, "
          f"{counts['restarts']} restarts, {len(failures)} failures, {time.time() - began_s:.0f} s, "
          f"seed {options.seed}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
