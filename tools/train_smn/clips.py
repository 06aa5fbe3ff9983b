"""Assembles the training clips: draws sources, joins, mixes, distorts. Same distortions for every
class, so that a codec, a band limit, a gap or a level says nothing about the class.

Usage: clips.py WORK PART PARTS   writes WORK/clips_PART.pcm: for the feature tool, repeated
[int32 n_samples][int16 samples], and WORK/clips_PART.tsv: label, group.
"""

import os
import pickle
import subprocess
import sys

import numpy as np

import synth_music
import synth_noise
import synth_speech
from synth_noise import RATE, coloured, filter_fft

SPEECH, MUSIC, NOISE = 0, 1, 2
FONT = "/usr/share/sounds/sf2/TimGM6mb.sf2"
COUNTS = {SPEECH: 1900, MUSIC: 1900, NOISE: 2900}
# Groups that are rarer than what they stand for: voices of animals and people that are not speech.
BOOST = {"0ad-data/animals": 2, "0ad-data/cries": 1.5, "tuxpaint-stamps-default/objects": 2, "gcompris-qt-data/farm": 2}


class Sources:
    def __init__(self, work):
        data = np.load(os.path.join(work, "sources.npz"))
        self.samples, self.begin, self.end = data["samples"], data["begin"], data["end"]
        self.by_group = {}
        for i, (label, group) in enumerate(zip(data["label"], data["group"])):
            self.by_group.setdefault(int(label), {}).setdefault(str(group), []).append(i)

    def clip(self, i):
        return self.samples[self.begin[i]:self.end[i]].astype(np.float32) / 32768

    def draw(self, rng, label):
        """A file index and its group: groups by the square root of their size."""
        groups = list(self.by_group[label])
        weight = np.array([np.sqrt(len(self.by_group[label][g])) * BOOST.get(g, 1) for g in groups])
        group = groups[rng.choice(len(groups), p=weight / weight.sum())]
        return int(rng.choice(self.by_group[label][group])), group


def normal(x):
    return x / (np.abs(x).max() + 1e-9)


def crop(rng, x, seconds):
    n = int(seconds * RATE)
    if len(x) <= n:
        return x
    a = rng.integers(0, len(x) - n + 1)
    return x[a:a + n]


def join(rng, parts, gap_max):
    out = []
    for p in parts:
        out += [normal(p) * rng.uniform(0.5, 1), np.zeros(int(rng.uniform(0, gap_max) * RATE), np.float32)]
    return np.concatenate(out[:-1])


def cached(path, make):
    """What `make` returns, kept in a file: the synthesisers are the slow part."""
    if not os.path.exists(path):
        value = make()
        with open(path + ".part", "wb") as f:
            pickle.dump(value, f)
        os.rename(path + ".part", path)
    with open(path, "rb") as f:
        return pickle.load(f)


class Maker:
    def __init__(self, work, part, parts):
        self.work, self.part = work, part
        self.sources = Sources(work)
        self.rng = np.random.default_rng(1000 + part)
        share = lambda n: n // parts
        scratch = os.path.join(work, f"scratch{part}")
        os.makedirs(scratch, exist_ok=True)
        self.tts = cached(f"{work}/tts_{part}_{parts}.pickle",
                          lambda: synth_speech.make_all(2000 + part, scratch, share(520), share(180), share(90), share(90)))
        self.pieces = cached(f"{work}/pieces_{part}_{parts}.pickle", lambda: self.make_pieces(scratch, share(160)))

    def make_pieces(self, scratch, count):
        rng = np.random.default_rng(3000 + self.part)
        pieces = [synth_music.fluidsynth_piece(rng, 24, scratch, i, FONT) for i in range(count)]
        return [p for p in pieces if np.abs(p).max() > 0.01]

    def speech(self):
        rng = self.rng
        if rng.random() < 0.35:
            i = rng.integers(len(self.tts))
            x, group = self.tts[i]
            same = [c for c, g in self.tts[max(0, i - 30):i + 30] if g == group]
        else:
            i, group = self.sources.draw(rng, SPEECH)
            x = self.sources.clip(i)
            pool = self.sources.by_group[SPEECH][group]
            same = [self.sources.clip(int(rng.choice(pool))) for _ in range(4)]
        if rng.random() < 0.4:
            if rng.random() < 0.5:
                x = crop(rng, x, rng.uniform(0.35, 2))
            if rng.random() < 0.3:
                x = np.tile(x, rng.integers(2, 5))
            return crop(rng, x, 8), group
        parts = [x] + [same[rng.integers(len(same))] for _ in range(rng.integers(1, 6))]
        return crop(rng, join(rng, parts, rng.choice([0.05, 0.3, 0.9])), rng.uniform(2, 8)), group

    def accompaniment(self):
        rng = self.rng
        if rng.random() < 0.5:
            return crop(rng, self.pieces[rng.integers(len(self.pieces))], rng.uniform(3, 8)), "synth/fluidsynth"
        i, group = self.sources.draw(rng, MUSIC)
        return crop(rng, self.sources.clip(i), rng.uniform(3, 8)), group

    def music(self):
        rng, kind = self.rng, self.rng.random()
        if kind < 0.52:
            i, group = self.sources.draw(rng, MUSIC)
            x = self.sources.clip(i)
        elif kind < 0.72:
            x, group = self.pieces[rng.integers(len(self.pieces))], "synth/fluidsynth"
        elif kind < 0.82:
            x, group = synth_music.synth_piece(rng, rng.uniform(2, 8)), "synth/piece"
        else:
            back, _ = self.accompaniment()
            voice = synth_music.sung_line(rng, len(back) / RATE)[:len(back)]
            if rng.random() < 0.15:
                back = back * 0
            gain = 10 ** rng.uniform(-0.5, 0.5)
            x, group = voice / (voice.std() + 1e-9) * gain + back[:len(voice)] / (back.std() + 1e-9), "synth/song"
        seconds = rng.uniform(0.5, 2) if rng.random() < 0.12 else rng.uniform(2, 8)
        return crop(rng, x, seconds), group

    def noise(self):
        rng, kind = self.rng, self.rng.random()
        seconds = rng.uniform(0.5, 2) if rng.random() < 0.12 else rng.uniform(2, 6)
        if kind < 0.45:
            return synth_noise.make(rng, seconds)
        i, group = self.sources.draw(rng, NOISE)
        x = self.sources.clip(i)
        if len(x) < seconds * RATE:
            style = rng.random()
            if style < 0.35:
                pool = self.sources.by_group[NOISE][group]
                x = join(rng, [x] + [self.sources.clip(int(rng.choice(pool))) for _ in range(rng.integers(0, 5))], rng.choice([0.1, 1.0]))
            elif style < 0.7:
                x = join(rng, [x] * int(rng.integers(1, 7)), rng.choice([0.02, 0.4, 1.2]))
        x = crop(rng, x, seconds)
        if kind > 0.85:  # Over a second one.
            other, _ = synth_noise.make(rng, len(x) / RATE) if rng.random() < 0.5 else (self.sources.clip(self.sources.draw(rng, NOISE)[0]), "")
            other = np.resize(other, len(x))
            x = normal(x) + normal(other) * 10 ** rng.uniform(-1.3, 0)
        return x, group


def reverb(rng, x):
    seconds = rng.uniform(0.15, 1.3)
    n = int(seconds * RATE)
    tail = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n)
    tail = filter_fft(tail, lambda f: 1 / (1 + (f / rng.uniform(1500, 7000)) ** 2))
    size = 1 << (len(x) + n - 1).bit_length()
    wet = np.fft.irfft(np.fft.rfft(x, size) * np.fft.rfft(tail, size), size)[:len(x)]
    return normal(x) + wet / (np.abs(wet).max() + 1e-9) * rng.uniform(0.05, 0.7)


def codec(rng, x):
    pcm = (normal(x) * 30000).astype(np.int16).tobytes()
    raw = ["-f", "s16le", "-ar", str(RATE), "-ac", "1"]
    form = [["-f", "mp3", "-b:a", rng.choice(["24k", "32k", "48k"])], ["-f", "ogg", "-c:a", "libvorbis", "-q:a", "0"],
            ["-f", "ogg", "-c:a", "libopus", "-b:a", rng.choice(["10k", "16k", "24k"])]][rng.integers(3)]
    coded = subprocess.run(["ffmpeg", "-v", "error", *raw, "-i", "-", *form, "-"], input=pcm, capture_output=True, check=False).stdout
    out = subprocess.run(["ffmpeg", "-v", "error", "-i", "-", *raw, "-"], input=coded, capture_output=True, check=False).stdout
    y = np.frombuffer(out[:len(out) // 2 * 2], np.int16).astype(np.float32)
    return y if len(y) > RATE // 4 else x


def distort(rng, x, label):
    if rng.random() < 0.5:
        factor = rng.uniform(0.86, 1.16) if label == SPEECH else np.exp(rng.uniform(-0.35, 0.35))
        x = np.interp(np.arange(0, len(x) - 1, factor), np.arange(len(x)), x)
    if rng.random() < 0.25:
        x = reverb(rng, x)
    if rng.random() < 0.6:
        tilt, centre, gain, width = rng.uniform(-2.5, 2.5), 10 ** rng.uniform(2, 4), rng.uniform(-9, 9), rng.uniform(0.3, 1.5)
        x = filter_fft(x, lambda f: (np.maximum(f, 50) / 1000) ** (tilt / 6.02) *
                       10 ** (gain / 20 * np.exp(-(np.log2(np.maximum(f, 1) / centre) / width) ** 2)))
    x = normal(x)
    if rng.random() < 0.6:
        x = x + normal(coloured(rng, len(x), rng.uniform(-9, 3))) * 10 ** rng.uniform(-3, -1.1 if label != NOISE else -0.7)
    if rng.random() < 0.35:
        low = rng.choice([3400, 3900, 4000, 5500, 7000, 8000])
        x = filter_fft(x, lambda f: 1 / np.sqrt(1 + (f / low) ** rng.choice([12, 40, 80])))
    if rng.random() < 0.25:
        high = rng.uniform(60, 320)
        x = filter_fft(x, lambda f: 1 / np.sqrt(1 + (high / np.maximum(f, 1)) ** 8))
    if rng.random() < 0.08:
        x = np.tanh(normal(x) * rng.uniform(1.5, 5))
    if rng.random() < 0.1:
        x = codec(rng, x)
    x = normal(x) * 10 ** (rng.uniform(-35, 0) / 20)
    if rng.random() < 0.25:
        x = np.concatenate([np.zeros(int(rng.uniform(0, 1.2) * RATE)), x, np.zeros(int(rng.uniform(0, 2.5) * RATE))])
    return x


def main(work, part, parts):
    maker = Maker(work, part, parts)
    rng = maker.rng
    jobs = [label for label, n in COUNTS.items() for _ in range(n // parts)]
    rng.shuffle(jobs)
    with open(f"{work}/clips_{part}.pcm", "wb") as pcm, open(f"{work}/clips_{part}.tsv", "w", encoding="utf-8") as table:
        for label in jobs:
            x, group = (maker.speech, maker.music, maker.noise)[label]()
            if label == SPEECH and rng.random() < 0.1:  # Voice over something quieter is still speech.
                back = maker.accompaniment()[0] if rng.random() < 0.5 else maker.noise()[0]
                x = normal(x) + normal(np.resize(back, len(x))) * 10 ** rng.uniform(-1.5, -0.5)
            if len(x) < RATE // 5 or np.abs(x).max() < 1e-4:
                continue
            samples = np.clip(np.round(distort(rng, x, label) * 32767), -32768, 32767).astype(np.int16)
            pcm.write(np.int32(len(samples)).tobytes() + samples.tobytes())
            table.write(f"{label}\t{group}\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
