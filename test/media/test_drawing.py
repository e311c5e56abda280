"""What a person sees: tint on the mask only, boxes by state, sheets."""

from __future__ import annotations

import numpy as np
import pytest

from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.geometry.outlines import find_contours
from siammask_ros.media.drawing import (
    PALETTE_BGR,
    DrawnTarget,
    colour_of,
    contact_sheet,
    draw_targets,
    evenly_spaced,
)

GREY = np.full((240, 320, 3), 100, np.uint8)


def target(**changes: object) -> DrawnTarget:
    values: dict[str, object] = {
        "target_id": "1",
        "state": "TRACKING",
        "reason": "",
        "score": 0.9,
        "corners_xy": RotatedBox(160, 140, 80, 60, 0.2).corners_xy,
    }
    return DrawnTarget(**{**values, **changes})  # type: ignore[arg-type]


def test_nothing_to_draw_gives_the_same_picture_as_a_copy() -> None:
    drawn = draw_targets(GREY, [])
    assert np.array_equal(drawn, GREY)
    assert drawn is not GREY


def test_drawing_leaves_the_input_alone() -> None:
    image = GREY.copy()
    draw_targets(image, [target(contours=find_contours(np.ones((20, 20), np.uint8)))], "caption")
    assert np.array_equal(image, GREY)


def test_mask_tints_its_own_pixels_and_no_others() -> None:
    mask = np.zeros((40, 50), np.uint8)
    mask[10:30, 10:40] = 1
    nowhere = np.full((4, 2), np.nan)
    contours = find_contours(mask, (100, 80))
    drawn = draw_targets(GREY, [target(corners_xy=nowhere, contours=contours)])
    changed = (drawn != GREY).any(axis=2)
    assert changed[90:110, 110:140].all()
    # The outline is smoothed: it fades out over one pixel.
    changed[89:111, 109:141] = False
    assert not changed.any()


def test_box_is_drawn_where_it_is() -> None:
    corners = RotatedBox(160, 140, 100, 60).corners_xy
    drawn = draw_targets(GREY, [target(corners_xy=corners)])
    colour = np.array(colour_of("1"))
    for edge, (y, x) in {"left": (140, 110), "lower": (170, 160)}.items():
        assert np.abs(drawn[y, x] - colour).max() < 30, edge
    assert tuple(drawn[140, 160]) == (100, 100, 100), "inside"


def test_a_state_that_is_not_tracking_looks_different() -> None:
    looks = {
        state: draw_targets(GREY, [target(state=state, score=float("nan"))])
        for state in ("TRACKING", "UNCERTAIN", "LOST")
    }
    edge = np.s_[105:112, 120:200]
    assert not np.array_equal(looks["TRACKING"][edge], looks["UNCERTAIN"][edge])
    assert not np.array_equal(looks["UNCERTAIN"][edge], looks["LOST"][edge])


@pytest.mark.parametrize(
    "corners",
    [
        np.full((4, 2), np.nan),
        np.full((4, 2), 1e9),
        np.array([[-1e9, -1e9], [1e9, -1e9], [1e9, 1e9], [-1e9, 1e9]]),
        np.zeros((0, 2)),
    ],
    ids=["nan", "far away", "huge", "none"],
)
def test_strange_corners_do_no_harm(corners: np.ndarray) -> None:
    for state in ("TRACKING", "LOST"):
        drawn = draw_targets(GREY, [target(corners_xy=corners, state=state)])
        assert drawn.shape == GREY.shape


def test_colours_of_neighbouring_ids_differ_and_stay() -> None:
    assert len({colour_of(str(number)) for number in range(1, 9)}) == len(PALETTE_BGR)
    assert colour_of("person") == colour_of("person")


@pytest.mark.parametrize(
    ("count", "of", "expected"),
    [(3, 0, []), (3, 1, [0]), (12, 5, [0, 1, 2, 3, 4]), (3, 11, [0, 5, 10])],
)
def test_evenly_spaced(count: int, of: int, expected: list[int]) -> None:
    assert evenly_spaced(count, of) == expected


def test_contact_sheet_holds_every_picture_in_its_cell() -> None:
    images = [np.full((240, 320, 3), 30 * i, np.uint8) for i in range(1, 6)]
    sheet = contact_sheet(images, 2)
    assert sheet.shape[0] > 3 * 240
    assert sheet.shape[1] > 2 * 320
    middles = [sheet[r * 241 + 120, c * 321 + 160, 0] for r in range(3) for c in range(2)]
    assert middles == [30, 60, 90, 120, 150, 0]


def test_contact_sheet_without_pictures_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([], 3)
