"""Speech by the synthesisers of Debian: espeak-ng (formants, many languages), flite and festival
(recorded diphones and statistical voices). float32 at 22050 Hz."""

import os
import subprocess
import tempfile

import numpy as np

from synth_noise import RATE

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


def make_all(seed, work, n_espeak=500, n_flite=160, n_festival=120):
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
    return clips
