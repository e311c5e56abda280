"""Small videos in VOT's layout, and a box_tracker that says what a test tells it to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from support.moving_square import picture, square_box

from siammask_ros.geometry.boxes import RotatedBox

SIDE_PX = 100


def write_numbered(root: Path, name: str, lines: list[str]) -> None:
    """A sequence of grey pictures, 100 px a side, as bright as their number; a line for each."""
    folder = root / name
    folder.mkdir(parents=True)
    for number in range(len(lines)):
        image = np.full((SIDE_PX, SIDE_PX), number, np.uint8)
        cv2.imwrite(str(folder / f"{number + 1:05d}.png"), image)
    (folder / "groundtruth.txt").write_text("\n".join(lines) + "\n", errors="surrogateescape")


def write_moving_square(root: Path, name: str, frames: int, as_polygons: bool = False) -> None:
    """The orange square over noise, which the fake engine can follow."""
    folder = root / name
    folder.mkdir(parents=True)
    lines = []
    for number in range(frames):
        cv2.imwrite(str(folder / f"{number + 1:05d}.jpg"), picture(number))
        box = square_box(number)
        numbers = box.corners_xy.ravel() if as_polygons else box.bounding_xywh
        lines.append(",".join(f"{value:.2f}" for value in numbers))
    (folder / "groundtruth.txt").write_text("\n".join(lines) + "\n", errors="surrogateescape")


class ScriptedTracker:
    """Gives the box that ``say`` has for a picture's number, which is its brightness."""

    name = "scripted"

    def __init__(self, say: Callable[[int], RotatedBox]) -> None:
        self._say = say
        self.started: list[tuple[int, RotatedBox]] = []

    def start(self, image: NDArray[np.uint8], box: RotatedBox) -> None:
        self.started.append((int(image[0, 0, 0]), box))

    def step(self, image: NDArray[np.uint8]) -> RotatedBox:
        return self._say(int(image[0, 0, 0]))
