"""Trains the classifier of src/ml/builtin_smn.h and writes its weights.

Usage: train.py WORK [--judge] [--export FILE] [--folds]
  --folds   leave groups of sources out in turn and report the accuracy on them
  --judge   report on WORK/judge.*, which takes no part in the training
  --export  write the weights as C++
"""

import argparse
import hashlib

import numpy as np

N_HEAD = 4  # clip, block, level, active fraction
CLASSES = ("speech", "music", "noise")


N_VALUES = 141  # kClipFeatureCount of dsp/clip_features.h


def read_windows(path):
    return np.fromfile(path, np.float32).reshape(-1, N_HEAD + N_VALUES)


def load_training(work):
    xs, ys, groups, clips, levels = [], [], [], [], []
    base, part = 0, 0
    while True:
        try:
            table = [line.rstrip("\n").split("\t") for line in open(f"{work}/clips_{part}.tsv", encoding="utf-8")]
        except FileNotFoundError:
            break
        windows = read_windows(f"{work}/clips_{part}.f32")
        clip = windows[:, 0].astype(int)
        keep = clip < len(table)
        windows, clip = windows[keep], clip[keep]
        xs.append(windows[:, N_HEAD:])
        ys.append(np.array([int(table[c][0]) for c in clip]))
        groups.append(np.array([table[c][1] for c in clip]))
        clips.append(clip + base)
        levels.append(windows[:, 2])
        base += len(table)
        part += 1
    x, y, group, clip, level = map(np.concatenate, (xs, ys, groups, clips, levels))
    top = np.full(clip.max() + 1, -999.0)
    np.maximum.at(top, clip, level)
    audible = level > top[clip] - 35
    return x[audible], y[audible], group[audible], clip[audible]


class Network:
    """Standardise, clip to ±4, dense, relu, dense, relu, dense, softmax."""

    def __init__(self, rng, sizes):
        self.w = [rng.standard_normal((a, b)).astype(np.float32) * np.sqrt(2 / a) for a, b in zip(sizes, sizes[1:])]
        self.b = [np.zeros(b, np.float32) for b in sizes[1:]]

    def scale(self, x):
        return np.clip((x - self.mean) / self.deviation, -4, 4)

    def forward(self, h, rng=None, dropout=0.0):
        self.inputs, self.masks = [], []
        for i, (w, b) in enumerate(zip(self.w, self.b)):
            self.inputs.append(h)
            h = h @ w + b
            if i + 1 < len(self.w):
                h = np.maximum(h, 0)
                if rng is not None:
                    mask = (rng.random(h.shape) > dropout).astype(np.float32) / (1 - dropout)
                    self.masks.append(mask)
                    h = h * mask
        h = h - h.max(axis=1, keepdims=True)
        e = np.exp(h)
        return e / e.sum(axis=1, keepdims=True)

    def probabilities(self, x):
        return self.forward(self.scale(x))


def train(x, y, group, clip, seed=0, sizes=(48, 24), epochs=14, decay=3e-4, dropout=0.25, jitter=0.15, smooth=0.06, rate=2e-3):
    rng = np.random.default_rng(seed)
    net = Network(rng, (x.shape[1], *sizes, 3))
    net.mean, net.deviation = x.mean(axis=0), x.std(axis=0) + 1e-3
    z = net.scale(x).astype(np.float32)
    weight = np.ones(len(y), np.float32)  # Each class the same weight; long clips count by their root.
    _, inverse, counts = np.unique(clip, return_inverse=True, return_counts=True)
    weight /= np.sqrt(counts[inverse])
    for c in range(3):
        weight[y == c] /= weight[y == c].sum()
    weight *= len(y) / 3
    target = np.full((len(y), 3), smooth / 3, np.float32)
    target[np.arange(len(y)), y] += 1 - smooth
    state = [[np.zeros_like(p), np.zeros_like(p)] for p in net.w + net.b]
    step, batch = 0, 256
    total = epochs * (len(y) // batch)
    for _ in range(epochs):
        order = rng.permutation(len(y))
        for a in range(0, len(y) - batch + 1, batch):
            i = order[a:a + batch]
            h = z[i] + jitter * rng.standard_normal((batch, z.shape[1]), np.float32)
            g = (net.forward(h, rng, dropout) - target[i]) * weight[i][:, None] / batch
            grads_w, grads_b = [None] * len(net.w), [None] * len(net.b)
            for layer in reversed(range(len(net.w))):
                grads_w[layer] = net.inputs[layer].T @ g + decay * net.w[layer]
                grads_b[layer] = g.sum(axis=0)
                if layer:
                    g = (g @ net.w[layer].T) * net.masks[layer - 1] * (net.inputs[layer] > 0)
            step += 1
            lr = rate * 0.5 * (1 + np.cos(np.pi * step / total))
            for p, grad, s in zip(net.w + net.b, grads_w + grads_b, state):
                s[0] += 0.1 * (grad - s[0])
                s[1] += 0.001 * (grad * grad - s[1])
                p -= lr * (s[0] / (1 - 0.9 ** step)) / (np.sqrt(s[1] / (1 - 0.999 ** step)) + 1e-8)
    return net


def balanced(y, p):
    return np.mean([np.mean(p[y == c] == c) for c in range(3) if (y == c).any()])


def by_clip(windows_clip, probabilities, levels=None):
    """The label of each clip: the class with the highest mean log probability over its audible windows."""
    n = windows_clip.max() + 1
    total = np.zeros((n, 3))
    use = np.ones(len(windows_clip), bool)
    if levels is not None:
        top = np.full(n, -999.0)
        np.maximum.at(top, windows_clip, levels)
        use = levels > top[windows_clip] - 35
    np.add.at(total, windows_clip[use], np.log(probabilities[use] + 0.02))
    return total.argmax(axis=1)


def folds(x, y, group, clip, n=5, **options):
    names = np.unique(group)
    scores = {}
    for fold in range(n):
        out = {g for g in names if int(hashlib.sha256(g.encode()).hexdigest(), 16) % n == fold}
        test = np.array([g in out for g in group])
        net = train(x[~test], y[~test], group[~test], clip[~test], **options)
        p = net.probabilities(x[test])
        _, local = np.unique(clip[test], return_inverse=True)
        label = by_clip(local, p)
        first = np.unique(local, return_index=True)[1]
        for c, g, got in zip(y[test][first], group[test][first], label):
            scores.setdefault((int(c), g), []).append(got == c)
    for key in sorted(scores):
        print(f"  left out {CLASSES[key[0]]:6s} {key[1]:36s} {np.mean(scores[key]):.3f} of {len(scores[key])}")
    print("  balanced over classes, left-out sources:", np.mean([np.mean(np.concatenate([v for k, v in scores.items() if k[0] == c])) for c in range(3)]).round(4))


def judge(work, net):
    table = [line.rstrip("\n").split("\t") for line in open(f"{work}/judge.tsv", encoding="utf-8")]
    windows = read_windows(f"{work}/judge.f32")
    clip = windows[:, 0].astype(int)
    p = sum(n.probabilities(windows[:, N_HEAD:]) for n in net) / len(net)
    got = by_clip(clip, p, windows[:, 2])
    y = np.array([int(t[0]) for t in table])
    source, variant, half = (np.array([t[i] for t in table]) for i in (1, 2, 3))
    core = np.array([s.startswith(("esc10", "fsdd", "speech", "music")) for s in source])
    for h in ("even", "odd"):
        for v in ("whole", "first2s", "padded", "looped", "joined"):
            m = (half == h) & (variant == v) & core
            if m.any():
                print(f"{h:5s} {v:8s} balanced {balanced(y[m], got[m]):.3f}  per class",
                      [f"{np.mean(got[m & (y == c)] == c):.3f}/{np.sum(m & (y == c))}" for c in range(3) if (m & (y == c)).any()])
    for s in np.unique(source):
        line = f"{s:24s}"
        for h in ("even", "odd"):
            m = (half == h) & (variant == "whole") & (source == s)
            if m.any():
                line += f"  {h} {np.mean(got[m] == y[m]):.2f} of {m.sum():3d} " + str(np.bincount(got[m], minlength=3))
        print(line)
    return got, table


def export(net, path):
    """The weights as C++, four significant digits each."""
    parts = [net.mean, 1 / net.deviation]
    for w, b in zip(net.w, net.b):
        parts += [w.ravel(), b]
    values = np.concatenate([np.asarray(p, np.float32) for p in parts])
    lines, line = [], "   "
    for v in values:
        word = f" {v:.4g}"
        word += ("" if any(c in word for c in ".e") else ".") + "F,"
        if len(line) + len(word) > 100:
            lines.append(line)
            line = "   "
        line += word
    lines.append(line)
    with open(path, "w", encoding="utf-8") as f:
        f.write("// Written by tools/train_smn/train.py; do not edit.\n"
                "// clang-format off\n"
                '#include "ml/builtin_smn_weights.h"\n\n'
                "namespace baleen::ml::builtin_smn_weights {\n\n"
                "const std::array<float, kCount> kValues = {\n" + "\n".join(lines) +
                "\n};\n\n}  // namespace baleen::ml::builtin_smn_weights\n")
    print(f"{len(values)} weights to {path}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work")
    parser.add_argument("--judge", action="store_true")
    parser.add_argument("--folds", action="store_true")
    parser.add_argument("--export")
    options = parser.parse_args()
    x, y, group, clip = load_training(options.work)
    print(f"{len(y)} windows of {len(np.unique(clip))} clips:", np.bincount(y))
    if options.folds:
        folds(x, y, group, clip)
    net = train(x, y, group, clip)
    print("trained: balanced accuracy on its own windows", balanced(y, net.probabilities(x).argmax(axis=1)).round(4))
    if options.judge:
        judge(options.work, [net])
    if options.export:
        export(net, options.export)


if __name__ == "__main__":
    main()
