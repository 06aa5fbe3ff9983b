#!/usr/bin/env python3
"""What a picture or a clip of 5 s costs, wherever it is: CPU milliseconds of the process that reads the recording.

The recordings are 2 hours of FLAC and MP3, a sparse RF64 file of 24 hours at 48 kHz and one of 10 minutes at 441 kHz; asked for are the
beginning, the middle and the end. An executor is asked as the service does; it says what its cell used."""
import json
import pathlib
import socket
import statistics
import struct
import subprocess

import common


class Executor:
    """`baleen executor`, spoken to in JSON lines."""

    def __init__(self, data):
        ours, theirs = socket.socketpair()
        self.process = subprocess.Popen([common.BALEEN, "--data", data, "executor", str(theirs.fileno())],
                                        pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()
        self.socket, self.lines = ours, ours.makefile("r")
        self.output = pathlib.Path(data).resolve() / "work/rendering.bench/out"

    def cpu_ms(self, kind, path, **params):
        request = {"op": "render", "kind": kind, "path": str(path), "params": params, "output": str(self.output)}
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        answer = json.loads(self.lines.readline())
        if answer["type"] != "result":
            raise SystemExit(f"{kind} of {path}: {answer}")
        return 1000 * answer["cpu_s"]

    def stop(self):
        self.socket.close()
        self.lines.close()
        self.process.wait()


def sparse_wave(path, rate, seconds):
    """Silence in RF64 (EBU Tech 3306) that takes no room on the disk."""
    n = 2 * rate * seconds
    head = b"RF64\xff\xff\xff\xffWAVEds64" + struct.pack("<IQQQI", 28, n + 72, n, n // 2, 0)
    head += b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16) + b"data\xff\xff\xff\xff"
    with open(path, "wb") as file:
        file.write(head)
        file.truncate(len(head) + n)
        for place in range(0, n, n // 97 // 2 * 2):  # Some sound here and there.
            file.seek(len(head) + place)
            file.write(bytes(range(256)) * 64)
    return path


def recordings(folder, hours):
    yield "RF64 48 kHz, 24 h", sparse_wave(folder / "day.wav", 48000, 86400), 86400
    yield "WAV 441 kHz, 10 min", sparse_wave(folder / "bats.wav", 441000, 600), 600
    for name in ("flac", "mp3"):
        path = folder / f"long.{name}"
        if not path.exists():
            common.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"anoisesrc=r=48000:a=0.1:seed=1:d={3600 * hours}",
                        "-sample_fmt", "s16" if name == "flac" else "s16p", *(("-b:a", "128k") if name == "mp3" else ()), path])
        yield f"{name.upper()} 48 kHz, {hours} h", path, 3600 * hours


def main():
    options = common.parser(__doc__).parse_args()
    common.need_baleen()
    common.need_ffmpeg()
    table = common.Table("a rendering of 5 s, CPU ms", "recording", "kind", "beginning", "middle", "end")
    runs = 3 if options.quick else options.runs
    with common.Workplace(options) as folder:
        (folder / "data").mkdir(exist_ok=True)
        executor = Executor(folder / "data")
        for name, path, seconds in recordings(folder, 0.5 if options.quick else 2):
            for kind, params in (("thumbnail", {"width": 256, "height": 128}), ("clip", {"speed": 1.0})):
                figures = [statistics.median(executor.cpu_ms(kind, path, start_s=start, end_s=start + 5, **params) for _ in range(runs))
                           for start in (0.0, seconds / 2 + 0.1, seconds - 6.0)]
                table.add(name, kind, *figures)
        executor.stop()
    table.print()
    if options.json:
        options.json.write_text(json.dumps([dict(zip(table.columns, row)) for row in table.rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
