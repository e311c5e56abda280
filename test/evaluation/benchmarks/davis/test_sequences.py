"""Reading DAVIS's layout: labels of both years, and what is missing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from support.blobs import FRAMES, truth, write_davis

from siammask_ros.errors import DataError
from siammask_ros.evaluation.benchmarks.davis.sequences import DavisVideo, davis_sequences


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_davis(tmp_path, "one", 1)
    write_davis(tmp_path, "two", 2, coloured=True)
    return tmp_path


def test_sequences_are_found_in_order(root: Path) -> None:
    sequences = davis_sequences(root, 2016)
    assert [sequence.name for sequence in sequences] == ["one", "two"]
    assert [len(sequence.image_paths) for sequence in sequences] == [FRAMES, FRAMES]
    assert sequences[0].image(3).shape == (240, 320, 3)


def test_names_choose_and_order(root: Path) -> None:
    assert [s.name for s in davis_sequences(root, 2016, ["two", "one"])] == ["two", "one"]


def test_validation_list_chooses_where_there_is_one(root: Path) -> None:
    lists = root / "ImageSets" / "2017"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("two\nnot-there\n")
    assert [s.name for s in davis_sequences(root, 2017)] == ["two"]
    assert [s.name for s in davis_sequences(root, 2016)] == ["one", "two"]
    assert [s.name for s in davis_sequences(root, 2017, ["one"])] == ["one"]


@pytest.mark.parametrize(("name", "objects"), [("one", 1), ("two", 2)])
def test_2016_merges_all_objects(root: Path, name: str, objects: int) -> None:
    (sequence,) = davis_sequences(root, 2016, [name])
    assert np.array_equal(sequence.labels(4), (truth(4, objects) > 0) * 255)


def test_2017_reads_object_numbers_back_from_the_palette(root: Path) -> None:
    (sequence,) = davis_sequences(root, 2017, ["two"])
    assert np.array_equal(sequence.labels(4), truth(4, 2))


def test_pictures_may_be_png_and_are_in_the_order_of_their_numbers(root: Path) -> None:
    for path in root.rglob("*.jpg"):
        cv2.imwrite(str(path.with_suffix(".png")), cv2.imread(str(path)))
        path.unlink()
    for path in root.rglob("*.png"):
        path.rename(path.with_stem(str(int(path.stem))))
    (sequence,) = davis_sequences(root, 2017, ["two"])
    names = [f"{number}.png" for number in range(FRAMES)]
    assert [path.name for path in sequence.image_paths] == names
    assert np.array_equal(sequence.labels(10), truth(10, 2))


def test_wrong_layout_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected DAVIS's own layout"):
        davis_sequences(tmp_path, 2016)


def test_unknown_sequence_names_the_known(root: Path) -> None:
    with pytest.raises(DataError, match=r"no sequence 'three' .* one, two"):
        davis_sequences(root, 2016, ["three"])


def keep_masks(root: Path, *numbers: int) -> None:
    """As in YouTube-VOS: masks of some pictures only."""
    for number in set(range(FRAMES)) - set(numbers):
        (root / "Annotations" / "480p" / "one" / f"{number:05d}.png").unlink()


def test_pictures_without_a_mask_do_not_count(root: Path) -> None:
    keep_masks(root, 0, 5, 10, 11)
    (sequence,) = davis_sequences(root, 2016, ["one"])
    assert len(sequence.image_paths) == FRAMES
    assert sequence.counted == [5, 10], "neither the first nor the last picture"
    with pytest.raises(DataError, match=r"00004\.jpg has no mask"):
        sequence.labels(4)


def test_pictures_before_the_first_mask_are_passed_over(root: Path) -> None:
    keep_masks(root, 3, 7)
    (sequence,) = davis_sequences(root, 2016, ["one"])
    assert sequence.image_paths[0].name == "00003.jpg"
    assert len(sequence.image_paths) == FRAMES - 3
    assert sequence.counted == [4]
    assert np.array_equal(sequence.labels(4) > 0, truth(7, 1) > 0)


@pytest.mark.parametrize("numbers", [(), (0,), (0, FRAMES - 1), (FRAMES - 1,)], ids=str)
def test_a_sequence_without_a_mask_to_judge_by_is_refused(
    root: Path, numbers: tuple[int, ...]
) -> None:
    keep_masks(root, *numbers)
    with pytest.raises(DataError, match=r"one has no mask to start from, or none between"):
        davis_sequences(root, 2016, ["one"])


def test_a_mask_without_a_picture_is_named(root: Path) -> None:
    (root / "JPEGImages" / "480p" / "one" / "00004.jpg").unlink()
    with pytest.raises(DataError, match=r"00004\.png has no image with its name in .*one"):
        davis_sequences(root, 2016)


def test_a_folder_of_pictures_that_is_not_there_is_named(root: Path) -> None:
    (root / "JPEGImages" / "480p" / "one").rename(root / "elsewhere")
    with pytest.raises(DataError, match=r"one is missing; expected the images of "):
        davis_sequences(root, 2016)


def test_a_mask_of_another_size_is_named(root: Path) -> None:
    path = root / "Annotations" / "480p" / "one" / "00004.png"
    cv2.imwrite(str(path), np.ones((120, 160), np.uint8))
    (sequence,) = davis_sequences(root, 2016, ["one"])
    with pytest.raises(DataError, match=r"00004\.png is 160×120; expected 320×240 like"):
        sequence.labels(4)


def test_a_video_to_hide_its_target_in_has_a_mask_for_every_picture(root: Path) -> None:
    keep_masks(root, 0, 5, 10)
    sparse, whole = davis_sequences(root, 2016)
    assert len(DavisVideo(whole)) == FRAMES
    with pytest.raises(DataError, match=r"one has images without a mask"):
        DavisVideo(sparse)


def test_damaged_picture_is_named(root: Path) -> None:
    (root / "JPEGImages" / "480p" / "one" / "00002.jpg").write_bytes(b"")
    (sequence,) = davis_sequences(root, 2016, ["one"])
    assert sequence.image(1) is not None
    with pytest.raises(DataError, match=r"00002\.jpg cannot be decoded"):
        sequence.image(2)


def test_grey_annotation_needs_no_palette(root: Path) -> None:
    path = root / "Annotations" / "480p" / "one" / "00001.png"
    cv2.imwrite(str(path), truth(1, 2))
    (sequence,) = davis_sequences(root, 2017, ["one"])
    assert np.array_equal(sequence.labels(1), truth(1, 2))
