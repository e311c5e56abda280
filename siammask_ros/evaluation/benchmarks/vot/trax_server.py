"""Tracks for a client of the TraX protocol, such as the VOT toolkit.

Čehovin, "TraX: The visual Tracking eXchange protocol and library", Neurocomputing 2017. The client
starts this process, sends paths of images, and reads a region after each.
"""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError, SiamMaskError
from siammask_ros.evaluation.benchmarks.start_boxes import start_box_of_mask, start_box_of_polygon
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.media.image_files import read_image
from siammask_ros.tracker.targets import TargetResult, TargetState
from siammask_ros.tracker.tracker import Tracker

RegionKind = Literal["polygon", "rectangle", "mask"]
REGION_KINDS: tuple[RegionKind, ...] = ("polygon", "rectangle", "mask")


def check_client() -> None:
    """Check that TraX is installed and a client is there; raises DataError."""
    if find_spec("trax") is None:
        raise DataError("TraX is not installed; run: pip install vot-trax")
    if "TRAX_SOCKET" not in os.environ and not _may_be_client(0):
        raise DataError(
            "there is no TraX client; this command is started by one, such as the VOT toolkit: "
            "see docs/evaluation.md"
        )


def _may_be_client(descriptor: int) -> bool:
    """Whether an input may be a client: not a terminal, /dev/null or a closed pipe.

    A client sends nothing before the server does, so any open pipe may be a client.
    """
    try:
        if stat.S_ISCHR(os.fstat(descriptor).st_mode):
            return False
    except OSError:  # Closed.
        return False
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return all(events != select.POLLHUP for _, events in poll.poll(0))


def serve(tracker: Tracker, name: str, kind: RegionKind = "polygon") -> int:
    """Track one target after another for the client until it quits; returns the frames followed.

    Takes a rectangle, a polygon or a mask on the first image and replies by ``kind``:
    the rotated box of the mask, the axis-aligned box around it, or the mask, with the score as
    ``confidence``. Raises DataError for an image that cannot be read and BoxError for a region
    that no tracker can start from; the client gets the reason.
    """
    from trax import Image, Region, TraxException, TraxStatus
    from trax.server import Server

    regions = [Region.RECTANGLE, Region.POLYGON, Region.MASK]
    # Only quit() sends the reason to the client.
    server = Server(regions, [Image.PATH], tracker_name=name, tracker_family="SiamMask")
    states: Sequence[TargetState] = ()
    frames = 0
    try:
        while True:
            request = server.wait()
            if request.type == TraxStatus.QUIT:
                return frames
            image = _read_image(request.image)
            if request.type == TraxStatus.INITIALIZE:
                region = _only(request.objects)
                size = (image.shape[0], image.shape[1])
                states = tracker.start(image, [_start_box(region, size)])
                server.status([(region, {})])
                continue
            if not states:
                raise DataError("the client sent an image before it named a target")
            (result,), states = tracker.step(image, states)
            frames += 1
            server.status([(_region(result, kind), {"confidence": result.score})])
    except SiamMaskError as error:
        server.quit(str(error))
        raise
    except TraxException as error:
        raise DataError(f"the TraX client is gone: {error}") from error


def _only(objects: Sequence[tuple[Any, Any]]) -> Any:
    if len(objects) != 1:
        raise DataError(f"the client named {len(objects)} targets; expected one target at a time")
    return objects[0][0]


def _read_image(images: dict[str, Any]) -> NDArray[np.uint8]:
    return read_image(Path(images["color"].path()))


def _start_box(region: Any, image_size: tuple[int, int]) -> RotatedBox:
    """Where to start: a rectangle as it is, a polygon as VOT's, a mask's bounding box."""
    from trax import Region

    if region.type == Region.RECTANGLE:
        return RotatedBox.from_xywh(region.bounds())
    if region.type == Region.POLYGON:
        return start_box_of_polygon(np.array(list(region), np.float64))
    if region.type != Region.MASK:
        raise DataError("the first region is no rectangle, polygon or mask")
    mask = np.zeros(image_size, np.bool_)
    left, top = region.offset()
    window = mask[max(top, 0) :, max(left, 0) :]
    shown = region.array()[max(-top, 0) :, max(-left, 0) :][: window.shape[0], : window.shape[1]]
    window[: shown.shape[0], : shown.shape[1]] = shown > 0
    if not mask.any():
        raise DataError("the first mask is empty; expected the target to start from")
    return start_box_of_mask(mask)


def _region(result: TargetResult, kind: RegionKind) -> Any:
    from trax import Mask, Polygon, Rectangle

    if kind == "rectangle":
        return Rectangle.create(*result.box.bounding_xywh)
    if kind == "polygon":
        return Polygon.create([(float(x), float(y)) for x, y in result.box.corners_xy])
    if result.mask is None or not result.mask.binary.size:
        return Mask.create(np.zeros((1, 1), np.uint8))
    binary = np.ascontiguousarray(result.mask.binary, np.uint8)
    return Mask.create(binary, result.mask.left, result.mask.top)
