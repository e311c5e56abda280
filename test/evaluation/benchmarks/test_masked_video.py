"""Which video can stand for "the target is not here"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from siammask_ros.errors import DataError
from siammask_ros.evaluation.benchmarks.masked_video import choose_other_video


@dataclass
class Named:
    """A video of which only the name counts."""

    name: str

    def __len__(self) -> int:
        return 1

    def frame(self, number: int) -> Any:
        raise AssertionError("no image is needed to choose")


def test_objects_of_the_same_video_are_no_other_video() -> None:
    videos = [Named(name) for name in ("walk/1", "walk/2", "car", "dog", "walk/3")]
    chosen = [choose_other_video(videos, 0, number).name for number in range(4)]
    assert chosen == ["car", "dog", "car", "dog"]
    assert choose_other_video(videos, 2, 0).name == "dog"


def test_a_single_video_has_no_other() -> None:
    with pytest.raises(DataError, match="there is no video beside walk"):
        choose_other_video([Named("walk/1"), Named("walk/2")], 0, 0)
