"""COCO's JSON as tools write it: what is an object, what is left out and counted, what is refused.

What every layout has in common is in test_layouts.py.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from support.small_data import SIZE_WH, ellipse, make_image

from siammask_ros.cli import main
from siammask_ros.errors import DataError
from siammask_ros.training.datasets import ObjectClip
from siammask_ros.training.sources import Source, load_clips

run_lengths = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed")

WIDTH, HEIGHT = SIZE_WH
SQUARE = [50.0, 30.0, 110.0, 30.0, 110.0, 90.0, 50.0, 90.0]


def square() -> NDArray[np.uint8]:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[30:90, 50:110] = 1
    return mask


def compressed(mask: NDArray[np.uint8]) -> dict[str, Any]:
    encoded = run_lengths.encode(np.asfortranarray(mask))
    return {"size": encoded["size"], "counts": encoded["counts"].decode()}


def counted(mask: NDArray[np.uint8]) -> dict[str, Any]:
    values = mask.T.ravel()
    borders = np.flatnonzero(np.diff(np.concatenate([[0], values, [2]])))
    runs = np.diff(np.concatenate([[0], borders]))
    return {"size": [HEIGHT, WIDTH], "counts": runs.tolist()}


def write(root: Path, *annotations: dict[str, Any], **image: Any) -> Source:
    cv2.imwrite(str(root / "a.jpg"), make_image(square()))
    content = {
        "images": [{"id": 7, "file_name": "a.jpg", "width": WIDTH, "height": HEIGHT, **image}],
        "annotations": [
            {"id": number, "image_id": 7, "category_id": 3, "iscrowd": 0, **annotation}
            for number, annotation in enumerate(annotations, start=1)
        ],
    }
    (root / "ann.json").write_text(json.dumps(content))
    return Source("coco", str(root / "ann.json"))


def clips_of(root: Path, *annotations: dict[str, Any]) -> list[ObjectClip]:
    return load_clips([write(root, *annotations)])


@pytest.mark.parametrize(
    "segmentation",
    [[SQUARE], [SQUARE, [5, 5]], compressed(square()), counted(square())],
    ids=["polygon", "polygon and a point", "compressed run lengths", "run lengths"],
)
def test_a_mask_is_what_the_annotation_shows(tmp_path: Path, segmentation: Any) -> None:
    (clip,) = clips_of(tmp_path, {"segmentation": segmentation})
    assert (clip.name, clip.label) == ("a-1", "coco-3")
    mask = clip.frames[0].mask()
    assert np.count_nonzero(mask != square()) <= 0.02 * square().sum()


@pytest.mark.parametrize("mask", [ellipse((80, 60), (50, 30), 40), 1 - ellipse((9, 9), (20, 20))])
def test_run_lengths_are_read_to_the_pixel(tmp_path: Path, mask: NDArray[np.uint8]) -> None:
    packed, plain = clips_of(
        tmp_path, {"segmentation": compressed(mask)}, {"segmentation": counted(mask)}
    )
    assert np.array_equal(packed.frames[0].mask(), mask)
    assert np.array_equal(plain.frames[0].mask(), mask)


WITHOUT_MASK: dict[str, dict[str, Any]] = {
    "a rectangle of Label Studio": {"segmentation": []},
    "a line": {"segmentation": [[10.0, 10.0, 90.0, 90.0]]},
    "no segmentation": {"bbox": [50, 30, 60, 60]},
    "null": {"segmentation": None},
    "an odd number": {"segmentation": [SQUARE[:-1]]},
    "words": {"segmentation": [["a"] * 8]},
    "a number": {"segmentation": 3},
    "not finite": {"segmentation": [[float("nan"), *SQUARE[1:]]]},
    "far outside": {"segmentation": [[1e12, *SQUARE[1:]]]},
    "no counts": {"segmentation": {"size": [HEIGHT, WIDTH]}},
    "run lengths that end early": {
        "segmentation": {"size": [HEIGHT, WIDTH], "counts": compressed(square())["counts"][:9]}
    },
    "run lengths cut in a number": {"segmentation": {"size": [HEIGHT, WIDTH], "counts": "oo"}},
    "run lengths that are none": {"segmentation": {"size": [HEIGHT, WIDTH], "counts": "!é"}},
    "counts that go on": {"segmentation": {"size": [HEIGHT, WIDTH], "counts": [9, 10**9]}},
    "counts below zero": {
        "segmentation": {"size": [HEIGHT, WIDTH], "counts": [-1, HEIGHT * WIDTH + 1]}
    },
    "of another size": {"segmentation": {"size": [2, 2], "counts": [1, 3]}},
    "of no image": {"segmentation": [SQUARE], "image_id": 99},
}


@pytest.mark.parametrize("annotation", WITHOUT_MASK.values(), ids=WITHOUT_MASK)
def test_an_annotation_without_a_mask_is_left_out_and_counted(
    tmp_path: Path, annotation: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        (clip,) = clips_of(tmp_path, {"segmentation": [SQUARE]}, annotation)
    assert clip.name == "a-1"
    (record,) = caplog.records
    told = record.getMessage()
    assert "ann.json: 1 of 2 annotations are left out, the first has the id 2;" in told


def test_the_check_tells_it_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = write(tmp_path, {"segmentation": [SQUARE]}, {"segmentation": []})
    config = tmp_path / "own.yaml"
    config.write_text(
        f"out: {tmp_path / 'out'}\npairs: {{negative_share: 0}}\n"
        f"sources: [{{kind: coco, path: {source.path}}}]\n"
    )
    assert main(["train", str(config), "--check-data"]) == 0
    assert len(caplog.records) == 1


def test_a_file_without_a_single_mask_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="contains no object large enough"):
        clips_of(tmp_path, {"segmentation": []})


def test_crowds_are_left_out_where_they_are_told(tmp_path: Path) -> None:
    source = write(tmp_path, {"segmentation": [SQUARE], "iscrowd": 1}, {"segmentation": [SQUARE]})
    path = Path(source.path)
    path.write_text(path.read_text().replace(', "iscrowd": 0', ""))
    assert [clip.name for clip in load_clips([source])] == ["a-2"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"images": [3], "annotations": [{}]}, "entry 0 of images is no object"),
        ({"images": [{"id": 1}], "annotations": [{}]}, "an image has no id or no file_name"),
        ({"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [[]]}, "entry 0 of annot"),
        (
            {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [{"image_id": []}]},
            "the annotation None has no image_id",
        ),
        ({"images": {"a": 1}, "annotations": [{}]}, "has no images or no annotations"),
    ],
    ids=["a number", "no name", "a list", "no image", "images by name"],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, content: Any, words: str) -> None:
    path = tmp_path / "ann.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=rf"ann\.json.* {words}"):
        load_clips([Source("coco", str(path))])


def test_an_image_of_another_size_is_refused(tmp_path: Path) -> None:
    source = write(tmp_path, {"segmentation": [SQUARE]}, width=320)
    with pytest.raises(
        DataError, match=r"ann\.json: the mask for a\.jpg is 320×120; expected .*16"
    ):
        load_clips([source])
