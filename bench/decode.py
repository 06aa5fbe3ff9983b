#!/usr/bin/env python3
"""Decode and normalise: `baleen stage decode` beside `ffmpeg -ac 1 -ar 22050`, CPU seconds.

Ten-minute stereo recordings at 44.1 kHz (opus: 48 kHz). The figure of Baleen is that of its whole process
tree: database, supervisor, executor, digest of the result, fsync.
"""
import shutil
import sys

import common

# What we promise, as a share of ffmpeg's CPU time.
TARGETS = {"mp3": 0.85, "flac": 0.9, "ogg": 0.85, "opus": 0.9, "aac": 0.85}


def baleen_decode(file, work):
    data = work / "data"
    shutil.rmtree(data, ignore_errors=True)
    asset = common.first_asset(common.ingest(data, file))
    usage = common.run([common.BALEEN, "stage", "decode", asset, "--data", data, "--json"])
    size = (data / "audio" / asset / "normalized.wav").stat().st_size
    return usage, size


def ffmpeg_decode(file, work):
    out = work / "ffmpeg.wav"
    usage = common.run(["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", file, "-ac", "1", "-ar", "22050",
                        "-c:a", "pcm_s16le", out])
    return usage, out.stat().st_size


def main():
    parser = common.parser(__doc__)
    parser.add_argument("--audio", help="a recording to make the others from (default: the sample, repeated)")
    parser.add_argument("--codecs", nargs="*", default=list(TARGETS), choices=list(TARGETS))
    options = parser.parse_args()
    common.need_baleen()
    common.need_ffmpeg()
    seconds, runs = (120, 3) if options.quick else (600, options.runs)
    table = common.Table(f"decode + normalise, {seconds} s of stereo, CPU seconds (median of {runs})",
                         "codec", "baleen", "ffmpeg", "ratio", "target", "x real time")
    with common.Workplace(options) as work:
        for codec in options.codecs:
            file = common.recording(work, codec, seconds, options.audio)
            ours, theirs = [], []
            for _ in range(runs):  # In turns, so that a slow moment of the machine hits both.
                usage, size = baleen_decode(file, work)
                ours.append(usage.cpu_s)
                usage, their_size = ffmpeg_decode(file, work)
                theirs.append(usage.cpu_s)
            if abs(size - their_size) > 44100 * 0.2:
                print(f"note: {codec}: {size} bytes here, {their_size} by ffmpeg", file=sys.stderr)
            a, b = common.median(ours), common.median(theirs)
            table.add(codec, a, b, a / b, TARGETS[codec], seconds / a)
    table.print()
    table.write(options.json)


if __name__ == "__main__":
    main()
