"""Reading videos with true boxes: three layouts, three ways to write a line, and what is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from evaluation.box_videos import SIDE_PX, write_numbered

from siammask_ros.errors import DataError
from siammask_ros.evaluation.box_sequences import box_sequences

BOX = "10,20,30,40"


def test_every_folder_with_a_truth_is_a_sequence(tmp_path: Path) -> None:
    write_numbered(tmp_path, "b", [BOX] * 3)
    write_numbered(tmp_path, "a", [BOX] * 2)
    (tmp_path / "notes").mkdir()
    sequences = box_sequences(tmp_path)
    assert [(s.name, len(s.image_paths)) for s in sequences] == [("a", 2), ("b", 3)]
    image = sequences[1].image(2)
    assert image.shape == (SIDE_PX, SIDE_PX, 3)
    assert (image == 2).all(), "pictures are in order"


def test_names_choose_and_the_list_chooses_without_them(tmp_path: Path) -> None:
    for name in "abc":
        write_numbered(tmp_path, name, [BOX] * 2)
    (tmp_path / "list.txt").write_text("c\na\nnot-there\n")
    assert [s.name for s in box_sequences(tmp_path)] == ["c", "a"]
    assert [s.name for s in box_sequences(tmp_path, ["b"])] == ["b"]


@pytest.mark.parametrize("folder", ["img", "color"])
def test_pictures_may_lie_in_a_folder_of_their_own(tmp_path: Path, folder: str) -> None:
    write_numbered(tmp_path, "a", [BOX] * 2)
    (tmp_path / "a" / folder).mkdir()
    for path in (tmp_path / "a").glob("*.png"):
        path.rename(path.parent / folder / path.name)
    (sequence,) = box_sequences(tmp_path)
    assert [path.parent.name for path in sequence.image_paths] == [folder] * 2


def test_numbered_pictures_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    write_numbered(tmp_path, "a", [BOX] * 12)
    for path in (tmp_path / "a").glob("*.png"):
        path.rename(path.with_stem(str(int(path.stem))))
    (sequence,) = box_sequences(tmp_path)
    assert [path.stem for path in sequence.image_paths] == [str(n) for n in range(1, 13)]
    assert (sequence.image(1) == 1).all()


def test_otb_names_its_truth_differently(tmp_path: Path) -> None:
    write_numbered(tmp_path, "a", [BOX] * 2)
    truth = tmp_path / "a" / "groundtruth.txt"
    truth.rename(truth.with_name("groundtruth_rect.txt"))
    assert box_sequences(tmp_path)[0].box_xywh(0) == (10, 20, 30, 40)


@pytest.mark.parametrize("line", [BOX, "10\t20\t30\t40", "10 20  30 40", " 10.0, 20.0,30,4e1 "])
def test_a_box_is_four_numbers(tmp_path: Path, line: str) -> None:
    write_numbered(tmp_path, "a", [line, BOX])
    (sequence,) = box_sequences(tmp_path)
    assert sequence.box_xywh(0) == (10, 20, 30, 40)
    assert sequence.are_upright
    corners = sequence.polygons[0]
    assert corners is not None
    assert corners.tolist() == [[10, 20], [40, 20], [40, 60], [10, 60]]


def test_a_polygon_is_its_corners(tmp_path: Path) -> None:
    write_numbered(tmp_path, "a", ["10,0,20,10,10,20,0,10", "1,2,3,4,5,9"])
    (sequence,) = box_sequences(tmp_path)
    assert not sequence.are_upright
    assert np.array_equal(sequence.polygons[0], [[10, 0], [20, 10], [10, 20], [0, 10]])
    assert sequence.box_xywh(0) == (0, 0, 20, 20)
    assert sequence.box_xywh(1) == (1, 2, 4, 7)


@pytest.mark.parametrize("line", ["nan,nan,nan,nan", "0,0,0,0", "10,10,0,5", ",".join(["nan"] * 8)])
def test_an_absent_target_has_no_box(tmp_path: Path, line: str) -> None:
    write_numbered(tmp_path, "a", [BOX, line])
    (sequence,) = box_sequences(tmp_path)
    assert sequence.polygons[1] is None
    assert sequence.box_xywh(1) is None


WRONG = {
    "three numbers": (["1,2,3", BOX], r"groundtruth\.txt:1 is not understood: '1,2,3'"),
    "five numbers": ([BOX, "1,2,3,4,5"], r"groundtruth\.txt:2 is not understood"),
    "words": ([BOX, "a,b,c,d"], r"groundtruth\.txt:2 is not understood"),
    "one frame": ([BOX], "1 lines .* at least 2"),
}


@pytest.mark.parametrize(("lines", "words"), WRONG.values(), ids=WRONG)
def test_a_line_that_is_no_region_is_named(tmp_path: Path, lines: list[str], words: str) -> None:
    write_numbered(tmp_path, "a", lines)
    with pytest.raises(DataError, match=words):
        box_sequences(tmp_path)


def test_a_picture_without_a_line_is_refused(tmp_path: Path) -> None:
    write_numbered(tmp_path, "a", [BOX] * 3)
    (tmp_path / "a" / "00002.png").unlink()
    with pytest.raises(DataError, match=r"has 3 lines and .* 2 pictures"):
        box_sequences(tmp_path)


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    write_numbered(tmp_path, "a", [BOX] * 2)
    (tmp_path / "a" / "00002.png").write_bytes(b"")
    (sequence,) = box_sequences(tmp_path)
    with pytest.raises(DataError, match=r"00002\.png cannot be decoded"):
        sequence.image(1)


def test_unknown_and_missing_are_said_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no sequence"):
        box_sequences(tmp_path)
    write_numbered(tmp_path, "a", [BOX] * 2)
    with pytest.raises(DataError, match=r"no sequence 'b' .* there are a"):
        box_sequences(tmp_path, ["b"])
    with pytest.raises(DataError, match="is no folder"):
        box_sequences(tmp_path / "none")
