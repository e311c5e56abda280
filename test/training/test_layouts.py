"""Data of one's own: every layout gives the same objects, and what is wrong is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from support.small_data import SIZE_WH, ellipse, make_image

from siammask_ros.errors import ConfigError, DataError
from siammask_ros.training.config import TrainingConfig
from siammask_ros.training.datasets import ObjectClip
from siammask_ros.training.loop import Training
from siammask_ros.training.pair_config import PairConfig
from siammask_ros.training.pairs import PairSampler
from siammask_ros.training.sources import Source, load_clips

FRAMES = 4
# VOC's palette for objects 1 and 2, in BGR.
PALETTE_BGR = np.array([(0, 0, 0), (0, 0, 128), (0, 128, 0)], np.uint8)


def labels_of(index: int) -> NDArray[np.uint8]:
    """Two ellipses, numbered 1 and 2; the second one goes right."""
    first = ellipse(center=(40, 60), axes=(24, 34))
    second = ellipse(center=(110 + 3 * index, 60), axes=(20, 28))
    return np.asarray(first + 2 * second, np.uint8)


def write_frames(images: Path, masks: Path, coloured: bool, suffix: str = ".jpg") -> None:
    for folder in (images, masks):
        folder.mkdir(parents=True, exist_ok=True)
    for index in range(FRAMES):
        labels = labels_of(index)
        image = make_image((labels > 0).astype(np.uint8))
        cv2.imwrite(str(images / f"{index:05d}{suffix}"), image)
        mask = PALETTE_BGR[labels] if coloured else labels
        cv2.imwrite(str(masks / f"{index:05d}.png"), mask)


def beside(root: Path) -> Source:
    write_frames(root / "walk", root / "walk", coloured=False)
    return Source("videos", str(root))


def apart(root: Path) -> Source:
    write_frames(root / "walk" / "images", root / "walk" / "masks", coloured=True, suffix=".png")
    return Source("videos", str(root))


def davis(root: Path) -> Source:
    write_frames(
        root / "JPEGImages" / "480p" / "walk", root / "Annotations" / "480p" / "walk", True
    )
    return Source("davis", str(root))


def youtube_vos(root: Path) -> Source:
    train = root / "train"
    write_frames(train / "JPEGImages" / "walk", train / "Annotations" / "walk", coloured=True)
    return Source("youtube_vos", str(root))


LAYOUTS = [beside, apart, davis, youtube_vos]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_object_of_a_video_is_a_clip(
    layout: Callable[[Path], Source], tmp_path: Path
) -> None:
    clips = load_clips([layout(tmp_path)])
    assert [clip.name for clip in clips] == ["walk/1", "walk/2"]
    for number, clip in enumerate(clips, start=1):
        assert clip.is_video
        assert len(clip.frames) == FRAMES
        for index, frame in enumerate(clip.frames):
            assert np.array_equal(frame.mask() > 0, labels_of(index) == number)
            assert frame.image_path.stem == f"{index:05d}"


def test_the_only_object_of_a_video_has_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "ball"
    folder.mkdir()
    for index in range(2):
        mask = ellipse(center=(60, 60), axes=(30, 20))
        cv2.imwrite(str(folder / f"{index}.jpg"), make_image(mask))
        cv2.imwrite(str(folder / f"{index}.png"), mask * 255)
    (clip,) = load_clips([Source("videos", str(tmp_path))])
    assert (clip.name, len(clip.frames)) == ("ball", 2)


def write_turned_photo(root: Path, mask: NDArray[np.uint8]) -> Source:
    """A photo that was stored lying, with EXIF orientation 6: turn it to the right."""
    folder = root / "walk"
    folder.mkdir()
    shown = make_image(labels_of(0).clip(0, 1))
    encoded = cv2.imencode(".jpg", np.rot90(shown))[1].tobytes()
    orientation = b"\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"
    exif = b"Exif\0\0II*\x00\x08\x00\x00\x00\x01\x00" + orientation + bytes(4)
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    (folder / "0.jpg").write_bytes(encoded[:2] + segment + encoded[2:])
    cv2.imwrite(str(folder / "0.png"), mask)
    return Source("videos", str(root))


def test_a_mask_fits_the_picture_as_a_person_sees_it(tmp_path: Path) -> None:
    clips = load_clips([write_turned_photo(tmp_path, labels_of(0))])
    assert [clip.name for clip in clips] == ["walk/1", "walk/2"]


def test_a_mask_of_the_picture_as_it_is_stored_is_refused(tmp_path: Path) -> None:
    lying = np.ascontiguousarray(np.rot90(labels_of(0)))
    with pytest.raises(
        DataError, match=r"0\.png: the mask for 0\.jpg is 120×160; expected .* 160×"
    ):
        load_clips([write_turned_photo(tmp_path, lying)])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_numbered_pictures_are_in_the_order_of_their_numbers(
    layout: Callable[[Path], Source], tmp_path: Path
) -> None:
    source = layout(tmp_path)
    for path in tmp_path.rglob("0000*"):
        path.rename(path.with_stem(str(9 + int(path.stem))))
    clip, _ = load_clips([source])
    assert [frame.image_path.stem for frame in clip.frames] == ["9", "10", "11", "12"]


def test_pictures_without_a_mask_are_passed_over(tmp_path: Path) -> None:
    source = beside(tmp_path)
    (tmp_path / "walk" / "00001.png").unlink()
    assert {len(clip.frames) for clip in load_clips([source])} == {FRAMES - 1}


def test_kitti_mots_numbers_objects_with_16_bits(tmp_path: Path) -> None:
    source = beside(tmp_path)
    for path in (tmp_path / "walk").glob("*.png"):
        numbers = np.array([0, 1001, 2025], np.uint16)[cv2.imread(str(path), cv2.IMREAD_UNCHANGED)]
        numbers[:20] = 10000
        cv2.imwrite(str(path), numbers)
    clips = load_clips([source])
    assert [(clip.name, len(clip.frames)) for clip in clips] == [
        ("walk/1001", FRAMES),
        ("walk/2025", FRAMES),
    ]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_objects_of_a_video_are_held_back_together(
    layout: Callable[[Path], Source], tmp_path: Path
) -> None:
    other = beside(tmp_path / "second")
    (tmp_path / "second" / "walk").rename(tmp_path / "second" / "run")
    clips = load_clips([layout(tmp_path / "first"), other], holdout=["walk"])
    assert [clip.name for clip in clips] == ["run/1", "run/2"]
    with pytest.raises(DataError, match=r"holdout names videos that the sources lack: .'swim'"):
        load_clips([other], holdout=["swim"])


def write_coco(root: Path, **changes: Any) -> Source:
    """One image: a polygon, a crowd and a speck."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "images").mkdir()
    mask = np.zeros((SIZE_WH[1], SIZE_WH[0]), np.uint8)
    mask[30:90, 50:110] = 1
    cv2.imwrite(str(root / "images" / "a.jpg"), make_image(mask))
    square = [50.0, 30.0, 110.0, 30.0, 110.0, 90.0, 50.0, 90.0]
    speck = [5.0, 5.0, 15.0, 5.0, 15.0, 15.0, 5.0, 15.0]
    runs = {"counts": [0, mask.size], "size": list(mask.shape)}
    content = {
        "images": [{"id": 7, "file_name": "a.jpg", "width": SIZE_WH[0], "height": SIZE_WH[1]}],
        "categories": [{"id": 3, "name": "box"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 3, "iscrowd": 0, "segmentation": [square]},
            {"id": 2, "image_id": 7, "category_id": 3, "iscrowd": 1, "segmentation": runs},
            {"id": 3, "image_id": 7, "category_id": 3, "iscrowd": 0, "segmentation": [speck]},
        ],
        **changes,
    }
    (root / "instances.json").write_text(json.dumps(content))
    return Source("coco", str(root / "instances.json"), str(root / "images"))


def coco_clips(source: Source) -> list[ObjectClip]:
    pytest.importorskip("pycocotools", reason="pycocotools is not installed")
    return load_clips([source])


def test_coco_gives_its_instances_without_crowds_and_specks(tmp_path: Path) -> None:
    (clip,) = coco_clips(write_coco(tmp_path))
    assert (clip.name, clip.label, clip.is_video) == ("a-1", "coco-3", False)
    assert clip.frames[0].target.area_px == pytest.approx(3600, rel=0.03)


@pytest.mark.parametrize(
    ("content", "words"),
    [("", "cannot be read as COCO"), ("[]", "cannot be read as COCO"), ("{}", "has no images")],
    ids=["empty", "a list", "nothing in it"],
)
def test_a_file_that_is_not_cocos_is_refused(tmp_path: Path, content: str, words: str) -> None:
    source = write_coco(tmp_path)
    Path(source.path).write_text(content)
    with pytest.raises(DataError, match=rf"instances\.json {words}"):
        coco_clips(source)


def test_a_picture_that_coco_names_but_is_not_there_is_named(tmp_path: Path) -> None:
    source = write_coco(tmp_path)
    with pytest.raises(DataError, match=r"a\.jpg is missing, but .* set images to its folder"):
        coco_clips(Source("coco", source.path))


def break_size(folder: Path) -> None:
    cv2.imwrite(str(folder / "00002.png"), np.ones((50, 60), np.uint8))


def break_picture(folder: Path) -> None:
    (folder / "00002.jpg").unlink()


def break_mask(folder: Path) -> None:
    (folder / "00002.png").write_bytes(b"no image")


def break_all(folder: Path) -> None:
    for path in folder.glob("*.png"):
        path.unlink()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (break_size, r"00002\.png: the mask for 00002\.jpg is 60×50; expected .* 160×120"),
        (break_picture, r"00002\.png has no image .*00002 with \.bmp"),
        (break_mask, r"00002\.png cannot be decoded; expected an annotation"),
        (break_all, r"walk contains no mask; expected a PNG for every annotated image"),
    ],
)
def test_what_is_wrong_is_named_with_its_file(
    tmp_path: Path, damage: Callable[[Path], None], words: str
) -> None:
    source = beside(tmp_path)
    damage(tmp_path / "walk")
    with pytest.raises(DataError, match=words):
        load_clips([source])


@pytest.mark.parametrize("kind", ["videos", "davis", "youtube_vos"])
def test_a_folder_that_is_no_such_layout_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(DataError, match="expected"):
        load_clips([Source(kind, str(tmp_path / "nothing"))])
    with pytest.raises(DataError, match="expected"):
        load_clips([Source(kind, str(tmp_path))])


def test_one_video_has_no_negative_pairs_and_that_is_said(tmp_path: Path) -> None:
    clips = load_clips([beside(tmp_path)])
    with pytest.raises(DataError, match="negative pairs need objects of at least two videos"):
        PairSampler(clips)
    assert PairSampler(clips, PairConfig(negative_share=0.0)).at(0).positive


@pytest.mark.parametrize("layout", [*LAYOUTS, write_coco])
def test_two_steps_are_trained_on_every_layout(
    layout: Callable[[Path], Source], tmp_path: Path
) -> None:
    if layout is write_coco:
        pytest.importorskip("pycocotools", reason="pycocotools is not installed")
    config = TrainingConfig(
        out=str(tmp_path / "out"),
        sources=(layout(tmp_path / "data"),),
        steps=2,
        batch=2,
        workers=0,
        validation_pairs=2,
        pairs=PairConfig(negative_share=0.0),
    )
    assert Training(config, resume=False).run().is_file()


def write_still(folder: Path, labels: NDArray[np.uint8]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / "a.jpg"), make_image((labels > 0).astype(np.uint8)))
    cv2.imwrite(str(folder / "a.png"), labels)


def test_stills_give_an_object_for_each_number_and_keep_void_apart(tmp_path: Path) -> None:
    labels = labels_of(0)
    labels[:8] = 255
    write_still(tmp_path / "cats", labels)
    clips = load_clips([Source("stills", str(tmp_path / "cats"))])
    assert [clip.name for clip in clips] == ["a-1", "a-2"]
    for value, clip in enumerate(clips, start=1):
        (frame,) = clip.frames
        assert clip.label == "cats"
        np.testing.assert_array_equal(frame.mask(), labels == value)
        np.testing.assert_array_equal(frame.ignore(), labels == 255)


def test_a_black_and_white_still_is_one_object(tmp_path: Path) -> None:
    write_still(tmp_path / "one", labels_of(0) // 2 * 255)
    (clip,) = load_clips([Source("stills", str(tmp_path / "one"))])
    np.testing.assert_array_equal(clip.frames[0].mask(), labels_of(0) == 2)


def test_void_in_a_video_is_no_object_and_is_not_judged(tmp_path: Path) -> None:
    write_frames(tmp_path / "walk", tmp_path / "walk", coloured=False)
    labels = labels_of(1)
    labels[:8] = 255
    cv2.imwrite(str(tmp_path / "walk" / "00001.png"), labels)
    clips = load_clips([Source("videos", str(tmp_path))])
    assert [clip.name for clip in clips] == ["walk/1", "walk/2"]
    void = [frame.ignore() for frame in clips[0].frames]
    assert void[0] is None and void[2] is None
    np.testing.assert_array_equal(void[1], labels == 255)


def test_a_weight_is_a_number_above_0() -> None:
    with pytest.raises(ConfigError, match="weight is 0 for voc; expected above 0"):
        Source("voc", weight=0)
