#!/usr/bin/env python3
"""Power loss: what was acknowledged is there after it, and no file under its final name is corrupt.

usage: power_loss.py [--budget-s N] [--seed S] [--threads N] [--scenario NAME]

A preloaded library (fault_shim.cc) writes down, in order, all that the processes of a few commands do to the disk, and we know
how far it was when each command said that it had done its work. crash_states.py makes the states that a power cut may leave
after each of these operations. Each state is judged: the database is whole, all that was acknowledged before is in it, and
every row of artifact_index names an intact file. On some of them (with a budget: on as many as there is time for) the program
is started again, and must end with what undisturbed runs make. In the end fsync is taken away, and the judge must say no.
"""
import argparse
import collections
import concurrent.futures
import contextlib
import hashlib
import json
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
BLIND_STATES = 120  # Of each recording without fsync.
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
                self.assertEqual(hashlib.sha256(content).hexdigest(), sha256, f"{path} is corrupt ({len(content)} bytes)")

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
        if time.time() > deadline or len(failures) >= 20:
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
    parts = [states[i * len(states) // options.threads:(i + 1) * len(states) // options.threads]
             for i in range(options.threads)]
    counts, failures = collections.Counter(), []
    with concurrent.futures.ProcessPoolExecutor(options.threads) as pool:
        futures = [pool.submit(try_part, recording, options.seed, part, n_restarts // options.threads + (n_restarts > 0),
                               deadline) for part in parts if part]
        for future in futures:
            its_counts, its_failures = future.result()
            counts.update(its_counts)
            failures += its_failures
    return counts, failures


def judge_can_say_no(options):
    """Without fsync of files, folders or the database something is lost; a judge that does not see it is none."""
    rng = random.Random(options.seed)
    n_blind = 0
    for what in ("files", "directories", "database"):
        recording = scenarios.record_runs(swallow=shim.SWALLOW[what], is_short=True)
        states = sample(rng, list(all_states(recording, 2)), BLIND_STATES)
        counts, failures = try_many(recording, options, states, 0, time.time() + 600)
        print(f"without fsync of {what}: {len(failures)} of {counts['different']} states are found wrong, as they must")
        n_blind += not failures
    return n_blind


def sample(rng, states, n):
    return sorted(rng.sample(states, min(n, len(states))))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget-s", type=float)
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--threads", type=int, default=3)
    parser.add_argument("--scenario", choices=sorted(scenarios.ALL))
    parser.add_argument("--state", help="only this one: SCENARIO:N:FLAVOUR:DRAW")
    options = parser.parse_args()
    reason = shim.need_library()
    if reason:
        print(f"skipped: {reason}")
        return harness.SKIPPED
    began_s, counts, failures, rng = time.monotonic(), collections.Counter(), [], random.Random(options.seed)
    names = [options.scenario or options.state.split(":")[0]] if options.scenario or options.state else list(scenarios.ALL)
    for index, name in enumerate(names):
        recording = scenarios.ALL[name]()
        kinds = collections.Counter(op.kind for op in recording.operations)
        print(f"power_loss: {name}: {len(recording.operations)} operations "
              f"({', '.join(f'{n} {kind}' for kind, n in kinds.most_common())}), {len(recording.acks)} acknowledgements", flush=True)
        if options.state:
            n, flavour, draw = options.state.split(":")[1:]
            its_counts, its_failures = try_part(recording, options.seed, [(int(n), flavour, int(draw))], 1, time.time() + 600)
        elif options.budget_s is None:
            states = sample(rng, list(all_states(recording, 3)), QUICK_STATES // len(names))
            its_counts, its_failures = try_many(recording, options, states, QUICK_RESTARTS // len(names), time.time() + 600)
        else:
            its_counts, its_failures = collections.Counter(), []
            deadline = time.time() + (options.budget_s - (time.monotonic() - began_s)) / (len(names) - index)
            for draw in range(1 << 20):
                states = list(all_states(recording, 1, draw))
                more_counts, more_failures = try_many(recording, options, states, len(states), deadline)
                its_counts.update(more_counts)
                its_failures += more_failures
                print(f"power_loss: {name}: draw {draw}: {dict(its_counts)}, {len(its_failures)} failures", flush=True)
                if time.time() > deadline or len(its_failures) >= 40:
                    break
        counts.update(its_counts)
        failures += its_failures
    for state, problem in failures:
        print(f"FAILED: --state {state}: {problem[:1500]}")
    if not options.state and judge_can_say_no(options) > 0:
        failures.append(("", ""))
        print("FAILED: the judge sees no loss where fsync is swallowed")
    print(json.dumps(dict(sorted(counts.items()))))
    print(f"power_loss: {counts['different']} different states of {counts['made']} replayed, {counts['restarts']} restarts, "
          f"{len(failures)} failures, {time.monotonic() - began_s:.0f} s, seed {options.seed}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
