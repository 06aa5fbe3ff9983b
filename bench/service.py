#!/usr/bin/env python3
"""The service under load: the memory of a large upload, and thousands of event streams beside everything else.

upload   One file of --gigabytes goes up by one request to a real file; then the same in pieces of 8 MiB, and once
         more with a kill of the server in the middle. Peak resident memory (VmHWM) of the server, and MB/s from the
         first byte to the last answer: hashing and fsync included. Target: below 32 MB.
streams  --streams clients follow the events and say nothing, while recordings are uploaded and lists are asked for.
         Memory of the server, the time from an event's record to its arrival at a client (99th percentile), and
         requests per second. Target: below 250 ms. All clients are Python processes on the same machine, and what
         they need for receiving is in the figures.
"""
import argparse
import base64
import contextlib
import datetime
import http.client
import json
import multiprocessing
import os
import random
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import common

ADDRESS = "/v1/ingest/upload"
PIECE = random.Random(1).randbytes(1 << 20)


class Server:
    """`baleen serve` on a data directory."""

    def __init__(self, data):
        self.out = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([str(common.BALEEN), "--data", str(data), "serve", "--port", "0"],
                                        stdin=subprocess.DEVNULL, stdout=self.out, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 60
        address = None
        while not address:
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit("the server does not start: " + os.pread(self.out.fileno(), 1 << 16, 0).decode())
            time.sleep(0.01)
            address = re.search(r"http://127\.0\.0\.1:(\d+)", os.pread(self.out.fileno(), 1 << 16, 0).decode())
        self.port = int(address[1])
        self.token = (data / "admin-token").read_text().strip()

    def memory(self, name):
        """VmHWM or VmRSS, in MB (of 1e6 bytes)."""
        with open(f"/proc/{self.process.pid}/status") as file:
            for line in file:
                if line.startswith(name + ":"):
                    return int(line.split()[1]) * 1024 / 1e6
        return 0.0

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)

    def headers(self, **more):
        return {"Authorization": "Bearer " + self.token, "Tus-Resumable": "1.0.0",
                **{name.replace("_", "-"): str(value) for name, value in more.items()}}

    def ask(self, connection, method, target, body=None, **headers):
        if body is not None:
            headers["Content_Type"] = "application/offset+octet-stream"
        connection.request(method, target, body, self.headers(**headers))
        response = connection.getresponse()
        return response.status, response.headers, response.read()

    def create(self, connection, size):
        name = base64.b64encode(b"big.wav").decode()
        status, headers, body = self.ask(connection, "POST", ADDRESS, Upload_Length=size,
                                         Upload_Metadata=f"filename {name}")
        if status != 201:
            sys.exit(f"the upload was refused: {body.decode()}")
        return headers["Location"]

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(60)


# ---- uploads ------------------------------------------------------------------------------------

def content(offset, size, seed):
    """Bytes of a generated file, in pieces: noise with a running number, so that no block is like another."""
    while offset < size:
        number, begin = divmod(offset, len(PIECE))
        block = bytearray(PIECE)
        block[:20] = struct.pack("<4sQQ", b"NOIS", seed, number)
        piece = memoryview(block)[begin:min(len(block), begin + size - offset)]
        yield piece
        offset += len(piece)


def send_patch(server, target, offset, end, size, seed):
    """One PATCH of [offset, end); its answer's headers."""
    with contextlib.closing(server.connect()) as connection:
        connection.putrequest("PATCH", target)
        for name, value in server.headers(Upload_Offset=offset, Content_Length=end - offset,
                                          Content_Type="application/offset+octet-stream").items():
            connection.putheader(name, value)
        connection.endheaders()
        for piece in content(offset, end, seed):
            connection.sock.sendall(piece)
        sent_at = time.monotonic()
        response = connection.getresponse()
        if response.status != 204:
            sys.exit(f"PATCH: {response.status} {response.read().decode()}")
        return response.headers, time.monotonic() - sent_at


def uploaded(data):
    """Removes what has been uploaded: the next one needs the space."""
    shutil.rmtree(data / "audio", ignore_errors=True)


def upload_whole(data, size):
    server = Server(data)
    before_mb = server.memory("VmHWM")
    with contextlib.closing(server.connect()) as connection:
        target = server.create(connection, size)
    begin = time.monotonic()
    headers, answer_s = send_patch(server, target, 0, size, size, 1)
    seconds = time.monotonic() - begin
    figures = {"what": "one request", "bytes": size, "MB/s": size / 1e6 / seconds, "last answer s": answer_s,
               "peak MB": server.memory("VmHWM"), "idle MB": before_mb, "server CPU s/GB": server.cpu_s() / (size / 1e9)}
    is_there = bool(headers["Baleen-Run-Id"])
    server.stop()
    uploaded(data)
    return figures if is_there else sys.exit("no run was submitted")


def upload_in_pieces(data, size, piece=8 << 20):
    server = Server(data)
    begin = time.monotonic()
    with contextlib.closing(server.connect()) as connection:
        target = server.create(connection, size)
        offset = 0
        while offset < size:
            end = min(offset + piece, size)
            body = b"".join(content(offset, end, 2))
            status, headers, text = server.ask(connection, "PATCH", target, body, Upload_Offset=offset)
            if status != 204:
                sys.exit(f"PATCH: {status} {text.decode()}")
            offset = int(headers["Upload-Offset"])
    seconds = time.monotonic() - begin
    figures = {"what": "pieces of 8 MiB", "bytes": size, "MB/s": size / 1e6 / seconds, "last answer s": 0.0,
               "peak MB": server.memory("VmHWM"), "idle MB": 0.0, "server CPU s/GB": server.cpu_s() / (size / 1e9)}
    server.stop()
    uploaded(data)
    return figures


def upload_with_kill(data, size):
    server = Server(data)
    with contextlib.closing(server.connect()) as connection:
        target = server.create(connection, size)
    threading.Timer(max(0.5, size / 4e9), lambda: server.stop(signal.SIGKILL)).start()
    begin = time.monotonic()
    with contextlib.suppress(OSError, http.client.HTTPException):
        send_patch(server, target, 0, size, size, 3)
    server.process.wait(60)
    server = Server(data)
    with contextlib.closing(server.connect()) as connection:
        offset = int(server.ask(connection, "HEAD", target)[1]["Upload-Offset"])
    headers, answer_s = send_patch(server, target, offset, size, size, 3)
    seconds = time.monotonic() - begin
    figures = {"what": f"killed at {100 * offset // size} %", "bytes": size, "MB/s": size / 1e6 / seconds,
               "last answer s": answer_s, "peak MB": server.memory("VmHWM"), "idle MB": 0.0,
               "server CPU s/GB": server.cpu_s() / (size / 1e9)}
    server.stop()
    uploaded(data)
    return figures if headers["Baleen-Run-Id"] else sys.exit("no run was submitted")


# ---- streams ------------------------------------------------------------------------------------

def open_streams(port, token, count):
    request = (f"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
               f"Authorization: Bearer {token}\r\n\r\n").encode()
    streams = {}
    for _ in range(count):
        stream = socket.create_connection(("127.0.0.1", port))
        stream.sendall(request)
        streams[stream.fileno()] = stream
    for stream in streams.values():
        seen = b""
        while b"retry: " not in seen:
            seen += stream.recv(4096)
        stream.setblocking(False)
    return streams


def listen(port, token, count, control):
    """A process: follows events on many connections; how late each event came, in ms, to the pipe."""
    streams = open_streams(port, token, count)
    poll = select.epoll()
    for number in streams:
        poll.register(number, select.EPOLLIN)
    control.send("ready")
    lags, n_events, stamps = [], 0, {}
    while not control.poll():
        for number, _ in poll.poll(0.2, 256):
            data = streams[number].recv(65536)
            now = time.time()
            if not data:
                poll.unregister(number)
                continue
            for stamp in re.findall(rb'"time":"([^"]+)"', data):
                if stamp not in stamps:
                    stamps[stamp] = datetime.datetime.fromisoformat(stamp.decode().replace("Z", "+00:00")).timestamp()
                lags.append(1e3 * (now - stamps[stamp]))
                n_events += 1
    control.recv()
    control.send((n_events, sorted(lags)))


def load(port, token, seconds, control):
    """A process: asks for lists on one connection, as fast as they come."""
    request = f"GET /v1/runs?limit=20 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    lags = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        file = connection.makefile("rb")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            begin = time.monotonic()
            connection.sendall(request)
            length = 0
            while (line := file.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            file.read(length)
            lags.append(1e3 * (time.monotonic() - begin))
    control.send(lags)


def upload_small(server, seconds, per_second, numbers):
    """Recordings of a second, all different; each makes a run and its event."""
    deadline = time.monotonic() + seconds
    count = 0
    with contextlib.closing(server.connect()) as connection:
        while time.monotonic() < deadline:
            begin = time.monotonic()
            body = b"RIFF" + struct.pack("<Q", next(numbers)) + PIECE[:44_100]
            status, _, text = server.ask(connection, "POST", ADDRESS, body, Upload_Length=len(body))
            if status != 201:
                sys.exit(f"POST: {status} {text.decode()}")
            count += 1
            time.sleep(max(0.0, 1 / per_second - (time.monotonic() - begin)))
    return count


def spawn(target, *arguments):
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=target, args=(*arguments, theirs), daemon=True)
    process.start()
    return process, ours


def percentile(values, share):
    return values[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


def streams_under_load(data, count, seconds, loaders, per_second):
    server = Server(data)
    numbers = iter(range(random.getrandbits(40), 1 << 62))
    upload_small(server, 1, per_second, numbers)  # Lists have something to show.
    before_mb = server.memory("VmRSS")
    n_listeners = 2
    listeners = [spawn(listen, server.port, server.token, count // n_listeners) for _ in range(n_listeners)]
    for _, pipe in listeners:
        pipe.recv()
    idle_mb, idle_cpu_s = server.memory("VmRSS"), server.cpu_s()
    time.sleep(5)
    idle_share = (server.cpu_s() - idle_cpu_s) / 5
    asking = [spawn(load, server.port, server.token, seconds) for _ in range(loaders)]
    n_uploads = upload_small(server, seconds, per_second, numbers)
    lags = sorted(lag for _, pipe in asking for lag in pipe.recv())
    time.sleep(1)
    n_events, late = 0, []
    for _, pipe in listeners:
        pipe.send("stop")
        n, some = pipe.recv()
        n_events += n
        late += some
    late.sort()
    figures = {"streams": count, "without MB": before_mb, "idle MB": idle_mb, "peak MB": server.memory("VmHWM"),
               "idle CPU %": 100 * idle_share, "uploads": n_uploads, "arrivals": n_events,
               "fan-out p50 ms": percentile(late, 0.5), "fan-out p99 ms": percentile(late, 0.99),
               "requests/s": len(lags) / seconds, "request p99 ms": percentile(lags, 0.99)}
    for process, _ in listeners + asking:
        process.join(10)
    server.stop()
    return figures


# ---- the program --------------------------------------------------------------------------------

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("all", "upload", "streams"), default="all")
    parser.add_argument("--gigabytes", type=float, default=10, help="of the large upload (10)")
    parser.add_argument("--streams", type=int, default=5000, help="event streams (5000)")
    parser.add_argument("--seconds", type=float, default=20, help="of load (20)")
    parser.add_argument("--loaders", type=int, default=2, help="connections that ask for lists (2)")
    parser.add_argument("--uploads-per-second", type=float, default=5)
    parser.add_argument("--quick", action="store_true", help="1 GB, 1000 streams, 5 s")
    parser.add_argument("--json", help="also write the figures to this file")
    parser.add_argument("--work", help="where the data goes (default: a temporary folder)")
    options = parser.parse_args()
    if options.quick:
        options.gigabytes, options.streams, options.seconds = 1, 1000, 5
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, options.streams + 200)), hard))
    size = int(options.gigabytes * 1e9)
    figures = {}
    with tempfile.TemporaryDirectory(prefix="baleen-bench-", dir=options.work) as folder:
        data = common.pathlib.Path(folder) / "data"
        if options.what != "streams":
            if shutil.disk_usage(folder).free < size + (4 << 30):
                sys.exit(f"{folder} has too little room for {size} bytes")
            figures["uploads"] = [upload_whole(data, size), upload_in_pieces(data, size // 5),
                                  upload_with_kill(data, size // 5)]
            print(f"{'upload':16} {'GB':>6} {'MB/s':>6} {'last answer':>12} {'peak memory':>12} {'CPU s/GB':>9}")
            for row in figures["uploads"]:
                print(f"{row['what']:16} {row['bytes'] / 1e9:6.1f} {row['MB/s']:6.0f} {row['last answer s']:10.2f} s "
                      f"{row['peak MB']:9.1f} MB {row['server CPU s/GB']:9.2f}", flush=True)
        if options.what != "upload":
            figures["streams"] = streams_under_load(data, options.streams, options.seconds, options.loaders,
                                                    options.uploads_per_second)
            for name, value in figures["streams"].items():
                print(f"{name:16} {value:12.1f}")
    if options.json:
        common.pathlib.Path(options.json).write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
