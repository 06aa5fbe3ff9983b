#!/usr/bin/env python3
"""Pictures and clips of stretches of recordings: they show and play what the recording holds there, wherever that is."""
import array
import concurrent.futures
import math
import random
import shutil
import struct
import subprocess
import zlib

import harness
import service

STALLED_S = 45


def chirp(seconds, rate, from_hz, to_hz, amplitude=6000):
    """A tone that rises evenly, in faint noise."""
    rng = random.Random(1)
    samples = array.array("h")
    for n in range(round(seconds * rate)):
        t = n / rate
        phase = 2 * math.pi * (from_hz * t + (to_hz - from_hz) * t * t / (2 * seconds))
        samples.append(round(amplitude * math.sin(phase) + rng.uniform(-20, 20)))
    return samples


def noise(n, seed=1):
    return array.array("h", random.Random(seed).randbytes(2 * n))


def decode_png(data):
    """(width, height, rows of levels): the palette rises in lightness, so an index is a level."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(data):
        size, = struct.unpack(">I", data[at:at + 4])
        kind, body = data[at + 4:at + 8], data[at + 8:at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size:at + 12 + size])[0] == zlib.crc32(kind + body)
        chunks[kind] = body
        at += 12 + size
    width, height, depth, colour = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (depth, colour, len(chunks[b"PLTE"])) == (8, 3, 768)
    raw = zlib.decompress(chunks[b"IDAT"])
    return width, height, [raw[r * (width + 1) + 1:(r + 1) * (width + 1)] for r in range(height)]


def decode_wav(data):
    """(rate, samples)"""
    assert data[:4] == b"RIFF" and data[8:12] == b"WAVE" and struct.unpack("<I", data[4:8])[0] == len(data) - 8
    assert struct.unpack("<HH", data[20:24]) == (1, 1) and data[36:40] == b"data"
    samples = array.array("h")
    samples.frombytes(data[44:])
    return struct.unpack("<I", data[24:28])[0], samples


class Rendering(harness.Case):
    def started(self, recordings):
        """A service, and the ids of recordings: name → bytes or path."""
        place = self.place()
        folder = place.path / "recordings"
        folder.mkdir()
        for name, content in recordings.items():
            (folder / name).write_bytes(content)
        self.assert_status(place.run("run", "bioacoustics", folder, "--model", "stub", "--window", 1, "--json"), 0)
        server = service.Service(place)
        ids = dict(place.rows("SELECT original_filename, asset_id FROM audio_assets"))
        return server, ids

    def get(self, server, asset_id, what, status=200, **query):
        text = "&".join(f"{name}={value}" for name, value in query.items())
        found, headers, data = server.ask("GET", f"/v1/assets/{asset_id}/{what}?{text}")
        self.assertEqual(found, status, data[:500])
        return headers, data

    def test_the_ridge_of_a_chirp_is_where_it_is_in_every_part_of_it(self):
        samples = chirp(8, 48000, 1000, 9000)
        server, ids = self.started({"chirp.wav": harness.wav_bytes(samples.tobytes(), 48000)})
        for start, end, high in ((0, 8, None), (2, 4, None), (5.5, 7.25, 10000)):
            query = {"start_s": start, "end_s": end, "width": 120, "height": 96}
            if high:
                query["high_hz"] = high
            headers, data = self.get(server, ids["chirp.wav"], "thumbnail", **query)
            self.assertEqual(headers["Content-Type"], "image/png")
            self.assertIn("immutable", headers["Cache-Control"])
            width, height, rows = decode_png(data)
            self.assertEqual((width, height), (120, 96))
            for column in range(4, width - 4):
                peak = max(range(height), key=lambda row: rows[row][column])
                self.assertGreater(rows[peak][column], 180)
                time_s = start + (column + 0.5) / width * (end - start)
                hz = (height - peak - 0.5) / height * (high or 12000)
                self.assertAlmostEqual(hz, 1000 + 1000 * time_s, delta=220)

    def test_a_clip_has_the_samples_of_the_recording(self):
        samples, bats = noise(48000 * 9), noise(441000 * 2, seed=2)
        server, ids = self.started({"a.wav": harness.wav_bytes(samples.tobytes(), 48000),
                                    "bats.wav": harness.wav_bytes(bats.tobytes(), 441000)})
        headers, data = self.get(server, ids["a.wav"], "clip", start_s=3.25, end_s=5.5)
        self.assertEqual(headers["Content-Type"], "audio/wav")
        self.assertEqual(decode_wav(data), (48000, samples[round(3.25 * 48000):round(5.5 * 48000)]))
        rate, slowed = decode_wav(self.get(server, ids["bats.wav"], "clip", start_s=1.3, end_s=1.4, speed=0.1)[1])
        self.assertEqual((rate, slowed), (44100, bats[round(1.3 * 441000):round(1.4 * 441000)]))
        rate, heard = decode_wav(self.get(server, ids["bats.wav"], "clip", start_s=0, end_s=1)[1])
        self.assertEqual((rate, len(heard)), (48000, 48000))
        # The end of the recording is the end of the clip.
        self.assertEqual(decode_wav(self.get(server, ids["a.wav"], "clip", start_s=8.5, end_s=20)[1])[1],
                         samples[round(8.5 * 48000):])
        # Players ask for parts of it, and browsers whether it is still the same.
        etag = headers["ETag"]
        target = f"/v1/assets/{ids['a.wav']}/clip?start_s=3.25&end_s=5.5"
        status, headers, part = server.ask("GET", target, Range="bytes=100-199")
        self.assertEqual((status, part, headers["ETag"]), (206, data[100:200], etag))
        self.assertEqual(server.ask("GET", target, If_None_Match=etag)[0], 304)

    @harness.unittest.skipUnless(shutil.which("ffmpeg"), "ffmpeg makes the files")
    def test_compressed_recordings_are_entered_at_the_right_place(self):
        samples = noise(44100 * 30, seed=3)
        for i, value in enumerate(samples):
            samples[i] = value // 4 + round(6000 * math.sin(2 * math.pi * (200 + i / 441) * i / 44100 % (2 * math.pi)))
        source = harness.wav_bytes(samples.tobytes(), 44100)
        made = {}
        for name, words in (("a.flac", []), ("cbr.mp3", ["-b:a", "256k"]), ("vbr.mp3", ["-q:a", "0"]),
                            ("a.ogg", ["-c:a", "libvorbis", "-q:a", "9"]), ("a.m4a", ["-b:a", "256k"]), ("a.opus", ["-b:a", "256k"])):
            place = self.place()
            path = place.path / name
            done = subprocess.run(["ffmpeg", "-v", "error", "-i", "-", *words, path], input=source, check=False)
            if done.returncode == 0:
                made[name] = path.read_bytes()
        server, ids = self.started(made)
        for name in made:
            for start in (0.0, 0.3, 12.35, 27.5):
                with self.subTest(name=name, start=start):
                    _, data = self.get(server, ids[name], "clip", start_s=start, end_s=start + 1)
                    rate, clip = decode_wav(data)
                    begin = round(start * rate)
                    if name == "a.flac":
                        self.assertEqual(clip, samples[begin:begin + rate])
                        continue
                    whole = self.decoded(place, made[name], name, rate)
                    wanted = whole[begin:begin + rate]
                    part = clip[2000:2300]
                    shift = max(range(-1300, 1301), key=lambda k: correlation(part, whole, begin + k + 2000))
                    # Of MP3 without a table of its frames, the place of a frame is computed from the bit rate.
                    self.assertLessEqual(abs(shift), 1152 if name == "cbr.mp3" else 0, f"{shift} samples")
                    self.assertGreater(correlation(part, whole, begin + shift + 2000), 0.99)
                    self.assertEqual(len(clip), len(wanted))

    def decoded(self, place, data, name, rate):
        """All of it from the start on, by this program: two clips behind each other."""
        path = place.path / ("again-" + name)
        path.write_bytes(data)
        raw = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-ac", "1", "-ar", str(rate), "-f", "s16le", "-"],
                             capture_output=True, check=True).stdout
        samples = array.array("h")
        samples.frombytes(raw)
        return samples

    def test_what_is_not_there_is_refused_with_a_code(self):
        server, ids = self.started({"a.wav": harness.wav_bytes(noise(96000).tobytes(), 48000)})
        asset = ids["a.wav"]
        for what, query, status, code in (
                ("thumbnail", {"start_s": 0}, 400, "INVALID_ARGUMENT"),
                ("thumbnail", {"start_s": 1, "end_s": 1}, 400, "INVALID_ARGUMENT"),
                ("thumbnail", {"start_s": -1, "end_s": 1}, 400, "INVALID_ARGUMENT"),
                ("thumbnail", {"start_s": "nan", "end_s": 1}, 400, "INVALID_ARGUMENT"),
                ("thumbnail", {"start_s": 0, "end_s": 1, "width": 5000}, 400, "INVALID_ARGUMENT"),
                ("thumbnail", {"start_s": 2, "end_s": 3}, 400, "INVALID_ARGUMENT"),
                ("thumbnail", {"start_s": 1e7, "end_s": 1e7 + 3}, 400, "INVALID_ARGUMENT"),
                ("thumbnail", {"start_s": 0, "end_s": 61}, 413, "TOO_LARGE"),
                ("clip", {"start_s": 0, "end_s": 61}, 413, "TOO_LARGE"),
                ("clip", {"start_s": 0, "end_s": 60, "speed": 0.01}, 400, "INVALID_ARGUMENT"),
                ("clip", {"start_s": 0, "end_s": 1, "speed": 0}, 400, "INVALID_ARGUMENT"),
                ("clip", {"start_s": 0, "end_s": 1, "pitch": 2}, 400, "INVALID_ARGUMENT")):
            with self.subTest(what=what, query=query):
                _, data = self.get(server, asset, what, status=status, **query)
                self.assertIn(f'"{code}"', data.decode())
        self.assertEqual(server.ask("GET", "/v1/assets/none/clip?start_s=0&end_s=1")[0], 404)

    def test_fifty_at_once_and_a_killed_executor_cost_nothing_else(self):
        server, ids = self.started({"a.wav": harness.wav_bytes(noise(48000 * 30).tobytes(), 48000)})
        asset = ids["a.wav"]

        def thumbnail(i):
            return server.ask("GET", f"/v1/assets/{asset}/thumbnail?start_s={i / 2}&end_s={i / 2 + 3}")[0]

        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            self.assertEqual(set(pool.map(thumbnail, range(50))), {200})
        executors = harness.executors_of(server.process)
        self.assertLessEqual(len(executors), 4)  # Its worker may have some, too.
        for pid in executors:
            harness.os.kill(pid, harness.signal.SIGKILL)
        statuses = [thumbnail(i + 0.1) for i in range(4)]
        self.assertEqual(statuses[-1], 200)
        self.assertLessEqual(sum(status != 200 for status in statuses), 2)


def correlation(part, whole, begin):
    if begin < 0 or begin + len(part) > len(whole):
        return -1.0
    other = whole[begin:begin + len(part)]
    xy = sum(map(lambda a, b: a * b, part, other))
    return xy / math.sqrt(sum(a * a for a in part) * sum(b * b for b in other) + 1)


if __name__ == "__main__":
    harness.main()
