"""Area under the ROC curve of a score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def auroc(good: Sequence[float], bad: Sequence[float]) -> float:
    """Return the probability that a good value exceeds a bad one; ties count half.

    NaN where either is empty.
    """
    if not len(good) or not len(bad):
        return float("nan")
    ordered = np.sort(np.asarray(bad, np.float64))
    below = np.searchsorted(ordered, good, "left") + np.searchsorted(ordered, good, "right")
    return float(below.mean() / 2 / len(ordered))
