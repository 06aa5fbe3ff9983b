"""Procedural noise: weather, machines, fire, knocks, and the voices of animals. float32 at 22050 Hz."""

import numpy as np

RATE = 22050


def filter_fft(x, gain_of_hz):
    """`x` with the magnitude response gain_of_hz(frequencies) applied."""
    n = len(x)
    size = 1 << (n - 1).bit_length()
    spectrum = np.fft.rfft(x, size)
    return np.fft.irfft(spectrum * gain_of_hz(np.fft.rfftfreq(size, 1 / RATE)), size)[:n].astype(np.float32)


def coloured(rng, n, slope_db_per_octave):
    return filter_fft(rng.standard_normal(n), lambda f: (np.maximum(f, 40) / 1000) ** (slope_db_per_octave / 6.02))


def band(x, low, high, order=2):
    return filter_fft(x, lambda f: 1 / np.sqrt((1 + (low / np.maximum(f, 1)) ** (2 * order)) * (1 + (f / high) ** (2 * order))))


def slow_curve(rng, n, points_per_second):
    """A random curve in 0 to 1."""
    count = max(2, int(n / RATE * points_per_second) + 2)
    return np.interp(np.linspace(0, count - 1, n), np.arange(count), rng.random(count))


def rain(rng, n):
    x = coloured(rng, n, rng.uniform(-4, 3)) * 0.3
    drops = np.zeros(n)
    count = int(n / RATE * 10 ** rng.uniform(0.5, 3))
    drops[rng.integers(0, n, count)] = rng.exponential(1, count)
    decay = np.exp(-np.arange(400) / rng.uniform(5, 80)) * np.cos(np.arange(400) * rng.uniform(0.3, 2.5))
    return x + np.convolve(drops, decay)[:n] * rng.uniform(0.1, 1.5)


def waves(rng, n):
    period = rng.uniform(0.08, 0.4)
    swell = (0.5 + 0.5 * np.sin(2 * np.pi * period * np.arange(n) / RATE + rng.uniform(0, 6))) ** rng.uniform(1, 4)
    swell = swell * (0.4 + 0.6 * slow_curve(rng, n, 1))
    low = coloured(rng, n, -6)
    high = coloured(rng, n, rng.uniform(-3, 1))
    return low * (0.3 + swell) + high * swell ** 2 * rng.uniform(0.3, 1.5)


def wind(rng, n):
    x = coloured(rng, n, rng.uniform(-9, -3)) * (0.2 + slow_curve(rng, n, rng.uniform(0.5, 4)))
    if rng.random() < 0.5:  # A whistle that wanders.
        hz = 300 + 900 * slow_curve(rng, n, 2)
        x += 0.3 * np.sin(2 * np.pi * np.cumsum(hz) / RATE) * slow_curve(rng, n, 3) * band(rng.standard_normal(n), 1, 30)
    return x


def pulse_train(rng, n, hz_curve, shape, jitter=0.02):
    """`shape` once per period of the curve."""
    phase = np.cumsum(hz_curve * (1 + jitter * rng.standard_normal(n) * 3) / RATE)
    at = np.nonzero(np.diff(np.floor(phase)) > 0)[0]
    x = np.zeros(n)
    x[at] = 1 + 0.3 * rng.standard_normal(len(at))
    return np.convolve(x, shape)[:n]


def burst_shape(rng, seconds, slope, low, high):
    n = int(seconds * RATE)
    return band(coloured(rng, max(n, 64), slope), low, high) * np.exp(-np.arange(max(n, 64)) / (seconds * RATE / 4))


def rotor(rng, n):
    """Helicopter: thumps at 8 to 28 Hz over a turbine's hiss and whine."""
    hz = rng.uniform(8, 28) * (1 + 0.1 * (slow_curve(rng, n, 0.5) - 0.5))
    thump = burst_shape(rng, rng.uniform(0.03, 0.12), -6, 30, rng.uniform(200, 3000))
    x = pulse_train(rng, n, hz, thump, 0.01)
    hiss = coloured(rng, n, rng.uniform(-6, 0))
    if rng.random() < 0.5:  # The blades chop the hiss.
        hiss *= 1 + rng.uniform(0.3, 1) * np.sin(2 * np.pi * np.cumsum(hz) / RATE)
    fade = slow_curve(rng, n, 0.4) if rng.random() < 0.5 else 1
    x = x / (x.std() + 1e-9) * rng.uniform(0.3, 1) + hiss / hiss.std() * rng.uniform(0.1, 1)
    if rng.random() < 0.5:
        x += motor(rng, n, 80, 500) * rng.uniform(0.1, 0.7)
    return x * (0.3 + fade)


def motor(rng, n, low=50, high=350):
    """A motor with clear harmonics: speed glides, revs and sags; resonances of the casing."""
    speed = 0.7 + 0.6 * slow_curve(rng, n, 10 ** rng.uniform(-0.7, 0.7))
    flutter = 1 + rng.uniform(0.002, 0.03) * (slow_curve(rng, n, rng.uniform(8, 30)) - 0.5)
    hz = rng.uniform(low, high) * speed * flutter
    phase = 2 * np.pi * np.cumsum(hz) / RATE
    centres = [(rng.uniform(200, 6000), rng.uniform(100, 1200), rng.uniform(0.3, 1)) for _ in range(4)]
    tilt = rng.uniform(0.2, 1.2)
    x = np.zeros(n)
    for k in range(1, 50):
        if k * hz.min() > 9000:
            break
        colour = 0.15 + sum(g / (1 + ((k * hz - c) / w) ** 2) for c, w, g in centres)
        x += np.where(k * hz < 10000, np.sin(k * phase + rng.uniform(0, 6)) * colour / k ** tilt, 0) * rng.uniform(0.2, 1)
    x /= x.std() + 1e-9
    rough = coloured(rng, n, rng.uniform(-5, 3))
    rough = rough / rough.std() * (1 + rng.uniform(0, 1) * np.sin(phase))
    return x + rough * rng.uniform(0.1, 1.2)


def engine(rng, n, low=25, high=160):
    """Motors, from idling to chain saws: a rough pulse train with a wandering speed."""
    hz = rng.uniform(low, high) * (0.7 + 0.6 * slow_curve(rng, n, rng.uniform(0.3, 3)))
    shape = burst_shape(rng, rng.uniform(0.004, 0.02), rng.uniform(-6, 0), 40, rng.uniform(1500, 9000))
    x = pulse_train(rng, n, hz, shape, rng.uniform(0.005, 0.05))
    return x / (x.std() + 1e-9) + coloured(rng, n, rng.uniform(-4, 3)) * rng.uniform(0.05, 0.8)


def chainsaw(rng, n):
    x = engine(rng, n, 60, 260) if rng.random() < 0.4 else motor(rng, n)
    load = slow_curve(rng, n, 10 ** rng.uniform(-0.5, 0.6))
    cut = coloured(rng, n, rng.uniform(-2, 4))
    return x * (0.4 + load) + cut / cut.std() * load * rng.uniform(0.1, 0.8)


def ticks(rng, n):
    """Clocks, clicks and footsteps: short knocks, regular or not, over faint or loud noise."""
    period = 10 ** rng.uniform(-0.9, 0.1)
    regular = rng.random() < 0.7
    x = np.zeros(n + RATE)
    t = rng.uniform(0, period)
    shapes = [knock(rng) for _ in range(rng.integers(1, 3))]
    echo, echo_gain = int(rng.uniform(0.004, 0.08) * RATE), rng.uniform(0, 0.6) * (rng.random() < 0.6)
    i = 0
    while t * RATE < n:
        s = shapes[i % len(shapes)] * rng.uniform(0.8, 1)
        a = int(t * RATE)
        x[a:a + len(s)] += s
        x[a + echo:a + echo + len(s)] += s * echo_gain  # A movement answers its own click.
        t += period * (rng.normal(1, 0.01) if regular else rng.uniform(0.3, 2.2))
        i += 1
    x = x[:n] / (np.abs(x).max() + 1e-9)
    floor = coloured(rng, n, rng.uniform(-8, 3))
    return x + floor / floor.std() * 10 ** rng.uniform(-4, -1)


def knock(rng):
    n = int(rng.uniform(0.01, 0.25) * RATE)
    t = np.arange(n) / RATE
    x = rng.standard_normal(n) * np.exp(-t * 10 ** rng.uniform(1.8, 3)) * rng.uniform(0.2, 2)
    low = 10 ** rng.uniform(1.9, 3.5)
    for _ in range(rng.integers(0, 6)):
        x += rng.uniform(0.2, 1) * np.sin(2 * np.pi * rng.uniform(low, 8000) * t + rng.uniform(0, 6)) * np.exp(-t * 10 ** rng.uniform(1.7, 2.8))
    return x * np.minimum(1, np.linspace(10, 0, n))


def crackle(rng, n):
    x = coloured(rng, n, rng.uniform(-9, -3)) * 10 ** rng.uniform(-2, -0.5)
    for _ in range(int(n / RATE * 10 ** rng.uniform(0.5, 1.8))):
        m = int(rng.uniform(0.001, 0.03) * RATE) + 8
        a = rng.integers(0, n)
        s = rng.standard_normal(m) * np.exp(-np.arange(m) / m * 5) * rng.exponential(1)
        x[a:a + m] += s[:n - a]
    return x


def voice_call(rng, seconds, hz_points, roughness, breath, formants=None):
    """A harmonic call whose pitch follows hz_points: barks, crowing, crying, whales, birds."""
    n = int(seconds * RATE)
    hz = np.interp(np.linspace(0, 1, n), np.linspace(0, 1, len(hz_points)), hz_points)
    hz = hz * (1 + roughness * 0.15 * (slow_curve(rng, n, 60) - 0.5) + 0.01 * np.sin(2 * np.pi * rng.uniform(4, 9) * np.arange(n) / RATE))
    phase = 2 * np.pi * np.cumsum(hz) / RATE
    x = np.zeros(n)
    tilt = rng.uniform(0.3, 1.8)
    for k in range(1, 40):
        if k * min(hz_points) > RATE / 2.2:
            break
        x += np.where(k * hz < RATE / 2.2, np.sin(k * phase + rng.uniform(0, 6)) / k ** tilt, 0)
    x = x / (x.std() + 1e-9) + breath * rng.standard_normal(n)
    if roughness > 0.5:
        x = x * (0.6 + 0.8 * slow_curve(rng, n, rng.uniform(40, 150)))
    centres = formants or [(rng.uniform(500, 1800), rng.uniform(200, 800)), (rng.uniform(1500, 4500), rng.uniform(400, 1500))]
    x = filter_fft(x, lambda f: sum(1 / (1 + ((f - c) / w) ** 2) for c, w in centres) + 0.05)
    attack, release = rng.uniform(0.01, 0.1), rng.uniform(0.05, 0.5)
    envelope = np.minimum(1, np.linspace(0, 1 / attack, n)) * np.minimum(1, np.linspace(1 / release, 0, n))
    return x * envelope


def place(rng, n, make, count, gap, background=True):
    """Calls one after another with gaps; often digital silence or faint noise between them."""
    x = np.zeros(n)
    a = int(rng.uniform(0, 0.4) * RATE)
    for _ in range(count):
        s = make()
        if a >= n:
            break
        x[a:a + len(s)] += s[:n - a] * rng.uniform(0.5, 1)
        a += len(s) + int(gap() * RATE)
    if background and rng.random() < 0.6:
        x += coloured(rng, n, rng.uniform(-8, 0)) * 10 ** rng.uniform(-4, -1) * np.abs(x).max()
    return x


def bark(rng, n):
    base, count = rng.uniform(180, 900), rng.integers(1, 6)
    shape = [0.7, rng.uniform(1.1, 1.6), rng.uniform(0.5, 1.0)]
    length = rng.uniform(0.08, 0.35)
    formants = [(rng.uniform(500, 1400), rng.uniform(150, 500)), (rng.uniform(1200, 3000), rng.uniform(300, 900))]
    pause = rng.uniform(0.1, 1.2)
    return place(rng, n, lambda: voice_call(rng, length, [base * s * rng.uniform(0.9, 1.1) for s in shape], rng.uniform(0.5, 2), rng.uniform(0.3, 1.5), formants),
                 count, lambda: pause * rng.uniform(0.6, 1.5))


def crow(rng, n):
    base = rng.uniform(350, 1100)
    make = lambda: np.concatenate([voice_call(rng, rng.uniform(0.12, 0.9), base * np.array([0.8, 1.2, 1.25, 1.0, 0.7]) * rng.uniform(0.8, 1.2), rng.uniform(0, 1), rng.uniform(0.05, 0.5))
                                   for _ in range(rng.integers(1, 5))])
    return place(rng, n, make, rng.integers(1, 3), lambda: rng.uniform(0.2, 1.5))


def rooster(rng, n):
    """Three short syllables and a long one that sags."""
    def make():
        base, rough, breath = rng.uniform(380, 1000), rng.uniform(0, 0.8), rng.uniform(0.03, 0.5)
        formants = [(rng.uniform(700, 1600), rng.uniform(200, 700)), (rng.uniform(1800, 4000), rng.uniform(400, 1500))]
        parts = []
        for _ in range(rng.integers(1, 4)):
            top = rng.uniform(0.8, 1.15)
            parts.append(voice_call(rng, rng.uniform(0.1, 0.35), base * top * np.array([0.85, 1, 0.95]), rough, breath, formants))
            parts.append(np.zeros(int(rng.uniform(0, 0.1) * RATE)))
        long = base * rng.uniform(1, 1.3) * np.array([0.8, 1, 1.02, 1, 0.95, rng.uniform(0.5, 0.9)])
        parts.append(voice_call(rng, rng.uniform(0.4, 1.6), long, rough, breath, formants))
        return np.concatenate(parts)
    return place(rng, n, make, rng.integers(1, 4), lambda: rng.uniform(0.5, 2))


def cry(rng, n):
    """A baby: wails of 0.4 to 1.5 s that rise and sag, with gasps between."""
    base = rng.uniform(280, 620)
    formants = [(rng.uniform(800, 1500), rng.uniform(200, 500)), (rng.uniform(2200, 4500), rng.uniform(400, 1200))]
    rough = rng.uniform(0, 1.5)

    def make():
        hz = base * rng.uniform(0.85, 1.25) * np.array([0.75, 1.1, 1.15, rng.uniform(0.9, 1.2), 1.05, 0.7])
        wail = voice_call(rng, rng.uniform(0.35, 1.6), hz, rough * rng.uniform(0.5, 1), rng.uniform(0.02, 0.5), formants)
        gasp = band(rng.standard_normal(int(rng.uniform(0.08, 0.3) * RATE)), 400, 5000)
        gasp *= np.hanning(len(gasp)) * rng.uniform(0, 0.3) * wail.std() / gasp.std() * 2
        return np.concatenate([wail, np.zeros(int(rng.uniform(0, 0.1) * RATE)), gasp])
    return place(rng, n, make, 8, lambda: rng.uniform(0.02, 0.5))


def sneeze(rng, n):
    """Breath in (voiced or not), a blast of hiss, and often a voiced tail."""
    vowel = [(rng.uniform(450, 900), 120), (rng.uniform(900, 1900), 200), (rng.uniform(2200, 3200), 300)]
    pitch = rng.uniform(110, 380)
    habit = rng.random(3)

    def make():
        parts = []
        if habit[0] < 0.7:
            for _ in range(rng.integers(1, 4)):
                inhale = band(rng.standard_normal(int(rng.uniform(0.1, 0.45) * RATE)), rng.uniform(300, 900), rng.uniform(2500, 6000))
                inhale *= np.hanning(len(inhale)) * rng.uniform(0.03, 0.3) / inhale.std()
                if habit[1] < 0.5:
                    voiced = voice_call(rng, len(inhale) / RATE, pitch * np.array([1, 1.2, 1.5]), 0.8, 0.8, vowel)
                    inhale[:len(voiced)] += voiced / (voiced.std() + 1e-9) * rng.uniform(0.03, 0.3)
                parts += [inhale, np.zeros(int(rng.uniform(0, 0.2) * RATE))]
        blast = band(rng.standard_normal(int(rng.uniform(0.08, 0.4) * RATE)), rng.uniform(200, 2500), rng.uniform(4500, 10000))
        t = np.linspace(0, 1, len(blast))
        blast *= np.minimum(1, t * rng.uniform(5, 60)) * np.exp(-t * rng.uniform(1, 5)) / blast.std()
        tail = voice_call(rng, rng.uniform(0.1, 0.45), pitch * np.array([1.6, 1.3, 0.8]) * rng.uniform(0.8, 1.3), rng.uniform(0.3, 1.5), rng.uniform(0.3, 1.5), vowel)
        tail = tail / (tail.std() + 1e-9) * np.exp(-np.linspace(0, rng.uniform(1, 5), len(tail)))
        if habit[2] < 0.7:  # The voice starts within the blast.
            lead = int(rng.uniform(0, 1) * len(blast))
            whole = np.zeros(max(len(blast), lead + len(tail)))
            whole[:len(blast)] += blast
            whole[lead:lead + len(tail)] += tail * rng.uniform(0.1, 1.2)
            blast = whole
        return np.concatenate(parts + [blast * rng.uniform(0.8, 1.2)])
    return place(rng, n, make, rng.integers(1, 4), lambda: rng.uniform(0.1, 1.5))


def whale(rng, n):
    make = lambda: voice_call(rng, rng.uniform(0.3, 2.0), rng.uniform(150, 1800) * np.exp(np.cumsum(rng.normal(0, 0.35, rng.integers(2, 6)))).clip(0.4, 3), rng.uniform(0, 1), rng.uniform(0, 0.2))
    x = place(rng, n, make, rng.integers(1, 5), lambda: rng.uniform(0.1, 1.5), False)
    return x / (np.abs(x).max() + 1e-9) + coloured(rng, n, rng.uniform(-6, 0)) * 10 ** rng.uniform(-2.5, -0.3)


def birds(rng, n):
    x = coloured(rng, n, rng.uniform(-6, 0)) * 10 ** rng.uniform(-3, -1)
    for _ in range(rng.integers(1, 4)):
        centre, length = rng.uniform(1500, 7000), rng.uniform(0.04, 0.3)
        points = centre * np.exp(rng.normal(0, 0.25, rng.integers(2, 6)))
        for start in np.cumsum(rng.uniform(0.08, rng.uniform(0.2, 1.2), 12)):
            a, m = int(start * RATE), int(length * RATE)
            if a + m >= n:
                break
            hz = np.interp(np.linspace(0, 1, m), np.linspace(0, 1, len(points)), points)
            x[a:a + m] += np.sin(2 * np.pi * np.cumsum(hz) / RATE) * np.hanning(m) * rng.uniform(0.3, 1)
    return x


def insects(rng, n):
    hz = rng.uniform(2500, 8000)
    gate = (np.sin(2 * np.pi * rng.uniform(8, 60) * np.arange(n) / RATE) > rng.uniform(-0.5, 0.7)).astype(float)
    x = np.sin(2 * np.pi * np.cumsum(hz * (1 + 0.02 * rng.standard_normal(n))) / RATE) * gate
    return x * (0.3 + slow_curve(rng, n, 2)) + coloured(rng, n, -3) * rng.uniform(0.05, 0.5)


def hum(rng, n):
    base = rng.choice([50, 60, 100, 120]) * rng.uniform(0.95, 1.6)
    t = np.arange(n) / RATE
    x = sum(np.sin(2 * np.pi * base * k * t + rng.uniform(0, 6)) / k ** rng.uniform(0.5, 2) for k in range(1, 12))
    return x + coloured(rng, n, rng.uniform(-6, 0)) * rng.uniform(0.2, 2)


def bubbling(rng, n):
    x = coloured(rng, n, rng.uniform(-4, 0)) * rng.uniform(0.02, 0.5)
    for _ in range(int(n / RATE * rng.uniform(5, 80))):
        m = int(rng.uniform(0.01, 0.06) * RATE)
        a, hz = rng.integers(0, max(1, n - m)), rng.uniform(300, 3000)
        t = np.arange(m) / RATE
        x[a:a + m] += (np.sin(2 * np.pi * (hz * t + hz * 4 * t * t)) * np.exp(-t * 80) * rng.exponential(0.5))[:n - a]
    return x


def plain(rng, n):
    x = coloured(rng, n, rng.uniform(-9, 6))
    return x * (0.3 + slow_curve(rng, n, rng.uniform(0.3, 6))) if rng.random() < 0.5 else x


MAKERS = [rain, waves, wind, rotor, rotor, rotor, engine, motor, motor, chainsaw, chainsaw, ticks, ticks, ticks, ticks, crackle,
          bark, bark, crow, crow, rooster, rooster, rooster, cry, cry, cry, sneeze, sneeze, sneeze, whale, whale, birds, insects, hum, bubbling, plain]


def make(rng, seconds):
    maker = MAKERS[rng.integers(len(MAKERS))]
    x = np.asarray(maker(rng, int(seconds * RATE)), np.float32)
    return x, "synth/" + maker.__name__
