"""Which kinds a video has, by hand-made masks, and the means over them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from siammask_ros.evaluation.benchmarks.confidence.kinds import (
    find_kinds,
    kind_figures,
    kinds_table,
)
from siammask_ros.evaluation.benchmarks.confidence.tracked_states import TrackedFrame
from siammask_ros.evaluation.benchmarks.object_classes import (
    class_of_label,
    class_of_video,
    group_of_class,
)
from siammask_ros.tracker.targets import Status


@dataclass
class Rectangle:
    """A rectangle of an image of 200×100 px that moves by ``step_px`` a frame.

    Every second frame shows only its lower left triangle if it ``deforms``; the second frame shows
    nothing.
    """

    name: str
    side_px: int = 40
    step_px: int = 0
    deforms: bool = False

    def __len__(self) -> int:
        return 6

    def frame(self, number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        mask = np.zeros((100, 200), np.uint8)
        left = 5 + number * self.step_px
        shape = np.ones((self.side_px, self.side_px), np.uint8)
        if number != 1:
            mask[10 : 10 + self.side_px, left : left + self.side_px] = (
                np.tril(shape) if self.deforms and number % 2 else shape
            )
        return np.zeros((100, 200, 3), np.uint8), mask


@pytest.mark.parametrize(
    ("video", "expected"),
    [
        (Rectangle("hike"), ["person"]),
        (Rectangle("cows", side_px=19), ["animal", "small"]),
        (Rectangle("cows", side_px=21), ["animal"]),
        (Rectangle("car-turn", step_px=4), ["vehicle", "fast"]),
        (Rectangle("car-turn", step_px=3), ["vehicle"]),
        (Rectangle("my own", deforms=True), ["other", "deforming"]),
    ],
    ids=["plain", "small", "not small", "fast", "not fast", "deforming"],
)
def test_the_kinds_of_a_video(video: Rectangle, expected: list[str]) -> None:
    assert find_kinds([video]) == {video.name: expected}


def test_objects_of_one_video_are_each_others_distractors() -> None:
    videos = [Rectangle("walk/1"), Rectangle("walk/2"), Rectangle("hike")]
    kinds = find_kinds(videos)
    assert ["with distractors" in kinds[video.name] for video in videos] == [True, True, False]


def test_the_means_of_a_kind_are_over_its_videos() -> None:
    frames = [
        TrackedFrame("a", 0.8, Status.TRACKING, 0.9, 1.0),
        TrackedFrame("a", 0.4, Status.TRACKING, 0.5, 1.0),
        TrackedFrame("b", 0.1, Status.TRACKING, 0.1, 1.0),
        TrackedFrame("c", 0.7, Status.TRACKING, 0.7, 1.0),
    ]
    rows = kind_figures(
        frames, {"a": ["person", "small"], "b": ["person"], "c": ["vehicle", "small"]}
    )
    assert [(row.kind, row.videos) for row in rows] == [("person", 2), ("vehicle", 1), ("small", 2)]
    assert [row.mean_j for row in rows] == pytest.approx([0.35, 0.7, 0.65])
    assert [row.mean_j_never_lost for row in rows] == pytest.approx([0.4, 0.7, 0.7])
    assert kinds_table(rows).splitlines()[1].split() == ["person", "2", "0.350", "0.400"]


@pytest.mark.parametrize(
    ("video", "expected"),
    [
        ("blackswan", "bird"),
        ("davis2017_train_schoolgirls/3", "person"),
        ("car-turn", "car"),
        ("my own", ""),
    ],
)
def test_the_class_of_a_known_video(video: str, expected: str) -> None:
    assert class_of_video(video) == expected


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("voc-1", "aeroplane"),
        ("voc-7", "car"),
        ("voc-15", "person"),
        ("voc-20", "screen"),
        ("coco-1", "person"),
        ("coco-3", "car"),
        ("coco-16", "bird"),
        ("cats", "cat"),
        ("", ""),
        ("voc-21", ""),
    ],
)
def test_the_class_of_a_label(label: str, expected: str) -> None:
    assert class_of_label(label) == expected


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("person", "person"),
        ("bird", "animal"),
        ("boat", "vehicle"),
        ("sofa", "other"),
        ("", "other"),
    ],
)
def test_the_group_of_a_class(label: str, expected: str) -> None:
    assert group_of_class(label) == expected
