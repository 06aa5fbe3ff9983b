#!/usr/bin/env python3
"""Surroundings that give out: disks, inodes, rights, models, input, clocks, limits. What is said, and what comes after.

usage: environments.py [--budget-s N] [--seed S] [-k NAME]

Runs in a mount namespace of its own where that is allowed; what needs one is skipped where it is not. (A full disk from
the start, files that are none, and damaged data directories are in ../e2e.)
"""
import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time

import faked
import harness
import murder_judge as judge
import tiny_model
from faked import Clock, queue
from service import Service

DAY_S = 86_400
INSIDE = "BALEEN_TEST_INSIDE"  # Set in the namespace.
# Root of a namespace may read everything in it; a root without capabilities is a user like any other.
AS_A_USER = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"]


def under(place, prefix, *words, **environment):
    """Runs the program with a command before it."""
    words = [*prefix, harness.PROGRAM, "--data", place.data, *words]
    process = subprocess.run(words, cwd=place.path, stdin=subprocess.DEVNULL, capture_output=True, check=False,
                             env=harness.clean_environment(**{**place.environment, **environment}),
                             timeout=harness.TIMEOUT_S)
    return harness.Outcome(words, process.returncode, process.stdout, process.stderr, 0)


class Surroundings(harness.Case):
    def assert_said(self, outcome, code, status=None):
        """The program ends with the code in its JSON, explained, and with the exit status of the catalogue."""
        document = outcome.json
        document = document[0] if isinstance(document, list) else document
        error = document.get("error") or harness.failure_of(document)
        self.assert_error_is_helpful(error)
        self.assertEqual(error["code"], code, str(outcome))
        self.assertEqual(outcome.status, status or harness.catalogue()[code]["exit_code"], str(outcome))
        faked.counts["refusals with a code"] += 1

    def assert_done(self, place):
        self.assertEqual(place.rows("SELECT DISTINCT state FROM tasks"), [("complete",)])
        self.assertEqual(judge.nothing_left(place.data), [])
        self.assertEqual(judge.events(place.data), [])
        self.assert_index_is_true(place)

    def held(self, place, *words, **environment):
        """A worker whose executor is stopped with decode in hand, and that executor."""
        worker = place.start("worker", "--until-done", "--executors", "1", "--json", *words, **environment)
        self.addCleanup(harness.kill_group, worker)
        executor, = harness.wait_for(lambda: harness.executors_of(worker), "an executor")
        os.kill(executor, signal.SIGSTOP)
        harness.wait_for(lambda: harness.has_running_task(place), "a lease")
        return worker, executor

    # ---- disks

    def small_disk(self, place, options):
        if INSIDE not in os.environ:
            self.skipTest("no namespace of our own here")
        place.data.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place.data], check=True)
        self.addCleanup(lambda: subprocess.run(["umount", "-l", place.data], check=False))

    def fill(self, place, but_bytes):
        """Takes all room of the disk but so much."""
        filler = place.data / "logs/filler"
        filler.parent.mkdir(exist_ok=True)
        with open(filler, "wb") as file, contextlib.suppress(OSError):
            while True:
                os.write(file.fileno(), bytes(4096))
        with open(filler, "r+b") as file:
            file.truncate(max(0, filler.stat().st_size - but_bytes))
        return filler

    def test_a_disk_that_fills_up_in_the_middle_is_named_and_the_work_goes_on_when_there_is_room(self):
        for but_kb in faked.some((0, 64, 300, 600), range(700)):
            with self.subTest(but_kb=but_kb):
                place = self.place()
                self.small_disk(place, "size=6m")
                run_id, = queue(self, place, 1, 20)
                worker, executor = self.held(place)
                filler = self.fill(place, but_kb * 1024)
                os.kill(executor, signal.SIGCONT)
                outcome = place.finish(worker)
                run = place.run("show", run_id, "--json")
                # Where not even the failure could be written down, the worker says so itself.
                if outcome.status == 6 or run.status != 0:
                    self.assertIn("DISK_FULL", outcome.out + outcome.err + run.out)
                else:
                    error = harness.failure_of(run.json)
                    self.assertEqual((error or {}).get("code"), "DISK_FULL", f"{outcome}\n{run.out}")
                    self.assert_error_is_helpful(error)
                self.assertEqual([path for path in harness.leftovers(place.data) if not path.startswith("baleen.db")
                                  and "checkpoint" not in path and "normalized" not in path], [])
                filler.unlink()
                self.assert_status(place.run("retry", run_id), 0)
                self.assert_status(place.run("worker", "--until-done"), 0)
                self.assert_done(place)
                faked.counts["full disks"] += 1

    def test_an_upload_that_fills_the_disk_is_refused_and_goes_on_when_there_is_room(self):
        place = self.place()
        self.small_disk(place, "size=12m")
        service = Service(place, "serve")
        data = harness.wav_bytes(harness.tone(40 * harness.RATE))
        self.assertEqual(service.json("PATCH", "/v1/settings", {"disk.free_bytes_min": 0})[0], 200)
        status, headers, _ = service.send("POST", "/v1/ingest/upload", Upload_Length=str(len(data)))
        self.assertEqual(status, 201)
        target = headers["Location"]
        filler = self.fill(place, 500_000)
        status, _, body = service.send("PATCH", target, data, Upload_Offset="0")
        self.assertEqual(status, 507, body)
        self.assertIn(b"DISK_FULL", body)
        offset = int(service.send("HEAD", target)[1]["Upload-Offset"])
        self.assertLess(offset, len(data))
        filler.unlink()
        status, headers, body = service.send("PATCH", target, data[offset:], Upload_Offset=str(offset))
        self.assertEqual(status, 204, body)
        self.assertTrue(headers["Baleen-Run-Id"])
        self.assert_status(place.run("worker", "--until-done"), 0)
        self.assertEqual(service.stop().status, 0)
        (path, digest), = place.rows("SELECT original_path, content_hash FROM audio_assets")
        self.assertEqual(digest, hashlib.sha256(data).hexdigest())
        self.assertEqual((place.data / path).read_bytes(), data)
        (place.data / "admin-token").unlink()
        self.assert_done(place)
        faked.counts["full disks"] += 1

    def test_a_disk_without_inodes_is_named_and_the_work_goes_on_when_there_are_some(self):
        for n_inodes in faked.some((2, 8, 11, 15, 19, 23), range(2, 30)):
            with self.subTest(n_inodes=n_inodes):
                place = self.place()
                self.small_disk(place, f"size=50m,nr_inodes={n_inodes}")
                recording = harness.make_wav(place.path / "a.wav", 3)
                outcome = place.run("run", "ssis", recording, "--json")
                if outcome.status == 0:
                    self.assert_done(place)
                    continue
                self.assert_said(outcome, "DISK_FULL")
                subprocess.run(["mount", "-o", "remount,nr_inodes=1000", place.data], check=True)
                run_id = outcome.json.get("run_id")
                self.assert_status(place.run(*(["retry", run_id] if run_id else ["run", "ssis", recording])), 0)
                self.assert_status(place.run("run", "ssis", recording), 0)
                self.assert_done(place)
                faked.counts["disks without inodes"] += 1

    # ---- read-only data roots

    def test_a_read_only_data_directory_is_named_by_every_command(self):
        if INSIDE not in os.environ:
            self.skipTest("no namespace of our own here")
        place = self.place()
        recording = harness.make_wav(place.path / "a.wav", 2)
        run_id = self.assert_status(place.run("run", "ssis", recording, "--json"), 0).json["run_id"]
        before = {path: path.stat().st_mtime_ns for path in place.data.rglob("*") if path.is_file()}
        subprocess.run(["mount", "--bind", place.data, place.data], check=True)
        self.addCleanup(lambda: subprocess.run(["umount", "-l", place.data], check=False))
        subprocess.run(["mount", "-o", "remount,bind,ro", place.data], check=True)
        other = harness.make_wav(place.path / "b.wav", 2, seed=1)
        for words in (["run", "ssis", other], ["ingest", other], ["worker", "--until-done"], ["serve", "--port", "0"],
                      ["cancel", run_id], ["rerun", run_id], ["status"], ["show", run_id]):
            outcome = place.run(*words, "--json", timeout_s=30)
            if words[0] in ("status", "show") and outcome.status == 0:
                continue  # To look is allowed where SQLite can.
            self.assert_said(outcome, "PERMISSION_DENIED")
        self.assertEqual({path: path.stat().st_mtime_ns for path in place.data.rglob("*") if path.is_file()}, before)
        subprocess.run(["mount", "-o", "remount,bind,rw", place.data], check=True)
        self.assert_status(place.run("run", "ssis", other), 0)
        self.assert_done(place)

    def test_a_data_directory_of_somebody_else_is_named(self):
        place = self.place()
        recording = harness.make_wav(place.path / "a.wav", 2)
        self.assert_status(place.run("run", "ssis", recording), 0)
        folders = [place.data, *(path for path in place.data.rglob("*") if path.is_dir())]
        files = [path for path in place.data.rglob("*") if path.is_file()]
        for path in [*files, *folders]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        other = harness.make_wav(place.path / "b.wav", 2, seed=1)
        try:
            outcome = under(place, AS_A_USER, "run", "ssis", other, "--json")
            if b"setpriv" in outcome.raw_out or "setpriv" in outcome.err:
                self.skipTest(outcome.err.strip())
            self.assert_said(outcome, "PERMISSION_DENIED")
        finally:
            for path in [*folders, *files]:
                path.chmod(0o755 if path.is_dir() else 0o644)
        self.assert_status(under(place, AS_A_USER, "run", "ssis", other), 0)
        self.assert_done(place)

    # ---- models

    def test_a_model_that_goes_away_in_the_middle_is_named_or_done_without(self):
        for embedding, end in (("auto", None), ("yamnet", "MODEL_NOT_FOUND")):
            with self.subTest(embedding=embedding):
                place = self.place(BALEEN_FEATURES_EMBEDDING=embedding)
                model = tiny_model.install(place.data / "models")
                run_id, = queue(self, place, 1, 3)
                worker, executor = self.held(place)
                model.rename(place.path / "model")
                os.kill(executor, signal.SIGCONT)
                place.finish(worker)
                run = place.run("show", run_id, "--json").json
                error = harness.failure_of(run)
                self.assertEqual((error or {}).get("code"), end, run)
                if end:
                    self.assert_error_is_helpful(error)
                    (place.path / "model").rename(model)
                    self.assert_status(place.run("retry", run_id), 0)
                self.assert_done(place)
                used, = [row[0] for row in place.rows("SELECT document_json FROM artifact_index WHERE artifact_type = "
                                                      "'feature_pack'")]
                self.assertIn('"builtin"' if end is None else '"onnxruntime"', used)
                faked.counts["models lost"] += 1

    def test_what_another_model_made_is_never_called_the_first_ones(self):
        """The file is replaced by another one of the same size, and nobody told the card."""
        place = self.place(BALEEN_FEATURES_EMBEDDING="yamnet")
        model = tiny_model.install(place.data / "models")
        run_id, = queue(self, place, 1, 3)
        worker, executor = self.held(place)
        model.write_bytes(tiny_model.yamnet(seed=1))
        os.kill(executor, signal.SIGCONT)
        place.finish(worker)
        error = harness.failure_of(place.run("show", run_id, "--json").json)
        self.assertEqual((error or {}).get("code"), "MODEL_INVALID")
        self.assert_error_is_helpful(error)
        model.write_bytes(tiny_model.yamnet(seed=0))
        self.assert_status(place.run("retry", run_id), 0)
        self.assert_done(place)
        faked.counts["models lost"] += 1

    # ---- input

    def test_input_that_may_not_be_read_is_named(self):
        place = self.place()
        folder = place.path / "closed"
        path = harness.make_wav(folder / "a.wav", 2)
        good = harness.make_wav(place.path / "good.wav", 2, seed=1)
        for closed, mode in ((path, 0), (folder, 0)):
            closed.chmod(mode)
            outcome = under(place, AS_A_USER, "run", "ssis", path, "--json")
            folder.chmod(0o755)
            path.chmod(0o644)
            if "setpriv" in outcome.err:
                self.skipTest(outcome.err.strip())
            self.assert_said(outcome, "PERMISSION_DENIED")
        path.chmod(0)
        outcome = under(place, AS_A_USER, "run", "ssis", path, good, "--json")
        self.assertEqual([run["state"] for run in outcome.json], ["failed", "complete"])
        path.chmod(0o644)
        self.assert_status(under(place, AS_A_USER, "run", "ssis", path), 0)
        self.assert_done(place)

    def test_the_service_names_what_is_no_file(self):
        place = self.place()
        inbox = place.path / "inbox"
        inbox.mkdir()
        os.mkfifo(inbox / "fifo.wav")
        (inbox / "folder.wav").mkdir()
        os.symlink("/etc/passwd", inbox / "link.wav")
        os.symlink("link.wav", inbox / "loop.wav")
        service = Service(place, "serve", "--ingest-root", str(inbox))
        for name in ("fifo.wav", "folder.wav", "nothing.wav", "link.wav", "loop.wav"):
            status, problem = service.json("POST", "/v1/ingest/local", {"source_path": str(inbox / name)})
            self.assertIn(status, (400, 403, 404), (name, problem))
            self.assertIn(problem["code"], ("FILE_NOT_FOUND", "INPUT_NOT_FOUND", "PERMISSION_DENIED", "FORBIDDEN"),
                          name)
            faked.counts["refusals with a code"] += 1
        self.assertEqual(service.stop().status, 0)
        self.assertEqual(place.rows("SELECT COUNT(*) FROM audio_assets"), [(0,)])

    def test_an_original_that_vanishes_before_its_decode_is_named_and_can_be_brought_again(self):
        place = self.place()
        run_id, = queue(self, place, 1, 3)
        original, = place.data.glob("audio/*/original.wav")
        original.unlink()
        place.run("worker", "--until-done")
        error = harness.failure_of(place.run("show", run_id, "--json").json)
        self.assertIn(error["code"], ("INPUT_NOT_FOUND", "FILE_NOT_FOUND"))
        self.assert_error_is_helpful(error)
        self.assert_status(place.run("run", "ssis", place.path / "in/000.wav"), 0)
        self.assertEqual(judge.nothing_left(place.data), [])
        self.assert_index_is_true(place)

    def test_a_file_that_changes_while_it_is_taken_in_is_taken_in_as_some_bytes_that_it_had(self):
        """Whatever was read, the asset is what its digest says."""
        place = self.place()
        path = harness.make_wav(place.path / "live.wav", 120)
        done = threading.Event()

        def change():
            generation = 0
            while not done.is_set():
                generation += 1
                with open(path, "r+b") as file:
                    file.seek(44 + generation * 7919 % 5_000_000)
                    file.write(bytes([generation % 256]) * 3000)
                    if generation % 5 == 0:
                        file.seek(0, os.SEEK_END)
                        file.write(bytes(2000))
        thread = threading.Thread(target=change)
        thread.start()
        try:
            for _ in range(4):
                self.assert_status(place.run("ingest", path), 0)
                faked.counts["changing files"] += 1
        finally:
            done.set()
            thread.join()
        for original, digest, size in place.rows("SELECT original_path, content_hash, bytes FROM audio_assets"):
            content = (place.data / original).read_bytes()
            self.assertEqual((hashlib.sha256(content).hexdigest(), len(content)), (digest, size))
        self.assert_index_is_true(place)
        self.assertEqual(list((place.data / "incoming").iterdir()), [])

    # ---- clocks

    def test_it_works_at_any_time(self):
        """Before 1970, across it, and in 2200: the same artifacts, times that can be read, retries that come."""
        faked.need_shim()
        now, expected = time.time(), None
        for at_s in (0, -now - 400 * DAY_S, -now - 1.0, 7_258_118_400 - now):
            with self.subTest(at_s=at_s):
                place = self.place(BALEEN_WORKER_RETRY_DELAYS_S=1)
                clock = Clock(place.path / "clock", at_s)
                run_id, = queue(self, place, 1, 3, **clock.environment)
                worker, executor = self.held(place, **clock.environment)
                os.kill(executor, signal.SIGKILL)  # One attempt fails, and the next one comes a second later.
                self.assert_status(place.finish(worker, 30), 0)
                self.assertEqual(place.rows("SELECT status FROM pipeline_jobs WHERE stage = 'decode' ORDER BY id"),
                                 [("failed",), ("complete",)])
                self.assert_done(place)
                found = harness.artifacts(place.data)
                expected = expected or found
                self.assertEqual(found, expected)
                status = self.assert_status(place.run("show", run_id, "--json", **clock.environment), 0).json
                self.assertRegex(status["created_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
                self.assert_status(place.run("status", **clock.environment), 0)
                service = Service(place, "up", **clock.environment)
                code, run = service.json("POST", "/v1/runs", {"asset_id": status["asset_id"],
                                                              "forced_stages": ["segments"]})
                self.assertEqual(code, 202, run)
                service.wait_for_run(run["run_id"], "complete")
                self.assertEqual(service.stop().status, 0)
                self.assertEqual(harness.artifacts(place.data), expected)
                faked.counts["times"] += 1

    # ---- the data root itself

    def test_a_data_directory_that_vanishes_is_noticed_and_none_is_begun_in_its_place(self):
        place = self.place()
        queue(self, place, 2, 3)
        worker, executor = self.held(place)
        away = place.path / "away"
        place.data.rename(away)
        os.kill(executor, signal.SIGCONT)
        outcome = place.finish(worker, 60)
        self.assertFalse((place.data / "baleen.db").exists(), f"a second store was begun: {outcome}")
        if outcome.status != 0:
            self.assertRegex(outcome.out + outcome.err, r"[A-Z]+_[A-Z_]+")
        for folder, _, files in os.walk(place.data, topdown=False):
            self.assertEqual([name for name in files if not name.endswith((".tmp", ".jsonl"))], [], folder)
            for name in files:
                os.unlink(os.path.join(folder, name))
            os.rmdir(folder)
        away.rename(place.data)
        self.assert_status(place.run("retry", "--all"), 0)
        self.assert_status(place.run("worker", "--until-done"), 0)
        self.assert_done(place)
        self.assert_nothing_twice(place)

    # ---- limits of the process

    def limited(self, place, limit, value, *words):
        prefix = ["prlimit", f"--{limit}={value}:{value}"]
        outcome = under(place, prefix, *words)
        if "prlimit" in outcome.err:
            self.skipTest(outcome.err.strip())
        return outcome

    def test_too_few_descriptors_end_in_a_code_and_nothing_is_lost(self):
        place = self.place()
        recording = harness.make_wav(place.path / "a.wav", 2)
        results = []
        for n in (4, *faked.some((6, 8, 9, 11, 14), range(5, 25)), 64):
            outcome = self.limited(place, "nofile", n, "run", "ssis", recording, "--json", "--executors", "1")
            results.append(outcome.status)
            if (n < 6 and outcome.status == 127) or (harness.PATIENCE > 1 and not outcome.out):
                continue  # The loader found no room for its libraries, or a sanitizer for its own.
            if outcome.status != 0:
                document = outcome.json
                error = document.get("error") or harness.failure_of(document)
                self.assert_error_is_helpful(error)
                self.assertNotEqual(error["code"], "INTERNAL", str(outcome))
                faked.counts["refusals with a code"] += 1
        self.assertEqual(results[-1], 0, results)
        self.assertNotEqual(results[0], 0)
        self.assert_status(place.run("retry", "--all"), 0)
        self.assert_status(place.run("run", "ssis", recording), 0)
        self.assertEqual(judge.nothing_left(place.data), [])
        self.assert_index_is_true(place)

    def test_a_limit_of_file_sizes_ends_in_a_code_and_nothing_is_lost(self):
        for limit in faked.some((3_000, 300_000, 900_000), range(1_000, 1_500_000)):
            with self.subTest(limit=limit):
                place = self.place()
                recording = harness.make_wav(place.path / "a.wav", 20)
                outcome = self.limited(place, "fsize", limit, "run", "ssis", recording, "--json")
                if outcome.status == 0:
                    continue
                self.assertGreater(outcome.status, 0, f"killed: {outcome}")
                document = outcome.json
                error = document.get("error") or harness.failure_of(document)
                self.assert_error_is_helpful(error)
                self.assertEqual(error["code"], "DISK_FULL", str(outcome))
                faked.counts["refusals with a code"] += 1
                self.assert_status(place.run("retry", "--all"), 0)
                self.assert_status(place.run("run", "ssis", recording), 0)
                self.assert_done(place)


def enter_namespace():
    """Starts this program again as root of a user and mount namespace, if that is allowed."""
    if INSIDE in os.environ or not faked.may_unshare("-Urm"):
        return
    probe = subprocess.run(["unshare", "-Urm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True,
                           check=False)
    if probe.returncode == 0:
        os.execvpe("unshare", ["unshare", "-Urm", sys.executable, *sys.argv], {**os.environ, INSIDE: "1"})


if __name__ == "__main__":
    enter_namespace()
    faked.main("__main__", __doc__)
