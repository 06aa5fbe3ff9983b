#!/usr/bin/env python3
"""Makes tests/golden/bat_frontend: Bat Detective's spectrograms by numpy, scipy and scikit-image.

usage: bat_frontend.py OUTPUT_DIRECTORY       (needs numpy, scipy and scikit-image; the project's tests do not)
"""

import math
import pathlib
import sys

import numpy as np
import scipy
import skimage
from scipy.ndimage import zoom
from skimage.filters import gaussian

BINS_256K = (0.02322, 10, 270)
BINS_192K = (0.02667, 10, 240)


class Lcg:
    def __init__(self, seed):
        self.state = seed

    def next_s16(self):
        self.state = (1664525 * self.state + 1013904223) % 2**32
        return ((self.state >> 16) - 32768) / 32768.0


def to_s16(x):
    return min(max(math.floor(32768.0 * x + 0.5), -32768), 32767)


def chirp(n_samples, rate_hz, begin_hz, end_hz, amplitude, noise_amplitude, seed):
    random = Lcg(seed)
    samples = []
    for n in range(n_samples):
        mean_hz = begin_hz + 0.5 * (end_hz - begin_hz) * (n / n_samples)
        samples.append(to_s16(amplitude * math.sin(2 * math.pi * mean_hz * (n / rate_hz))
                              + noise_amplitude * random.next_s16()))
    return np.array(samples, dtype=np.float64)


SIGNALS = {
    # name: rate, bins, 16-bit samples
    "sweep_256k": (256000, BINS_256K, chirp(12949, 256000, 100e3, 20e3, 0.05, 0.01, 1)),
    "sweep_192k": (192000, BINS_192K, chirp(9600, 192000, 20e3, 90e3, 0.5, 0.1, 2)),
    "short_256k": (256000, BINS_256K, chirp(900, 256000, 30e3, 60e3, 0.2, 0.2, 3)),
}


def spectrogram(samples, rate_hz, bins):
    slice_scale_s, bin_begin, bin_end = bins
    rate_hz = rate_hz // 10
    n_fft = int(slice_scale_s * rate_hz)
    hop = n_fft - int(0.75 * n_fft)
    frames = np.lib.stride_tricks.sliding_window_view(samples, n_fft)[::hop]
    window = np.hanning(n_fft)
    power = np.abs(np.fft.rfft(frames * window, axis=1).T) ** 2
    spec = np.log(1 + 2 / rate_hz / (window**2).sum() * np.flipud(power[1:])[-bin_end:-bin_begin])
    spec = np.clip(spec - spec.mean(axis=1, keepdims=True), 0, None)
    spec = gaussian(spec, sigma=1, mode="nearest", truncate=4, preserve_range=True)
    half = [-(-n // 2) for n in spec.shape]
    return zoom(spec, [h / n for h, n in zip(half, spec.shape)], order=1, mode="nearest")


def main():
    directory = pathlib.Path(sys.argv[1])
    for name, (rate_hz, bins, samples) in SIGNALS.items():
        spec = spectrogram(samples, rate_hz, bins)
        spec.astype("<f4").tofile(directory / f"{name}.f32")
        print(f"{name}.f32: {len(samples)} samples, {spec.shape[0]} x {spec.shape[1]}, up to {spec.max():.3f}")
    print("numpy", np.__version__, "scipy", scipy.__version__, "scikit-image", skimage.__version__)


if __name__ == "__main__":
    main()
