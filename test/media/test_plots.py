"""Plots: a readable picture comes out, and it depends on the numbers."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from siammask_ros.media.plots import (
    Curves,
    _smooth,
    measure_over_time,
    plot_curves,
    plot_latency,
    plot_training,
)


def read(path: Path) -> np.ndarray:
    image = cv2.imread(str(path))
    assert image is not None
    return image


def test_latency_picture_shows_the_numbers(tmp_path: Path) -> None:
    network = [20.0, 21.0, 60.0, 20.0]
    for name, scale in (("a", 1.0), ("b", 2.0)):
        ages = [scale * value + 3 for value in network]
        plot_latency(tmp_path / f"{name}.png", {"network": network, "mask": [2.0] * 4}, ages)
    a, b = read(tmp_path / "a.png"), read(tmp_path / "b.png")
    assert min(a.shape[:2]) > 300
    assert a.shape != b.shape or not np.array_equal(a, b)


@pytest.mark.parametrize("count", [1, 5, 30])
def test_measure_over_time_takes_any_number_of_series(tmp_path: Path, count: int) -> None:
    series = {f"sequence {i}": [0.2, 0.5, 0.9] for i in range(count)}
    measure_over_time(tmp_path / "new" / "j.png", series, "J")
    assert read(tmp_path / "new" / "j.png").shape[0] > 150 * ((count + 2) // 3)


def test_training_curve_skips_what_is_not_finite(tmp_path: Path) -> None:
    plot_training(tmp_path / "curve.png", [0, 1, 2], {"loss": [3.0, float("nan"), 1.0]})
    assert read(tmp_path / "curve.png").std() > 1


def test_smoothing_is_the_mean_of_the_last_values() -> None:
    values = [4.0, float("nan"), 2.0, 6.0, 1.0]
    assert _smooth(values, 3).tolist() == [4.0, 4.0, 3.0, 4.0, 3.0]
    assert _smooth(values, 10)[-1] == pytest.approx(13 / 4)
    assert np.isnan(_smooth([float("nan")], 3)[0])


def test_curves_are_drawn_side_by_side(tmp_path: Path) -> None:
    half = Curves("a", "x", [0, 1, 2], {"one": [1.0, 0.5, 0.0]}, marked=(1, 2))
    both = Curves("b", "x", [0, 1, 2], {"one": [1.0, 0.5, 0.0], "two": [1.0, float("nan"), 0.9]})
    plot_curves(tmp_path / "one.png", [half])
    plot_curves(tmp_path / "two.png", [half, both])
    one, two = read(tmp_path / "one.png"), read(tmp_path / "two.png")
    assert one.std() > 1
    assert two.shape[1] > 1.8 * one.shape[1]


def test_no_numbers_are_refused(tmp_path: Path) -> None:
    for call in (
        lambda: plot_latency(tmp_path / "x.png", {}, []),
        lambda: measure_over_time(tmp_path / "x.png", {}, "J"),
        lambda: plot_training(tmp_path / "x.png", [], {}),
        lambda: plot_curves(tmp_path / "x.png", []),
    ):
        with pytest.raises(ValueError, match="at least one"):
            call()
