"""Draws training pairs in a grid, for inspection by eye."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.training.image_cache import Image
from siammask_ros.training.pairs import Pair
from siammask_ros.training.scene import SEARCH_SIDE, TEMPLATE_SIDE

_TARGET_BGR = (0, 0, 255)
_VOID_BGR = (255, 160, 0)
_BOX_BGR = (0, 255, 255)


def draw_sample_grid(pairs: Sequence[Pair], columns: int = 4) -> Image:
    """Draw pairs in a grid: (H, W, 3) uint8 BGR, template left, search right.

    The search is tinted red on the target and blue where it is not counted, with the outline and
    the box; a negative pair stays without.
    """
    blank = np.zeros((SEARCH_SIDE, TEMPLATE_SIDE + SEARCH_SIDE, 3), np.uint8)
    cells = [_draw_pair(pair) for pair in pairs]
    cells += [blank] * (-len(cells) % columns)
    rows = [np.hstack(cells[i : i + columns]) for i in range(0, len(cells), columns)]
    return np.vstack(rows) if rows else blank


def _draw_pair(pair: Pair) -> Image:
    cell = np.zeros((SEARCH_SIDE, TEMPLATE_SIDE + SEARCH_SIDE, 3), np.uint8)
    cell[:TEMPLATE_SIDE, :TEMPLATE_SIDE] = pair.template
    cell[:, TEMPLATE_SIDE:] = _draw_annotations(pair)
    return cell


def _draw_annotations(pair: Pair) -> Image:
    search = pair.search.copy()
    _tint(search, pair.mask == 1, _TARGET_BGR)
    _tint(search, pair.mask == 0, _VOID_BGR)
    target = (pair.mask == 1).astype(np.uint8)
    outlines, _ = cv2.findContours(target, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(search, outlines, -1, _TARGET_BGR, 1)
    if pair.positive:
        x0, y0, x1, y1 = np.round(pair.box_xyxy).astype(int).tolist()
        cv2.rectangle(search, (x0, y0), (x1 - 1, y1 - 1), _BOX_BGR, 1)
    return search


def _tint(image: Image, where: NDArray[np.bool_], colour_bgr: tuple[int, int, int]) -> None:
    image[where] = (0.7 * image[where] + 0.3 * np.array(colour_bgr)).astype(np.uint8)
