"""A small data set in DAVIS's layout that anybody can make again, and masks to judge on it."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIZE = (240, 320)
FRAMES = 12


def blob(frame: int, label: int, error: float = 0.0) -> NDArray[np.bool_]:
    """An ellipse that moves and turns; with an error it is elsewhere and of another size."""
    x = 80 + 110 * (label - 1) + 6 * frame * (1 if label == 1 else -1) + 20 * error
    y = 100 + 30 * math.sin(0.5 * frame + label) + 9 * error
    reach = (round(34 + 8 * error), round(20 - 5 * error))
    mask = np.zeros(SIZE, np.uint8)
    cv2.ellipse(mask, (round(x), round(y)), reach, 12.0 * frame, 0, 360, 1, cv2.FILLED)
    return mask > 0


def truth(frame: int, objects: int) -> NDArray[np.uint8]:
    """Labels 1 to ``objects``; the first object is hidden in frame 5."""
    labels = np.zeros(SIZE, np.uint8)
    for label in range(1, objects + 1):
        if label != 1 or frame != 5:
            labels[blob(frame, label)] = label
    return labels


def guess(frame: int, objects: int) -> NDArray[np.uint8]:
    """What a middling tracker says: ever further off, and nothing at all in frame 8."""
    labels = np.zeros(SIZE, np.uint8)
    for label in range(1, objects + 1):
        if frame != 8:
            labels[blob(frame, label, error=0.12 * frame * (-1) ** label)] = label
    return labels


def palette_bgr() -> NDArray[np.uint8]:
    """PASCAL VOC's colours of the labels 0 to 255, (256, 3)."""
    colours = np.zeros((256, 3), np.uint8)
    for label in range(256):
        for place in range(8):
            bits = label >> (3 * place)
            for channel, bit in enumerate((bits >> 2, bits >> 1, bits)):
                colours[label, channel] |= (bit & 1) << (7 - place)
    return colours


def write_davis(root: Path, name: str, objects: int, coloured: bool = False) -> None:
    """A sequence of noise with the blobs in flat colours, and its true labels."""
    images, annotations = (root / kind / "480p" / name for kind in ("JPEGImages", "Annotations"))
    for folder in (images, annotations):
        folder.mkdir(parents=True)
    colours = np.array([(30, 30, 30), (40, 140, 240), (200, 60, 40)], np.uint8)
    for frame in range(FRAMES):
        labels = truth(frame, objects)
        noise = np.random.default_rng(frame).integers(0, 20, (*SIZE, 3), np.uint8)
        cv2.imwrite(str(images / f"{frame:05d}.jpg"), colours[labels] + noise)
        path = annotations / f"{frame:05d}.png"
        if coloured:
            write_palette_png(path, labels)
        else:
            cv2.imwrite(str(path), labels * np.uint8(255 if objects == 1 else 1))


def write_palette_png(path: Path, labels: NDArray[np.uint8]) -> None:
    """Object numbers as DAVIS-2017 keeps them: places in a palette, which OpenCV cannot write."""
    picture = Image.frombytes("P", (labels.shape[1], labels.shape[0]), labels.tobytes())
    picture.putpalette(palette_bgr()[:, ::-1].tobytes())
    picture.save(path)
