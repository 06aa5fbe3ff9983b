"""A started service and a client of it, for the tests that need one."""
import contextlib
import http.client
import json
import os
import re
import signal

import harness

PATIENCE_S = 60 * harness.PATIENCE


class Service:
    """A started `up` or `serve`, and a client of it."""

    def __init__(self, place, *words, **environment):
        self.place = place
        self.process = place.start(*(words or ("up",)), "--port", "0", **environment)
        address = harness.wait_for(lambda: re.search(r"http://127\.0\.0\.1:(\d+)", self.said()), "the address")
        self.port = int(address.group(1))
        self.token = (place.data / "admin-token").read_text().strip()

    def said(self):
        file = self.process.files[1].fileno()
        return os.pread(file, 1 << 20, 0).decode()

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)

    def ask(self, method, target, body=None, token=None, **headers):
        """(status, headers, bytes)"""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if token != "":
            headers["Authorization"] = "Bearer " + (token or self.token)
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body)
        with contextlib.closing(self.connection()) as connection:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            return response.status, response.headers, response.read()

    def send(self, method, target, body=None, token=None, **headers):
        """The same for a piece of an upload, as a tus client sends it."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers.update({"Authorization": "Bearer " + (token or self.token), "Tus-Resumable": "1.0.0"})
        if body is not None:
            headers["Content-Type"] = "application/offset+octet-stream"
        with contextlib.closing(self.connection()) as connection:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            return response.status, response.headers, response.read()

    def json(self, method, target, body=None, token=None):
        status, _, data = self.ask(method, target, body, token)
        return status, json.loads(data) if data else None

    def wait_for_run(self, run_id, state):
        def look():
            run = self.json("GET", f"/v1/runs/{run_id}")[1]
            return run if run["state"] == state else None
        return harness.wait_for(look, f"the run to be {state}")

    def stop(self):
        os.kill(self.process.pid, signal.SIGTERM)
        return self.place.finish(self.process)


def events(response, count):
    """The next events of a stream: (id, type)."""
    found, event = [], {}
    while len(found) < count:
        line = response.readline().decode().rstrip("\n")
        if line.startswith(("id: ", "event: ", "data: ")):
            name, _, value = line.partition(": ")
            event[name] = value
        elif not line and "id" in event:
            found.append((int(event["id"]), event["event"]))
            event = {}
    return found
