"""The service as its clients see it: `up`, `serve`, tokens, the API and its events."""
import json
import stat
import unittest

import harness
from service import Service, events


class ServiceTest(harness.Case):
    def up(self, place, *words):
        inbox = place.path / "inbox"
        inbox.mkdir(exist_ok=True)
        return Service(place, *(words or ("up",)), "--ingest-root", str(inbox)), inbox

    def test_a_recording_goes_through_the_service_to_its_artifacts(self):
        place = self.place()
        service, inbox = self.up(place)
        file = harness.make_wav(inbox / "tone.wav", 3)
        status, run = service.json("POST", "/v1/ingest/local", {"source_path": str(file)})
        self.assertEqual(status, 202, run)
        run = service.wait_for_run(run["run_id"], "complete")
        self.assertEqual([task["stage"] for task in run["tasks"]], list(harness.STAGES))
        wav = next(artifact for artifact in run["artifacts"] if artifact["type"] == "normalized_wav")
        target = f"/v1/assets/{run['asset_id']}/artifacts/{wav['artifact_id']}"
        status, headers, data = service.ask("GET", target)
        self.assertEqual((status, len(data)), (200, wav["bytes"]))
        self.assertEqual(headers["ETag"], f'"{wav["sha256"]}"')
        self.assertEqual(headers["Content-Type"], "audio/wav")
        status, headers, part = service.ask("GET", target, Range="bytes=100-199")
        self.assertEqual((status, part), (206, data[100:200]))
        self.assertEqual(service.ask("GET", target, token="")[0], 401)
        outcome = service.stop()
        self.assertEqual(outcome.status, 0, str(outcome))
        self.assert_index_is_true(place)

    def test_a_failure_says_why_and_what_to_do_and_can_be_retried(self):
        place = self.place()
        service, inbox = self.up(place)
        (inbox / "broken.wav").write_bytes(b"RIFF" + bytes(100))
        run = service.json("POST", "/v1/ingest/local", {"source_path": str(inbox / "broken.wav")})[1]
        run = service.wait_for_run(run["run_id"], "failed")
        error = run["tasks"][0]["error"]
        self.assertRegex(error["code"], "^FILE_CORRUPT|^CODEC_UNSUPPORTED")
        self.assertTrue(error["cause"] and error["action"] and error["message"])
        failed = service.json("GET", f"/v1/tasks?state=failed&error_code={error['code']}")[1]["items"]
        self.assertEqual([task["run_id"] for task in failed], [run["run_id"]])
        status, answer = service.json("POST", f"/v1/runs/{run['run_id']}/retry", {})
        self.assertEqual((status, answer["tasks"]), (200, 1))
        def attempts():
            items = service.json("GET", f"/v1/runs/{run['run_id']}/attempts")[1]["items"]
            return items if len(items) == 2 and items[0]["finished_at"] else None
        harness.wait_for(attempts, "the second attempt")

    def test_events_go_on_behind_the_last_one_after_a_kill_of_the_server(self):
        place = self.place()
        service, inbox = self.up(place)
        harness.make_wav(inbox / "a.wav", 2, seed=1)
        harness.make_wav(inbox / "b.wav", 2, seed=2)
        first = service.json("POST", "/v1/ingest/local", {"source_path": str(inbox / "a.wav")})[1]
        headers = {"Authorization": "Bearer " + service.token, "Accept": "text/event-stream"}
        connection = service.connection()
        connection.request("GET", "/v1/events?after=0", headers=headers)
        stream = connection.getresponse()
        seen = events(stream, 4)
        connection.close()
        harness.kill_group(service.process)
        service, inbox = self.up(place)
        second = service.json("POST", "/v1/ingest/local", {"source_path": str(inbox / "b.wav")})[1]
        for run in (first, second):
            service.wait_for_run(run["run_id"], "complete")
        n_events = service.json("GET", "/v1/events?after=0&limit=500")[1]["after"]
        connection = service.connection()
        connection.request("GET", "/v1/events", headers={**headers, "Last-Event-ID": str(seen[-1][0])})
        seen += events(connection.getresponse(), n_events - len(seen))
        self.assertEqual([event_id for event_id, _ in seen], list(range(1, n_events + 1)), "missed or doubled")
        self.assertEqual([kind for _, kind in seen].count("run.complete"), 2)
        connection.close()

    def test_the_admin_token_is_made_once_and_for_its_user_alone(self):
        place = self.place()
        service, _ = self.up(place)
        self.assertIn(service.token, service.said())
        mode = stat.S_IMODE((place.data / "admin-token").stat().st_mode)
        self.assertEqual(oct(mode), "0o600")
        self.assertEqual(service.stop().status, 0)
        service, _ = self.up(place)
        self.assertNotIn("bln_", service.said())
        self.assertEqual(service.json("GET", "/v1/runs")[0], 200)

    def test_tokens_of_the_command_line_open_the_service_until_they_are_revoked(self):
        place = self.place()
        service, _ = self.up(place, "serve")
        made = self.assert_status(place.run("tokens", "add", "laptop", "--scope", "read", "--json"), 0).json
        self.assertEqual(service.json("GET", "/v1/runs", token=made["secret"])[0], 200)
        self.assertEqual(service.json("POST", "/v1/queue/pause", {}, token=made["secret"])[1]["code"], "FORBIDDEN")
        self.assert_status(place.run("tokens", "revoke", made["token_id"]), 0)
        status, problem = service.json("GET", "/v1/runs", token=made["secret"])
        self.assertEqual((status, problem["code"]), (401, "UNAUTHORIZED"))
        self.assertIn("revoked", problem["detail"])
        self.assertNotIn(made["secret"], self.assert_status(place.run("tokens", "list", "--json"), 0).out)

    def test_a_paused_queue_waits_for_resume_over_a_restart(self):
        place = self.place()
        service, inbox = self.up(place)
        self.assertTrue(service.json("POST", "/v1/queue/pause", {"stage": "decode"})[1]["changed"])
        file = harness.make_wav(inbox / "tone.wav", 2)
        run = service.json("POST", "/v1/ingest/local", {"source_path": str(file)})[1]
        self.assertEqual(service.stop().status, 0)
        service, _ = self.up(place)
        self.assertEqual(service.json("GET", f"/v1/runs/{run['run_id']}")[1]["state"], "queued")
        self.assert_status(place.run("resume", "--stage", "decode"), 0)
        service.wait_for_run(run["run_id"], "complete")

    def test_a_run_that_meets_a_paused_queue_says_so_and_goes_on_after_resume(self):
        place = self.place()
        file = harness.make_wav(place.path / "tone.wav", 2)
        self.assert_status(place.run("ingest", file), 0)
        self.assert_status(place.run("pause"), 0)
        outcome = place.run("run", "ssis", file, "--json")
        self.assertEqual(outcome.status, 5, str(outcome))
        self.assertEqual(outcome.json["state"], "queued")
        self.assertIn("baleen resume", outcome.err)
        self.assert_status(place.run("resume"), 0)
        self.assert_status(place.run("run", "ssis", file), 0)

    def test_the_api_alone_stops_cleanly(self):
        service, _ = self.up(self.place(), "serve")
        self.assertEqual(service.json("GET", "/v1/runs")[0], 200)
        self.assertEqual(service.stop().status, 0)

    def test_a_port_that_is_taken_is_named(self):
        place = self.place()
        service, _ = self.up(place, "serve")
        outcome = place.run("serve", "--port", str(service.port))
        self.assertEqual(outcome.status, 6, str(outcome))
        self.assertIn(str(service.port), outcome.err)

    def test_files_outside_of_the_roots_stay_outside(self):
        place = self.place()
        service, inbox = self.up(place, "serve")
        secret = harness.make_wav(place.path / "secret.wav", 2)
        (inbox / "link.wav").symlink_to(secret)
        for path in (secret, inbox / "link.wav", f"{inbox}/../secret.wav", "/etc/passwd"):
            status, problem = service.json("POST", "/v1/ingest/local", {"source_path": str(path)})
            self.assertEqual((status, problem["code"]), (403, "FORBIDDEN"), path)


if __name__ == "__main__":
    harness.main()
