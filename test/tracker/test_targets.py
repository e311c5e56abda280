"""From a score to a status: hysteresis, and "lost" before "wrong"."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from siammask_ros.tracker.config import PRESETS, TrackerConfig
from siammask_ros.tracker.targets import Status, TargetState, decide_status

T, U, L = Status.TRACKING, Status.UNCERTAIN, Status.LOST
CONFIG = TrackerConfig(tracking_score=0.6, lost_score=0.3, lost_after_frames=3)

HISTORIES = {
    "sure": [(0.9, T), (0.6, T), (1.0, T)],
    "low but seen": [(0.59, U), (0.3, U), (0.3, U), (0.3, U), (0.6, T)],
    "three frames unseen": [(0.29, U), (0.0, U), (0.1, L)],
    "seen in between": [(0.1, U), (0.1, U), (0.4, U), (0.1, U), (0.1, U), (0.1, L)],
    "sure in between": [(0.1, U), (0.1, U), (0.7, T), (0.1, U), (0.1, U), (0.1, L)],
    "lost until it is sure": [(0, U), (0, U), (0, L), (0.3, L), (0.59, L), (0.6, T), (0.59, U)],
    "lost once more": [(0, U), (0, U), (0, L), (0.9, T), (0, U), (0, U), (0, L)],
}


def state(status: Status = T) -> TargetState:
    crop = np.zeros((127, 127, 3), np.uint8)
    return TargetState((50, 40), (20, 10), 0.0, np.zeros(3), None, crop, status)


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_a_history_of_scores(history: list[tuple[float, Status]]) -> None:
    now = state()
    for score, expected in history:
        status, reason, unseen = decide_status(score, now, CONFIG)
        assert status == expected
        assert (reason == "") == (status == T)
        assert f"{score:.2f} below 0.60" in reason or not reason
        # A lost target is not moved, whatever its score.
        assert (unseen == 0) == (status == T or (status == U and score >= 0.3))
        now = replace(now, status=status, reason=reason, frames_unseen=unseen)


@pytest.mark.parametrize("frames", [1, 2, 10])
def test_a_target_is_lost_after_as_many_frames_as_set(frames: int) -> None:
    config = replace(CONFIG, lost_after_frames=frames)
    now, statuses = state(), []
    for _ in range(frames):
        status, _, unseen = decide_status(0.1, now, config)
        statuses.append(status)
        now = replace(now, status=status, frames_unseen=unseen)
    assert statuses == [U] * (frames - 1) + [L]


def test_a_target_lost_by_a_fault_is_taken_back_only_when_it_is_sure() -> None:
    lost = replace(state(L), frames_unseen=1)
    assert decide_status(0.5, lost, CONFIG)[0] == L
    assert decide_status(0.6, lost, CONFIG)[0] == T


@pytest.mark.parametrize("status", [T, U, L])
@pytest.mark.parametrize("name", ["default", "davis", "vot", "vot_ld"])
def test_the_published_settings_never_give_a_target_up(name: str, status: Status) -> None:
    assert decide_status(0.0, state(status), PRESETS[name]) == (T, "", 0)


def test_the_numbers_of_a_status_are_those_of_the_message() -> None:
    assert [int(status) for status in Status] == [1, 2, 3, 4]
    assert [status.name for status in Status] == ["TRACKING", "UNCERTAIN", "LOST", "STALE"]
