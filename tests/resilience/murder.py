#!/usr/bin/env python3
"""Random murder with an oracle: the server, workers and executors die while clients work; an outside log is the judge.

usage: murder.py [--budget-s N] [--seed S] [--round I] [--round-s N]

`baleen serve` and several `baleen worker` share a data root. Clients submit recordings (over HTTP as files of the
server and as uploads in pieces, and by the command line), cancel, retry and run again, and note what was acknowledged,
and only that. Meanwhile everything is killed with SIGKILL or stopped for a while, at random moments, and started
again. In the end all is started once more and left to finish. Then (murder_judge.py) every acknowledged job must be in
the one state that fits its history, every artifact true and equal to that of an undisturbed run, and nothing done twice
or left.

The plan of actions follows from the seed; what is hit by it, the machine decides. Rounds have fresh data roots; round I
of seed S is repeated by --seed S --round I.
"""
import argparse
import collections
import contextlib
import os
import pathlib
import random
import shutil
import signal
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import harness  # noqa: E402
import murder_clients as clients  # noqa: E402
import murder_judge as judge  # noqa: E402

SEED = 20
ROUND_S, SAMPLE_S = 40, 10
N_CLIENTS, N_WORKERS = 3, 3
FINISH_S_MAX = 120
# Stopped ones lose their leases soon; dead executors cost attempts, so that there must be enough of these.
SETTINGS = {"SSIS_LOCK_TTL_SEC": 2, "BALEEN_WORKER_ATTEMPTS_MAX": 100, "BALEEN_DECODE_CHUNK_S": 1,
            "BALEEN_DECODE_MIN_DURATION_S": 1}
ACTIONS = {  # What is done, and how often.
    "kill worker": 5, "kill worker and its executors": 3, "kill executor": 4, "kill server": 4,
    "stop worker": 2, "stop worker and its executors": 2, "stop executor": 2, "stop server": 1, "kill everything": 1}


class Crew:
    """The server and the workers of a data root: who is there, and who had to die."""

    def __init__(self, place):
        self.place = place
        self.server = clients.Server(place)
        self.workers = []
        self.counts = collections.Counter()
        self.complaints = []

    def start(self, n_workers):
        while len(self.workers) < n_workers:
            self.workers.append(self.place.start("worker", "--executors", 2))
        self.server.start()

    def replace(self, worker):
        """Starts another in its place; one that has ended without being killed is a finding."""
        harness.kill_group(worker)
        self.workers[self.workers.index(worker)] = self.place.start("worker", "--executors", 2)

    def look_after(self):
        for worker in list(self.workers):
            if worker.poll() is not None:
                said = harness.read_bytes(worker.files[1]).decode(errors="replace")[-500:]
                self.complaints.append(f"a worker ended by itself with {worker.returncode}: {said}")
                self.replace(worker)
        if self.server.process.poll() is not None:
            self.complaints.append(f"the server ended by itself: {self.server.said()[-500:]}")
            self.server.start()

    def do(self, action, rng):
        """One action, on whom it meets."""
        worker = rng.choice(self.workers)
        executors = harness.executors_of(worker)
        if action == "kill everything":
            for each in self.workers:
                os.killpg(each.pid, signal.SIGKILL)
            harness.kill_group(self.server.process)
            for each in list(self.workers):
                self.replace(each)
            self.server.start()
        elif action == "kill server":
            os.kill(self.server.process.pid, signal.SIGKILL)
            self.server.process.wait()
            time.sleep(rng.uniform(0, 0.3))
            self.server.start()
        elif action == "kill worker":
            os.kill(worker.pid, signal.SIGKILL)
            worker.wait()
            self.replace_one_whose_executors_live_on(worker)
        elif action == "kill worker and its executors":
            self.replace(worker)
        elif action == "kill executor":
            if not executors:
                return
            with contextlib.suppress(ProcessLookupError):
                os.kill(rng.choice(executors), signal.SIGKILL)
        else:
            self.stop(action, worker, executors, rng)
        self.counts[action] += 1

    def replace_one_whose_executors_live_on(self, worker):
        """As it is when only the supervisor dies: another one may begin while the executors are still there."""
        self.workers[self.workers.index(worker)] = self.place.start("worker", "--executors", 2)

    def stop(self, action, worker, executors, rng):
        pids = {"stop worker": [worker.pid], "stop worker and its executors": [worker.pid, *executors],
                "stop executor": executors[:1], "stop server": [self.server.process.pid]}[action]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        time.sleep(rng.choices([0.1, 0.5, 3.5], [4, 2, 1])[0])  # The last is longer than a lease.
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def end(self):
        """Clean ends; all else is a finding. (Who has only just begun dies of a signal like any other.)"""
        for worker in self.workers:
            harness.wait_for(lambda worker=worker: any(b"working with" in os.pread(file.fileno(), 4096, 0)
                                                       for file in worker.files), "a worker to work")
        for process in [*self.workers, self.server.process]:
            process.send_signal(signal.SIGTERM)
        for process in [*self.workers, self.server.process]:
            outcome = self.place.finish(process, 30)
            if outcome.status not in (0, 130):
                self.complaints.append(f"no clean end: {outcome}")


def murder(crew, rng, until_s):
    names, weights = list(ACTIONS), list(ACTIONS.values())
    while time.monotonic() < until_s:
        time.sleep(rng.uniform(0, 0.25))
        crew.look_after()
        crew.do(rng.choices(names, weights)[0], rng)


def is_over(place):
    rows = place.rows("SELECT (SELECT COUNT(*) FROM runs WHERE state IN ('queued', 'running')) + (SELECT COUNT(*) FROM "
                      "tasks WHERE state IN ('queued', 'running')) + (SELECT COUNT(*) FROM stage_locks)")
    return rows == [(0,)]


def play(seed, index, seconds, keep=False):
    """One round; (counts, complaints, the place if it is to be kept)."""
    rng = random.Random(f"{seed}/{index}")
    place = harness.Place(**SETTINGS)
    try:
        crew = Crew(place)
        crew.start(N_WORKERS)
        stop = threading.Event()
        crowd = [clients.Client(place, crew.server, f"{seed}/{index}/{i}", i, stop) for i in range(N_CLIENTS)]
        for client in crowd:
            client.start()
        murder(crew, rng, time.monotonic() + seconds)
        stop.set()
        for client in crowd:
            client.join(FINISH_S_MAX)
        for worker in list(crew.workers):  # Everything once more, and left to finish.
            crew.replace(worker)
        harness.kill_group(crew.server.process)
        crew.server.start()
        harness.wait_for(lambda: is_over(place), "the work to be over", FINISH_S_MAX)
        n_orphans = crew.server.drop_unanswered_uploads()
        crew.look_after()
        crew.end()
        log = clients.merge(crowd)
        complaints = crew.complaints + [line for client in crowd for line in client.complaints]
        complaints += [f"a client hangs: {client.doing}" for client in crowd if client.is_alive()]
        counts = crew.counts + collections.Counter({"uploads without an answer": n_orphans}) + log.counts
        with judge.Reference(place.path / "reference", log.files, SETTINGS) as reference:
            complaints += judge.verdict(place.data, log, reference.artifacts)
            counts += judge.count(place.data)
            if not complaints and keep:
                complaints += judge.can_say_no(place.data, log, reference.artifacts)
        if complaints and os.environ.get("BALEEN_KEEP_FAILURES"):
            shutil.copytree(place.data, f"{place.path}-kept", dirs_exist_ok=True)
        return counts, complaints
    finally:
        place.__exit__()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget-s", type=float, default=0)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--round", type=int, help="only this one")
    parser.add_argument("--round-s", type=float, help=f"{ROUND_S} with a budget, {SAMPLE_S} without")
    options = parser.parse_args()
    if not os.access(harness.PROGRAM, os.X_OK):
        print(f"skipped: {harness.PROGRAM} is not built")
        return harness.SKIPPED
    began_s, total, failures = time.monotonic(), collections.Counter(), 0
    index = options.round or 0
    while True:
        seconds = options.round_s or (ROUND_S if options.budget_s or options.round is not None else SAMPLE_S)
        counts, complaints = play(options.seed, index, seconds, keep=index == 0)
        total += counts
        for line in complaints:
            print(f"FAILED (--seed {options.seed} --round {index}): {line}", flush=True)
        failures += len(complaints)
        index += 1
        if options.round is not None or time.monotonic() - began_s + seconds > options.budget_s:
            break
    n_kills = sum(count for name, count in total.items() if name.startswith("kill"))
    n_stops = sum(count for name, count in total.items() if name.startswith("stop"))
    print("murder: " + ", ".join(f"{count} {name}" for name, count in sorted(total.items())))
    print(f"murder: {index - (options.round or 0)} rounds, {total['acknowledged']} acknowledged operations, "
          f"{n_kills} kills, {n_stops} stops, {total['attempts complete']} executions, {failures} failures, "
          f"{time.monotonic() - began_s:.0f} s, seed {options.seed}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
