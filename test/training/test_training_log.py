"""The log of a training: columns by name, lines of later steps forgotten, curves drawn."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import pytest

from siammask_ros.errors import ConfigError, DataError
from siammask_ros.training.training_log import STEPS, VALIDATIONS, TrainingLog


def test_a_line_keeps_the_order_of_the_columns_that_the_file_has(tmp_path: Path) -> None:
    TrainingLog(tmp_path).add(STEPS, {"step": 1, "loss": 2.5, "skipped": 0})
    TrainingLog(tmp_path).add(STEPS, {"step": 2, "skipped": 1, "loss": 1.5})
    assert (tmp_path / STEPS).read_text().splitlines() == [
        "step,loss,skipped",
        "1,2.5,0",
        "2,1.5,1",
    ]


def test_other_columns_than_the_file_has_are_refused(tmp_path: Path) -> None:
    log = TrainingLog(tmp_path)
    log.add(STEPS, {"step": 1, "loss": 2.5})
    with pytest.raises(DataError, match="step, loss; expected step, score"):
        log.add(STEPS, {"step": 2, "score": 1.5})
    assert len((tmp_path / STEPS).read_text().splitlines()) == 2


def test_lines_of_later_steps_are_forgotten(tmp_path: Path) -> None:
    log = TrainingLog(tmp_path)
    for step in (1, 2, 3):
        log.add(STEPS, {"step": step, "loss": 0.5})
    log.remove_after(2)
    assert (tmp_path / STEPS).read_text().splitlines() == ["step,loss", "1,0.5", "2,0.5"]


def test_a_curve_is_drawn_for_each_file_that_has_lines(tmp_path: Path) -> None:
    log = TrainingLog(tmp_path)
    log.draw()
    assert list(tmp_path.iterdir()) == []
    log.add(VALIDATIONS, {"step": 5, "mask_iou": 0.5, "score_without": float("nan")})
    log.draw()
    assert cv2.imread(str(tmp_path / "validation.png")) is not None
    assert not (tmp_path / "curve.png").exists()


def test_tensorboard_gets_the_same_numbers(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = TrainingLog(tmp_path, tensorboard=True)
    for step in (1, 2):
        log.add(STEPS, {"step": step, "loss": 10.0 / step})
    log.close()
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    told = [(event.step, event.value) for event in events.Scalars("log/loss")]
    assert told == [(1, 10.0), (2, 5.0)]


def test_tensorboard_that_is_missing_is_told_before_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="run: pip install tensorboard"):
        TrainingLog(tmp_path, tensorboard=True)
