#!/usr/bin/env python3
"""Makes the sample recording of `make run`: speech, music, rain and silence, from nothing but arithmetic.

usage: make_sample.py [OUT.wav]        (default: build/sample/sample.wav)

The voice is a small formant synthesiser (a pulse source through a cascade of resonators, and noise
through others, after Klatt 1980), the music plucked strings (after Karplus and Strong 1983). The
result is the same on every run: 22,050 Hz, mono, 16 bit, under 1 MB. Python's standard library only.
"""
import array
import math
import pathlib
import random
import sys
import wave

RATE_HZ = 22050
TWO_PI = 2.0 * math.pi

# The sentence, as phonemes. "," is a pause; a number after a vowel is its stress (1 = strong).
SENTENCE = """
  HH AH L OW1 , DH IH S IH Z B AX L IY1 N ,
  IH T L IH1 S AX N Z T UW DH IY OW1 SH AX N ,
  AE N D F AY1 N D Z DH AX V OY1 S AX Z , DH AX M Y UW1 Z IH K AE N D DH AX R EY1 N
""".split()

# Steady sounds: formants in Hz, voicing, aspiration, frication (0 to 1), duration in ms.
VOWELS = {
    "IY": ((290, 2270, 3000), (290, 2270, 3000), 120), "IH": ((400, 1950, 2560), (400, 1900, 2560), 80),
    "EH": ((550, 1800, 2500), (550, 1780, 2500), 100), "AE": ((680, 1720, 2430), (660, 1700, 2430), 120),
    "AH": ((630, 1200, 2450), (620, 1220, 2450), 90), "AX": ((500, 1400, 2450), (500, 1420, 2450), 55),
    "UW": ((320, 1000, 2250), (300, 900, 2240), 110), "OW": ((560, 1020, 2400), (380, 850, 2350), 150),
    "AY": ((720, 1180, 2450), (380, 2050, 2600), 190), "OY": ((560, 850, 2400), (370, 1980, 2550), 210),
    "EY": ((500, 1850, 2500), (340, 2230, 2800), 160),
}
SONORANTS = {  # formants, level, duration
    "L": ((350, 1050, 2750), 0.45, 65), "R": ((330, 1080, 1450), 0.5, 70),
    "Y": ((270, 2150, 3000), 0.5, 55), "M": ((260, 1100, 2250), 0.32, 75), "N": ((260, 1500, 2550), 0.32, 65),
}
FRICATIVES = {  # formants, voicing, noise level, noise centre and width in Hz, duration
    "S": ((330, 1500, 2600), 0.0, 0.50, 6400, 2200, 105), "Z": ((300, 1500, 2600), 0.28, 0.26, 6200, 2200, 75),
    "SH": ((330, 1750, 2600), 0.0, 0.50, 3300, 1300, 110), "F": ((340, 1100, 2300), 0.0, 0.10, 7200, 5000, 95),
    "V": ((300, 1100, 2300), 0.35, 0.04, 6500, 5000, 60), "DH": ((300, 1350, 2550), 0.35, 0.03, 6000, 5000, 45),
}
STOPS = {  # formants, voicing of the closure, closure ms, burst centre Hz, burst level, aspiration ms
    "B": ((280, 900, 2200), 0.12, 55, 900, 0.25, 6), "D": ((280, 1700, 2600), 0.12, 45, 3800, 0.30, 8),
    "T": ((330, 1750, 2650), 0.0, 55, 4600, 0.60, 45), "K": ((320, 1900, 2500), 0.0, 60, 2200, 0.55, 45),
}


class Frame:
    """What the synthesiser is to do during 5 ms."""

    __slots__ = ("formants", "voice", "breath", "noise", "centre", "width", "pitch")

    def __init__(self, formants, voice, breath=0.0, noise=0.0, centre=4000.0, width=2000.0):
        self.formants, self.voice, self.breath, self.noise = list(formants), voice, breath, noise
        self.centre, self.width, self.pitch = centre, width, 110.0


def vowel_after(phonemes, i):
    for name in phonemes[i + 1:]:
        if name.rstrip("1") in VOWELS:
            return VOWELS[name.rstrip("1")][0]
    return VOWELS["AX"][0]


def speech_frames(phonemes):
    """The sounds in frames of 5 ms, each still with sharp edges, and the pitch of each frame."""
    frames, accents, phrase_start = [], [], 0
    for i, name in enumerate(phonemes):
        stressed, name = name.endswith("1"), name.rstrip("1")
        if name == ",":
            frames += [Frame(VOWELS["AX"][0], 0.0) for _ in range(50)]
        elif name in VOWELS:
            begin, end, ms = VOWELS[name]
            n = round(ms * (1.3 if stressed else 0.95) * (1.35 if phonemes[i + 1:i + 2] in ([","], []) else 1.0) / 5)
            if stressed:
                accents.append(len(frames) + n // 2)
            for k in range(n):
                t = min(1.0, max(0.0, (k / n - 0.25) / 0.6))
                frames.append(Frame([a + (b - a) * t for a, b in zip(begin, end)], 1.0 if stressed else 0.8, 0.02))
        elif name in SONORANTS:
            formants, level, ms = SONORANTS[name]
            frames += [Frame(formants, level) for _ in range(ms // 5)]
        elif name in FRICATIVES:
            formants, voice, noise, centre, width, ms = FRICATIVES[name]
            frames += [Frame(formants, voice, 0.0, noise, centre, width) for _ in range(ms // 5)]
        elif name == "HH":
            frames += [Frame(vowel_after(phonemes, i), 0.0, 0.45) for _ in range(14)]
        else:
            formants, voice, closure_ms, centre, burst, breath_ms = STOPS[name]
            frames += [Frame(formants, voice) for _ in range(closure_ms // 5)]
            frames += [Frame(formants, 0.0, 0.1, burst, centre, 1800.0) for _ in range(2)]
            frames += [Frame(vowel_after(phonemes, i), 0.1, 0.3) for _ in range(breath_ms // 5)]
    set_pitch(frames, accents)
    return frames


def set_pitch(frames, accents):
    """Each phrase falls from 135 to 92 Hz; every stressed vowel adds a hump of up to 35 Hz."""
    begin = 0
    while begin < len(frames):
        end = begin
        while end < len(frames) and not is_pause(frames, end):
            end += 1
        for i in range(begin, end):
            frames[i].pitch = 135.0 - 43.0 * (i - begin) / max(1, end - begin)
            for accent in accents:
                if begin <= accent < end:
                    frames[i].pitch += 35.0 * math.exp(-((i - accent) / 14.0) ** 2)
        begin = end + 1


def is_pause(frames, i):
    return frames[i].voice == 0.0 and frames[i].breath == 0.0 and frames[i].noise == 0.0


def smooth(frames, field, reach):
    """A running mean over 2·reach + 1 frames: the tongue and the glottis move slowly."""
    values = [getattr(frame, field) for frame in frames]
    for i, frame in enumerate(frames):
        window = values[max(0, i - reach):i + reach + 1]
        if field == "formants":
            frame.formants = [sum(column) / len(window) for column in zip(*window)]
        else:
            setattr(frame, field, sum(window) / len(window))


class Resonator:
    """Two poles at `centre` Hz with a bandwidth of `width` Hz; unity gain at 0 Hz."""

    __slots__ = ("a", "b", "c", "y1", "y2")

    def __init__(self):
        self.y1 = self.y2 = 0.0

    def tune(self, centre, width):
        radius = math.exp(-math.pi * width / RATE_HZ)
        self.c = -radius * radius
        self.b = 2.0 * radius * math.cos(TWO_PI * centre / RATE_HZ)
        self.a = 1.0 - self.b - self.c

    def run(self, samples):
        a, b, c, y1, y2 = self.a, self.b, self.c, self.y1, self.y2
        out = []
        for x in samples:
            y = a * x + b * y1 + c * y2
            out.append(y)
            y2, y1 = y1, y
        self.y1, self.y2 = y1, y2
        return out


def make_speech(rng):
    frames = speech_frames(SENTENCE)
    smooth(frames, "formants", 5)
    for field in ("voice", "breath", "noise"):
        smooth(frames, field, 2)
    tract = [Resonator() for _ in range(5)]
    fricative = [Resonator() for _ in range(2)]
    n_frame = RATE_HZ // 200
    phase, jitter, previous_noise, out = 0.0, 1.0, 0.0, []
    lips = 0.0
    for frame in frames:
        source, step = [], frame.pitch / RATE_HZ
        for _ in range(n_frame):
            phase += step * jitter
            if phase >= 1.0:
                phase -= 1.0
                jitter = 1.0 + 0.02 * (rng.random() - 0.5)
            # Rosenberg's pulse: the glottis opens over 40 % of the period, closes over 16 %.
            if phase < 0.4:
                flow = 0.5 - 0.5 * math.cos(math.pi * phase / 0.4)
            elif phase < 0.56:
                flow = math.cos(0.5 * math.pi * (phase - 0.4) / 0.16)
            else:
                flow = 0.0
            breath = (rng.random() - 0.5) * (0.3 + 0.7 * flow)
            source.append(flow * frame.voice + breath * frame.breath)
        f1, f2, f3 = frame.formants
        for resonator, centre, width in zip(tract, (f1, f2, f3, 3500, 4500), (70, 100, 150, 220, 300)):
            resonator.tune(centre, width)
            source = resonator.run(source)
        hiss = []
        for _ in range(n_frame):
            white = rng.random() - 0.5
            hiss.append(white - previous_noise)
            previous_noise = white
        for resonator in fricative:
            resonator.tune(frame.centre, frame.width)
            hiss = resonator.run(hiss)
        for vowel, noise in zip(source, hiss):
            out.append(6.0 * (vowel - lips) + 0.35 * noise * frame.noise)  # Lips radiate the derivative.
            lips = vowel
    return out


def pluck(rng, pitch_hz, seconds, brightness):
    """Karplus-Strong: a burst of noise in a loop of one period, averaged on each pass."""
    period = RATE_HZ / pitch_hz - 0.5
    n_loop = int(period)
    allpass = (1.0 - (period - n_loop)) / (1.0 + (period - n_loop))
    loop, level = [], 0.0
    for _ in range(n_loop):
        level += brightness * ((rng.random() * 2.0 - 1.0) - level)
        loop.append(level)
    out, last, x1, y1, i = [], 0.0, 0.0, 0.0, 0
    for _ in range(int(seconds * RATE_HZ)):
        x = 0.4985 * (loop[i] + last)
        last = loop[i]
        y1 = allpass * x + x1 - allpass * y1
        x1 = x
        out.append(last)
        loop[i] = y1
        i = i + 1 if i + 1 < n_loop else 0
    return out


def make_music(rng):
    """Four bars of 1.5 s: a bass note and a broken chord each (C, A minor, F, G, C), and a melody above."""
    def hertz(note):
        return 440.0 * 2.0 ** ((note - 69) / 12.0)

    bars = [(48, (60, 64, 67)), (45, (60, 64, 69)), (41, (60, 65, 69)), (43, (59, 62, 67)), (48, (60, 64, 67))]
    melody = [(0.0, 76), (0.75, 79), (1.5, 81), (1.875, 79), (2.25, 76), (3.0, 77), (3.375, 76), (3.75, 74), (4.5, 74),
              (4.875, 71), (5.25, 74), (6.0, 72)]
    notes = [(start, note, 0.8, 0.7, 1.1) for start, note in melody]
    for bar, (bass, chord) in enumerate(bars):
        start = 1.5 * bar
        notes.append((start, bass, 0.9, 0.35, 1.5))
        if bar < 4:
            notes.append((start + 0.75, bass + 12, 0.6, 0.35, 0.7))
        for k in range(8 if bar < 4 else 1):
            notes.append((start + 0.1875 * k, chord[(0, 1, 2, 1)[k % 4]], 0.45, 0.5, 0.6))
    out = [0.0] * int(7.0 * RATE_HZ)
    for start, note, level, brightness, seconds in notes:
        begin = int(start * RATE_HZ)
        tone = pluck(rng, hertz(note), min(seconds, 7.0 - start), brightness)
        fade = len(tone) // 8
        for i, x in enumerate(tone[:len(out) - begin]):
            out[begin + i] += level * x * min(1.0, (len(tone) - i) / fade)
    return out


def make_rain(rng):
    """Steady hiss with slow gusts, and drops that fall near by."""
    low = lower = gust = 0.0
    out = []
    for i in range(int(3.8 * RATE_HZ)):
        white = rng.random() - 0.5
        low += 0.45 * (white - low)
        lower += 0.02 * (white - lower)
        gust = 1.0 + 0.35 * math.sin(TWO_PI * 0.31 * i / RATE_HZ) + 0.2 * math.sin(TWO_PI * 0.83 * i / RATE_HZ + 1.0)
        out.append(gust * (0.5 * white + 0.3 * low + 1.2 * lower))
    for _ in range(260):
        begin, pitch, level = rng.randrange(len(out)), 1500.0 + 4000.0 * rng.random(), 0.8 * rng.random() ** 3
        for i in range(min(90, len(out) - begin)):
            out[begin + i] += level * math.exp(-i / 18.0) * math.sin(TWO_PI * pitch * i / RATE_HZ)
    return out


def scale(samples, rms):
    """To this root mean square, with 20 ms of fade at both ends, peaks bent softly below full scale."""
    mean = sum(samples) / len(samples)
    gain = rms / math.sqrt(sum((x - mean) ** 2 for x in samples) / len(samples))
    n_fade, last = RATE_HZ // 50, len(samples) - 1
    for i, x in enumerate(samples):
        fade = min(1.0, i / n_fade, (last - i) / n_fade)
        samples[i] = math.tanh(gain * (x - mean) * fade)
    return samples


def silence(seconds):
    return [0.0] * int(seconds * RATE_HZ)


def make_sample():
    rng = random.Random(20_000)
    parts = [silence(0.4), scale(make_speech(rng), 0.11), silence(1.2), scale(make_music(rng), 0.12), silence(1.2),
             scale(make_rain(rng), 0.06), silence(1.0)]
    # Dither of one step: like any recorder, and no run of exact zeros.
    return array.array("h", (round(32000.0 * x + rng.random() - 0.5) for part in parts for x in part))


def main():
    if len(sys.argv) > 2 or sys.argv[1:2] and sys.argv[1].startswith("-"):
        sys.exit("usage: make_sample.py [FILE]")
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else
                       pathlib.Path(__file__).resolve().parent.parent / "build/sample/sample.wav")
    out.parent.mkdir(parents=True, exist_ok=True)
    samples = make_sample()
    if sys.byteorder == "big":
        samples.byteswap()
    temporary = out.with_name(out.name + ".tmp")
    with wave.open(str(temporary), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.tobytes())
    temporary.replace(out)


if __name__ == "__main__":
    main()
