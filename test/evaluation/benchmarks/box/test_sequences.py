"""Reading videos with true boxes: three layouts, three ways to write a line, and what is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.box_videos import SIDE_PX, write_numbered

from siammask_ros.errors import DataError
from siammask_ros.evaluation.benchmarks.box.sequences import box_sequences

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


def write_part(root: Path, name: str, first: int, lines: int, pictures: int = 12) -> Path:
    """A sequence as OTB has some: pictures from 0001, boxes from a later one, in OTB's names."""
    write_numbered(root, name, [BOX] * pictures)
    folder = root / name
    (folder / "groundtruth.txt").unlink()
    boxes = [f"{number},20,30,40\n" for number in range(first, first + lines)]
    (folder / "groundtruth_rect.txt").write_text("".join(boxes))
    return folder


def test_otbs_own_part_begins_where_otb_says(tmp_path: Path) -> None:
    write_part(tmp_path, "BlurCar3", first=3, lines=8)
    write_part(tmp_path, "Diving", first=1, lines=9)
    for sequence, first, count in zip(box_sequences(tmp_path), (3, 1), (8, 9), strict=True):
        numbers = [int(path.stem) for path in sequence.image_paths]
        assert numbers == list(range(first, first + count))
        for number, path in enumerate(sequence.image_paths):
            box = sequence.box_xywh(number)
            assert box is not None and box[0] == int(path.stem)


def test_a_file_tells_the_first_picture_with_boxes(tmp_path: Path) -> None:
    folder = write_part(tmp_path, "mine", first=5, lines=4)
    (folder / "first_frame.txt").write_text("5\n")
    (sequence,) = box_sequences(tmp_path)
    assert [path.stem for path in sequence.image_paths] == ["00005", "00006", "00007", "00008"]
    assert sequence.box_xywh(0) == (5, 20, 30, 40)


def test_each_target_of_a_folder_is_a_sequence(tmp_path: Path) -> None:
    write_numbered(tmp_path, "Jogging", [BOX] * 3)
    for number in (1, 2, 10):
        lines = f"{number},20,30,40\n" * 3
        (tmp_path / "Jogging" / f"groundtruth_rect.{number}.txt").write_text(lines)
    (tmp_path / "Jogging" / "groundtruth.txt").unlink()
    sequences = box_sequences(tmp_path)
    assert [s.name for s in sequences] == ["Jogging-1", "Jogging-2", "Jogging-10"]
    boxes = [sequence.box_xywh(2) for sequence in sequences]
    assert [box[0] for box in boxes if box] == [1, 2, 10]
    assert [s.name for s in box_sequences(tmp_path, ["Jogging-2"])] == ["Jogging-2"]


PARTS = {
    "nothing tells": (
        "mine",
        None,
        r"8 lines and .* 12 images; .* later, write the number .*first_frame\.txt",
    ),
    "OTB's is not there": (
        "David",
        None,
        r"begin at image 300; expected 8 images from there on",
    ),
    "too few after it": ("mine", "6", r"begin at image 6; expected 8 images"),
    "another one than OTB's": ("BlurCar3", "6", r"begin at image 6; expected 8 images"),
    "words": ("mine", "the fifth", r"first_frame\.txt holds 'the fifth'; expected the number"),
}


@pytest.mark.parametrize(("name", "told", "words"), PARTS.values(), ids=PARTS)
def test_boxes_of_a_part_are_refused_where_it_is_not_known_which(
    tmp_path: Path, name: str, told: str | None, words: str
) -> None:
    folder = write_part(tmp_path, name, first=3, lines=8)
    if told is not None:
        (folder / "first_frame.txt").write_text(told)
    with pytest.raises(DataError, match=words):
        box_sequences(tmp_path)


def test_a_truth_of_a_windows_editor_is_read(tmp_path: Path) -> None:
    write_numbered(tmp_path, "a", [BOX] * 2)
    truth = tmp_path / "a" / "groundtruth.txt"
    truth.write_bytes(b"\xef\xbb\xbf" + truth.read_bytes().replace(b"\n", b"\r\n"))
    assert box_sequences(tmp_path)[0].box_xywh(1) == (10, 20, 30, 40)


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
    "three numbers": (["1,2,3", BOX], r"groundtruth\.txt:1 cannot be read: '1,2,3'"),
    "five numbers": ([BOX, "1,2,3,4,5"], r"groundtruth\.txt:2 cannot be read"),
    "words": ([BOX, "a,b,c,d"], r"groundtruth\.txt:2 cannot be read"),
    "no text": (["\udcff", BOX], r"groundtruth\.txt cannot be read as text"),
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
    with pytest.raises(DataError, match=r"has 3 lines and .* 2 images"):
        box_sequences(tmp_path)


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    write_numbered(tmp_path, "a", [BOX] * 2)
    (tmp_path / "a" / "00002.png").write_bytes(b"")
    (sequence,) = box_sequences(tmp_path)
    with pytest.raises(DataError, match=r"00002\.png cannot be decoded"):
        sequence.image(1)


def test_unknown_and_missing_are_said_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="contains no sequence"):
        box_sequences(tmp_path)
    write_numbered(tmp_path, "a", [BOX] * 2)
    with pytest.raises(DataError, match=r"no sequence 'b' .* there are a"):
        box_sequences(tmp_path, ["b"])
    with pytest.raises(DataError, match="is no folder"):
        box_sequences(tmp_path / "none")
