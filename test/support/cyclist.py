"""The cyclist of the demo's video, from where he is seen again, and back: no jump, no end."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import cv2

from siammask_ros.demo.plan import make_plan
from siammask_ros.geometry.boxes import RotatedBox

FIRST_FRAME = 36
# Left, top, width, height in the first picture of the video's own size.
BOX_XYWH = (366.0, 2.0, 134.0, 266.0)
VIDEO_SIZE = (640, 272)


def pictures(folder: Path, size: tuple[int, int] = VIDEO_SIZE) -> Path:
    """A folder with his pictures, of this width and height, as a source for the player."""
    folder.mkdir(parents=True, exist_ok=True)
    images = [each.image_bgr for each in islice(make_plan(None, None).open(), FIRST_FRAME, None)]
    for number, image in enumerate([*images, *images[-2:0:-1]]):
        resized = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(folder / f"{number:04d}.png"), resized)
    return folder


def box(size: tuple[int, int] = VIDEO_SIZE) -> RotatedBox:
    """Where he is on the first of them."""
    across, down = (side / own for side, own in zip(size, VIDEO_SIZE, strict=True))
    left, top, width, height = BOX_XYWH
    return RotatedBox.from_xywh((left * across, top * down, width * across, height * down))
