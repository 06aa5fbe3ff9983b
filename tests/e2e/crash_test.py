#!/usr/bin/env python3
"""Death at any moment: after a restart all is as if nothing had happened.

`make torture` does the same for longer (tests/torture/run).
"""
import os
import signal
import unittest

import crashes
import harness

SEED = int(os.environ.get("BALEEN_E2E_SEED", "20240607"))
KILLS = 15  # That met a living program; 200 in `make torture`.
# Later hits of failpoints that every stage passes.
LATER = ["DB_FINISH_BEFORE_COMMIT@2", "DB_FINISH_AFTER_COMMIT@3", "DB_FINISH_BEFORE_COMMIT@4",
         "ATOMIC_WRITE_AFTER_RENAME@2", "ATOMIC_WRITE_AFTER_RENAME@4", "DECODE_AFTER_CHECKPOINT@3"]


class Crash(harness.Case):
    @classmethod
    def setUpClass(cls):
        cls.reference = crashes.Reference()
        cls.addClassCleanup(cls.reference.close)
        cls.three = crashes.Reference(n_files=3)
        cls.addClassCleanup(cls.three.close)

    def check(self, jobs):
        failures = crashes.in_parallel(jobs)
        self.assertEqual({name: str(error)[:3000] for name, error in failures.items()}, {})

    def test_death_at_every_failpoint_is_survived(self):
        names = sorted(crashes.failpoints_in_the_source())
        self.assertGreater(len(names), 25)
        self.check([(name, lambda name=name: crashes.crash_at(self, self.reference, name)) for name in names])

    def test_death_at_later_hits_of_a_failpoint_is_survived(self):
        self.check([(name, lambda name=name: crashes.crash_at(self, self.reference, name, executors=1)) for name in LATER])

    def test_a_failpoint_that_fires_once_costs_one_attempt_and_the_worker_lives(self):
        place = self.place(**crashes.SETTINGS)
        outcome = place.run(*crashes.run_command(self.reference), SSIS_FAILPOINT_ONCE=1,
                            **crashes.armed("DECODE_AFTER_CHUNK_WRITE"))
        self.assert_status(outcome, 0)
        self.assertEqual(place.rows("SELECT attempt, status, error_code FROM pipeline_jobs WHERE stage = 'decode'"),
                         [(1, "failed", "WORKER_ERROR"), (2, "complete", None)])
        self.assertEqual(harness.artifacts(place.data), self.reference.artifacts)
        self.assert_nothing_left(place)

    def test_failpoints_are_off_by_default(self):
        place = self.place(**crashes.SETTINGS)
        self.assert_status(place.run(*crashes.run_command(self.reference), SSIS_FAILPOINT="DECODE_AFTER_CHUNK_WRITE"), 0)

    def test_the_exit_status_of_a_failpoint_can_be_chosen(self):
        place = self.place(**crashes.SETTINGS)
        outcome = place.run(*crashes.run_command(self.reference), SSIS_FAILPOINT_EXIT_CODE=77,
                            **crashes.armed("DECODE_AFTER_CHUNK_WRITE"))
        self.assert_status(outcome, 77)

    def test_a_decode_goes_on_where_it_was_killed(self):
        place = self.place(**crashes.SETTINGS)
        crashes.die_in_run(self, place, self.reference, "DECODE_AFTER_CHECKPOINT@3", 2)
        self.assert_status(place.run(*crashes.run_command(self.reference)), 0)
        (text,), = place.rows("SELECT metrics_json FROM pipeline_jobs WHERE stage = 'decode' AND status = 'complete'")
        self.assertIn('"resumed_chunks":3', text)

    def test_kill_9_of_everything_at_random_moments_is_survived(self):
        met = []
        for batch in range(5):
            self.check([(f"seed {SEED}, sequence {i}", lambda i=i: met.append(
                crashes.kill_at_random(self, self.three, crashes.rng_of(SEED, i), n_kills=3, executors=1 + i % 3)))
                for i in range(3 * batch, 3 * batch + 3)])
            if sum(met) >= KILLS:
                break
        self.assertGreaterEqual(sum(met), KILLS, "the kills came too late to disturb anything")

    # ---- asked to stop

    def stop(self, signal_number, to_group):
        place = self.place(**crashes.SETTINGS)
        process = crashes.stopped_worker(place, self.reference, command=crashes.run_command(self.reference, 1))
        if to_group:
            os.killpg(process.pid, signal_number)
        else:
            process.send_signal(signal_number)
        self.assert_status(place.finish(process), 128 + signal_number)
        self.assertEqual(harness.group_members(process.pid), [], "executors live on")
        self.assert_nothing_left(place)
        self.assert_status(place.run(*crashes.run_command(self.reference)), 0)
        crashes.assert_recovered(self, place, self.reference)
        statuses = place.rows("SELECT status, attempt FROM pipeline_jobs WHERE stage = 'decode' ORDER BY id")
        self.assertEqual(statuses, [("interrupted", 1), ("complete", 1)])

    def test_ctrl_c_stops_cleanly_and_the_next_start_goes_on(self):
        self.stop(signal.SIGINT, to_group=False)

    def test_a_ctrl_c_that_reaches_the_whole_group_is_the_same(self):
        self.stop(signal.SIGINT, to_group=True)

    def test_sigterm_stops_cleanly_and_the_next_start_goes_on(self):
        self.stop(signal.SIGTERM, to_group=False)

    def test_a_sigterm_to_the_whole_group_costs_no_attempt(self):
        """As a service manager or a closing terminal sends it: to executors in full work as well."""
        for signal_number in (signal.SIGTERM, signal.SIGHUP):
            with self.subTest(signal=signal_number):
                place = self.place(BALEEN_DECODE_CHUNK_S=0.1)
                recording = harness.make_wav(place.path / "long.wav", 100)
                process = place.start("run", "ssis", recording, "--executors", "1")
                checkpoint = lambda: list(place.data.glob("work/*/*.checkpoint*"))
                harness.wait_for(checkpoint, "the first checkpoint")
                os.killpg(process.pid, signal_number)
                self.assert_status(place.finish(process), 128 + signal_number)
                self.assertEqual(harness.group_members(process.pid), [])
                statuses = place.rows("SELECT status, error_code FROM pipeline_jobs WHERE stage = 'decode'")
                self.assertEqual(statuses, [("interrupted", None)])
                self.assert_status(place.run("run", "ssis", recording, BALEEN_DECODE_CHUNK_S=60), 0)
                self.assert_nothing_left(place)


if __name__ == "__main__":
    harness.main()
