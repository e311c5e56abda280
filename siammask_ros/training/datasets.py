"""Reads the data sets: objects, their images and masks.

Every data set becomes a list of :class:`ObjectClip`: one object over one frame (stills) or more
(videos). Masks are read once and kept as bits; images are decoded when they are needed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError
from siammask_ros.media.image_files import read_image
from siammask_ros.media.natural_order import in_natural_order

DATA_VARIABLE = "SIAMMASK_DATA"
MIN_STILL_AREA_PX = 1000
MIN_VIDEO_AREA_PX = 100
MIN_SIDE_PX = 8
MIN_USUAL_SHARE = 0.1
_PIXEL_CORNERS = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float32)
VOID = 255


@dataclass(frozen=True, slots=True, eq=False)
class PackedMask:
    """A mask with one bit per pixel, kept only inside its bounding box.

    `box_xyxy` is tight, in pixel edges: x1 and y1 are one past the last pixel.
    """

    size_wh: tuple[int, int]
    box_xyxy: tuple[int, int, int, int]
    bits: NDArray[np.uint8]
    area_px: int

    @classmethod
    def pack(cls, mask: NDArray[np.uint8]) -> PackedMask:
        """Keep a (H, W) mask, where any value but 0 counts; an empty one has an empty box."""
        x, y, width, height = cv2.boundingRect(mask)
        inside = mask[y : y + height, x : x + width] != 0
        return cls(
            size_wh=(mask.shape[1], mask.shape[0]),
            box_xyxy=(x, y, x + width, y + height),
            bits=np.packbits(inside),
            area_px=int(np.count_nonzero(inside)),
        )

    def unpack(self) -> NDArray[np.uint8]:
        """Return the whole mask: (H, W) uint8, 1 on the object and 0 elsewhere."""
        x0, y0, x1, y1 = self.box_xyxy
        mask = np.zeros((self.size_wh[1], self.size_wh[0]), np.uint8)
        inside = np.unpackbits(self.bits, count=(x1 - x0) * (y1 - y0))
        mask[y0:y1, x0:x1] = inside.reshape(y1 - y0, x1 - x0)
        return mask


@dataclass(frozen=True, slots=True, eq=False)
class FrameRef:
    """One image of one object.

    `hull_in_image` (N, 2) float32 is the convex hull of the object's pixels, in pixel edges: its
    extremes under any affine map are the extremes of the whole mask under that map.
    """

    image_path: Path
    target: PackedMask
    void: PackedMask | None
    hull_in_image: NDArray[np.float32]

    @property
    def center_in_image(self) -> tuple[float, float]:
        """The middle of the object's box."""
        x0, y0, x1, y1 = self.target.box_xyxy
        return (x0 + x1) / 2, (y0 + y1) / 2

    def mask(self) -> NDArray[np.uint8]:
        """(H, W) uint8: 1 on the object, 0 elsewhere."""
        return self.target.unpack()

    def ignore(self) -> NDArray[np.uint8] | None:
        """(H, W) uint8: 1 where it is not annotated; None if everything is annotated."""
        return None if self.void is None else self.void.unpack()


@dataclass(frozen=True, slots=True, eq=False)
class ObjectClip:
    """One object over one frame (a still) or more (a video), frames in order of time.

    `source` names the data set; `label` its class there, "" where it has none. `weight` is how
    often it is drawn, against 1 for others.
    """

    name: str
    source: str
    label: str
    frames: tuple[FrameRef, ...]
    weight: float = 1.0

    @property
    def is_video(self) -> bool:
        """Whether there is more than one frame."""
        return len(self.frames) > 1


def data_root(given: Path | None = None) -> Path:
    """Return the data folder: ``given``, else $SIAMMASK_DATA, else shared/data beside the code.

    Raises DataError if it does not exist.
    """
    beside_checkout = Path(__file__).resolve().parents[3] / "shared" / "data"
    root = given or Path(os.environ.get(DATA_VARIABLE, beside_checkout))
    if not root.is_dir():
        raise DataError(
            f"There is no data folder at {root}. Set {DATA_VARIABLE} to the folder that holds "
            f"train/davis, train/voc, train/ecssd and train/coco (any of them will do)."
        )
    return root


def davis_clips(folder: Path) -> Iterator[ObjectClip]:
    """One clip for each video folder SEQ of NNNNN.jpg with binary NNNNN.png beside them."""
    for video in sorted(path for path in folder.iterdir() if path.is_dir()):
        annotated = [
            (path.with_suffix(".jpg"), _read_grey(path))
            for path in in_natural_order(video.glob("*.png"))
        ]
        clip = video_clip(video.name, "davis", annotated)
        if clip is not None:
            yield clip


def video_clip(
    name: str,
    source: str,
    annotated: Sequence[tuple[Path, NDArray[np.uint8]]],
    void: Mapping[Path, NDArray[np.uint8]] | None = None,
) -> ObjectClip | None:
    """The clip of one object from its images and masks (H, W); None where it is never seen.

    Frames that show less than a tenth of its usual area are left out: the size of a crop around a
    small rest would be wrong. ``void`` (H, W) is what is not counted, by image.
    """
    void = void or {}
    frames = [
        make_frame(
            image_path, mask, PackedMask.pack(void[image_path]) if image_path in void else None
        )
        for image_path, mask in annotated
        if is_large_enough(mask, MIN_VIDEO_AREA_PX)
    ]
    usual_px = np.median([frame.target.area_px for frame in frames]) if frames else 0
    seen = tuple(f for f in frames if f.target.area_px >= MIN_USUAL_SHARE * usual_px)
    return ObjectClip(name, source, "", seen) if seen else None


def ecssd_clips(folder: Path) -> Iterator[ObjectClip]:
    """One still for each connected part of what stands out in an image, from a binary NNNN.png.

    The other parts may be the same object behind a post or a second one: they are void.
    """
    for path in sorted(folder.glob("*.png")):
        salient = (_read_grey(path) > 127).astype(np.uint8)
        for index, (_, mask) in enumerate(_find_connected_objects(salient)):
            rest = PackedMask.pack(salient - mask)
            frame = make_frame(path.with_suffix(".jpg"), mask, rest if rest.area_px else None)
            yield ObjectClip(f"{path.stem}-{index}", "ecssd", "", (frame,))


def voc_clips(folder: Path) -> Iterator[ObjectClip]:
    """One still for each connected part of one class: void borders keep most objects apart."""
    for path in sorted(folder.glob("*.png")):
        classes = _voc_classes(path)
        void = PackedMask.pack((classes == VOID).astype(np.uint8))
        for index, (label, mask) in enumerate(_find_connected_objects(classes)):
            frame = make_frame(path.with_suffix(".jpg"), mask, void)
            yield ObjectClip(f"{path.stem}-{index}", "voc", f"voc-{label}", (frame,))


def coco_clips(folder: Path) -> Iterator[ObjectClip]:
    """One still for each polygon: KEY.txt holds lines of class and x y pairs relative to W, H."""
    for path in sorted(folder.glob("*.txt")):
        image_path = path.with_suffix(".jpg")
        height, width = read_image(image_path).shape[:2]
        for index, line in enumerate(path.read_text().splitlines()):
            label, *numbers = line.split()
            outline = np.array(numbers, np.float64).reshape(-1, 2) * (width, height)
            mask = _fill(outline, width, height)
            if is_large_enough(mask, MIN_STILL_AREA_PX):
                name = f"{path.stem}-{index}"
                yield ObjectClip(name, "coco", f"coco-{label}", (make_frame(image_path, mask),))


def make_frame(
    image_path: Path, mask: NDArray[np.uint8], void: PackedMask | None = None
) -> FrameRef:
    """One image of the object that a mask (H, W) shows; any value but 0 counts."""
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    pixels = np.concatenate(contours).reshape(-1, 1, 2).astype(np.float32)
    corners = (pixels + _PIXEL_CORNERS).reshape(-1, 2)
    hull = np.asarray(cv2.convexHull(corners), np.float32).reshape(-1, 2)
    return FrameRef(image_path, PackedMask.pack(mask), void, hull)


def is_large_enough(mask: NDArray[np.uint8], min_area_px: int) -> bool:
    """Whether the object of a mask (H, W) is large enough to train on."""
    _, _, width, height = cv2.boundingRect(mask)
    return min(width, height) >= MIN_SIDE_PX and int(np.count_nonzero(mask)) >= min_area_px


def _read_grey(path: Path) -> NDArray[np.uint8]:
    mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise DataError(f"{path} is not a mask image; download this data set again.")
    return np.asarray(mask, np.uint8)


def _voc_colour_table() -> NDArray[np.uint8]:
    # The palette spreads the bits of the class over the top bits of R, G and B, so the two top
    # bits of each channel tell all 21 classes and void (224, 224, 192) apart.
    table = np.zeros(64, np.uint8)
    for label in range(21):
        red, green, blue = (
            ((label >> shift) & 1) << 1 | ((label >> (shift + 3)) & 1) for shift in range(3)
        )
        table[red << 4 | green << 2 | blue] = label
    table[63] = VOID
    return table


_VOC_COLOURS = _voc_colour_table()


def _voc_classes(path: Path) -> NDArray[np.uint8]:
    blue, green, red = np.moveaxis(read_image(path) >> 6, 2, 0)
    return np.asarray(_VOC_COLOURS[red << 4 | green << 2 | blue], np.uint8)


def _find_connected_objects(classes: NDArray[np.uint8]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    present = (int(label) for label in np.unique(classes) if label not in (0, VOID))
    for label in present:
        _, parts, stats, _ = cv2.connectedComponentsWithStats(
            (classes == label).astype(np.uint8), connectivity=4
        )
        for part in np.flatnonzero(stats[:, cv2.CC_STAT_AREA] >= MIN_STILL_AREA_PX):
            mask = (parts == part).astype(np.uint8)
            if part and is_large_enough(mask, MIN_STILL_AREA_PX):
                yield label, mask


def _fill(outline_in_image: NDArray[np.float64], width: int, height: int) -> NDArray[np.uint8]:
    mask = np.zeros((height, width), np.uint8)
    # fillPoly counts from pixel centres, the outline from pixel edges; 4 bits of fraction.
    points = np.round((outline_in_image - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(mask, [points], 1, shift=4)
    return mask
