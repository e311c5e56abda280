"""Finds and draws the frames in which a target was tracked best and worst."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError
from siammask_ros.evaluation.benchmarks.box.sequences import BoxSequence
from siammask_ros.evaluation.benchmarks.davis.sequences import DavisSequence
from siammask_ros.evaluation.metrics.overlap import BoxXywh
from siammask_ros.media.drawing import colour_of, contact_sheet, resize_to_width
from siammask_ros.media.labels import Labels

Image = NDArray[np.uint8]

EACH = 3
_WIDTH = 480
_TRUTH_BGR = (255, 255, 255)
_OUR_SHARE = 0.55


def find_best_and_worst(values: Sequence[float]) -> tuple[list[int], list[int]]:
    """Return the indices of the EACH highest and lowest values, most extreme first.

    Neighbouring frames look alike, so those of a kind are at least a tenth of the series apart,
    where it is long enough; fewer are returned where it is not. A place can be in both only where
    there are fewer than twice as many values.
    """
    series = np.asarray(values, np.float64)
    worst = _choose_apart(np.argsort(series, kind="stable"), len(series) // 10)
    return _choose_apart(np.argsort(-series, kind="stable"), len(series) // 10), worst


def _choose_apart(order: NDArray[np.intp], distance: int) -> list[int]:
    chosen: list[int] = []
    for place in (int(value) for value in order):
        if len(chosen) < EACH and all(abs(place - other) >= distance for other in chosen):
            chosen.append(place)
    return chosen


def draw_frame_grid(rows: Sequence[tuple[list[Image], list[str]]]) -> Image:
    """Draw a row of captioned images for each target: best frames left, worst frames right.

    Short rows are filled with black images.
    """
    columns = max(len(images) for images, _ in rows)
    cells, captions = [], []
    for images, texts in rows:
        missing = columns - len(images)
        cells += images + [np.zeros_like(images[0])] * missing
        captions += texts + ["-"] * missing
    return contact_sheet(cells, columns, captions)


def draw_compared_masks(sequence: DavisSequence, number: int, masks: Path) -> Image:
    """Image ``number``, small, with the masks written to ``masks`` in colour, the truth white.

    Raises DataError where a mask cannot be read back.
    """
    path = masks / sequence.name / sequence.mask_name(number)
    predicted = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if predicted is None:
        raise DataError(f"{path} cannot be read back; was it changed meanwhile?")
    image = sequence.image(number)
    for label in (int(value) for value in np.unique(predicted) if value):
        # 255 stands for the one target of DAVIS-2016.
        colour = np.array(colour_of("1" if label == 255 else str(label)))
        where = predicted == label
        image[where] = (image[where] * (1 - _OUR_SHARE) + colour * _OUR_SHARE).astype(np.uint8)
    if sequence.annotation_paths[number] is not None:
        _draw_outline(image, sequence.labels(number))
    return resize_to_width(image, _WIDTH)


def _draw_outline(image: Image, truth: Labels) -> None:
    for label in (int(value) for value in np.unique(truth) if value):
        region = (truth == label).astype(np.uint8)
        lines, _ = cv2.findContours(region, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(image, lines, -1, _TRUTH_BGR, 1)


def draw_compared_boxes(sequence: BoxSequence, number: int, box_xywh: BoxXywh) -> Image:
    """Image ``number``, small, with a tracker's box in colour and the true one in white."""
    image = sequence.image(number)
    scale = _WIDTH / image.shape[1]
    small = resize_to_width(image, _WIDTH)
    truth = sequence.box_xywh(number)
    for box, colour in ((truth, _TRUTH_BGR), (box_xywh, colour_of("1"))):
        if box is not None:
            left, top, width, height = (value * scale for value in box)
            corners = (round(left), round(top)), (round(left + width), round(top + height))
            # A dark line below it keeps the box visible on a bright image.
            cv2.rectangle(small, *corners, (0, 0, 0), 4)
            cv2.rectangle(small, *corners, colour, 2)
    return small
