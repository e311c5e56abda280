"""Statistics of a measure over the frames of a sequence, as the DAVIS benchmark defines them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RECALL_ABOVE = 0.5


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure over time: its mean, the share of frames above 0.5, and what it loses."""

    mean: float
    recall: float
    decay: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Measure:
        """Of one object's values a frame; the decay is first quarter minus last.

        Quarters share their border frame, as in the benchmark's own code.
        """
        series = np.asarray(values, np.float64)
        borders = np.round(np.linspace(1, len(series), 5) + 1e-10).astype(int) - 1
        first = series[borders[0] : borders[1] + 1]
        last = series[borders[3] : borders[4] + 1]
        recall = float((series > RECALL_ABOVE).mean())
        return cls(float(series.mean()), recall, float(first.mean() - last.mean()))

    @classmethod
    def mean_of(cls, measures: Sequence[Measure]) -> Measure:
        """The mean over objects."""
        rows = np.array([(m.mean, m.recall, m.decay) for m in measures])
        return cls(*(float(value) for value in rows.mean(axis=0)))
