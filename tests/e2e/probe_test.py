#!/usr/bin/env python3
"""A label that people gave to some windows is learned, and what is said of how good that is holds in recordings that nobody has
labelled."""
import array
import csv
import math
import random
import sqlite3

import harness
import service

RATE = 16000
WINDOW_S = 1
WINDOWS = 12


def recording(seed):
    """(samples, which windows have a whistle): noise of its own loudness, and in half of its windows one of two sounds."""
    rng = random.Random(seed)
    samples, whistles = array.array("h"), []
    loud, pitch = rng.uniform(200, 900), rng.uniform(0.9, 1.1)
    for _ in range(WINDOWS):
        kind = rng.choice(("whistle", "buzz", "nothing"))
        whistles.append(kind == "whistle")
        for n in range(RATE * WINDOW_S):
            t = n / RATE
            value = rng.gauss(0, loud)
            if kind == "whistle":
                value += 4000 * math.sin(2 * math.pi * pitch * (2000 * t + 500 * t * t))
            elif kind == "buzz":
                value += 3000 * math.copysign(1, math.sin(2 * math.pi * 130 * pitch * t))
            samples.append(max(-32768, min(32767, round(value))))
    return samples, whistles


class Probe(harness.Case):
    def collection(self, n_recordings, n_labelled):
        """A collection whose first recordings are annotated; and what is in all of them."""
        place = self.place()
        folder = place.path / "recordings"
        folder.mkdir()
        truth = {}
        for i in range(n_recordings):
            samples, truth[f"{i:02}.wav"] = recording(i)
            (folder / f"{i:02}.wav").write_bytes(harness.wav_bytes(samples.tobytes(), RATE))
        self.assert_status(place.run("run", "bioacoustics", folder, "--model", "builtin", "--window", WINDOW_S,
                                     "--collection", "reef", "--json"), 0)
        table = "Selection\tBegin Time (s)\tEnd Time (s)\tBegin File\tFile Offset (s)\tAnnotation\n"
        spans = [(name, row, is_whistle) for name in sorted(truth)[:n_labelled] for row, is_whistle in enumerate(truth[name])]
        for i, (name, row, is_whistle) in enumerate(spans, 1):
            table += f"{i}\t{row * WINDOW_S}\t{(row + 1) * WINDOW_S}\t{name}\t{row * WINDOW_S}\t{'whistle' if is_whistle else 'else'}\n"
        (place.path / "table.txt").write_text(table)
        self.assert_status(place.run("import", "reef", place.path / "table.txt"), 0)
        collection = place.rows("SELECT collection_id FROM collections")[0][0]
        return place, collection, truth

    def test_a_label_is_learned_and_its_precision_holds_in_other_recordings(self):
        place, _, truth = self.collection(24, 12)
        table = place.path / "whistles.csv"
        outcome = self.assert_status(place.run("probe", "reef", "--label", "whistle", "--out", table, "--json"), 0)
        probe = outcome.json
        self.assertGreater(probe["average_precision"], 0.95)
        self.assertTrue(probe["is_by_recording"])
        self.assertTrue(probe["is_precision_reached"], probe)
        self.assertEqual(probe["positives"], sum(sum(truth[name]) for name in sorted(truth)[:12]))
        self.assertEqual(probe["positives"] + probe["negatives"], 12 * WINDOWS)
        self.assertEqual(probe["windows_scored"], 24 * WINDOWS)
        rows = csv.DictReader(table.read_text().splitlines())
        found = [(row["file"], round(float(row["start_s"]) / WINDOW_S)) for row in rows]
        self.assertEqual(len(found), probe["windows_above"])
        others = [place for place in found if place[0] >= "12.wav"]
        right = sum(truth[name][row] for name, row in others)
        self.assertGreater(len(others), 20)
        self.assertGreaterEqual(right / len(others), probe["precision_low"] - 0.02)
        self.assertGreaterEqual(right / sum(sum(truth[name]) for name in truth if name >= "12.wav"), probe["recall"] - 0.15)
        words = self.assert_status(place.run("probe", "reef", "--label", "whistle"), 0).out
        self.assertIn("are right (95 % sure", words)

    def test_the_same_over_the_api_and_what_to_listen_to_next(self):
        place, collection, truth = self.collection(12, 6)
        server = service.Service(place)
        status, probe = server.json("POST", f"/v1/collections/{collection}/probes", {"label": "whistle", "precision": 0.95})
        self.assertEqual(status, 201, probe)
        self.assertEqual(server.json("GET", f"/v1/collections/{collection}/probes")[1]["items"], [probe])
        self.assertEqual(server.json("GET", f"/v1/probes/{probe['probe_id']}")[1], probe)
        target = f"/v1/probes/{probe['probe_id']}/windows"
        best = server.json("GET", f"{target}?limit=10&min_score=0.1")[1]["items"]
        self.assertEqual([window["score"] for window in best], sorted((window["score"] for window in best), reverse=True))
        for window in best[:5]:
            self.assertTrue(truth[window["filename"]][window["row_index"]])
        doubtful = server.json("GET", f"{target}?order=uncertain&limit=1000")[1]["items"]
        self.assertEqual(len(doubtful), 6 * WINDOWS, "what people have labelled is not asked again")
        away = [abs(window["score"] - probe["threshold"]) for window in doubtful]
        self.assertEqual(away, sorted(away))
        for query in ("order=loudest", "limit=0", "limit=x", "min_score=2", "min_score=nan", "page=2"):
            self.assertEqual(server.json("GET", f"{target}?{query}")[0], 400, query)
        self.assertEqual(server.json("GET", "/v1/probes/99/windows")[0], 404)

    def test_what_cannot_be_learned_is_refused_with_a_code(self):
        place, collection, _ = self.collection(4, 2)
        outcome = place.run("probe", "reef", "--label", "song", "--json")
        self.assertEqual(outcome.json["error"]["code"], "LABELS_TOO_FEW")
        self.assertIn("else, whistle", outcome.json["error"]["message"])
        self.assert_error_is_helpful(outcome.json["error"])
        with sqlite3.connect(place.data / "baleen.db") as database:
            keep = "SELECT annotation_id FROM annotations WHERE label = 'whistle' ORDER BY annotation_id LIMIT 4"
            database.execute(f"DELETE FROM annotations WHERE label = 'whistle' AND annotation_id NOT IN ({keep})")
        database.close()
        outcome = place.run("probe", "reef", "--label", "whistle", "--json")
        self.assertEqual(outcome.json["error"]["code"], "LABELS_TOO_FEW")
        self.assertEqual(place.run("probe", "reef", "--label", "else", "--model", "stub", "--json").json["error"]["code"],
                         "INPUT_NOT_FOUND")
        # Nobody says what is something else: windows without labels stand for it, and that is said.
        with sqlite3.connect(place.data / "baleen.db") as database:
            database.execute("DELETE FROM annotations WHERE label = 'whistle'")
        database.close()
        probe = self.assert_status(place.run("probe", "reef", "--label", "else", "--json"), 0).json
        self.assertGreater(probe["negatives_presumed"], 0)
        self.assertIn("nobody has said", probe["warnings"][0])


if __name__ == "__main__":
    harness.main()
