#!/usr/bin/env python3
"""scripts/test.py, in a small project of its own: a change runs the tests of its room and no others; some tests alone; quietly."""
import contextlib
import importlib.util
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "scripts/test.py"
CMAKE = """cmake_minimum_required(VERSION 3.25)
project(toy LANGUAGES NONE)
enable_testing()
foreach(test core.file_test core.json_test dsp.mel_test recipes.toy.graph_test e2e.run)
  string(REGEX REPLACE "[.][a-z_]*$" "" label ${test})
  add_test(NAME ${test} COMMAND "%s" "${CMAKE_SOURCE_DIR}/note.py" ${test})
  set_tests_properties(${test} PROPERTIES LABELS ${label})
endforeach()
"""
NOTE = """import pathlib, sys
here = pathlib.Path(__file__).parent
with (here / "ran.log").open("a") as file:
    file.write(sys.argv[1] + "\\n")
print("this is what it says")
sys.exit((here / "broken").exists())
"""


def load():
    spec = importlib.util.spec_from_file_location("test_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Watch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="baleen-watch-"))
        cls.addClassCleanup(shutil.rmtree, cls.root, ignore_errors=True)
        for folder in ("src/core", "src/dsp", "src/recipes/toy", "tests/e2e", "docs"):
            (cls.root / folder).mkdir(parents=True)
        (cls.root / "CMakeLists.txt").write_text(CMAKE % sys.executable)
        (cls.root / "note.py").write_text(NOTE)
        subprocess.run(["cmake", "-S", cls.root, "-B", cls.root / "build", "-G", "Ninja"], check=True, capture_output=True)

    def setUp(self):
        (self.root / "ran.log").write_text("")
        (self.root / "broken").unlink(missing_ok=True)

    def ran(self):
        return sorted((self.root / "ran.log").read_text().split())

    def script(self, *words):
        return subprocess.run([sys.executable, SCRIPT, "--root", self.root, *words], capture_output=True, text=True, check=False)

    @contextlib.contextmanager
    def watching(self, *words):
        process = subprocess.Popen([sys.executable, SCRIPT, "--root", self.root, "--watch", *words], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            self.assertIn("watching", process.stdout.readline())
            yield process
        finally:
            process.terminate()
            process.communicate()

    def after(self, process, last):
        """Reads what the watcher says up to this line; what has run since the last time."""
        for line in process.stdout:
            if last in line:
                break
        ran = self.ran()
        (self.root / "ran.log").write_text("")
        return ran

    def test_a_change_runs_the_tests_of_its_room_and_no_others(self):
        with self.watching() as process:
            for path, label, tests in (
                    ("src/dsp/mel.cc", "dsp", ["dsp.mel_test"]),
                    ("src/core/file.h", "core", ["core.file_test", "core.json_test"]),
                    ("src/recipes/toy/README.md", "recipes.toy", ["recipes.toy.graph_test"]),
                    ("tests/e2e/run_test.py", "e2e", ["e2e.run"])):
                with self.subTest(path):
                    (self.root / path).write_text("new")
                    self.assertEqual(self.after(process, f"{label}: {len(tests)} tests passed"), tests)

    def test_what_editors_write_beside_a_file_runs_nothing_and_a_replaced_file_counts(self):
        with self.watching() as process:
            (self.root / "src/core/.file.cc.swp").write_text("editor")
            (self.root / "src/core/file.cc~").write_text("editor")
            (self.root / "build/note").write_text("a build")
            time.sleep(1)
            self.assertEqual(self.ran(), [])
            (self.root / "src/dsp/fft.cc.tmp").write_text("saved")
            (self.root / "src/dsp/fft.cc.tmp").rename(self.root / "src/dsp/fft.cc")
            self.assertEqual(self.after(process, "dsp: 1 tests passed"), ["dsp.mel_test"])

    def test_a_folder_that_is_new_is_watched_too(self):
        with self.watching() as process:
            (self.root / "src/core/testing").mkdir()
            time.sleep(0.2)
            (self.root / "src/core/testing/faults.h").write_text("new")
            self.assertEqual(self.after(process, "core: 2 tests passed"), ["core.file_test", "core.json_test"])

    def test_several_rooms_at_once_and_one_that_fails(self):
        (self.root / "broken").write_text("")
        with self.watching() as process:
            (self.root / "src/dsp/mel.cc").write_text("new")
            (self.root / "src/core/file.cc").write_text("new")
            self.assertEqual(self.after(process, "dsp: tests failed"), ["core.file_test", "core.json_test", "dsp.mel_test"])
            (self.root / "broken").unlink()
            (self.root / "src/dsp/mel.cc").write_text("better")
            self.assertEqual(self.after(process, "dsp: 1 tests passed"), ["dsp.mel_test"])

    def test_only_some_rooms_are_watched_if_one_says_so(self):
        with self.watching("recipes/toy") as process:
            (self.root / "src/dsp/mel.cc").write_text("new")
            time.sleep(0.5)
            (self.root / "src/recipes/toy/graph.cc").write_text("new")
            self.assertEqual(self.after(process, "recipes.toy: 1 tests passed"), ["recipes.toy.graph_test"])

    def test_a_pattern_or_a_room_runs_these_alone(self):
        self.assertEqual(self.script("-k", "json|mel").returncode, 0)
        self.assertEqual(self.ran(), ["core.json_test", "dsp.mel_test"])
        self.assertEqual(self.script("recipes/toy", "src/dsp/").returncode, 0)
        self.assertEqual(self.ran(), ["core.json_test", "dsp.mel_test", "dsp.mel_test", "recipes.toy.graph_test"])
        self.assertEqual(self.script("-k", "no such test").returncode, 1)

    def test_quietly_only_failures_speak(self):
        outcome = self.script("-q", "-k", "core")
        self.assertEqual((outcome.returncode, len(outcome.stdout.splitlines())), (0, 1), outcome.stdout)
        (self.root / "broken").write_text("")
        outcome = self.script("-q", "-k", "core")
        self.assertEqual(outcome.returncode, 1)
        self.assertIn("this is what it says", outcome.stdout)
        self.assertEqual(outcome.stdout.splitlines()[-1], "core: tests failed")

    def test_each_file_of_this_project_belongs_to_tests(self):
        label_of = load().label_of
        for path, label in (("src/dsp/mel.cc", "dsp"), ("src/recipes/ssis/recipe.cc", "recipes.ssis"), ("Makefile", "tree"),
                            ("specs/errors.json", "tree"), ("tests/check_tree.py", "tree"), ("web/src/lib/api.ts", "web"),
                            ("tests/resilience/murder.py", "resilience"), ("tests/golden/x/ORIGIN.md", "tree"),
                            (".git/index", None), ("tests/e2e/__pycache__/harness.pyc", None), ("data/baleen.db", None)):
            self.assertEqual(label_of(path), label, path)


if __name__ == "__main__":
    unittest.main(verbosity=2)
