#!/usr/bin/env python3
"""Tables in and out: annotations of Raven and Kaleidoscope, exports, metadata of all recordings as CSV.

The collection has short generated recordings that are only ingested; the tables speak of all of them in turn. Each import is
withdrawn before the next run, so that every run does the same.
"""
import json
import shutil
import struct
import time

import common

RECORDINGS, SECONDS, RATE = 200, 4, 8000


def make_recordings(folder):
    """Silence, but for a number, which makes the bytes of each its own."""
    folder.mkdir(parents=True, exist_ok=True)
    size = SECONDS * RATE * 2
    for i in range(RECORDINGS):
        header = b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
        data = bytearray(size)
        struct.pack_into("<h", data, 0, i + 1)
        (folder / f"rec_{i:04}.wav").write_bytes(header + b"data" + struct.pack("<I", size) + data)


def raven(n):
    yield "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tBegin File\tFile Offset (s)\tAnnotation\n"
    for i in range(n):
        start = (i // RECORDINGS % 350) / 100
        yield f"{i + 1}\tSpectrogram 1\t1\t{start}\t{start + 0.5:.2f}\t100\t2000\trec_{i % RECORDINGS:04}.wav\t{start}\tcall {i % 40}\n"


def kaleidoscope(n):
    yield "INDIR,FOLDER,IN FILE,OFFSET,DURATION,Fmin,Fmax,AUTO ID,MATCH RATIO\n"
    for i in range(n):
        yield f"/field,night,rec_{i % RECORDINGS:04}.wav,{(i // RECORDINGS % 350) / 100},0.5,1,2,SP{i % 40},0.5\n"


def main():
    parser = common.parser(__doc__)
    parser.add_argument("--annotations", type=int, default=100_000)
    options = parser.parse_args()
    common.need_baleen()
    n, runs = (10_000, 2) if options.quick else (options.annotations, options.runs)
    with common.Workplace(options) as work:
        data, folder = work / "interchange-data", work / "interchange-recordings"
        shutil.rmtree(data, ignore_errors=True)
        make_recordings(folder)
        baleen = [common.BALEEN, "--data", data]
        common.run([*baleen, "ingest", folder, "--collection", "reef", "--quiet"])
        (work / "table.txt").write_text("".join(raven(n)))
        (work / "table.csv").write_text("".join(kaleidoscope(n)))
        rows = []

        def measure(name, *words, after=lambda output: None):
            used, walls = [], []
            for _ in range(runs):
                begin = time.monotonic()
                usage = common.run([*baleen, *words])
                walls.append(time.monotonic() - begin)
                used.append(usage)
                after(usage.output)
            rows.append({"what": name, "cpu_s": common.median([u.cpu_s for u in used]), "wall_s": common.median(walls),
                         "peak_mb": max(u.peak_bytes for u in used) / 1e6})
            row = rows[-1]
            print(f"{name:<40} {row['cpu_s']:7.2f} CPU s {row['wall_s']:7.2f} s {row['peak_mb']:7.0f} MB", flush=True)

        def withdraw(output):
            common.run([*baleen, "import", "reef", "--withdraw", common.last_json(output)["items"][0]["import_id"], "--quiet"])

        measure(f"import {n:,} annotations of Raven", "import", "reef", work / "table.txt", "--json", after=withdraw)
        measure(f"import {n:,} of Kaleidoscope", "import", "reef", work / "table.csv", "--json", after=withdraw)
        common.run([*baleen, "import", "reef", work / "table.txt", "--quiet"])
        for name in ("raven", "kaleidoscope", "darwin_core"):
            out = work / "interchange-out"
            shutil.rmtree(out, ignore_errors=True)
            measure(f"export {n:,} as {name}", "export", "reef", "--what", "annotations", "--format", name, "--out", out,
                    after=lambda _, out=out: shutil.rmtree(out))
        lines = [f"rec_{i:04}.wav,{i},site {i % 9},humpback\n" for i in range(RECORDINGS)]
        (work / "metadata.csv").write_text("file,tag_data.n,tag_data.site,tag_data.species\n" + "".join(lines))
        measure(f"metadata of {RECORDINGS} recordings from CSV", "metadata", "reef", "--set", work / "metadata.csv", "--quiet")
        measure(f"metadata of {RECORDINGS} recordings as CSV", "metadata", "reef")
        if options.json:
            options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
