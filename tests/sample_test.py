#!/usr/bin/env python3
"""Tests of scripts/make_sample.py: the sample of `make run` is what the README says it is."""
import array
import pathlib
import subprocess
import sys
import tempfile
import unittest
import wave

SCRIPT = pathlib.Path(__file__).resolve().parent.parent / "scripts/make_sample.py"


class Sample(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            paths = [pathlib.Path(folder) / "deep/er" / name for name in ("one.wav", "two.wav")]
            for path in paths:
                subprocess.run([sys.executable, str(SCRIPT), str(path)], check=True)
            cls.bytes = [path.read_bytes() for path in paths]
            cls.leftovers = [p.name for p in paths[0].parent.iterdir()]
            with wave.open(str(paths[0])) as file:
                cls.format = (file.getnchannels(), file.getsampwidth(), file.getframerate())
                cls.samples = array.array("h", file.readframes(file.getnframes()))

    def rms(self, begin_s, end_s):
        part = self.samples[int(begin_s * 22050):int(end_s * 22050)]
        return (sum(x * x for x in part) / len(part)) ** 0.5

    def test_is_the_same_on_every_run(self):
        self.assertEqual(self.bytes[0], self.bytes[1])

    def test_leaves_no_temporary_file(self):
        self.assertEqual(sorted(self.leftovers), ["one.wav", "two.wav"])

    def test_an_option_is_no_file_name(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([sys.executable, str(SCRIPT), "--help"], cwd=folder, capture_output=True, text=True)
            self.assertIn("usage", done.stderr)
            self.assertEqual(list(pathlib.Path(folder).iterdir()), [])

    def test_is_mono_of_16_bit_at_22050_hz_and_under_one_megabyte(self):
        self.assertEqual(self.format, (1, 2, 22050))
        self.assertLess(len(self.bytes[0]), 1_000_000)

    def test_is_loud_in_its_three_parts_and_silent_between_them(self):
        for begin_s, end_s in ((0.5, 6.5), (8.2, 14.5), (16.4, 19.8)):
            self.assertGreater(self.rms(begin_s, end_s), 1000)
        for begin_s, end_s in ((0.0, 0.38), (7.0, 7.9), (15.2, 16.1), (20.2, 21.0)):
            self.assertLess(self.rms(begin_s, end_s), 2)

    def test_does_not_clip(self):
        self.assertLess(max(abs(x) for x in self.samples), 32000)


if __name__ == "__main__":
    unittest.main()
