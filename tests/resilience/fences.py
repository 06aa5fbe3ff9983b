#!/usr/bin/env python3
"""Fences: who slept, moved to another time, or is another host, changes nothing.

usage: fences.py [--budget-s N] [--seed S] [-k NAME]

Workers that are stopped past their leases, wall clocks that jump, boots that reuse process numbers, containers and
hosts that share a data root. (That a stopped worker of the same host is replaced is in ../e2e/workers_test.py.)
"""
import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import time
import uuid

import faked
import harness
import murder_judge as judge
from faked import HOUR_S, Clock, Host, queue

SOON_S = 20  # Much less than an hour, and than a lease of 600 s; a busy machine needs some of it.
REFUSED = "STORE_IN_USE_BY_OTHER_HOST"


class Fences(harness.Case):
    def setUp(self):
        faked.need_shim()

    def held(self, place, *words, **environment):
        """A worker whose executor is stopped with decode in hand, and that executor."""
        worker = place.start("worker", "--executors", "1", "--json", *words, **environment)
        self.addCleanup(harness.kill_group, worker)
        executor, = harness.wait_for(lambda: harness.executors_of(worker), "an executor")
        os.kill(executor, signal.SIGSTOP)
        harness.wait_for(lambda: harness.has_running_task(place), "a lease")
        return worker, executor

    def assert_done(self, place):
        """Everything complete, true, done once, and in order."""
        self.assertEqual(place.rows("SELECT DISTINCT state FROM tasks"), [("complete",)])
        self.assertEqual(place.rows("SELECT DISTINCT state FROM runs"), [("complete",)])
        self.assertEqual(judge.nothing_left(place.data), [])
        self.assertEqual(judge.once(place.data), [])
        self.assertEqual(judge.events(place.data), [])
        self.assert_index_is_true(place)

    def attempts(self, place, stage="decode"):
        return place.rows("SELECT status FROM pipeline_jobs WHERE stage = ? ORDER BY id", stage)

    # ---- another host

    def assert_refused(self, outcome, by):
        self.assert_status(outcome, 6)
        error = outcome.json["error"]
        self.assertEqual(error["code"], REFUSED)
        self.assert_error_is_helpful(error)
        for word in (by.name, by.boot_id, "SQLite"):
            self.assertIn(word, error["message"])

    def test_two_hosts_on_one_store_are_refused_with_a_clear_message(self):
        place = self.place()
        kelp, krill = Host(place, "kelp"), Host(place, "krill")
        run_id, = queue(self, place, 1, 3, **kelp.environment)
        worker, executor = self.held(place, "--until-done", **kelp.environment)
        recording = harness.make_wav(place.path / "other.wav", 2, seed=9)
        before = place.rows("SELECT (SELECT COUNT(*) FROM runs), (SELECT MAX(event_id) FROM events)")
        for words in (["run", "ssis", recording], ["ingest", recording], ["worker", "--until-done"], ["status"],
                      ["cancel", run_id], ["retry", "--all"], ["show", run_id], ["serve", "--port", "0"], ["pause"]):
            self.assert_refused(place.run(*words, "--json", **krill.environment), kelp)
            faked.counts["refusals"] += 1
        self.assertEqual(place.rows("SELECT (SELECT COUNT(*) FROM runs), (SELECT MAX(event_id) FROM events)"), before)
        self.assertIn("kelp", place.run("status", **krill.environment).err)
        self.assert_status(place.run("status", **kelp.environment), 0)
        os.kill(executor, signal.SIGCONT)
        self.assert_status(place.finish(worker), 0)
        self.assert_status(place.run("run", "ssis", recording, **krill.environment), 0)  # kelp has left.
        self.assert_done(place)

    def test_a_host_that_died_is_followed_at_once(self):
        place = self.place()
        kelp, krill = Host(place, "kelp"), Host(place, "krill")
        queue(self, place, 1, 3, **kelp.environment)
        worker, _ = self.held(place, **kelp.environment)
        self.assert_refused(place.run("status", "--json", **krill.environment), kelp)
        harness.kill_group(worker)
        self.assert_status(place.run("status", **krill.environment), 0)
        serve = place.start("serve", "--port", "0", **krill.environment)
        harness.wait_for(lambda: re.search(rb"http://", harness.read_bytes(serve.files[1])), "the server")
        self.assert_refused(place.run("status", "--json", **kelp.environment), krill)
        harness.kill_group(serve)

    def test_two_hosts_made_of_namespaces_are_refused_too(self):
        """The same with the kernel's own files covered, not with a library in between."""
        if not faked.may_unshare("-Urm"):
            self.skipTest("no namespaces here")
        place = self.place()
        kelp, krill = Host(place, "kelp"), Host(place, "krill")

        def on(host, *words):
            script = (f"mount --bind {host.folder}/boot_id /proc/sys/kernel/random/boot_id && "
                      f"mount --bind {host.folder}/machine-id /etc/machine-id && exec \"$@\"")
            process = subprocess.run(["unshare", "-Urm", "sh", "-c", script, "-", harness.PROGRAM, "--data", place.data,
                                      "--json", *words], capture_output=True, env=harness.clean_environment(),
                                     check=False)
            if process.returncode == 32 or b"mount:" in process.stderr:
                self.skipTest(f"the kernel's files cannot be covered: {process.stderr.decode().strip()}")
            return harness.Outcome(words, process.returncode, process.stdout, process.stderr, 0)
        queue(self, place, 1, 3, **kelp.environment)
        worker, executor = self.held(place, "--until-done", **kelp.environment)
        self.assert_refused(on(krill, "status"), kelp)
        self.assert_status(on(kelp, "status"), 0)
        os.kill(executor, signal.SIGCONT)
        self.assert_status(place.finish(worker), 0)
        self.assert_status(on(krill, "status"), 0)

    def test_starters_of_two_hosts_never_work_side_by_side(self):
        """All begin at once on a new data root: who gets in works, the others are told; nothing is done twice."""
        place = self.place()
        hosts = [Host(place, "kelp"), Host(place, "krill")]
        recordings = [harness.make_wav(place.path / f"{i}.wav", 2, seed=i) for i in range(6)]
        started = [place.start("run", "ssis", recording, "--executors", "1", "--json", **hosts[i % 2].environment)
                   for i, recording in enumerate(recordings)]
        outcomes = [place.finish(process) for process in started]
        self.assertIn(0, [outcome.status for outcome in outcomes])
        for outcome in outcomes:
            if outcome.status != 0:
                self.assertEqual(outcome.json["error"]["code"], REFUSED, str(outcome))
        self.assert_done(place)

    # ---- another container: the same kernel, other process numbers, another machine id

    def test_another_containers_worker_takes_over_by_expiry_and_the_first_one_cannot_publish(self):
        for who in ("the supervisor", "all of it"):
            with self.subTest(stopped=who):
                place = self.place(SSIS_LOCK_TTL_SEC=1)
                boot_id = str(uuid.uuid4())
                kelp, krill = Host(place, "kelp", boot_id), Host(place, "krill", boot_id)
                queue(self, place, 1, 3, **kelp.environment)
                stale, executor = self.held(place, "--until-done", **kelp.environment)
                os.kill(stale.pid, signal.SIGSTOP)
                if who == "the supervisor":
                    os.kill(executor, signal.SIGCONT)  # It finishes the stage, and nobody hears of it.
                self.assert_status(place.run("worker", "--until-done", **krill.environment), 0)
                attempts = "SELECT id, stage, status, artifact_path, worker FROM pipeline_jobs ORDER BY id"
                rows = place.rows(attempts)
                files = harness.artifacts(place.data)
                os.killpg(stale.pid, signal.SIGCONT)
                outcome = self.assert_status(place.finish(stale), 0)
                self.assertEqual(outcome.json["complete"], 0)
                self.assertEqual(place.rows(attempts), rows)
                self.assertEqual(harness.artifacts(place.data), files)
                self.assertEqual([row[2] for row in rows if row[1] == "decode"], ["interrupted", "complete"])
                self.assertIn(kelp.machine_id, rows[1][4] + rows[0][4])
                self.assert_done(place)
                faked.counts["stale workers"] += 1

    def test_a_worker_in_another_pid_namespace_is_not_taken_for_dead_while_it_lives(self):
        if not faked.may_unshare("-Urpf", "--mount-proc"):
            self.skipTest("no namespaces here")
        place = self.place()
        queue(self, place, 1, 3)
        words = ["unshare", "-Urpf", "--mount-proc", "--kill-child", harness.PROGRAM, "--data", place.data, "worker",
                 "--executors", "1"]
        container = subprocess.Popen(words, env=harness.clean_environment(BALEEN_DECODE_CHUNK_S="0.1"), cwd=place.path,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        self.addCleanup(harness.kill_group, container)
        # Its executor is stopped as soon as it is there; the supervisor goes on.
        def deepest():
            members = harness.group_members(container.pid)
            return max(members) if len(members) >= 3 else None
        executor = harness.wait_for(deepest, "an executor in the container")
        os.kill(executor, signal.SIGSTOP)
        harness.wait_for(lambda: harness.has_running_task(place), "a lease")
        rival = place.start("worker", "--until-done", "--json")
        first = place.rows("SELECT expires_at_us FROM stage_locks")[0][0]
        harness.wait_for(lambda: place.rows("SELECT MAX(expires_at_us) FROM stage_locks")[0][0] > first + 3_000_000,
                         "three seconds of heartbeats")
        self.assertEqual(self.attempts(place), [("running",)])
        began_s = time.monotonic()
        harness.kill_group(container)  # And now it is dead: its lock is gone, whatever its number meant.
        outcome = self.assert_status(place.finish(rival, SOON_S * 2), 0)
        self.assertLess(time.monotonic() - began_s, SOON_S)
        self.assertEqual(outcome.json["reclaimed"], 1)
        self.assert_done(place)

    # ---- another boot

    def lease_of(self, place, owner):
        connection = sqlite3.connect(place.data / "baleen.db", timeout=60)
        with connection:
            connection.execute("UPDATE stage_locks SET owner = ?", (owner,))
        connection.close()

    def test_a_lease_of_the_boot_before_is_dead_though_its_process_number_lives_again(self):
        place = self.place()
        queue(self, place, 1, 3)
        worker, _ = self.held(place)
        (owner,), = place.rows("SELECT owner FROM stage_locks")
        harness.kill_group(worker)
        stat = pathlib.Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        machine, boot, _, _, *namespace = owner.split("/")
        # A living process has this number and, by chance, this start time (counted from boot).
        alive = [machine, boot, str(os.getpid()), stat[19], *namespace]
        self.lease_of(place, "/".join(alive))
        rival = place.start("worker", "--until-done", "--json")
        harness.wait_for(lambda: list((place.data / "live").glob("worker.*.json")), "the worker to be there")
        time.sleep(1.5)  # Three looks at the leases: nothing must happen in them.
        self.assertEqual(self.attempts(place), [("running",)], "a lease of a living process was taken")
        harness.kill_group(rival)
        self.lease_of(place, "/".join([machine, str(uuid.uuid4()), *alive[2:]]))
        outcome = self.assert_status(place.run("worker", "--until-done", "--json", timeout_s=SOON_S), 0)
        self.assertEqual(outcome.json["reclaimed"], 1)
        self.assert_done(place)

    def test_after_a_reboot_the_work_goes_on_at_once(self):
        place = self.place()
        before = Host(place, "kelp")
        queue(self, place, 2, 3, **before.environment)
        worker, _ = self.held(place, **before.environment)
        harness.kill_group(worker)
        after = Host(place, "kelp", machine_id=before.machine_id)
        outcome = place.run("worker", "--until-done", "--json", timeout_s=SOON_S, **after.environment)
        self.assertEqual(self.assert_status(outcome, 0).json["reclaimed"], 1)
        self.assert_done(place)

    # ---- clocks that are set

    def test_a_lease_of_a_living_worker_is_not_taken_because_a_clock_was_set(self):
        for jump_s in (HOUR_S, -HOUR_S):
            with self.subTest(jump_s=jump_s):
                place = self.place(SSIS_LOCK_TTL_SEC=30)
                clock = Clock(place.path / "clock")
                queue(self, place, 1, 3, **clock.environment)
                worker, executor = self.held(place, "--until-done", **clock.environment)
                rival = place.start("worker", "--until-done", "--json", **clock.environment)
                harness.wait_for(lambda: len(list((place.data / "live").glob("worker.*.json"))) == 2, "both workers")
                expires = "SELECT MAX(expires_at_us) FROM stage_locks"
                first = place.rows(expires)[0][0]
                clock.set(jump_s)
                late = place.start("worker", "--until-done", "--json", **clock.environment)  # Knows no other time.
                harness.wait_for(lambda: abs(place.rows(expires)[0][0] - first - jump_s * 1e6) < 60e6,
                                 "a beat in the new time")
                beat = place.rows(expires)[0][0]
                harness.wait_for(lambda: place.rows(expires)[0][0] > beat + 2_000_000, "two more seconds")
                self.assertEqual(self.attempts(place), [("running",)])
                os.kill(executor, signal.SIGCONT)
                outcomes = [self.assert_status(place.finish(process), 0).json for process in (worker, rival, late)]
                self.assertEqual([outcome["reclaimed"] for outcome in outcomes], [0, 0, 0])
                self.assert_done(place)

    def test_a_stopped_worker_is_replaced_soon_though_the_clock_was_set_back(self):
        place = self.place(SSIS_LOCK_TTL_SEC=2)
        clock = Clock(place.path / "clock")
        queue(self, place, 1, 3, **clock.environment)
        worker, executor = self.held(place, "--until-done", **clock.environment)
        os.kill(worker.pid, signal.SIGSTOP)
        clock.set(-HOUR_S)
        outcome = place.run("worker", "--until-done", "--json", timeout_s=SOON_S, **clock.environment)
        self.assertEqual(self.assert_status(outcome, 0).json["reclaimed"], 1)
        os.killpg(worker.pid, signal.SIGCONT)
        self.assertEqual(self.assert_status(place.finish(worker), 0).json["complete"], 0)
        self.assert_done(place)

    def test_a_retry_comes_after_its_delay_though_the_clock_was_set_back(self):
        place = self.place(BALEEN_WORKER_RETRY_DELAYS_S=3)
        clock = Clock(place.path / "clock")
        queue(self, place, 1, 3, **clock.environment)
        worker, executor = self.held(place, "--until-done", **clock.environment)
        os.kill(executor, signal.SIGKILL)
        harness.wait_for(lambda: self.attempts(place) == [("failed",)], "the failure")
        clock.set(-HOUR_S)
        began_s = time.monotonic()
        self.assert_status(place.finish(worker, SOON_S), 0)
        self.assertGreater(time.monotonic() - began_s, 2, "the delay is kept")
        self.assertEqual(self.attempts(place), [("failed",), ("complete",)])
        self.assert_done(place)

    def test_jumps_to_and_fro_during_work_change_nothing(self):
        place = self.place(BALEEN_DECODE_CHUNK_S=0.1)
        clock = Clock(place.path / "clock")
        queue(self, place, 8, 6, **clock.environment)
        workers = [place.start("worker", "--until-done", "--executors", "2", "--json", **clock.environment)
                   for _ in range(2)]

        def done():
            return place.rows("SELECT COUNT(*) FROM tasks WHERE state = 'complete'")[0][0]
        for jump_s in faked.some((HOUR_S, -HOUR_S, 0, -HOUR_S, HOUR_S), range(-2 * HOUR_S, 2 * HOUR_S)):
            wanted = min(done() + 4, 39)
            clock.set(jump_s)
            harness.wait_for(lambda wanted=wanted: done() > wanted, "work in the new time", SOON_S * 2)
        outcomes = [self.assert_status(place.finish(worker), 0).json for worker in workers]
        self.assertEqual([outcome["reclaimed"] for outcome in outcomes], [0, 0])
        self.assertEqual(sum(outcome["complete"] for outcome in outcomes), 8 * len(harness.STAGES))
        self.assertEqual(place.rows("SELECT COUNT(*) FROM pipeline_jobs WHERE status <> 'complete'"), [(0,)])
        self.assert_done(place)


if __name__ == "__main__":
    faked.main("__main__", __doc__)
