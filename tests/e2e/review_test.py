#!/usr/bin/env python3
"""What people say of clusters: labels, merges, splits and noise survive crashes and restarts, tell who said them, can be
undone, and leave for other programs."""
import array
import math
import random
import struct

import harness
import service

CRASHED = 42
SOUNDS = 3
SECONDS_OF_EACH = 16


def armed(name):
    return {"SSIS_ENABLE_FAILPOINTS": 1, "SSIS_FAILPOINT": name}


def make_sounds(path, seed):
    """A low tone, hiss, and clicks: so many seconds of each, one after the other."""
    rng, rate = random.Random(seed), 16000
    samples = array.array("h")
    for sound in range(SOUNDS):
        for i in range(SECONDS_OF_EACH * rate):
            tone = 6000 * math.sin(2 * math.pi * 400 * i / rate)
            value = (tone, rng.gauss(0, 3000), 15000 if i % 1600 < 16 else 0)[sound]
            samples.append(round(value + rng.gauss(0, 40)))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(harness.wav_bytes(samples.tobytes(), rate, 1))


def labels_of(data):
    """(version, clusters, labels) of a "BLNLBL01"."""
    magic, n, version = struct.unpack_from("<8sII", data)
    assert magic == b"BLNLBL01" and len(data) == 16 + 8 * n
    return version, struct.unpack_from(f"<{n}i", data, 16), struct.unpack_from(f"<{n}i", data, 16 + 4 * n)


class Reviews(harness.Case):
    def clustered(self):
        place = self.place()
        folder = place.path / "recordings"
        for i in range(2):
            make_sounds(folder / f"S4A0389{i}_20190522_06000{i}.wav", i)
        self.assert_status(place.run("run", "bioacoustics", folder, "--model", "builtin", "--window", 1, "--collection", "reef",
                                     "--cluster", "--min-cluster-size", 5), 0)
        return place

    def clusters(self, place):
        return self.assert_status(place.run("clusters", "reef", "--json"), 0).json["clustering"]

    def start(self, place):
        server = service.Service(place)
        self.addCleanup(lambda: harness.kill_group(server.process))
        return server

    def test_what_was_said_survives_a_restart_and_can_be_undone(self):
        place = self.clustered()
        server = self.start(place)
        collection, = server.json("GET", "/v1/collections")[1]["items"]
        listed, = server.json("GET", f"/v1/collections/{collection['collection_id']}/clusterings")[1]["items"]
        base = f"/v1/clusterings/{listed['clustering_id']}"
        self.assertEqual((listed["windows"], listed["recordings"], listed["n_actions"]), (96, 2, 0))
        shown = server.json("GET", base)[1]
        numbers = [item["cluster"] for item in shown["items"] if item["cluster"] >= 0]
        self.assertGreaterEqual(len(numbers), 2, shown["items"])
        self.assertEqual(sum(item["size"] for item in shown["items"]), 96)
        for item in shown["items"]:
            self.assertEqual(sum(item["hours"]) + item["hours_unknown"], item["size"])
            self.assertEqual(item["hours"][6], item["size"])
            for kind in ("medoids", "edges", "outliers"):
                self.assertEqual({window["cluster"] for window in item["exemplars"][kind]}, {item["cluster"]})

        def act(**request):
            status, answer = server.json("POST", base + "/actions", request)
            self.assertEqual(status, 201, answer)
            return answer

        def state():
            return (labels_of(server.ask("GET", base + "/labels")[2])[1:],
                    {item["cluster"]: item["label"] for item in server.json("GET", base)[1]["items"]})
        states = [state()]
        for request in ({"kind": "label", "clusters": [numbers[0]], "label": "low tone"},
                        {"kind": "label", "rows": [90, 91], "label": "clicks"},
                        {"kind": "split", "cluster": numbers[0], "into": 2},
                        {"kind": "merge", "clusters": numbers[:2]},
                        {"kind": "move", "rows": [5, 6], "to": "new"},
                        {"kind": "noise", "rows": [20, 21, 22]}):
            answer = act(**request)
            self.assertEqual(answer["action"]["made_by"], "first start", answer)  # The token of that name.
            states.append(state())
            self.assertNotEqual(states[-1], states[-2], request)
        self.assertEqual(answer["review_version"], 6)
        status, problem = server.json("POST", base + "/actions", {"kind": "noise", "rows": [1], "expected_version": 5})
        self.assertEqual((status, problem["code"]), (409, "CONFLICT"))
        status, problem = server.json("POST", base + "/actions", {"kind": "merge", "clusters": [numbers[0], 999]})
        self.assertEqual((status, problem["code"]), (400, "INVALID_ARGUMENT"))
        actions = server.json("GET", base + "/actions")[1]["items"]
        self.assertEqual([action["kind"] for action in actions], ["noise", "move", "merge", "move", "label", "label"])

        whole = server.json("GET", base)[1]
        etag = server.ask("GET", base + "/labels")[1]["ETag"]
        self.assertEqual(server.stop().status, 0)
        server = self.start(place)
        self.assertEqual(server.json("GET", base)[1], whole, "the state after a restart")
        self.assertEqual(server.ask("GET", base + "/labels", If_None_Match=etag)[0], 304)
        self.assertEqual(state(), states[-1])

        for before in reversed(states[:-1]):
            self.assertEqual(server.json("POST", base + "/undo", {})[0], 200)
            self.assertEqual(state(), before)
        self.assertEqual(server.json("POST", base + "/undo", {})[1]["code"], "NOT_FOUND")
        for after in states[1:]:
            self.assertEqual(server.json("POST", base + "/redo", {})[0], 200)
            self.assertEqual(state(), after)
        self.assertEqual(server.json("POST", base + "/redo", {})[1]["code"], "NOT_FOUND")
        self.assertEqual(server.stop().status, 0)

    def test_the_map_and_the_windows_say_the_same(self):
        place = self.clustered()
        server = self.start(place)
        collection, = server.json("GET", "/v1/collections")[1]["items"]
        listed, = server.json("GET", f"/v1/collections/{collection['collection_id']}/clusterings")[1]["items"]
        base = f"/v1/clusterings/{listed['clustering_id']}"
        status, headers, points = server.ask("GET", base + "/points")
        self.assertEqual((status, headers["Content-Type"]), (200, "application/octet-stream"))
        magic, n, n_recordings = struct.unpack_from("<8sII", points)
        self.assertEqual((magic, n, n_recordings, len(points)), (b"BLNPTS01", 96, 2, 16 + 29 * 96))
        start_s = struct.unpack_from(f"<{n}f", points, 16 + 8 * n)
        recording = struct.unpack_from(f"<{n}I", points, 16 + 20 * n)
        self.assertEqual(set(points[-n:]), {6}, "all of them at six in the morning")
        recordings = server.json("GET", base + "/recordings")[1]["items"]
        self.assertEqual([item["windows"] for item in recordings], [48, 48])
        seen, after = [], ""
        while after is not None:
            page = server.json("GET", f"{base}/windows?limit=40" + (after and f"&after={after}"))[1]
            seen += page["items"]
            after = page["next"]
        self.assertEqual(sorted(window["row"] for window in seen), list(range(96)))
        for window in seen:
            self.assertEqual(window["start_s"], start_s[window["row"]])
            self.assertEqual(window["asset_id"], recordings[recording[window["row"]]]["asset_id"])
        one = server.json("GET", base + "/windows/7")[1]
        self.assertIn("why_noise", one)
        self.assertEqual(server.json("GET", base + "/windows/96")[1]["code"], "NOT_FOUND")
        self.assertEqual(server.json("GET", base + "/windows?order=beauty")[1]["code"], "INVALID_ARGUMENT")
        self.assertEqual(server.json("POST", base + "/actions", {"kind": "label", "rows": [7], "label": "low tone"})[0], 201)
        found = server.json("GET", base + "/windows?label=low%20tone&order=medoid")[1]["items"]
        self.assertEqual([window["row"] for window in found], [7])

        token = self.assert_status(place.run("tokens", "add", "eve", "--owner", "eve", "--json"), 0).json["secret"]
        for what in ("", "/points", "/labels", "/recordings", "/windows", "/windows/0", "/actions"):
            self.assertEqual(server.json("GET", base + what, token=token)[0], 404, what)
        self.assertEqual(server.json("POST", base + "/undo", {}, token=token)[0], 404)
        self.assertEqual(server.stop().status, 0)

    def test_the_command_line_labels_and_takes_back(self):
        place = self.clustered()
        number = self.clusters(place)["items"][-1]["cluster"]
        done = self.assert_status(place.run("label", "reef", "--cluster", number, "--label", "low tone"), 0)
        self.assertIn(f"Labelled cluster {number}", done.out)
        self.assertIn("low tone", self.assert_status(place.run("clusters", "reef"), 0).out)
        again = self.assert_status(place.run("label", "reef", "--cluster", number, "--label", "hum", "--json"), 0).json
        self.assertEqual(again["review_version"], 2)
        self.assertIn("Undone: Labelled", self.assert_status(place.run("label", "reef", "--undo"), 0).out)
        self.assertEqual([label["label"] for label in self.clusters(place)["labels"]], ["low tone"])
        for words in (("--cluster", 1), ("--label", "x"), ("--undo", "--label", "x"), (),
                      ("--cluster", 99, "--label", "x"), ("--clustering", "none", "--undo")):
            refused = place.run("label", "reef", *words, "--json")
            self.assertIn(refused.status, (2, 3), str(refused))
            self.assertIn(refused.json["error"]["code"], ("INVALID_ARGUMENT", "NOT_FOUND"))
        self.assertEqual(place.run("clusters", "reeef", "--json").json["error"]["code"], "NOT_FOUND")

    def test_death_around_the_commit_leaves_all_or_nothing(self):
        place = self.clustered()
        words = ("label", "reef", "--cluster", self.clusters(place)["items"][-1]["cluster"], "--label", "song")
        for when, n_actions in (("BEFORE", 0), ("AFTER", 1)):
            self.assert_status(place.run(*words, **armed(f"DB_REVIEW_{when}_COMMIT")), CRASHED)
            self.assertEqual(self.clusters(place)["n_actions"], n_actions, when)
        for when, n_actions in (("BEFORE", 1), ("AFTER", 0)):
            self.assert_status(place.run("label", "reef", "--undo", **armed(f"DB_REVIEW_{when}_COMMIT")), CRASHED)
            self.assertEqual(self.clusters(place)["n_actions"], n_actions, when)
        self.assertEqual(place.rows("SELECT kind, undone_by IS NOT NULL FROM review_actions"), [("label", 1)])


if __name__ == "__main__":
    harness.main()
