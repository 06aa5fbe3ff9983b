#!/usr/bin/env python3
"""Raven's and Audacity's tables: crowsetta reads what we write, and we read what it writes.

crowsetta is in PyPI (pip install crowsetta). Where it is not installed for this Python, that of
BALEEN_BENCH_PYTHON is taken; without either the test is skipped.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

try:
    import crowsetta
    import numpy
    import pandas
except ImportError as missing:
    other = os.environ.get("BALEEN_BENCH_PYTHON")
    if other and not os.environ.get("BALEEN_PEERS_TRIED"):
        os.execve(other, [other, *sys.argv], {**os.environ, "BALEEN_PEERS_TRIED": "1"})
    print(f"skipped: {missing} (pip install crowsetta; BALEEN_BENCH_PYTHON=that python)")
    sys.exit(77)

BUILD = pathlib.Path(__file__).resolve().parent.parent.parent / "build"
TOOL = os.environ.get("BALEEN_ANNOTATIONS_TOOL", BUILD / "tests/peers/annotations_tool")


def tool(*arguments):
    return subprocess.run([TOOL, *map(str, arguments)], check=True, capture_output=True, text=True).stdout


class Annotations(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.file = pathlib.Path(self.folder.name) / "table.txt"

    def tearDown(self):
        self.folder.cleanup()

    def test_crowsetta_reads_our_selection_table(self):
        tool("write", "raven", self.file)
        boxes = crowsetta.formats.bbox.Raven.from_file(self.file, annot_col="Annotation").to_bbox()
        found = [(box.onset, box.offset, box.low_freq, box.high_freq, box.label) for box in boxes]
        # Its times count through both files.
        self.assertEqual(found, [(1.25 + i + 60 * (i > 1), 1.75 + i + 60 * (i > 1), 100.5 * i, 1000 + 100.5 * i,
                                  f"call {i}") for i in range(4)])

    def test_crowsetta_reads_our_labels(self):
        tool("write", "audacity", self.file)
        labels = crowsetta.formats.seq.AudSeq.from_file(self.file)
        self.assertEqual(list(labels.start_times), [1.25 + i for i in range(4)])
        self.assertEqual(list(labels.end_times), [1.75 + i for i in range(4)])
        self.assertEqual(list(labels.labels), [f"call {i}" for i in range(4)])

    def test_we_read_its_labels(self):
        crowsetta.formats.seq.AudSeq(start_times=numpy.array([0.5, 2.0]), end_times=numpy.array([1.5, 2.25]),
                                     labels=numpy.array(["a", "b c"]), annot_path=self.file).to_file(self.file)
        self.assertEqual(json.loads(tool("read", "audacity", self.file)),
                         [["x.wav", 0.5, 1.5, None, None, "a"], ["x.wav", 2.0, 2.25, None, None, "b c"]])

    def test_we_read_its_selection_table(self):
        frame = pandas.DataFrame({"begin_time_s": [0.5, 2.0], "end_time_s": [1.5, 2.25], "low_freq_hz": [100.0, 0.5],
                                  "high_freq_hz": [200.0, 7.25], "annotation": ["a", "b c"]})
        crowsetta.formats.bbox.Raven(df=frame, annot_path=self.file, annot_col="Species").to_file(self.file)
        self.assertEqual(json.loads(tool("read", "raven", self.file)),
                         [["x.wav", 0.5, 1.5, 100.0, 200.0, "a"], ["x.wav", 2.0, 2.25, 0.5, 7.25, "b c"]])


if __name__ == "__main__":
    unittest.main()
