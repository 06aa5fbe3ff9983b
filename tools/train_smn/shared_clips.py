"""The judging clips, from a folder of labelled recordings: never trained on.

Usage: shared_clips.py SHARED/audio WORK   writes WORK/judge.pcm (as clips.py does) and
WORK/judge.tsv: label, source, variant (whole, first2s, joined, padded), half (even: decisions may
look at it; odd: reported only), path.
"""

import glob
import os
import subprocess
import sys

import numpy as np

RATE = 22050
SPEECH, MUSIC, NOISE = 0, 1, 2


def decode(path, start=None, seconds=60):
    cut = ["-ss", str(start)] if start is not None else []
    command = ["ffmpeg", "-v", "error", *cut, "-t", str(seconds), "-i", path, "-ac", "1", "-ar", str(RATE), "-f", "s16le", "-"]
    out = subprocess.run(command, capture_output=True, check=False).stdout
    return np.frombuffer(out[:len(out) // 2 * 2], np.int16)


def listing(audio):
    """(label, source, path, start, seconds)"""
    def files(pattern):
        return sorted(glob.glob(os.path.join(audio, pattern)))
    for folder in files("esc10/*"):
        for f in files(os.path.join(folder, "*")):
            yield NOISE, "esc10/" + os.path.basename(folder), f, None, 60
    for f in files("fsdd/*.wav"):
        yield SPEECH, "fsdd", f, None, 60
    for f in files("librosa/198*") + files("silero/*") + files("enhance/*") + files("ina/0021.mp3"):
        yield SPEECH, "speech/" + f.split("/")[-2], f, None, 60
    mix = os.path.join(audio, "ina/musanmix.wav")
    for start, seconds in ((29.1, 3.3), (63.4, 4.8), (69.0, 2.6)):
        yield SPEECH, "speech/ina", mix, start, seconds
    yield MUSIC, "music/ina", mix, 0, 22.4
    yield NOISE, "noise/ina", mix, 29.1 - 29.1 + 33, 19.5
    for f in files("librosa/*.ogg"):
        name = os.path.basename(f)
        if "humpback" in name:
            yield NOISE, "noise/humpback", f, None, 60
        elif not name.startswith("198"):
            yield MUSIC, "music/librosa", f, None, 60
    for f in files("mir1k/*.wav") + files("stems/*.mp3") + files("pitch_voice/*.wav"):
        yield MUSIC, "music/" + f.split("/")[-2], f, None, 60
    for f in files("essentia/Guitar*") + files("essentia/dubstep.wav"):
        yield MUSIC, "music/essentia", f, None, 60
    for f in files("orca_calls/flac/*.flac"):
        yield NOISE, "noise/orca", f, None, 60
    for f in files("soundscape24h/*.wav") + files("bioacoustic/[LabmB]*.wav"):
        yield NOISE, "noise/field", f, None, 60
    for f in files("essentia/cat_purrrr.wav"):
        yield NOISE, "noise/cat", f, None, 60


def main(audio, work):
    counts = {}
    speakers = {}
    with open(f"{work}/judge.pcm", "wb") as pcm, open(f"{work}/judge.tsv", "w", encoding="utf-8") as table:
        def write(samples, label, source, variant, half, path):
            pcm.write(np.int32(len(samples)).tobytes() + samples.tobytes())
            table.write(f"{label}\t{source}\t{variant}\t{half}\t{os.path.relpath(path, audio)}\n")
        for label, source, path, start, seconds in listing(audio):
            samples = decode(path, start, seconds)
            if len(samples) < RATE // 10:
                continue
            number = counts[source] = counts.get(source, -1) + 1
            half = "even" if number % 2 == 0 else "odd"
            write(samples, label, source, "whole", half, path)
            if len(samples) > 2.2 * RATE:
                write(samples[:2 * RATE], label, source, "first2s", half, path)
            if len(samples) < 1.7 * RATE:
                padded = np.zeros(int(2 * RATE), np.int16)
                padded[RATE // 4:RATE // 4 + len(samples)] = samples[:int(1.7 * RATE)]
                write(padded, label, source, "padded", half, path)
                write(np.resize(samples, 2 * RATE), label, source, "looped", half, path)
            if source == "fsdd":
                speakers.setdefault((os.path.basename(path).split("_")[1], half), []).append((samples, path))
        for (_, half), parts in sorted(speakers.items()):
            for a in range(0, len(parts) - 4, 5):
                write(np.concatenate([p for p, _ in parts[a:a + 5]]), SPEECH, "fsdd", "joined", half, parts[a][1])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
