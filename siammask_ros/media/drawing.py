"""Targets drawn on an image, and many images on one sheet."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]

# Okabe and Ito's palette and Paul Tol's wine, which people with any colour vision can tell apart,
# for as many targets as are followed by default; as BGR.
PALETTE_BGR: tuple[Colour, ...] = (
    (0, 159, 230),
    (233, 180, 86),
    (115, 158, 0),
    (66, 228, 240),
    (167, 121, 204),
    (0, 94, 213),
    (178, 114, 0),
    (85, 34, 136),
)
GONE_BGR: Colour = (190, 190, 190)
_WHITE: Colour = (255, 255, 255)
_BLACK: Colour = (0, 0, 0)
_TINT = 0.45
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SUBPIXEL_BITS = 3


# States in which the target is visible in the image.
VISIBLE_STATES = ("TRACKING", "UNCERTAIN")


@dataclass(frozen=True, slots=True, eq=False)
class DrawnTarget:
    """A target as an overlay image or the page shows it. Coordinates are pixels of the image.

    ``state`` is a name such as TRACKING, ``corners_xy`` (4, 2) the rotated box. ``contours``, each
    (n, 2), are the borders of all mask parts and holes: filled by the even-odd rule they are the
    mask; empty if the target is not visible. ``is_searched`` tells whether the tracker searches
    for it.
    """

    target_id: str
    state: str
    reason: str
    score: float
    corners_xy: NDArray[Any]
    contours: tuple[NDArray[Any], ...] = ()
    is_searched: bool = True


def colour_of(target_id: str) -> Colour:
    """A target's colour, the same in every image: BGR from the palette."""
    number = int(target_id) if target_id.isdecimal() else zlib.crc32(target_id.encode())
    return PALETTE_BGR[(number - 1) % len(PALETTE_BGR)]


def draw_targets(image: Image, targets: Sequence[DrawnTarget], caption: str = "") -> Image:
    """A copy of ``image`` (H, W, 3) BGR with the targets on it and a caption in the corner.

    A target that is tracked has its mask tinted and a solid box. Where it is UNCERTAIN the box is
    dashed; where it is neither, the box is dashed and grey: the last place known.
    """
    drawn = image.copy()
    for target in targets:
        _tint(drawn, target)
    for target in targets:
        _draw_lines(drawn, target)
    for target in targets:
        _draw_label(drawn, target)
    if caption:
        _draw_text(drawn, caption, (_line_px(drawn) * 3, _line_px(drawn) * 3), _BLACK)
    return drawn


def contact_sheet(images: Sequence[Image], columns: int, captions: Sequence[str] = ()) -> Image:
    """Images in a grid, each in a cell of the first one's size, with its caption.

    (H, W, 3) uint8; raises ValueError for no image or no column.
    """
    if not images or columns < 1:
        raise ValueError("a contact sheet needs at least one image and one column")
    height, width = images[0].shape[:2]
    cells = [_fit_image(image, height, width) for image in images]
    for cell, caption in zip(cells, captions, strict=False):
        _draw_text(cell, caption, (_line_px(cell) * 3, _line_px(cell) * 3), _BLACK)
    cells += [np.zeros_like(cells[0])] * (-len(cells) % columns)
    gap = _line_px(cells[0])
    rows = [_join_images(cells[i : i + columns], gap, 1) for i in range(0, len(cells), columns)]
    return _join_images(rows, gap, 0)


def evenly_spaced(count: int, of: int) -> list[int]:
    """``count`` numbers from 0 to ``of`` − 1 (both included), evenly spaced, none twice."""
    return sorted({int(i) for i in np.linspace(0, of - 1, count).round()}) if of > 0 else []


def fill_contours(contours: Sequence[NDArray[Any]]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """The mask (h, w) inside contours, each (n, 2), 1 on the target; and its left top pixel."""
    if not contours:
        return np.zeros((0, 0), np.uint8), (0, 0)
    polygons = [np.asarray(each).round().astype(np.int32) for each in contours]
    left, top = (max(int(value), 0) for value in np.concatenate(polygons).min(axis=0))
    right, bottom = (int(value) for value in np.concatenate(polygons).max(axis=0))
    mask = np.zeros((max(bottom - top + 1, 0), max(right - left + 1, 0)), np.uint8)
    if mask.size:
        cv2.fillPoly(mask, [each - (left, top) for each in polygons], (1,))
    return mask, (left, top)


def _tint(drawn: Image, target: DrawnTarget) -> None:
    mask, (left, top) = fill_contours(target.contours)
    region = drawn[top : top + mask.shape[0], left : left + mask.shape[1]]
    if not region.size:
        return
    colour = np.empty_like(region)
    colour[:] = colour_of(target.target_id)
    blended = cv2.addWeighted(region, 1 - _TINT, colour, _TINT, 0)
    cv2.copyTo(blended, mask[: region.shape[0], : region.shape[1]], region)


def _draw_lines(drawn: Image, target: DrawnTarget) -> None:
    line = _line_px(drawn)
    polygons = [np.asarray(each, np.int32) for each in target.contours]
    outline = max(polygons, key=cv2.contourArea, default=None)
    if outline is not None and len(outline) > 2:
        cv2.polylines(drawn, [outline], True, _WHITE, 1, cv2.LINE_AA)
    corners = np.asarray(target.corners_xy, np.float64)
    if corners.shape != (4, 2) or not np.isfinite(corners).all():
        return
    colour, dashed = _look(target)
    # A dark line below it keeps the box visible on a bright image.
    for paint, thickness in ((_BLACK, line + 2), (colour, line)):
        for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            _draw_edge(drawn, start, end, paint, thickness, dashed)


def _draw_edge(
    drawn: Image,
    start: NDArray[Any],
    end: NDArray[Any],
    colour: Colour,
    thickness: int,
    dashed: bool,
) -> None:
    length = float(np.hypot(*(end - start)))
    # Far beyond the image, and when nearly a point, a dashed edge would be endless or nothing.
    pieces = int(min(max(length / (8 * thickness), 1), 60)) if dashed else 1
    for i in range(pieces):
        piece_end = (i + 0.5) / pieces if dashed else 1.0
        ends = [start + (end - start) * share for share in (i / pieces, piece_end)]
        a, b = (
            tuple(int(v) for v in np.clip(point, -1e5, 1e5) * (1 << _SUBPIXEL_BITS))
            for point in ends
        )
        cv2.line(drawn, a, b, colour, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)


def _look(target: DrawnTarget) -> tuple[Colour, bool]:
    """Colour and whether dashed."""
    if target.state == "TRACKING":
        return colour_of(target.target_id), False
    return (colour_of(target.target_id) if target.state == "UNCERTAIN" else GONE_BGR), True


def _draw_label(drawn: Image, target: DrawnTarget) -> None:
    corners = np.asarray(target.corners_xy, np.float64)
    if corners.shape != (4, 2) or not np.isfinite(corners).all():
        return
    score = f" {target.score:.2f}" if np.isfinite(target.score) else ""
    left, top = np.clip(corners.min(axis=0), -1e5, 1e5)
    colour, _ = _look(target)
    text = f"{target.target_id} {target.state}{score}"
    _draw_text(drawn, text, (int(left), int(top)), colour, above=True)


def _draw_text(
    drawn: Image, text: str, left_top: tuple[int, int], back: Colour, above: bool = False
) -> None:
    """Text on a filled box, moved into the image where it would reach over its border."""
    scale = _line_px(drawn) * 0.24
    (width, height), baseline = cv2.getTextSize(text, _FONT, scale, 1)
    pad = _line_px(drawn) * 2
    box_w, box_h = width + 2 * pad, height + baseline + pad
    x, y = left_top[0], left_top[1] - (box_h if above else 0)
    x = max(min(x, drawn.shape[1] - box_w), 0)
    y = max(min(y, drawn.shape[0] - box_h), 0)
    cv2.rectangle(drawn, (x, y), (x + box_w, y + box_h), back, cv2.FILLED)
    blue, green, red = back
    front = _BLACK if 0.114 * blue + 0.587 * green + 0.299 * red > 110 else _WHITE
    origin = (x + pad, y + height + pad // 2)
    cv2.putText(drawn, text, origin, _FONT, scale, front, 1, cv2.LINE_AA)


def _line_px(image: Image) -> int:
    """A line's width that looks the same on small and on large images."""
    height, width = image.shape[:2]
    return max(1, round(min(int(height), int(width)) / 240))


def resize_to_width(image: Image, width: int) -> Image:
    """The image (H, W, 3) at this width, its shape kept."""
    height = round(image.shape[0] * width / image.shape[1])
    kind = cv2.INTER_AREA if image.shape[1] > width else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=kind), np.uint8)


def _fit_image(image: Image, height: int, width: int) -> Image:
    """A copy of the image in a cell of this size, its shape kept."""
    scale = min(height / image.shape[0], width / image.shape[1])
    size = (max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1))
    cell = np.zeros((height, width, 3), np.uint8)
    resized = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    cell[top : top + size[1], left : left + size[0]] = resized
    return cell


def _join_images(parts: Sequence[Image], gap: int, axis: int) -> Image:
    """Parts side by side (axis 1) or below each other (axis 0) with a white gap."""
    shape = list(parts[0].shape)
    shape[axis] = gap
    line = np.full(shape, 255, np.uint8)
    pieces = [piece for part in parts for piece in (part, line)][:-1]
    return np.concatenate(pieces, axis=axis)
