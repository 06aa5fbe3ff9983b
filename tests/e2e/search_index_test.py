#!/usr/bin/env python3
"""The search index is a cache: whatever happens to it, a search finds what comparing every window finds."""
import json
import random
import re
import shutil
import subprocess

import harness
import service

CRASHED = 42
KILLS = 12
WORDS = ("--model", "builtin", "--window", 1)
EVERYTHING = {"BALEEN_BIOACOUSTICS_INDEX_WINDOWS_MIN": 10**9}


class SearchIndex(harness.Case):
    def place_with(self, n=3, seconds=60):
        place = harness.Place(BALEEN_BIOACOUSTICS_INDEX_WINDOWS_MIN=0)
        self.addCleanup(place.__exit__)
        for i in range(n):
            harness.make_wav(place.path / "recordings" / f"{i}.wav", seconds + i, 22050, 1, seed=i)
        self.assert_status(self.embed(place), 0)
        return place

    def embed(self, place):
        return place.run("run", "bioacoustics", place.path / "recordings", *WORDS, "--collection", "reef", "--json")

    def command(self, place, *words, at=30):
        return ["search", place.path / "recordings" / "0.wav", *WORDS, "--collection", "reef", "--at", at, "--top", 25, "--json",
                *words]

    def search(self, place, *words, at=30, **environment):
        return self.assert_status(place.run(*self.command(place, *words, at=at), **environment), 0).json

    def assert_same(self, place, *words, at=30):
        """The answer, which is the same as that of comparing everything."""
        found, truth = self.search(place, *words, at=at), self.search(place, *words, at=at, **EVERYTHING)
        self.assertEqual(truth["index"]["windows"], 0)
        for member in ("hits", "windows_searched", "recordings_searched", "example"):
            self.assertEqual(found[member], truth[member])
        return found

    def folder(self, place):
        folder, = (place.data / "indexes").glob("*/*")
        return folder

    def test_it_follows_the_collection(self):
        place = self.place_with()
        found = self.assert_same(place)
        self.assertEqual(found["index"], {"windows": 60 + 61 + 62 - 1, "looked_at": found["index"]["looked_at"], "added": 60 + 61 + 62,
                                          "warning": ""})
        self.assertEqual(self.search(place)["index"]["added"], 0)
        harness.make_wav(place.path / "recordings" / "3.wav", 63, 22050, 1, seed=3)
        self.assert_status(self.embed(place), 0)
        self.assertEqual(self.assert_same(place)["index"]["added"], 63)
        self.assert_same(place, "--apart", 10)
        self.assert_same(place, "--until", 45)
        checks = {check["name"]: check for check in self.assert_status(place.run("doctor", "--json"), 0).json["checks"]}
        self.assertRegex(checks["search index"]["finding"], r"^1, 246 windows, [0-9.]+ MB$")
        sets = self.folder(place) / "sets.json"
        whole = sets.read_bytes()
        sets.write_bytes(whole[:-9])
        check, = (check for check in place.run("doctor", "--json").json["checks"] if check["name"] == "search index")
        self.assertIn("--rebuild-index", check["action"])
        sets.write_bytes(whole)

        server = service.Service(place)
        self.addCleanup(lambda: harness.kill_group(server.process))
        collection, = server.json("GET", "/v1/collections")[1]["items"]
        gone, = (asset_id for asset_id, in place.rows("SELECT asset_id FROM audio_assets WHERE original_filename = '2.wav'"))
        example, = (asset_id for asset_id, in place.rows("SELECT asset_id FROM audio_assets WHERE original_filename = '0.wav'"))
        base = f"/v1/collections/{collection['collection_id']}"
        body = {"asset_id": example, "start_s": 30, "top": 500, "params": {"model": "builtin", "window_s": 1}}
        for n_windows in (245, 245):
            status, found = server.json("POST", f"{base}/search", body)
            self.assertEqual((status, found["index"]["windows"]), (200, n_windows), found)
        self.assertIn("2.wav", {hit["file"] for hit in found["hits"]})
        self.assertEqual(server.ask("DELETE", f"{base}/members/{gone}")[0], 204)
        status, found = server.json("POST", f"{base}/search", body)
        self.assertEqual((status, found["index"]["windows"], len(found["hits"])), (200, 183, 183), found)
        self.assertNotIn("2.wav", {hit["file"] for hit in found["hits"]})
        shutil.rmtree(self.folder(place))
        status, found = server.json("POST", f"{base}/search", body)
        self.assertEqual((status, found["index"]["added"], len(found["hits"])), (200, 60 + 61 + 63, 183), found)

    def test_deleted_or_damaged_it_is_made_again(self):
        place = self.place_with()
        self.assert_same(place)
        folder, rng = self.folder(place), random.Random(1)
        for _ in range(6):
            path = rng.choice([path for path in folder.iterdir() if path.stat().st_size])
            data = bytearray(path.read_bytes())
            damage = rng.choice(["a bit", "an end", "all"])
            with self.subTest(path=path.name, damage=damage):
                if damage == "a bit":
                    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
                    path.write_bytes(data)
                elif damage == "an end":
                    path.write_bytes(data[:rng.randrange(len(data))])
                else:
                    path.unlink()
                found = self.assert_same(place)
                self.assertEqual(found["index"]["added"], 60 + 61 + 62)
                self.assertEqual(self.assert_same(place)["index"]["warning"], "")
        self.assertEqual(self.search(place, "--rebuild-index", **EVERYTHING)["index"]["added"], 60 + 61 + 62)

    def test_death_at_each_failpoint_changes_nothing_that_is_found(self):
        sources = [path.read_text() for path in (harness.ROOT / "src").rglob("*.cc")]
        names = sorted({name for text in sources for name in re.findall(r'BALEEN_FAILPOINT\("(INDEX_[A-Z_]+)"\)', text)})
        self.assertGreater(len(names), 4)
        reference = self.place_with()
        truth = self.search(reference, **EVERYTHING)["hits"]
        for name in names:
            for is_begun in (False, True):
                with self.subTest(failpoint=name, is_begun=is_begun):
                    shutil.rmtree(reference.data / "indexes", ignore_errors=True)
                    words = ()
                    if is_begun:  # Something is there that must not be lost or mixed with the new.
                        self.search(reference)
                        words = ("--rebuild-index",)
                    died = reference.run(*self.command(reference, *words), SSIS_ENABLE_FAILPOINTS=1, SSIS_FAILPOINT=name)
                    self.assert_status(died, CRASHED)
                    self.assertEqual(self.search(reference)["hits"], truth)
                    again = self.search(reference)
                    self.assertEqual((again["hits"], again["index"]["added"], again["index"]["warning"]), (truth, 0, ""))
                    self.search(reference, "--rebuild-index")  # The next that writes takes away what the dead one left.
                    self.assertEqual(len(list(self.folder(reference).iterdir())), 3, "sets, one file of sketches, lock")

    def test_killed_at_random_moments_it_still_finds_the_same(self):
        place = self.place_with(4, 300)
        truth = self.search(place, **EVERYTHING)["hits"]
        whole, rng, n_kills = self.assert_status(place.run(*self.command(place)), 0).seconds, random.Random(3), 0
        for i in range(KILLS):
            process = place.start(*self.command(place, *(("--rebuild-index",) if i % 2 else ())))
            try:
                process.wait(timeout=rng.uniform(0, whole))
            except subprocess.TimeoutExpired:
                n_kills += 1
            harness.kill_group(process)
            if i % 4 == 3:
                self.assertEqual(self.search(place)["hits"], truth)
            if i % 4 == 1:
                shutil.rmtree(place.data / "indexes")
        self.assertGreater(n_kills, 2)
        self.assertEqual(self.search(place)["hits"], truth)
        self.assertEqual(self.search(place)["index"]["added"], 0)

    def test_several_at_once_agree(self):
        place = self.place_with()
        truth = self.search(place, **EVERYTHING)["hits"]
        searches = [place.start(*self.command(place)) for _ in range(5)]
        for process in searches:
            self.assertEqual(self.assert_status(place.finish(process), 0).json["hits"], truth)
        self.assertEqual(self.search(place)["index"], {**self.search(place)["index"], "added": 0, "warning": ""})

    def test_where_it_cannot_be_written_everything_is_compared_and_a_warning_says_so(self):
        place = self.place_with()
        (place.data / "indexes").write_text("no folder")
        found = self.assert_same(place)
        self.assertEqual((found["index"]["windows"], found["index"]["added"]), (0, 0))
        self.assertIn("not up to date", found["index"]["warning"])
        (place.data / "indexes").unlink()
        self.search(place)
        sets = json.loads((self.folder(place) / "sets.json").read_text())
        (self.folder(place) / "lock").unlink()
        (self.folder(place) / "lock").mkdir()  # What is there is used; what is new is compared itself.
        harness.make_wav(place.path / "recordings" / "3.wav", 63, 22050, 1, seed=3)
        self.assert_status(self.embed(place), 0)
        found = self.assert_same(place)
        self.assertEqual((found["index"]["windows"], found["index"]["added"]), (60 + 61 + 62 - 1, 0))
        self.assertIn("not up to date", found["index"]["warning"])
        self.assertEqual(json.loads((self.folder(place) / "sets.json").read_text()), sets)

    def test_a_full_disk_is_survived(self):
        place = self.place_with()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", self.make(place.data / "indexes")],
                                 capture_output=True, check=False)
        if mounted.returncode:
            self.skipTest("needs to mount a small file system")
        self.addCleanup(subprocess.run, ["umount", "-l", place.data / "indexes"], capture_output=True, check=False)
        found = self.assert_same(place)
        self.assertEqual(found["index"]["windows"], 0)
        self.assertIn("DISK_FULL", found["index"]["warning"])

    def make(self, folder):
        folder.mkdir()
        return folder


if __name__ == "__main__":
    harness.main()
