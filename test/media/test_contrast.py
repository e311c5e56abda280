"""Row A15: 16-bit images that use little of their range are stretched, slowly and said once."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from support.encoded_images import grey_of, image_fields
from support.moving_square import picture
from support.square_bag import TOPIC, compressed_image, image, write_bag

from siammask_ros.errors import DataError
from siammask_ros.media.contrast import ContrastStretch
from siammask_ros.media.frames import open_source, read_image

DARK, SPAN = 7200, 700


def thermal(index: int) -> NDArray[np.uint16]:
    """ImageArray ``index`` as a 14-bit thermal camera gives it: 7200 to 7900 of 65535."""
    grey = grey_of(picture(index)).astype(float)
    return np.rint(DARK + SPAN * grey / 161).astype(np.uint16)


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelno == logging.WARNING]


def test_a15_a_narrow_range_is_stretched_to_eight_bits_and_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stretch = ContrastStretch()
    for index in range(5):
        pixels = stretch.to_8bit(thermal(index))
        assert pixels.dtype == np.uint8
        assert np.unique(pixels).size > 30
        assert (pixels.min(), pixels.max()) == (0, 255)
        expected = (thermal(index) - float(DARK)) * 255 / SPAN
        assert np.abs(pixels - expected).mean() < 5
    (said,) = warnings_in(caplog)
    assert said.startswith("16-bit images use 1.")
    assert said.endswith("stretched to 8 bits")


@pytest.mark.parametrize("channels", [1, 3])
def test_a15_an_image_that_uses_the_whole_range_keeps_its_levels(
    channels: int, caplog: pytest.LogCaptureFixture
) -> None:
    levels = np.arange(256, dtype=np.uint16).reshape(16, 16, 1).repeat(channels, axis=2)
    assert np.array_equal(ContrastStretch().to_8bit(levels * 257), levels)
    assert not warnings_in(caplog)


def test_a15_the_colours_of_an_image_are_stretched_alike() -> None:
    bgr = (picture(0).astype(np.uint16) + 100) * 16
    pixels = ContrastStretch().to_8bit(bgr).astype(float)
    slopes = [np.polyfit(bgr[..., c].ravel(), pixels[..., c].ravel(), 1)[0] for c in range(3)]
    assert np.ptp(slopes) < 0.1 * np.mean(slopes)


def test_a15_what_becomes_hot_changes_the_rest_slowly() -> None:
    stretch = ContrastStretch()
    background = thermal(0)
    corner = np.s_[200:, :60]
    levels = [float(stretch.to_8bit(background)[corner].mean())]
    hot = background.copy()
    hot[20:60, 20:60] = DARK + 10 * SPAN
    for _ in range(200):
        pixels = stretch.to_8bit(hot)
        levels.append(float(pixels[corner].mean()))
        assert pixels[40, 40] == 255
    steps = np.abs(np.diff(levels))
    assert steps.max() < 8, "from one image to the next"
    assert levels[-1] < levels[0] / 5, "and yet all of it in the end"


def test_a15_a_change_of_gain_is_taken_up_at_once() -> None:
    stretch = ContrastStretch()
    before = stretch.to_8bit(thermal(0))
    after = stretch.to_8bit(thermal(0) + 3000)
    assert np.array_equal(before, after)


@pytest.mark.parametrize("level", [0, 7000, 65535])
def test_a15_an_image_of_one_level_is_not_noise(level: int) -> None:
    noise = np.random.default_rng(0).integers(0, 2, (240, 320))
    pixels = ContrastStretch().to_8bit(np.minimum(level + noise, 65535).astype(np.uint16))
    assert np.ptp(pixels) <= 4


@pytest.mark.parametrize("shape", [(1, 1), (4, 1), (1, 4), (1, 1, 4), (4, 4, 3)])
def test_a15_the_smallest_images_keep_their_shape(shape: tuple[int, ...]) -> None:
    assert ContrastStretch().to_8bit(np.full(shape, 7000, np.uint16)).shape == shape


def sources(folder: Path) -> dict[str, Any]:
    """Thermal images as a bag, as a bag of PNG, and as a folder of PNG."""
    messages = [
        image(
            index,
            **{**image_fields(picture(0), "mono16"), "data": thermal(index).view(np.uint8).ravel()},
        )
        for index in range(3)
    ]
    pngs = folder / "pngs"
    pngs.mkdir()
    for index in range(3):
        cv2.imwrite(str(pngs / f"{index}.png"), thermal(index))
    encoded = [cv2.imencode(".png", thermal(index))[1].ravel() for index in range(3)]
    compressed = [compressed_image(index) for index in range(3)]
    for each, data in zip(compressed, encoded, strict=True):
        each.data = data
    return {
        "bag": write_bag(folder / "bag", {TOPIC: messages}),
        "compressed bag": write_bag(folder / "compressed", {TOPIC: compressed}),
        "folder": pngs,
    }


@pytest.mark.parametrize("kind", ["bag", "compressed bag", "folder"])
def test_a15_every_source_stretches_and_gives_the_same_images_again(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    source = open_source(sources(tmp_path)[kind])
    caplog.clear()
    frames = [frame.image_bgr for frame in source]
    assert len(warnings_in(caplog)) == 1
    stretch = ContrastStretch()
    for index, got in enumerate(frames):
        # Files are decoded to three equal channels.
        channels = 1 if kind == "bag" else 3
        expected = stretch.to_8bit(np.repeat(thermal(index)[..., None], channels, axis=2))
        assert np.array_equal(got, np.broadcast_to(expected, got.shape))
    assert all(np.array_equal(a.image_bgr, b) for a, b in zip(source, frames, strict=True))


def test_a_picture_of_floats_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "0.tiff"
    cv2.imwrite(str(path), np.full((20, 30), 300.5, np.float32))
    with pytest.raises(DataError, match="cannot be decoded; expected an image of 8 or 16 bits"):
        read_image(path)
