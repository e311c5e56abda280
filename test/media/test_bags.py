"""Reading bags: every image in order, its stamps, which topic, and the node's own encodings."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.moving_square import picture
from support.square_bag import (
    PERIOD_NS,
    RECORDED_AFTER_NS,
    TOPIC,
    compressed_image,
    image,
    stamp_of,
    storage_file,
    write_bag,
)

from siammask_ros.errors import DataError
from siammask_ros.media import bag_types
from siammask_ros.media.frames import open_source

FRAMES = 12
STORAGES = ("mcap", "sqlite3")


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("part", ["folder", "file"])
def test_a_bag_gives_every_image_in_order_with_its_stamps(
    tmp_path: Path, storage: str, part: str
) -> None:
    bag = write_bag(tmp_path / "bag", FRAMES, storage)
    source = open_source(bag if part == "folder" else storage_file(bag))
    assert (source.size, source.length) == ((240, 320), FRAMES)
    assert source.fps == pytest.approx(1e9 / PERIOD_NS)
    for _ in range(2):
        frames = list(source)
        assert [frame.number for frame in frames] == list(range(FRAMES))
        for index, frame in enumerate(frames):
            assert np.array_equal(frame.image_bgr, picture(index))
            assert frame.stamp_s == pytest.approx(index * PERIOD_NS / 1e9, abs=1e-9)
            assert frame.origin is not None
            assert frame.origin.stamp_ns == stamp_of(index)
            assert frame.origin.recorded_ns == stamp_of(index) + RECORDED_AFTER_NS
            assert frame.origin.frame_id == "camera_optical"


@pytest.mark.parametrize("storage", STORAGES)
def test_a_stretch_keeps_its_numbers_and_times(tmp_path: Path, storage: str) -> None:
    source = open_source(write_bag(tmp_path / "bag", FRAMES, storage), 3, 5)
    assert source.length == 3
    assert [frame.number for frame in source] == [3, 4, 5]
    assert [frame.stamp_s for frame in source] == pytest.approx([0.15, 0.2, 0.25])


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_compressed_images_are_read(tmp_path: Path, suffix: str) -> None:
    topic = f"{TOPIC}/compressed"
    messages = {topic: [compressed_image(index, suffix) for index in range(3)]}
    frames = list(open_source(write_bag(tmp_path / "bag", messages)))
    for index, frame in enumerate(frames):
        encoded = cv2.imencode(suffix, picture(index))[1]
        assert np.array_equal(frame.image_bgr, cv2.imdecode(encoded, cv2.IMREAD_COLOR))
    assert len(frames) == 3


def grey(index: int) -> Any:
    return cv2.cvtColor(picture(index), cv2.COLOR_BGR2GRAY)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"encoding": "rgb8"}, picture(0)[:, :, ::-1], id="rgb8"),
        pytest.param(
            {"encoding": "mono8", "step": 320, "data": grey(0).ravel()},
            cv2.cvtColor(grey(0), cv2.COLOR_GRAY2BGR),
            id="mono8",
        ),
        pytest.param(
            {
                "step": 970,
                "data": np.pad(picture(0).reshape(240, 960), ((0, 0), (0, 10))).ravel(),
            },
            picture(0),
            id="padded rows",
        ),
    ],
)
def test_encodings_are_those_of_the_node(
    tmp_path: Path, fields: dict[str, Any], expected: Any
) -> None:
    bag = write_bag(tmp_path / "bag", {TOPIC: [image(0, **fields)]})
    (frame,) = open_source(bag)
    assert np.array_equal(frame.image_bgr, expected)


def test_that_16_bits_are_stretched_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    thermal = 7200 + grey(0).astype(np.uint16)
    fields = {"encoding": "mono16", "step": 640, "data": thermal.ravel().view(np.uint8)}
    bag = write_bag(tmp_path / "bag", {TOPIC: [image(index, **fields) for index in range(3)]})
    assert len(list(open_source(bag))) == 3
    said = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    assert len(said) == 1, said
    assert said[0].endswith("stretched to 8 bits")


def test_images_without_a_stamp_take_the_time_of_their_recording(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", {TOPIC: [image(index, 0) for index in range(4)]})
    frames = list(open_source(bag))
    assert [frame.stamp_s for frame in frames] == pytest.approx([0.0, 0.05, 0.1, 0.15])
    assert {frame.origin.stamp_ns for frame in frames if frame.origin} == {0}


def test_the_topic_is_named_where_there_are_several(tmp_path: Path) -> None:
    other = f"{TOPIC}/compressed"
    messages = {
        TOPIC: [image(index) for index in range(3)],
        other: [compressed_image(index) for index in range(5)],
    }
    bag = write_bag(tmp_path / "bag", messages)
    assert open_source(bag, topic=TOPIC).length == 3
    assert open_source(bag, topic=other).length == 5
    for topic in ("", "/nothing"):
        with pytest.raises(DataError, match=r"its image topics: /camera.*_raw, .*compressed"):
            open_source(bag, topic=topic)


def test_a_bag_without_images_is_said_so(tmp_path: Path) -> None:
    header = image(0).header
    with pytest.raises(DataError, match="it has no image topic"):
        open_source(write_bag(tmp_path / "bag", {"/header": [header]}))
    with pytest.raises(DataError, match=f"holds no image on {TOPIC}"):
        open_source(write_bag(tmp_path / "empty", 0))


def test_a_topic_of_something_else_than_a_bag_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "0.png"), picture(0))
    with pytest.raises(DataError, match="is no bag and has no topic /camera"):
        open_source(tmp_path, topic="/camera")


def test_files_of_a_split_bag_are_read_by_their_numbers(tmp_path: Path) -> None:
    folder = tmp_path / "split"
    folder.mkdir()
    for part, start in enumerate((0, 4, 8)):
        messages = {TOPIC: [image(index) for index in range(start, start + 4)]}
        bag = write_bag(tmp_path / f"part{part}", messages)
        # Of a recording without metadata, as a killed recorder leaves it: 2 comes before 10.
        storage_file(bag).rename(folder / f"split_{(1, 2, 10)[part]}.mcap")
    frames = list(open_source(folder))
    assert [frame.origin.stamp_ns for frame in frames if frame.origin] == [
        stamp_of(index) for index in range(12)
    ]


def test_without_rosbags_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bag = write_bag(tmp_path / "bag", 1)
    bag_types.standard_types.cache_clear()
    monkeypatch.setattr(bag_types, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="run: pip install rosbags"):
        open_source(bag)
