#!/usr/bin/env python3
"""A batch with files in it that nobody can read: each is reported by its code, the rest is embedded and clustered. And one
file that is too long to wait for."""
import json
import signal

import batches
import harness

FILES, BAD = 60, 14


class Batch(harness.Case):
    def test_each_bad_file_is_reported_and_the_rest_is_clustered(self):
        place = self.place()
        folder = place.path / "batch"
        expected = batches.make(folder, FILES, BAD)
        self.assertEqual(len(expected), BAD)
        command = ("run", "bioacoustics", folder, "--model", "builtin", "--window", 1, "--collection", "season", "--cluster",
                   "--min-cluster-size", 5, "--json")
        outcome = self.assert_status(place.run(*command), 4)
        *runs, clusters = outcome.json
        self.assertEqual(len(runs), FILES, "each file has its say")
        failed = {run["file"]: harness.failure_of(run) for run in runs if run["state"] != "complete"}
        self.assertEqual(sorted(failed), sorted(expected))
        for name, error in failed.items():
            with self.subTest(name):
                self.assert_error_is_helpful(error)
                self.assertEqual(error["code"], expected[name])

        self.assertEqual((clusters["recipe"], clusters["state"]), ("clusters", "complete"))
        (path,), = place.rows("SELECT path FROM artifact_index WHERE artifact_type = 'clusters_v1'")
        document = json.loads((place.data / path).read_text())
        self.assertEqual(document["recordings"], FILES - BAD)
        self.assertEqual(sum(cluster["size"] for cluster in document["clusters"]) + document["noise"], document["windows"])
        self.assertGreaterEqual(len(document["clusters"]), len(batches.KINDS) - 1)
        self.assertEqual(len([path for path in harness.artifacts(place.data) if path.endswith(".parquet")
                              and path.startswith("embeddings/")]), FILES - BAD)
        self.assert_index_is_true(place)
        self.assert_nothing_left(place)

        # The same again does nothing but say so again: nobody waits for the bad ones a second time.
        # People see first what failed: the table has room for 20 of 61 rows.
        before = place.rows("SELECT COUNT(*) FROM pipeline_jobs WHERE status = 'complete'")
        artifacts = harness.artifacts(place.data)
        shown = self.assert_status(place.run(*command[:-1]), 4).out
        table = shown[:shown.index("… and")]
        for name in expected:
            self.assertIn(name, table)
        self.assertIn(f"… and {FILES + 1 - 20} more, all complete", shown)
        self.assertEqual(place.rows("SELECT COUNT(*) FROM pipeline_jobs WHERE status = 'complete'"), before)
        self.assertEqual(harness.artifacts(place.data), artifacts)

    def test_ctrl_c_ends_the_copying_of_a_recording_that_is_longer_than_anybody_waits(self):
        place = self.place()
        recording = place.path / "year.wav"
        with recording.open("wb") as file:  # Of a hole: 500 GB are minutes of hashing, and no disk.
            file.write(harness.wav_bytes(harness.tone(harness.RATE)))
            file.truncate(500 * 10 ** 9)
        process = place.start("run", "bioacoustics", recording, "--model", "stub")
        harness.wait_for(lambda: list(place.data.glob("incoming/ingest.*")), "the copy to begin")
        process.send_signal(signal.SIGINT)
        outcome = place.finish(process, 30 * harness.PATIENCE)
        self.assert_status(outcome, 130)
        self.assertLess(sum(path.stat().st_blocks * 512 for path in place.data.rglob("*") if path.is_file()), 10 ** 8)
        self.assert_nothing_left(place)
        self.assertEqual(place.rows("SELECT COUNT(*) FROM audio_assets"), [(0,)])


if __name__ == "__main__":
    harness.main()
