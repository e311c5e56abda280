"""Single-target trackers with one interface: ours, and OpenCV's TrackerNano as a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.tracker.targets import TargetState
from siammask_ros.tracker.tracker import Tracker

Image = NDArray[np.uint8]
BoxKind = Literal["mask", "head"]
BOX_KINDS: tuple[BoxKind, ...] = ("mask", "head")
NANO_FILES = ("nanotrackv2_nanotrack_backbone_sim.onnx", "nanotrackv2_nanotrack_head_sim.onnx")


class BoxTracker(Protocol):
    """Something that follows one target."""

    name: str

    def start(self, image: Image, box: RotatedBox) -> None:
        """Track what is in this box of an image (H, W, 3) BGR, and forgets what was before."""
        ...

    def step(self, image: Image) -> RotatedBox:
        """Where the target is in the next image; the last box known where it is not seen."""
        ...


class SiamMaskBoxTracker:
    """A tracker of ours.

    Its box is the rotated one of the mask, which is published (``mask``), or the upright one of
    the box head, which the search follows (``head``).
    """

    def __init__(self, tracker: Tracker, name: str, kind: BoxKind = "mask") -> None:
        self.name = name
        self._tracker = tracker
        self._kind = kind
        self._states: Sequence[TargetState] = ()

    def start(self, image: Image, box: RotatedBox) -> None:
        """See ``BoxTracker.start``; raises BoxError for a box that no tracker can start from."""
        self._states = self._tracker.start(image, [box])

    def step(self, image: Image) -> RotatedBox:
        """See ``BoxTracker.step``."""
        (result,), self._states = self._tracker.step(image, self._states)
        return result.box if self._kind == "mask" else RotatedBox.from_xywh(result.box_xywh)


class NanoBoxTracker:
    """OpenCV's TrackerNano: upright boxes in whole pixels."""

    name = "nanotrack v2"

    def __init__(self, backbone: Path, head: Path) -> None:
        for path in (backbone, head):
            if not path.is_file():
                raise DataError(f"{path} is missing; expected NanoTrack's network")
        self._parameters = cv2.TrackerNano_Params()  # type: ignore[attr-defined]
        self._parameters.backbone, self._parameters.neckhead = str(backbone), str(head)
        self._last = RotatedBox(0.0, 0.0, 0.0, 0.0)

    def start(self, image: Image, box: RotatedBox) -> None:
        """See ``BoxTracker.start``."""
        x, y, width, height = box.bounding_xywh
        self._last = box
        self._tracker = cv2.TrackerNano_create(self._parameters)  # type: ignore[attr-defined]
        self._tracker.init(image, (round(x), round(y), round(width), round(height)))

    def step(self, image: Image) -> RotatedBox:
        """See ``BoxTracker.step``."""
        is_found, box_xywh = self._tracker.update(image)
        if is_found:
            self._last = RotatedBox.from_xywh(tuple(box_xywh))
        return self._last
