"""Twenty-nine tracked frames against the authors' code, and the engines against each other."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import pytest
from support.golden_data import golden_arrays, golden_file

from siammask_ros.engines.base import Engine
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.tracker.config import PRESETS
from siammask_ros.tracker.targets import Status, TargetResult, TargetState
from siammask_ros.tracker.tracker import Tracker


class Track(NamedTuple):
    results: list[TargetResult]
    states: list[TargetState]

    @property
    def centers(self) -> np.ndarray:
        return np.array([state.center_in_image for state in self.states])

    @property
    def sizes(self) -> np.ndarray:
        return np.array([state.size for state in self.states])

    def mask(self, index: int) -> np.ndarray:
        region = self.results[index].mask
        assert region is not None
        return region.to_image_mask() > 0


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    return golden_arrays("tennis_davis.npz")


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    files = sorted(golden_file("tennis").glob("*.jpg"))
    assert len(files) == 30
    return [cv2.imread(str(file)) for file in files]


@pytest.fixture(scope="module")
def track(eager: Engine, golden: dict[str, np.ndarray], images: list[np.ndarray]) -> Track:
    return tracked(eager, golden, images)


def tracked(engine: Engine, golden: dict[str, np.ndarray], images: list[np.ndarray]) -> Track:
    tracker = Tracker(engine, PRESETS["davis"])
    box = RotatedBox.from_xywh(tuple(golden["box_xywh"]))
    states = tracker.start(images[0], [box])
    track = Track([], [])
    for image in images[1:]:
        results, states = tracker.step(image, states)
        track.results.extend(results)
        track.states.extend(states)
    return track


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.count_nonzero(one & other) / np.count_nonzero(one | other))


def corner_distance(ours: np.ndarray, golden: np.ndarray) -> float:
    """The largest distance of two corners, whichever comes first and whichever way they go."""
    turns = [np.roll(way, k, axis=0) for way in (ours, ours[::-1]) for k in range(4)]
    return min(float(np.linalg.norm(turn - golden, axis=1).max()) for turn in turns)


def test_the_target_is_tracked_in_every_frame(track: Track) -> None:
    assert [result.status for result in track.results] == [Status.TRACKING] * 29
    assert [result.reason for result in track.results] == [""] * 29


def test_center_and_size_after_the_clamp(track: Track, golden: dict[str, np.ndarray]) -> None:
    assert np.abs(track.centers - golden["center"]).max() < 0.01
    assert np.abs(track.sizes - golden["size"]).max() < 0.01


def test_score(track: Track, golden: dict[str, np.ndarray]) -> None:
    scores = np.array([result.score for result in track.results])
    assert np.abs(scores - golden["score"]).max() < 1e-4


def test_mask(track: Track, golden: dict[str, np.ndarray]) -> None:
    height, width = golden["height_width"]
    masks = np.unpackbits(golden["mask_bits"], axis=-1, count=width).astype(bool)
    assert masks.shape == (29, height, width)
    assert masks.sum(axis=(1, 2)).tolist() == golden["mask_area"].tolist()
    assert min(iou(track.mask(index), mask) for index, mask in enumerate(masks)) > 0.999


def test_rotated_box(track: Track, golden: dict[str, np.ndarray]) -> None:
    distances = [
        corner_distance(result.box.corners_xy, polygon)
        for result, polygon in zip(track.results, golden["polygon"], strict=True)
    ]
    assert max(distances) < 0.5


def test_the_angle_does_not_jump(track: Track) -> None:
    turned = np.diff([state.theta for state in track.states])
    assert np.abs(turned).max() <= np.pi / 4 + 1e-9


def test_c9_engines_agree_on_the_golden_frames(
    track: Track, openvino: Engine, golden: dict[str, np.ndarray], images: list[np.ndarray]
) -> None:
    other = tracked(openvino, golden, images)

    assert np.abs(other.centers - track.centers).max() < 0.5
    assert np.abs(other.sizes - track.sizes).max() < 0.5
    assert min(iou(other.mask(index), track.mask(index)) for index in range(29)) > 0.99
    for ours, theirs in zip(track.results, other.results, strict=True):
        assert corner_distance(theirs.box.corners_xy, ours.box.corners_xy) < 0.5
