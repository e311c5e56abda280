"""Reading the data sets: what becomes an object, what is refused, and in which words."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.small_data import (
    BALL_AXES,
    clips_of,
    ellipse,
    make_image,
    write_coco,
    write_davis,
    write_ecssd,
    write_voc,
)

from siammask_ros.errors import ConfigError, DataError
from siammask_ros.media.image_files import read_image
from siammask_ros.training.datasets import PackedMask, data_root
from siammask_ros.training.image_cache import ImageCache


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_davis(tmp_path, "ball")
    write_davis(tmp_path, "other", frames=4)
    write_ecssd(tmp_path)
    write_voc(tmp_path)
    write_coco(tmp_path)
    return tmp_path


def test_every_layout_gives_its_objects(root: Path) -> None:
    counts = Counter(clip.source for clip in clips_of(root))
    assert counts == {"davis": 2, "ecssd": 3, "voc": 2, "coco": 1}


def test_a_video_is_one_clip_with_its_frames_in_order(root: Path) -> None:
    ball = next(clip for clip in clips_of(root) if clip.name == "ball")
    assert ball.is_video
    assert [frame.image_path.name for frame in ball.frames] == [
        f"{2 * i:05d}.jpg" for i in range(6)
    ]
    centers_x = [frame.center_in_image[0] for frame in ball.frames]
    assert np.allclose(np.diff(centers_x), 6)


def test_a_mask_read_is_the_mask_written(root: Path) -> None:
    ball = next(clip for clip in clips_of(root, "davis") if clip.name == "ball")
    expected = ellipse(center=(50, 60), axes=BALL_AXES, angle_deg=20)
    assert np.array_equal(ball.frames[0].mask(), expected)
    assert ball.frames[0].ignore() is None


def test_voc_objects_are_apart_and_know_their_class_and_void(root: Path) -> None:
    clips = clips_of(root, "voc")
    assert [clip.label for clip in clips] == ["voc-15", "voc-15"]
    first, second = (clip.frames[0] for clip in clips)
    assert not np.any(first.mask() & second.mask())
    void = first.ignore()
    assert void is not None and void.any()
    assert not np.any(void & first.mask())


def test_apart_salient_objects_are_two_clips_and_void_to_each_other(root: Path) -> None:
    folder = root / "train" / "ecssd"
    left, right = (ellipse(center=(x, 60), axes=(25, 25)) for x in (40, 110))
    cv2.imwrite(str(folder / "0009.jpg"), make_image(left + right))
    cv2.imwrite(str(folder / "0009.png"), (left + right) * 255)
    first, second = (c.frames[0] for c in clips_of(root, "ecssd") if c.name[:4] == "0009")
    assert np.array_equal(first.mask() + second.mask(), left + right)
    assert np.array_equal(first.ignore(), second.mask())
    assert np.array_equal(second.ignore(), first.mask())


def test_a_coco_polygon_fills_its_pixels_and_a_small_one_is_left_out(root: Path) -> None:
    (clip,) = clips_of(root, "coco")
    mask = clip.frames[0].mask()
    square, with_rim = np.zeros_like(mask), np.zeros_like(mask)
    square[30:90, 50:110] = 1
    with_rim[29:91, 49:111] = 1
    assert clip.label == "coco-3"
    assert np.all(mask[square == 1] == 1)
    assert np.all(mask[with_rim == 0] == 0)


def test_a_frame_that_shows_a_scrap_of_its_object_is_left_out(root: Path) -> None:
    folder = root / "train" / "davis" / "ball"
    scrap = ellipse(center=(20, 20), axes=(7, 5))
    cv2.imwrite(str(folder / "00099.jpg"), make_image(scrap))
    cv2.imwrite(str(folder / "00099.png"), scrap * 255)
    ball = next(clip for clip in clips_of(root, "davis") if clip.name == "ball")
    assert scrap.sum() >= 100
    assert len(ball.frames) == 6


def test_a_held_out_video_is_not_loaded(root: Path) -> None:
    names = {clip.name for clip in clips_of(root, "davis", holdout=["ball"])}
    assert names == {"other"}


@pytest.mark.parametrize(
    ("sources", "holdout", "words"),
    [
        pytest.param(["davis"], ["nobody"], "nobody", id="unknown video to hold out"),
        pytest.param(["imagenet"], [], "imagenet", id="unknown data set"),
    ],
)
def test_an_unknown_name_is_refused(
    root: Path, sources: list[str], holdout: list[str], words: str
) -> None:
    with pytest.raises((ConfigError, DataError), match=words):
        clips_of(root, *sources, holdout=holdout)


def test_a_missing_root_says_where_it_looked_and_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIAMMASK_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"nowhere.*SIAMMASK_DATA"):
        data_root()


def test_the_environment_names_the_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIAMMASK_DATA", str(root))
    assert data_root() == root


def test_a_missing_data_set_says_which_folder_and_what_to_set(tmp_path: Path) -> None:
    write_davis(tmp_path, "ball")
    with pytest.raises(DataError, match=r"train.voc.*SIAMMASK_DATA"):
        clips_of(tmp_path)


def test_a_data_set_without_objects_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train" / "ecssd").mkdir(parents=True)
    with pytest.raises(DataError, match="contains no object"):
        clips_of(tmp_path, "ecssd")


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"broken\.jpg"):
        read_image(path)


@pytest.mark.parametrize(
    "mask",
    [
        pytest.param(np.zeros((5, 7), np.uint8), id="empty"),
        pytest.param(np.ones((5, 7), np.uint8), id="full"),
        pytest.param(np.eye(9, 6, 2, dtype=np.uint8), id="diagonal"),
    ],
)
def test_a_packed_mask_comes_out_as_it_went_in(mask: np.ndarray) -> None:
    packed = PackedMask.pack(mask)
    assert np.array_equal(packed.unpack(), mask)
    assert packed.area_px == mask.sum()


def test_the_hull_spans_the_tight_box_in_pixel_edges(root: Path) -> None:
    for clip in clips_of(root):
        frame = clip.frames[0]
        ys, xs = np.nonzero(frame.mask())
        box = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
        assert frame.target.box_xyxy == box
        assert (*frame.hull_in_image.min(0), *frame.hull_in_image.max(0)) == box


def test_the_store_keeps_no_more_than_its_limit(root: Path) -> None:
    store = ImageCache(cache_mb=0)
    first, second = (frame.image_path for frame in clips_of(root, "davis")[0].frames[:2])
    image, mean_bgr = store.read(first)
    assert store.read(first)[0] is image, "the newest image stays whatever the limit"
    assert np.allclose(mean_bgr, image.mean((0, 1)))
    store.read(second)
    assert store.read(first)[0] is not image


def test_the_real_data_can_be_read() -> None:
    try:
        root = data_root()
    except DataError as missing:
        pytest.skip(f"no training data here: {missing}")
    if not (root / "train" / "davis").is_dir():
        pytest.skip(f"no DAVIS videos under {root / 'train'}")
    clips = clips_of(root, "davis")
    assert len(clips) >= 2
    for clip in clips:
        image = read_image(clip.frames[0].image_path)
        assert image.shape[:2] == clip.frames[0].mask().shape
