"""The clients of murder.py: what they ask for, again and again until it is answered, and what they note."""
import base64
import collections
import contextlib
import hashlib
import http.client
import json
import random
import re
import signal
import socket
import subprocess
import threading
import time

import harness
import service

PATIENCE_S = 90  # How long one request is repeated before the client gives up, which is a finding.
UPLOAD = "/v1/ingest/upload"
OPEN_MAX = 6  # Runs that a client leaves open before it waits for one.


class Gone(Exception):
    """No answer: the server is not there, or died, or its answer was lost."""


class Server(service.Service):
    """`baleen serve`, on the same port after each death."""

    def __init__(self, place):
        self.place = place
        self.inbox = place.path / "inbox"
        self.inbox.mkdir()
        self.token = None
        with socket.socket() as probe:  # Free now; the first start finds out whether it still is.
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def start(self):
        self.process = self.place.start("serve", "--port", self.port, "--ingest-root", self.inbox)
        harness.wait_for(lambda: re.search(r"http://127\.0\.0\.1:\d+", self.said()) or self.process.poll() is not None,
                         "the server")
        self.token = self.token or (self.place.data / "admin-token").read_text().strip()

    def drop_unanswered_uploads(self):
        """What was begun without the client hearing of it: nobody will ever go on with these."""
        open_ones = self.place.rows("SELECT upload_id FROM uploads WHERE state = 'open'")
        for (upload_id,) in open_ones:
            self.send("DELETE", f"{UPLOAD}/{upload_id}")
        return len(open_ones)


class Log:
    """What was acknowledged. `expected`: run → the states it may end in; `files`: what was taken in."""

    def __init__(self):
        self.expected = {}
        self.files = {}  # sha256 → path
        self.asset_of = {}
        self.usable = set()  # Assets.
        self.history = collections.defaultdict(list)
        self.counts = collections.Counter()

    def note(self, what, run_id, states):
        self.counts["acknowledged"] += 1
        self.counts[f"{what} acknowledged"] += 1
        self.history[run_id].append(what)
        self.expected[run_id] = set(states)


def merge(crowd):
    log = Log()
    for client in crowd:
        log.expected.update(client.log.expected)
        log.files.update(client.log.files)
        log.asset_of.update(client.log.asset_of)
        log.usable |= client.log.usable
        log.history.update(client.log.history)
        log.counts += client.log.counts
    return log


class Client(threading.Thread):
    """Owns its recordings and their runs, so that what it has heard is all that ever happened to them."""

    def __init__(self, place, server, seed, index, stop):
        super().__init__(daemon=True)
        self.place, self.server, self.index, self.stop_event = place, server, index, stop
        self.rng = random.Random(seed)
        self.log = Log()
        self.complaints = []
        self.runs = []  # (run, asset, is usable), none of them in doubt.
        self.doing = ""
        self.n_files = 0

    def run(self):
        try:
            while not self.stop_event.is_set():
                self.one_operation()
                time.sleep(self.rng.uniform(0, 0.15))
        except Exception as error:  # A client that breaks is a finding, not an end of the test.
            self.complaints.append(f"client {self.index} while {self.doing}: {error!r}")

    def one_operation(self):
        submissions = [self.submit_local, self.submit_upload, self.submit_by_command]
        others = [self.cancel, self.cancel_by_command, self.retry, self.rerun]
        if not self.runs or self.rng.random() < 0.55:
            operation = self.rng.choice(submissions)
        else:
            operation = self.rng.choice(others)
        self.doing = operation.__name__
        operation()
        recent = [run for run, _, _ in self.runs[-OPEN_MAX:]]
        if len(recent) == OPEN_MAX and not self.stop_event.is_set():
            self.until_answered(lambda: self.is_done(recent[0]) or self.stop_event.is_set())

    # ---- asking until there is an answer

    def until_answered(self, ask):
        """Repeats what got no answer, until it gets one."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with contextlib.suppress(Gone):
                answer = ask()
                if answer:
                    return answer
            if time.monotonic() > deadline:
                raise AssertionError(f"no answer for {PATIENCE_S} s")
            time.sleep(0.03)

    def ask(self, method, target, body=None, headers=None, data=None):
        """(status, headers, JSON or None); what is worth another try is Gone."""
        try:
            if data is None and headers is None:
                status, answered, text = self.server.ask(method, target, body)
            else:
                status, answered, text = self.server.send(method, target, data, **(headers or {}))
            if status in (423, 429, 503, 408):
                raise Gone
            return status, answered, json.loads(text) if text and b"json" in answered["Content-Type"].encode() else None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Gone from error

    def is_done(self, run_id):
        status, _, run = self.ask("GET", f"/v1/runs/{run_id}")
        return status == 200 and run["state"] in ("complete", "failed", "canceled")

    def state_of(self, run_id):
        def look():
            status, _, run = self.ask("GET", f"/v1/runs/{run_id}")
            if status == 404:
                self.complaints.append(f"{run_id} was acknowledged and is not there")
            return run.get("state", "lost")
        return self.until_answered(look)

    # ---- submissions

    def recording(self, folder):
        """A new one, unlike all others; some are of no use."""
        self.n_files += 1
        seed = self.index * 5000 + self.n_files
        path = folder / f"{self.index}-{self.n_files}.wav"
        is_usable = self.rng.random() < 0.9
        if is_usable:
            harness.make_wav(path, self.rng.uniform(2, 16), seed=seed)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"no audio at all " * self.rng.randint(5, 500) + str(seed).encode())
        return path, is_usable

    def submitted(self, how, run_id, asset_id, path, is_usable):
        if is_usable:
            self.log.files[hashlib.sha256(path.read_bytes()).hexdigest()] = path
            self.log.usable.add(asset_id)
        self.log.asset_of[run_id] = asset_id
        self.log.note(how, run_id, ["complete" if is_usable else "failed"])
        self.runs.append((run_id, asset_id, is_usable))

    def submit_local(self):
        path, is_usable = self.recording(self.server.inbox)

        def ask():
            status, _, run = self.ask("POST", "/v1/ingest/local", {"source_path": str(path)})
            assert status == 202, (status, run)
            return run
        run = self.until_answered(ask)
        self.submitted("file", run["run_id"], run["asset_id"], path, is_usable)

    def submit_upload(self):
        path, is_usable = self.recording(self.place.path / "uploads")
        data = path.read_bytes()
        name = base64.b64encode(path.name.encode()).decode()

        def create():
            status, headers, problem = self.ask("POST", UPLOAD, headers={
                "Upload_Length": str(len(data)), "Upload_Metadata": f"filename {name}"}, data=b"")
            assert status == 201, (status, problem)
            return headers["Location"]
        target = self.until_answered(create)

        def send():
            """One more piece; the last one is answered with the run."""
            status, headers, problem = self.ask("HEAD", target, headers={})
            assert status == 200, (status, problem)
            offset = int(headers["Upload-Offset"])
            if offset == len(data) and headers.get("Baleen-Run-Id"):
                return headers
            piece = data[offset:offset + max(1, len(data) // 3 + 1)]
            status, headers, problem = self.ask("PATCH", target, headers={"Upload_Offset": str(offset)}, data=piece)
            assert status in (204, 409), (status, problem)
            return headers if headers.get("Baleen-Run-Id") else None
        headers = self.until_answered(send)
        self.submitted("upload", headers["Baleen-Run-Id"], headers["Baleen-Asset-Id"], path, is_usable)

    def submit_by_command(self):
        path, is_usable = self.recording(self.place.path / "commands")
        run = self.command("ingest", path)
        self.submitted("command", run["run_id"], run["asset_id"], path, is_usable)

    def command(self, *words):
        """Runs the command line until it ends with success; now and then it is killed on the way."""
        def attempt():
            process = self.place.start(*words, "--json")
            if self.rng.random() < 0.4:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(self.rng.uniform(0, 0.06))
                if process.poll() is None:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    self.log.counts["kill command"] += 1
                    return None
            outcome = self.place.finish(process, PATIENCE_S)
            assert outcome.status == 0, str(outcome)
            return outcome.json
        return self.until_answered(attempt)

    # ---- what people do afterwards

    def cancel(self):
        run_id, _, _ = self.rng.choice(self.runs[-5:])

        def ask():
            status, _, answer = self.ask("POST", f"/v1/runs/{run_id}/cancel", {})
            assert status == 200, (status, answer)
            return True
        self.until_answered(ask)
        self.canceled(run_id)

    def cancel_by_command(self):
        run_id, _, _ = self.rng.choice(self.runs[-5:])
        self.command("cancel", run_id)
        self.canceled(run_id)

    def canceled(self, run_id):
        """An acknowledged cancellation ends a run at once; what it ended in, it stays in."""
        state = self.state_of(run_id)
        if state not in ("canceled", "complete", "failed"):
            self.complaints.append(f"{run_id} is {state} after its cancellation was acknowledged")
        self.log.note(f"cancel ({state})", run_id, [state])

    def retry(self):
        run_id, _, is_usable = self.rng.choice(self.runs[-8:])

        def ask():
            status, _, answer = self.ask("POST", f"/v1/runs/{run_id}/retry", {})
            assert status == 200, (status, answer)
            return True
        self.until_answered(ask)
        self.log.note("retry", run_id, ["complete" if is_usable else "failed"])

    def rerun(self):
        """Only what is complete: of an asset that is still being made, runs would share the work."""
        run_id, asset_id, is_usable = self.rng.choice(self.runs[-8:])
        latest = [run for run, asset, _ in self.runs if asset == asset_id][-1]
        if not is_usable or self.state_of(latest) != "complete":
            return
        stages = self.rng.choice([list(harness.STAGES), ["segments"], ["features", "preview"]])

        def ask():
            status, _, run = self.ask("POST", "/v1/runs", {"asset_id": asset_id, "forced_stages": stages})
            assert status == 202, (status, run)
            return run
        run = self.until_answered(ask)
        self.log.asset_of[run["run_id"]] = asset_id
        self.log.note("rerun", run["run_id"], ["complete"])
        self.runs.append((run["run_id"], asset_id, True))
