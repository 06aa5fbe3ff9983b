"""Uploads over broken connections and killed servers, and requests that come twice."""
import base64
import contextlib
import hashlib
import http.client
import json
import random
import time
import unittest

import crashes
import harness
from service import Service, events

ADDRESS = "/v1/ingest/upload"
# Where a server may die on the way from the last byte to the run. DB_* are the commits on it.
STEPS = ("UPLOAD_AFTER_WRITE", "UPLOAD_AFTER_SYNC", "UPLOAD_BEFORE_RENAME", "ATOMIC_WRITE_AFTER_RENAME",
         "DB_INGEST_BEFORE_COMMIT", "DB_INGEST_AFTER_COMMIT", "UPLOAD_BEFORE_SUBMIT", "DB_SUBMIT_BEFORE_COMMIT",
         "DB_SUBMIT_AFTER_COMMIT", "UPLOAD_BEFORE_DROP")
CREATION = ("DB_UPLOAD_BEFORE_COMMIT", "DB_UPLOAD_AFTER_COMMIT")


def metadata(**values):
    return ",".join(f"{key} {base64.b64encode(str(value).encode()).decode()}" for key, value in values.items())


def create(service, size, body=None, **headers):
    return service.send("POST", ADDRESS, body, Upload_Length=str(size), Upload_Metadata=metadata(filename="tone.wav"),
                        **headers)


def send_rest(service, target, data):
    """As a tus client does: asks how far it has come, and sends the rest; waits while another has the upload in hand."""
    deadline = time.monotonic() + 30
    while True:
        status, headers, _ = service.send("HEAD", target)
        assert status == 200, status
        offset = int(headers["Upload-Offset"])
        if offset == len(data) and headers["Baleen-Run-Id"]:
            return offset, headers
        status, headers, body = service.send("PATCH", target, data[offset:], Upload_Offset=str(offset))
        if status != 423 or time.monotonic() > deadline:
            assert status == 204, (status, body)
            return offset, headers


class UploadsTest(harness.Case):
    def assert_done(self, place, data, headers):
        """One asset with these bytes, one run, and nothing left on the way."""
        rows = place.rows("SELECT asset_id, original_path, content_hash FROM audio_assets")
        self.assertEqual(len(rows), 1, rows)
        self.assertEqual(rows[0][0], headers["Baleen-Asset-Id"])
        self.assertEqual((place.data / rows[0][1]).read_bytes(), data)
        self.assertEqual(rows[0][2], hashlib.sha256(data).hexdigest())
        self.assertEqual(place.rows("SELECT run_id FROM runs"), [(headers["Baleen-Run-Id"],)])
        self.assertEqual(place.rows("SELECT COUNT(*) FROM artifact_index WHERE artifact_type = 'original'"), [(1,)])
        self.assertEqual(list((place.data / "incoming").iterdir()), [])

    def test_a_recording_goes_up_in_one_request_and_through_its_run(self):
        place = self.place()
        service = Service(place, "up")
        data = harness.wav_bytes(harness.tone(3 * harness.RATE))
        status, headers, _ = create(service, len(data), data)
        self.assertEqual(status, 201)
        run = service.wait_for_run(headers["Baleen-Run-Id"], "complete")
        self.assertEqual([task["stage"] for task in run["tasks"]], list(harness.STAGES))
        upload = service.json("GET", headers["Location"])[1]
        self.assertEqual((upload["state"], upload["offset_bytes"], upload["filename"]), ("complete", len(data), "tone.wav"))
        again = create(service, len(data), data)[1]
        self.assertEqual(again["Baleen-Asset-Id"], headers["Baleen-Asset-Id"])
        self.assertFalse(service.json("GET", again["Location"])[1]["is_new_asset"])
        self.assertEqual(service.stop().status, 0)
        self.assert_index_is_true(place)
        self.assertEqual(list((place.data / "incoming").iterdir()), [])

    def test_an_upload_goes_on_where_kills_of_the_server_broke_it(self):
        place = self.place()
        service = Service(place, "serve")
        data = random.Random(1).randbytes(24_000_000)
        target = create(service, len(data))[1]["Location"]
        reached = [0]
        for killed_at in (5_000_000, 12_000_000):
            offset = int(service.send("HEAD", target)[1]["Upload-Offset"])
            self.assertGreaterEqual(offset, reached[-1])
            with contextlib.closing(service.connection()) as connection:
                connection.putrequest("PATCH", target)
                for name, value in {"Authorization": "Bearer " + service.token, "Upload-Offset": offset,
                                    "Content-Type": "application/offset+octet-stream",
                                    "Content-Length": len(data) - offset}.items():
                    connection.putheader(name, str(value))
                connection.endheaders()
                connection.send(data[offset:killed_at])
                # In the middle, with bytes on their way.
                harness.wait_for(lambda: service.json("GET", target)[1]["offset_bytes"] > offset, "some bytes")
                harness.kill_group(service.process)
            service = Service(place, "serve")
            reached.append(service.json("GET", target)[1]["offset_bytes"])
            self.assertGreater(reached[-1], offset)
        self.assertLessEqual(reached[-1], 12_000_000)
        offset, headers = send_rest(service, target, data)
        self.assertEqual(offset, reached[-1])
        self.assert_done(place, data, headers)

    def test_a_death_at_any_step_of_its_end_is_made_good(self):
        data = harness.wav_bytes(harness.tone(harness.RATE))
        for step in STEPS:
            for is_by_sweep in (False, True):
                with self.subTest(step=step, is_by_sweep=is_by_sweep):
                    self.die_at(step, data, is_by_sweep)

    def test_every_failpoint_of_the_service_is_tried(self):
        self.assertEqual(crashes.failpoints_in_the_source(of_service=True) - {*STEPS, *CREATION}, set())

    def test_a_death_while_it_is_created_leaves_at_most_a_row_that_expires(self):
        data = harness.wav_bytes(harness.tone(harness.RATE))
        for step in CREATION:
            with self.subTest(step=step):
                place = self.place()
                service = Service(place, "serve", SSIS_ENABLE_FAILPOINTS=1, SSIS_FAILPOINT=step)
                with self.assertRaises((ConnectionError, http.client.HTTPException)):
                    create(service, len(data), Idempotency_Key="k")
                self.assertEqual(place.finish(service.process).status, 42)
                service = Service(place, "serve")
                target = create(service, len(data), Idempotency_Key="k")[1]["Location"]
                self.assert_done(place, data, send_rest(service, target, data)[1])

    def die_at(self, step, data, is_by_sweep):
        place = self.place()
        Service(place, "serve").stop()  # Makes the admin's token.
        service = Service(place, "serve", SSIS_ENABLE_FAILPOINTS=1, SSIS_FAILPOINT=step)
        target = create(service, len(data))[1]["Location"]
        with self.assertRaises((ConnectionError, http.client.HTTPException)):
            send_rest(service, target, data)
        self.assertEqual(place.finish(service.process).status, 42)
        service = Service(place, "serve")
        if is_by_sweep:
            harness.wait_for(lambda: place.rows("SELECT 1 FROM uploads WHERE state = 'complete'"),
                             "the upload to be completed without a client")
        offset, headers = send_rest(service, target, data)
        self.assertEqual(offset, len(data), "what was written counts")
        self.assertEqual(send_rest(service, target, data)[1]["Baleen-Run-Id"], headers["Baleen-Run-Id"])
        harness.wait_for(lambda: not list((place.data / "incoming").iterdir()), "the sweep", 10)
        self.assert_done(place, data, headers)
        service.stop()

    def test_a_repeated_request_gets_the_first_answer_even_after_a_kill(self):
        place = self.place()
        inbox = place.path / "inbox"
        words = ("serve", "--ingest-root", str(inbox))
        file = harness.make_wav(inbox / "tone.wav", 2)
        service = Service(place, *words)
        body = {"source_path": str(file)}
        first = service.ask("POST", "/v1/ingest/local", body, Idempotency_Key="a")
        self.assertEqual(first[0], 202)
        harness.kill_group(service.process)
        service = Service(place, *words)
        again = service.ask("POST", "/v1/ingest/local", body, Idempotency_Key="a")
        self.assertEqual((again[0], again[2], again[1]["Location"]), (202, first[2], first[1]["Location"]))
        self.assertEqual(again[1]["Idempotency-Replayed"], "true")
        other = service.ask("POST", "/v1/ingest/local", {**body, "priority": 1}, Idempotency_Key="a")
        self.assertEqual((other[0], json.loads(other[2])["code"]), (422, "IDEMPOTENCY_KEY_REUSED"))

    def test_a_stream_over_three_kills_misses_no_event_and_doubles_none(self):
        place = self.place()
        seen, runs, service = [], [], None
        for seed in range(4):
            service = Service(place, "up")
            data = harness.wav_bytes(harness.tone(2 * harness.RATE, seed=seed))
            headers = {"Authorization": "Bearer " + service.token, "Accept": "text/event-stream",
                       "Last-Event-ID": str(seen[-1][0] if seen else 0)}
            with contextlib.closing(service.connection()) as connection:
                connection.request("GET", "/v1/events", headers=headers)
                stream = connection.getresponse()
                runs.append(create(service, len(data), data)[1]["Baleen-Run-Id"])
                if seed < 3:
                    seen += events(stream, 2 + seed)
                    harness.kill_group(service.process)  # While the run is on its way.
                    continue
                for run_id in runs:
                    service.wait_for_run(run_id, "complete")
                last = service.json("GET", "/v1/events?after=0&limit=500")[1]["after"]
                seen += events(stream, last - seen[-1][0])
        self.assertEqual([event_id for event_id, _ in seen], list(range(1, last + 1)), "missed or doubled")
        self.assertEqual([kind for _, kind in seen].count("run.complete"), 4)
        self.assertEqual(service.stop().status, 0)
        self.assert_nothing_twice(place)


if __name__ == "__main__":
    harness.main()
