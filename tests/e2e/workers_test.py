#!/usr/bin/env python3
"""Several workers on one data directory, workers that stop answering, cancellation, and disks that give out."""
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import time
import unittest

import harness

N_ASSETS = 40
CANCEL_S_MAX = 4  # A heartbeat is a second; the rest is for a machine that is busy with other tests.


def stop_all(process):
    os.killpg(process.pid, signal.SIGSTOP)


class Workers(harness.Case):
    def queue(self, place, n_assets, seconds=1.0):
        folder = place.path / "in"
        for i in range(n_assets):
            harness.make_wav(folder / f"{i:03}.wav", seconds, seed=i)
        document = self.assert_status(place.run("ingest", folder, "--json"), 0).json
        return [run["run_id"] for run in (document if isinstance(document, list) else [document])]

    def test_two_workers_share_the_work_and_do_nothing_twice(self):
        place = self.place(BALEEN_DECODE_MIN_DURATION_S=0.5)
        self.queue(place, N_ASSETS)
        workers = [place.start("worker", "--until-done", "--executors", "2", "--json") for _ in range(2)]
        outcomes = [self.assert_status(place.finish(worker), 0) for worker in workers]
        n_tasks = N_ASSETS * len(harness.STAGES)
        self.assertEqual(place.rows("SELECT COUNT(*) FROM tasks WHERE state = 'complete'"), [(n_tasks,)])
        attempts = place.rows("SELECT COUNT(*), COUNT(DISTINCT task_id) FROM pipeline_jobs WHERE task_id IS NOT NULL")
        self.assertEqual(attempts, [(n_tasks, n_tasks)], "something was done twice")
        shares = [outcome.json["complete"] for outcome in outcomes]
        self.assertEqual(sum(shares), n_tasks)
        self.assertGreater(min(shares), 0, "one worker did all the work")
        said = "".join(outcome.err for outcome in outcomes) + (place.data / "logs/baleen.jsonl").read_text()
        self.assertNotIn("locked", said.replace('"lock"', ""))
        self.assertNotIn("DATABASE_ERROR", said)
        self.assert_nothing_left(place)
        self.assert_index_is_true(place)

    def test_a_worker_takes_only_the_stages_it_is_given(self):
        place = self.place()
        self.queue(place, 2, seconds=2)
        self.assert_status(place.run("worker", "--until-done", "--stages", "decode"), 0)
        self.assertEqual(place.rows("SELECT stage, state, COUNT(*) FROM tasks GROUP BY 1, 2 ORDER BY 1"),
                         [("decode", "complete", 2), ("features", "queued", 2), ("preview", "waiting", 2),
                          ("segments", "queued", 2), ("waveform", "queued", 2)])
        self.assert_status(place.run("worker", "--until-done"), 0)
        self.assertEqual(place.rows("SELECT DISTINCT state FROM tasks"), [("complete",)])

    def stopped_worker(self, place, **environment):
        """A worker all of whose processes are stopped, with decode in hand."""
        worker = place.start("worker", "--until-done", "--executors", "1", "--json", **environment)
        executor, = harness.wait_for(lambda: harness.executors_of(worker), "an executor")
        os.kill(executor, signal.SIGSTOP)
        harness.wait_for(lambda: harness.has_running_task(place), "a lease")
        return worker, executor

    def test_a_stopped_worker_is_replaced_and_cannot_publish_when_it_goes_on(self):
        place = self.place(SSIS_LOCK_TTL_SEC=1)
        self.queue(place, 1, seconds=3)
        stale, executor = self.stopped_worker(place)
        # The supervisor stops while its lease is held; the executor goes on and finishes the stage.
        os.kill(stale.pid, signal.SIGSTOP)
        os.kill(executor, signal.SIGCONT)
        self.assert_status(place.run("worker", "--until-done"), 0)
        before = place.rows("SELECT id, stage, status, artifact_path FROM pipeline_jobs ORDER BY id")
        files = harness.artifacts(place.data)
        os.kill(stale.pid, signal.SIGCONT)
        outcome = self.assert_status(place.finish(stale), 0)
        self.assertEqual(outcome.json["complete"], 0)
        self.assertEqual(outcome.json["failed"] + outcome.json["retried"], 0)
        self.assertEqual(place.rows("SELECT id, stage, status, artifact_path FROM pipeline_jobs ORDER BY id"), before)
        self.assertEqual([row[1:3] for row in before if row[1] == "decode"],
                         [("decode", "interrupted"), ("decode", "complete")])
        self.assertEqual(harness.artifacts(place.data), files)
        self.assert_nothing_left(place)
        self.assert_nothing_twice(place)
        self.assert_index_is_true(place)

    def test_a_stale_result_that_arrives_is_fenced_off(self):
        """Everything of the worker stops in the middle of a stage and goes on after another has done the work."""
        place = self.place(SSIS_LOCK_TTL_SEC=1)
        self.queue(place, 1, seconds=3)
        stale, executor = self.stopped_worker(place)
        stop_all(stale)
        self.assert_status(place.run("worker", "--until-done"), 0)
        files = harness.artifacts(place.data)
        os.killpg(stale.pid, signal.SIGCONT)
        self.assert_status(place.finish(stale), 0)
        self.assertEqual(harness.artifacts(place.data), files)
        self.assertEqual(place.rows("SELECT DISTINCT state FROM tasks"), [("complete",)])
        self.assert_nothing_left(place)
        self.assert_nothing_twice(place)
        self.assert_index_is_true(place)

    def test_a_lease_that_is_kept_alive_is_not_taken(self):
        place = self.place(SSIS_LOCK_TTL_SEC=2)
        self.queue(place, 1, seconds=3)
        worker, executor = self.stopped_worker(place)  # Only the executor: the supervisor's heart beats.
        expires = "SELECT expires_at_us FROM stage_locks"
        first = place.rows(expires)
        rival = place.start("worker", "--until-done", "--executors", "1", "--json")
        harness.wait_for(lambda: place.rows(expires)[0][0] > first[0][0] + 3_000_000, "three seconds of heartbeats")
        os.kill(executor, signal.SIGCONT)
        outcomes = [self.assert_status(place.finish(process), 0).json for process in (worker, rival)]
        self.assertEqual([outcome["reclaimed"] for outcome in outcomes], [0, 0])
        self.assertEqual(place.rows("SELECT COUNT(*) FROM pipeline_jobs WHERE stage = 'decode'"), [(1,)])

    # ---- cancel

    def long_run(self, place):
        """A run in the middle of its decode, with a partial file and a checkpoint to leave behind."""
        recording = harness.make_wav(place.path / "long.wav", 100)
        process = place.start("run", "ssis", recording, "--executors", "1", "--json", BALEEN_DECODE_CHUNK_S=0.1)
        harness.wait_for(lambda: list(place.data.glob("work/*/*.checkpoint*")), "the first checkpoint")
        (run_id,), = place.rows("SELECT run_id FROM runs")
        return process, run_id, recording

    def test_a_canceled_run_stops_soon_and_leaves_no_temporary_file(self):
        place = self.place()
        process, run_id, recording = self.long_run(place)
        canceled = self.assert_status(place.run("cancel", run_id, "--json"), 0)
        self.assertEqual(canceled.json["canceled_tasks"], len(harness.STAGES))
        canceled_s = time.monotonic()
        outcome = place.finish(process)
        self.assertLess(time.monotonic() - canceled_s, CANCEL_S_MAX)
        self.assertEqual(outcome.json["state"], "canceled")
        self.assertNotEqual(outcome.status, 0)
        self.assert_nothing_left(place)
        self.assertEqual(place.rows("SELECT status, error_code FROM pipeline_jobs WHERE stage = 'decode'"),
                         [("canceled", "CANCELED")])
        self.assert_status(place.run("retry", run_id), 0)
        self.assertEqual(place.run("run", "ssis", recording, "--json").json["state"], "complete")
        self.assert_nothing_left(place)
        self.assert_nothing_twice(place)

    def test_cancel_cleans_up_after_a_run_whose_worker_is_dead(self):
        place = self.place()
        process, run_id, _ = self.long_run(place)
        harness.kill_group(process)
        self.assertNotEqual(harness.leftovers(place.data), [])
        self.assert_status(place.run("cancel", run_id), 0)
        self.assert_nothing_left(place)

    def test_cancel_cleans_up_after_a_run_that_was_interrupted(self):
        place = self.place()
        process, run_id, _ = self.long_run(place)
        process.send_signal(signal.SIGINT)
        self.assert_status(place.finish(process), 130)
        self.assert_status(place.run("cancel", run_id), 0)
        self.assert_nothing_left(place)

    def test_a_worker_that_slept_through_a_cancellation_cleans_up_when_it_wakes(self):
        place = self.place(SSIS_LOCK_TTL_SEC=1)
        process, run_id, _ = self.long_run(place)
        stop_all(process)
        self.assert_status(place.run("cancel", run_id), 0)
        os.killpg(process.pid, signal.SIGCONT)
        place.finish(process)
        self.assert_nothing_left(place)

    # ---- storage that gives out

    def small_disk(self, place, size):
        """A file system of its own at the data directory; only root can make one."""
        if os.geteuid() != 0:
            self.skipTest("only root can mount a small disk")
        place.data.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place.data], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest(f"cannot mount a small disk: {mounted.stderr.decode().strip()}")
        self.addCleanup(lambda: subprocess.run(["umount", "-l", place.data], check=False))

    def test_a_full_disk_is_named_and_the_run_completes_when_there_is_room(self):
        for size in ("400k", "1200k", "2100k", "2500k"):
            with self.subTest(size=size):
                place = self.place()
                self.small_disk(place, size)
                recording = harness.make_wav(place.path / "a.wav", 20, 44100)  # 1.8 MB; normalised 0.9 MB.
                outcome = place.run("run", "ssis", recording, "--json")
                self.assertEqual(outcome.status, 6, str(outcome))
                document = outcome.json
                error = document.get("error") or harness.failure_of(document)
                self.assert_error_is_helpful(error)
                self.assertEqual(error["code"], "DISK_FULL", error)
                left = [path for path in harness.leftovers(place.data) if not path.startswith("baleen.db")]
                self.assertEqual(left, [])
                subprocess.run(["mount", "-o", "remount,size=50m", place.data], check=True)
                again = ["retry", document["run_id"]] if document.get("run_id") else ["run", "ssis", recording]
                self.assert_status(place.run(*again), 0)
                self.assert_nothing_left(place)
                self.assert_index_is_true(place)
                self.assertEqual(place.rows("SELECT DISTINCT state FROM tasks"), [("complete",)])

    def test_a_data_directory_that_cannot_be_written_is_named(self):
        place = self.place()
        recording = harness.make_wav(place.path / "a.wav", 2)
        if os.geteuid() == 0:
            self.small_disk(place, "10m")
            self.assert_status(place.run("run", "ssis", recording), 0)
            # A moment later the kernel has forgotten the removed folder that the last cell was confined to.
            remount = ["mount", "-o", "remount,ro", place.data]
            harness.wait_for(lambda: subprocess.run(remount, capture_output=True).returncode == 0, "a remount")
        else:
            place.data.mkdir()
            place.data.chmod(0o500)
        other = harness.make_wav(place.path / "b.wav", 2, seed=1)
        outcome = self.assert_status(place.run("run", "ssis", other, "--json"), 6)
        document = outcome.json
        error = document.get("error") or harness.failure_of(document)
        self.assert_error_is_helpful(error)
        self.assertEqual(error["code"], "PERMISSION_DENIED", error)

    def test_a_data_directory_below_a_file_or_in_place_of_one_is_named(self):
        place = self.place()
        recording = harness.make_wav(place.path / "a.wav", 2)
        for data in (recording, recording / "below", "/proc/nothing/here"):
            outcome = place.run("run", "ssis", recording, "--json", data=data)
            self.assert_error_is_helpful(outcome.json["error"])
            self.assertEqual(outcome.status, harness.catalogue()[outcome.json["error"]["code"]]["exit_code"])

    def test_a_database_of_a_newer_version_is_left_alone(self):
        place = self.place()
        recording = harness.make_wav(place.path / "a.wav", 2)
        self.assert_status(place.run("run", "ssis", recording), 0)
        connection = sqlite3.connect(place.data / "baleen.db")
        connection.execute("PRAGMA user_version = 999")
        connection.close()
        for words in (["run", "ssis", recording], ["status"], ["worker", "--until-done"]):
            outcome = self.assert_status(place.run(*words, "--json"), 6)
            self.assertEqual(outcome.json["error"]["code"], "SCHEMA_TOO_NEW")
        self.assertEqual(place.rows("PRAGMA user_version"), [(999,)])

    def test_a_database_that_is_none_is_named_and_left_alone(self):
        place = self.place()
        recording = harness.make_wav(place.path / "a.wav", 2)
        place.data.mkdir()
        (place.data / "baleen.db").write_bytes(b"this is no database" * 100)
        outcome = self.assert_status(place.run("run", "ssis", recording, "--json"), 6)
        self.assert_error_is_helpful(outcome.json["error"])
        self.assertEqual((place.data / "baleen.db").read_bytes(), b"this is no database" * 100)

    def test_a_damaged_artifact_is_made_again(self):
        place = self.place()
        recording = harness.make_wav(place.path / "a.wav", 3)
        self.assert_status(place.run("run", "ssis", recording), 0)
        before = harness.artifacts(place.data)
        path, = place.data.glob("audio/*/normalized.wav")
        path.write_bytes(path.read_bytes()[:-100])
        self.assert_status(place.run("run", "ssis", recording), 0)
        self.assertEqual(harness.artifacts(place.data), before)
        self.assert_index_is_true(place)

    def test_a_lost_original_is_taken_in_again(self):
        place = self.place()
        recording = harness.make_wav(place.path / "a.wav", 3)
        self.assert_status(place.run("run", "ssis", recording), 0)
        before = harness.artifacts(place.data)
        shutil.rmtree(next(place.data.glob("audio/*")))
        self.assert_status(place.run("run", "ssis", recording), 0)
        self.assertEqual(harness.artifacts(place.data), before)


if __name__ == "__main__":
    harness.main()
