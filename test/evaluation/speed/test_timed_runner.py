"""A timed runner in this process and in its own: what it counts, and how it reports failures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.blobs import write_davis
from support.fake_engine import FakeEngine
from support.runner_openers import OpenTroubled, break_down, open_fake, refuse

from siammask_ros.evaluation.speed.runner_process import (
    RunnerError,
    RunnerOpener,
    RunnerProcess,
    peak_memory_mb,
)
from siammask_ros.evaluation.speed.runners import TrackerRunner
from siammask_ros.evaluation.speed.scene import IMAGES, make_moving_squares
from siammask_ros.evaluation.speed.timed_runner import Cell, TimedRunner
from siammask_ros.tracker.config import find_preset
from siammask_ros.tracker.tracker import Tracker

PATIENCE_S = 60.0


class TickingClock:
    """Every look at it is a tenth of a second later."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self) -> float:
        self.looks += 1
        return self.looks / 10


def make_timed_runner(engine: FakeEngine, clock: Callable[[], float]) -> TimedRunner:
    return TimedRunner(TrackerRunner(Tracker(engine, find_preset("lite"))), clock)


def test_a_block_has_the_steps_asked_for_and_one_that_does_not_count() -> None:
    engine = FakeEngine()
    block = make_timed_runner(engine, TickingClock()).block(Cell(2, "480p"), 0.0, 3)
    assert block.step_ms == pytest.approx([100.0] * 3)
    assert engine.batches == [2] * 4
    assert set(block.stages_ms) == {"crop", "network", "select", "mask"}
    assert {len(values) for values in block.stages_ms.values()} == {3}


def test_a_block_goes_on_until_its_time_is_up() -> None:
    # Three looks a step: before, after, and whether there is time left.
    block = make_timed_runner(FakeEngine(), TickingClock()).block(Cell(), 1.0, 1)
    assert len(block.step_ms) == 4


def test_every_step_starts_where_the_targets_truly_were() -> None:
    tracker = Tracker(FakeEngine(), find_preset("lite"))
    seen: list[tuple[float, ...]] = []

    class Watching(Tracker):
        def step(self, image, states, clock=None):  # type: ignore[no-untyped-def]
            seen.append(states[0].center_in_image)
            return super().step(image, states, clock)

    step = TrackerRunner(Watching(tracker.engine, tracker.config)).prepare(
        make_moving_squares("480p", 1)
    )
    for number in range(2 * IMAGES):
        step(number)
    boxes = [boxes[0] for boxes in make_moving_squares("480p", 1).boxes]
    before = [(boxes[number - 1].x, boxes[number - 1].y) for number in range(IMAGES)]
    assert seen == before * 2


def test_a_score_near_zero_does_not_spare_the_mask() -> None:
    class Blind(FakeEngine):
        def _scores(self, match: np.ndarray) -> np.ndarray:
            return super()._scores(match) * 1e-3

    masked = []

    class Watching(Tracker):
        def step(self, image, states, clock=None):  # type: ignore[no-untyped-def]
            results, states = super().step(image, states, clock)
            masked.append(results[0].mask is not None)
            return results, states

    runner = TrackerRunner(Watching(Blind(), find_preset("lite")))
    runner.prepare(make_moving_squares("480p", 1))(1)
    assert masked == [True]


def test_peak_memory_is_that_of_this_process() -> None:
    before = peak_memory_mb()
    block = np.ones(64 * 2**20, np.uint8)
    assert block.sum() == block.size
    assert peak_memory_mb() > 60
    assert peak_memory_mb() >= before


def test_a_process_measures_and_judges(tmp_path: Path) -> None:
    write_davis(tmp_path, "one", 1)
    with RunnerProcess(open_fake, PATIENCE_S) as timed_runner:
        assert (timed_runner.engine, timed_runner.precision, timed_runner.device) == (
            "fake",
            "fp32",
            "cpu",
        )
        assert timed_runner.first_result_s > 0
        assert timed_runner.first_ms(Cell(3, "480p")) > 0
        assert len(timed_runner.block(Cell(3, "480p"), 0.0, 2).step_ms) == 2
        process_mb, device_mb = timed_runner.memory_mb()
        assert process_mb > 10
        assert device_mb == 12.0
        (j,) = timed_runner.mean_j(str(tmp_path), "one", str(tmp_path / "masks"))
        assert 0.5 < j <= 1
        with pytest.raises(RunnerError, match="no sequence 'none'"):
            timed_runner.mean_j(str(tmp_path), "none", str(tmp_path / "masks"))
        assert len(timed_runner.block(Cell(), 0.0, 1).step_ms) == 1, "a refusal does not end it"
    assert not timed_runner._process.is_alive()


@pytest.mark.parametrize(
    ("opener", "words"),
    [
        (refuse, "engine fake is not installed; run: nothing"),
        (break_down, "ZeroDivisionError: a bug"),
        (OpenTroubled("die", 0), "ended while opening, exit code 9"),
    ],
    ids=["refuses", "breaks", "dies"],
)
def test_an_opening_that_fails_is_told_in_a_line(opener: RunnerOpener, words: str) -> None:
    with pytest.raises(RunnerError) as failure:
        RunnerProcess(opener, PATIENCE_S)
    assert words in str(failure.value)
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize(
    ("trouble", "patience_s", "words"),
    [
        ("raise", PATIENCE_S, "out of memory"),
        ("die", PATIENCE_S, "ended while block, exit code 9"),
        ("hang", 6.0, "block took longer than 6 s"),
    ],
)
def test_a_step_that_fails_is_told_in_a_line(trouble: str, patience_s: float, words: str) -> None:
    timed_runner = RunnerProcess(OpenTroubled(trouble, 3), patience_s)
    with timed_runner, pytest.raises(RunnerError, match=words):
        timed_runner.block(Cell(), 0.0, 5)
    assert not timed_runner._process.is_alive()


def test_a_process_ends_quietly_when_the_other_side_is_gone(
    capfd: pytest.CaptureFixture[str],
) -> None:
    timed_runner = RunnerProcess(open_fake, PATIENCE_S)
    timed_runner._connection.send(("block", (Cell(), 0.3, 1)))
    timed_runner._connection.close()
    timed_runner._process.join(PATIENCE_S)
    assert timed_runner._process.exitcode == 0
    assert capfd.readouterr().err == ""


def test_before_a_first_step_everything_is_prepared_that_so_many_targets_need() -> None:
    engine = FakeEngine()
    make_timed_runner(engine, TickingClock()).first_ms(Cell(4, "480p"))
    *warm_up, first = engine.sides_px
    assert first == [159] * 4
    assert {(len(sides), *set(sides)) for sides in warm_up} == {
        *((1, 255), (2, 255), (4, 255), (4, 159))
    }
