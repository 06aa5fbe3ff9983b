#!/usr/bin/env python3
"""What goes in and out as tables: annotations of other programs, exports for them, metadata as CSV, and questions in SQL."""
import contextlib
import csv
import http.client
import io
import json
import os
import pathlib

import harness
import service

CRASHED = 42
RAVEN = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tBegin File\tFile Offset (s)\tAnnotation\n"


def raven(*rows):
    """(file, start_s, end_s, label) each."""
    return RAVEN + "".join(f"{i}\tSpectrogram 1\t1\t{start}\t{end}\t100\t2000\t{file}\t{start}\t{label}\n"
                           for i, (file, start, end, label) in enumerate(rows, 1))


def records(path_or_text):
    text = path_or_text.read_text() if isinstance(path_or_text, pathlib.Path) else path_or_text
    return list(csv.DictReader(io.StringIO(text, newline="")))


class Interchange(harness.Case):
    def reef(self, *, clusters=False):
        """A collection of two recordings called 0.wav, in two folders, and 1.wav."""
        place = self.place()
        folder = place.path / "recordings"
        for i, name in enumerate(("north/0.wav", "south/0.wav", "north/1.wav")):
            harness.make_wav(folder / name, 20 + i, 16000, 1, seed=i)
        words = ("--model", "builtin", "--window", 1, "--collection", "reef", "--quiet")
        self.assert_status(place.run("run", "bioacoustics", folder, *words, *(("--cluster",) if clusters else ())), 0)
        return place

    @contextlib.contextmanager
    def serving(self, place):
        server = service.Service(place)
        try:
            yield server
        finally:
            harness.kill_group(server.process)

    def table(self, place, name, text):
        path = place.path / name
        path.write_text(text)
        return path

    def bring(self, place, name, text, *words):
        return place.run("import", "reef", self.table(place, name, text), *words, "--json")

    def refused(self, outcome, *parts):
        self.assertEqual((outcome.status, outcome.json["error"]["code"]), (2, "INVALID_ARGUMENT"), str(outcome))
        for part in parts:
            self.assertIn(part, outcome.json["error"]["message"])

    def test_a_table_is_taken_once_whole_and_withdrawn(self):
        place = self.reef()
        text = raven(("north/0.wav", 1, 2.5, "song"), ("C:\\SOUTH\\0.WAV", 3, 4, "call"), ("1.wav", 21, 25, "late"))
        answer, = self.assert_status(self.bring(place, "t.txt", text), 0).json["items"]
        self.assertEqual((answer["format"], answer["annotations"], answer["recordings"], answer["shortened"]), ("raven", 3, 3, 1))
        self.assertEqual(len(answer["sha256"]), 64)
        self.assertEqual(place.rows("SELECT label, end_s, is_by_person, source FROM annotations ORDER BY annotation_id"),
                         [("song", 2.5, 1, "raven: t.txt"), ("call", 4.0, 1, "raven: t.txt"), ("late", 22.0, 1, "raven: t.txt")])
        again = place.run("import", "reef", place.path / "t.txt")
        self.assertIn("nothing new", again.out)
        self.assertEqual(place.rows("SELECT COUNT(*) FROM annotations"), [(3,)])
        self.assert_status(place.run("import", "reef", "--withdraw", answer["import_id"]), 0)
        listed, = place.run("import", "reef", "--list", "--json").json["items"]
        self.assertIsNotNone(listed["withdrawn_at"])
        self.assertEqual(listed["annotations"], 3, "kept for provenance")
        nothing = place.run("export", "reef", "--what", "annotations", "--out", place.path / "out", "--json")
        self.assertEqual((nothing.status, nothing.json["error"]["code"]), (3, "INPUT_NOT_FOUND"))

    def test_what_is_not_clear_is_refused_and_nothing_is_taken(self):
        place = self.reef()
        self.refused(self.bring(place, "a.txt", raven(("1.wav", 1, 2, "x"), ("0.wav", 1, 2, "x"))), "line 3", "several recordings")
        self.refused(self.bring(place, "b.txt", raven(("1.wav", 1, 2, "x"), ("7.wav", 1, 2, "x"))), "7.wav")
        self.refused(self.bring(place, "c.txt", raven(("1.wav", 1, 2, "x"), ("1.wav", 100, 101, "x"))), "line 3", "22.000 s long")
        self.refused(self.bring(place, "d.txt", raven(("1.wav", 1, "2,5", "x"))), "line 2", "decimal comma")
        self.refused(self.bring(place, "e.txt", "1.0\t2.0\tcall\n"), "name the recording")
        self.refused(self.bring(place, "f.txt", "no table\n"), "Raven")
        self.assertEqual(place.rows("SELECT COUNT(*) FROM annotation_imports"), [(0,)])
        answer, = self.assert_status(
            self.bring(place, "b.txt", raven(("1.wav", 1, 2, "x"), ("7.wav", 1, 2, "x")), "--skip-unknown"), 0).json["items"]
        self.assertEqual((answer["annotations"], answer["left_out"]), (1, 1))
        answer, = self.assert_status(self.bring(place, "e.txt", "1.0\t2.0\tcall\n", "--recording", "1.wav"), 0).json["items"]
        self.assertEqual((answer["format"], answer["annotations"]), ("audacity", 1))
        answer, = self.assert_status(self.bring(place, "1.wav.labels.txt", "1.0\t3.0\tcall\n"), 0).json["items"]
        self.assertEqual(answer["asset_id"], place.rows("SELECT asset_id FROM audio_assets WHERE original_filename = '1.wav'")[0][0])

    def test_a_death_in_the_middle_leaves_all_or_nothing(self):
        place = self.reef()
        path = self.table(place, "t.txt", raven(("1.wav", 1, 2, "x")))
        values = self.table(place, "m.csv", "file,tag_data.species\n1.wav,orca\n")
        for when, n in (("BEFORE", 0), ("AFTER", 1)):
            with self.subTest(when=when):
                died = place.run("import", "reef", path, SSIS_ENABLE_FAILPOINTS=1,
                                 SSIS_FAILPOINT=f"DB_IMPORT_ANNOTATIONS_{when}_COMMIT")
                self.assert_status(died, CRASHED)
                self.assertEqual(place.rows("SELECT COUNT(*) FROM annotations"), [(n,)])
                died = place.run("metadata", "reef", "--set", values, SSIS_ENABLE_FAILPOINTS=1,
                                 SSIS_FAILPOINT=f"DB_IMPORT_METADATA_{when}_COMMIT")
                self.assert_status(died, CRASHED)
                self.assertEqual(place.rows("SELECT COUNT(*) FROM audio_metadata"), [(n,)])

    def test_what_is_exported_can_be_taken_in_again(self):
        place = self.reef(clusters=True)
        self.assert_status(self.bring(place, "t.txt", raven(("north/0.wav", 1, 2.5, "song"), ("1.wav", 3, 4, "call"))), 0)
        for name in ("raven", "kaleidoscope", "audacity"):
            out = place.path / name
            answer = self.assert_status(place.run("export", "reef", "--format", name, "--what", "all", "--with-noise", "--out", out,
                                                  "--json"), 0).json
            self.assertEqual((answer["windows"], answer["annotations"], answer["recordings"]), (63, 2, 3))
            taken = self.assert_status(place.run("import", "reef", *answer["files"], "--json"), 0).json["items"]
            self.assertEqual(sum(item["annotations"] for item in taken), 65)
            self.assertEqual(sum(item["shortened"] for item in taken), 0)
            for item in taken:
                self.assert_status(place.run("import", "reef", "--withdraw", item["import_id"]), 0)

    def test_occurrences_say_when_where_and_what_if_that_is_known(self):
        place = self.reef()
        values = ("file,tag_data.latitude,tag_data.longitude,tag_data.site,tag_data.license,tag_data.scientific_names.song\n"
                  "1.wav,-27.5,153.25,reef 7,CC0-1.0,Megaptera novaeangliae\n")
        self.assert_status(place.run("metadata", "reef", "--set", self.table(place, "m.csv", values)), 0)
        self.assert_status(self.bring(place, "t.txt", raven(("1.wav", 1, 2, "song"), ("1.wav", 1, 2, "song"), ("north/0.wav", 1, 2, "b"))), 0)
        out = place.path / "out"
        words = ("export", "reef", "--format", "darwin_core", "--what", "annotations", "--json", "--out")
        self.assert_status(place.run(*words, out), 0)
        rows = records(out / "occurrences.csv")
        self.assertEqual(len({row["occurrenceID"] for row in rows}), 3)
        known, = [row for row in rows if row["associatedMedia"] == "1.wav" and not row["occurrenceID"].endswith(":2")]
        self.assertEqual([known[name] for name in ("decimalLatitude", "decimalLongitude", "locationID", "license", "scientificName",
                                                   "verbatimIdentification", "eventDate")],
                         ["-27.5", "153.25", "reef 7", "CC0-1.0", "Megaptera novaeangliae", "song", ""])
        self.assertEqual([row["scientificName"] for row in rows if row["associatedMedia"].startswith("0.")], [""])
        self.assert_status(place.run(*words, place.path / "again"), 0)
        self.assertEqual((out / "occurrences.csv").read_bytes(), (place.path / "again" / "occurrences.csv").read_bytes())

    def test_occurrences_and_hours_are_in_true_time(self):
        place = self.place()
        harness.make_wav(place.path / "in" / "AMAR668.9.20190524T120000Z.wav", 20, 16000, 1)
        self.assert_status(place.run("run", "bioacoustics", place.path / "in", "--model", "builtin", "--window", 1, "--collection", "reef",
                                     "--quiet", "--cluster"), 0)
        with self.serving(place) as running:
            clustering = place.rows("SELECT path FROM artifact_index WHERE artifact_type = 'assignments'")[0][0].split("/")[1]
            asset_id, = place.rows("SELECT asset_id FROM audio_assets")[0]
            status, _ = running.json("PUT", f"/v1/assets/{asset_id}/metadata", {"tag_data": {"clock_sync": [
                {"recorder": "2019-05-24T12:00:00Z", "true": "2019-05-24T10:59:58Z"}]}})
            self.assertEqual(status, 200)
            status, answer = running.json("GET", f"/v1/clusterings/{clustering}")
            self.assertEqual(status, 200)
        # Its clock was ahead by an hour and two seconds: two windows began before eleven.
        hours = [sum(counts) for counts in zip(*(cluster["hours"] for cluster in answer["items"]))]
        self.assertEqual((hours[10], hours[11]), (2, 18))
        self.assert_status(self.bring(place, "t.txt", raven(("AMAR668.9.20190524T120000Z.wav", 3, 4, "song"))), 0)
        self.assert_status(place.run("export", "reef", "--format", "darwin_core", "--what", "annotations", "--out", place.path / "out"), 0)
        self.assertIn("2019-05-24T11:00:01", records(place.path / "out" / "occurrences.csv")[0]["eventDate"])

    def test_a_person_s_label_is_exported_instead_of_the_cluster(self):
        place = self.reef(clusters=True)
        key = place.rows("SELECT asset_id, path, sha256 FROM artifact_index WHERE artifact_type = 'assignments'")[0]
        with self.serving(place) as running:
            clustering = key[1].split("/")[1]
            status, answer = running.json("POST", f"/v1/clusterings/{clustering}/actions", {"kind": "label", "label": "upcall", "rows": [0, 1]})
            self.assertEqual(status, 201, answer)
        out = place.path / "out"
        self.assert_status(place.run("export", "reef", "--format", "kaleidoscope", "--with-noise", "--out", out), 0)
        self.assertEqual([row["MANUAL ID"] for row in records(out / "clusters.csv") if row["MANUAL ID"]], ["upcall", "upcall"])

    def test_metadata_is_written_and_read_as_one_table(self):
        place = self.reef()
        command = ("metadata", "reef")
        rows = records(place.run(*command).out)
        self.assertEqual([row["file"] for row in rows], ["0.wav", "0.wav", "1.wav"])
        first, last = rows[0]["asset_id"], rows[2]["asset_id"]
        # As a spreadsheet of half of Europe saves it.
        text = ("\ufeffsep=;\r\nfile;asset_id;tag_data.n;tag_data.code;tag_data.depth_m;tag_data.note;group_composition\r\n"
                f"0.wav;{first};5;007;12,5;\"a; \"\"b\"\"\";\"[\"\"mother\"\",\"\"calf\"\"]\"\r\n"
                "1.WAV;;\"\"\"5\"\"\";;;=1+1;\r\n9.wav;;1;;;;\r\n")
        answer = self.assert_status(place.run(*command, "--set", self.table(place, "s.csv", text), "--json"), 0).json
        self.assertEqual((answer["changed"], answer["unchanged"], answer["unknown"]), (2, 0, ["9.wav"]))
        metadata = {asset_id: json.loads(tags) for asset_id, tags in place.rows("SELECT asset_id, tag_data FROM audio_metadata")}
        self.assertEqual(metadata[first], {"n": 5, "code": "007", "depth_m": 12.5, "note": 'a; "b"'})
        self.assertEqual(metadata[last], {"n": "5", "note": "=1+1"})
        whole = place.run(*command).out
        self.assertNotIn(",=1+1", whole, "no spreadsheet takes it for a formula")
        answer = place.run(*command, "--set", self.table(place, "again.csv", whole), "--json").json
        self.assertEqual((answer["changed"], answer["unchanged"]), (0, 3), answer)
        for text, *parts in (("file,tagdata.x\n1.wav,1\n", "line 1", "tagdata.x"),
                             ("file,tag_data.n\n1.wav,7\n0.wav,7\n", "line 3", "asset_id"),
                             ("file,tag_data.n\n1.wav,7\n1.wav,8\n", "line 3", "line 2"),
                             ("file,tag_data.n\n1.wav,7,8\n", "line 2", "3 fields"),
                             ("file,tag_data.n.x\n1.wav,7\n", "line 2, column tag_data.n.x"),
                             ("species\norca\n", "line 1", "species"),
                             ("file,tag_data.n\n1.wav,\"7\n", "quote")):
            with self.subTest(text=text):
                self.refused(place.run(*command, "--set", self.table(place, "bad.csv", text), "--json"), *parts)
                self.assertEqual(place.run(*command).out, whole, "nothing is changed")
        self.assert_status(place.run(*command, "--set", self.table(place, "less.csv", "file,tag_data.n\n1.wav,\n")), 0)
        self.assertEqual(json.loads(place.rows(f"SELECT tag_data FROM audio_metadata WHERE asset_id = '{last}'")[0][0]), {"note": "=1+1"})

    def test_the_service_takes_and_gives_the_same_tables(self):
        place = self.reef(clusters=True)
        collection = place.rows("SELECT collection_id FROM collections")[0][0]
        asset = place.rows("SELECT asset_id FROM audio_assets WHERE original_filename = '1.wav'")[0][0]
        here = f"/v1/collections/{collection}"
        with self.serving(place) as running:
            def ask(method, target, text=None):
                connection = running.connection()
                headers = {"Authorization": "Bearer " + running.token, **({"Content-Type": "text/csv"} if text else {})}
                connection.request(method, here + target, text.encode() if text else None, headers)
                response = connection.getresponse()
                data = response.read().decode()
                connection.close()
                return response.status, response.headers, data
            text = raven(("1.wav", 1, 2, "song"))
            status, _, data = ask("POST", "/annotations?filename=t.txt", text)
            self.assertEqual((status, json.loads(data)["reused"]), (201, False), data)
            status, _, data = ask("POST", "/annotations?filename=t.txt&format=raven", text)
            self.assertEqual((status, json.loads(data)["reused"]), (http.client.OK, True))
            status, _, data = ask("POST", "/annotations", raven(("8.wav", 1, 2, "song")))
            self.assertEqual((status, json.loads(data)["code"]), (400, "INVALID_ARGUMENT"))
            _, annotations = running.json("GET", f"/v1/assets/{asset}/annotations")
            self.assertEqual([(item["label"], item["low_hz"]) for item in annotations["items"]], [("song", 100)])
            status, headers, data = ask("GET", "/export?format=raven&with_noise=true&what=all")
            self.assertEqual((status, data.count("\n")), (200, 1 + 63 + 1))
            self.assertIn("all.selections.txt", headers["Content-Disposition"])
            status, _, data = ask("GET", "/export?format=audacity")
            self.assertEqual((status, json.loads(data)["code"]), (400, "INVALID_ARGUMENT"))
            self.assert_status(place.run("export", "reef", "--format", "parquet", "--what", "all", "--with-noise", "--out", place.path / "out"), 0)
            status, headers, data = running.ask("GET", here + "/export?format=parquet&with_noise=true&what=all")
            self.assertEqual((status, headers["Content-Type"]), (200, "application/vnd.apache.parquet"))
            self.assertEqual(data, (place.path / "out" / "all.parquet").read_bytes())
            self.assertEqual(ask("GET", f"/export?format=audacity&what=annotations&asset_id={asset}")[2],
                             "1.000000\t2.000000\tsong\n\\\t100.000000\t2000.000000\n")
            status, _, data = ask("PUT", "/metadata", "file,tag_data.n\n1.wav,3\n")
            self.assertEqual((status, json.loads(data)["changed"]), (200, 1), data)
            self.assertEqual([row["tag_data.n"] for row in records(ask("GET", "/metadata")[2])], ["", "", "3"])
            import_id = json.loads(ask("GET", "/annotations")[2])["items"][0]["import_id"]
            self.assertEqual(ask("DELETE", f"/annotations/{import_id}")[0], 204)
            self.assertEqual(running.json("GET", f"/v1/assets/{asset}/annotations")[1], {"items": []})

    def test_labels_join_the_embeddings_in_other_programs(self):
        try:
            import pyarrow.parquet as parquet
        except ImportError:
            self.skipTest("pyarrow is not installed")
        place = self.reef(clusters=True)
        out = place.path / "out"
        self.assert_status(place.run("export", "reef", "--format", "parquet", "--with-noise", "--out", out), 0)
        self.assert_status(place.run("export", "reef", "--format", "kaleidoscope", "--with-noise", "--out", out), 0)
        rows = parquet.read_table(out / "clusters.parquet").to_pylist()
        self.assertEqual([row["label"] for row in rows], [row["AUTO ID*"] or row["MANUAL ID"] for row in records(out / "clusters.csv")])
        embedded = {(asset_id, start_s) for asset_id, path in place.rows(
            "SELECT asset_id, path FROM artifact_index WHERE artifact_type = 'embedding_set'")
            for start_s in parquet.read_table(place.data / path)["start_s"].to_pylist()}
        self.assertEqual({(row["asset_id"], row["start_s"]) for row in rows}, embedded)
        self.assertEqual({(row["low_hz"], row["is_by_person"]) for row in rows}, {(None, False)})

    def test_questions_in_sql_are_answered_and_nothing_else_is_done(self):
        place = self.reef(clusters=True)
        library = {name: os.environ[name] for name in ("BALEEN_DUCKDB_LIBRARY",) if name in os.environ}

        def ask(sql, *words):
            return place.run("sql", sql, *words, **library)
        first = ask("SELECT 1", "--json")
        if first.status == 4 and first.json["error"]["code"] == "NOT_SUPPORTED":
            self.assertIn("BALEEN_DUCKDB_LIBRARY", first.json["error"]["message"])
            self.skipTest("no libduckdb.so here (BALEEN_DUCKDB_LIBRARY)")
        self.assertEqual(first.json, {"columns": ["1"], "rows": [[1]]})
        self.assert_status(place.run("metadata", "reef", "--set", self.table(place, "m.csv", "file,tag_data.species\n1.wav,orca\n")), 0)
        self.assert_status(self.bring(place, "t.txt", raven(("1.wav", 1, 2.5, "song"))), 0)
        for sql, rows in (
                ("SELECT filename, duration_s, sample_rate_hz FROM audio_assets ORDER BY 2", [["0.wav", 20, 16000], ["0.wav", 21, 16000], ["1.wav", 22, 16000]]),
                ("SELECT name, count(*) FROM collections JOIN members USING (collection_id) GROUP BY 1", [["reef", 3]]),
                ("SELECT tag_data->>'species' FROM metadata", [["orca"]]),
                ("SELECT filename, a.label, end_s, is_by_person, low_hz FROM annotations a JOIN audio_assets USING (asset_id)", [["1.wav", "song", 2.5, True, 100]]),
                ("SELECT count(*), sum(end_s - start_s), min(len(embedding)) FROM embeddings", [[63, 63, 1024]]),
                ("SELECT count(*), count(DISTINCT asset_id) FROM assignments JOIN clusterings USING (clustering_id)", [[63, 3]]),
                ("SELECT count(*), count(label) FROM labels JOIN assignments USING (asset_id, row_index) WHERE labels.cluster = assignments.cluster", [[63, 0]]),
                ("SELECT count(*), count(start_utc) FROM recordings", [[3, 0]]),
                ("SELECT NULL, 'a,\"b\"', 1.5::DECIMAL(5,2), 12345678901234567890123::HUGEINT > 0", [[None, 'a,"b"', 1.5, True]])):
            with self.subTest(sql=sql):
                outcome = self.assert_status(ask(sql, "--json"), 0)
                self.assertEqual(outcome.json["rows"], rows, str(outcome))
        self.assertEqual(ask("SELECT NULL AS n, '' AS e, 'a,b' AS \"x\"", "--csv").out, "n,e,x\r\n,\"\",\"a,b\"\r\n")
        self.assertIn("audio_assets", ask("SHOW TABLES").out)
        before = {path: path.stat().st_mtime_ns for path in place.data.rglob("*.parquet")}
        for sql in ("DELETE FROM labels", f"COPY labels TO '{place.data}/clusters/x.parquet' (FORMAT parquet)", "SELECT * FROM nothing",
                    f"SELECT * FROM read_blob('{place.data}/baleen.db')", "SELECT 1; SELECT 2", "SET memory_limit = '1GB'"):
            with self.subTest(sql=sql):
                outcome = ask(sql, "--json")
                self.assertEqual((outcome.status, outcome.json["error"]["code"]), (2, "INVALID_ARGUMENT"), str(outcome))
        self.assertEqual({path: path.stat().st_mtime_ns for path in place.data.rglob("*.parquet")}, before)


if __name__ == "__main__":
    harness.main()
