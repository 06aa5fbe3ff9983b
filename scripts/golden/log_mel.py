#!/usr/bin/env python3
"""Makes tests/golden/log_mel: librosa's log-mel of signals that the tests rebuild by formula.

usage: log_mel.py OUTPUT_DIRECTORY       (needs librosa and numpy; the project's tests do not)
"""

import math
import pathlib
import sys

import librosa
import numpy as np

RATE_HZ = 22050


class Lcg:
    def __init__(self, seed):
        self.state = seed

    def next_s16(self):
        self.state = (1664525 * self.state + 1013904223) % 2**32
        return ((self.state >> 16) - 32768) / 32768.0


def to_s16(x):
    return min(max(math.floor(32768.0 * x + 0.5), -32768), 32767) / 32768.0


def white_noise(n_samples, seed, amplitude):
    random = Lcg(seed)
    return [to_s16(amplitude * random.next_s16()) for _ in range(n_samples)]


def sine(n_samples, frequency_hz, amplitude):
    return [to_s16(amplitude * math.sin(2 * math.pi * (frequency_hz * n / RATE_HZ)))
            for n in range(n_samples)]


def chirp(n_samples):
    random = Lcg(1)
    begin_hz, end_hz = 50.0, 10000.0
    samples = []
    for n in range(n_samples):
        mean_hz = begin_hz + 0.5 * (end_hz - begin_hz) * (n / n_samples)
        samples.append(to_s16(0.5 * math.sin(2 * math.pi * mean_hz * (n / RATE_HZ))
                              + 0.01 * random.next_s16()))
    return samples


def impulses(n_samples):
    samples = [0.0] * n_samples
    for n in (0, 5000, n_samples - 1):
        samples[n] = 1.0
    return samples


SIGNALS = {
    "chirp": chirp(22050),
    "silence": [0.0] * 11025,
    "impulses": impulses(22050),
    "square": [1.0 if (n // 25) % 2 == 0 else -1.0 for n in range(22050)],
    # Loud below and nothing but the rounding to 16 bits above, and the reverse: what single
    # precision cannot resolve.
    "bass": sine(22050, 90.0, 0.9),
    "whistle": sine(22050, 9000.0, 0.9),
    "noise_short": white_noise(100, 7, 0.25),
    "noise_odd": white_noise(12345, 8, 0.001),
}


def main():
    directory = pathlib.Path(sys.argv[1])
    for name, samples in SIGNALS.items():
        power = librosa.feature.melspectrogram(
            y=np.array(samples, dtype=np.float32), sr=RATE_HZ, n_fft=1024, win_length=551,
            hop_length=220, n_mels=64, power=2.0, center=True, pad_mode="constant")
        rows = librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=None).T
        rows.astype("<f4").tofile(directory / f"{name}.f32")
        print(f"{name}.f32: {len(samples)} samples, {rows.shape[0]} x {rows.shape[1]}")
    print("librosa", librosa.__version__, "numpy", np.__version__)


if __name__ == "__main__":
    main()
