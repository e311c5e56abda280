"""A climb finds a hill's top, within its budget and ranges, and does not chase noise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.small_data import write_davis

from siammask_ros.cli import main
from siammask_ros.evaluation.tuning import LEAST_GAIN, STEPS, Trial, find_best_trial, hill_climb
from siammask_ros.tracker.config import TrackerConfig

START = TrackerConfig(0.10, 0.50, 0.60, 0.55)
NAMES = list(STEPS)


def hill(top: TrackerConfig, height: float = 1.0):  # type: ignore[no-untyped-def]
    """Trials whose J falls by a tenth a step from ``top``."""

    def try_out(settings: TrackerConfig, changed: str) -> Trial:
        steps = sum(
            abs(getattr(settings, name) - getattr(top, name)) / STEPS[name] for name in NAMES
        )
        return Trial(settings, changed, (0.9 - 0.1 * height * steps,))

    return try_out


@pytest.mark.parametrize(
    "top",
    [
        START,
        replace(START, mask_threshold=0.65),
        replace(START, penalty_k=0.04, window_influence=0.40, size_rate=0.75),
    ],
    ids=["already there", "two steps", "three settings"],
)
def test_the_top_is_found(top: TrackerConfig) -> None:
    best = find_best_trial(hill_climb(hill(top), START, NAMES, 100))
    for name in NAMES:
        assert getattr(best.settings, name) == pytest.approx(getattr(top, name))


def test_no_settings_are_tried_twice_and_not_more_than_asked_for() -> None:
    top = replace(START, mask_threshold=0.90, size_rate=0.0)
    trials = hill_climb(hill(top), START, NAMES, 7)
    assert len(trials) == 7
    assert len({trial.settings for trial in trials}) == 7


def test_only_the_settings_asked_for_change() -> None:
    top = replace(START, mask_threshold=0.65, size_rate=0.75)
    best = find_best_trial(hill_climb(hill(top), START, ["size_rate"], 50)).settings
    assert best == replace(START, size_rate=best.size_rate)
    assert best.size_rate == pytest.approx(0.75)


def test_a_climb_ends_where_a_range_ends() -> None:
    top = replace(START, mask_threshold=1.0)
    best = find_best_trial(hill_climb(hill(top), START, ["mask_threshold"], 50)).settings
    assert best.mask_threshold == pytest.approx(1.0)


def test_a_gain_that_may_be_chance_is_not_followed() -> None:
    top = replace(START, mask_threshold=0.70)
    trials = hill_climb(hill(top, height=9 * LEAST_GAIN), START, NAMES, 50)
    assert find_best_trial(trials) is trials[0]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_davis(tmp_path, "ball")
    write_davis(tmp_path, "other", frames=4)
    monkeypatch.setenv("SIAMMASK_DATA", str(tmp_path))
    path = tmp_path / "own.yaml"
    path.write_text("sources: [davis]\nholdout: [ball, other]\n")
    return path


def test_the_command_tries_and_tells(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    options = ["--parameters", "mask_threshold,size_rate", "--trials", "4", "--out", str(out)]
    assert main(["tune", str(config), *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["changed", "to", "mean", "J", "ball", "other"]
    assert sum("  best" in line for line in lines) == 1
    assert any(line.startswith("best: mask_threshold") for line in lines)
    assert (out / "trials.json").is_file() and (out / "trials.png").is_file()


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("sources: [davis]\n", [], "has no validation videos; expected names under holdout"),
        (
            "holdout: [ball]\nsources: [davis]\n",
            ["--parameters", "speed"],
            "'speed' cannot be tuned",
        ),
    ],
    ids=["no holdout", "unknown setting"],
)
def test_what_cannot_be_tuned_is_refused(
    config: Path, text: str, options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(text)
    assert main(["tune", str(config), *options]) == 2
    assert words in capsys.readouterr().err
