"""A data folder of a few drawn images in the layouts of the real data sets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.training.datasets import ObjectClip
from siammask_ros.training.sources import Source, load_clips

_SETS = ("davis", "voc", "ecssd", "coco")
SIZE_WH = (160, 120)
BALL_BGR = (40, 200, 240)
BALL_AXES = (34, 24)


def clips_of(root: Path, *names: str, holdout: Sequence[str] = ()) -> list[ObjectClip]:
    """The objects of these sets under a data root, or of all."""
    return load_clips([Source(name) for name in names or _SETS], holdout, root)


def write_davis(root: Path, name: str, frames: int = 6) -> None:
    """A video of an ellipse that moves right by 6 pixels a frame over noise."""
    folder = root / "train" / "davis" / name
    folder.mkdir(parents=True)
    for index in range(frames):
        mask = ellipse(center=(50 + 6 * index, 60), axes=BALL_AXES, angle_deg=20)
        _write(folder / f"{2 * index:05d}", make_image(mask), mask * 255)


def write_ecssd(root: Path, count: int = 3) -> None:
    """Stills of one ellipse each."""
    folder = root / "train" / "ecssd"
    folder.mkdir(parents=True)
    for index in range(count):
        mask = ellipse(center=(80, 60), axes=(30, 20), angle_deg=30 * index)
        _write(folder / f"{index + 1:04d}", make_image(mask), mask * 255)


def write_voc(root: Path) -> None:
    """One still: two persons (class 15) and a small one, each inside a void border."""
    folder = root / "train" / "voc"
    folder.mkdir(parents=True)
    objects = [
        ellipse(center=(40, 60), axes=(20, 30)),
        ellipse(center=(110, 60), axes=(25, 25)),
        ellipse(center=(80, 10), axes=(5, 5)),
    ]
    together = np.maximum.reduce(objects)
    border = cv2.dilate(together, np.ones((5, 5), np.uint8)) - together
    colours = np.zeros((*together.shape, 3), np.uint8)
    colours[together == 1] = (128, 128, 192)
    colours[border == 1] = (192, 224, 224)
    _write(folder / "2007_000001", make_image(together), colours)


def write_coco(root: Path) -> None:
    """One still with a square of 60 pixels from (50, 30), and a square too small to count."""
    folder = root / "train" / "coco"
    folder.mkdir(parents=True)
    mask = np.zeros((SIZE_WH[1], SIZE_WH[0]), np.uint8)
    mask[30:90, 50:110] = 1
    cv2.imwrite(str(folder / "000000000009.jpg"), make_image(mask))
    large = _polygon([(50, 30), (110, 30), (110, 90), (50, 90)])
    small = _polygon([(5, 5), (15, 5), (15, 15), (5, 15)])
    (folder / "000000000009.txt").write_text(f"3 {large}\n7 {small}\n")


def ellipse(
    center: tuple[int, int], axes: tuple[int, int], angle_deg: float = 0
) -> NDArray[np.uint8]:
    """A filled ellipse as a mask (120, 160) uint8, 0 or 1."""
    mask = np.zeros((SIZE_WH[1], SIZE_WH[0]), np.uint8)
    cv2.ellipse(mask, center, axes, angle_deg, 0, 360, 1, -1)
    return mask


def make_image(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An image whose object is grainy and bright, over dark noise."""
    rng = np.random.default_rng(int(mask.sum()))
    image = rng.integers(0, 60, (*mask.shape, 3), np.uint8)
    grain = rng.integers(-12, 13, (*mask.shape, 3))
    return np.where(mask[..., None] == 1, BALL_BGR + grain, image).astype(np.uint8)


def _polygon(corners: list[tuple[int, int]]) -> str:
    width, height = SIZE_WH
    return " ".join(f"{x / width:.6f} {y / height:.6f}" for x, y in corners)


def _write(stem: Path, image: NDArray[np.uint8], annotation: NDArray[np.uint8]) -> None:
    cv2.imwrite(f"{stem}.jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])
    cv2.imwrite(f"{stem}.png", annotation)
