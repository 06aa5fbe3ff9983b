#!/usr/bin/env python3
"""Hostile files and hostile names: each ends in a code with cause and next step, or in correct output.

Never in a crash, a hang, a temporary file left behind or a partial artifact; and the batch always goes on.
"""
import array
import json
import math
import os
import pathlib
import socket
import struct
import unittest
import zlib

import harness

RATE = harness.RATE
COMPLETE = "complete"
PEAK_BYTES_MAX = 300_000_000 if harness.PATIENCE == 1 else 3_000_000_000  # Of any executor, whatever a header claims.

# Refused with a code, though ffmpeg finds audio in them.
REFUSED_THOUGH_FFMPEG_DECODES = {"gen_garbage_prefix.mp3"}  # 5,000 letters before the first frame: taken for a text.

HLS = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n"
FFCONCAT = b"ffconcat version 1.0\nfile /etc/hostname\n"
SDP = b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n"
MPD = (b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet mimeType="audio/mp4">'
       b"<Representation><BaseURL>http://127.0.0.1:PORT/a.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>")


def png():
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(b"\0" * 52)) + chunk(b"IEND", b""))


def float_wav(values, rate=RATE):
    return harness.wav_bytes(array.array("f", values).tobytes(), rate, 1, 32, tag=3)


def crc(data, polynomial, bits):
    value = 0
    for byte in data:
        value ^= byte << (bits - 8)
        for _ in range(8):
            value = ((value << 1) ^ polynomial if value >> (bits - 1) else value << 1) & ((1 << bits) - 1)
    return value


def silent_flac(seconds, rate=8000, declared_samples=None):
    """A FLAC file of silence in constant frames: a day of it takes 200 kB."""
    block = 65535
    total = int(seconds * rate)
    info = (struct.pack(">HH", block, block) + bytes(6) +
            ((rate << 44) | (0 << 41) | (15 << 36) | (declared_samples or total)).to_bytes(8, "big") + bytes(16))
    frames = [b"fLaC\x80" + len(info).to_bytes(3, "big") + info]
    for number in range(-(-total // block)):
        size = min(block, total - number * block)
        header = b"\xff\xf8\x70\x08" + utf8_number(number) + struct.pack(">H", size - 1)
        header += bytes([crc(header, 0x07, 8)])
        frame = header + b"\0\0\0"  # One constant subframe, value 0.
        frames.append(frame + crc(frame, 0x8005, 16).to_bytes(2, "big"))
    return b"".join(frames)


def utf8_number(value):
    if value < 0x80:
        return bytes([value])
    return chr(value).encode("utf-8", "surrogatepass")


def n_samples(seconds, rate=RATE):
    """How many samples at 22,050 Hz a recording of this length becomes."""
    return round(seconds * rate) * RATE / rate


class BadInput(harness.Case):
    def take(self, place, files, *extra, **environment):
        """Runs all these files at once; the runs in their order, after the claims that hold for every file."""
        outcome = place.run("run", "ssis", "--json", *extra, "--", *files, **environment)
        runs = outcome.json
        runs = runs if isinstance(runs, list) else [runs]
        self.assertEqual(len(runs), len(files), str(outcome))
        self.assertIn(outcome.status, {0, 1} | {entry["exit_code"] for entry in harness.catalogue().values()})
        for run in runs:
            error = harness.failure_of(run)
            if run["state"] == COMPLETE:
                self.assertIsNone(error)
            else:
                self.assert_error_is_helpful(error)
                made = [artifact["type"] for artifact in run["artifacts"] if artifact["type"] != "original"]
                self.assertEqual(made, [], "a partial artifact")
        if (place.data / "baleen.db").exists():
            self.assert_nothing_left(place)
            self.assert_index_is_true(place)
            self.assert_nobody_died(place)
        return runs

    def assert_nobody_died(self, place):
        self.assertEqual(place.rows("SELECT stage, error_code, error_message FROM pipeline_jobs WHERE error_code IN "
                                    "('WORKER_ERROR', 'STAGE_STALLED', 'INTERNAL', 'MODEL_OOM')"), [])
        for (text,) in place.rows("SELECT metrics_json FROM pipeline_jobs"):
            self.assertNotIn("WORKER_ERROR", text)
            self.assertLess(json.loads(text).get("executor_peak_rss_bytes", 0), PEAK_BYTES_MAX)

    def decode_metrics(self, place, run):
        rows = place.rows("SELECT metrics_json FROM pipeline_jobs WHERE asset_id = ? AND stage = 'decode' AND status = "
                          "'complete'", run["asset_id"])
        return json.loads(rows[-1][0])

    def check_contents(self, contents, **environment):
        """{name: (bytes, wanted)}: wanted is a code, or the number of output samples."""
        place = self.place()
        files = []
        for name, (content, _) in contents.items():
            path = place.path / "in" / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
            files.append(path)
        for run, (name, (_, wanted)) in zip(self.take(place, files, **environment), contents.items()):
            with self.subTest(file=name):
                if isinstance(wanted, str):
                    error = harness.failure_of(run)
                    self.assertEqual((run["state"], error and error["code"]), ("failed", wanted), error)
                else:
                    self.assertEqual(run["state"], COMPLETE, harness.failure_of(run))
                    self.assertAlmostEqual(self.decode_metrics(place, run)["output_samples"], wanted, delta=1)
        return place

    # ---- contents

    def test_lengths_rates_and_channels(self):
        contents = {"1.69s.wav": (harness.wav_bytes(harness.tone(round(1.69 * RATE))), "FILE_TOO_SHORT"),
                    "1.70s.wav": (harness.wav_bytes(harness.tone(round(1.70 * RATE))), n_samples(1.70))}
        for rate in (8000, 11025, 12000, 16000, 24000, 32000, 44100, 48000, 96000, 192000, 441000):
            contents[f"{rate}.wav"] = (harness.wav_bytes(harness.tone(2 * rate, rate, seed=rate), rate), n_samples(2, rate))
        contents["7.1_22k.wav"] = (harness.wav_bytes(harness.tone(2 * RATE, RATE, 8), RATE, 8, mask=0x63F), n_samples(2))
        contents["5.1.wav"] = (harness.wav_bytes(harness.tone(2 * RATE, RATE, 6), RATE, 6, mask=0x3F), n_samples(2))
        contents["16ch.wav"] = (harness.wav_bytes(harness.tone(2 * RATE, RATE, 16), RATE, 16), n_samples(2))
        self.check_contents(contents)

    def test_samples_that_are_no_numbers(self):
        """NaN and infinity become silence or full scale, are counted, and never reach an artifact."""
        tone = [0.5 * math.sin(0.05 * k) for k in range(2 * RATE)]
        some = tone[:]
        some[1000:1010] = [math.nan] * 10
        some[2000] = math.inf
        contents = {"nan.wav": (float_wav([math.nan] * 2 * RATE), n_samples(2)),
                    "some.wav": (float_wav(some), n_samples(2)),
                    "huge.wav": (float_wav([1e30 * value for value in tone]), n_samples(2)),
                    "tiny.wav": (float_wav([1e-40 * value for value in tone]), n_samples(2))}
        place = self.check_contents(contents)
        counts = [json.loads(text)["nan_samples"] for (text,) in place.rows(
            "SELECT metrics_json FROM pipeline_jobs WHERE stage = 'decode' ORDER BY task_id")]
        self.assertEqual(counts, [2 * RATE, 11, 0, 0])

    def test_headers_that_lie(self):
        good = harness.wav_bytes(harness.tone(3 * RATE))
        zero_channels = good[:22] + b"\0\0" + good[24:]
        zero_rate = good[:24] + bytes(4) + good[28:]
        huge_data = good[:40] + b"\xf0\xff\xff\xff" + good[44:]
        cut = good[:44 + 2 * 2 * RATE]  # Two of the three seconds that the header promises.
        contents = {"empty.wav": (b"", "FILE_CORRUPT"), "one_byte.wav": (b"R", None), "riff.wav": (good[:12], "FILE_CORRUPT"),
                    "header.wav": (good[:44], "FILE_TOO_SHORT"), "zero_channels.wav": (zero_channels, "FILE_CORRUPT"),
                    "zero_rate.wav": (zero_rate, "FILE_CORRUPT"), "huge_data.wav": (huge_data, n_samples(3)),
                    "cut.wav": (cut, n_samples(2)), "flac_cut.flac": (silent_flac(60)[:50], None),
                    "flac_head.flac": (silent_flac(60)[:20], "FILE_CORRUPT"),
                    "flac_claims_2_to_36.flac": (silent_flac(3, declared_samples=2**36 - 1), n_samples(3, 8000)),
                    "mp3_like.mp3": (b"\xff\xfb\x90\x64" + bytes(range(256)) * 40, None),
                    "id3_of_256_mb.mp3": (b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(4000), "FILE_CORRUPT"),
                    "noise.wav": (bytes((i * 7919 + 13) % 256 for i in range(50_000)), None)}
        contents = {name: (content, wanted if wanted is not None else self.any_code) for name, (content, wanted)
                    in contents.items()}
        self.check_contents_loosely(contents)

    any_code = ("FILE_CORRUPT", "CODEC_UNSUPPORTED", "FILE_TOO_SHORT", "DECODE_ERROR")

    def check_contents_loosely(self, contents):
        strict = {name: pair for name, pair in contents.items() if not isinstance(pair[1], tuple)}
        loose = {name: pair for name, pair in contents.items() if isinstance(pair[1], tuple)}
        self.check_contents(strict)
        place = self.place()
        files = []
        for name, (content, _) in loose.items():
            (place.path / name).write_bytes(content)
            files.append(place.path / name)
        for run, name in zip(self.take(place, files), loose):
            with self.subTest(file=name):
                self.assertIn(harness.failure_of(run)["code"], loose[name][1])

    def test_what_only_calls_itself_audio(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        port = str(listener.getsockname()[1]).encode()
        contents = {name: (content, "CODEC_UNSUPPORTED") for name, content in {
            "hls.wav": HLS, "hls_http.wav": HLS.replace(b"file:///etc/hostname", b"http://127.0.0.1:" + port + b"/a.ts"),
            "ffconcat.wav": FFCONCAT, "sdp.wav": SDP, "mpd.wav": MPD.replace(b"PORT", port), "text.wav": b"hello\n" * 100,
            "png.wav": png(), "png.mp3": png() * 2, "html.mp3": b"<html><body>not found</body></html>",
            "script.wav": b"#!/bin/sh\ntouch pwned\n", "zip.flac": b"PK\x03\x04" + bytes(100),
            "elf.wav": pathlib.Path("/proc/self/exe").read_bytes()[:4096]}.items()}
        # The same playlists beside what they point at.
        place = self.check_contents(contents)
        self.assertFalse(list(place.path.rglob("pwned")))
        listener.setblocking(False)
        with self.assertRaises(BlockingIOError, msg="a file made the program open a connection"):
            listener.accept()

    def test_playlists_do_not_open_the_files_they_name(self):
        place = self.place()
        good = harness.make_wav(place.path / "good.wav", 3)
        lists = {"list.m3u8": HLS.replace(b"/etc/hostname", os.fsencode(good)),
                 "list.wav": FFCONCAT.replace(b"/etc/hostname", os.fsencode(good)), "list.mp3": os.fsencode(good) + b"\n"}
        for name, content in lists.items():
            (place.path / name).write_bytes(content)
        for run in self.take(place, [place.path / name for name in lists]):
            self.assertEqual(harness.failure_of(run)["code"], "CODEC_UNSUPPORTED")

    def test_a_day_is_refused_where_a_limit_is_set_and_taken_where_not(self):
        day = silent_flac(86_400)
        self.assertLess(len(day), 300_000)
        self.check_contents({"day.flac": (day, "FILE_TOO_LONG")}, BALEEN_DECODE_MAX_DURATION_S=3600)
        if not os.environ.get("BALEEN_E2E_LONG"):
            self.skipTest("BALEEN_E2E_LONG=1 takes 24 hours of audio through all stages; it needs 8 GB of disk")
        self.check_contents({"day.flac": (day, n_samples(86_400, 8000))})

    # ---- names and places

    def test_hostile_names(self):
        place = self.place()
        folder = place.path / "in"
        folder.mkdir()
        names = [b"new\nline.wav", b"quote'\".wav", b"-dash.wav", b"--json.wav", b"invalid\xff\xfe.wav",
                 "whale \U0001f433.wav".encode(), b"  spaces  .wav", b"$(touch pwned).wav", b"`touch pwned`.wav", b"tab\t.wav",
                 b"x" * 251 + b".wav", b"back\\slash.wav", b"%s%n%d.wav", b"..wav", b"a;b|c&d.wav", b"esc\x1b[31m.wav", b"*.wav",
                 b"no extension", b"dots...", b".hidden.wav", b"name.\xe2\x80\xaegnp.wav"]
        for seed, name in enumerate(names):
            (folder / os.fsdecode(name)).write_bytes(harness.wav_bytes(harness.tone(2 * RATE, seed=seed)))
        runs = self.take(place, [folder / os.fsdecode(name) for name in names])
        for run, name in zip(runs, names):
            with self.subTest(name=name):
                self.assertEqual(run["state"], COMPLETE, harness.failure_of(run))
                if name.isascii():
                    self.assertEqual(run["file"], name.decode())
        self.assertFalse(list(place.path.rglob("pwned")))
        relative = self.take(place, [b"./in/-dash.wav", b"in/../in/*.wav"])
        self.assertEqual([run["reused"] for run in relative], [True, True])
        # Every command says it in valid UTF-8, and nothing of a name reaches a terminal unescaped.
        for words in (["status"], ["show", runs[4]["asset_id"]], ["show", runs[15]["run_id"]], ["run", "ssis", folder]):
            self.assert_status(place.run(*words, "--json"), 0).json
            plain = self.assert_status(place.run(*words), 0)
            self.assertNotIn("\x1b[31m", plain.out + plain.err)
            self.assertNotIn("new\nline", plain.out + plain.err)
            plain.raw_out.decode("utf-8")

    def test_a_name_beginning_with_a_dash_needs_no_path(self):
        place = self.place()
        harness.make_wav(place.path / "-x.wav", 2)
        self.assert_status(place.run("run", "ssis", "--json", "--", "-x.wav"), 0)

    def test_things_that_are_no_files(self):
        place = self.place()
        folder = place.path / "in"
        good = harness.make_wav(folder / "good.wav", 2)
        os.symlink("good.wav", folder / "link.wav")
        os.symlink("nowhere.wav", folder / "dangling.wav")
        os.symlink("loop.wav", folder / "loop.wav")
        os.mkfifo(folder / "fifo.wav")
        (folder / "folder.wav").mkdir()
        harness.make_wav(folder / "folder.wav/inner.wav", 2, seed=1)
        given = [good, folder / "link.wav", folder / "dangling.wav", folder / "loop.wav", folder / "fifo.wav",
                 folder / "../in/good.wav", "/dev/zero", "/dev/full", "/proc/self/mem", folder / "folder.wav",
                 folder / ("n" * 300), "/" + "deep/" * 1000 + "a.wav", ""]
        outcome = place.run("run", "ssis", "--json", "--", *given)
        results = [(run["state"], (harness.failure_of(run) or {}).get("code")) for run in outcome.json]
        absent = ("failed", "FILE_NOT_FOUND")
        self.assertEqual(results[:10], [(COMPLETE, None), (COMPLETE, None), absent, absent, absent, (COMPLETE, None), absent,
                                        absent, ("failed", "HASH_FAILED"), (COMPLETE, None)])
        for state, code in results[10:]:
            self.assertEqual(state, "failed")
            self.assertIn(code, ("FILE_NOT_FOUND", "INVALID_ARGUMENT"))
        for run in outcome.json:
            if run["state"] == "failed":
                self.assert_error_is_helpful(harness.failure_of(run))
        self.assert_nothing_left(place)

    def test_a_folder_with_everything_in_it_gives_its_recordings(self):
        place = self.place()
        folder = place.path / "in"
        harness.make_wav(folder / "a.wav", 2)
        os.symlink("nowhere.wav", folder / "dangling.wav")
        os.symlink("..", folder / "up")
        os.mkfifo(folder / "fifo.wav")
        runs = self.take_folder(place, folder)
        self.assertEqual([run["file"] for run in runs if run["state"] == COMPLETE], ["a.wav"])

    def take_folder(self, place, folder):
        document = place.run("run", "ssis", folder, "--json").json
        return document if isinstance(document, list) else [document]

    def test_a_file_that_may_not_be_read(self):
        if os.geteuid() == 0:
            self.skipTest("root may read everything")
        place = self.place()
        path = harness.make_wav(place.path / "secret.wav", 2)
        path.chmod(0)
        outcome = self.assert_status(place.run("run", "ssis", path, "--json"), 6)
        self.assertEqual(harness.failure_of(outcome.json)["code"], "PERMISSION_DENIED")

    def test_the_data_directory_within_the_recordings_is_not_taken_for_one(self):
        place = self.place()
        harness.make_wav(place.path / "a.wav", 2)
        self.assert_status(place.run("run", "ssis", place.path), 0)
        document = self.assert_status(place.run("run", "ssis", place.path, "--json"), 0).json
        self.assertEqual((document["file"], document["reused"]), ("a.wav", True))

    # ---- real broken files

    def test_every_broken_file_ends_as_with_ffmpeg_or_in_a_code(self):
        folder = harness.need_shared("audio/broken")
        expected = {pathlib.Path(entry["file"]).name: entry for entry in
                    json.loads((folder.parent / "broken_ffmpeg_5.1_outcomes.json").read_text())}
        files = sorted(folder.iterdir())
        place = self.place()
        # A folder gives what has an audio extension; the rest is named, as a person who insists would.
        document = place.run("run", "ssis", folder, "--json").json
        others = [path for path in files if path.suffix in (".bin", ".sd2")]
        self.assertEqual(len(document) + len(others), len(expected))
        runs = self.take(place, files)
        self.assertEqual(len(runs), 113)
        disagreements = []
        for path, run in zip(files, runs):
            decoded = expected[path.name]["mono_samples"]
            code = (harness.failure_of(run) or {}).get("code")
            if run["state"] == COMPLETE:
                metrics = self.decode_metrics(place, run)
                wanted = decoded * RATE / metrics["source_sample_rate_hz"]
                is_same = abs(metrics["output_samples"] - wanted) <= 2
                ours = metrics["output_samples"]
            else:
                # The rate of what failed is not known; 48 kHz is the highest that this set has.
                is_same = code == "FILE_TOO_SHORT" and decoded < 1.7 * 48_000 or decoded == 0
                ours, wanted = code, decoded
            if not is_same:
                disagreements.append((path.name, ours, wanted))
        self.assertEqual([row for row in disagreements if row[0] not in REFUSED_THOUGH_FFMPEG_DECODES], [])

    def test_every_codec_gives_the_expected_number_of_samples(self):
        folder = harness.need_shared("audio/codecs")
        expected = {pathlib.Path(entry["file"]).name: entry for entry in
                    json.loads((folder.parent / "codec_expectations.json").read_text()) if "/codecs/" in entry["file"]}
        files = sorted(folder.iterdir())
        self.assertEqual({path.name for path in files}, set(expected))
        place = self.place()
        runs = self.take(place, files, BALEEN_DECODE_MIN_DURATION_S=0.5)
        for path, run in zip(files, runs):
            with self.subTest(file=path.name):
                self.assertEqual(run["state"], COMPLETE, harness.failure_of(run))
                metrics, entry = self.decode_metrics(place, run), expected[path.name]
                self.assertEqual((metrics["source_codec"].removesuffix("float"), metrics["source_channels"]),
                                 (entry["codec"], entry["channels"]))
                wanted = entry["decoded_frames"] * RATE / int(entry["sample_rate"])
                self.assertAlmostEqual(metrics["output_samples"], wanted, delta=1)


if __name__ == "__main__":
    harness.main()
