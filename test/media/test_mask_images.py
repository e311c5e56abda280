"""Masks as PNG files with a palette: every number comes back, with DAVIS's colours."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from siammask_ros.errors import DataError
from siammask_ros.media.labels import read_labels
from siammask_ros.media.mask_images import MaskImages, encode_palette_png


def test_numbers_come_back_and_the_colours_are_pascal_vocs(tmp_path: Path) -> None:
    # Regions with an inside: numbers at edges only are taken for those of a blended mask.
    labels = np.arange(9 * 7, dtype=np.uint8).reshape(9, 7).repeat(4, axis=0).repeat(4, axis=1)
    MaskImages(tmp_path / "masks").write("00000", labels)
    path = tmp_path / "masks" / "00000.png"
    assert np.array_equal(read_labels(path), labels)
    colours = cv2.imread(str(path))
    assert colours[0, 4].tolist() == [0, 0, 128]
    assert colours[0, 8].tolist() == [0, 128, 0]
    assert colours[0, 12].tolist() == [0, 128, 128]


def test_other_readers_see_the_numbers_themselves(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    labels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    path = tmp_path / "labels.png"
    path.write_bytes(encode_palette_png(labels))
    with image.open(path) as opened:
        assert opened.mode == "P"
        assert np.array_equal(np.asarray(opened), labels)


def test_j2_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(DataError, match="is not empty"):
        MaskImages(tmp_path)
    MaskImages(tmp_path, overwrite=True).write("00000", np.ones((2, 2), np.uint8))
    with pytest.raises(DataError, match="is a file"):
        MaskImages(tmp_path / "mine.txt")
