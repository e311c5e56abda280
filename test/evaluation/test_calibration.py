"""Pictures to calibrate on, and the crops that are made of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from siammask_ros.errors import DataError
from siammask_ros.evaluation.calibration import SHIPPED, make_crop_pairs, read_images
from siammask_ros.model.variants import VARIANTS


def test_pictures_are_shipped_and_small() -> None:
    assert len(read_images(SHIPPED)) == 8
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 400_000


@pytest.mark.parametrize("content", ["nothing", "no folder", "a text"])
def test_a_folder_without_pictures_is_refused(tmp_path: Path, content: str) -> None:
    if content == "a text":
        (tmp_path / "notes.txt").write_text("no picture")
    folder = tmp_path / "missing" if content == "no folder" else tmp_path
    with pytest.raises(DataError, match=r"contains no images; expected a folder of \.bmp"):
        read_images(folder)


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8 nothing more")
    with pytest.raises(DataError, match=r"a\.jpg cannot be decoded"):
        read_images(tmp_path)


@pytest.mark.parametrize("size", [(8, 8), (30, 400), (720, 1280)], ids=str)
def test_crops_have_the_networks_sizes_and_are_the_same_each_time(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    variant = VARIANTS["lite"]
    pairs, again = (make_crop_pairs([picture, picture], variant, 5) for _ in range(2))
    assert len(pairs) == 5
    for (template, search), (same_template, same_search) in zip(pairs, again, strict=True):
        assert template.shape == (127, 127, 3) and search.shape == (255, 255, 3)
        assert np.array_equal(template, same_template) and np.array_equal(search, same_search)


def test_pictures_take_turns() -> None:
    black, white = (np.full((200, 300, 3), grey, np.uint8) for grey in (0, 255))
    greys = [
        template.mean() for template, _ in make_crop_pairs([black, white], VARIANTS["lite"], 4)
    ]
    assert greys == [0, 255, 0, 255]
    assert cv2.imread(str(next(SHIPPED.glob("*.jpg")))).shape == (360, 640, 3)
