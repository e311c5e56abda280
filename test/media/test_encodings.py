"""Row A14: every encoding that ordinary cameras publish gives the right colours, without ROS."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from support.encoded_images import (
    BLOCK_PX,
    EVERY_ENCODING,
    GREY,
    SIXTEEN_BITS,
    YUV,
    colour_blocks,
    grey_of,
    image_fields,
)
from support.square_bag import TOPIC, image, write_bag

from siammask_ros.media import image_messages
from siammask_ros.media.encodings import ENCODINGS
from siammask_ros.media.frames import open_source
from siammask_ros.media.image_messages import RefusedImage, decode_to_bgr, image_to_bgr

LIMIT_PX = 1000
SIZES = [pytest.param(96, 64, id="even"), pytest.param(95, 63, id="odd")]
BIG_ENDIAN = [name for name in EVERY_ENCODING if "16" in name]


def read(bgr: NDArray[np.uint8], encoding: str, **options: Any) -> NDArray[np.uint8]:
    return image_to_bgr(SimpleNamespace(**image_fields(bgr, encoding, **options)), LIMIT_PX)


def assert_colours(got: NDArray[np.uint8], bgr: NDArray[np.uint8], encoding: str) -> None:
    """Inside of every block of one colour; exactly, but for what YUV rounds."""
    expected = np.repeat(grey_of(bgr)[..., None], 3, axis=2) if encoding in GREY else bgr
    assert (got.shape, got.dtype) == (expected.shape, np.uint8)
    assert not got.flags.writeable
    difference = np.abs(got.astype(int) - expected)
    rows, columns = np.mgrid[: bgr.shape[0], : bgr.shape[1]] % BLOCK_PX
    inside = (rows > 1) & (rows < BLOCK_PX - 2) & (columns > 1) & (columns < BLOCK_PX - 2)
    assert difference[inside].max() <= (3 if encoding in YUV else 0)
    if not encoding.startswith(("bayer", *YUV)):
        assert difference.max() == 0


def test_a14_every_encoding_has_an_example() -> None:
    assert sorted(EVERY_ENCODING) == sorted(ENCODINGS)


@pytest.mark.parametrize("encoding", EVERY_ENCODING)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a14_every_encoding_gives_the_right_colours(encoding: str, width: int, height: int) -> None:
    bgr = colour_blocks(width, height)
    assert_colours(read(bgr, encoding), bgr, encoding)


@pytest.mark.parametrize("encoding", BIG_ENDIAN)
def test_a14_big_endian_gives_the_same_image(encoding: str) -> None:
    bgr = colour_blocks(95, 63)
    assert np.array_equal(read(bgr, encoding, is_bigendian=True), read(bgr, encoding))


@pytest.mark.parametrize("encoding", EVERY_ENCODING)
@pytest.mark.parametrize("padding", [1, 2, 64])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a14_padded_rows_give_the_same_image(
    encoding: str, padding: int, width: int, height: int
) -> None:
    bgr = colour_blocks(width, height)
    assert np.array_equal(read(bgr, encoding, padding=padding), read(bgr, encoding))


@pytest.mark.parametrize("encoding", EVERY_ENCODING)
def test_a14_another_amount_of_data_is_refused(encoding: str) -> None:
    fields = image_fields(colour_blocks(32, 24), encoding)
    for wrong in ({"data": fields["data"][:-1]}, {"step": fields["step"] - 1}, {"height": 25}):
        with pytest.raises(RefusedImage):
            image_to_bgr(SimpleNamespace(**{**fields, **wrong}), LIMIT_PX)


@pytest.mark.parametrize("encoding", EVERY_ENCODING)
@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 5), (5, 1), (2, 2)])
def test_a14_the_smallest_images_have_their_size(encoding: str, width: int, height: int) -> None:
    assert read(colour_blocks(width, height), encoding).shape == (height, width, 3)


def test_a14_bags_are_read_in_every_encoding(tmp_path: Path) -> None:
    bgr = colour_blocks(96, 64)
    for encoding in EVERY_ENCODING:
        message = image(0, **image_fields(bgr, encoding, padding=3))
        (frame,) = open_source(write_bag(tmp_path / encoding, {TOPIC: [message]}))
        assert_colours(frame.image_bgr, bgr, encoding)


def test_what_an_encoding_without_colours_is_taken_for_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    image_messages._warn_once.cache_clear()
    for _ in range(3):
        for encoding in ("8UC1", "8UC3", "16UC1", "bgr8"):
            read(colour_blocks(32, 24), encoding)
    said = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert said == [
        f"encoding {name} does not say what its numbers are: read as {taken_for}"
        for name, taken_for in (("8UC1", "mono8"), ("8UC3", "bgr8"), ("16UC1", "mono16"))
    ]


@pytest.mark.parametrize("encoding", SIXTEEN_BITS)
def test_a_sixteen_bit_image_is_a_copy_that_keeps_the_message(encoding: str) -> None:
    fields = image_fields(colour_blocks(32, 24), encoding)
    before = fields["data"].copy()
    image_to_bgr(SimpleNamespace(**fields), LIMIT_PX)
    assert np.array_equal(fields["data"], before)


WEBP = {
    "lossy": [cv2.IMWRITE_WEBP_QUALITY, 90],
    "lossless": [cv2.IMWRITE_WEBP_QUALITY, 101],
}


@pytest.mark.parametrize("kind", WEBP)
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_webp_is_read_and_its_size_known_from_the_header(
    kind: str, channels: int, width: int, height: int
) -> None:
    bgr = colour_blocks(width, height)
    pixels = bgr if channels == 3 else cv2.cvtColor(bgr, cv2.COLOR_BGR2BGRA)
    if channels == 4:
        pixels[: height // 2, :, 3] = 128
    data = cv2.imencode(".webp", pixels, WEBP[kind])[1].ravel()
    got = decode_to_bgr(SimpleNamespace(data=data), LIMIT_PX)
    assert got.shape == bgr.shape
    assert np.abs(got.astype(int) - bgr).mean() < 12
    with pytest.raises(RefusedImage, match=f"image is {width}×{height} px"):
        decode_to_bgr(SimpleNamespace(data=data), min(width, height) - 1)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.6, 0.95])
def test_a_cut_webp_is_refused(share: float) -> None:
    data = cv2.imencode(".webp", colour_blocks(96, 64))[1].ravel()
    with pytest.raises(RefusedImage):
        decode_to_bgr(SimpleNamespace(data=data[: int(len(data) * share)]), LIMIT_PX)
