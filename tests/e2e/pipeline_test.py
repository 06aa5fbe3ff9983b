#!/usr/bin/env python3
"""The whole pipeline as its user sees it: what is made, what is said, and that doing it again does nothing."""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

import harness
import json_schema

# 000 §10, stage by stage: what the document names → the metric that holds it.
METRICS = {
    "ingest": {"file size": "file_size_bytes", "hash time": "hash_s", "format guess": "format_guess"},
    "decode": {"output duration": "output_duration_s", "chunk count": "chunk_count", "resample time": "resample_s"},
    "features": {"inference time": "inference_s", "mel shape": "melspec_shape", "embeddings shape": "embeddings_shape",
                 "NaN/Inf count": "nan_inf_count", "spec alias": "feature_spec_alias", "spec id": "feature_spec_id"},
    "segments": {"segment count": "segment_count", "class distribution": "class_distribution", "flip rate": "flip_rate"},
    "preview": {"candidate count": "candidate_count", "best score": "best_score", "fallback_used": "fallback_used",
                "spec alias used": "feature_spec_alias"},
}
# The tables and columns of the contract; times carry their unit.
TABLES = {
    "audio_assets": {"asset_id", "owner_entity_id", "content_hash", "source_uri"},
    "pipeline_jobs": {"id", "asset_id", "stage", "status", "attempt", "error_code", "error_message", "metrics_json",
                      "artifact_path", "feature_spec_alias", "trace_id", "worker", "started_at_us", "finished_at_us"},
    "stage_locks": {"asset_id", "stage", "feature_spec_alias", "owner", "fence", "acquired_at_us", "expires_at_us"},
    "artifact_index": {"asset_id", "artifact_type", "feature_spec_alias", "path", "sha256", "bytes", "schema_id",
                       "version", "signature"},
    "feature_specs": {"alias", "feature_spec_id", "created_at_us", "notes"},
}
TYPES = ["original", "normalized_wav", "waveform_v1", "feature_pack", "feature_pack_record", "segments_v1", "preview_v1"]


def schema(name):
    return json.loads((harness.ROOT / f"specs/{name}.schema.json").read_text())


class Pipeline(harness.Case):
    """One run of the sample recording, looked at from all sides. Tests that change something use copies."""

    @classmethod
    def setUpClass(cls):
        cls.home = harness.Place()
        cls.addClassCleanup(cls.home.__exit__)
        cls.sample = cls.home.path / "sample.wav"
        subprocess.run([sys.executable, harness.ROOT / "scripts/make_sample.py", cls.sample], check=True)
        cls.first = cls.home.run("run", "ssis", cls.sample, "--json")
        cls.run_object = cls.first.json
        cls.asset = cls.run_object["asset_id"]

    def place_with_run(self):
        place = self.place()
        subprocess.run(["cp", "-r", self.home.data, place.data], check=True)
        return place

    # ---- what is made

    def test_a_run_of_one_file_ends_with_one_object_of_the_agreed_shape(self):
        self.assert_status(self.first, 0)
        run = self.run_object
        self.assertEqual(run["state"], "complete")
        self.assertRegex(run["run_id"], r"^[0-9a-f-]{36}$")
        for artifact in run["artifacts"]:
            self.assertLessEqual({"type", "path", "sha256", "bytes", "schema_id"}, set(artifact))
        self.assertCountEqual([artifact["type"] for artifact in run["artifacts"]], TYPES)
        self.assertEqual([task["stage"] for task in run["tasks"]], list(harness.STAGES))
        for task in run["tasks"]:
            self.assertEqual((task["state"], task["attempts"], task["error"]), ("complete", 1, None))
            self.assertGreater(task["seconds"], 0)

    def test_artifacts_lie_where_the_contract_says_with_the_digests_the_index_says(self):
        alias, = {artifact["feature_spec_alias"] for artifact in self.run_object["artifacts"] if artifact["type"] == "feature_pack"}
        expected = [f"audio/{self.asset}/original.wav", f"audio/{self.asset}/normalized.wav", f"waveform/{self.asset}.waveform.v1.dat",
                    f"features/{self.asset}.{alias}.h5", f"features/{self.asset}.{alias}.feature_pack.v1.json",
                    f"segments/{self.asset}.segments.v1.json",
                    f"preview/{self.asset}.preview.v1.json"]
        self.assertCountEqual([pathlib.Path(artifact["path"]).relative_to(self.home.data).as_posix()
                          for artifact in self.run_object["artifacts"]], expected)
        self.assert_index_is_true(self.home)
        self.assert_nothing_left(self.home)

    def test_json_artifacts_fit_their_schemas(self):
        for pattern, name in (("segments/*", "segments"), ("preview/*", "preview_candidate"),
                              ("features/*.json", "feature_pack")):
            path, = self.home.data.glob(pattern)
            document = json.loads(path.read_text())
            self.assertEqual(list(json_schema.problems(document, schema(name))), [], path.name)
            self.assertEqual(document["asset_id"], self.asset)

    def test_the_validator_here_can_say_no(self):
        path, = (self.home.data / "segments").iterdir()
        document = json.loads(path.read_text())
        document["segments"][0]["label"] = "whale"
        self.assertEqual(len(list(json_schema.problems(document, schema("segments")))), 1)

    def test_the_feature_pack_record_fits_its_schema_and_points_into_the_file(self):
        path, = self.home.data.glob("features/*.json")
        document = json.loads(path.read_text())
        self.assertEqual(list(json_schema.problems(document, schema("feature_pack"))), [])
        pack = f"features/{self.asset}.{document['feature_spec_alias']}.h5"
        self.assertEqual(document["melspec"]["hdf5_uri"], f"{pack}#/melspec")
        self.assertEqual(document["embeddings"]["hdf5_uri"], f"{pack}#/embeddings")
        self.assertTrue((self.home.data / pack).read_bytes().startswith(b"\x89HDF\r\n\x1a\n"))

    def test_the_feature_pack_can_be_read_by_other_programs(self):
        pack, = self.home.data.glob("features/*.h5")
        try:
            import h5py
        except ImportError:
            return self.look_with_h5dump(pack)
        with h5py.File(pack) as file:
            self.assertEqual(file["melspec"].shape[1], 64)
            self.assertEqual(file["embeddings"].shape[1], 1024)
            self.assertEqual(file["embeddings"].attrs["hop_s"], 0.5)
            self.assertEqual(file["melspec"].dtype.str, "<f4")
            self.assertIn("times", file)
            self.assertEqual(file.attrs["asset_id"], self.asset)

    def look_with_h5dump(self, pack):
        if not shutil.which("h5dump"):
            self.skipTest("neither h5py nor h5dump is installed")
        text = subprocess.run(["h5dump", "-H", pack], capture_output=True, text=True, check=True).stdout
        for name in ("melspec", "embeddings", "times"):
            self.assertIn(f'DATASET "{name}"', text)
        self.assertRegex(text, r"DATASPACE  SIMPLE \{ \( \d+, 64 \)")
        self.assertRegex(text, r"DATASPACE  SIMPLE \{ \( \d+, 1024 \)")
        self.assertIn("H5T_IEEE_F32LE", text)

    def test_segments_cover_the_recording_without_gap_or_overlap(self):
        path, = (self.home.data / "segments").iterdir()
        document = json.loads(path.read_text())
        edges = [(s["start_s"], s["end_s"]) for s in document["segments"]]
        self.assertEqual(edges[0][0], 0)
        self.assertEqual(edges[-1][1], document["duration_s"])
        for (_, end), (begin, _) in zip(edges, edges[1:]):
            self.assertEqual(end, begin)
        # The sample has all four, by construction.
        self.assertEqual({s["label"] for s in document["segments"]}, {"speech", "music", "noise", "silence"})

    # ---- what is recorded

    def test_every_metric_of_the_blueprint_is_in_the_attempt_rows(self):
        for stage, metrics in METRICS.items():
            (text,), = self.home.rows("SELECT metrics_json FROM pipeline_jobs WHERE stage = ?", stage)
            for name, key in metrics.items():
                self.assertIn(key, json.loads(text), f"{stage}: {name}")

    def test_every_metric_of_the_blueprint_is_in_the_json_log(self):
        logged = {}
        for line in (self.home.data / "logs/baleen.jsonl").read_text().splitlines():
            entry = json.loads(line)
            if "metrics" in entry:
                logged[entry["stage"]] = entry["metrics"]
        for stage, metrics in METRICS.items():
            self.assertIn(stage, logged)
            for name, key in metrics.items():
                self.assertIn(key, logged[stage], f"{stage}: {name}")

    def test_lease_times_are_recorded_with_every_attempt(self):
        for (text,) in self.home.rows("SELECT metrics_json FROM pipeline_jobs WHERE stage <> 'ingest'"):
            self.assertLessEqual({"acquired_at", "released_at", "owner"}, set(json.loads(text)["lock"]))

    def test_the_five_tables_have_the_columns_of_the_contract(self):
        for table, columns in TABLES.items():
            found = {row[1] for row in self.home.rows(f"PRAGMA table_info({table})")}
            self.assertLessEqual(columns, found, table)

    def test_the_feature_spec_alias_is_the_beginning_of_the_digest_of_its_id(self):
        import hashlib
        (alias, spec_id), = self.home.rows("SELECT alias, feature_spec_id FROM feature_specs")
        self.assertEqual(alias, hashlib.sha256(spec_id.encode()).hexdigest()[:12])

    # ---- doing it again

    def test_a_second_run_does_nothing_and_says_so(self):
        place = self.place_with_run()
        before = place.rows("SELECT COUNT(*) FROM pipeline_jobs")
        again = self.assert_status(place.run("run", "ssis", self.sample), 0)
        self.assertIn("nothing to do", again.out)
        self.assertEqual(place.rows("SELECT COUNT(*) FROM pipeline_jobs"), before)
        document = self.assert_status(place.run("run", "ssis", self.sample, "--json"), 0).json
        self.assertTrue(document["reused"])
        self.assertEqual(document["run_id"], self.run_object["run_id"])

    def test_a_copy_under_another_name_is_the_same_asset(self):
        place = self.place_with_run()
        copy = place.path / "copy.wav"
        copy.write_bytes(self.sample.read_bytes())
        document = self.assert_status(place.run("run", "ssis", copy, "--json"), 0).json
        self.assertEqual((document["asset_id"], document["reused"]), (self.asset, True))

    def test_another_data_directory_gives_the_same_bytes(self):
        place = self.place()
        self.assert_status(place.run("run", "ssis", self.sample, "--executors", "1"), 0)
        self.assertEqual(harness.artifacts(place.data), harness.artifacts(self.home.data))
        self.assertEqual(len(harness.artifacts(place.data)), len(TYPES))

    def test_a_deleted_artifact_is_made_again_and_nothing_else(self):
        for stage, pattern in (("decode", "audio/*/normalized.wav"), ("waveform", "waveform/*"), ("features", "features/*.h5"), ("features", "features/*.json"),
                               ("segments", "segments/*"), ("preview", "preview/*")):
            with self.subTest(stage=stage):
                place = self.place_with_run()
                path, = place.data.glob(pattern)
                path.unlink()
                last, = place.rows("SELECT MAX(id) FROM pipeline_jobs")[0]
                self.assert_status(place.run("run", "ssis", self.sample), 0)
                ran = place.rows("SELECT stage, status FROM pipeline_jobs WHERE id > ?", last)
                self.assertEqual(ran, [(stage, "complete")])
                self.assertEqual(harness.artifacts(place.data), harness.artifacts(self.home.data))

    def test_rerun_makes_everything_again_with_the_same_content(self):
        place = self.place_with_run()
        last, = place.rows("SELECT MAX(id) FROM pipeline_jobs")[0]
        outcome = self.assert_status(place.run("rerun", self.asset, "--json"), 0)
        self.assertEqual(outcome.json["state"], "complete")
        ran = place.rows("SELECT stage FROM pipeline_jobs WHERE id > ? AND status = 'complete' ORDER BY id", last)
        self.assertEqual(sorted(stage for stage, in ran), sorted(harness.STAGES))
        self.assertEqual(harness.artifacts(place.data), harness.artifacts(self.home.data))
        self.assert_index_is_true(place)
        self.assert_nothing_left(place)

    def test_rerun_of_one_stage_runs_only_that(self):
        place = self.place_with_run()
        last, = place.rows("SELECT MAX(id) FROM pipeline_jobs")[0]
        self.assert_status(place.run("rerun", self.asset, "--stage", "segments"), 0)
        self.assertEqual(place.rows("SELECT stage FROM pipeline_jobs WHERE id > ?", last), [("segments",)])

    # ---- how it is said

    def test_data_and_json_are_accepted_before_and_after_the_subcommand(self):
        place = self.place_with_run()
        for words in (["--json", "--data", place.data, "status"], ["status", "--json", "--data", place.data],
                      ["--data", place.data, "status", "--json"]):
            done = subprocess.run([harness.PROGRAM, *words], capture_output=True, text=True, cwd=place.path,
                                  env=harness.clean_environment())
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(json.loads(done.stdout)["assets"], 1)

    def test_several_files_end_with_a_list_in_the_order_given(self):
        place = self.place()
        files = [harness.make_wav(place.path / f"{i}.wav", 2, seed=i) for i in range(3)]
        document = self.assert_status(place.run("run", "ssis", *files, "--json"), 0).json
        self.assertEqual([run["file"] for run in document], ["0.wav", "1.wav", "2.wav"])
        self.assertEqual({run["state"] for run in document}, {"complete"})

    def test_a_folder_is_searched_for_recordings(self):
        place = self.place()
        for name in ("in/a.wav", "in/deep/er/b.wav"):
            harness.make_wav(place.path / name, 2, seed=len(name))
        (place.path / "in/notes.txt").write_text("no recording")
        document = self.assert_status(place.run("run", "ssis", place.path / "in", "--json"), 0).json
        self.assertEqual([run["file"] for run in document], ["a.wav", "b.wav"])

    def test_exit_statuses_tell_usage_absence_and_unusable_input_apart(self):
        place = self.place()
        text = place.path / "text.wav"
        text.write_text("this is no audio at all\n")
        statuses = {"usage": place.run("run", "ssis").status,
                    "missing": place.run("run", "ssis", place.path / "nothing.wav").status,
                    "unusable": place.run("run", "ssis", text).status}
        self.assertEqual(statuses, {"usage": 2, "missing": 3, "unusable": 4})

    def test_a_batch_goes_on_after_a_file_that_fails(self):
        place = self.place()
        text = place.path / "a.wav"
        text.write_text("this is no audio at all\n")
        good = harness.make_wav(place.path / "b.wav", 2)
        outcome = place.run("run", "ssis", text, place.path / "gone.wav", good, "--json")
        self.assertEqual([run["state"] for run in outcome.json], ["failed", "failed", "complete"])
        self.assertNotEqual(outcome.status, 0)
        for run in outcome.json[:2]:
            self.assert_error_is_helpful(harness.failure_of(run))

    def test_every_command_answers_with_json_and_nothing_else(self):
        place = self.place_with_run()
        new = harness.make_wav(place.path / "new.wav", 2, seed=5)
        run_id = self.run_object["run_id"]
        model = place.path / "model.onnx"
        model.write_bytes(b"no model at all")
        for status, words in ((0, ["version"]), (0, ["settings"]), (0, ["doctor"]), (0, ["status"]), (0, ["show", self.asset]),
                              (0, ["show", run_id]), (0, ["show", self.asset[:8]]), (0, ["explain", self.sample]),
                              (0, ["explain", new]), (0, ["explain", self.asset]), (0, ["models", "list"]),
                              (0, ["models", "verify"]), (7, ["models", "add", model]),
                              (0, ["stage", "preview", self.asset]), (0, ["stage", "--force", "preview", self.asset]),
                              (0, ["rerun", run_id, "--stage", "preview"]), (0, ["retry", run_id]),
                              (0, ["retry", "--all"]), (0, ["cancel", run_id]), (0, ["backfill"]),
                              (0, ["backfill", "--dry-run"]), (0, ["ingest", new]), (0, ["backfill", "--dry-run"]),
                              (0, ["worker", "--until-done"]), (0, ["completions", "bash"]), (0, ["completions", "zsh"]),
                              (0, ["completions", "fish"]), (3, ["show", "ffffffff"]), (2, ["stage", "nonsense", self.asset]),
                              (2, ["completions", "tcsh"]), (2, ["retry"]), (2, ["nonsense"]), (2, ["run", "ssis"]),
                              (3, ["run", "nonsense", new]), (7, ["models", "pull", "nonsense"])):
            with self.subTest(command=" ".join(map(str, words))):
                outcome = place.run(*words, "--json")
                document = outcome.json
                if status == 0:
                    self.assert_status(outcome, 0)
                else:
                    self.assert_error_is_helpful(document["error"])
                    self.assertEqual(outcome.status, catalogue_status(document["error"]["code"]))
                if status in (2, 3):
                    self.assertEqual(outcome.status, status, str(outcome))

    def test_explain_names_the_stages_that_would_run_and_why(self):
        place = self.place_with_run()
        (place.data / f"segments/{self.asset}.segments.v1.json").unlink()
        stages = {s["stage"]: (s["would_run"], s["reason"]) for s in place.run("explain", self.sample, "--json").json["stages"]}
        self.assertEqual(stages, {"decode": (False, "fresh"), "waveform": (False, "fresh"), "features": (False, "fresh"),
                                  "segments": (True, "output_missing"), "preview": (True, "upstream_stale")})

    def test_a_misspelt_word_is_answered_with_the_right_one(self):
        place = self.place_with_run()
        for words, meant in ((["runn", "ssis", "a.wav"], "run"), (["statsu"], "status"), (["status", "--jsno"], "--json"),
                             (["stage", "fetures", self.asset], "features"), (["--json", "stauts"], "status"),
                             (["run", "sis", self.sample], "ssis")):
            outcome = place.run(*words)
            self.assertIn(outcome.status, (2, 3), str(outcome))
            self.assertRegex(outcome.err, f"did you mean '{re.escape(meant)}'", str(words))

    def test_output_that_cannot_be_written_is_an_error(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([harness.PROGRAM, "version", "--json"], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 6)
        self.assertIn("DISK_FULL", done.stderr)

    def test_numbers_that_cannot_work_are_refused(self):
        place = self.place()
        recording = harness.make_wav(place.path / "a.wav", 2)
        for number in ("0", "-1", "two", "1000000"):
            self.assert_status(place.run("run", "ssis", recording, "--executors", number), 2)
        self.assert_status(place.run("run", "ssis", recording, SSIS_LOCK_TTL_SEC=0), 2)
        self.assertFalse((place.data / "audio").exists())

    def test_two_programs_may_run_the_same_recording_at_once(self):
        place = self.place()
        files = [harness.make_wav(place.path / f"{i}.wav", 3, seed=i) for i in range(3)]
        both = [place.start("run", "ssis", *files, "--json") for _ in range(2)]
        for process in both:
            document = self.assert_status(place.finish(process), 0).json
            self.assertEqual([run["state"] for run in document], ["complete"] * 3)
        self.assert_nothing_twice(place)
        self.assert_nothing_left(place)
        self.assert_index_is_true(place)

    def test_help_and_completions_name_every_command(self):
        place = self.place()
        text = self.assert_status(place.run("--help"), 0).out
        script = self.assert_status(place.run("completions", "bash"), 0).out
        for name in ("run", "ingest", "worker", "status", "show", "stage", "rerun", "retry", "cancel", "backfill",
                     "explain", "models", "doctor", "version", "completions"):
            self.assertRegex(text, rf"(?m)^\s+{name}\b")
            self.assertIn(name, script)
        self.assertEqual(subprocess.run(["bash", "-n"], input=script, text=True).returncode, 0)

    def test_retry_tries_a_failed_run_again(self):
        place = self.place()
        text = place.path / "text.wav"
        text.write_text("this is no audio at all\n")
        run_id = place.run("run", "ssis", text, "--json").json["run_id"]
        outcome = place.run("retry", run_id, "--json")
        self.assertEqual(outcome.status, 4, str(outcome))
        self.assertEqual(place.rows("SELECT status FROM pipeline_jobs WHERE stage = 'decode'"), [("failed",)] * 2)

    def test_status_counts_a_failure_and_no_backlog_behind_it(self):
        place = self.place()
        text = place.path / "text.wav"
        text.write_text("this is no audio at all\n")
        place.run("ingest", text)
        self.assertEqual(place.run("status", "--json").json["backlog_depth"], len(harness.STAGES))
        place.run("worker", "--until-done")
        health = place.run("status", "--json").json
        self.assertEqual((health["backlog_depth"], health["failed_tasks_by_code"]), (0, {"CODEC_UNSUPPORTED": 1}))
        self.assertEqual(health["success_rate"], 0)

    def test_cancel_keeps_what_is_done_and_retry_does_the_rest(self):
        place = self.place()
        recording = harness.make_wav(place.path / "a.wav", 2)
        run_id = place.run("ingest", recording, "--json").json["run_id"]
        self.assertEqual(place.run("cancel", run_id, "--json").json["canceled_tasks"], len(harness.STAGES))
        self.assertEqual(place.run("show", run_id, "--json").json["state"], "canceled")
        self.assertEqual(place.run("retry", run_id, "--json").json["state"], "complete")

    def test_backfill_brings_assets_up_to_date_whose_parameters_changed(self):
        place = self.place_with_run()
        listed = place.run("backfill", "--dry-run", "--json", BALEEN_PREVIEW_WINDOW_S=10).json
        self.assertEqual([(item["asset_id"], item["stages"]) for item in listed], [(self.asset, ["preview"])])
        run, = place.run("backfill", "--json", BALEEN_PREVIEW_WINDOW_S=10).json
        self.assertEqual(run["state"], "complete")
        # Never overwritten: the new preview lies beside the old one.
        self.assertEqual(len(list((place.data / "preview").iterdir())), 2)
        before = harness.artifacts(self.home.data)
        self.assertEqual({path: digest for path, digest in harness.artifacts(place.data).items() if path in before}, before)

    def test_settings_come_from_a_file_and_a_wrong_one_is_named(self):
        place = self.place()
        recording = harness.make_wav(place.path / "a.wav", 1)
        (place.path / "baleen.toml").write_text("[decode]\nmin_duration_s = 0.5\n")
        self.assert_status(place.run("run", "ssis", recording), 0)
        (place.path / "baleen.toml").write_text("[decode]\nmin_duration = 0.5\n")
        outcome = self.assert_status(place.run("run", "ssis", recording), 2)
        self.assertIn("decode.min_duration_s", outcome.err)


def catalogue_status(code):
    return harness.catalogue()[code]["exit_code"]


if __name__ == "__main__":
    harness.main()
