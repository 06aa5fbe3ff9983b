#!/usr/bin/env python3
"""The program on kernels that cannot confine executors, played by strace, which makes the calls fail that a kernel
without Landlock or seccomp does not know. What the sandbox itself stops is tried in src/engine/sandbox_test.cc."""
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import harness  # noqa: E402

LACKS = {"Landlock": "landlock_create_ruleset:error=ENOSYS", "seccomp": "prctl:error=EINVAL"}


class OldKernel(harness.Case):
    def setUp(self):
        if not shutil.which("strace"):
            self.skipTest("strace is not here")
        if not harness.has_sandbox():
            self.skipTest("this kernel has no sandbox that could be taken away")

    def without(self, part, place, *words):
        """Runs the program on a kernel that lacks this part."""
        call = LACKS[part].split(":")[0]
        wrapper = place.path / "old-kernel"
        # Who is traced cannot look for leaks.
        wrapper.write_text('#!/bin/sh\nexport ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"\n'
                           f"exec strace -f -o /dev/null -e trace={call} -e inject={LACKS[part]} "
                           f'{harness.PROGRAM} "$@"\n')
        wrapper.chmod(0o755)
        whole = harness.PROGRAM
        harness.PROGRAM = str(wrapper)
        try:
            return place.run(*words)
        finally:
            harness.PROGRAM = whole

    def test_nothing_starts_and_the_reason_is_named(self):
        for part in LACKS:
            for words in (("run", "ssis"), ("ingest",)):
                with self.subTest(part=part, words=words):
                    place = self.place()
                    recording = harness.make_wav(place.path / "a.wav", 2)
                    outcome = self.without(part, place, *words, recording, "--json")
                    self.assert_status(outcome, 78)
                    self.assertEqual(outcome.json["error"]["code"], "SANDBOX_UNAVAILABLE")
                    self.assertIn(f"no {part}", outcome.json["error"]["message"])
                    self.assertIn("--sandbox=best-effort", outcome.json["error"]["action"])
                    self.assertEqual(harness.artifacts(place.data), {})

    def test_the_service_and_workers_do_not_start_either(self):
        for command in ("up", "serve", "worker"):
            with self.subTest(command=command):
                place = self.place()
                words = [command] + (["--port", "0"] if command != "worker" else ["--until-done"])
                self.assert_status(self.without("Landlock", place, *words), 78)

    def test_best_effort_works_with_what_there_is_and_says_so(self):
        place = self.place()
        recording = harness.make_wav(place.path / "a.wav", 2)
        outcome = self.without("Landlock", place, "--sandbox=best-effort", "run", "ssis", recording)
        self.assert_status(outcome, 0)
        self.assertIn("incomplete", outcome.err)
        self.assertIn("no Landlock", outcome.err)

    def test_doctor_shows_it(self):
        place = self.place()
        outcome = self.without("Landlock", place, "doctor", "--json")
        self.assert_status(outcome, 1)
        finding, = (check for check in outcome.json["checks"] if check["name"] == "sandbox")
        self.assertEqual(finding["state"], "MISSING")
        self.assertIn("no Landlock", finding["finding"])


if __name__ == "__main__":
    harness.main()
