"""Our J and F beside PyPI's vos-benchmark on the same PNGs, where that package is installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.blobs import FRAMES, write_davis
from support.fake_engine import FakeEngine

from siammask_ros.evaluation.benchmarks.davis.measuring import evaluate_sequence
from siammask_ros.evaluation.benchmarks.davis.sequences import Year, davis_sequences
from siammask_ros.tracker.config import find_preset
from siammask_ros.tracker.tracker import Tracker

vos_benchmark = pytest.importorskip(
    "vos_benchmark.benchmark",
    reason="vos-benchmark is not installed: "
    "pip install scikit-image; pip install --no-deps vos-benchmark",
    exc_type=ImportError,
)


@pytest.mark.parametrize(("year", "objects", "labels"), [(2016, 1, [255]), (2017, 2, [1, 2])])
def test_equal_on_the_same_pngs(
    tmp_path: Path, year: Year, objects: int, labels: list[int]
) -> None:
    write_davis(tmp_path, "blobs", objects, coloured=year == 2017)
    masks = tmp_path / "masks"
    (sequence,) = davis_sequences(tmp_path, year)
    tracker = Tracker(FakeEngine(), find_preset("lite"))
    ours = evaluate_sequence(tracker, sequence, masks)
    # The package counts in percent.
    judge = vos_benchmark.VideoEvaluator(str(tmp_path / "Annotations" / "480p"), str(masks))
    _, j, f = judge("blobs")
    assert [result.label for result in ours] == sorted(j) == labels
    for result in ours:
        assert len(result.j) == FRAMES - 2
        assert np.mean(result.j) == pytest.approx(j[result.label] / 100, abs=5e-4)
        assert np.mean(result.f) == pytest.approx(f[result.label] / 100, abs=5e-4)
