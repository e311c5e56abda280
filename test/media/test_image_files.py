"""Reading image files: EXIF orientation counts, for the pixels as for the size."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from siammask_ros.errors import DataError
from siammask_ros.media.image_files import image_size_wh, read_image

WIDTH, HEIGHT = 48, 32
# What each EXIF orientation asks for, as a function of the stored pixels (EXIF 2.3, tag 0x0112).
UPRIGHT: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.transpose(1, 0, 2),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: image[::-1, ::-1].transpose(1, 0, 2),
    8: lambda image: np.rot90(image),
}


def stored() -> NDArray[np.uint8]:
    """Blocks of plain colours, which JPEG keeps, all different."""
    colours = np.random.default_rng(3).integers(0, 256, (HEIGHT // 16, WIDTH // 16, 3), np.uint8)
    return np.repeat(np.repeat(colours, 16, 0), 16, 1)


def exif(orientation: int, order: str) -> bytes:
    """A TIFF header and one entry: the orientation."""
    entry = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
    mark = {"<": b"II", ">": b"MM"}[order]
    return mark + struct.pack(f"{order}HIH", 42, 8, 1) + entry + bytes(4)


def write_jpeg(path: Path, orientation: int, order: str) -> None:
    encoded = cv2.imencode(".jpg", stored(), [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    segment = b"Exif\0\0" + exif(orientation, order)
    head = b"\xff\xe1" + struct.pack(">H", len(segment) + 2)
    path.write_bytes(encoded[:2] + head + segment + encoded[2:])


def write_png(path: Path, orientation: int, order: str) -> None:
    encoded = cv2.imencode(".png", stored())[1].tobytes()
    content = b"eXIf" + exif(orientation, order)
    chunk = struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
    # Behind the signature (8 bytes) and IHDR (25).
    path.write_bytes(encoded[:33] + chunk + encoded[33:])


@pytest.mark.parametrize("order", ["<", ">"], ids=["little endian", "big endian"])
@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("write", [write_jpeg, write_png], ids=["jpeg", "png"])
def test_an_image_is_read_the_way_up_that_a_person_sees_it(
    tmp_path: Path, write: Callable[[Path, int, str], None], orientation: int, order: str
) -> None:
    path = tmp_path / "photo"
    write(path, orientation, order)
    expected = UPRIGHT[orientation](stored())
    image = read_image(path)
    assert image.shape == expected.shape
    assert np.abs(image.astype(int) - expected).mean() < 4
    assert image_size_wh(path) == (expected.shape[1], expected.shape[0])


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".tiff"])
def test_the_size_is_that_of_the_image(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"image{suffix}"
    cv2.imwrite(str(path), stored())
    assert image_size_wh(path) == (WIDTH, HEIGHT)


def too_many_pixels() -> bytes:
    content = b"IHDR" + struct.pack(">IIBBBBB", 2**30, 2**30, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + content + struct.pack(">I", zlib.crc32(content))
    return b"\x89PNG\r\n\x1a\n" + chunk


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "is missing; expected an image"),
        (b"", "cannot be decoded; expected an image"),
        (b"no image", "cannot be decoded"),
        (b"Exif\0\0", "cannot be decoded"),
        (too_many_pixels(), "cannot be decoded"),
    ],
    ids=["missing", "empty", "text", "only a mark", "2^60 pixels"],
)
def test_a_file_that_is_no_image_is_named(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "broken.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=rf"broken\.png {words}"):
        read_image(path)
