"""Row J4: a damaged bag is tracked to the damage, the frame is named, the exit code is 2."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.fake_engine import FakeEngine
from support.moving_square import picture, square_box
from support.square_bag import TOPIC, compressed_image, cut_off, image, storage_file, write_bag

from siammask_ros import cli
from siammask_ros.cli import options as shared
from siammask_ros.errors import DataError
from siammask_ros.media.encoders import default_suffix
from siammask_ros.media.frames import open_source
from siammask_ros.tracker.config import find_preset
from siammask_ros.tracker.tracker import Tracker

FRAMES = 24
STORAGES = ("mcap", "sqlite3")
BOX = ",".join(str(value) for value in square_box(0).bounding_xywh)


@pytest.fixture
def fake_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = Tracker(FakeEngine(), find_preset("lite"))
    monkeypatch.setattr(shared, "open_tracker", lambda options: tracker)


def read_to_the_damage(path: Path) -> tuple[int, str]:
    """How many pictures came, each the right one, and what was said then."""
    read = 0
    with pytest.raises(DataError) as error:
        for frame in open_source(path):
            assert frame.number == read
            assert np.array_equal(frame.image_bgr, picture(read))
            read += 1
    return read, str(error.value)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("share", [0.3, 0.7, 0.98])
@pytest.mark.parametrize("metadata", ["with metadata", "without"])
def test_j4_a_bag_that_was_cut_off_is_read_to_its_end_and_names_the_frame(
    tmp_path: Path, storage: str, share: float, metadata: str
) -> None:
    bag = write_bag(tmp_path / "bag", FRAMES, storage)
    cut_off(storage_file(bag), share)
    if metadata == "without":
        (bag / "metadata.yaml").unlink()
    read, words = read_to_the_damage(bag)
    assert FRAMES * share - 5 < read <= FRAMES
    assert f"ends at frame {read}: the bag is " in words
    assert words.count("damaged from there on") == 1
    assert read_to_the_damage(storage_file(bag))[0] == read, "a file alone is read as its folder"


@pytest.mark.parametrize("storage", STORAGES)
def test_j4_a_stretch_before_the_damage_is_no_fault(tmp_path: Path, storage: str) -> None:
    bag = write_bag(tmp_path / "bag", FRAMES, storage)
    cut_off(storage_file(bag))
    assert [frame.number for frame in open_source(bag, 1, 4)] == [1, 2, 3, 4]


def test_j4_a_recording_whose_index_alone_is_missing_loses_no_image(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", FRAMES)
    content = storage_file(bag).read_bytes()
    # Footer and magic: what a recorder writes last.
    storage_file(bag).write_bytes(content[:-37])
    assert read_to_the_damage(bag)[0] == FRAMES


def test_j4_garbage_at_the_end_does_not_hide_what_is_before_it(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", FRAMES)
    path = storage_file(bag)
    content = path.read_bytes()
    half = len(content) // 2
    # After a power failure a file may have its length but not its last blocks.
    path.write_bytes(content[:half] + bytes(len(content) - half))
    read, _ = read_to_the_damage(bag)
    assert FRAMES // 2 - 5 < read <= FRAMES // 2


@pytest.mark.parametrize("storage", STORAGES)
def test_j4_damage_in_the_middle_ends_it_there(tmp_path: Path, storage: str) -> None:
    bag = write_bag(tmp_path / "bag", FRAMES, storage, compressed=storage == "mcap")
    path = storage_file(bag)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 8192] = bytes(8192)
    path.write_bytes(content)
    read, words = read_to_the_damage(bag)
    assert 4 < read < FRAMES - 4
    assert f"ends at frame {read}: the bag is damaged" in words


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (image(3, encoding="32FC1"), "encoding '32FC1' is not supported"),
        (image(3, data=picture(3).ravel()[:-5]), "data has 230395 bytes; expected 230400"),
        (image(3, width=0), "image is 0×240 px"),
        (image(3, step=3), "step 3 is shorter than a row"),
        (
            image(3, width=64, height=48, step=192, data=np.zeros(48 * 192, np.uint8)),
            "is 64×48; expected 320×240 like the first one",
        ),
    ],
    ids=["encoding", "data", "size", "step", "another size"],
)
def test_j4_an_image_that_cannot_be_used_is_named(tmp_path: Path, bad: Any, words: str) -> None:
    messages = [image(0), image(1), image(2), bad, image(4)]
    bag = write_bag(tmp_path / "bag", {TOPIC: messages})
    read, said = read_to_the_damage(bag)
    assert read == 3
    assert f"frame 3 of {bag}" in said
    assert words in said


def test_j4_a_damaged_compressed_image_is_named(tmp_path: Path) -> None:
    bad = compressed_image(1)
    bad.data = bad.data[:100]
    bag = write_bag(tmp_path / "bag", {TOPIC: [compressed_image(0), bad]})
    read, said = read_to_the_damage(bag)
    assert (read, f"frame 1 of {bag}" in said) == (1, True)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x89MCAP0\r\n", b"SQLite format 3\0" + bytes(4080)]
)
def test_j4_what_is_no_bag_is_said_so(tmp_path: Path, storage: str, content: bytes) -> None:
    path = tmp_path / ("bag.mcap" if storage == "mcap" else "bag.db3")
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read"):
        open_source(path)


def test_j4_metadata_that_contradict_the_files_are_refused(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", 3)
    (bag / "metadata.yaml").write_text("rosbag2_bagfile_information: {version: 5")
    with pytest.raises(DataError, match=r"metadata\.yaml"):
        open_source(bag)
    storage_file(bag).unlink()
    with pytest.raises(DataError, match="cannot be read"):
        open_source(bag)


@pytest.mark.parametrize("storage", STORAGES)
def test_j4_random_damage_never_raises_anything_but_a_data_error(
    tmp_path: Path, storage: str
) -> None:
    bag = write_bag(tmp_path / "bag", 4, storage)
    path = storage_file(bag)
    content = path.read_bytes()
    random.seed(4)
    refused = 0
    for _ in range(60):
        damaged = bytearray(content)
        # At the ends, where records, headers and indexes are; a picture's pixels tell nothing.
        for _ in range(random.randint(1, 4)):
            at = random.choice([random.randrange(1500), -1 - random.randrange(1500)])
            damaged[at] = random.randrange(256)
        path.write_bytes(damaged[: random.choice([len(damaged), random.randrange(len(damaged))])])
        try:
            for frame in open_source(bag):
                assert frame.image_bgr.shape == (240, 320, 3)
        except DataError:
            refused += 1
    assert refused > 20


@pytest.mark.parametrize("storage", STORAGES)
def test_j4_track_goes_to_the_damage_and_leaves_what_it_found(
    tmp_path: Path, storage: str, fake_engine: None, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = write_bag(tmp_path / "bag", FRAMES, storage)
    cut_off(storage_file(bag))
    out, rows, results = (
        tmp_path / f"r{default_suffix()}",
        tmp_path / "r.jsonl",
        tmp_path / "results",
    )
    arguments = ["track", str(bag), "--box", BOX, "--out", str(out), "--json", str(rows)]
    assert cli.main([*arguments, "--bag-out", str(results)]) == cli.BAD_INPUT
    found = [json.loads(line) for line in rows.read_text().splitlines()]
    assert 5 < len(found) < FRAMES
    assert all(row["targets"][0]["state"] == "TRACKING" for row in found)
    assert f"ends at frame {len(found)}: " in capsys.readouterr().err
    assert open_source(out).length == len(found)
    assert open_source(results, topic="/siammask_tracker/mask").length == len(found)
    # The next good bag is tracked.
    good = ["track", str(write_bag(tmp_path / "good", 6, storage)), "--box", BOX]
    assert cli.main([*good, "--json", str(tmp_path / "good.jsonl")]) == 0
