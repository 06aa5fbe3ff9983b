"""A folder of short recordings of three kinds of sound, and among them what nobody can read. Used by batch_test.py and by
bench/batch.py."""
import array
import math
import os
import random

import harness

RATE = 16_000
KINDS = ("hum", "sweep", "clicks")


def call(kind, seconds, rng):
    """PCM bytes of one of three sounds; each a little different, with faint noise."""
    n = round(seconds * RATE)
    pitch, phase = rng.uniform(0.95, 1.05), rng.uniform(0, 6)
    if kind == "hum":
        values = (math.sin(phase + 2 * math.pi * 220 * pitch * i / RATE) for i in range(n))
    elif kind == "sweep":
        values = (math.sin(phase + 2 * math.pi * pitch * (1500 + 1800 * (i % RATE) / RATE) * (i % RATE) / RATE) for i in range(n))
    else:
        values = ((-1) ** i * math.exp(-(i % 1600) / 60) for i in range(n))
    return array.array("h", (int(9000 * value) + rng.randrange(-150, 150) for value in values)).tobytes()


def bad(index, whole):
    """(name, bytes, the code it is reported by) of a file that holds no sound to embed."""
    rng = random.Random(index)
    cases = (("empty.wav", b"", "FILE_CORRUPT"),
             ("torn_header.wav", whole[:30], "FILE_CORRUPT"),
             ("no_samples.wav", harness.wav_bytes(b"", RATE), "FILE_CORRUPT"),
             ("letters.wav", b"no sound at all\n" * 40, "CODEC_UNSUPPORTED"),
             ("dice.mp3", b"\x01\x02" + rng.randbytes(4000), "CODEC_UNSUPPORTED"),
             ("torn.flac", b"fLaC\0\0\0\x22" + rng.randbytes(60), "FILE_CORRUPT"),
             ("picture.wav", b"\x89PNG\r\n\x1a\n" + rng.randbytes(500), "CODEC_UNSUPPORTED"))
    name, content, code = cases[index % len(cases)]
    if content and not name.startswith("no_samples"):
        content += b"%d" % index  # Few are the same file.
    return name, content, code


def make(folder, n_files, n_bad, seed=0):
    """Writes the folder; {name: code} of the bad ones, which are spread among the others."""
    rng = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    calls = {kind: [call(kind, 2, rng) for _ in range(8)] for kind in KINDS}
    expected = {}
    for i in range(n_files):
        if i * n_bad // n_files < (i + 1) * n_bad // n_files:
            whole = harness.wav_bytes(calls["hum"][0], RATE)
            name, content, code = bad(len(expected), whole)
            name = f"{i:04}_{name}"
            expected[name] = code
            (folder / name).write_bytes(content)
            continue
        samples = array.array("h", rng.choice(calls[KINDS[i % len(KINDS)]]))
        samples = samples[:RATE + rng.randrange(RATE)]  # 1 to 2 s.
        samples[1], samples[2] = i % 30_000, rng.randrange(-30_000, 30_000)
        (folder / f"{i:04}.wav").write_bytes(harness.wav_bytes(samples.tobytes(), RATE))
    os.sync()
    return expected
