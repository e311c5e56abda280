"""The statistics on numbers whose result is known, and their way to JSON and back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support.benchmark_numbers import benchmark, cell

from siammask_ros.errors import DataError
from siammask_ros.evaluation.speed.measures import (
    Result,
    Timing,
    benchmark_as_json,
    benchmark_from_json,
    stages_share,
)
from siammask_ros.evaluation.speed.timed_runner import Cell


def test_no_step_has_no_timing() -> None:
    with pytest.raises(ValueError, match="at least one step"):
        Timing.of([])


def test_timing_of_a_hundred_and_one_steps_is_read_off_them() -> None:
    shuffled = np.random.default_rng(0).permutation(101).astype(float)
    timing = Timing.of(list(shuffled))
    assert timing == Timing(101, 50.0, 95.0, 99.0)
    assert timing.steps_per_s == 20.0


def test_one_slow_step_does_not_move_the_median() -> None:
    timing = Timing.of([10.0, 10.0, 10.0, 10.0, 1000.0])
    assert timing.median_ms == 10.0
    assert timing.p95_ms == pytest.approx(802.0)
    assert timing.p99_ms == pytest.approx(960.4)


def test_shares_are_of_the_medians_and_sum_to_one() -> None:
    shares = stages_share({"crop": [1.0, 1.0, 90.0], "network": [8.0, 8.0, 8.0], "mask": [1.0] * 3})
    assert shares == pytest.approx({"crop": 0.1, "network": 0.8, "mask": 0.1})


@pytest.mark.parametrize("stages_ms", [{}, {"crop": [0.0]}], ids=["none", "no time"])
def test_no_time_has_no_shares(stages_ms: dict[str, list[float]]) -> None:
    assert stages_share(stages_ms) == {}


def test_ratio_to_the_reference_counts_every_target() -> None:
    assert cell(median_ms=50.0, reference_ms=200.0).times_reference == 4.0
    assert cell(targets=8, median_ms=100.0, reference_ms=200.0).times_reference == 16.0


def test_first_step_is_told_in_medians() -> None:
    assert cell(median_ms=50.0, first_ms=75.0).first_to_median == 1.5


def test_a_cell_is_found_by_what_it_is() -> None:
    result = Result("lite", "eager", "fp32", cells=(cell(), cell(targets=8)))
    found = result.at(Cell(8, "480p"))
    assert found is not None
    assert found.targets == 8
    assert result.at(Cell(8, "4k")) is None


def test_json_holds_all_of_it_and_what_can_be_computed() -> None:
    before = benchmark()
    content = json.loads(json.dumps(benchmark_as_json(before)))
    assert benchmark_from_json(content) == before
    row = content["results"][0]["cells"][0]
    assert row["timing"]["median_ms"] == 200.0
    assert row["frames_per_s"] == 5.0
    assert row["times_reference"] == 1.0


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content.pop("machine"),
        lambda content: content["results"][0].pop("cells"),
        lambda content: content["results"][0]["cells"][0].pop("timing"),
        lambda content: content["results"][0]["cells"][0].update(timing=3),
        lambda content: content.update(results=None),
    ],
    ids=["no machine", "no cells", "no timing", "timing a number", "no results"],
)
def test_other_json_is_refused(damage: object) -> None:
    content = benchmark_as_json(benchmark())
    damage(content)  # type: ignore[operator]
    with pytest.raises(DataError, match=r"expected a bench\.json"):
        benchmark_from_json(content)


def test_json_that_is_no_object_is_refused() -> None:
    with pytest.raises(DataError, match=r"expected a bench\.json"):
        benchmark_from_json([])
