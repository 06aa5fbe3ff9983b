"""Procedural music: pieces composed by rule, played by a General MIDI sound font (fluidsynth), by plain
synthesis, and sung by a vowel synthesiser. float32 at 22050 Hz."""

import os
import struct
import subprocess

import numpy as np

from synth_noise import RATE, filter_fft, slow_curve

SCALES = [[0, 2, 4, 5, 7, 9, 11], [0, 2, 3, 5, 7, 8, 10], [0, 2, 4, 7, 9], [0, 3, 5, 7, 10], [0, 2, 3, 5, 7, 9, 10],
          [0, 1, 4, 5, 7, 8, 10]]
PROGRESSIONS = [[0, 3, 4, 0], [0, 4, 5, 3], [5, 3, 0, 4], [0, 5, 1, 4], [0, 0, 3, 4], [0, 6, 5, 4], [1, 4, 0, 0]]
VOWELS = [(730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410), (660, 1720, 2410)]


def compose(rng, seconds):
    """Notes of a piece: (voice, begin_s, duration_s, key, velocity); voices melody, chords, bass, drums."""
    beat = 60 / rng.uniform(55, 180)
    meter = int(rng.choice([3, 4, 4, 4, 6]))
    scale = SCALES[rng.integers(len(SCALES))]
    root = int(rng.integers(40, 52))
    chords = PROGRESSIONS[rng.integers(len(PROGRESSIONS))]
    style = rng.choice(["full", "full", "solo", "chords", "melody+chords", "drums", "bass+drums", "arpeggio"])
    has = {"full": "mcbd", "solo": "m", "chords": "c", "melody+chords": "mc", "drums": "d", "bass+drums": "bd", "arpeggio": "a"}[style]
    key_of = lambda degree: root + 12 * (degree // len(scale)) + scale[degree % len(scale)]
    notes, t, bar = [], 0.0, 0
    degree = len(scale) * 2
    pattern = rng.random((3, meter * 4)) < np.array([[0.3], [0.25], [0.6]])
    pattern[0, 0] = True
    legato, humanise = rng.uniform(0.3, 1.3), rng.uniform(0, 0.02)
    while t < seconds:
        chord = chords[bar % len(chords)]
        if "c" in has:
            every = int(rng.choice([1, 2, meter]))
            for b in range(0, meter, every):
                for k in (0, 2, 4):
                    notes.append(("c", t + b * beat, every * beat * legato, key_of(len(scale) + chord + k), rng.integers(45, 85)))
        if "a" in has:
            for b in range(meter * 2):
                notes.append(("c", t + b * beat / 2, beat * legato, key_of(len(scale) + chord + [0, 2, 4, 7][b % 4]), rng.integers(60, 100)))
        if "b" in has:
            for b in range(0, meter, int(rng.choice([1, 2]))):
                notes.append(("b", t + b * beat, beat * 0.9, key_of(chord) - 12, rng.integers(70, 110)))
        if "m" in has:
            b = 0.0
            while b < meter:
                length = float(rng.choice([0.25, 0.5, 0.5, 1, 1, 2, meter]))
                degree = int(np.clip(degree + rng.integers(-3, 4), len(scale), len(scale) * 4))
                if rng.random() < 0.88:
                    notes.append(("m", t + b * beat, length * beat * legato, key_of(degree), rng.integers(60, 120)))
                b += length
        if "d" in has:
            for row, key in enumerate((36, 38, 42)):
                for s in np.nonzero(pattern[row])[0]:
                    notes.append(("d", t + s * beat / 4, 0.1, key, rng.integers(50, 120)))
        t += meter * beat
        bar += 1
    return [(v, max(0.0, b + rng.normal(0, humanise)), d, int(np.clip(k, 24, 108)), int(vel)) for v, b, d, k, vel in notes if b < seconds]


def write_midi(path, notes, programs):
    """Format 0, 480 ticks per half second."""
    events = []
    channel = {"m": 0, "c": 1, "b": 2, "d": 9}
    for voice, program in programs.items():
        events.append((0, bytes([0xC0 | channel[voice], program])))
    for voice, begin, duration, key, velocity in notes:
        c = channel[voice]
        events.append((int(begin * 960), bytes([0x90 | c, key, velocity])))
        events.append((int((begin + duration) * 960), bytes([0x80 | c, key, 0])))
    events.sort(key=lambda e: e[0])
    body, now = b"", 0
    for at, data in events:
        delta, var = at - now, b""
        while True:
            var = bytes([(delta & 0x7F) | (0x80 if var else 0)]) + var
            delta >>= 7
            if not delta:
                break
        body += var + data
        now = at
    body += b"\x00\xff\x2f\x00"
    with open(path, "wb") as f:
        f.write(b"MThd" + struct.pack(">IHHH", 6, 0, 1, 480) + b"MTrk" + struct.pack(">I", len(body)) + body)


def fluidsynth_piece(rng, seconds, work, number, font):
    """A piece by a General MIDI sound font. Programs 0 to 119: no sound effects."""
    path = os.path.join(work, f"piece{number}.mid")
    solo_programs = {"m": int(rng.integers(0, 112)), "c": int(rng.integers(0, 104)), "b": int(rng.integers(32, 40)), "d": 0}
    write_midi(path, compose(rng, seconds), solo_programs)
    out = path.replace(".mid", ".raw")
    subprocess.run(["fluidsynth", "-ni", "-q", "-r", str(RATE), "-T", "raw", "-O", "s16", "-g", "0.6", "-F", out, font, path],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stereo = np.fromfile(out, np.int16).reshape(-1, 2)
    os.remove(out)
    os.remove(path)
    return stereo.mean(axis=1).astype(np.float32)[:int(seconds * RATE)] / 32768


def hz_of(key):
    return 440 * 2 ** ((key - 69) / 12)


def tone(rng, hz, n, timbre):
    """One note of a synthesiser."""
    t = np.arange(n) / RATE
    vibrato = 1 + timbre["vibrato"] * np.sin(2 * np.pi * timbre["vibrato_hz"] * t) * np.minimum(1, t * 3)
    phase = 2 * np.pi * np.cumsum(hz * vibrato) / RATE
    if timbre["kind"] == "fm":
        x = np.sin(phase + timbre["index"] * np.exp(-t * timbre["decay"]) * np.sin(timbre["ratio"] * phase))
    elif timbre["kind"] == "pluck":
        period = max(2, int(RATE / hz))
        x = np.zeros(n)
        line = rng.standard_normal(period)
        for a in range(0, n, period):
            x[a:a + period] = line[:n - a]
            line = 0.996 * 0.5 * (line + np.roll(line, 1))
    else:
        x = sum(a * np.sin((k + 1) * phase) for k, a in enumerate(timbre["partials"]) if (k + 1) * hz < 10500)
    envelope = np.minimum(1, t / timbre["attack"]) * (np.exp(-t * timbre["decay"]) if timbre["decays"] else 1)
    return x * envelope * np.minimum(1, (n / RATE - t) / 0.02)


def random_timbre(rng):
    return {"kind": rng.choice(["additive", "additive", "fm", "pluck"]), "index": rng.uniform(0.5, 6), "ratio": float(rng.choice([1, 2, 3, 0.5, 1.41])),
            "decay": rng.uniform(0.5, 6), "decays": rng.random() < 0.6, "attack": 10 ** rng.uniform(-2.7, -0.8),
            "vibrato": rng.uniform(0, 0.012) * (rng.random() < 0.5), "vibrato_hz": rng.uniform(4, 7),
            "partials": rng.random(12) / np.arange(1, 13) ** rng.uniform(0.3, 2)}


def drum(rng, key):
    n = int(0.25 * RATE)
    t = np.arange(n) / RATE
    if key == 36:
        return np.sin(2 * np.pi * (50 * t + 8 * (1 - np.exp(-t * 30)))) * np.exp(-t * 14)
    noise = rng.standard_normal(n)
    if key == 38:
        return (noise * 0.6 + np.sin(2 * np.pi * 190 * t)) * np.exp(-t * 18)
    return filter_fft(noise, lambda f: f > 5000) * np.exp(-t * 50) * 0.5


def synth_piece(rng, seconds):
    n = int(seconds * RATE)
    timbre = {v: random_timbre(rng) for v in "mcb"}
    x = np.zeros(n + RATE)
    for voice, begin, duration, key, velocity in compose(rng, seconds):
        a = int(begin * RATE)
        note = drum(rng, key) if voice == "d" else tone(rng, hz_of(key), int(max(0.06, min(duration, 4)) * RATE), timbre[voice])
        note = note[:n + RATE - a]
        x[a:a + len(note)] += note * velocity / 127 * (0.35 if voice == "c" else 0.8)
    return x[:n].astype(np.float32)


def sung_line(rng, seconds):
    """A melody of vowels with scoops, vibrato and the odd consonant."""
    n = int(seconds * RATE)
    notes = [m for m in compose(rng, seconds) if m[0] == "m"]
    if not notes:
        beat = rng.uniform(0.25, 0.8)
        notes = [("m", i * beat, beat, int(rng.integers(60, 72)), 90) for i in range(int(seconds / beat))]
    shift = int(rng.choice([-12, -5, 0]))
    hz, gain, noise_gain = np.full(n, 220.0), np.zeros(n), np.zeros(n)
    vowel = np.zeros((n, 3))
    last = hz_of(notes[0][3] + shift)
    for _, begin, duration, key, _ in notes:
        a, b = int(begin * RATE), min(n, int((begin + max(duration, 0.15)) * RATE))
        if b - a < 200:
            continue
        target = hz_of(min(key, 81) + shift)
        t = np.arange(b - a) / RATE
        hz[a:b] = (target + (last - target) * np.exp(-t * 25)) * (1 + rng.uniform(0, 0.025) * np.sin(2 * np.pi * rng.uniform(4.5, 6.5) * t) * np.minimum(1, t * 2))
        gain[a:b] = np.minimum(1, t / 0.04) * np.minimum(1, (t[-1] - t) / 0.05)
        vowel[a:b] = VOWELS[rng.integers(len(VOWELS))]
        last = target
        if rng.random() < 0.6:
            c = int(rng.uniform(0.03, 0.1) * RATE)
            noise_gain[max(0, a - c):a] = rng.uniform(0.1, 0.6)
            gain[max(0, a - c):a] *= 0.2
    phase = 2 * np.pi * np.cumsum(hz) / RATE
    x = np.zeros(n)
    scale = rng.uniform(0.9, 1.25)
    for k in range(1, 36):
        f = k * hz
        amp = sum(g / (1 + ((f - vowel[:, i] * scale) / w) ** 2) for i, (g, w) in enumerate(((1, 90), (0.6, 120), (0.3, 200))))
        x += np.where(f < 10500, np.sin(k * phase) * (amp + 0.01) / k ** 0.5, 0)
    consonants = filter_fft(rng.standard_normal(n), lambda f: (f > 2500) * 1.0) * noise_gain
    breath = rng.standard_normal(n) * 0.01
    return ((x * gain) / (x.std() + 1e-9) + consonants + breath * slow_curve(rng, n, 3)).astype(np.float32)
