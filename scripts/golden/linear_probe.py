#!/usr/bin/env python3
"""What scikit-learn makes of the digits of tests/golden/hdbscan, for src/cluster/*probe*_test.cc and classification_test.cc.

usage: linear_probe.py tests/golden/linear_probe"""
import json
import pathlib
import sys
import warnings

import numpy as np
import sklearn
from scipy.stats import beta
from sklearn.calibration import _SigmoidCalibration
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

ROWS = 600
warnings.simplefilter("ignore")


def main():
    folder = pathlib.Path(sys.argv[1])
    digits = np.frombuffer((folder.parent / "hdbscan/digits.u8").read_bytes(), np.uint8).reshape(-1, 64)[:ROWS]
    x = digits.astype(np.float64)
    # Which digit it is was not kept there: those whose middle is dark are the class.
    is_positive = (x[:, 27] + x[:, 28] + x[:, 35] + x[:, 36] > 44).astype(int)
    deviation = x.std(axis=0)
    z = np.where(deviation > 0, (x - x.mean(axis=0)) / np.where(deviation > 0, deviation, 1), 0)
    noise = np.round(1000 * np.sin(np.arange(ROWS) * 12.9898)) / 1000
    cases = {"sklearn": sklearn.__version__, "numpy": np.__version__, "positives": int(is_positive.sum()), "fits": []}
    for c in (0.001, 0.01, 1.0):
        fit = LogisticRegression(C=c, class_weight="balanced", tol=1e-10, max_iter=100_000).fit(z, is_positive)
        scores = fit.decision_function(z)
        # Ties and mistakes, as real scores have them.
        rough = np.round(scores + 3 * noise, 1)
        platt = _SigmoidCalibration().fit(rough, is_positive)
        cases["fits"].append({
            "c": c, "offset": float(fit.intercept_[0]), "weights": [round(float(w), 8) for w in fit.coef_[0]],
            "rough": [float(s) for s in rough],
            "average_precision": float(average_precision_score(is_positive, rough)),
            "roc_auc": float(roc_auc_score(is_positive, rough)),
            # Its sigmoid is 1 / (1 + exp(a·score + b)).
            "platt_slope": -float(platt.a_), "platt_offset": -float(platt.b_)})
    cases["intervals"] = []
    for right, n in ((0, 1), (1, 1), (5, 5), (9, 10), (45, 50), (0, 20), (180, 200), (999, 1000), (50_000, 100_000)):
        low = 0.0 if right == 0 else float(beta.ppf(0.025, right, n - right + 1))
        high = 1.0 if right == n else float(beta.ppf(0.975, right + 1, n - right))
        cases["intervals"].append([right, n, low, high])
    (folder / "cases.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
