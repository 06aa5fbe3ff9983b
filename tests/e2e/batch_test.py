#!/usr/bin/env python3
"""A batch with files in it that nobody can read: each is reported by its code, the rest is embedded and clustered."""
import json

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
        before = place.rows("SELECT COUNT(*) FROM pipeline_jobs WHERE status = 'complete'")
        artifacts = harness.artifacts(place.data)
        self.assert_status(place.run(*command), 4)
        self.assertEqual(place.rows("SELECT COUNT(*) FROM pipeline_jobs WHERE status = 'complete'"), before)
        self.assertEqual(harness.artifacts(place.data), artifacts)


if __name__ == "__main__":
    harness.main()
