#!/usr/bin/env python3
"""Recordings become embeddings of windows: one Parquet file for each recording and way to encode it, the same bytes
however often the work was killed, and a batch that goes on past what cannot be read."""
import array
import base64
import json
import math
import os
import pathlib
import re
import random
import shutil
import subprocess

import harness
import service

CRASHED = 42
KILLS = 8


def run_command(folder, *words):
    return ["run", "bioacoustics", folder, "--json", *words]


class Bioacoustics(harness.Case):
    def recordings(self, place, n=2, seconds=12.5):
        folder = place.path / "recordings"
        folder.mkdir(exist_ok=True)
        for i in range(n):
            harness.make_wav(folder / f"{i}.wav", seconds + i, 48000, 1, seed=i)
        return folder

    def embeddings(self, place):
        return {path: digest for path, digest in harness.artifacts(place.data).items() if path.startswith("embeddings/")}

    def test_each_recording_has_one_file_for_each_way_to_encode_it(self):
        place = self.place()
        folder = self.recordings(place)
        command = run_command(folder, "--model", "stub", "--window", 2, "--collection", "deployment-7")
        self.assert_status(place.run(*command), 0)
        first = self.embeddings(place)
        self.assertEqual(len(first), 2)
        for path in first:
            self.assertRegex(path, r"^embeddings/stub16/[0-9a-f-]{36}/[0-9a-f]{64}\.parquet$")
        documents = [json.loads(text) for text, in place.rows(
            "SELECT document_json FROM artifact_index WHERE artifact_type = 'embedding_set' ORDER BY bytes")]
        self.assertEqual([document["windows_written"] for document in documents], [7, 7])
        for document in documents:
            self.assertEqual(document["windows_expected"], document["windows_written"])
            self.assertEqual(document["windows_padded"], 1)
        self.assertEqual(place.rows("SELECT name, (SELECT COUNT(*) FROM collection_members) FROM collections"),
                         [("deployment-7", 2)])
        self.assert_index_is_true(place)
        self.assert_nothing_left(place)

        again = place.run(*command)
        self.assert_status(again, 0)
        self.assertEqual(place.rows("SELECT COUNT(*) FROM pipeline_jobs WHERE stage = 'embed'"), [(2,)], str(again))
        self.assert_status(place.run(*run_command(folder, "--model", "stub", "--window", 2, "--hop", 1)), 0)
        now = self.embeddings(place)
        self.assertEqual(len(now), 4)
        self.assertEqual({path: now[path] for path in first}, first, "the older ones stay as they were")

    def test_explain_is_about_the_newest_run(self):
        place = self.place()
        folder = self.recordings(place, 1, 4)
        self.assert_status(place.run(*run_command(folder, "--model", "stub", "--window", 1)), 0)
        told = self.assert_status(place.run("explain", folder / "0.wav", "--json"), 0).json
        self.assertEqual((told["recipe"], told["params"]["model"], told["params"]["window_s"]), ("bioacoustics", "stub", 1))
        self.assertEqual([stage["reason"] for stage in told["stages"]], ["fresh", "fresh"])
        self.assertIn("never_ran", self.assert_status(place.run("explain", folder / "0.wav", "--recipe", "ssis"), 0).out)

    def test_without_any_model_the_built_in_embedding_is_taken(self):
        place = self.place()
        self.assert_status(place.run(*run_command(self.recordings(place, 1))), 0)
        path, = self.embeddings(place)
        self.assertTrue(path.startswith("embeddings/builtin1024/"), path)

    def test_what_cannot_be_read_is_reported_and_the_rest_finishes(self):
        place = self.place()
        folder = self.recordings(place, 3, 2.2)
        (folder / "empty.wav").write_bytes(b"")
        (folder / "torn.wav").write_bytes((folder / "0.wav").read_bytes()[:40])
        (folder / "letters.wav").write_text("no sound at all\n" * 50)
        outcome = self.assert_status(place.run(*run_command(folder, "--model", "stub", "--window", 1)), 4)
        self.assertEqual(len(self.embeddings(place)), 3)
        failed = [run for run in outcome.json if run["state"] == "failed"]
        self.assertEqual(len(failed), 3)
        for run in failed:
            self.assert_error_is_helpful(harness.failure_of(run))
        self.assert_nothing_left(place)

    def test_impossible_wishes_are_refused_before_anything_is_copied(self):
        place = self.place()
        folder = self.recordings(place, 1, 2)
        for words in (("--window", "0"), ("--window", "-1"), ("--hop", "0"), ("--time-expansion", "1000"),
                      ("--window", "soon"), ("--windwo", "5")):
            outcome = place.run(*run_command(folder, *words))
            self.assertEqual(outcome.status, 2, str(outcome))
            self.assertEqual(outcome.json["error"]["code"], "INVALID_ARGUMENT")
        self.assertEqual(harness.artifacts(place.data), {})
        outcome = place.run("run", "ssis", folder, "--model", "stub", "--json")
        self.assertIn("takes no parameters", outcome.json["error"]["message"])
        outcome = place.run(*run_command(folder, "--model", "perch-v2-fp32"))
        self.assertEqual(harness.failure_of(outcome.json)["code"], "MODEL_NOT_FOUND")

    def test_killed_at_random_moments_the_files_are_the_same(self):
        reference = self.place()
        folder = self.recordings(reference, 2, 400)
        words = ("--model", "builtin", "--window", "1", "--executors", "1")
        whole = self.assert_status(reference.run(*run_command(folder, *words)), 0)
        expected = harness.artifacts(reference.data)
        place, rng = self.place(), random.Random(7)
        n_kills = 0  # That met a living program: it may have become faster since it was timed.
        for _ in range(KILLS):
            process = place.start(*run_command(folder, *words))
            try:
                process.wait(timeout=rng.uniform(0.1, max(0.3, whole.seconds / 4)))
            except subprocess.TimeoutExpired:
                n_kills += 1
            harness.kill_group(process)
        self.assertGreater(n_kills, 1)
        self.assert_status(place.run(*run_command(folder, *words)), 0)
        self.assertEqual(harness.artifacts(place.data), expected)
        self.assert_nothing_left(place)
        self.assert_nothing_twice(place)
        self.assert_index_is_true(place)

    def test_death_at_each_of_its_failpoints_is_survived(self):
        sources = [path.read_text() for path in (harness.ROOT / "src").rglob("*.cc")]
        names = sorted({name for text in sources
                        for name in re.findall(r'BALEEN_FAILPOINT\("((?:EMBED|PARQUET)_[A-Z_]+)"\)', text)})
        self.assertGreater(len(names), 3)
        reference = self.place()
        folder = self.recordings(reference, 1, 300)
        words = ("--model", "stub", "--window", "1", "--executors", "1")
        self.assert_status(reference.run(*run_command(folder, *words)), 0)
        expected = harness.artifacts(reference.data)
        for name in names:
            with self.subTest(failpoint=name):
                place = self.place()
                died = place.run(*run_command(folder, *words), SSIS_ENABLE_FAILPOINTS=1, SSIS_FAILPOINT=name)
                self.assert_status(died, CRASHED)
                self.assertEqual(self.embeddings(place), {})
                self.assert_status(place.run(*run_command(folder, *words)), 0)
                self.assertEqual(harness.artifacts(place.data), expected)
                self.assert_nothing_left(place)

    def test_a_collection_is_clustered_and_only_again_if_something_changed(self):
        place = self.place()
        folder = self.recordings(place, 3, 40)
        command = run_command(folder, "--model", "builtin", "--window", 1, "--collection", "reef", "--cluster")
        (folder / "torn.wav").write_bytes((folder / "0.wav").read_bytes()[:40])
        outcome = self.assert_status(place.run(*command), 4)
        clusters = outcome.json[-1]
        self.assertEqual((clusters["recipe"], clusters["state"], clusters["file"]), ("clusters", "complete", "reef"))
        document = json.loads((place.data / self.one(place, "clusters.json")).read_text())
        self.assertEqual(document["recordings"], 3, "the torn one is not there, the others are")
        self.assertEqual(document["windows"], 40 + 41 + 42)
        self.assertEqual(sum(cluster["size"] for cluster in document["clusters"]) + document["noise"], document["windows"])
        for cluster in document["clusters"]:
            self.assertTrue(cluster["exemplars"])
        deployment, = document["deployments"]
        self.assertEqual((deployment["windows"], deployment["without_start"]), (document["windows"], 3))
        self.assert_index_is_true(place)
        self.assert_nothing_left(place)

        words = ("cluster", "reef", "--model", "builtin", "--window", 1, "--json")
        self.assertTrue(self.assert_status(place.run(*words), 0).json["reused"])
        self.assert_status(place.run(*words, "--min-cluster-size", 5, "--seed", 1), 0)
        self.assertEqual(len([path for path in harness.artifacts(place.data) if path.endswith("clusters.json")]), 2)

    def test_two_collections_of_the_same_recordings_have_their_own_clusters(self):
        place = self.place()
        folder = self.recordings(place, 3, 20)
        for name in ("reef", "all"):
            self.assert_status(place.run(*run_command(folder, "--model", "builtin", "--window", 1, "--collection", name, "--cluster")), 0)
        found = {name: self.assert_status(place.run("clusters", name, "--json"), 0).json["clustering"]["clustering_id"] for name in ("reef", "all")}
        self.assertNotEqual(found["reef"], found["all"])
        self.assert_status(place.run("label", "reef", "--cluster", 0, "--label", "song"), 0)
        labels = {name: place.run("clusters", name, "--json").json["clustering"]["labels"] for name in found}
        self.assertEqual([label["label"] for label in labels["reef"]], ["song"])
        self.assertEqual(labels["all"], [])
        self.assert_index_is_true(place)

    def test_recordings_that_come_later_are_put_into_the_clusters_that_there_are(self):
        place = self.place()
        folder = self.recordings(place, 3, 40)
        embed = ("--model", "builtin", "--window", 1, "--collection", "reef")
        assign = ("cluster", "reef", "--assign-new", "--json")
        self.assert_status(place.run(*run_command(folder, *embed)), 0)
        early = place.run(*assign)
        self.assertEqual((early.status, early.json["error"]["code"]), (3, "INPUT_NOT_FOUND"), str(early))
        self.assert_status(place.run("cluster", "reef", "--model", "builtin", "--window", 1, "--min-cluster-size", 5), 0)
        before = harness.artifacts(place.data)

        nothing = self.assert_status(place.run(*assign), 0)
        self.assertEqual(self.added(place), [0], str(nothing))
        later = place.path / "later"
        for i in range(2):
            harness.make_wav(later / f"later{i}.wav", 20, 48000, 1, seed=50 + i)
        self.assert_status(place.run(*run_command(later, *embed)), 0)
        self.assertEqual(self.assert_status(place.run(*assign), 0).json["state"], "complete")
        self.assertEqual(self.added(place), [0, 40])
        after = harness.artifacts(place.data)
        self.assertEqual({path: after[path] for path in before}, before, "the clusters stay as they were")
        self.assertTrue(self.assert_status(place.run(*assign), 0).json["reused"])
        shown = self.assert_status(place.run("clusters", "reef"), 0).out
        self.assertIn("of 3 recordings, and 40 windows of 2 recordings added later", shown)
        self.assertIn("40 windows of 2 recordings that came later", self.assert_status(place.run(*assign[:-1]), 0).out)
        self.assert_index_is_true(place)
        self.assert_nothing_left(place)
        # Another clustering is the newest now; the old one, with its review, can still be meant.
        first = place.run("clusters", "reef", "--json").json["clustering"]["clustering_id"]
        self.assert_status(place.run("cluster", "reef", "--min-cluster-size", 8), 0)
        harness.make_wav(place.path / "last" / "last.wav", 20, 48000, 1, seed=60)
        self.assert_status(place.run(*run_command(place.path / "last", *embed)), 0)
        self.assert_status(place.run(*assign, "--clustering", first), 0)
        listed = place.run("clusters", "reef", "--json").json["clusterings"]
        self.assertEqual([(one["clustering_id"] == first, one["recordings_added"]) for one in listed], [(False, 0), (True, 3)])
        unknown = place.run(*assign, "--clustering", "nosuch")
        self.assertEqual((unknown.status, unknown.json["error"]["code"]), (3, "INPUT_NOT_FOUND"), str(unknown))
        self.assertIn("`baleen clusters` lists", unknown.json["error"]["message"])
        alone = place.run("cluster", "reef", "--clustering", first)
        self.assertEqual(alone.status, 2, str(alone))
        self.assertIn("--assign-new", alone.err)

        wrong = place.run(*assign, "--min-cluster-size", 5)
        self.assertEqual((wrong.status, wrong.json["error"]["code"]), (2, "INVALID_ARGUMENT"), str(wrong))

    def test_what_is_not_said_of_the_encoding_is_as_the_recordings_are_embedded(self):
        place = self.place()
        folder = self.recordings(place, 3, 40)
        self.assert_status(place.run(*run_command(folder, "--model", "stub", "--window", 1, "--hop", 0.5, "--collection", "reef")), 0)
        absent = place.run(*run_command(folder, "--model", "perch"))
        self.assertEqual((absent.status, absent.err.count("MODEL_NOT_FOUND")), (7, 1), "told once: " + str(absent))
        none = place.run("cluster", "reef", "--where", "tag_data.species=humpback", "--json")
        self.assertEqual((none.status, none.json["error"]["code"]), (4, "CLUSTER_TOO_FEW_POINTS"), str(none))
        self.assertIn("none of the 3 recordings of the collection has tag_data.species=humpback", none.err)
        shown = self.assert_status(place.run("cluster", "reef", "--min-cluster-size", 5), 0).out
        self.assertIn("encoding stub16__w1_h0.5_", shown)
        other = place.run("cluster", "reef", "--window", 2)
        self.assertEqual(other.status, 3, str(other))
        self.assertIn("no recording of the collection has the embedding_set that it asks for", other.out)
        name = sorted(path.name for path in folder.rglob("*.wav"))[0]
        found = self.assert_status(place.run("search", name, "--at", 3, "--collection", "reef"), 0).out
        self.assertIn("encoding stub16__w1_h0.5_", found)
        swept = place.run("cluster", "reef", "--sweep", "metric=cosine,euclidean")
        self.assertEqual(swept.status, 2, str(swept))
        self.assertIn("these can: epsilon, min_cluster_size", swept.err)
        self.assert_status(place.run("cluster", "reef", "--sweep", "min-cluster-size=5,10", "--sweep-seeds", 2), 0)

    def test_a_sweep_says_which_parameters_hold(self):
        place = self.place()
        self.assert_status(place.run(*run_command(self.recordings(place, 2, 40), "--model", "builtin", "--window", 1,
                                                  "--collection", "reef")), 0)
        words = ("cluster", "reef", "--model", "builtin", "--window", 1, "--sweep", "min_cluster_size=5,10,20",
                 "--sweep", "n_neighbors=5,15")
        shown = self.assert_status(place.run(*words), 0).out
        document = json.loads((place.data / self.one(place, "sweep.json")).read_text())
        self.assertEqual([one["tried"] for one in document["combinations"]],
                         [{"min_cluster_size": size, "n_neighbors": n} for size in (5, 10, 20) for n in (5, 15)])
        self.assertIn(document["why"], shown)
        self.assertIn("min_cluster_size=20 n_neighbors=5", shown)
        self.assertTrue(self.assert_status(place.run(*words, "--json"), 0).json["reused"])
        for wrong in ("min_cluster_size", "seed=1,2", "n_neighbors=", "min_cluster_size=five"):
            outcome = place.run("cluster", "reef", "--model", "builtin", "--sweep", wrong, "--json")
            self.assertEqual((outcome.status, outcome.json["error"]["code"]), (2, "INVALID_ARGUMENT"), str(outcome))
        self.assert_index_is_true(place)
        self.assert_nothing_left(place)

    def test_the_number_of_threads_changes_no_byte(self):
        embedded = self.place()
        embed = ("--model", "builtin", "--window", 1, "--collection", "reef")
        self.assert_status(embedded.run(*run_command(self.recordings(embedded, 3, 100), *embed)), 0)
        later = embedded.path / "later"
        harness.make_wav(later / "later.wav", 30, 48000, 1, seed=50)
        found = {}
        for n_executors in (1, 2):
            place = self.place()
            shutil.copytree(embedded.data, place.data)
            words = ("cluster", "reef", "--executors", n_executors)
            model = ("--model", "builtin", "--window", 1)
            self.assert_status(place.run(*words, *model, "--sweep", "min_cluster_size=5,10"), 0)
            self.assert_status(place.run(*words, *model, "--min-cluster-size", 5), 0)
            self.assert_status(place.run(*run_command(later, *embed)), 0)
            self.assert_status(place.run(*words, "--assign-new"), 0)
            threads = {stage: json.loads(text)["threads"] for stage, text in place.rows(
                "SELECT stage, metrics_json FROM pipeline_jobs WHERE stage IN ('sweep', 'cluster', 'assign')")}
            expected = min(n_executors, os.cpu_count())
            self.assertEqual(threads, {"sweep": expected, "cluster": expected, "assign": expected})
            found[n_executors] = harness.artifacts(place.data)
            self.assert_nothing_left(place)
        self.assertEqual(len([path for path in found[1] if path.startswith("clusters/")]), 5, found[1].keys())
        self.assertEqual(found[1], found[2])

    def added(self, place):
        """Windows of each table of additions, oldest first."""
        return [json.loads(text)["windows"] for text, in place.rows(
            "SELECT document_json FROM artifact_index WHERE artifact_type = 'additions' ORDER BY artifact_id")]

    def test_clusters_are_written_for_other_programs(self):
        place = self.place()
        folder = self.recordings(place, 2, 30)
        harness.make_wav(folder / "again" / "0.wav", 20, 48000, 1, seed=9)  # A second recording of this name.
        out = place.path / "tables"
        export = ("export", "reef", "--out", out, "--json")
        self.assert_status(place.run(*run_command(folder, "--model", "builtin", "--window", 1, "--collection", "reef")), 0)
        early = place.run(*export)
        self.assertEqual((early.status, early.json["error"]["code"]), (3, "INPUT_NOT_FOUND"), str(early))
        self.assertFalse(out.exists())
        shown = self.assert_status(
            place.run("cluster", "reef", "--model", "builtin", "--window", 1, "--min-cluster-size", 5), 0).out
        document = json.loads((place.data / self.one(place, "clusters.json")).read_text())
        n_noise = document["noise"]
        self.assertIn(f"reef: {len(document['clusters'])} clusters among 81 windows of 3 recordings, {n_noise} of them noise; encoding builtin1024__w1_h1_",
                      shown)

        answer = self.assert_status(place.run(*export, "--with-noise"), 0).json
        self.assertEqual((answer["windows"], answer["noise_left_out"], answer["recordings"]), (30 + 31 + 20, 0, 3))
        path, = answer["files"]
        rows = [line.split("\t") for line in pathlib.Path(path).read_text().splitlines()]
        table = [dict(zip(rows[0], row)) for row in rows[1:]]
        self.assertEqual(len(table), 81)
        self.assertEqual(len({row["Begin File"] for row in table}), 3, "each recording has a name of its own")
        # Raven lists the recordings one behind the other: its times are cumulative, offsets are not.
        begins, lengths = [float(row["Begin Time (s)"]) for row in table], {}
        self.assertEqual(begins, sorted(begins))
        self.assertEqual(max(begins), 80)
        for row in table:
            lengths[row["Begin File"]] = max(lengths.get(row["Begin File"], 0), float(row["File Offset (s)"]) + 1)
        self.assertEqual(sorted(lengths.values()), [20, 30, 31])
        labels = {row["Annotation"] for row in table}
        self.assertEqual(labels - {"noise"}, {f"cluster {cluster['label']}" for cluster in document["clusters"]})

        again = place.run(*export)
        self.assertEqual((again.status, again.json["error"]["code"]), (5, "CONFLICT"), str(again))
        answer = self.assert_status(place.run(*export, "--format", "audacity"), 0).json
        self.assertEqual((answer["windows"], answer["noise_left_out"]), (81 - n_noise, n_noise))
        self.assertEqual(len(answer["files"]), 3)
        self.assertEqual(sum(len(pathlib.Path(file).read_text().splitlines()) for file in answer["files"]), 81 - n_noise)
        shown = self.assert_status(place.run("export", "reef", "--out", out, "--format", "kaleidoscope"), 0).out
        self.assertIn("clusters.csv", shown)
        self.assertEqual(place.run(*export, "--format", "excel").status, 2)

    def test_recordings_much_shorter_than_a_window_count(self):
        place = self.place()
        folder = place.path / "calls"
        for i in range(12):
            harness.make_wav(folder / f"{i}.wav", 0.7, 16000, 1, seed=i)
        harness.make_wav(folder / "long.wav", 5.3, 16000, 1, seed=99)  # A window, and a rest that does not count.
        self.assert_status(place.run(*run_command(folder, "--model", "builtin", "--collection", "reef", "--cluster")), 0)
        document = json.loads((place.data / self.one(place, "clusters.json")).read_text())
        self.assertEqual((document["windows"], document["windows_left_out"]), (13, 1))
        found = self.assert_status(place.run("search", folder / "3.wav", "--model", "builtin", "--collection", "reef", "--json"), 0)
        self.assertEqual(len(found.json["hits"]), 12)

    def one(self, place, name):
        path, = (path for path in harness.artifacts(place.data) if path.endswith(name))
        return path

    def test_the_service_takes_a_recording_from_upload_to_clusters(self):
        place = self.place()
        server = service.Service(place)
        self.addCleanup(lambda: harness.kill_group(server.process))
        recording = harness.make_wav(place.path / "S4A03895_20190522_060000.wav", 40, 22050, seed=3).read_bytes()
        metadata = {"filename": "S4A03895_20190522_060000.wav", "recipe": "bioacoustics", "collection": "deployment-7",
                    "params": json.dumps({"model": "builtin", "window_s": 1})}
        status, headers, data = server.send("POST", "/v1/ingest/upload", recording, **{
            "Upload-Length": str(len(recording)), "Content-Type": "application/offset+octet-stream",
            "Upload-Metadata": ",".join(f"{key} {base64.b64encode(value.encode()).decode()}"
                                        for key, value in metadata.items())})
        self.assertEqual(status, 201, data)
        asset_id = headers["Baleen-Asset-Id"]
        known = {"tag_data": {"species": "humpback"}}
        self.assertEqual(server.json("PUT", f"/v1/assets/{asset_id}/metadata", known), (200, known))
        collection, = server.json("GET", "/v1/collections")[1]["items"]
        self.assertEqual((collection["name"], collection["members"]), ("deployment-7", 1))
        # At once: it waits for what is being embedded.
        status, run = server.json("POST", f"/v1/collections/{collection['collection_id']}/runs", {
            "params": {"model": "builtin", "window_s": 1, "where": {"tag_data.species": "humpback"},
                       "clustering": {"min_cluster_size": 5}}})
        self.assertEqual(status, 202, run)
        embedded = server.wait_for_run(headers["Baleen-Run-Id"], "complete")
        record, = (a for a in embedded["artifacts"] if a["type"] == "recording_v1")
        described = server.json("GET", f"/v1/assets/{asset_id}/artifacts/{record['artifact_id']}")[1]
        self.assertEqual(described["start_local"], "2019-05-22T06:00:00")
        run = server.wait_for_run(run["run_id"], "complete")
        self.assertEqual(run["file"], "deployment-7")
        files = {a["type"]: a["artifact_id"] for a in run["artifacts"]}
        base = f"/v1/collections/{collection['collection_id']}/artifacts"
        document = server.json("GET", f"{base}/{files['clusters_v1']}")[1]
        self.assertEqual(document["windows"], 40)
        self.assertEqual(sum(cluster["size"] for cluster in document["clusters"]) + document["noise"], 40)
        for cluster in document["clusters"]:
            self.assertEqual(cluster["metadata_summary"]["values"]["tag_data.species"], {"humpback": cluster["size"]})
            self.assertEqual(sum(cluster["metadata_summary"]["hours"]), cluster["size"])
        status, headers, data = server.ask("GET", f"{base}/{files['assignments']}")
        self.assertEqual((status, data[:4], data[-4:]), (200, b"PAR1", b"PAR1"))
        status, found = server.json("POST", f"/v1/collections/{collection['collection_id']}/search", {
            "asset_id": asset_id, "start_s": 5, "top": 4, "apart_s": 3, "params": {"model": "builtin", "window_s": 1}})
        self.assertEqual(status, 200, found)
        self.assertEqual(found["windows_searched"], 40 - 7)
        self.assertEqual(len(found["hits"]), 4)
        for hit in found["hits"]:
            self.assertEqual((hit["asset_id"], hit["file"]), (asset_id, "S4A03895_20190522_060000.wav"))
            self.assertGreaterEqual(abs(hit["start_s"] - 5), 4)
        status, problem = server.json("POST", f"/v1/collections/{collection['collection_id']}/search", {
            "asset_id": asset_id, "params": {"model": "stub"}})
        self.assertEqual((status, problem["code"]), (404, "INPUT_NOT_FOUND"))
        listed = server.json("GET", f"/v1/runs?asset_id={collection['collection_id']}")[1]["items"]
        self.assertEqual([(item["recipe"], item["file"]) for item in listed], [("clusters", "deployment-7")])

    def make_calls(self, path, seconds, calls_at_s, seed):
        """Soft noise; at each of those seconds a second of a rising whistle, at its own loudness."""
        rng, frames = random.Random(seed), [0.0] * (seconds * 16000)
        for i in range(len(frames)):
            frames[i] = rng.gauss(0, 100)
        for n, begin in enumerate(calls_at_s):
            for i in range(16000):
                at = i / 16000
                frames[begin * 16000 + i] += 4000 / (1 + n) * math.sin(2 * math.pi * (1000 * at + 1500 * at * at))
        samples = array.array("h", (round(value) for value in frames))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(harness.wav_bytes(samples.tobytes(), 16000, 1))
        return path

    def test_search_finds_the_same_call_elsewhere(self):
        place = self.place()
        folder = place.path / "recordings"
        example = self.make_calls(folder / "a.wav", 12, [3], 1)
        self.make_calls(folder / "b.wav", 15, [2, 9], 2)
        self.make_calls(folder / "c.wav", 9, [], 3)
        words = ("--model", "builtin", "--window", 1, "--collection", "reef")
        self.assert_status(place.run(*run_command(folder, *words)), 0)
        found = self.assert_status(place.run("search", example, *words, "--at", "0:03.5", "--top", 3, "--json"), 0).json
        self.assertEqual((found["example"]["start_s"], found["example"]["end_s"]), (3, 4))
        self.assertEqual((found["recordings_searched"], found["windows_searched"]), (3, 12 + 15 + 9 - 1))
        self.assertEqual({(hit["file"], hit["start_s"]) for hit in found["hits"][:2]}, {("b.wav", 2), ("b.wav", 9)})
        self.assertGreater(found["hits"][1]["similarity"], found["hits"][2]["similarity"] + 0.1)

        # A file that is new is embedded first, and does not join the collection.
        other = self.make_calls(place.path / "heard_today.wav", 4, [1], 9)
        shown = self.assert_status(place.run("search", other, *words, "--at", 1, "--until", 2, "--top", 3), 0).out
        self.assertRegex(shown, r"similarity +from +to +asset +file")
        rows = [line.split() for line in shown.splitlines() if line.endswith(".wav")]
        self.assertEqual({(row[1], row[4]) for row in rows}, {("0:03.0", "a.wav"), ("0:02.0", "b.wav"), ("0:09.0", "b.wav")})
        self.assertEqual(place.rows("SELECT COUNT(*) FROM collection_members"), [(3,)])

    def test_a_search_can_be_of_a_stretch_of_time(self):
        place = self.place()
        folder = place.path / "recordings"
        for i, name in enumerate(("S4A03895_20190522_060000.wav", "S4A03895_20190522_070000.wav", "nameless.wav")):
            harness.make_wav(folder / name, 20, 16000, 1, seed=i)
        words = ("--model", "stub", "--window", 1, "--collection", "reef")
        self.assert_status(place.run(*run_command(folder, *words)), 0)
        search = ("search", folder / "nameless.wav", *words, "--at", 1, "--top", 100, "--json")
        found = self.assert_status(
            place.run(*search, "--since", "2019-05-22T06:00:15", "--before", "2019-05-22T07:00:03"), 0).json
        self.assertEqual((found["recordings_searched"], found["recordings_without_time"]), (2, 1))
        self.assertEqual({(hit["file"][-10:-8], hit["start_s"]) for hit in found["hits"]},
                         {("06", second) for second in range(15, 20)} | {("07", second) for second in range(3)})
        whole_day = self.assert_status(place.run(*search, "--since", "2019-05-22", "--before", "2019-05-23"), 0).json
        self.assertEqual(len(whole_day["hits"]), 40)
        # The recorder wrote no zone: nobody knows when that was in UTC.
        nothing = place.run(*search, "--since", "2019-05-22T06:00:15Z")
        self.assertEqual((nothing.status, nothing.json["error"]["code"]), (3, "INPUT_NOT_FOUND"), str(nothing))
        wrong = place.run(*search, "--since", "yesterday")
        self.assertEqual((wrong.status, wrong.json["error"]["code"]), (2, "INVALID_ARGUMENT"), str(wrong))

    def test_a_search_that_makes_no_sense_says_why(self):
        place = self.place()
        folder = self.recordings(place, 2, 4)
        self.assert_status(place.run(*run_command(folder, "--model", "stub", "--collection", "reef")), 0)
        example = folder / "0.wav"
        for words, status, code in ((("--at", "99"), 2, "INVALID_ARGUMENT"), (("--at", "soon"), 2, "INVALID_ARGUMENT"),
                                    (("--at", "2", "--until", "1"), 2, "INVALID_ARGUMENT"), (("--top", "0"), 2, "INVALID_ARGUMENT"),
                                    (("--where", "tag_data.species=orca"), 3, "INPUT_NOT_FOUND")):
            outcome = place.run("search", example, "--model", "stub", "--collection", "reef", *words, "--json")
            self.assertEqual((outcome.status, outcome.json["error"]["code"]), (status, code), str(outcome))
        outcome = place.run("search", example, "--model", "builtin", "--collection", "reef", "--json")
        self.assertEqual((outcome.json["recordings_searched"], outcome.json["recordings_not_embedded"]), (1, 1), str(outcome))
        self.assertEqual(outcome.json["hits"], [])
        outcome = place.run("search", "no-such-id", "--collection", "reef", "--json")
        self.assertEqual(outcome.json["error"]["code"], "NOT_FOUND")
        outcome = place.run("search", example, "--collection", "reeef", "--json")
        self.assertIn("'reef'", outcome.json["error"]["message"])

    def test_what_cannot_be_clustered_says_why(self):
        place = self.place()
        folder = self.recordings(place, 1, 4)
        self.assert_status(place.run(*run_command(folder, "--model", "stub", "--collection", "reef")), 0)
        for words, status, code in ((("cluster", "reef", "--model", "stub"), 4, "CLUSTER_TOO_FEW_POINTS"),
                                    (("cluster", "reef", "--model", "builtin"), 3, "INPUT_NOT_FOUND")):
            outcome = place.run(*words, "--json")
            error = harness.failure_of(outcome.json)
            self.assertEqual(error["code"], code, str(outcome))
            self.assert_error_is_helpful(error)
            self.assertEqual(outcome.status, status)
        outcome = place.run("cluster", "reeef", "--json")
        self.assertEqual(outcome.json["error"]["code"], "NOT_FOUND")
        self.assertIn("'reef'", outcome.json["error"]["message"])
        for words in (("--selection", "best"), ("--min-cluster-size", "1"), ("--where", "species")):
            self.assertEqual(place.run("cluster", "reef", *words, "--json").status, 2, words)

    def test_other_programs_read_the_files(self):
        try:
            import pyarrow.parquet
        except ImportError:
            self.skipTest("pyarrow is not installed")
        place = self.place()
        self.assert_status(place.run(*run_command(self.recordings(place, 1), "--model", "stub", "--window", 5)), 0)
        path, = self.embeddings(place)
        table = pyarrow.parquet.read_table(place.data / path)
        self.assertEqual(table.column_names, ["row_index", "start_s", "end_s", "is_padded", "embedding"])
        self.assertEqual(table["row_index"].to_pylist(), [0, 1, 2])
        self.assertEqual(table["start_s"].to_pylist(), [0, 5, 10])
        self.assertEqual(table["end_s"].to_pylist(), [5, 10, 12.5])
        self.assertEqual(table["is_padded"].to_pylist(), [False, False, True])
        self.assertEqual({len(row) for row in table["embedding"].to_pylist()}, {16})
        metadata = pyarrow.parquet.read_metadata(place.data / path).metadata
        self.assertIn(b"stub16", metadata.values())
        self.assertIn(pathlib.Path(path).stem.encode(), metadata.values())


if __name__ == "__main__":
    harness.main()
