"""Reads users' data in common layouts: videos or stills with masks, COCO's JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError
from siammask_ros.media.image_files import IMAGE_SUFFIXES, image_size_wh, is_image_file
from siammask_ros.media.labels import read_labels
from siammask_ros.media.natural_order import in_natural_order
from siammask_ros.training.coco import coco
from siammask_ros.training.datasets import (
    MIN_STILL_AREA_PX,
    VOID,
    ObjectClip,
    PackedMask,
    is_large_enough,
    make_frame,
    video_clip,
)

_RESOLUTIONS = ("480p", "Full-Resolution", "1080p")


def videos(root: Path) -> Iterator[ObjectClip]:
    """A folder for each video: images, and for those that are annotated a PNG of the same name.

    Masks may be beside the images, or in ``masks/`` with the images in ``images/``. Every
    non-zero value of a mask is an object, with the same value through the video.
    """
    for folder in _folders(root):
        images, masks = folder / "images", folder / "masks"
        split = images.is_dir() and masks.is_dir()
        yield from _video(*((images, masks) if split else (folder, folder)), folder.name)


def davis(root: Path) -> Iterator[ObjectClip]:
    """DAVIS's own layout: JPEGImages/480p/SEQ and Annotations/480p/SEQ, of 2016 or of 2017."""
    for resolution in _RESOLUTIONS:
        images = root / "JPEGImages" / resolution
        if images.is_dir():
            for folder in _folders(root / "Annotations" / resolution):
                yield from _video(images / folder.name, folder, folder.name)
            return
    raise DataError(
        f"{root / 'JPEGImages'} has none of {', '.join(_RESOLUTIONS)}; expected DAVIS's own layout"
    )


def youtube_vos(root: Path) -> Iterator[ObjectClip]:
    """YouTube-VOS's layout, ``train`` included: JPEGImages/VIDEO and Annotations/VIDEO."""
    if not (root / "JPEGImages").is_dir():
        root = root / "train"
    for folder in _folders(root / "Annotations"):
        yield from _video(root / "JPEGImages" / folder.name, folder, folder.name)


def stills(root: Path) -> Iterator[ObjectClip]:
    """Images, each with a PNG of the same name beside it that numbers its objects.

    The name of the folder is the class of its objects: they are distractors for each other.
    """
    masks = in_natural_order(root.glob("*.png"))
    images = _images_by_stem(root, masks)
    for path in masks:
        image = _find_image(images, path, root)
        labels = read_labels(path)
        _check_size(image, labels, path)
        values = _object_numbers(labels)
        void = _void_of(labels, values)
        for value in values:
            mask = (labels == value).astype(np.uint8)
            if is_large_enough(mask, MIN_STILL_AREA_PX):
                frame = make_frame(image, mask, void)
                yield ObjectClip(f"{path.stem}-{value}", root.name, root.name, (frame,))


def still_sets(root: Path) -> Iterator[ObjectClip]:
    """A folder for each set of ``stills``."""
    for folder in _folders(root):
        yield from stills(folder)


LAYOUTS: dict[str, Callable[..., Iterator[ObjectClip]]] = {
    "videos": videos,
    "davis": davis,
    "youtube_vos": youtube_vos,
    "stills": stills,
    "coco": coco,
}


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        raise DataError(f"{root} is missing; expected a folder with a folder for each video")
    folders = sorted(path for path in root.iterdir() if path.is_dir())
    if not folders:
        raise DataError(f"{root} contains no folder; expected one for each video")
    return folders


def _video(images: Path, annotations: Path, name: str) -> Iterator[ObjectClip]:
    """One clip for each object of a video; images without a mask are passed over."""
    frames: dict[int, list[tuple[Path, NDArray[np.uint8]]]] = {}
    masks = in_natural_order(annotations.glob("*.png"))
    if not masks:
        raise DataError(f"{annotations} contains no mask; expected a PNG for every annotated image")
    images_by_stem = _images_by_stem(images, masks)
    for path in masks:
        image_path = _find_image(images_by_stem, path, images)
        labels = read_labels(path)
        _check_size(image_path, labels, path)
        for value in (int(number) for number in np.unique(labels) if number):
            frames.setdefault(value, []).append((image_path, (labels == value).astype(np.uint8)))
    void = dict(frames.pop(VOID)) if VOID in frames and len(frames) > 1 else {}
    several = len(frames) > 1
    for value, pairs in sorted(frames.items()):
        clip = video_clip(f"{name}/{value}" if several else name, "video", pairs, void)
        if clip is not None:
            yield clip


def _images_by_stem(folder: Path, masks: Sequence[Path]) -> dict[str, Path]:
    """The images of a folder by their names without the suffix; masks beside them are none."""
    files = set(folder.iterdir() if folder.is_dir() else ()) - set(masks)
    return {path.stem: path for path in filter(is_image_file, files)}


def _object_numbers(labels: NDArray[Any]) -> list[int]:
    """The numbers of a mask's objects: 255 is void, unless it is all there is."""
    numbers = [int(number) for number in np.unique(labels) if number]
    return [number for number in numbers if number != VOID] or numbers


def _void_of(labels: NDArray[Any], values: list[int]) -> PackedMask | None:
    void = PackedMask.pack((labels == VOID).astype(np.uint8))
    return void if void.area_px and VOID not in values else None


def _find_image(images_by_stem: Mapping[str, Path], mask: Path, folder: Path) -> Path:
    if mask.stem not in images_by_stem:
        raise DataError(
            f"{mask} has no image {folder / mask.stem} with {', '.join(IMAGE_SUFFIXES)}"
        )
    return images_by_stem[mask.stem]


def _check_size(image_path: Path, mask: NDArray[Any], where: Path) -> None:
    width, height = image_size_wh(image_path)
    if mask.shape != (height, width):
        raise DataError(
            f"{where}: the mask for {image_path.name} is {mask.shape[1]}×{mask.shape[0]}; expected "
            f"the image's {width}×{height}"
        )
