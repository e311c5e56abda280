"""Instances of COCO's JSON, as annotation tools export them, as stills to train on."""

from __future__ import annotations

import importlib.util
import json
import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError
from siammask_ros.media.image_files import image_size_wh
from siammask_ros.training.datasets import (
    MIN_STILL_AREA_PX,
    ObjectClip,
    is_large_enough,
    make_frame,
)

_LOG = logging.getLogger(__name__)

# A polygon that reaches further out, in sides of its image, is a mistake and takes long to fill.
_FARTHEST_SIDES = 10


def coco(root: Path, images: Path | None = None) -> Iterator[ObjectClip]:
    """Read the instances of a COCO JSON file, crowds left out.

    The images are in the folder ``images``, else beside the file. Masks may be polygons or run
    lengths. An annotation without either (a rectangle of Label Studio, a line) is left out, and a
    warning gives their number. Raises DataError for a file that is not COCO's, and for an image
    that is missing or has another size than in the file.
    """
    if importlib.util.find_spec("pycocotools") is None:
        raise DataError("COCO's JSON needs pycocotools; run: pip install pycocotools")
    content = _read(root)
    by_image = defaultdict(list)
    for annotation in content["annotations"]:
        if not annotation.get("iscrowd"):
            by_image[annotation.get("image_id")].append(annotation)
    left_out: list[Any] = []
    for about in content["images"]:
        annotations = by_image.pop(about["id"], [])
        if annotations:
            image = (images or root.parent) / about["file_name"]
            size_wh = _read_size(image, about, root)
            for annotation in annotations:
                mask = _mask_of(annotation.get("segmentation"), size_wh)
                if mask is None:
                    left_out.append(annotation.get("id"))
                elif is_large_enough(mask, MIN_STILL_AREA_PX):
                    name = f"{image.stem}-{annotation.get('id')}"
                    label = f"coco-{annotation.get('category_id')}"
                    yield ObjectClip(name, "coco", label, (make_frame(image, mask),))
    left_out += [annotation.get("id") for rest in by_image.values() for annotation in rest]
    if left_out:
        _LOG.warning(
            "%s: %d of %d annotations are left out, the first has the id %s; they have no polygon "
            "of three points or more, no run lengths, or no image",
            root,
            len(left_out),
            len(content["annotations"]),
            left_out[0],
        )


def _read(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The file's content, with images and annotations that have the fields that are needed."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read as COCO's JSON: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} cannot be read as COCO's JSON: it has no images and annotations")
    for key in ("images", "annotations"):
        entries = content.get(key)
        if not entries or not isinstance(entries, list):
            raise DataError(f"{path} has no images or no annotations; expected COCO instances")
        for place, entry in enumerate(entries):
            if not isinstance(entry, dict):
                raise DataError(f"{path}: entry {place} of {key} is no object; expected COCO's")
    for about in content["images"]:
        if not isinstance(about.get("id"), int | str) or not isinstance(
            about.get("file_name"), str
        ):
            raise DataError(f"{path}: an image has no id or no file_name: {str(about)[:80]}")
    for annotation in content["annotations"]:
        if not isinstance(annotation.get("image_id"), int | str | None):
            raise DataError(f"{path}: the annotation {annotation.get('id')} has no image_id")
    return content


def _read_size(image: Path, about: dict[str, Any], path: Path) -> tuple[int, int]:
    if not image.is_file():
        raise DataError(f"{image} is missing, but {path} names it; set images to its folder")
    size_wh = image_size_wh(image)
    told_wh = about.get("width", size_wh[0]), about.get("height", size_wh[1])
    if told_wh != size_wh:
        raise DataError(
            f"{path}: the mask for {image.name} is {told_wh[0]}×{told_wh[1]}; expected the "
            f"image's {size_wh[0]}×{size_wh[1]}"
        )
    return size_wh


def _mask_of(segmentation: Any, size_wh: tuple[int, int]) -> NDArray[np.uint8] | None:
    """The mask (H, W) that an annotation shows, or None where it shows none."""
    if isinstance(segmentation, list):
        polygons = [each for each in segmentation if _is_polygon(each, max(size_wh))]
        return _fill(polygons, size_wh) if polygons else None
    if isinstance(segmentation, dict):
        return _decode_run_lengths(segmentation.get("counts"), segmentation.get("size"), size_wh)
    return None


def _fill(polygons: list[list[float]], size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    from pycocotools import mask

    width, height = size_wh
    return np.asarray(mask.decode(mask.merge(mask.frPyObjects(polygons, height, width))), np.uint8)


def _decode_run_lengths(
    counts: Any, size_hw: Any, size_wh: tuple[int, int]
) -> NDArray[np.uint8] | None:
    """The mask of run lengths, column by column; None where they do not fill the image exactly.

    pycocotools fills the rest with whatever was in memory.
    """
    width, height = size_wh
    runs = _decode_compressed(counts) if isinstance(counts, str) else counts
    if size_hw != [height, width] or not isinstance(runs, list):
        return None
    if not all(isinstance(run, int) and run >= 0 for run in runs) or sum(runs) != width * height:
        return None
    values = np.repeat(np.arange(len(runs), dtype=np.uint8) % 2, runs)
    return np.ascontiguousarray(values.reshape(width, height).T)


def _decode_compressed(counts: str) -> list[int] | None:
    """The run lengths of COCO's compressed form; None where it is cut off or not that form.

    A number is in characters of five bits above "0", lowest first, a sixth bit saying that more
    follow. From the fourth run on it is the difference to the run before the last.
    """
    runs: list[int] = []
    value = shift = 0
    for bits in (ord(character) - ord("0") for character in counts):
        if not 0 <= bits < 64:
            return None
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    return None if shift else runs


def _is_polygon(points: Any, side_px: int) -> bool:
    """Return whether this is x, y, x, y, … of three corners or more, not far from the image."""
    if not isinstance(points, Sequence) or len(points) < 6 or len(points) % 2:
        return False
    limit = _FARTHEST_SIDES * side_px
    return all(isinstance(value, int | float) and abs(value) <= limit for value in points)
