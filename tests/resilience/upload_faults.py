#!/usr/bin/env python3
"""Uploads under faults of the disk: a client that does not give up has its recording taken in once, and whole.

usage: upload_faults.py [--budget-s N] [--seed S] [--point CALL:FAULT] [--threads N]

A service with executors takes a recording in two pieces. At one system call (fault_shim.cc counts them) the machine
dies, or the call fails. The client asks how far the upload has come and goes on, with a new service if the old one is
gone.
"""
import argparse
import base64
import collections
import concurrent.futures
import contextlib
import http.client
import json
import random
import sys
import time

import shim
import syscalls
import harness  # Found by shim.
import service

SETTINGS = {"BALEEN_DECODE_MIN_DURATION_S": 0.5, "BALEEN_DECODE_CHUNK_S": 0.4}
ADDRESS = "/v1/ingest/upload"
TRIES_MAX = 30
SAMPLE = 12
FSYNCS = 24  # That many syncs fail, too: those of the upload.
DATA = harness.wav_bytes(harness.tone(harness.RATE, seed=3))
GONE = (OSError, http.client.HTTPException)


class Client:
    """Uploads DATA to a service that may fail or die at any time."""

    def __init__(self, case, place, environment):
        self.case, self.place, self.errors = case, place, collections.Counter()
        self.service = service.Service(place, "up", "--executors", 1, **environment)

    def ask(self, method, target, body=None, **headers):
        """(status, headers, document); a dead service is replaced by one without faults, and that is no answer."""
        try:
            status, its_headers, content = self.service.send(method, target, body, **headers)
        except GONE:
            self.revive()
            return None, {}, b""
        if status >= 400 and method != "HEAD":
            problem = json.loads(content)
            self.case.assertIn(problem.get("code"), harness.catalogue(), (status, problem))
            self.errors[problem["code"]] += 1
        if status >= 500 and self.service.process.poll() is not None:
            self.revive()
        return status, its_headers, content

    def revive(self):
        process = self.service.process
        with contextlib.suppress(Exception):
            process.wait(10)
        self.case.assertIn(process.poll(), (-9, *range(126)), f"it hangs or has crashed: {self.service.said()[-2000:]}")
        harness.kill_group(process)
        self.service = service.Service(self.place, "up", "--executors", 1)

    def upload(self):
        """The run's id, once the service has taken everything in."""
        name = base64.b64encode(b"tone.wav").decode()
        described = {"Upload_Length": str(len(DATA)), "Upload_Metadata": f"filename {name}"}
        target = None
        for _ in range(TRIES_MAX):
            if target is None:
                status, headers, _ = self.ask("POST", ADDRESS, **described)
                target = headers.get("Location") if status == 201 else None
                continue
            status, headers, _ = self.ask("HEAD", target)
            if status == 404:  # The service may forget what it has refused.
                target = None
            if status != 200:
                continue
            if headers["Baleen-Run-Id"]:
                return headers["Baleen-Run-Id"]
            offset = int(headers["Upload-Offset"])
            end = len(DATA) // 2 if offset < len(DATA) // 2 else len(DATA)
            status, headers, _ = self.ask("PATCH", target, DATA[offset:end], Upload_Offset=str(offset))
            if status == 204 and headers["Baleen-Run-Id"]:
                return headers["Baleen-Run-Id"]
        raise AssertionError(f"not taken in after {TRIES_MAX} tries: {self.errors}; {self.service.said()[-2000:]}")

    def wait(self, run_id):
        """Until the run is complete; what has failed is asked for again."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                status, run = self.service.json("GET", f"/v1/runs/{run_id}")
                if status == 200 and run["state"] == "complete":
                    return
                if status == 200 and run["state"] == "failed":
                    self.case.assert_error_is_helpful(harness.failure_of(run))
                    self.service.json("POST", f"/v1/runs/{run_id}/retry", {})
            except GONE:
                self.revive()
            if self.service.process.poll() is not None:
                self.revive()
            time.sleep(0.02)
        raise AssertionError(f"run {run_id} does not end: {self.service.said()[-2000:]}")


class UploadFaults(harness.Case):
    def runTest(self):
        """Only a carrier of assertions."""

    def go_through(self, call, fault):
        """An upload with this fault: (the page's story, calls by kind, artifacts)."""
        with harness.Place(**SETTINGS) as place:
            steer = shim.Shim(place.path, place.data)
            client = Client(self, place, steer.environment)
            steer.arm(call, fault)
            client.wait(client.upload())
            story = steer.page.fired, steer.what_fired, steer.trace
            # It may meet the fault at its very end.
            self.assertIn(client.service.stop().status, (0, 6, -9) if fault.startswith("KILL") else (0, 6))
            self.assertEqual(steer.page.violations, 0,
                             f"synced again after a failed fsync: {steer.page.violation_path.decode()}")
            self.assertEqual(place.rows("SELECT COUNT(*) FROM audio_assets"), [(1,)])
            self.assertEqual(place.rows("SELECT COUNT(*) FROM uploads WHERE state = 'complete'"), [(1,)])
            self.assert_nothing_twice(place)
            self.assert_index_is_true(place)
            indexed = {path for path, in place.rows("SELECT path FROM artifact_index")}
            return story, {path: digest for path, digest in harness.artifacts(place.data).items() if path in indexed}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget-s", type=float)
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--threads", type=int, default=3)
    parser.add_argument("--point")
    options = parser.parse_args()
    reason = shim.need_library()
    if reason:
        print(f"skipped: {reason}")
        return harness.SKIPPED
    began_s, case, failures = time.monotonic(), UploadFaults(), {}
    (_, _, trace), reference = case.go_through(0, "NONE")
    print(f"upload_faults: {len(trace)} calls: {dict(collections.Counter(trace))}", flush=True)
    points = [(call, fault) for call, kind in enumerate(trace, 1) for fault in syscalls.FAULTS[kind]
              if fault not in ("KILL_ONE", "KILL_AFTER")]
    if options.point:
        call, fault = options.point.split(":")
        points = [(int(call), fault)]
    elif options.budget_s is None:  # The ways of the upload itself, before the run begins, are of most interest.
        points = random.Random(options.seed).sample(points[:len(points) // 2], SAMPLE)
        points += [(call, "EIO") for call, kind in enumerate(trace, 1) if kind == "fsync"][:FSYNCS]
    else:
        random.Random(options.seed).shuffle(points)
    counts, deadline = collections.Counter(), began_s + (options.budget_s or 1e9)

    def attempt(point):
        if time.monotonic() > deadline or len(failures) > 20:
            return
        counts["tried"] += 1
        try:
            (fired, what, _), artifacts = case.go_through(*point)
            counts["made"] += fired == 1
            case.assertEqual(artifacts, reference, what)
        except Exception as error:  # Reported with the point that led to it.
            failures[point] = error
            print(f"FAILED: --point {point[0]}:{point[1]}: {type(error).__name__}: {str(error)[:1500]}", flush=True)

    with concurrent.futures.ThreadPoolExecutor(options.threads) as pool:
        list(pool.map(attempt, points))
    print(f"upload_faults: {counts['tried']} of {len(points)} faults tried, {counts['made']} made, "
          f"{len(failures)} failures, {time.monotonic() - began_s:.0f} s, seed {options.seed}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
