"""Which frames the sheet of best and worst moments shows, and that it shows them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from support.blobs import truth, write_davis
from support.box_videos import write_numbered

from siammask_ros.errors import DataError
from siammask_ros.evaluation.benchmarks.best_and_worst_frames import (
    draw_compared_boxes,
    draw_compared_masks,
    draw_frame_grid,
    find_best_and_worst,
)
from siammask_ros.evaluation.benchmarks.box.sequences import box_sequences
from siammask_ros.evaluation.benchmarks.davis.sequences import davis_sequences
from siammask_ros.media.drawing import colour_of

WAVE = [round(float(np.sin(n / 40 * 2 * np.pi)), 6) for n in range(40)]
CASES = {
    "one value": ([0.5], ([0], [0])),
    "fewer than asked for": ([0.1, 0.9], ([1, 0], [0, 1])),
    "equal values": ([0.5] * 4, ([0, 1, 2], [0, 1, 2])),
    "short: neighbours are taken": ([0.1, 0.2, 0.3, 0.4, 0.5], ([4, 3, 2], [0, 1, 2])),
    "long: neighbours are not": (WAVE, ([10, 6, 14], [30, 26, 34])),
}


@pytest.mark.parametrize(("values", "expected"), CASES.values(), ids=CASES)
def test_best_and_worst(values: list[float], expected: tuple[list[int], list[int]]) -> None:
    assert find_best_and_worst(values) == expected


def test_no_frame_that_counts_is_no_moment() -> None:
    assert find_best_and_worst([]) == ([], [])


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    """A sequence of two objects, and as a tracker's masks only the second one of them."""
    write_davis(tmp_path, "two", 2, coloured=True)
    folder = tmp_path / "masks" / "two"
    folder.mkdir(parents=True)
    labels = truth(3, 2)
    cv2.imwrite(str(folder / "00003.png"), np.where(labels == 2, labels, 0))
    return tmp_path / "masks"


def test_masks_are_tinted_and_the_truth_outlined(masks: Path) -> None:
    (sequence,) = davis_sequences(masks.parent, 2017)
    shown = draw_compared_masks(sequence, 3, masks)
    assert shown.shape == (360, 480, 3)
    plain = cv2.resize(sequence.image(3), (480, 360), interpolation=cv2.INTER_LINEAR)
    labels = cv2.resize(truth(3, 2), (480, 360), interpolation=cv2.INTER_NEAREST)
    inside = {
        label: cv2.erode((labels == label).astype(np.uint8), np.ones((9, 9))) > 0
        for label in (1, 2)
    }
    assert np.array_equal(shown[inside[1]], plain[inside[1]]), "not found, so not tinted"
    tint = np.mean(shown[inside[2]], axis=0) - 0.45 * np.mean(plain[inside[2]], axis=0)
    assert tint == pytest.approx(0.55 * np.array(colour_of("2")), abs=2)
    border = (labels == 1) & ~inside[1]
    assert shown[border].min(axis=1).max() > 200, "a white line around what was not found"


def test_a_mask_that_is_gone_is_named(masks: Path) -> None:
    (sequence,) = davis_sequences(masks.parent, 2017)
    with pytest.raises(DataError, match=r"00004\.png cannot be read back"):
        draw_compared_masks(sequence, 4, masks)


def test_boxes_are_drawn_on_the_small_picture(tmp_path: Path) -> None:
    write_numbered(tmp_path, "grey", ["20,20,20,20", "40,40,30,20", "NaN,NaN,NaN,NaN"])
    (sequence,) = box_sequences(tmp_path)
    assert sequence.counted == [1]
    shown = draw_compared_boxes(sequence, 1, (10.0, 10.0, 20.0, 10.0))
    # 100 px a side become 480.
    assert tuple(shown[192, 250]) == (255, 255, 255), "the true box's upper side"
    assert tuple(shown[48, 100]) == colour_of("1"), "the box_tracker's"
    absent = draw_compared_boxes(sequence, 2, (10.0, 10.0, 20.0, 10.0))
    assert not (absent == 255).all(axis=2).any(), "nothing true to draw"


def test_a_row_that_is_short_is_filled_up() -> None:
    white = np.full((90, 120, 3), 255, np.uint8)
    sheet = draw_frame_grid([([white] * 4, ["a", "b", "c", "d"]), ([white] * 2, ["e", "f"])])
    assert sheet.shape[0] == pytest.approx(180, abs=2)
    assert sheet.shape[1] == pytest.approx(480, abs=4)
    assert sheet[-10:, :240].min() == 255
    assert sheet[-10:, 250:360].max() == 0
