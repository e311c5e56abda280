"""Masks as people have them: how objects are numbered, and what is refused in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from support.blobs import palette_bgr

from siammask_ros.errors import DataError
from siammask_ros.media.labels import labels_of, read_labels

SHAPE = (96, 128)


def ellipse(center: tuple[int, int] = (50, 50)) -> NDArray[np.uint8]:
    mask = np.zeros(SHAPE, np.uint8)
    cv2.ellipse(mask, center, (30, 21), 25, 0, 360, 1, cv2.FILLED)
    return mask


def two_objects() -> NDArray[np.uint8]:
    """0, and 1 and 2 beside each other."""
    return ellipse() * np.where(np.arange(SHAPE[1]) < 50, 1, 2).astype(np.uint8)


def read(tmp_path: Path, image: NDArray[np.generic]) -> NDArray[np.int32]:
    path = tmp_path / "mask.png"
    assert cv2.imwrite(str(path), image)
    return read_labels(path)


def read_palette(tmp_path: Path, numbers: NDArray[np.uint8], palette: bytes) -> NDArray[np.int32]:
    image = Image.frombytes("P", (numbers.shape[1], numbers.shape[0]), numbers.tobytes())
    image.putpalette(palette)
    image.save(tmp_path / "mask.png")
    return read_labels(tmp_path / "mask.png")


@pytest.mark.parametrize(
    ("dtype", "first", "second"),
    [
        (np.uint8, 1, 2),
        (np.uint8, 255, 128),
        (np.uint16, 1001, 2025),
        (np.uint16, 256, 512),
        (np.uint16, 1, 65535),
        (np.uint16, 10000, 20000),
    ],
)
def test_grey_levels_are_numbers(
    tmp_path: Path, dtype: type[np.generic], first: int, second: int
) -> None:
    expected = np.array([0, first, second])[two_objects()]
    assert np.array_equal(read(tmp_path, expected.astype(dtype)), expected)


def test_what_kitti_mots_left_open_is_no_object(tmp_path: Path) -> None:
    numbers = np.array([0, 10000, 2025], np.uint16)[two_objects()]
    assert np.array_equal(read(tmp_path, numbers), np.where(numbers == 2025, 2025, 0))


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("value", [1, 7, 255])
def test_equal_channels_are_a_grey_level(tmp_path: Path, channels: int, value: int) -> None:
    mask = np.repeat(ellipse()[..., None] * np.uint8(value), channels, axis=2)
    if channels == 4:
        mask[..., 3] = 255
    assert np.array_equal(read(tmp_path, mask), ellipse().astype(int) * value)


def test_voc_colours_are_their_numbers() -> None:
    numbers = np.arange(256)
    assert np.array_equal(labels_of(palette_bgr()[None])[0], numbers)


def test_other_colours_are_objects_of_their_own(tmp_path: Path) -> None:
    colours = np.array([(0, 0, 0), (0, 0, 255), (0, 0, 230), (10, 30, 20)], np.uint8)
    numbers = two_objects() + 2 * ellipse((100, 60)) * (two_objects() == 0)
    labels = read(tmp_path, colours[numbers + (numbers == 2) * (np.arange(SHAPE[0]) > 50)[:, None]])
    assert len(np.unique(labels)) == 4
    assert np.array_equal(labels > 0, numbers > 0)


@pytest.mark.parametrize("numbers", [two_objects(), ellipse() * np.uint8(7)], ids=["1, 2", "7"])
@pytest.mark.parametrize(
    "palette",
    [
        palette_bgr()[:, ::-1].tobytes(),
        bytes([255, 255, 255, 255, 0, 0, 240, 0, 0, 0, 0, 1, *range(12)]),
        bytes(3) + bytes(range(3, 48)) + bytes(3 * 240),
    ],
    ids=["VOC", "white background, two reds", "ends in blacks"],
)
def test_places_in_a_palette_are_numbers(
    tmp_path: Path, numbers: NDArray[np.uint8], palette: bytes
) -> None:
    # 7 of VOC's palette is (128, 128, 128): equal channels, and no grey level.
    assert np.array_equal(read_palette(tmp_path, numbers, palette), numbers)


def test_thin_objects_of_a_palette_are_no_blended_edges(tmp_path: Path) -> None:
    numbers = np.zeros((40, 40), np.uint8)
    numbers[2:38:4] = np.arange(1, 10)[:, None]  # Lines of one pixel: none has an inside.
    found = read_palette(tmp_path, numbers, palette_bgr()[:, ::-1].tobytes())
    assert np.array_equal(found, numbers)


def test_a_small_object_beside_void_keeps_its_number(tmp_path: Path) -> None:
    numbers = ellipse() * np.uint8(255)
    beside = int(np.flatnonzero(numbers[49])[-1]) + 1
    numbers[48:51, beside : beside + 4] = 1
    assert np.array_equal(
        read_palette(tmp_path, numbers, palette_bgr()[:, ::-1].tobytes()), numbers
    )


def jpeg(quality: int) -> Callable[[NDArray[np.uint8]], NDArray[np.uint8]]:
    def through(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        encoded = cv2.imencode(".jpg", mask, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED), np.uint8)

    return through


def resized(scale: float, kind: int) -> Callable[[NDArray[np.uint8]], NDArray[np.uint8]]:
    def through(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.asarray(cv2.resize(mask, None, fx=scale, fy=scale, interpolation=kind), np.uint8)

    return through


SOFTENED = {
    "JPEG 50": jpeg(50),
    "JPEG 75": jpeg(75),
    "JPEG 95": jpeg(95),
    "JPEG 100": jpeg(100),
    "half as large": resized(0.5, cv2.INTER_AREA),
    "0.77": resized(0.77, cv2.INTER_LINEAR),
    "1.5": resized(1.5, cv2.INTER_CUBIC),
    "twice as large": resized(2, cv2.INTER_LINEAR),
    "JPEG, resized": lambda mask: resized(0.6, cv2.INTER_LINEAR)(jpeg(75)(mask)),
    "three channels": lambda mask: np.repeat(jpeg(75)(mask)[..., None], 3, axis=2),
}


@pytest.mark.parametrize("soften", SOFTENED.values(), ids=SOFTENED)
def test_a_black_and_white_mask_with_grey_edges_is_one_object(
    tmp_path: Path, soften: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
) -> None:
    grey = soften(ellipse() * np.uint8(255))
    assert len(np.unique(grey)) > 2
    labels = read(tmp_path, grey)
    white = (grey if grey.ndim == 2 else grey[..., 0]) > 127
    assert np.array_equal(labels, white * 255)


def blended(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 6), np.uint8)


BLENDED = {
    "numbers": lambda: resized(2, cv2.INTER_LINEAR)(two_objects() * np.uint8(40)),
    "16-bit numbers": lambda: cv2.resize(two_objects().astype(np.uint16) * 1000, None, fx=3, fy=3),
    "black and white, blurred": lambda: blended(ellipse() * np.uint8(255)),
    "colours": lambda: jpeg(80)(palette_bgr()[two_objects()]),
}


@pytest.mark.parametrize("make", BLENDED.values(), ids=BLENDED)
def test_other_blended_edges_are_refused_with_their_levels(
    tmp_path: Path, make: Callable[[], NDArray[np.generic]]
) -> None:
    with pytest.raises(DataError, match=r"mask\.png has \d+ values at edges only, such as \d+, "):
        read(tmp_path, make())


def with_void(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A border of 255 around every object, as PASCAL VOC has it."""
    border = cv2.morphologyEx(ellipse(), cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8))
    return np.where(border > 0, 255, labels).astype(np.uint8)


def with_specks(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Objects 3 to 9 of two pixels each."""
    labels = labels.copy()
    for number in range(3, 10):
        labels[4, 10 * number : 10 * number + 2] = number
    return labels


@pytest.mark.parametrize("change", [with_void, with_specks])
def test_sharp_numbers_stay_as_they_are(
    tmp_path: Path, change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
) -> None:
    expected = change(two_objects())
    assert np.array_equal(read(tmp_path, expected), expected)


@pytest.mark.parametrize("content", [None, b"", b"no image"], ids=["missing", "empty", "text"])
def test_a_file_that_is_no_mask_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "mask.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"mask\.png cannot be decoded; expected an annotation"):
        read_labels(path)


def test_colours_of_16_bits_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"mask\.png has 3 channels of uint16"):
        read(tmp_path, np.zeros((*SHAPE, 3), np.uint16))
