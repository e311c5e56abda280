"""Rows A1 to A8 and A13: what arrives as an image is checked before it is touched."""

from __future__ import annotations

import random
import tracemalloc
from array import array
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header
from support.moving_square import picture
from support.session_bench import SessionBench, assert_on_square, stamp_of

from siammask_ros.errors import ImageError
from siammask_ros.media.image_messages import RefusedImage, decode_to_bgr, stamp_ns
from siammask_ros.ros.tracking_io.conversions import image_to_bgr
from siammask_ros.ros.tracking_io.messages import build_image
from siammask_ros.session import Frame

LIMIT_PX = 1000


def good_message(index: int = 0, encoding: str = "bgr8", padding: int = 0) -> Image:
    """Picture ``index`` in this encoding, with so many bytes after each row."""
    bgr = picture(index)
    pixels = ENCODERS[encoding](bgr)
    height, width = pixels.shape[:2]
    rows = pixels.reshape(height, -1).view(np.uint8)
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=7)
    return Image(
        header=Header(frame_id="camera"),
        height=height,
        width=width,
        encoding=encoding.partition("-")[0],
        is_bigendian=int(encoding.endswith("-be")),
        step=padded.shape[1],
        data=array("B", padded.tobytes()),
    )


def grey(bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY))


ENCODERS: dict[str, Callable[[NDArray[np.uint8]], NDArray[Any]]] = {
    "bgr8": lambda bgr: bgr,
    "rgb8": lambda bgr: np.ascontiguousarray(bgr[:, :, ::-1]),
    "bgra8": lambda bgr: cv2.cvtColor(bgr, cv2.COLOR_BGR2BGRA),
    "rgba8": lambda bgr: cv2.cvtColor(bgr, cv2.COLOR_BGR2RGBA),
    "mono8": grey,
    "mono16": lambda bgr: grey(bgr).astype("<u2") * 257,
    "mono16-be": lambda bgr: (grey(bgr).astype(np.uint16) * 257).astype(">u2"),
}


def refusal(message: Image | CompressedImage) -> RefusedImage:
    convert: Any = image_to_bgr if isinstance(message, Image) else decode_to_bgr
    with pytest.raises(RefusedImage) as caught:
        convert(message, LIMIT_PX)
    return caught.value


def assert_refusal_is_survived(error: RefusedImage) -> None:
    """Counted by kind, told in the health, and the next good frame is tracked."""
    with SessionBench() as bench:
        bench.started(0)
        bench.session.count_refused_frame(error.kind, str(error))
        health = bench.session.health()
        assert dict(health.refused) == {error.kind: 1}
        assert str(error) in health.image_stream().message
        bench.assert_tracks(1)
        assert bench.session.health().refused_in_row == 0


@pytest.mark.parametrize("encoding", ["", "nonsense", "YUV", "32FC1", "bgr8\0", "jpeg", "BGR8"])
def test_a1_a8_an_unknown_encoding_is_refused_with_the_supported_ones(encoding: str) -> None:
    message = good_message()
    message.encoding = encoding
    error = refusal(message)
    assert error.kind == "encoding"
    assert "bgr8, rgb8, bgra8, rgba8, mono8, mono16" in str(error)
    assert_refusal_is_survived(error)


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        pytest.param(0, "step 0 is shorter than a row of 960 bytes", id="zero"),
        pytest.param(959, "step 959 is shorter than a row of 960 bytes", id="one-byte-short"),
        pytest.param(320, "step 320 is shorter", id="width-instead-of-bytes"),
    ],
)
def test_a2_a_step_shorter_than_a_row_is_refused(step: int, reason: str) -> None:
    message = good_message()
    message.step = step
    error = refusal(message)
    assert reason in str(error)
    assert_refusal_is_survived(error)


@pytest.mark.parametrize("encoding", list(ENCODERS))
@pytest.mark.parametrize("padding", [1, 2, 3, 64])
def test_a3_padded_rows_give_the_same_picture_bit_for_bit(encoding: str, padding: int) -> None:
    plain = image_to_bgr(good_message(0, encoding), LIMIT_PX)
    padded = image_to_bgr(good_message(0, encoding, padding), LIMIT_PX)
    assert np.array_equal(padded, plain)


def test_a3_a_picture_with_padded_rows_is_tracked_like_the_plain_one() -> None:
    with SessionBench() as plain, SessionBench() as padded:
        for index in range(4):
            image = image_to_bgr(good_message(index, padding=5), LIMIT_PX)
            padded.session.submit(Frame(image, stamp_of(index), padded.clock()))
            padded.settled()
            plain.answer(index)
            if index == 0:
                plain.start(0)
                padded.start(0)
        expected, got = plain.results[-1].targets[0].result, padded.results[-1].targets[0].result
        assert got.box == expected.box
        assert np.array_equal(got.mask.values, expected.mask.values)
        plain.assert_tracks(4)


@pytest.mark.parametrize("size", [0, 1, 320 * 240 * 3 - 1, 320 * 240 * 3 + 1])
def test_a4_another_amount_of_data_is_refused(size: int) -> None:
    message = good_message()
    message.data = array("B", bytes(size))
    error = refusal(message)
    assert str(error) == f"data has {size} bytes; expected 230400 (step 960 × height 240)"
    assert_refusal_is_survived(error)


@pytest.mark.parametrize(
    ("width", "height"),
    [(0, 240), (320, 0), (0, 0), (2**32 - 1, 240), (320, 2**32 - 1), (LIMIT_PX + 1, 1)],
)
def test_a5_impossible_sides_are_refused_before_anything_is_allocated(
    width: int, height: int
) -> None:
    message = good_message()
    message.width, message.height = width, height
    tracemalloc.start()
    error = refusal(message)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert f"{width}×{height}" in str(error)
    assert peak < 1 << 20
    assert_refusal_is_survived(error)


@pytest.mark.parametrize("encoding", list(ENCODERS))
def test_a6_every_supported_encoding_gives_the_right_picture(encoding: str) -> None:
    image = image_to_bgr(good_message(3, encoding), LIMIT_PX)
    bgr = picture(3)
    is_grey = encoding.startswith("mono")
    expected = cv2.cvtColor(grey(bgr), cv2.COLOR_GRAY2BGR) if is_grey else bgr
    assert image.dtype == np.uint8
    assert np.array_equal(image, expected)


def test_a6_a_picture_cannot_be_written_to() -> None:
    for encoding in ENCODERS:
        with pytest.raises(ValueError, match="read-only"):
            image_to_bgr(good_message(0, encoding), LIMIT_PX)[0, 0] = 1


def test_a6_bgr8_is_not_copied() -> None:
    message = good_message()
    image = image_to_bgr(message, LIMIT_PX)
    assert np.shares_memory(image, np.frombuffer(message.data, np.uint8))


def test_a6_rgb8_and_bgr8_of_one_picture_give_identical_tracks() -> None:
    answers = []
    for encoding in ("bgr8", "rgb8"):
        with SessionBench() as bench:
            for index in range(5):
                image = image_to_bgr(good_message(index, encoding), LIMIT_PX)
                bench.session.submit(Frame(image, stamp_of(index), bench.clock()))
                bench.settled()
                if index == 0:
                    bench.start(0)
            assert_on_square(bench.results[-1], 4)
            answers.append(bench.results[-1].targets[0].result)
    assert answers[0].box == answers[1].box
    assert answers[0].score == answers[1].score
    assert np.array_equal(answers[0].mask.values, answers[1].mask.values)


def jpeg(index: int = 0) -> bytes:
    return cv2.imencode(".jpg", picture(index), [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def png(image: NDArray[Any]) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


def png_that_says(width: int, height: int) -> bytes:
    """A PNG whose header promises a larger picture than it holds."""
    data = bytearray(png(picture(0)))
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "0 bytes hold no JPEG, PNG or WebP", id="empty"),
        pytest.param(b"hello, I am no image", "hold no JPEG, PNG or WebP", id="text"),
        pytest.param(jpeg()[:1], "hold no JPEG, PNG or WebP", id="one-byte"),
        pytest.param(jpeg()[:20], "hold no JPEG, PNG or WebP", id="cut-in-the-header"),
        pytest.param(png(picture(0))[:20], "hold no JPEG, PNG or WebP", id="png-cut-in-the-header"),
        pytest.param(png_that_says(100_000, 100_000), "100000×100000 px", id="bomb"),
        pytest.param(png_that_says(0, 10), "0×10 px", id="no-width"),
        pytest.param(b"\xff\xd8" + b"\xff" * 50, "hold no JPEG, PNG or WebP", id="only-fill-bytes"),
    ],
)
def test_a7_a_useless_compressed_image_is_refused_before_it_is_decoded(
    data: bytes, reason: str
) -> None:
    message = CompressedImage(format="jpeg", data=array("B", data))
    tracemalloc.start()
    error = refusal(message)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reason in str(error)
    assert peak < 1 << 20
    assert_refusal_is_survived(error)


def test_a7_a_damaged_compressed_image_is_refused_or_has_the_size_of_its_header() -> None:
    source = bytearray(jpeg())
    random.seed(7)
    refused = 0
    for _ in range(100):
        damaged = bytearray(source)
        for _ in range(20):
            damaged[random.randrange(2, len(damaged))] = random.randrange(256)
        message = CompressedImage(format="jpeg", data=array("B", bytes(damaged)))
        try:
            assert decode_to_bgr(message, LIMIT_PX).shape[2] == 3
        except RefusedImage:
            refused += 1
    assert 0 < refused < 100


@pytest.mark.parametrize("encode", [png, lambda image: cv2.imencode(".jpg", image)[1].tobytes()])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a7_jpeg_and_png_are_read(encode: Callable[[Any], bytes], channels: int) -> None:
    codes = {1: cv2.COLOR_BGR2GRAY, 4: cv2.COLOR_BGR2BGRA}
    smooth = cv2.GaussianBlur(picture(0), (0, 0), 5)
    image = cv2.cvtColor(smooth, codes[channels]) if channels in codes else smooth
    message = CompressedImage(format="any", data=array("B", encode(image)))
    read = decode_to_bgr(message, LIMIT_PX)
    expected = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if channels == 1 else smooth
    assert read.shape == expected.shape
    assert np.abs(read.astype(int) - expected).mean() < 3


@pytest.mark.parametrize(
    ("sec", "nanosec", "expected"),
    [(0, 0, 0), (1, 5, 1_000_000_005), (2**31 - 1, 999_999_999, 2_147_483_647_999_999_999)],
)
def test_e3_a_stamp_is_read_to_the_nanosecond(sec: int, nanosec: int, expected: int) -> None:
    header = Header()
    header.stamp.sec, header.stamp.nanosec = sec, nanosec
    assert stamp_ns(header) == expected


@pytest.mark.parametrize(("sec", "nanosec"), [(0, 10**9), (5, 2**32 - 1), (-1, 0)])
def test_e3_an_impossible_stamp_is_refused(sec: int, nanosec: int) -> None:
    header = Header()
    header.stamp.sec, header.stamp.nanosec = sec, nanosec
    with pytest.raises(RefusedImage, match="is no time") as caught:
        stamp_ns(header)
    assert_refusal_is_survived(caught.value)


def test_a13_mutated_messages_are_refused_or_give_a_picture_of_the_stated_size() -> None:
    random.seed(13)
    refused = 0
    for _ in range(300):
        message = good_message(0, random.choice(list(ENCODERS)), random.choice([0, 0, 1, 8]))
        for _ in range(random.randint(1, 3)):
            mutate(message)
        try:
            image = image_to_bgr(message, LIMIT_PX)
        except ImageError:
            refused += 1
        else:
            assert image.shape == (message.height, message.width, 3)
            assert image.dtype == np.uint8
    assert 50 < refused < 300


def mutate(message: Image) -> None:
    name = random.choice(["height", "width", "step", "encoding", "is_bigendian", "data"])
    if name == "encoding":
        message.encoding = random.choice(["rgb8", "mono8", "mono16", "bgra8", "", "bayer_bggr8"])
    elif name == "is_bigendian":
        message.is_bigendian = random.randrange(256)
    elif name == "data":
        keep = random.randrange(len(message.data) + 1)
        message.data = message.data[:keep] + array("B", bytes(random.choice([0, 0, 7])))
    else:
        near = getattr(message, name) + random.randint(-2, 2)
        number = random.choice([0, 1, max(near, 0), 2**31, 2**32 - 1, random.randrange(2000)])
        setattr(message, name, number)


def test_a_published_picture_reads_back_as_it_was() -> None:
    for image in (picture(0), grey(picture(0))):
        message = build_image(Header(frame_id="camera"), image)
        read = image_to_bgr(message, LIMIT_PX)
        assert np.array_equal(read if image.ndim == 3 else read[:, :, 0], image)
