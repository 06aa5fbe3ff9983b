"""Speech by the synthesisers of Debian: espeak-ng (formants, many languages), flite and festival
(recorded diphones and statistical voices). float32 at 22050 Hz."""

import os
import subprocess
import tempfile

import numpy as np

from synth_music import VOWELS
from synth_noise import RATE, filter_fft, slow_curve

WORDS = """the of and to in a is that for it as was with be by on not he his but at are this have from or had an
they which one you were her all she there would their we him been has when who will more no if out so said what up
its about into than them can only other new some could time these two may then do first any my now such like our
over man me even most made after also did many before must through back years where much your way well down should
because each just those people how too little state good very make world still own see men work long get here
between both life being under never day same another know while last might us great old year off come since against
go came right used take three water light morning river children window green letter quiet storm mountain paper
ship market answer bridge winter garden silver number question voice music road teacher bread summer""".split()
LANGUAGES = ["en-us", "en-gb", "en-gb-scotland", "de", "fr-fr", "es", "es-419", "it", "pt-br", "nl", "sv", "da", "nb", "fi", "pl", "cs", "hu",
             "ru", "uk", "el", "tr", "ar", "hi", "cmn", "ja", "ko", "vi", "sw", "id", "ro", "bg", "fa", "ta", "ca", "et", "lv"]
FESTIVAL = ["kal_diphone", "cmu_us_slt_arctic_hts", "suo_fi_lj_diphone", "lp_diphone", "czech_ph", "upc_ca_ona_hts"]


def text(rng):
    if rng.random() < 0.3:  # Digits, one or several.
        return ", ".join(str(rng.integers(0, 10)) for _ in range(rng.integers(1, 7)))
    words = [WORDS[i] for i in rng.integers(0, len(WORDS), rng.integers(1, 16))]
    return " ".join(w + ("," if rng.random() < 0.1 else "") for w in words) + rng.choice([".", "?", "!", "."])


def read_wav(path):
    out = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-ac", "1", "-ar", str(RATE), "-f", "s16le", "-"],
                         capture_output=True, check=False).stdout
    return np.frombuffer(out[:len(out) // 2 * 2], np.int16).astype(np.float32) / 32768


def espeak(rng, path):
    language = str(rng.choice(LANGUAGES))
    variant = str(rng.choice(["", "+m1", "+m2", "+m3", "+m4", "+m5", "+m6", "+m7", "+f1", "+f2", "+f3", "+f4", "+f5", "+croak", "+whisper"],
                             p=[0.14] + [0.06] * 12 + [0.07, 0.07]))
    subprocess.run(["espeak-ng", "-v", language + variant, "-s", str(rng.integers(100, 240)), "-p", str(rng.integers(10, 95)), "-w", path, text(rng)],
                   check=False, stderr=subprocess.DEVNULL)
    return "tts/espeak"


def flite(rng, path):
    voice = str(rng.choice(["kal16", "awb", "rms", "slt", "kal"]))
    subprocess.run(["flite", "-voice", voice, "--setf", f"duration_stretch={rng.uniform(0.7, 1.4):.2f}", "-t", text(rng), "-o", path], check=False)
    return "tts/flite"


def festival(rng, path):
    voice = str(rng.choice(FESTIVAL))
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as f:
        f.write(text(rng))
        f.flush()
        subprocess.run(["text2wave", "-eval", f"(voice_{voice})", f.name, "-o", path], check=False, stderr=subprocess.DEVNULL)
    return "tts/festival"


def babble(rng, seconds):
    """Vowels and hisses without words: the voice of synth_music.sung_line with the prosody of speech."""
    n = int(seconds * RATE)
    gain, hiss, vowel, hz = np.zeros(n), np.zeros(n), np.zeros((n, 3)), np.full(n, 100.0)
    base, rate, a = 10 ** rng.uniform(1.92, 2.4), rng.uniform(3, 6), 0
    left, pitch = int(rng.integers(3, 10)), base
    current = np.array(VOWELS[0], float)
    while a < n:
        if left == 0:
            a += int(rng.uniform(0.1, 0.7) * RATE)
            left, pitch = int(rng.integers(3, 10)), base * rng.uniform(0.9, 1.25)
        left -= 1
        kind = rng.random()
        if kind < 0.4:
            c = int(rng.uniform(0.04, 0.13) * RATE)
            hiss[a:a + c] = (rng.uniform(0.1, 0.7) * np.hanning(c))[:max(0, n - a)]
            a += c
        elif kind < 0.6:  # A stop.
            a += int(rng.uniform(0.03, 0.09) * RATE)
            hiss[a:a + 150] = rng.uniform(0.2, 0.8)
        b = min(n, a + int(rng.uniform(0.5, 1.3) / rate * RATE))
        if b - a < 300:
            break
        t = np.linspace(0, 1, b - a)
        target = np.array(VOWELS[rng.integers(len(VOWELS))], float)
        vowel[a:b] = target + (current - target) * np.exp(-t * rng.uniform(3, 8))[:, None]
        current = vowel[b - 1]
        hz[a:b] = pitch * np.exp(-0.25 * (b - a) / RATE * t) * (1 + rng.uniform(0, 0.3) * np.sin(np.pi * t) ** 2)
        pitch = max(hz[b - 1], base * 0.6)
        edge = rng.uniform(0, 0.5)
        gain[a:b] = (edge + (1 - edge) * np.sin(np.pi * t)) * rng.uniform(0.4, 1) * np.minimum(1, np.minimum(t, 1 - t) * 20)
        a = b
    phase = 2 * np.pi * np.cumsum(hz * (1 + 0.03 * (slow_curve(rng, n, 80) - 0.5))) / RATE
    x, scale, tilt = np.zeros(n), rng.uniform(0.85, 1.25), rng.uniform(0.4, 1)
    for k in range(1, 60):
        f = k * hz
        amp = sum(g / (1 + ((f - vowel[:, i] * scale) / w) ** 2) for i, (g, w) in enumerate(((1, 90), (0.5, 120), (0.25, 200))))
        x += np.where(f < 8000, np.sin(k * phase) * (amp + 0.004) / k ** tilt, 0)
    low = rng.uniform(1500, 4000)
    noise = filter_fft(rng.standard_normal(n), lambda f: (f > low) * 1.0) * hiss
    return ((x * gain) / (x.std() + 1e-9) + noise * rng.uniform(0.3, 1)).astype(np.float32)


def make_all(seed, work, n_espeak=500, n_flite=160, n_festival=90, n_babble=40):
    """A list of (samples, group)."""
    rng = np.random.default_rng(seed)
    clips = []
    path = os.path.join(work, "utterance.wav")
    for maker, count in ((espeak, n_espeak), (flite, n_flite), (festival, n_festival)):
        for _ in range(count):
            if os.path.exists(path):
                os.remove(path)
            group = maker(rng, path)
            if os.path.exists(path):
                samples = read_wav(path)
                if len(samples) > RATE // 5 and np.abs(samples).max() > 0.01:
                    clips.append((samples, group))
    clips += [(babble(rng, rng.uniform(1, 8)), "synth/babble") for _ in range(n_babble)]
    return clips
