"""A whole benchmark with an engine without a network, small."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.blobs import write_davis
from support.runner_openers import OpenTroubled, open_fake, refuse

from siammask_ros.evaluation.speed.run import BenchmarkEntry, Plan, run
from siammask_ros.evaluation.speed.runner_process import RunnerError, RunnerOpener
from siammask_ros.evaluation.speed.timed_runner import Cell

TINY = Plan(
    targets=(2, 1),
    sizes=("480p", "720p"),
    rounds=2,
    cell_s=0.0,
    least_steps=4,
    reference_s=0.0,
    patience_s=60.0,
)


def entry(opener: RunnerOpener, name: str = "fake", **options: bool) -> BenchmarkEntry:
    return BenchmarkEntry("lite", name, "fp32", opener, "by a test", **options)


def test_every_cell_is_measured_in_every_round() -> None:
    told: list[tuple[str, float]] = []
    entries = [entry(open_fake), entry(open_fake, "single", takes_many=False)]
    many, single = run(TINY, entries, open_fake, lambda *progress: told.append(progress))
    assert [cell.cell for cell in many.cells] == [Cell(1), Cell(2), Cell(1, "720p")]
    assert [cell.cell for cell in single.cells] == [Cell(1), Cell(1, "720p")]
    for result in (many, single):
        assert (result.engine, result.precision, result.device) == ("fake", "fp32", "cpu")
        assert result.note == "by a test"
        assert result.failure == ""
        assert result.mean_j is None
        assert result.first_result_s > 0
        for cell in result.cells:
            assert cell.timing.steps == 4
            assert 0 < cell.timing.median_ms <= cell.timing.p95_ms <= cell.timing.p99_ms
            assert sum(cell.stages_share.values()) == pytest.approx(1)
            assert cell.reference_ms > 0
            assert cell.first_ms > 0
            assert cell.peak_memory_mb > 10
            assert cell.device_memory_mb == 12.0
    for name in ("lite fake fp32", "lite single fp32"):
        assert sum(share for who, share in told if who == name) == pytest.approx(1)


def test_accuracy_is_the_mean_over_the_sequences(tmp_path: Path) -> None:
    for name in ("one", "other"):
        write_davis(tmp_path, name, 1)
    plan = Plan(
        (1,), ("480p",), 1, 0.0, 1, 0.0, 60.0, 60.0, str(tmp_path), ("one", "other"), str(tmp_path)
    )
    entries = [entry(open_fake, measures_accuracy=True), entry(open_fake)]
    judged, other = run(plan, entries, open_fake)
    assert judged.mean_j is not None
    assert 0.5 < judged.mean_j <= 1
    assert other.mean_j is None


def test_one_that_fails_says_why_and_the_next_is_measured() -> None:
    entries = [
        entry(refuse, "refuses"),
        entry(OpenTroubled("die", 8), "dies"),
        entry(open_fake),
    ]
    refuses, dies, good = run(TINY, entries, open_fake)
    assert (refuses.engine, refuses.cells) == ("refuses", ())
    assert "not installed" in refuses.failure
    assert "exit code 9" in dies.failure
    # The first answer, three first steps, a block of three: it died in the second block.
    assert [cell.cell for cell in dies.cells] == [Cell(1)]
    assert good.failure == ""
    assert len(good.cells) == 3


def test_nobody_begins_who_could_not_end_before_the_deadline() -> None:
    looks = iter([0.0, 0.0, 60.0, 60.0])
    plan = replace(TINY, targets=(1,), sizes=("480p",), deadline_s=100.0)
    entries = [entry(open_fake), entry(OpenTroubled("die", 0), "late")]
    first, late = run(plan, entries, open_fake, clock=lambda: next(looks))
    assert first.failure == ""
    assert late.cells == ()
    assert late.failure == "no time left of 100 s"


def test_without_the_reference_there_is_no_benchmark() -> None:
    with pytest.raises(RunnerError, match="not installed"):
        run(TINY, [entry(open_fake)], refuse)
